"""Surrogate benchmarks: models that answer in place of a table."""
