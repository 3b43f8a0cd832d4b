"""The wallet that the sandbox plays."""
