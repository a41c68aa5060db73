"""Tables of a report: a function for each, the table as CSV, LaTeX and HTML, and numbers in words."""
