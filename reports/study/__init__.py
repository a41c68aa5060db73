"""The study: runs aligned, judged and compared, ready for figures and tables."""
