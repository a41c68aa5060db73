"""The page: one self-contained HTML file of sections, its sentences and its files."""
