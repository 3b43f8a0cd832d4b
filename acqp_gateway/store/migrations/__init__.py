"""The steps from any earlier version's tables to this one's, and the command that takes them."""
