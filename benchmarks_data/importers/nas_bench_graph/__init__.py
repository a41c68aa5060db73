"""The importers of NAS-Bench-Graph."""
