"""The importer of NAS-Bench-Suite-Zero."""
