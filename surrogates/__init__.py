"""Learners that predict the results of architectures, a folder a family; the mapping names the built-in ones."""

SURROGATES = {
    "bohamiann_network": "surrogates.neural.bohamiann:Bohamiann",
    "curve_ensemble": "surrogates.learning_curves.untrained:CurveEnsemble",
    "curve_ridge": "surrogates.learning_curves.trained:CurveRidge",
    "curve_svr": "surrogates.learning_curves.trained:CurveSVR",
    "curve_value": "surrogates.learning_curves.untrained:CurveValue",
    "dngo_network": "surrogates.neural.dngo:DNGO",
    "edit_distance_gp": "surrogates.gaussian_process.edit_distance:EditDistanceProcess",
    "freeze_thaw_gp": "surrogates.learning_curves.freeze_thaw:FreezeThawProcess",
    "gp": "surrogates.gaussian_process.process:GaussianProcess",
    "kernel_classifier": "surrogates.linear.kernel:KernelClassifier",
    "mlp_ensemble": "surrogates.neural.ensemble:MLPEnsemble",
    "random_forest": "surrogates.trees.forest:RandomForest",
    "ridge": "surrogates.linear.ridge:Ridge",
    "wl_gp": "surrogates.gaussian_process.graphs:GraphProcess",
}
"""Where each learner is, by the name that a spec uses."""

KINDS = {"prediction": "surrogates.evaluation.kind:Evaluation"}
"""Where the kind of work is that evaluates learners."""
