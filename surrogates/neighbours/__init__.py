"""Learners that answer with the results of the nearest architectures."""
