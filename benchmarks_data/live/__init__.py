"""Live benchmarks: what is proposed is trained now, unless it was trained before."""
