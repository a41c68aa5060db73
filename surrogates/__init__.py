"""Learners that predict the results of architectures, a folder a family; the mapping names the built-in ones."""

SURROGATES = {
    "edit_distance_gp": "surrogates.gaussian_process.edit_distance:EditDistanceProcess",
    "bohamiann": "surrogates.neural.bohamiann:Bohamiann",
    "dngo": "surrogates.neural.dngo:DNGO",
    "gp": "surrogates.gaussian_process.process:GaussianProcess",
    "mlp_ensemble": "surrogates.neural.ensemble:MLPEnsemble",
    "random_forest": "surrogates.trees.forest:RandomForest",
    "ridge": "surrogates.linear.ridge:Ridge",
}
"""Where each learner is, by the name that a spec uses."""
