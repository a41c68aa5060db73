"""Learners that predict the results of architectures."""
