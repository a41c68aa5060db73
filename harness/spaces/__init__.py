"""Search spaces of the published benchmarks."""
