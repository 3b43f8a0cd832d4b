"""The steps, oldest first; each is left as it was when it was released."""
