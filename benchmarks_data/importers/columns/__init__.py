"""Readers of columns: what others measured or computed for published architectures, to be joined to a table."""
