"""Search by partitions of the space, in a tree."""
