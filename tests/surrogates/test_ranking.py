"""How learners of encodings rank a real table, against figures that were measured independently.

Trained on one training of each cell of NAS-Bench-201, CIFAR-10, in percent; judged by Kendall's tau on cells of other
functions, against means over trainings.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from harness import registry
from harness.records import Proposals
from surrogates.metrics import kendall_tau

EXPECTED = {
    "random_forest": (0.47, 0.67),
    "extra_trees": (0.48, 0.68),
    "xgboost": (0.45, 0.66),
    "lightgbm": (0.44, 0.62),
    "knn": (0.40, 0.56),
    "svr": (0.49, 0.55),
}
"""Mean tau at 100 and 500 cells on one_hot; deviations between samples are 0.05 to 0.1, and 0.01 to 0.03 (svr 0.1)."""


@cache
def table():
    benchmark = registry.benchmark("nb201-cifar10")
    archs = benchmark.space.all_codings
    proposals = Proposals(archs, np.full(len(archs), len(benchmark.fidelities) - 1), np.arange(len(archs)))
    seeds = np.arange(12, dtype=np.uint64)
    runs = [benchmark.query(proposals, noise_seed=np.full(len(archs), seed)).objectives[:, 0] for seed in seeds]
    return benchmark.space, archs, np.array(runs)


def tau(settings, n, repeat, tested=1000):
    if settings["name"] in ("lightgbm", "xgboost"):
        pytest.importorskip(settings["name"])
    space, archs, runs = table()
    rng = np.random.default_rng([repeat, n])
    train = rng.choice(len(archs), n, replace=False)
    others = np.flatnonzero(~np.isin(space.key(archs), space.key(archs[train])))
    test = rng.choice(others, tested, replace=False)
    model = registry.surrogate(settings, space).fit(archs[train], runs[repeat % len(runs), train], rng)
    return kendall_tau(model.predict(archs[test]).mean, runs.mean(axis=0)[test])


@pytest.mark.parametrize("name", ["random_forest", "knn"])
def test_graph_features_rank_from_few_cells_what_indicators_do_not(name):
    found = [
        [tau({"name": name, "encoding": encoding}, 50, repeat) for repeat in range(3)]
        for encoding in ("one_hot", "graf")
    ]
    assert np.mean(found[1]) > np.mean(found[0]) + 0.15


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPECTED)
def test_learners_rank_as_well_as_they_were_measured_to(name):
    for n, expected, tolerance in zip((100, 500), EXPECTED[name], (0.07, 0.05), strict=True):
        found = np.mean([tau({"name": name}, n, repeat) for repeat in range(8)])
        assert found == pytest.approx(expected, abs=tolerance if name != "svr" else 0.08)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["random_forest", "extra_trees", "gradient_boosting", "lightgbm", "xgboost"])
def test_trees_on_graph_features_are_the_strongest_from_few_cells(name):
    for n, expected in ((20, 0.50), (50, 0.66), (100, 0.74)):
        found = np.mean([tau({"name": name, "encoding": "graf"}, n, repeat) for repeat in range(8)])
        assert found == pytest.approx(expected, abs=0.07)
