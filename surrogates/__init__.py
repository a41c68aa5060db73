"""Learners that predict the results of architectures, a folder a family; the mapping names the built-in ones."""

SURROGATES = {
    "gp": "surrogates.gaussian_process.process:GaussianProcess",
    "mlp_ensemble": "surrogates.neural.ensemble:MLPEnsemble",
    "random_forest": "surrogates.trees.forest:RandomForest",
    "ridge": "surrogates.linear.ridge:Ridge",
    "wl_gp": "surrogates.gaussian_process.graphs:GraphProcess",
}
"""Where each learner is, by the name that a spec uses."""
