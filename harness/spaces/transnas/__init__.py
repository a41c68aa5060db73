"""The two spaces of TransNAS-Bench-101."""
