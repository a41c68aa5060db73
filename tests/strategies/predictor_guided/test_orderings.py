"""That searches guided by predictors are better than chance on a real table."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy.stats import wilcoxon

import harness as nh
from harness import registry
from harness.experiments.spec import StrategySpec

pytestmark = pytest.mark.slow
TABLE = "nb201-cifar10"
GUIDED = (
    "npenas_bo",
    "npenas_np",
    "neural_predictor",
    "arch2vec_bo",
    "weaknas",
    "brp_nas",
    "bonas",
    "seminas",
    "graf_search",
)


@cache
def regrets(name):
    """Return the regret of the mean after 150 evaluations, (25,): the same noise in each run for all strategies."""
    results = nh.run([StrategySpec(name)], TABLE, evaluations=150, replicates=25)
    oracle = registry.oracle(TABLE)
    found = [run.trace.archs[np.argmin(run.trace.objectives[:, 0])] for run in results.of(TABLE, name)]
    return oracle.optimum(oracle.validation).value - oracle.mean(np.array(found), oracle.validation)


@pytest.mark.parametrize("name", GUIDED)
def test_it_beats_random_search(name):
    test = wilcoxon(regrets("random_search"), regrets(name), zero_method="pratt", alternative="greater")
    assert test.pvalue < 0.05
