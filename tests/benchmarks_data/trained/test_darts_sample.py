"""The sample of DARTS cells that ships with the program: told truthfully, of distinct cells, and repeatable."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks_data import provider
from benchmarks_data.catalogue.entries import carried
from benchmarks_data.file import layout, recorded
from harness import registry
from harness.spaces import named
from harness.training import data, networks
from harness.training.recipe import TrainingSetup
from harness.training.trainer import train

NAME = "micro-darts-sample"
SPACE = named.space("darts")


@pytest.fixture(scope="module")
def header():
    return layout.read_header(provider.ensure(NAME), held_out=True)


@pytest.fixture(scope="module")
def about():
    return json.loads(layout.read_about(provider.ensure(NAME))["provenance"])


@pytest.fixture(scope="module")
def training():
    return TrainingSetup.from_dict(provider.PROVIDER.describe(NAME)["training"])


def test_its_rows_are_different_cells_each_with_its_origin(header, about):
    archs = header.array("archs")
    assert len(np.unique(SPACE.key(archs))) == len(archs) == len(about["origin"]) == carried()[NAME].rows
    assert about["origins"] == ["random_search", "regularized_evolution", "bananas"]
    shares = np.bincount(about["origin"]) / len(archs)
    assert np.abs(shares - np.array([0.6, 0.25, 0.15])).max() < 0.1


def test_every_row_has_its_first_seed_and_a_fifth_all_three(header):
    runs = recorded.run_counts(header)
    assert set(runs) == {"1", "3"}
    assert 0.1 < runs["3"] / sum(runs.values()) <= 0.2
    valid = header.values("valid_accuracy")
    assert np.isfinite(valid[:, 0]).mean() > 0.99
    assert header.columns["test_accuracy"].held_out
    assert [fidelity.epoch for fidelity in header.meaning.fidelities] == list(range(1, 9))


def test_it_says_how_it_was_made(about, training):
    same = json.loads(layout.read_about(provider.ensure("micro-mnist1d"))["provenance"])
    assert about["dataset_sha256"] == same["dataset_sha256"]
    assert about["recipe"] == training.load_recipe().as_dict() | {"reduction_cells": [0, 1]}
    assert {trained["rung"] for trained in about["trained"]} == {"R0"}


def test_optimisers_found_better_cells_than_random_search(header, about):
    """The good region is covered, which is what the sample has optimisers for."""
    first, origin = header.values("valid_accuracy")[:, 0, -1], np.array(about["origin"])
    late = np.arange(len(origin)) >= len(origin) // 2
    random, evolved, modelled = (np.nanmedian(first[late & (origin == place)]) for place in range(3))
    assert min(evolved, modelled) > random


def test_costs_are_those_of_the_networks(training):
    oracle, recipe = registry.oracle(NAME), training.load_recipe()
    shape, classes = data.shape_of(training.dataset)
    for arch in oracle.archs[::400]:
        network = networks.build("darts", arch, recipe, shape, classes, seed=0)
        assert oracle.mean(arch[None], "params_m")[0] == pytest.approx(networks.parameters(network) / 1e6)


@pytest.mark.slow
def test_a_row_trained_again_has_the_same_curve(training):
    """At R0 on one machine bitwise; elsewhere rounding grows, and not to the spread of seeds."""
    oracle = registry.oracle(NAME)
    arch = oracle.archs[5:6]
    curves = train(arch, [0], training.load_recipe(), data.load(training.dataset), network="darts", level="R0")
    stored = oracle.trainings(arch, "valid_accuracy")[0, 0]
    assert abs(curves.valid_accuracy[0, 0, -1] - stored) < training.margin_percent
