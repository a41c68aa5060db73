"""The importer of NAS-Bench-101."""
