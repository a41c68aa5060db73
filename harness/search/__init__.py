"""The search loop: ask, look up, simulate, tell; budgets, costs and parallel workers."""
