"""Learners on NAS-Bench-201, CIFAR-10: what transforms of targets and calibration are worth there."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from harness import registry
from harness.surrogate import Fit, Predict, serve
from surrogates.metrics import coverage, kendall_tau, sharpness

TABLE = "nb201-cifar10"


@cache
def table():
    """Return the space, all cells, their functional classes, errors of each run in percent and mean errors."""
    space, oracle = registry.benchmark(TABLE).space, registry.oracle(TABLE)
    archs = space.decode(np.arange(15_625, dtype=np.uint64))
    errors, truth = (100 - of(archs, oracle.validation) for of in (oracle.trainings, oracle.mean))
    return space, archs, space.key(archs), errors, truth


def single_runs(rows, rng):
    """Return the error of one of the first two runs of each cell; of the first, where there is no second."""
    errors = table()[3]
    drawn = errors[rows, rng.integers(2, size=len(rows))]
    return np.where(np.isfinite(drawn), drawn, errors[rows, 0])


def predictions(settings, splits):
    """Return what a learner says of the test cells of each split, all splits served together."""
    space, archs, *_ = table()
    learner = registry.surrogate({"encoding": "one_hot", **settings}, space)
    fits = [Fit(learner, archs[train], told, np.random.default_rng(0)) for train, _, told in splits]
    asked = [Predict(model, archs[test]) for model, (_, test, _) in zip(serve(fits), splits, strict=True)]
    return serve(asked)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "targets", "taus"),
    # Measured apart from this code: the same protocol, scikit-learn and a grid of marginal likelihoods.
    [
        ("gp", "raw", (0.50, 0.52, 0.55)),
        ("gp", "log_error", (0.58, 0.63, 0.69)),
        ("gp", "normal_scores", (0.63, 0.68, 0.76)),
        ("ridge", "raw", (0.46, 0.44, 0.50)),
        ("ridge", "log_error", (0.55, 0.58, 0.62)),
        ("ridge", "normal_scores", (0.61, 0.65, 0.68)),
    ],
)
def test_ranks_are_those_that_were_measured_elsewhere(name, targets, taus):
    _, _, classes, _, truth = table()
    for rows, expected in zip((100, 200, 500), taus, strict=True):
        splits = []
        for repeat in range(10):
            rng = np.random.default_rng([rows, repeat])
            order = rng.permutation(len(classes))
            train, rest = order[:rows], order[rows:]
            test = rest[~np.isin(classes[rest], classes[train])][:2000]
            splits.append((train, test, single_runs(train, rng)))
        said = predictions({"name": name, "targets": targets}, splits)
        found = [kendall_tau(one.mean, truth[test]) for one, (_, test, _) in zip(said, splits, strict=True)]
        # Single repeats scatter by up to 0.1 there, so that two means of ten differ by 0.045 (one standard deviation).
        allowed = 0.09 if targets == "raw" else 0.04
        assert abs(np.mean(found) - expected) < allowed, (rows, np.mean(found))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gp", "random_forest"])
@pytest.mark.parametrize("targets", ["raw", "log_error"])
def test_conformal_intervals_hold_nine_of_ten_new_results(name, targets):
    _, _, classes, _, _ = table()
    first = np.unique(classes, return_index=True)[1]  # one cell a class: what is asked is like what was told
    splits, results = [], []
    for repeat in range(100):
        rng = np.random.default_rng(repeat)
        order = rng.permutation(first)
        train, test = order[:150], order[150:1150]
        splits.append((train, test, single_runs(train, rng)))
        results.append(single_runs(test, rng))
    few = {"trees": 30} if name == "random_forest" else {}
    said = predictions({"name": name, "targets": targets, "calibrated": "conformal", **few}, splits)
    inside = [coverage(one.mean, one.std, real, [0.9])[0] for one, real in zip(said, results, strict=True)]
    assert abs(np.mean(inside) - 0.9) < 0.02, np.mean(inside)
    assert 0 < np.median([sharpness(one.std) for one in said]) < 15, "in percent: no infinite intervals"
