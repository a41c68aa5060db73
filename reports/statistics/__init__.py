"""Statistics: pure functions from arrays to numbers."""
