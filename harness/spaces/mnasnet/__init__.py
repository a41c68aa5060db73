"""The MnasNet-like space of Accel-NASBench."""
