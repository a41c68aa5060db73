"""Tables of published benchmarks: spaces, conversion to one memory-mapped schema, and their held-out truth."""
