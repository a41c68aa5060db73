"""The surrogate benchmark of DARTS cells that ships with the program: what it answers, and how well it does."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau

import harness as nh
from benchmarks_data.catalogue.entries import carried
from harness import registry
from harness.records import Proposals
from harness.testing.conformance import check_benchmark
from harness.training import data, networks
from harness.training.recipe import TrainingSetup

NAME = "micro-darts"
KNOWN = [78.26498492110059, 72.6446749057803, 76.81300957720434]
SECONDS = [9.004804052273004, 10.728655623155294, 10.670941818762117]


@pytest.fixture(scope="module")
def oracle():
    return registry.oracle(NAME)


def test_it_keeps_the_rules():
    assert len(check_benchmark(nh.open_benchmark(NAME), np.random.default_rng(0))) >= 5


def test_it_was_fitted_to_the_whole_sample_that_ships(oracle):
    said = registry.describe_benchmark(NAME)
    sample = registry.oracle("micro-darts-sample")
    assert said["sample"]["table_digest"] == sample.digest
    assert said["sample"]["rows"] + said["sample"]["left_out"] == carried()["micro-darts-sample"].rows >= 2000
    assert TrainingSetup.from_dict(said["training"]).recipe == "micro-darts"
    assert said["fidelities"] == [f"epoch {epoch} of 8" for epoch in range(1, 9)]


def test_what_it_answers_is_what_it_answered():
    """Known answers: means of three architectures, to the rounding of sums."""
    benchmark = nh.open_benchmark(NAME)
    archs = benchmark.space.sample(3, np.random.default_rng(7))
    told = benchmark.query(Proposals.of(archs, 7), noise_seed=None)
    np.testing.assert_allclose(100 - told.objectives[:, 0], KNOWN, rtol=0, atol=1e-9)
    np.testing.assert_allclose(told.seconds, SECONDS, rtol=1e-6)


def test_it_orders_cells_that_it_was_not_told_of(oracle):
    """Two trainings of a cell have a correlation of 0.6."""
    evidence = oracle.evidence
    assert np.isfinite(evidence["predicted"]).sum() >= 1000
    for said, tau in (("predicted", 0.648), ("elsewhere", 0.616)):
        known = np.isfinite(evidence[said])
        found = kendalltau(evidence[said][known], evidence["observed"][known]).statistic
        assert found == pytest.approx(tau, abs=0.002)


def test_its_noise_is_that_of_repeated_trainings(oracle):
    sample = registry.oracle("micro-darts-sample")
    trainings = sample.trainings(sample.archs, "valid_accuracy")
    whole = np.isfinite(trainings).all(axis=1)
    assert whole.sum() >= 200
    bad = trainings[whole].mean(axis=1) < np.nanmedian(trainings[:, 0])
    for part in (trainings[whole][bad], trainings[whole][~bad]):  # seeds 1 and 2: seed 0 chose some of them
        measured = np.sqrt(np.mean(np.square(part[:, 1] - part[:, 2])) / 2)
        fitted = np.sqrt(np.mean(np.square(oracle.deviations(part[:, 1:].mean(axis=1)))))
        assert 0.6 < fitted / measured < 1.6


def test_costs_are_those_of_the_networks_that_verify_trains(oracle):
    setup = TrainingSetup.from_dict(registry.describe_benchmark(NAME)["training"])
    shape, classes = data.shape_of(setup.dataset)
    archs = oracle.space.sample(2, np.random.default_rng(1))
    built = [networks.build("darts", arch, setup.load_recipe(), shape, classes, seed=0) for arch in archs]
    params = [networks.parameters(module) / 1e6 for module in built]
    np.testing.assert_allclose(oracle.mean(archs, "params_m"), params, rtol=1e-9)
