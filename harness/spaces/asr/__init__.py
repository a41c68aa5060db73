"""The NAS-Bench-ASR space."""
