"""Search strategies, a folder a family; the mapping names the built-in ones."""

STRATEGIES = {
    "random_search": "strategies.random_search:RandomSearch",
    "regularized_evolution": "strategies.evolution.regularized:RegularizedEvolution",
    "cma_es": "strategies.evolution.covariance:CMAES",
    "differential_evolution": "strategies.evolution.differential:DifferentialEvolution",
    "genetic_algorithm": "strategies.evolution.genetic:GeneticAlgorithm",
    "simulated_annealing": "strategies.evolution.annealing:SimulatedAnnealing",
    "local_search": "strategies.local_search.restarts:LocalSearch",
    "reinforce": "strategies.reinforcement.reinforce:Reinforce",
    "controller": "strategies.reinforcement.controller:Controller",
    "lanas": "strategies.tree_search.lanas:LaNAS",
    "pnas": "strategies.progressive.pnas:PNAS",
    "petridish": "strategies.progressive.petridish:Petridish",
    "autokeras": "strategies.morphism.autokeras:AutoKeras",
    "nash": "strategies.morphism.nash:Nash",
    "bananas": "strategies.bayesian.bananas:Bananas",
    "bohamiann": "strategies.bayesian.bohamiann:Bohamiann",
    "bore": "strategies.bayesian.bore:BORE",
    "dngo": "strategies.bayesian.dngo:DNGO",
    "gp_bo": "strategies.bayesian.gp_bo:GPBO",
    "nas_bowl": "strategies.bayesian.nas_bowl:NasBowl",
    "nasbot": "strategies.bayesian.nasbot:Nasbot",
    "smac": "strategies.bayesian.smac:SMAC",
    "tpe": "strategies.bayesian.tpe:TPE",
    "asha": "strategies.multi_fidelity.asha:ASHA",
}
"""Where each strategy is, by the name that a spec uses."""
