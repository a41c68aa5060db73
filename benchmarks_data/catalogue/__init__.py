"""The catalogue: every published table that this program knows, and where its files come from."""
