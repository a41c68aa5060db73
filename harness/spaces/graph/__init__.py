"""The NAS-Bench-Graph space."""
