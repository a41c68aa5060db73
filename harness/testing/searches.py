"""Checks of strategies: they are run on a toy benchmark, or on a table, and every rule of searches is looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from harness import registry
from harness.benchmark import Benchmark
from harness.checks import Archs, FloatArray
from harness.errors import HarnessError, UnfitError, raised
from harness.experiments.building import inner_settings, make_inner, make_learner
from harness.problem import Budget, Constraint, Prior, Problem
from harness.records import Proposals, Run
from harness.search.beginning import distinct
from harness.search.loop import make_problem, run_block
from harness.search.mishaps import Mishaps
from harness.seeding import mix64
from harness.strategy import Strategy
from harness.surrogate import Surrogate
from harness.testing.altered import Altered
from harness.testing.honesty import Watch
from harness.testing.rules import Rules, same
from harness.testing.toy import ToyBenchmark

_ELSEWHERE = (
    "(This was on the toy benchmark; a strategy that is written for one space is checked there: "
    "`nas-harness check NAME --benchmark TABLE`.)"
)


_TRAININGS = 60
"""Finished trainings of a source that a check makes up."""


def check_strategy(
    factory: type[Strategy],
    hyperparameters: Mapping[str, Any] | None = None,
    surrogate: Mapping[str, Any] | None = None,
    benchmark: Benchmark | None = None,
) -> list[str]:
    """Check a strategy by running it: honesty, budgets, workers, failures, constraints, repetition.

    Parameters
    ----------
    factory : type
        The strategy's class.
    hyperparameters : mapping, optional
        Others than the defaults.
    surrogate : mapping, optional
        For strategies that learn a model; the default is a small ridge regression, so that the check is quick.
    benchmark : Benchmark, optional
        On which to run it; the default is the toy benchmark.
    """
    rules = Rules(f"strategy {factory.__name__}")
    settings = surrogate or {"name": "ridge", "encoding": "one_hot"}
    plain: Benchmark = benchmark or ToyBenchmark(objectives=factory.takes.fewest_objectives)

    def made(benchmark: Benchmark, budget: Budget, n_workers: int) -> tuple[Problem, Surrogate | None]:
        takes_one = "surrogate" in registry.keywords(factory)
        learner = make_learner(factory, settings if takes_one else None, benchmark, "cpu")
        problem = make_problem(benchmark, _shared(budget, n_workers), n_workers)
        return replace(problem, prior=made_up_priors(benchmark)) if factory.takes.prior else problem, learner

    def run_on(
        problem: Problem,
        learner: Surrogate | None,
        on: Benchmark,
        kind: type[Strategy],
        rule: str,
        count: int,
        mishaps: Mishaps | None = None,
    ) -> tuple[Run, ...]:
        try:
            given = dict(hyperparameters or {})
            inner = make_inner(inner_settings(kind, given.pop("inner", None), on), on)
            strategies = [
                registry.build_strategy(kind, problem, np.random.default_rng(seed), given, learner, inner)
                for seed in range(count)
            ]
            seeds = np.arange(count, dtype=np.uint64)
            return run_block(on, problem, strategies, seeds, mishaps=None if mishaps is None else (mishaps, seeds))
        except HarnessError:
            raise
        except Exception as error:
            place = raised(error)
            raise HarnessError(f"strategy {factory.__name__} breaks the rule: {rule}; it raised\n{place}") from error

    def run(rule: str, on: Benchmark, budget: Budget, n_workers: int = 1, count: int = 2) -> tuple[Run, ...]:
        problem, learner = made(on, budget, n_workers)
        return run_on(problem, learner, on, factory, rule, count)

    budget, within = _budget(factory, plain), "proposes valid architectures within its budget"
    problem, learner = made(plain, budget, 1)

    def first(kind: type[Strategy]) -> tuple[Run, ...]:
        try:
            return run_on(problem, learner, plain, kind, within, 2)
        except HarnessError as error:
            if benchmark is None:
                raise HarnessError(f"{error}\n{_ELSEWHERE}") from error.__cause__
            raise

    block = Watch(factory).over(rules, problem, learner, first)
    rules(within, [_kept(budget, one) for one in block])
    if factory.takes.fidelities:
        rule = "trains something fully with what 60 full trainings cost"
        full = len(plain.fidelities) - 1
        what = "no row is at the full fidelity: `evaluations.fidelity` holds indices, see `Problem.index_of`"
        rules(rule, [bool((one.trace.fidelity == full).any()) for one in block], what)
    again = run("the same generator gives the same run", plain, budget)
    own = "another run: is there a generator of its own, as np.random.default_rng() in place of self.rng, or a clock?"
    rules("the same generator gives the same run", _same_traces(block, again), own)
    rules("another generator gives another run", not np.array_equal(block[0].trace.archs, block[1].trace.archs))
    alone = run("a run does not depend on its neighbours in the block", plain, budget, count=1)
    rules("a run does not depend on its neighbours in the block", _same_traces(alone, block))
    for rule, on, spent, n_workers in (
        *_variants(factory, benchmark, budget),
        *_several(factory, benchmark, _halved(budget)),
    ):
        if factory.takes.refusal(made(on, spent, n_workers)[0]):
            continue
        run(rule, on, spent, n_workers)
        rules(rule, True)
    rule = "copes with a cluster that misbehaves"
    workers = 4 if factory.takes.workers and plain.has_seconds else 1
    run_on(*made(plain, _halved(budget), workers), plain, factory, rule, 2, _MISHAPS)
    rules(rule, True)
    if factory.recommend is not Strategy.recommend:
        rule = "recommends without drawing anything"
        run_on(problem, learner, plain, _silent(factory), rule, 1)
        rules(rule, True)
    if factory.takes.fidelities:
        rule = "trains from scratch, or refuses to"
        with suppress(UnfitError):
            run(rule, plain, replace(budget, multi_fidelity="from_scratch"), 2)
        rules(rule, True)
    if factory.takes.signals:
        rule = "works with signals that are missing for some architectures (NaN)"
        problem, learner = made(_Blinded(plain), budget, 1)
        run_on(problem, learner, _Blinded(plain), factory, rule, 2)
        rules(rule, True)
    if factory.takes.auxiliary:
        rule = "works with columns told beside the objectives, missing for some architectures (NaN)"
        run(rule, Altered(plain, gaps=True), budget)
        rules(rule, True)
    if factory.takes.prior:
        _check_prior(rules, factory, made(plain, budget, 1), run_on, plain, block)
    return rules.kept


_MISHAPS = Mishaps(stragglers=1.0, failures=0.2, hangs=0.05, retries=1, timeout=3.0)


def _silent(factory: type[Strategy]) -> type[Strategy]:
    """Return a strategy that breaks a rule where its recommendation draws from its generator."""

    class Silent(factory):  # type: ignore[misc, valid-type]  # mypy takes no value for a base
        def recommend(self) -> Archs:
            before = self.rng.bit_generator.state
            archs: Archs = super().recommend()
            if self.rng.bit_generator.state != before:
                raise HarnessError(f"strategy {factory.__name__} breaks the rule: recommend draws nothing")
            return archs

    return Silent


class _Blinded(Altered):
    """A benchmark whose signals are missing for half of the architectures, drawn by their codes."""

    def look(self, signal: str, archs: Archs) -> FloatArray:
        """Return a signal, NaN where it is missing."""
        missing = mix64(self.space.code(archs)) % np.uint64(2) == 0
        return np.where(missing, np.nan, super().look(signal, archs))


def _check_prior(
    rules: Rules,
    factory: type[Strategy],
    made: tuple[Problem, Surrogate | None],
    run_on: Callable[..., tuple[Run, ...]],
    on: Benchmark,
    block: Sequence[Run],
) -> None:
    """Check that a strategy learns from finished trainings, that their names say nothing, and that it asks for them."""
    problem, learner = made
    rule = "does not depend on the names of its sources"
    renamed = tuple(replace(prior, source=f"other {place}") for place, prior in enumerate(problem.prior))
    rules(rule, _same_traces(block, run_on(replace(problem, prior=renamed), learner, on, factory, rule, 2)))
    rule = "works with sources that tell nothing"
    run_on(replace(problem, prior=problem.prior[-1:]), learner, on, factory, rule, 1)
    rules(rule, True)
    refused = bool(factory.takes.refusal(replace(problem, prior=())))
    rules("is refused without finished trainings of other tables", refused)


def made_up_priors(benchmark: Benchmark) -> tuple[Prior, ...]:
    """Return sources for a check: results of the benchmark itself, the same turned round, one result, and none."""
    archs = distinct(benchmark.space, _TRAININGS, np.random.default_rng(1))
    told = benchmark.query(Proposals.of(archs, len(benchmark.fidelities) - 1), noise_seed=None)
    good = np.isfinite(told.objectives).all(axis=1)
    archs, values, seconds = archs[good], told.objectives[good], told.seconds[good]
    parts = {
        "alike": (archs, values, seconds),
        "turned round": (archs, values.max(axis=0) + values.min(axis=0) - values, seconds),
        "one": (archs[:1], values[:1], seconds[:1]),
        "none": (archs[:0], values[:0], seconds[:0]),
    }
    for columns in parts.values():
        for column in columns:
            column.flags.writeable = False
    return tuple(Prior(name, *columns) for name, columns in parts.items())


def _budget(factory: type[Strategy], on: Benchmark) -> Budget:
    """Return a budget of 60 evaluations, or of what they cost where a strategy trains at lower fidelities."""
    if not factory.takes.fidelities:
        return Budget(evaluations=60)
    if on.has_seconds:
        return Budget(seconds=60 * _typical_seconds(on), multi_fidelity="resumable")
    return Budget(epochs=60 * on.fidelities[-1].epoch, multi_fidelity="resumable")


def _shared(budget: Budget, n_workers: int) -> Budget:
    """Return a budget under which workers together spend what one alone would."""
    return budget if budget.seconds is None else replace(budget, seconds=budget.seconds / n_workers)


def _halved(budget: Budget) -> Budget:
    """Return a budget of half the size, for what needs no long run."""
    if budget.evaluations is not None:
        return replace(budget, evaluations=budget.evaluations // 2)
    if budget.seconds is not None:
        return replace(budget, seconds=budget.seconds / 2)
    return replace(budget, epochs=(budget.epochs or 0.0) / 2)


def _kept(budget: Budget, run: Run) -> bool:
    """Say whether a run kept its budget."""
    if budget.evaluations is not None:
        return len(run.trace) <= budget.evaluations
    return budget.seconds is None or bool(np.all(run.trace.finished_seconds <= budget.seconds))


def _variants(
    factory: type[Strategy], benchmark: Benchmark | None, budget: Budget
) -> Iterator[tuple[str, Benchmark, Budget, int]]:
    """Yield what else a strategy must cope with: rule, benchmark, budget, workers."""
    failing: Benchmark
    constrained: Benchmark
    if benchmark is None:
        m = factory.takes.fewest_objectives
        plain: Benchmark = ToyBenchmark(objectives=m)
        failing = ToyBenchmark(failing=True, objectives=m)
        constrained = ToyBenchmark(constraints=(Constraint("size", "<=", 7.0),), objectives=m)
    else:
        plain = benchmark
        failing, constrained = Altered(benchmark, failing=True), Altered(benchmark, constrained=True)
    if plain.has_seconds:
        yield "works with parallel workers and results in any order", plain, budget, 4
        time = 60 * _typical_seconds(plain)
        yield "works under a time budget", plain, replace(budget, evaluations=None, seconds=time), 3
    yield "survives failed trainings (NaN)", failing, budget, 1
    yield "works under constraints", constrained, budget, 1


def _several(
    factory: type[Strategy], benchmark: Benchmark | None, budget: Budget
) -> Iterator[tuple[str, Benchmark, Budget, int]]:
    """Yield several objectives on the toy benchmark, for strategies that take them: as `_variants`."""
    takes = factory.takes
    if benchmark is not None:
        return
    bounded = (Constraint("size", "<=", 7.0),)
    for count in range(max(2, takes.fewest_objectives), 4):
        if takes.objectives is None or count <= takes.objectives:
            rule = f"works with {count} objectives"
            yield rule, ToyBenchmark(objectives=count), budget, 1
            harder = ToyBenchmark(objectives=count, failing=True, constraints=bounded)
            yield f"{rule}, parallel workers, failed trainings and constraints", harder, budget, 4


def _typical_seconds(benchmark: Benchmark) -> float:
    """Return the median seconds of a training at the full fidelity; 1 where none is known."""
    archs = benchmark.space.sample(50, np.random.default_rng(0))
    told = benchmark.query(Proposals.of(archs, len(benchmark.fidelities) - 1), noise_seed=None)
    known = told.seconds[told.seconds > 0]
    return float(np.median(known)) if len(known) else 1.0


def _same_traces(a: Sequence[Run], b: Sequence[Run]) -> list[bool]:
    pairs = [(x.trace, y.trace) for x, y in zip(a, b, strict=False)]
    return [same(x.archs, y.archs) and same(x.objectives, y.objectives) for x, y in pairs]
