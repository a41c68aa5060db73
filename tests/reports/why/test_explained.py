"""Landscapes, noise and explanations: on tables made by hand, and on an embedded one."""

from __future__ import annotations

from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from harness import registry
from harness.experiments.manifest import BenchmarkFacts
from harness.problem import Constraint
from harness.spaces.rows import RowsSpace
from reports.study.truth import Truth
from reports.why.explained import edit_words, explain
from reports.why.landscape import PART, SAMPLE, WHOLE, landscape
from reports.why.noise import noise
from tests.reports.support import ACCURACY, FakeOracle


def truth_of(oracle, **more) -> Truth:
    return Truth(BenchmarkFacts(oracle.name, oracle.digest, (ACCURACY,), oracle.has_seconds), oracle, **more)


@pytest.fixture(scope="module")
def alpha():
    return landscape(truth_of(FakeOracle("alpha")))


@pytest.fixture(scope="module")
def nb201():
    oracle = registry.oracle("nb201-cifar10")
    truth = Truth(BenchmarkFacts.of(registry.benchmark("nb201-cifar10")), oracle)
    return explain(landscape(truth), oracle.optimum(oracle.validation).arch)


class Partly(FakeOracle):
    """The first 150 architectures of another; genes are no longer independent."""

    def __init__(self) -> None:
        super().__init__("partly")
        self.archs = self.space.decode(np.arange(150, dtype=np.uint64))
        self.space = RowsSpace(self.space, self.archs)
        self._values = {name: values[:150] for name, values in self._values.items()}


class Drawn(FakeOracle):
    """Predictions of a space that is called too large to be listed, with architectures drawn uniformly."""

    drawn = 2_000

    def __init__(self) -> None:
        super().__init__("drawn")
        best = self.space.decode(self._values["valid_accuracy"].argmax(keepdims=True).astype(np.uint64))
        draws = self.space.sample(self.drawn, np.random.default_rng(0))
        self.archs = np.concatenate([draws, best])

    def values(self, column):
        return self.mean(self.archs, column)


def test_a_landscape_is_all_codings_a_sample_or_the_rows_that_there_are(alpha, monkeypatch):
    assert (alpha.covers, len(alpha.archs)) == (WHOLE, 216)
    assert alpha.losses.min() == 0.0
    part = landscape(truth_of(Partly()))
    assert (part.covers, len(part.archs)) == (PART, 150)
    monkeypatch.setattr("reports.why.landscape.all_codings", lambda space: None)
    sample = landscape(truth_of(Drawn()))
    assert (sample.covers, len(sample.archs)) == (SAMPLE, 2_000)  # without the best, which was not drawn
    assert landscape(truth_of(FakeOracle("alpha"))) == "its architectures cannot be listed"


def test_a_sample_is_explained_with_errors_and_near_the_whole(monkeypatch):
    whole = explain(landscape(truth_of(FakeOracle("drawn"))), np.zeros(3, dtype=np.uint8)).everywhere
    monkeypatch.setattr("reports.why.landscape.all_codings", lambda space: None)
    found = explain(landscape(truth_of(Drawn())), np.zeros(3, dtype=np.uint8)).everywhere
    assert not whole.main_error.any()
    assert np.all(np.abs(found.main_shares - whole.main_shares) < 4 * found.main_error)


def test_the_median_is_the_lower_one_and_keeps_constraints(alpha):
    assert alpha.losses_of(alpha.median[None])[0] == np.sort(alpha.losses)[107]
    small = landscape(truth_of(FakeOracle("alpha"), constraints=(Constraint("size", "<=", 4.0),)))
    assert small.median.sum() <= 4
    assert np.isinf(small.losses_of(np.array([[5, 5, 5]], dtype=np.uint8)))[0]


def test_the_median_itself_has_no_path(alpha):
    assert explain(alpha, alpha.median).path == []


def test_noise_is_pooled_over_trainings_and_margins_are_those_of_a_normal_test(alpha):
    found, runs = noise(alpha), FakeOracle("alpha").runs
    counts = (~np.isnan(runs)).sum(axis=1)
    deviations = np.nansum((runs - np.nanmean(runs, axis=1, keepdims=True)) ** 2)
    assert found.squares.sum() / found.freedom.sum() == pytest.approx(deviations / (counts - 1).sum())
    assert np.sqrt(found.variance(np.array([0.0, 3.0]))) == pytest.approx([0.2, 0.2], rel=0.2)
    even, odd = (alpha.space.decode(np.array([code], dtype=np.uint64)) for code in (2, 3))  # three trainings and two
    variances = found.variance(alpha.losses_of(np.concatenate([even, odd])))
    expected = NormalDist().inv_cdf(1 - 0.05 / 20) * np.sqrt(variances[0] / 3 + variances[1] / 2)
    assert found.margins(even[0], odd, 10) == pytest.approx([expected])


