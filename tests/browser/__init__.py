"""The sandbox's pages in a real browser."""
