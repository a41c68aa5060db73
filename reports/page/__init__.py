"""The page: one self-contained HTML file, its sentences and its files."""
