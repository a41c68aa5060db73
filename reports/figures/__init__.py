"""Figures: what each kind shows, its caption, and how it is drawn."""
