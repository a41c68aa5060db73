"""Verification by real training: the section of the page, and the run that the command makes."""
