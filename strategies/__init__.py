"""Search strategies, a folder a family; the mapping names the built-in ones."""

STRATEGIES = {
    "random_search": "strategies.random_search:RandomSearch",
    "regularized_evolution": "strategies.evolution.regularized:RegularizedEvolution",
    "local_search": "strategies.local_search.restarts:LocalSearch",
    "bananas": "strategies.bayesian.bananas:Bananas",
    "bore": "strategies.bayesian.bore:BORE",
    "smac": "strategies.bayesian.smac:SMAC",
    "tpe": "strategies.bayesian.tpe:TPE",
}
"""Where each strategy is, by the name that a spec uses."""
