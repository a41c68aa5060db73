"""Sections of a page: a folder for each that comes with this program; other packages register their own."""
