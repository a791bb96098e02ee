"""What the host and the link say about themselves."""
