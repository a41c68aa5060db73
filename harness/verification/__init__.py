"""Verification: training for real what a search found, and a sample of its table."""
