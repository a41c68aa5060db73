"""The results of searches, as reports and notebooks read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from harness import registry
from harness.checks import Archs
from harness.errors import ResultError, typed
from harness.experiments.kind import Output, kind_of
from harness.experiments.manifest import (
    MANIFEST,
    BenchmarkFacts,
    Entry,
    Manifest,
    check_chosen,
    check_same,
    read_manifest,
)
from harness.experiments.recommendations import derived_last
from harness.experiments.shards import Shard, runs_of
from harness.experiments.spec import SUPERNET, Spec
from harness.experiments.store import read_units
from harness.judging.incumbent import incumbents
from harness.names import read
from harness.printable import counted
from harness.records import Run

Found = tuple[Entry, tuple[Any, Output] | None]
"""An entry of a manifest, and its unit with its result where there is one."""


@dataclass(frozen=True)
class Results:
    """An experiment's results, whole or in part.

    Attributes
    ----------
    spec : Spec
    benchmarks : mapping of str to BenchmarkFacts
        By name; under deployments, by the name of each task, ``"nb201-cifar10 (phone)"``, as in the runs.
    runs : tuple of Run
        In the order benchmark, strategy, replicate of the spec.
    missing : tuple of (benchmark, label, first, stop)
        Shards of the spec without a result, or with a damaged one.
    folder : Path or None
    versions : mapping of str to str
        What of each strategy ran, by label: its version, and the beginning of the SHA-256 of a file of one's own.
    reported : tuple of str
        Of several experiments as one: the arguments of `nas-harness report` that put them together; () of one alone.
    derived : mapping of str to tuple of (m, L) unsigned integers
        By benchmark: what each replicate of each one-shot method ended with, a row for each of its derivations.
    """

    spec: Spec
    benchmarks: Mapping[str, BenchmarkFacts]
    runs: tuple[Run, ...]
    missing: tuple[tuple[str, str, int, int], ...] = ()
    folder: Path | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    reported: tuple[str, ...] = ()
    derived: Mapping[str, tuple[Archs, ...]] = field(default_factory=dict)

    def __repr__(self) -> str:
        missing = f", {counted(len(self.missing), 'shard')} missing" if self.missing else ""
        what = f"{counted(len(self.runs), 'run')} of {list(self.labels)} on {list(self.benchmarks)}"
        return f"Results({self.spec.name!r}: {what}{missing})"

    def _repr_html_(self) -> str:
        """Return a table for notebooks: the median over runs of the best that was told, of one objective."""
        single = [name for name, facts in self.benchmarks.items() if len(facts.objectives) == 1]
        head = "".join(
            f"<th>{escape(name)}<br>{escape(self.benchmarks[name].objectives[0].name)}</th>" for name in single
        )
        rows = "".join(
            f"<tr><th>{escape(label)}</th>{''.join(f'<td>{self._final(name, label)}</td>' for name in single)}</tr>"
            for label in self.labels
        )
        told = (
            "Median over runs of the best at full fidelity, as it was told; <code>nh.report(results)</code> judges it."
        )
        table = f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table>" if single else ""
        return f"<p>{escape(repr(self))}</p>{table}{f'<p>{told}</p>' if single else ''}"

    def _final(self, benchmark: str, label: str) -> str:
        """Return the median of the final incumbents as text, a dash where no run has one."""
        facts, finals = self.benchmarks[benchmark], []
        for run in self.of(benchmark, label):
            rows = incumbents(run.trace, len(facts.fidelities) - 1)
            if len(rows):
                finals.append(float(run.trace.objectives[rows[-1], 0]))
        return f"{float(facts.objectives[0].to_published(np.median(finals))):.6g}" if finals else "-"

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the strategies, in the order of the spec."""
        return tuple(strategy.label for strategy in self.spec.strategies)

    def of(self, benchmark: str, label: str) -> tuple[Run, ...]:
        """Return the runs of one strategy on one benchmark, by replicate."""
        return tuple(run for run in self.runs if run.benchmark == benchmark and run.label == label)


def checked_runs(where: str, manifest: Manifest, entry: Entry, shard: Shard, output: Output) -> list[Run]:
    """Return the runs of a shard, as its manifest calls them.

    Raises
    ------
    ResultError
        If the manifest says of the result what the result itself does not say; the message begins with `where`.
    """
    _check_same(where, manifest, entry, shard)  # all but the names of table and strategy, which are free
    fidelity, known = np.asarray(output.columns["trace/fidelity"]), len(manifest.benchmarks[entry.benchmark].fidelities)
    if ((fidelity < 0) | (fidelity >= known)).any():
        raise ResultError(
            f"{where}: damaged manifest (the result {entry.digest[:12]}.h5 has fidelities beside its {known});"
            " run the spec again to rewrite it"
        )
    return [replace(run, benchmark=entry.benchmark, label=entry.label) for run in runs_of(shard, output)]


def check_training(where: str, manifest: Manifest, entry: Entry, unit: Any) -> None:
    """Refuse a manifest that says of a supernet what its result does not say; the arguments are those of `check_same`.

    Raises
    ------
    ResultError
        Names what differs.
    """
    spec, digest = manifest.spec, manifest.benchmarks[entry.benchmark].table_digest
    check_same(where, entry, unit, seed=spec.seed, epochs=spec.budget.supernet_epochs, table_digest=digest)
    check_chosen(where, entry, spec, unit.method, unit.hyperparameters)


