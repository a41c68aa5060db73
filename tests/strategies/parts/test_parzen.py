"""Parzen densities: known answers, Optuna's and statsmodels' own, and what permuting codes changes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from statsmodels.nonparametric.kernel_density import KDEMultivariate

from harness.problem import Budget, Objective, Problem
from strategies.bayesian.tpe import TPE
from strategies.parts.parzen import Bohb, Joint, PerGene, ramp
from tests.strategies.support import ToySpace, evaluate

MIXTURES = (Joint, PerGene)
PEER = json.loads((Path(__file__).parents[2] / "peers" / "optuna_tpe.json").read_text(encoding="utf-8"))


def rows(*values):
    return np.array(values, dtype=np.uint8)


def mixture(kind, space, archs, prior_weight=1.0, recent=25):
    return kind(space, archs, ramp(len(archs), recent), prior_weight)


def everything(space):
    return space.decode(np.arange(int(space.cardinalities.prod()), dtype=np.uint64))


@pytest.mark.parametrize("kind", MIXTURES)
def test_one_gene_of_five_values_by_hand(kind):
    space = ToySpace((5,))
    values = everything(space)
    good = np.exp(mixture(kind, space, rows([2])).log(values)).sum(axis=1)
    others = np.exp(mixture(kind, space, np.array([[0, 0, 1, 1, 3, 3, 4, 4, 2]], dtype=np.uint8).T).log(values))[:, 0]
    np.testing.assert_allclose(good, np.array([6, 6, 11, 6, 6]) / 35)
    np.testing.assert_allclose(others, [0.213333] * 2 + [0.146667] + [0.213333] * 2, atol=5e-7)
    np.testing.assert_allclose((good / others)[[2, 0]], [15 / 7, 0.803571], atol=5e-7)


def test_weights_fade_in_the_order_of_age():
    assert ramp(24, 25).tolist() == [1.0] * 24
    assert ramp(0, 25).tolist() == []
    np.testing.assert_allclose(ramp(28, 25), [1 / 28, (1 + 1 / 28) / 2, 1.0] + [1.0] * 25)


@pytest.mark.parametrize("kind", MIXTURES)
@pytest.mark.parametrize("n", [0, 1, 7, 60])
def test_densities_sum_to_one_and_are_what_is_drawn(kind, n):
    space = ToySpace((4, 3, 2))
    rng = np.random.default_rng(n)
    density = mixture(kind, space, space.sample(n, rng), prior_weight=0.7, recent=10)
    expected = np.exp(density.log(everything(space)).sum(axis=1))
    assert expected.sum() == pytest.approx(1.0)
    drawn = np.bincount(space.code(density.draw(20_000, rng)).astype(int), minlength=24)
    assert ((drawn - 20_000 * expected) ** 2 / (20_000 * expected)).sum() < 49.7  # chi-square, 23 degrees, p = 0.001


@pytest.mark.parametrize("history", PEER["histories"], ids=lambda history: len(history["values"]))
def test_densities_and_choice_are_optunas(history):
    space = ToySpace(PEER["cardinalities"])
    archs, draws = (np.array(history[name], dtype=np.uint8) for name in ("archs", "draws"))
    strategy = TPE(Problem(space, (Objective("error"),), Budget(evaluations=1000)), np.random.default_rng(0))
    strategy.tell(evaluate(strategy.proposals(archs), lambda _: np.array(history["values"])))
    good, others = strategy._parts()
    np.testing.assert_array_equal(good, archs[history["good"]])
    np.testing.assert_array_equal(others, np.delete(archs, history["good"], axis=0))
    log_l, log_g = (mixture(Joint, space, part).log(draws)[:, 0] for part in (good, others))
    np.testing.assert_allclose(log_l, history["l"], rtol=1e-9)
    np.testing.assert_allclose(log_g, history["g"], rtol=1e-9)
    np.testing.assert_array_equal(draws[np.argmax(log_l - log_g)], history["chosen"])


@pytest.mark.parametrize("n", [12, 22, 60])
def test_the_kernel_of_bohb_is_that_of_statsmodels(n):
    space = ToySpace((5, 5, 3, 4))
    archs = space.sample(n, np.random.default_rng(n))
    peer = KDEMultivariate(archs.astype(float), var_type="uuuu", bw="normal_reference")
    density = Bohb(space, archs, capped=False)
    np.testing.assert_allclose(density.bandwidths, peer.bw)
    values = everything(space)
    expected = np.maximum(peer.pdf(values.astype(float)), 1e-32)
    np.testing.assert_allclose(np.exp(density.log(values)[:, 0]), expected, rtol=1e-9)


def test_most_bandwidths_of_bohb_exceed_one_and_capped_ones_are_those_of_a_uniform_kernel_at_most():
    space = ToySpace((5,) * 6)
    found = [Bohb(space, space.sample(22, np.random.default_rng(seed)), capped=False).bandwidths for seed in range(300)]
    assert np.mean(np.array(found) > 1) == pytest.approx(0.76, abs=0.04)
    capped = Bohb(space, space.sample(22, np.random.default_rng(0)), capped=True)
    assert capped.bandwidths.max() <= 0.8
    assert np.exp(capped.log(everything(space))).sum() == pytest.approx(1.0)


def test_a_value_that_the_data_lack_is_infinitely_likely_to_bohb_where_they_have_one():
    space = ToySpace((3, 4))
    density = Bohb(space, rows([0, 0], [0, 1], [0, 2]), capped=False)
    assert np.isposinf(density.log(rows([1, 0])))
    assert np.isfinite(density.log(rows([0, 3])))


@pytest.mark.parametrize(
    ("kind", "changes"),
    [(Joint, False), (PerGene, False), (lambda s, a, w, p: Bohb(s, a, capped=False), True)],
    ids=["joint", "per_gene", "bohb"],
)
def test_permuting_the_codes_of_a_gene_changes_nothing_but_for_bohb(kind, changes):
    space = ToySpace((5, 4, 3))
    rng = np.random.default_rng(5)
    archs, values = space.sample(30, rng), everything(space)
    permutations = [rng.permutation(count) for count in space.cardinalities]

    def permuted(some):
        return np.stack([order[column] for order, column in zip(permutations, some.T, strict=True)], axis=1)

    before = mixture(kind, space, archs).log(values).sum(axis=1)
    after = mixture(kind, space, permuted(archs).astype(np.uint8)).log(permuted(values)).sum(axis=1)
    assert np.allclose(before, after, rtol=1e-12) != changes
