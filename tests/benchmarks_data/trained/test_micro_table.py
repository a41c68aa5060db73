"""The table that ships with the program: whole, told truthfully, and repeatable."""

import json

import numpy as np
import pytest

from benchmarks_data import provider
from benchmarks_data.file import layout
from benchmarks_data.trained import build
from harness import registry
from harness.training import data, networks
from harness.training.recipe import TrainingSetup
from harness.training.trainer import train

NAME = "micro-mnist1d"
WEAK, MIDDLE, STRONG = "000200", "133033", "332423"
"""Cells that stand for their class in the table."""


@pytest.fixture(scope="module")
def oracle():
    return registry.oracle(NAME)


@pytest.fixture(scope="module")
def training():
    return TrainingSetup.from_dict(provider.PROVIDER.describe(NAME)["training"])


def test_it_has_every_functional_class_once_and_its_members_share_the_row(oracle):
    space = oracle.space
    everything = space.all_codings
    rows = oracle.rows(everything)
    keys = space.key(everything, "functional")
    assert len(oracle.archs) == len(np.unique(rows)) == len(np.unique(keys)) == 4930
    assert all(len(np.unique(rows[keys == key])) == 1 for key in np.unique(keys)[::50])
    np.testing.assert_array_equal(oracle.archs, build.classes(space))


def test_it_has_three_seeds_every_epoch_and_no_hole(oracle):
    header = layout.read_header(provider.ensure(NAME), held_out=True)
    assert [fidelity.epoch for fidelity in header.meaning.fidelities] == list(range(1, 11))
    assert [header.values(name).shape for name in ("train_accuracy", "valid_accuracy", "test_accuracy")] == [
        (4930, 3, 10), (4930, 3, 10), (4930, 3, 1),
    ]  # fmt: skip
    assert all(np.isfinite(header.values(name)).all() for name in header.columns)
    assert header.columns["test_accuracy"].held_out


def test_it_says_how_it_was_made(training):
    about = json.loads(layout.read_about(provider.ensure(NAME))["provenance"])
    assert about["dataset_sha256"] == data.load(training.dataset).sha256
    assert about["recipe"] == training.load_recipe().as_dict()
    assert len(about["commit"]) == 40
    assert about["seconds"] > 0
    (trained,) = about["trained"]
    assert trained["rung"] == "R4"
    assert set(trained["versions"]) == {"nas-harness", "torch", "numpy"}
    assert trained["device"]


def test_costs_are_those_of_the_networks(oracle, training):
    recipe, dataset = training.load_recipe(), data.load(training.dataset)
    rows = np.random.default_rng(0).integers(0, len(oracle.archs), 3)
    for arch in oracle.archs[rows]:
        network = networks.build("nb201", arch, recipe, dataset.shape, dataset.classes, seed=0)
        whole = networks.cost("nb201", arch[None], recipe, dataset.shape, dataset.classes).params[0]
        assert whole == networks.parameters(network)
        np.testing.assert_allclose(oracle.mean(arch[None], "params_m")[0], whole / 1e6)


def test_seeds_agree_on_which_cells_are_good(oracle):
    """The figures of docs/micro-pilot.md."""
    from scipy.stats import kendalltau

    runs = oracle.trainings(oracle.archs, "valid_accuracy")
    means = runs.mean(axis=1)
    better = means >= np.median(means)

    def agreement(values):
        return np.mean([kendalltau(values[:, a], values[:, b]).statistic for a, b in ((0, 1), (0, 2), (1, 2))])

    assert agreement(runs) == pytest.approx(0.80, abs=0.005)
    assert agreement(runs[better]) == pytest.approx(0.47, abs=0.005)


def test_the_stored_margin_is_2_4_times_the_spread_of_seeds(oracle, training):
    pooled = np.sqrt(oracle.trainings(oracle.archs, "valid_accuracy").var(axis=1, ddof=1).mean())
    assert training.margin_percent == pytest.approx(2.4 * pooled, abs=0.1)


@pytest.mark.parametrize("seed", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_rows_trained_again_land_inside_noise(seed, oracle, training):
    """The same weights, batches and recipe on another device: rounding grows, but not to the spread of seeds."""
    archs = np.array([[*map(int, genes)] for genes in (WEAK, MIDDLE, STRONG)], dtype=np.uint8)
    np.testing.assert_array_equal(archs, oracle.archs[oracle.rows(archs)])
    recipe = training.load_recipe()
    curves = train(archs, training.seeds[seed : seed + 1], recipe, data.load(training.dataset), level="R4", force=True)
    for column, found in (
        ("valid_accuracy", curves.valid_accuracy[:, 0, -1]), ("test_accuracy", curves.test_accuracy[:, 0])
    ):  # fmt: skip
        spread = np.sqrt(oracle.trainings(oracle.archs, column).var(axis=1, ddof=1).mean())
        np.testing.assert_allclose(found, oracle.trainings(archs, column)[:, seed], rtol=0, atol=spread)
