"""inquiryRegistrationStatus and notifyRegistrationStatus: ask, understand, keep, and show how registrations stand."""
