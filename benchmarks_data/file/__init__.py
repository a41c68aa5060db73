"""The file of a table: its layout, its meaning, and how it answers."""
