"""The interface for notebooks: open a benchmark, run strategies in this process, get a frame, plot."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from harness import registry
from harness.benchmark import Benchmark
from harness.checks import choice
from harness.errors import HarnessError, must, unknown
from harness.experiments.kind import open_benchmark as open_for
from harness.experiments.manifest import BenchmarkFacts
from harness.experiments.objectives import check_objectives
from harness.experiments.prepare import too_small
from harness.experiments.processes import has_cuda
from harness.experiments.progress import Ledger, in_notebook
from harness.experiments.results import Results
from harness.experiments.shards import Shard, resolve, run_shard
from harness.experiments.spec import DEVICES, Spec, StrategySpec, check_labels
from harness.problem import Budget, Constraint
from harness.records import Run
from harness.strategy import Strategy

BUDGET_RULES = tuple(
    item.name for item in fields(Budget) if item.name not in ("evaluations", "seconds", "supernet_epochs")
)


def open_benchmark(
    name: str,
    *,
    objectives: Sequence[str] | None = None,
    constraints: Sequence[Constraint | str] = (),
    auxiliary: Sequence[str] = (),
) -> Benchmark:
    """Open a benchmark by name; its table is converted on first use.

    Parameters
    ----------
    name : str
        For example ``"nb201-cifar10"``; ``nas-harness list benchmarks`` shows all.
    objectives : sequence of str, optional
        Columns to optimise; the default is the validation metric.
    constraints : sequence of Constraint or str
        For example ``"params_m <= 0.5"``.
    auxiliary : sequence of str
        Columns that are told beside the objectives, for example ``["train_accuracy"]``.
    """
    return registry.benchmark(name, objectives=objectives, constraints=constraints, auxiliary=auxiliary)


def run(
    strategies: str | type[Strategy] | StrategySpec | Sequence[str | type[Strategy] | StrategySpec],
    benchmarks: str | Sequence[str],
    *,
    evaluations: int | None = None,
    seconds: float | None = None,
    replicates: int = 20,
    seed: int = Spec.seed,
    n_workers: int = Spec.n_workers,
    objectives: str | Sequence[str] | None = None,
    constraints: str | Sequence[Constraint | str] = (),
    budget: Mapping[str, Any] | None = None,
    device: str = "cpu",
    auxiliary: str | Sequence[str] = (),
) -> Results:
    """Run strategies on benchmarks in this process and keep the results in memory; a notebook shows how far it is.

    The runs are the same, number for number, as those of a spec with the same values.

    Parameters
    ----------
    strategies : str, Strategy class, StrategySpec, or a sequence of these
        Registered names, ``"path/to/file.py:Class"``, or classes defined in the notebook.
    benchmarks : str or sequence of str
    evaluations : int, optional
        Budget of each run.
    seconds : float, optional
        Budget of each run in simulated seconds.
    replicates : int
        Fewer than the 50 of a spec, because a notebook waits for them; all other defaults are those of a spec.
    seed : int
        Root of all random streams.
    n_workers : int
        Simulated parallel workers.
    objectives, constraints
        As in `open_benchmark`.
    budget : mapping, optional
        Further keys of `Budget`: `BUDGET_RULES`.
    device : {"cpu", "cuda"}
        Where learners compute.
    auxiliary : str or sequence of str
        As in `open_benchmark`; told to the strategies that read them.

    Returns
    -------
    Results

    Raises
    ------
    HarnessError
        If something given is wrong, or torch finds no CUDA device where one is asked for.
    """
    choice("device", device, DEVICES)
    if device == "cuda" and not has_cuda():
        raise HarnessError("`device = 'cuda'` needs a CUDA device and a torch built for it; torch finds none")
    for key in budget or {}:
        if key not in BUDGET_RULES:
            raise HarnessError(unknown("key of `budget`", key, BUDGET_RULES))
    given = _listed("strategies", strategies, (str, type, StrategySpec), "names, classes or StrategySpecs")
    tables = _listed("benchmarks", benchmarks, (str,), "names")
    classes = {item.__qualname__: item for item in given if isinstance(item, type)}
    spec = Spec(
        name="notebook",
        benchmarks=tuple(tables),
        strategies=tuple(_named(item) for item in given),
        budget=Budget(evaluations=evaluations, seconds=seconds, **(budget or {})),
        replicates=replicates,
        n_workers=n_workers,
        seed=seed,
        objectives=None if objectives is None else (objectives,) if isinstance(objectives, str) else tuple(objectives),
        constraints=tuple(
            item if isinstance(item, Constraint) else Constraint.parse(item)
            for item in ([constraints] if isinstance(constraints, str) else constraints)
        ),
        auxiliary=(auxiliary,) if isinstance(auxiliary, str) else tuple(auxiliary),
    )
    check_labels(spec, "strategies")
    facts, runs, shards = {}, list[Run](), dict[str, tuple[str, Shard]]()
    versions = dict[str, str]()
    for name in spec.benchmarks:
        benchmark = open_for(name, spec.objectives, spec.constraints, spec.budget, auxiliary=spec.auxiliary)
        facts[name] = BenchmarkFacts.of(benchmark)
        for notice in filter(None, [too_small(benchmark, spec.budget), *check_objectives(benchmark)]):
            warnings.warn(notice, stacklevel=2)
        for strategy in spec.strategies:
            for shard in resolve(spec, strategy, benchmark, device, classes.get(strategy.name)):
                shards[f"{len(shards)}"] = strategy.label, shard
    factories = {strategy.label: classes.get(strategy.name) for strategy in spec.strategies}
    with in_notebook() as show:
        ledger = Ledger(shards, show)
        ledger.waits_for(shards)
        ledger.start(0)
        for key, (label, shard) in shards.items():
            began = time.monotonic()
            found = run_shard(shard, factory=factories[label], on_step=partial(ledger.note, key))
            runs += [replace(run, label=label) for run in found]
            versions[label] = shard.version
            ledger.finished(key, time.monotonic() - began)
    return Results(spec, facts, tuple(runs), versions=versions)


def _listed(name: str, given: Any, single: tuple[type, ...], what: str) -> list[Any]:
    """Return one thing, or a sequence of them, as a list."""
    listed = [given] if isinstance(given, single) else given
    if not isinstance(listed, Sequence) or not all(isinstance(item, single) for item in listed):
        raise HarnessError(must(name, f"be {what}: one, or a list of them", given))
    return list(listed)


def _named(strategy: str | type[Strategy] | StrategySpec) -> StrategySpec:
    if isinstance(strategy, StrategySpec):
        return strategy
    return StrategySpec(strategy.__qualname__ if isinstance(strategy, type) else strategy)


def frame(results: Results) -> Any:
    """Return one row for each evaluation, as a pandas DataFrame; see `reports.study.frame.frame`."""
    return registry.load("view", "frame")(results)


def plot(results: Results, **options: Any) -> Any:
    """Draw regret of the incumbent over the budget, as a matplotlib Figure; see `reports.figures.render.plot`."""
    return registry.load("view", "plot")(results, **options)


def report(results: Results, out: str | Path | None = None, **options: Any) -> Any:
    """Write the page of results, and show it in a notebook; see `reports.page.notebook.report`."""
    return registry.load("view", "report")(results, out, **options)