def test_noise_of_single_trainings_is_not_known():
    oracle = FakeOracle("alpha")
    oracle.runs[:, 1:] = np.nan
    found = explain(landscape(truth_of(oracle)), np.array([2, 2, 2], dtype=np.uint8))
    assert not found.noise.known
    assert all(edit.is_real is None for edit in found.neighbours)


def test_noise_alone_is_taken_for_real_in_less_than_a_twentieth_of_families():
    oracle, false = FakeOracle("alpha"), 0
    for seed in range(60):
        runs = np.random.default_rng(seed).normal(80.0, 1.0, (216, 3))
        oracle.runs, oracle._values["valid_accuracy"] = runs, runs.mean(axis=1)
        found = explain(landscape(truth_of(oracle)), np.array([1, 2, 3], dtype=np.uint8))
        false += any(edit.is_real for edit in found.neighbours)
    assert false <= 8  # 3 are expected of 60, and more than 8 have a chance of 0.002


def test_neighbours_of_the_best_cell_are_those_of_the_table(nb201):
    oracle = registry.oracle("nb201-cifar10")
    around = nb201.space.neighbours(nb201.winner)
    values = oracle.mean(around, "valid_accuracy")
    best = oracle.mean(nb201.winner[None], "valid_accuracy")[0]
    assert len(nb201.neighbours) == 24
    assert [edit.change for edit in nb201.neighbours] == pytest.approx(sorted(values - best, reverse=True))
    first = nb201.neighbours[0]
    assert first.words == "2-3: nor_conv_1x1 \N{RIGHTWARDS ARROW} nor_conv_3x3"
    assert first.is_real is False  # the best two cells are one edit apart, and cannot be told apart
    assert nb201.neighbours[-1].is_real is True


def test_the_path_ends_at_the_best_cell_and_its_gains_sum_to_the_median_regret(nb201):
    steps = [step for step, _ in nb201.path]
    assert np.array_equal(steps[-1].arch, nb201.winner)
    median = nb201.landscape.losses_of(nb201.source[None])[0]
    assert median == pytest.approx(np.sort(nb201.landscape.losses)[7812])
    assert sum(edit.change for _, edit in nb201.path) == pytest.approx(median)
    assert len({gene for step in steps for gene in step.genes}) == len(steps)


def test_importance_of_the_best_cells_is_told_for_all_for_good_and_among_good(nb201):
    assert nb201.everywhere.main_shares.sum() + np.triu(nb201.everywhere.pair_shares).sum() < 1
    values = registry.oracle("nb201-cifar10").values("valid_accuracy")
    ops = registry.oracle("nb201-cifar10").archs[:, 3]
    by_hand = np.var([values[ops == code].mean() for code in range(5)]) / values.var()
    assert nb201.everywhere.main_shares[3] == pytest.approx(by_hand)
    assert np.argmax(nb201.everywhere.main_shares) == 3
    assert nb201.within_best is not None
    few = replace(nb201.landscape, archs=nb201.landscape.archs[:500], losses=nb201.landscape.losses[:500])
    assert explain(few, nb201.winner).within_best is None


def test_of_a_part_of_a_space_only_genes_alone_and_only_near_neighbours_are_told():
    found = explain(landscape(truth_of(Partly())), np.array([3, 3, 3], dtype=np.uint8))
    assert not found.independent
    assert np.isnan(found.everywhere.pair).all()
    assert all((edit.arch != found.winner).sum() <= 2 for edit in found.neighbours)
    assert all(found.landscape.is_known(edit.arch[None])[0] for edit in found.neighbours)


def test_many_edits_at_once_are_counted(nb201):
    low, high = np.zeros(6, dtype=np.uint8), np.array([0, 1, 0, 0, 0, 2], dtype=np.uint8)
    arrow = "\N{RIGHTWARDS ARROW}"
    assert edit_words(nb201.space, low, high) == f"0-2: none {arrow} skip_connect, 2-3: none {arrow} nor_conv_1x1"
    assert edit_words(nb201.space, low, np.ones(6, dtype=np.uint8)) == "6 genes at once"