def _check_same(where: str, manifest: Manifest, entry: Entry, shard: Shard) -> None:
    """Refuse a manifest that says of a result what the result itself does not say."""
    spec, facts = manifest.spec, manifest.benchmarks[entry.benchmark]
    check_same(
        where,
        entry,
        shard,
        table_digest=facts.table_digest,
        objectives=tuple(objective.name for objective in facts.objectives),
        constraints=next(task.constraints for task in spec.tasks if task.name == facts.task),
        known=facts.known,
        budget=replace(spec.budget, supernet_epochs=None),
        **{key: getattr(spec, key) for key in ("n_workers", "seed", "simulate")},
    )
    settings = {key: value for key, value in shard.hyperparameters.items() if key != "inner"}  # it is filled in
    check_chosen(where, entry, spec, shard.strategy, settings)


def _searches(manifest: Manifest, found: Sequence[Found]) -> Manifest | None:
    """Return a manifest without its one-shot methods: what is left is as an experiment of searches alone; None of none.

    Of classes in files what they left tells what they are: no code that a folder names is imported.
    """
    spec = manifest.spec
    trained = {entry.label for entry, result in found if result is not None and not isinstance(result[0], Shard)}
    trained |= {
        item.label
        for item in spec.strategies
        if read(item.name).path is None and registry.kind_of(item.name) == "one_shot"
    }
    asked = tuple(item for item in spec.strategies if item.label not in trained)
    if not asked:
        return None
    highlight = tuple(label for label in spec.report.highlight if label not in trained)
    alone = replace(
        spec,
        strategies=asked,
        report=replace(spec.report, highlight=highlight),
        budget=replace(spec.budget, supernet_epochs=None),
        kind=Spec.kind,
    )
    return Manifest(alone, manifest.benchmarks, tuple(item for item in manifest.entries if item.label not in trained))


def read_results(folder: str | Path) -> Results:
    """Read an experiment's results, complete or not.

    Raises
    ------
    ResultError
        If the folder holds no results, or those of another kind of work.
    """
    results, _ = _read(Path(folder))
    if results.spec.kind == SUPERNET:
        raise ResultError("these are results of one-shot methods alone; `nas-harness report` writes their page")
    return results


def read_ended(folder: str | Path) -> Results:
    """Read what an experiment of searches, of one-shot methods or of both ended with.

    Returns
    -------
    Results
        As `read_results` gives them, but that supernets without a result are missing too; of one-shot methods alone,
        their spec and no runs.

    Raises
    ------
    ResultError
        If the folder holds no results, or those of another kind of work.
    """
    results, trained = _read(Path(folder))
    missing = [(entry.benchmark, entry.label, entry.first, entry.stop) for entry, result in trained if result is None]
    return replace(results, missing=(*results.missing, *missing))


def _read(folder: Path) -> tuple[Results, list[Found]]:
    """Return the results of the searches of an experiment, and what its one-shot methods left."""
    manifest = read_manifest(folder)
    if manifest.spec.kind not in (Spec.kind, SUPERNET):
        raise ResultError(
            f"'{folder}' holds results of the kind '{manifest.spec.kind}', not of searches; "
            f"`{typed('report', folder)}` writes their figures, and their tables as CSV"
        )
    where = str(folder / MANIFEST)
    found: Iterable[Found] = read_units(folder, manifest, kind_of(manifest.spec.kind))
    if manifest.spec.kind != SUPERNET:
        return results_of(manifest, found, where, folder), []
    found = list(found)
    searches = _searches(manifest, found)
    entries = () if searches is None else searches.entries
    asked = [item for item in found if item[0] in entries]
    trained = [item for item in found if item[0] not in entries]
    derived = dict[str, tuple[Archs, ...]]()
    for entry, result in trained:
        if result is not None:
            check_training(where, manifest, entry, result[0])
            derived[entry.benchmark] = (*derived.get(entry.benchmark, ()), derived_last(result[1].columns))
    return replace(results_of(searches or manifest, asked, where, folder), derived=derived), trained


def results_of(
    manifest: Manifest, units: Iterable[tuple[Entry, tuple[Shard, Output] | None]], where: str, folder: Path | None
) -> Results:
    """Return the results of the units of work that a manifest lists.

    Parameters
    ----------
    manifest : Manifest
        Of searches.
    units : iterable of (Entry, (Shard, Output) or None)
        Its entries in order, each with its result where there is one.
    where : str
        Begins the message of an error.
    folder : Path or None
        See `Results`.

    Raises
    ------
    ResultError
        If the manifest says of a result what the result itself does not say.
    """
    runs: list[Run] = []
    missing, versions = [], dict[str, str]()
    for entry, result in units:
        if result is None:
            missing.append((entry.benchmark, entry.label, entry.first, entry.stop))
        else:
            runs += checked_runs(where, manifest, entry, *result)
            versions[entry.label] = result[0].version
    return Results(manifest.spec, manifest.benchmarks, tuple(runs), tuple(missing), folder, versions)
