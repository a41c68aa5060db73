"""The two spaces of TransNAS-Bench-101: cells of a fixed network, and skeletons of a fixed cell."""
