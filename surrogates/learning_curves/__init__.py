"""Learning curves: what the first epochs of a training say about its end."""
