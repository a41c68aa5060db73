"""Conformance checks and a toy benchmark: for authors of strategies, learners and benchmarks, and for our own tests."""
