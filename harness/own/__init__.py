"""Strategies and learners from files of one's own: their classes, and the modules of their own that they import."""
