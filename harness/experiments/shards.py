"""Running one shard: a pure function from a `Shard` to its result, the same in every process."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

import numpy as np

from harness import registry
from harness.benchmark import Benchmark
from harness.digests import without
from harness.errors import HarnessError, StrategyError, must
from harness.experiments.spec import Shard, Spec, StrategySpec
from harness.experiments.store import ShardResult
from harness.own_classes import file_sha256
from harness.problem import Problem
from harness.search.loop import make_problem, run_block
from harness.seeding import generator, noise_seed
from harness.strategy import Strategy
from harness.surrogate import Surrogate


def open_benchmark(shard: Shard | Spec, name: str, *, check_content: bool = False) -> Benchmark:
    """Open a benchmark with the objectives, constraints and table seeds of a shard or a spec."""
    return registry.benchmark(
        name,
        objectives=shard.objectives,
        constraints=shard.constraints,
        training=0 if shard.budget.table_seed == "fixed" else None,
        check_content=check_content,
    )


def make_learner(factory: type[Strategy], surrogate: Any, benchmark: Benchmark, device: str) -> Surrogate | None:
    """Build the learner that a strategy takes: the one named, or the strategy's default; None if it takes none."""
    if "surrogate" not in registry.keywords(factory):
        if surrogate is not None:
            raise HarnessError(f"the strategy {factory.__name__} takes no `surrogate`, got {dict(surrogate)!r}")
        return None
    settings = factory.default_surrogate if surrogate is None else surrogate
    if settings is None:
        raise HarnessError(f"the strategy {factory.__name__} needs a `surrogate`: name one in the spec")
    return registry.surrogate(settings, benchmark.space, device=device)


def table_name(benchmark: Benchmark) -> str:
    """Return a table's own name, wherever its file lies: what random streams are addressed by."""
    return str(getattr(benchmark, "table_name", benchmark.name))


def make_strategy(
    factory: type[Strategy], shard: Shard, problem: Problem, learner: Surrogate | None, table: str, replicate: int
) -> Strategy:
    """Build the strategy of a replicate, with the random stream that its names address."""
    rng = generator(shard.seed, "strategy", shard.strategy_name, table, replicate)
    hyperparameters = {**factory.later_hyperparameters, **shard.hyperparameters}
    return registry.build_strategy(factory, problem, rng, hyperparameters, learner)


def resolve(
    spec: Spec, strategy: StrategySpec, benchmark: Benchmark, device: str, factory: type[Strategy] | None = None
) -> list[Shard]:
    """Return the shards of a strategy on a benchmark, after building the strategy once to check its values.

    Raises
    ------
    HarnessError
        If the strategy, its hyperparameters, its surrogate or the budget do not fit the benchmark.
    """
    given_class = factory is not None
    factory = factory or registry.strategy(strategy.name)
    known = registry.keywords(factory)
    learner = make_learner(factory, strategy.surrogate, benchmark, device)
    problem = make_problem(benchmark, spec.budget, spec.n_workers)
    hyperparameters = {name: value for name, value in known.items() if name != "surrogate"}
    hyperparameters |= strategy.hyperparameters
    libraries = (*(("numpy",) if learner is None else learner.libraries), *getattr(benchmark, "libraries", ()))
    registry.build_strategy(factory, problem, np.random.default_rng(0), strategy.hyperparameters, learner)
    _check_plain(hyperparameters)
    return [
        Shard(
            benchmark=benchmark.name,
            table_digest=benchmark.digest,
            strategy=strategy.name,
            strategy_version=factory.version,
            strategy_sha256=None if given_class else file_sha256(strategy.name),
            hyperparameters=without(hyperparameters, factory.later_hyperparameters),
            surrogate=strategy.surrogate,
            learner=None if learner is None else learner.signature,
            objectives=tuple(objective.name for objective in benchmark.objectives),
            constraints=spec.constraints,
            budget=spec.budget,
            n_workers=spec.n_workers,
            seed=spec.seed,
            first=first,
            stop=min(first + spec.replicates_per_shard, spec.replicates),
            device="cpu" if learner is None else learner.device,
            versions={library: version(library) for library in libraries},
        )
        for first in range(0, spec.replicates, spec.replicates_per_shard)
    ]


def _check_plain(hyperparameters: Mapping[str, Any]) -> None:
    """Hyperparameters are part of the digest, so they must be what JSON can hold."""
    for name, value in hyperparameters.items():
        try:
            json.dumps(value)
        except (TypeError, ValueError):
            raise HarnessError(must(f"hyperparameter {name}", "be plain data (numbers, texts, lists)", value)) from None


def run_shard(
    shard: Shard, *, factory: type[Strategy] | None = None, on_step: Callable[[int], None] | None = None
) -> ShardResult:
    """Run a shard.

    Parameters
    ----------
    shard : Shard
    factory : type, optional
        The strategy's class, where it has no name of its own.
    on_step : callable, optional
        Called with the evaluations told so far, all replicates together.

    Raises
    ------
    HarnessError
        If the table, or the strategy's file, is not the one that the shard names.
    StrategyError
        If the strategy breaks a rule.
    """
    benchmark = open_benchmark(shard, shard.benchmark)
    if benchmark.digest != shard.table_digest:
        raise HarnessError(f"the table '{shard.benchmark}' changed after the run was prepared; run again")
    if factory is None:
        if file_sha256(shard.strategy) != shard.strategy_sha256:
            raise HarnessError(f"the file of '{shard.strategy}' changed after the run was prepared; run again")
        factory = registry.strategy(shard.strategy)
    problem = make_problem(benchmark, shard.budget, shard.n_workers)
    learner = make_learner(factory, shard.surrogate, benchmark, shard.device)
    replicates, table = range(shard.first, shard.stop), table_name(benchmark)
    strategies = [make_strategy(factory, shard, problem, learner, table, replicate) for replicate in replicates]
    noise = None
    if shard.budget.table_seed == "one_draw_per_arch":
        noise = np.array([noise_seed(shard.seed, table, replicate) for replicate in replicates])
    try:
        block = run_block(benchmark, problem, strategies, noise, on_step)
    except StrategyError:
        raise
    except Exception as error:
        error.add_note(
            f"while running {shard.strategy} on {shard.benchmark}, replicates {shard.first} to {shard.stop - 1}"
        )
        raise
    return ShardResult(shard, block.traces, block.stopped, block.overhead_seconds)
