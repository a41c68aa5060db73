"""Sections of a page that kinds of work add."""
