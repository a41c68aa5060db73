"""Networks of several sizes: results read, laws fitted, figures, tables, sentences."""
