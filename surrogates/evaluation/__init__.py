"""Evaluation of learners: training and test sets, scores, and the kind of work that measures them on benchmarks."""
