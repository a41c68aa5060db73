"""REINFORCE: known answers of its baseline, optimisers and gradient, a bandit, and how it is told."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import harness as nh
from harness import registry
from harness.errors import HarnessError
from harness.experiments.spec import StrategySpec
from harness.problem import Budget, Objective, Problem
from harness.spaces.categorical import CategoricalSpace
from harness.spaces.named import space as named
from harness.spaces.rows import RowsSpace
from strategies.reinforcement.optimisers import Adam, Ascent
from strategies.reinforcement.reinforce import CLIP, Reinforce
from strategies.reinforcement.rewards import Baseline, Rewards
from strategies.reinforcement.softmax import SoftmaxPolicy
from tests.strategies.support import ToySpace, constrained, drive, evaluate, problem, rugged

EVERY = np.ones(3, dtype=np.bool_)


def build(given=None, seed=0, **hyperparameters):
    return Reinforce(given or problem(), np.random.default_rng(seed), **hyperparameters)


def policy(cardinalities=(3, 2, 4), seed=0):
    return SoftmaxPolicy(ToySpace(cardinalities), np.random.default_rng(seed), scale=1.0)


def test_the_baseline_counts_a_reward_before_it_is_compared():
    baseline = Baseline(0.9)
    assert [baseline.advantage(reward) for reward in (90.0, 92.0, 88.0)] == pytest.approx(
        [0.0, 0.947368, -1.926199], abs=5e-7
    )
    assert baseline._numerator / baseline._weight == pytest.approx(89.926199, abs=5e-7)


def test_the_second_advantage_is_the_difference_shrunk():
    baseline = Baseline(0.9)
    baseline.advantage(3.0)
    assert baseline.advantage(10.0) == pytest.approx(7.0 * 0.9 / 1.9)


def test_a_baseline_without_correction_starts_at_zero():
    baseline = Baseline(0.99, debiased=False)
    assert [baseline.advantage(reward) for reward in (1.0, 1.0)] == pytest.approx([0.99, 0.9801])


def test_the_first_step_is_exactly_zero():
    strategy = build()
    before = strategy.policy.logits.copy()
    strategy.tell(evaluate(strategy.ask(1), rugged))
    assert np.array_equal(strategy.policy.logits, before)


@pytest.mark.parametrize("rate", [1.0, 0.01])
def test_adams_steps_after_a_zero_gradient(rate):
    parameters, steps = np.zeros(1), Adam(rate)
    moved = []
    for gradient in (0.0, 5.0, 5.0):
        before = parameters.copy()
        steps.ascend(parameters, np.array([gradient]))
        moved.append(float((parameters - before)[0] / rate))
    assert moved == pytest.approx([0.0, 0.744137, 0.858463], abs=5e-7)


def test_plain_ascent_is_the_gradient_times_the_rate():
    parameters = np.array([1.0, 2.0])
    Ascent(0.1).ascend(parameters, np.array([10.0, -5.0]))
    assert parameters.tolist() == [2.0, 1.5]


def test_probabilities_of_all_rows_sum_to_one():
    drawn = policy()
    rows = np.array([*product(range(3), range(2), range(4))])
    assert sum(np.exp(drawn.log_probability(row, EVERY)) for row in rows) == pytest.approx(1.0)
    assert drawn.probabilities.sum(axis=1) == pytest.approx(1.0)


def test_equal_logits_have_the_entropy_of_uniform_draws():
    drawn = SoftmaxPolicy(ToySpace((3, 2, 4)), np.random.default_rng(0), scale=0.0)
    logs = np.where(np.isfinite(drawn.log_probabilities), drawn.log_probabilities, 0.0)
    assert -(drawn.probabilities * logs).sum() == pytest.approx(np.log([3, 2, 4]).sum())


def test_draws_follow_the_probabilities():
    drawn = policy()
    rows = drawn.sample(30_000)
    for gene, count in enumerate((3, 2, 4)):
        observed, expected = np.bincount(rows[:, gene], minlength=4)[:count], 30_000 * drawn.probabilities[gene, :count]
        assert ((observed - expected) ** 2 / expected).sum() < 16.3  # chi-square, 3 degrees of freedom, p = 0.001


@pytest.mark.parametrize("active", [EVERY, np.array([True, False, True])])
def test_the_gradient_agrees_with_finite_differences(active):
    drawn, archs, advantages = policy(), np.array([[2, 1, 3], [0, 0, 1]]), [1.5, -0.7]

    def objective():
        drawn.update()
        told = zip(archs, advantages, strict=True)
        return sum(advantage * drawn.log_probability(arch, active) for arch, advantage in told)

    slopes = sum(a * drawn.gradient(arch, active) for arch, a in zip(archs, advantages, strict=True))
    for place in zip(*np.nonzero(np.isfinite(drawn.logits)), strict=True):
        at = drawn.logits[place]
        drawn.logits[place] = at + 1e-6
        up = objective()
        drawn.logits[place] = at - 1e-6
        down = objective()
        drawn.logits[place] = at
        assert slopes[place] == pytest.approx((up - down) / 2e-6, abs=1e-8)
    assert not slopes[~np.isfinite(drawn.logits)].any()


def test_a_bandit_is_won_in_every_run():
    won = []
    for seed in range(50):
        strategy = build(problem(ToySpace((2,))), seed, preset="nb101", reward="metric")
        drive(strategy, lambda archs: archs[:, 0].astype(float), 300)
        won.append(strategy.policy.probabilities[0, 0])
    assert min(won) > 0.9
    assert np.median(won) == pytest.approx(0.98, abs=0.003)


@pytest.mark.parametrize(("preset", "moves"), [("nats", False), ("nb101", True)])
def test_only_plain_ascent_feels_the_unit_of_rewards(preset, moves):
    def run(factor):
        strategy = build(preset=preset, reward="metric")
        drive(strategy, lambda archs: factor * rugged(archs), 60)
        return strategy.policy.probabilities

    difference = np.abs(run(1.0) - run(100.0)).max()
    assert difference > 0.05 if moves else difference < 1e-4


def test_a_shift_of_all_rewards_moves_nothing():
    by_shift = []
    for shift in (0.0, 50.0):
        strategy = build(preset="fast")
        drive(strategy, lambda archs, shift=shift: rugged(archs) + shift, 60)
        by_shift.append(strategy.policy.logits)
    assert by_shift[0] == pytest.approx(by_shift[1], abs=1e-6)


def test_the_codes_of_a_gene_are_names_without_order():
    """Relabelling the values of all genes relabels the logits and nothing else."""
    plain, other = build(seed=3, learning_rate=0.1), build(seed=3, learning_rate=0.1)
    names = np.array([2, 0, 3, 1])
    other.policy.logits = plain.policy.logits[:, np.argsort(names)].copy()
    other.policy.update()
    archs = plain.problem.space.sample(80, np.random.default_rng(1))
    for arch in archs:
        value = float(rugged(arch[None])[0])
        for strategy, row in ((plain, arch), (other, names[arch].astype(np.uint8))):
            strategy.tell(evaluate(strategy.proposals(row[None], -1), lambda archs, value=value: np.array([value])))
    assert other.policy.logits[:, names] == pytest.approx(plain.policy.logits, abs=1e-12)


def test_the_grouping_of_results_does_not_matter():
    runs = [drive(build(preset="fast"), rugged, 80, asked=6, told=told)[0] for told in (None, 1)]
    assert np.array_equal(*runs)


def test_rewards_are_published_values_or_negatives():
    told = evaluate(build().ask(3), lambda archs: np.array([10.0, 20.0, np.nan]))
    maximised = Objective("accuracy", "maximise", "percent", 100.0)
    for objective, unit, expected in (
        (maximised, "metric", [90.0, 80.0]),
        (maximised, "fraction", [0.9, 0.8]),
        (Objective("accuracy", "maximise", "percent"), "metric", [-10.0, -20.0]),
        (Objective("loss", "minimise", "nats"), "fraction", [-10.0, -20.0]),
        (Objective("error", "minimise", "percent"), "fraction", [-0.1, -0.2]),
    ):
        rewards = Rewards(Problem(ToySpace(), (objective,), Budget(evaluations=5)), unit).of(told)
        assert rewards[:2] == pytest.approx(expected)
        assert np.isnan(rewards[2])


def test_infeasible_results_are_worth_less_than_all_told_by_their_violation():
    rewards = Rewards(constrained(), "metric")
    told = evaluate(
        build().ask(5),
        lambda archs: np.array([10.0, 5.0, 30.0, 1.0, 2.0]),
        lambda archs: np.array([-1.0, 2.0, -3.0, 0.5, np.nan]),
    )
    assert rewards.of(told) == pytest.approx([-10.0, -12.0, -30.0, -30.5, np.nan], nan_ok=True)


def test_constraints_turn_the_policy_towards_feasible_values():
    strategy = build(constrained(), preset="fast")
    for _ in range(200):
        strategy.tell(evaluate(strategy.ask(1), rugged, lambda archs: archs[:, 0] - 0.5))
    assert strategy.policy.probabilities[0, 0] > 0.8


def test_failed_trainings_make_no_step():
    strategy = build(preset="fast")
    drive(strategy, rugged, 5)
    before = strategy.policy.logits.copy()
    strategy.tell(evaluate(strategy.ask(3), lambda archs: np.full(3, np.nan)))
    assert np.array_equal(strategy.policy.logits, before)


def test_results_of_earlier_policies_are_weighted_within_the_clip():
    strategy = build(preset="nb101", learning_rate=0.5, reward="metric")
    drive(strategy, rugged, 3)
    pending = strategy.ask(2)
    two = evaluate(pending, rugged)
    advantages, gradients = [], []
    for row in range(2):
        before, average = strategy.policy.logits.copy(), Baseline(0.9)
        average.__dict__.update(strategy._baseline.__dict__)
        then = strategy._then[int(pending.tag[row])]
        now = strategy.policy.log_probability(pending.archs[row], np.ones(6, dtype=np.bool_))
        weight = np.clip(np.exp(now - then), 1 - CLIP, 1 + CLIP)
        assert (weight == 1) == (row == 0)
        advantages.append(weight * average.advantage(-two.objectives[row, 0]))
        gradients.append(strategy.policy.gradient(pending.archs[row], np.ones(6, dtype=np.bool_)))
        strategy.tell(two.take([row]))
        assert strategy.policy.logits - before == pytest.approx(0.5 * advantages[row] * gradients[row])
    assert not strategy._then


def test_a_stale_result_counts_a_fifth_more_or_less_at_most():
    strategy = build(problem(ToySpace((2,))), preset="nb101", reward="metric")
    drive(strategy, rugged, 2)
    pending = strategy.ask(1)
    strategy.policy.logits[0, pending.archs[0, 0]] += 5.0
    strategy.policy.update()
    slope = strategy.policy.gradient(pending.archs[0], np.ones(1, dtype=np.bool_))
    before, average = strategy.policy.logits.copy(), Baseline(0.9)
    average.__dict__.update(strategy._baseline.__dict__)
    told = evaluate(pending, lambda archs: np.array([7.0]))
    strategy.tell(told)
    assert strategy.policy.logits - before == pytest.approx(0.1 * 1.2 * average.advantage(-7.0) * slope)


def test_draws_are_valid_where_many_rows_are_not():
    space = named("nb101")
    archs, _ = drive(build(problem(space)), lambda archs: archs.sum(axis=1).astype(float), 60)
    assert space.is_valid(archs).all()


def test_a_certain_policy_of_rows_that_do_not_exist_gives_way_to_the_space():
    space = RowsSpace(ToySpace((3, 3)), np.array([[0, 0], [1, 1], [2, 1]]))
    strategy = build(problem(space))
    strategy.policy.logits[:] = [[0.0, 0.0, 99.0], [0.0, 0.0, 99.0]]
    assert space.is_valid(strategy.ask(20).archs).all()


def test_rows_that_rejection_would_never_find_are_refused_at_once():
    base = ToySpace((9,) * 8)
    space = RowsSpace(base, base.sample(50, np.random.default_rng(1)))
    with pytest.raises(HarnessError, match=r"independent genes: some in 4096 must be valid.*'regularized_evolution'"):
        build(problem(space))


def test_forbidden_duplicates_are_drawn_again_until_the_space_is_exhausted():
    space = ToySpace((3, 4, 2))
    archs, _ = drive(build(problem(space, duplicates="forbidden"), preset="fast"), rugged, 1000, asked=5)
    assert len(archs) == len(np.unique(archs, axis=0)) == 24


def test_genes_that_an_architecture_does_not_have_learn_nothing():
    space = CategoricalSpace("cond", {"layer": ["no", "yes"], "kernel": ["none", "3"]}, inactive={"kernel": "none"})
    strategy = build(problem(space), preset="fast")
    before = strategy.policy.logits.copy()
    for value in (1.0, 2.0, 3.0):
        missing = strategy.proposals(np.array([[0, 0]], dtype=np.uint8), -1)
        strategy.tell(evaluate(missing, lambda archs, value=value: np.array([value])))
    assert np.array_equal(strategy.policy.logits[1], before[1])
    assert not np.array_equal(strategy.policy.logits[0], before[0])


@pytest.mark.parametrize(
    ("hyperparameters", "rule"),
    [
        ({"preset": "nb102"}, "`preset` must be one of 'nats', 'nb201', 'nb101', 'fast'"),
        ({"optimiser": "lbfgs"}, "`optimiser` must be one of 'adam', 'sgd'"),
        ({"learning_rate": 0}, "`learning_rate` must be greater than 0"),
        ({"learning_rate": 1e308}, r"`learning_rate` must be at most 1e\+06"),
        ({"initial_scale": 1e308}, r"`initial_scale` must be at most 1e\+06"),
        ({"initial_scale": -1}, "`initial_scale` must be at least 0"),
        ({"reward": "percent"}, "`reward` must be one of 'metric', 'fraction'"),
        ({"momentum": 1}, "`momentum` must be at most 0.999999"),
    ],
)
def test_hyperparameters_out_of_range_are_refused_with_the_rule(hyperparameters, rule):
    with pytest.raises(HarnessError, match=rule):
        build(**hyperparameters)


def test_presets_are_those_of_the_codes_and_give_way_to_what_is_given():
    assert (build().optimiser, build().learning_rate, build().initial_scale) == ("adam", 0.01, 1e-3)
    assert build(preset="nb201").learning_rate == 0.001
    given = build(preset="nb101", learning_rate=0.5)
    assert (given.optimiser, given.learning_rate, given.reward) == ("sgd", 0.5, "fraction")
    assert not np.ptp(given.policy.logits)


def additive_regret(name, seeds, noise, **hyperparameters):
    """Mean regret after 150 evaluations of y = sum_g w_g[a_g], w normal, six genes of five, in the sd of y."""
    regrets = []
    for seed in range(seeds):
        draws = np.random.default_rng([seed, 77])
        space = ToySpace((5,) * 6)
        weights = draws.standard_normal((6, 5))
        weights /= np.sqrt(weights.var(axis=1).sum())
        genes = np.arange(6)
        values = lambda archs: weights[genes, archs].sum(axis=1)  # noqa: B023, E731 - used at once
        shaken = {}

        def told(archs):
            for arch in archs:
                shaken.setdefault(arch.tobytes(), noise * draws.standard_normal())  # noqa: B023 - used at once
            return values(archs) + [shaken[arch.tobytes()] for arch in archs]  # noqa: B023 - used at once

        kind = registry.strategy(name)
        archs, seen = drive(kind(problem(space), np.random.default_rng(seed), **hyperparameters), told, 150)
        regrets.append(values(archs[[seen.argmin()]])[0] - weights.min(axis=1).sum())
    return np.mean(regrets)


@pytest.mark.slow
@pytest.mark.parametrize(("noise", "fast", "nats", "random"), [(0.0, 0.05, 0.53, 0.79), (0.3, 0.20, 0.65, 0.91)])
def test_independent_genes_suffice_where_the_objective_is_a_sum(noise, fast, nats, random):
    found = [
        additive_regret("reinforce", 100, noise, preset="fast"),
        additive_regret("reinforce", 100, noise),
        additive_regret("random_search", 100, noise),
    ]
    assert found == pytest.approx([fast, nats, random], abs=0.13)
    assert found[0] < 0.4 * found[1] < found[2]


@pytest.mark.slow
def test_rates_are_ordered_on_nas_bench_201_as_measured():
    """Rate 0.01 is 0.25 to 0.35 standard deviations better than random search at 150, 0.1 about 1 (an orientation)."""
    found = {}
    oracle = registry.oracle("nb201-cifar100")
    for label, spec in (
        ("random", StrategySpec("random_search", "s")),
        ("nats", StrategySpec("reinforce", "s")),
        ("fast", StrategySpec("reinforce", "s", {"preset": "fast"})),
    ):
        runs = nh.run(spec, "nb201-cifar100", evaluations=150, replicates=480).of("nb201-cifar100", "s")
        archs = np.array([run.trace.archs[np.argmin(run.trace.objectives[:, 0])] for run in runs])
        found[label] = oracle.mean(archs, oracle.validation)

    def effect(label):
        pooled = np.sqrt((found[label].var(ddof=1) + found["random"].var(ddof=1)) / 2)
        return (found[label].mean() - found["random"].mean()) / pooled

    assert 0.1 < effect("nats") < 0.5
    assert 0.9 < effect("fast") < 1.7


def test_inactive_genes_are_said_by_the_space():
    space = CategoricalSpace("cond", {"layer": ["no", "yes"], "kernel": ["none", "3"]}, inactive={"kernel": "none"})
    archs = np.array([[0, 0], [1, 1]])
    assert space.active(archs).tolist() == [[True, False], [True, True]]
    assert RowsSpace(space, archs).active(archs[:1]).tolist() == [[True, False]]
    assert ToySpace((2, 2)).active(archs).all()
