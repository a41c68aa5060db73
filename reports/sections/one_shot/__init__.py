"""One-shot methods on a page: looked-up regret over cost, what operations did, derived cells, and their tables."""
