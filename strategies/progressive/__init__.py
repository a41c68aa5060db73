"""Progressive search, from simple architectures to complex ones."""
