"""Audit of tables and of public extracts: what each column really is, and what is wrong with it."""
