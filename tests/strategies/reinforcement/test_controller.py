"""The recurrent controller: its policy against sums and finite differences, its batches, PPO, presets."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import harness as nh
from harness import registry
from harness.errors import HarnessError
from harness.experiments.spec import StrategySpec
from harness.spaces.categorical import CategoricalSpace
from harness.spaces.named import space as named
from strategies.reinforcement.controller import CLIP, Controller, clipped_worth
from strategies.reinforcement.lstm import LSTMPolicy
from tests.strategies.support import ToySpace, constrained, distance_to_origin, drive, evaluate, problem, rugged

TOY = ToySpace((3, 2, 4))
ALL = np.array([*product(range(3), range(2), range(4))])
CONSTANTS = np.array([1.1, 0.44, 1.1])


def build(given=None, seed=0, **hyperparameters):
    return Controller(given or problem(), np.random.default_rng(seed), **hyperparameters)


def policy(space=TOY, *, scale=0.8, constants=CONSTANTS, temperature=1.0, seed=0):
    rng = np.random.default_rng(seed)
    return LSTMPolicy(
        space.cardinalities, space.dtype, rng, units=5, scale=scale, constants=constants, temperature=temperature
    )


def whole(archs):
    return np.ones(archs.shape, dtype=np.bool_)


def test_probabilities_of_all_rows_sum_to_one():
    assert np.exp(policy().read(ALL, whole(ALL)).log_probability).sum() == pytest.approx(1.0)


def test_weights_of_zero_have_the_entropy_of_uniform_draws():
    done = policy(scale=0.0).read(ALL, whole(ALL))
    assert done.entropy == pytest.approx(np.log([3, 2, 4]).sum())
    assert done.log_probability == pytest.approx(-np.log([3, 2, 4]).sum())


@pytest.mark.parametrize(("constant", "bound"), [(1.1, 9.03), (0.44, 2.41)])
def test_the_tanh_bounds_every_ratio_of_probabilities(constant, bound):
    extreme = policy(scale=50.0, constants=np.full(3, constant)).read(ALL, whole(ALL))
    ratios = [chances.max(axis=1) / chances.min(axis=1) for chances in extreme.probabilities]
    assert np.exp(2 * constant) == pytest.approx(bound, abs=5e-3)
    assert max(ratio.max() for ratio in ratios) == pytest.approx(bound, abs=0.01)
    unbounded = policy(scale=50.0, constants=np.zeros(3)).read(ALL, whole(ALL))
    assert max((chances.max(axis=1) / chances.min(axis=1)).max() for chances in unbounded.probabilities) > 100


def test_draws_follow_the_chain_of_probabilities():
    drawn = policy()
    rows = drawn.sample(24_000)
    observed = np.bincount(TOY.code(rows).astype(int), minlength=24)
    expected = 24_000 * np.exp(drawn.read(ALL, whole(ALL)).log_probability)
    assert ((observed - expected) ** 2 / expected).sum() < 49.7  # chi-square, 23 degrees of freedom, p = 0.001


@pytest.mark.parametrize(("constants", "temperature"), [(np.zeros(3), 1.0), (CONSTANTS, 2.0), (np.full(3, 2.5), 5.0)])
@pytest.mark.parametrize("cardinalities", [(3, 2, 4), (4,)])
def test_the_gradient_agrees_with_finite_differences(constants, temperature, cardinalities):
    space, rng = ToySpace(cardinalities), np.random.default_rng(1)
    drawn = policy(space, constants=constants, temperature=temperature)
    archs, worth = space.sample(6, rng), rng.standard_normal(6)
    active = rng.random(archs.shape) < 0.8
    slopes, vector = drawn.gradient(drawn.read(archs, active), worth), drawn.weights.vector
    for place in range(len(vector)):
        at, found = vector[place], []
        for step in (1e-6, -1e-6):
            vector[place] = at + step
            found.append(worth @ drawn.read(archs, active).log_probability)
        vector[place] = at
        assert slopes[place] == pytest.approx((found[0] - found[1]) / 2e-6, abs=2e-8)


def test_genes_that_an_architecture_does_not_have_count_nowhere():
    drawn, active = policy(), whole(ALL)
    active[:, 1] = False
    full, part = drawn.read(ALL, whole(ALL)), drawn.read(ALL, active)
    chance = full.probabilities[1]
    assert full.log_probability - part.log_probability == pytest.approx(np.log(chance[np.arange(24), ALL[:, 1]]))
    assert full.entropy - part.entropy == pytest.approx(-(chance * np.log(chance)).sum(axis=1))


def test_a_step_along_the_gradient_makes_the_better_likelier():
    drawn = policy()
    before = drawn.read(ALL, whole(ALL))
    worth = np.zeros(24)
    worth[[3, 20]] = 1.0, -1.0
    vector = drawn.weights.vector
    vector += 0.1 * drawn.gradient(before, worth)
    gained = drawn.read(ALL, whole(ALL)).log_probability - before.log_probability
    assert gained[3] > 0 > gained[20]


def test_the_objective_of_ppo_is_clipped_only_where_the_advantage_pushes():
    ratios = np.array([1.0, 1.3, 0.7, 1.3, 0.7, 1.1])
    advantages = np.array([2.0, 2.0, 2.0, -2.0, -2.0, -2.0])
    assert clipped_worth(ratios, advantages) == pytest.approx([2.0, 0.0, 1.4, -2.6, 0.0, -2.2])

    def surrogate(ratio, advantage):
        return min(ratio * advantage, min(max(ratio, 1 - CLIP), 1 + CLIP) * advantage)

    for ratio, advantage in zip(ratios, advantages, strict=True):  # d ratio / d ln pi = ratio
        slope = (surrogate(ratio * 1.000001, advantage) - surrogate(ratio / 1.000001, advantage)) / 2e-6
        assert clipped_worth(np.array([ratio]), np.array([advantage]))[0] == pytest.approx(slope, abs=1e-5)


def test_the_first_step_of_ppo_is_that_of_reinforce():
    found = []
    for epochs in (1, 2):
        strategy = build(epochs=epochs, learning_rate=0.01)
        vectors = []
        gradient = strategy.policy.gradient
        strategy.policy.gradient = lambda done, worth, g=gradient, v=vectors: v.append(g(done, worth)) or v[-1]
        strategy.tell(evaluate(strategy.ask(10), rugged))
        assert len(vectors) == epochs
        found.append(vectors[0])
    assert np.array_equal(*found)


def test_a_batch_is_decided_at_once_and_waited_for():
    strategy = build()
    first = strategy.ask(4)
    assert strategy.decided == 6
    rest = strategy.ask(20)
    assert len(rest) == 6
    assert len(strategy.ask(1)) == 0
    strategy.tell(evaluate(first, rugged))
    before = strategy.policy.weights.vector.copy()
    assert len(strategy.ask(1)) == 0
    strategy.tell(evaluate(rest, rugged))
    assert not np.array_equal(strategy.policy.weights.vector, before)
    assert len(strategy.ask(20)) == 10


def test_the_order_of_completion_changes_nothing():
    def run(order):
        strategy, seen = build(preset="fast"), []
        for _ in range(6):
            proposals = strategy.ask(100)
            seen.append(proposals.archs)
            results = evaluate(proposals, rugged).take(order(len(proposals)))
            for row in range(len(results)):
                strategy.tell(results.take([row]))
        return np.concatenate(seen)

    assert np.array_equal(run(np.arange), run(np.random.default_rng(5).permutation))


def test_failed_trainings_count_nowhere():
    strategy = build(preset="fast")
    drive(strategy, rugged, 20)
    before = strategy.policy.weights.vector.copy(), dict(vars(strategy._baseline))
    strategy.tell(evaluate(strategy.ask(10), lambda archs: np.full(10, np.nan)))
    assert np.array_equal(strategy.policy.weights.vector, before[0])
    assert vars(strategy._baseline) == before[1]


@pytest.mark.parametrize("preset", ["fast", "nasnet"])
def test_it_learns_an_easy_objective(preset):
    strategy = build(preset=preset, learning_rate=0.03)
    _, values = drive(strategy, distance_to_origin, 400)
    assert values[-50:].mean() < values[:50].mean() - 4


def test_it_learns_what_independent_genes_cannot():
    """Equal neighbours, whatever they are: no softmax for each gene can prefer that."""
    strategy = build(problem(ToySpace((2, 2))), preset="fast")
    drive(strategy, lambda archs: (archs[:, 0] == archs[:, 1]).astype(float), 300)
    done = strategy.policy.read(np.array([[0, 1], [1, 0]]), np.ones((2, 2), dtype=np.bool_))
    assert np.exp(done.log_probability).sum() > 0.85


def test_constraints_turn_the_policy_towards_feasible_values():
    strategy, shares = build(constrained(), preset="fast"), []
    for _ in range(30):
        batch = strategy.ask(10)
        shares.append((batch.archs[:, 0] == 0).mean())
        strategy.tell(evaluate(batch, rugged, lambda archs: archs[:, 0] - 0.5))
    assert np.mean(shares[-5:]) > np.mean(shares[:5]) + 0.3


def test_operations_are_shaped_by_a_smaller_constant_than_ordered_genes():
    space = CategoricalSpace("mixed", {"operation": ["a", "b", "c"], "width": ["8", "16"]}, ordinal=["width"])
    assert build(problem(space)).policy._constants == pytest.approx([0.44, 1.1])
    assert build(problem(space), operation_divisor=1).policy._constants == pytest.approx([1.1, 1.1])


def test_draws_are_valid_where_many_rows_are_not():
    space = named("nb101")
    archs, _ = drive(build(problem(space)), lambda archs: archs.sum(axis=1).astype(float), 30)
    assert space.is_valid(archs).all()


def test_forbidden_duplicates_are_drawn_again_until_the_space_is_exhausted():
    given = problem(ToySpace((3, 4, 2)), duplicates="forbidden")
    archs, _ = drive(build(given, preset="fast"), rugged, 1000, asked=5)
    assert len(archs) == len(np.unique(archs, axis=0)) == 24


def test_the_faithful_average_starts_at_zero():
    plain, faithful = build(), build(faithful=True)
    assert [s._baseline.advantage(0.9) for s in (plain, faithful)] == pytest.approx([0.0, 0.891])


@pytest.mark.parametrize(
    ("hyperparameters", "rule"),
    [
        ({"preset": "darts"}, "`preset` must be one of 'enas', 'nasnet', 'fast'"),
        ({"units": 0}, "`units` must be at least 1"),
        ({"units": 5000}, "`units` must be at most 4096"),
        ({"batch": 0}, "`batch` must be at least 1"),
        ({"epochs": 1.5}, "`epochs` must be an integer"),
        ({"learning_rate": 0}, "`learning_rate` must be greater than 0"),
        ({"learning_rate": 1e308}, r"`learning_rate` must be at most 1e\+06"),
        ({"tanh": -1}, "`tanh` must be at least 0"),
        ({"tanh": 1e308}, r"`tanh` must be at most 1e\+06"),
        ({"operation_divisor": 5e-324}, "`operation_divisor` must be at least 1e-06"),
        ({"temperature": 0}, "`temperature` must be at least 1e-06"),
        ({"entropy": -0.1}, "`entropy` must be at least 0"),
        ({"entropy": 1e308}, r"`entropy` must be at most 1e\+06"),
        ({"momentum": 1}, "`momentum` must be at most 0.999999"),
        ({"faithful": 1}, "`faithful` must be true or false, got 1"),
    ],
)
def test_hyperparameters_out_of_range_are_refused_with_the_rule(hyperparameters, rule):
    with pytest.raises(HarnessError, match=rule):
        build(**hyperparameters)


def test_presets_are_those_of_the_papers_and_give_way_to_what_is_given():
    enas, nasnet = build(), build(preset="nasnet", epochs=1)
    assert (enas.units, enas.batch, enas.epochs, enas.learning_rate) == (64, 10, 1, 0.0035)
    assert (enas.tanh, enas.operation_divisor, enas.entropy, enas.momentum) == (1.1, 2.5, 1e-4, 0.99)
    assert (nasnet.units, nasnet.batch, nasnet.epochs, nasnet.learning_rate) == (100, 20, 1, 3.5e-4)
    weights = enas.policy.weights
    assert np.abs(weights.vector).max() <= 0.1
    assert not np.concatenate(weights.biases).any()


@pytest.mark.slow
def test_only_the_fast_settings_beat_random_search_at_150_evaluations():
    """On NAS-Bench-201 published rates are expected near random search; an orientation, n = 100."""
    oracle, means = registry.oracle("nb201-cifar100"), {}
    for label, spec in (
        ("random", StrategySpec("random_search", "s")),
        ("enas", StrategySpec("controller", "s")),
        ("fast", StrategySpec("controller", "s", {"preset": "fast"})),
    ):
        runs = nh.run(spec, "nb201-cifar100", evaluations=150, replicates=100).of("nb201-cifar100", "s")
        archs = np.array([run.trace.archs[np.argmin(run.trace.objectives[:, 0])] for run in runs])
        means[label] = oracle.mean(archs, oracle.validation).mean()
    assert abs(means["enas"] - means["random"]) < 0.4
    assert means["fast"] > means["random"] + 0.5
