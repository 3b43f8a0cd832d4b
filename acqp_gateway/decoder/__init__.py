"""userInitiatedPay: what a private order code means, or why it is not said."""
