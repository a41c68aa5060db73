"""The zero-cost scores that ship with the program: signals of a table of their own, as the networks have them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks_data import files, provider
from benchmarks_data.file import layout
from benchmarks_data.scored.score import agreement, rounded
from harness import registry
from harness.training import data
from harness.training.proxies import PROXIES
from harness.training.proxies.score import LOWEST, over_inits, score
from harness.training.proxies.setting import Setting
from harness.training.recipe import TrainingSetup

NAME, BASE = "micro-mnist1d-zc", "micro-mnist1d"
AGREEMENT = {"synflow": 0.891, "zen": 0.829, "swap": 0.817, "meco": 0.816, "nwot": 0.795, "snip": 0.731,
             "l2_norm": 0.700, "grad_norm": 0.685, "fisher": 0.327, "plain": -0.136, "params": 0.807, "macs": 0.802,
             "az_expressivity": 0.803, "zico": 0.771, "linear_regions": 0.645, "epe_nas": 0.363, "jacov": 0.349,
             "az_trainability": 0.279, "az_progressivity": -0.490, "ntk": 0.821, "grasp": 0.069}  # fmt: skip
"""Spearman with the validation accuracy, over all classes."""
UNDEFINED = {"zen": 1, "nwot": 1, "epe_nas": 1, "az_trainability": 2, "ntk": 1}
"""Classes without a score, such as the cell that computes nothing."""


@pytest.fixture(scope="module")
def table():
    return registry.benchmark(NAME)


@pytest.fixture(scope="module")
def scores(table):
    return {name: table.look(f"zc_{name}", table.archs) for name in AGREEMENT}


@pytest.fixture(scope="module")
def about():
    with np.load(files.package_file("benchmarks_data", f"tables/{NAME}.npz", "nas-harness")) as arrays:
        return json.loads(str(arrays["about"]))


def test_it_is_the_table_with_signals_that_cost_seconds(table):
    header, base = (layout.read_header(provider.ensure(name), held_out=True) for name in (NAME, BASE))
    assert header.digest != base.digest
    for name, column in base.columns.items():
        assert header.columns[name] == column
        np.testing.assert_array_equal(header.values(name), base.values(name))
    signals = {item.name: item for item in table.signals}
    assert set(signals) == {"params_m", "macs_m", *(f"zc_{name}" for name in AGREEMENT)}
    assert all(0 < signals[f"zc_{name}"].seconds < 1 for name in AGREEMENT)
    assert registry.describe_benchmark(NAME)["training"] == registry.describe_benchmark(BASE)["training"]


def test_every_class_has_every_score(scores):
    for name, values in scores.items():
        assert np.isfinite(values).all()
        assert np.count_nonzero(values == LOWEST) == UNDEFINED.get(name, 0), name


def test_it_says_how_it_was_measured(about):
    assert set(about["proxies"]) == set(AGREEMENT) <= set(PROXIES)
    assert about["inits"] == [0, 1, 2]
    assert (about["setting"]["batch"], about["setting"]["dataset"]) == (32, "mnist1d-hard")
    assert all(
        (known["spread_of_inits"] > 0) == (name not in ("params", "macs")) for name, known in about["proxies"].items()
    )


@pytest.mark.parametrize("name", AGREEMENT)
def test_scores_agree_with_validation(name, table, scores):
    truth = layout.read_header(provider.ensure(BASE)).values("valid_accuracy")[:, :, -1].mean(axis=1)
    assert agreement(scores[name], truth)["spearman"] == pytest.approx(AGREEMENT[name], abs=0.001)


def test_norms_count_convolutions_and_nothing_else(table, scores):
    edges = np.isin(table.archs, (2, 3)).sum(axis=1)
    slope, base = np.polyfit(edges, scores["l2_norm"], 1)
    assert slope == pytest.approx(sum((width / 3) ** 0.5 for width in (12, 24, 48)), rel=0.01)
    assert np.abs(scores["l2_norm"] - base - slope * edges).max() < 1.0


@pytest.mark.slow
def test_a_class_scored_again_has_its_scores(table, scores):
    training = TrainingSetup.from_dict(registry.describe_benchmark(NAME)["training"])
    rows = np.array([0, 1000, 4000])
    again = score(table.archs[rows], Setting(training), data.load(training.dataset), names=tuple(AGREEMENT))
    for name, values in again.values.items():
        np.testing.assert_allclose(rounded(over_inits(values)), scores[name][rows], rtol=2e-3, atol=1e-6, err_msg=name)
