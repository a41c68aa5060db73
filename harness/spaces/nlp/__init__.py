"""The NAS-Bench-NLP space."""
