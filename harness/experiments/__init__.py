"""Experiments: specs, the units of work that a kind makes of them, and results that are stored and found again."""
