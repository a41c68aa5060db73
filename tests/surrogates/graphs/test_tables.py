"""How graph learners rank NAS-Bench-201: what was measured, with room below for other machines' rounding."""

from __future__ import annotations

import numpy as np
import pytest

from harness import registry
from harness.spaces.nb201.space import NB201Space
from harness.surrogate import Fit
from surrogates.metrics import kendall_tau

FLOORS = {
    "arch2vec": (0.25, 0.35),
    "bonas_gcn": (0.30, 0.50),
    "gates": (0.58, 0.76),
    "gcn": (0.42, 0.52),
    "gin": (0.40, 0.58),
    "graph_transformer": (0.40, 0.50),
    "pairwise_ranker": (0.44, 0.70),
    "seminas_network": (0.35, 0.50),
}
"""Kendall's tau with 100 and with 500 architectures known, the mean of three fits."""


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("name", FLOORS)
def test_it_ranks_nas_bench_201(shared_data, name):
    table = np.load(shared_data / "nb201_tss.npz")
    archs, error = table["op_codes"], 100 - table["cifar10__val_acc_200"].astype(np.float64)
    learner = registry.surrogate({"name": name}, NB201Space())
    for n, floor in zip((100, 500), FLOORS[name], strict=True):
        orders = [np.random.default_rng(seed).permutation(len(error)) for seed in range(3)]
        tasks = [Fit(learner, archs[o[:n]], error[o[:n]], np.random.default_rng(seed)) for seed, o in enumerate(orders)]
        models = learner.fit_many(tasks)
        taus = [
            kendall_tau(model.predict(archs[o[-3000:]]).mean, error[o[-3000:]])
            for model, o in zip(models, orders, strict=True)
        ]
        assert np.mean(taus) > floor
