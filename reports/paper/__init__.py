"""A report as a folder for LaTeX: figures and tables with their captions, references and the filled checklist."""
