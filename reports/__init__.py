"""Figures, tables and pages from stored results."""
