"""Learners that predict the results of architectures, a folder a family; the mapping names the built-in ones."""

SURROGATES = {
    "ablr_network": "surrogates.neural.ablr:ABLR",
    "arch2vec": "surrogates.graphs.arch2vec:Arch2Vec",
    "bohamiann_network": "surrogates.neural.bohamiann:Bohamiann",
    "bonas_gcn": "surrogates.graphs.bonas:BONAS",
    "curve_ensemble": "surrogates.learning_curves.untrained:CurveEnsemble",
    "curve_ridge": "surrogates.learning_curves.trained:CurveRidge",
    "curve_sotl": "surrogates.learning_curves.trained:CurveSoTL",
    "curve_svr": "surrogates.learning_curves.trained:CurveSVR",
    "curve_value": "surrogates.learning_curves.untrained:CurveValue",
    "dngo_network": "surrogates.neural.dngo:DNGO",
    "edit_distance_gp": "surrogates.gaussian_process.edit_distance:EditDistanceProcess",
    "extra_trees": "surrogates.trees.forest:ExtraTrees",
    "freeze_thaw_gp": "surrogates.learning_curves.freeze_thaw:FreezeThawProcess",
    "gates": "surrogates.graphs.gates:GATES",
    "gcn": "surrogates.graphs.gcn:GCN",
    "gin": "surrogates.graphs.gin:GIN",
    "gp": "surrogates.gaussian_process.process:GaussianProcess",
    "gradient_boosting": "surrogates.boosting.gradient:GradientBoosting",
    "graph_transformer": "surrogates.graphs.transformer:GraphTransformer",
    "kernel_classifier": "surrogates.linear.kernel:KernelClassifier",
    "knn": "surrogates.neighbours.nearest:NearestNeighbours",
    "lightgbm": "surrogates.boosting.lgb:LightGBM",
    "mlp_ensemble": "surrogates.neural.ensemble:MLPEnsemble",
    "pairwise_ranker": "surrogates.graphs.pairwise:PairwiseRanker",
    "ngboost": "surrogates.boosting.natural:NGBoost",
    "omni": "surrogates.boosting.omni:Omni",
    "perfect": "surrogates.perfect:Perfect",
    "random_forest": "surrogates.trees.forest:RandomForest",
    "ridge": "surrogates.linear.ridge:Ridge",
    "sparse_gp": "surrogates.gaussian_process.sparse:SparseProcess",
    "stacking": "surrogates.stacking:Stacking",
    "svr": "surrogates.support_vectors.regression:SupportVectors",
    "seminas_network": "surrogates.graphs.seminas:SemiNAS",
    "wl_gp": "surrogates.gaussian_process.graphs:GraphProcess",
    "xgboost": "surrogates.boosting.xgb:XGBoost",
}
"""Where each learner is, by the name that a spec uses."""

KINDS = {"prediction": "surrogates.evaluation.kind:Evaluation"}
"""Where the kind of work is that evaluates learners."""
