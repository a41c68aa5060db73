"""Engines: the same training at several levels of speed, R0 (reference) to R4."""
