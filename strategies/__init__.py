"""Search strategies, a folder a family; the mapping names the built-in ones."""

STRATEGIES = {
    "random_search": "strategies.random_search:RandomSearch",
    "regularized_evolution": "strategies.evolution.regularized:RegularizedEvolution",
    "local_search": "strategies.local_search.restarts:LocalSearch",
    "lanas": "strategies.tree_search.lanas:LaNAS",
    "pnas": "strategies.progressive.pnas:PNAS",
    "petridish": "strategies.progressive.petridish:Petridish",
    "autokeras": "strategies.morphism.autokeras:AutoKeras",
    "nash": "strategies.morphism.nash:Nash",
    "bananas": "strategies.bayesian.bananas:Bananas",
    "gp_bo": "strategies.bayesian.gp_bo:GPBO",
}
"""Where each strategy is, by the name that a spec uses."""
