"""Settings that hold for any learner: what it is fitted to, and whether its standard deviations are calibrated."""
