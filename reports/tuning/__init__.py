"""Hyperparameters chosen on some benchmarks and reported on others, with what the choice cost."""
