"""Results of several experiments of one protocol, joined into one, and the rules by which two may be compared."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from harness.errors import ResultError, must
from harness.experiments.manifest import BenchmarkFacts
from harness.experiments.results import Results
from harness.experiments.spec import StrategySpec
from harness.names import read

PROTOCOL = (
    *("budget", "replicates", "seed", "n_workers", "objectives", "constraints", "deployments", "known_constraints"),
    *("transfer", "simulate", "free_signals", "auxiliary", "report_on"),
)
"""Keys of specs that must agree: without, runs are not alike, or replicates do not meet the same noise."""
Settings = tuple[StrategySpec, str]
"""See `settings_of`."""


def check_protocol(experiments: Sequence[Results]) -> None:
    """Refuse experiments whose protocols differ: budget, seed, workers, constraints, tables of one name.

    Raises
    ------
    ResultError
        Names the key, both values and both experiments.
    """
    first, *others = experiments
    for other in others:
        for key in PROTOCOL:
            ours, theirs = getattr(first.spec, key), getattr(other.spec, key)
            if ours != theirs:
                what = _differing(ours, theirs)
                raise ResultError(
                    f"`{key}` of {_called(first)} and {_called(other)} must be the same to compare their runs,"
                    f" replicate by replicate, got {what}; run one of them again under the protocol of the other"
                )
        for name in filter(other.benchmarks.__contains__, first.benchmarks):
            ours, theirs = first.benchmarks[name], other.benchmarks[name]
            if ours.table_digest != theirs.table_digest:
                raise ResultError(
                    f"the table '{name}' of {_called(first)} is not that of {_called(other)} (digests"
                    f" {ours.table_digest[:12]} and {theirs.table_digest[:12]}); run one of them again"
                )
            if _alike(ours) != _alike(theirs):
                raise ResultError(
                    f"what was searched on '{name}' must be the same in {_called(first)} and {_called(other)}:"
                    " objectives, fidelities and what is charged"
                )


def _differing(ours: Any, theirs: Any) -> str:
    """Say by what two values differ: of records, by which of their fields."""
    if type(ours) is type(theirs) and hasattr(ours, "__dataclass_fields__"):
        fields = [name for name in vars(ours) if getattr(ours, name) != getattr(theirs, name)]
        return ", ".join(f"{name} = {getattr(ours, name)!r} and {getattr(theirs, name)!r}" for name in fields)
    return f"{ours!r} and {theirs!r}"


def _alike(facts: BenchmarkFacts) -> tuple[Any, ...]:
    return facts.objectives, facts.fidelities, facts.validation_pass, facts.known


def _called(results: Results) -> str:
    return f"'{results.folder or results.spec.name}'"


def joined(experiments: Sequence[Results]) -> Results:
    """Join experiments of one protocol into one: all their strategies, on all their benchmarks.

    A strategy that two experiments ran under one label with the same settings and in the same version is one strategy,
    and its runs are taken from the first that has them; one that differs is followed by the name of its experiment.
    What a strategy was not run on is missing.

    Parameters
    ----------
    experiments : sequence of Results
        At least one.

    Raises
    ------
    ResultError
        If their protocols differ; see `check_protocol`.
    """
    if not experiments:
        raise ResultError(must("results", "name at least one experiment", []))
    if len(experiments) == 1:
        return experiments[0]
    check_protocol(experiments)
    first = experiments[0]
    names = named(experiments)
    strategies: dict[str, StrategySpec] = {}
    runs: dict[tuple[str, str, int], Any] = {}
    versions: dict[str, str] = {}
    for place, results in enumerate(experiments):
        for strategy in results.spec.strategies:
            label = names[place, strategy.label]
            strategies.setdefault(label, replace(strategy, label=label))
            if strategy.label in results.versions:
                versions.setdefault(label, results.versions[strategy.label])
        for run in results.runs:
            label = names[place, run.label]
            runs.setdefault((run.benchmark, label, run.replicate), replace(run, label=label))
    spec = replace(
        first.spec,
        name=_name(experiments),
        benchmarks=tuple(dict.fromkeys(name for results in experiments for name in results.spec.benchmarks)),
        strategies=tuple(strategies.values()),
        report=replace(first.spec.report, highlight=_highlighted(experiments, names)),
    )
    facts = {name: item for results in experiments for name, item in results.benchmarks.items()}
    tasks = [task.name for task in spec.tasks]
    order = [(task, label, replicate) for task in tasks for label in strategies for replicate in range(spec.replicates)]
    missing = tuple(
        (task, label, first_missing, stop)
        for task in tasks
        for label in strategies
        for first_missing, stop in _gaps([(task, label, one) in runs for one in range(spec.replicates)])
    )
    listed = {name: facts[name] for name in [*tasks, *spec.report_on]}
    kept = tuple(runs[key] for key in order if key in runs)
    return Results(spec, listed, kept, missing, first.folder, versions, reported(experiments), first.derived)


def reported(experiments: Sequence[Results]) -> tuple[str, ...]:
    """Return the arguments of `nas-harness report` that put experiments together: the folder of each, by its name."""
    parts = [part for one in experiments for part in one.reported or (f"results/{one.spec.name}",)]
    return tuple(dict.fromkeys(parts))


def only(results: Results, labels: Collection[str]) -> Results:
    """Return the results of some strategies, at least one."""
    spec = replace(results.spec, strategies=tuple(item for item in results.spec.strategies if item.label in labels))
    return replace(
        results,
        spec=spec,
        runs=tuple(run for run in results.runs if run.label in labels),
        missing=tuple(shard for shard in results.missing if shard[1] in labels),
        versions={label: version for label, version in results.versions.items() if label in labels},
    )


def _highlighted(experiments: Sequence[Results], names: dict[tuple[int, str], str]) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(
            names[place, label] for place, results in enumerate(experiments) for label in results.spec.report.highlight
        )
    )


def _gaps(there: Sequence[bool]) -> list[tuple[int, int]]:
    """Return the blocks of what is not there.

    >>> _gaps([True, False, False, True, False])
    [(1, 3), (4, 5)]
    """
    edges = [place for place in range(len(there) + 1) if _at(there, place) != _at(there, place - 1)]
    return list(zip(edges[::2], edges[1::2], strict=True))


def _at(there: Sequence[bool], place: int) -> bool:
    """Return whether something lacks at a place; nothing does outside."""
    return 0 <= place < len(there) and not there[place]


def named(experiments: Sequence[Results]) -> dict[tuple[int, str], str]:
    """Return what each strategy is called when experiments are joined, by place of the experiment and label."""
    settings: dict[str, list[Settings]] = {}
    for results in experiments:
        for strategy in results.spec.strategies:
            known = settings.setdefault(strategy.label, [])
            if (own := settings_of(results, strategy)) not in known:
                known.append(own)
    calls = [results.spec.name for results in experiments]
    if len(set(calls)) < len(calls):
        calls = [f"{name} {place}" for place, name in enumerate(calls, start=1)]
    return {
        (place, strategy.label): strategy.label if len(settings[strategy.label]) == 1 else f"{strategy.label} ({call})"
        for place, (results, call) in enumerate(zip(experiments, calls, strict=True))
        for strategy in results.spec.strategies
    }


def settings_of(results: Results, strategy: StrategySpec) -> Settings:
    """Return what of a strategy makes its runs what they are: settings, whatever it is labelled, and version.

    It has the name that it has wherever its file lies; the version is "" where results do not tell it.
    """
    return replace(strategy, name=read(strategy.name).own, label=""), results.versions.get(strategy.label, "")


def _name(experiments: Sequence[Results]) -> str:
    return "+".join(dict.fromkeys(results.spec.name for results in experiments)).replace("+", "-and-")
