"""Strategies that optimise several objectives at once."""
