"""Counts that no memory holds are refused before anything is made of them."""

from __future__ import annotations

import pytest

from harness.errors import SpecError
from harness.experiments.prepare import prepare
from harness.experiments.schema import from_dict

SPEC = {"name": "try", "benchmarks": ["nb201-cifar10"], "budget": {"evaluations": 5}, "replicates": 1}


@pytest.mark.parametrize(
    ("strategy", "key"),
    [
        ({"name": "regularized_evolution", "hyperparameters": {"population": 2**63 - 1}}, "population"),
        ({"name": "bananas", "hyperparameters": {"candidates": 10**10}}, "candidates"),
        ({"name": "nas_bowl", "hyperparameters": {"candidates": 10**10}}, "candidates"),
        ({"name": "bananas", "surrogate": {"name": "random_forest", "trees": 10**9}}, "trees"),
        ({"name": "bananas", "surrogate": {"name": "mlp_ensemble", "width": 10**12}}, "width"),
    ],
)
def test_counts_have_an_end(strategy, key):
    with pytest.raises(SpecError, match=rf"`strategies\[0\]`: `{key}` must be at most 1000000"):
        prepare(from_dict(SPEC | {"strategies": [strategy]}))
