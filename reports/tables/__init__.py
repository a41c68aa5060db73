"""Tables of a report: what each says, and its CSV, LaTeX and HTML."""
