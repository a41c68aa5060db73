"""Search strategies, a folder a family; the mapping names the built-in ones."""

STRATEGIES = {
    "random_search": "strategies.random_search:RandomSearch",
    "regularized_evolution": "strategies.evolution.regularized:RegularizedEvolution",
    "local_search": "strategies.local_search.restarts:LocalSearch",
    "bananas": "strategies.bayesian.bananas:Bananas",
    "gp_bo": "strategies.bayesian.gp_bo:GPBO",
    "nas_bowl": "strategies.bayesian.nas_bowl:NasBowl",
    "nasbot": "strategies.bayesian.nasbot:Nasbot",
}
"""Where each strategy is, by the name that a spec uses."""
