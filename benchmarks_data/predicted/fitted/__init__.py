"""Surrogate benchmarks fitted by this program: one file each, opened by its path like a table."""
