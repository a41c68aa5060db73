"""The results of one-shot methods, with what they recommended looked up in the table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness import registry
from harness.checks import Archs, FloatArray, IntArray
from harness.errors import ResultError, typed
from harness.experiments.kind import kind_of
from harness.experiments.manifest import MANIFEST, Manifest, read_manifest
from harness.experiments.recommendations import recommended, representatives
from harness.experiments.results import check_training, checked_runs
from harness.experiments.shards import Shard
from harness.experiments.spec import SUPERNET, Spec
from harness.experiments.store import read_units
from harness.judging.incumbent import incumbents
from harness.records import Run
from reports.statistics.agreement import kendall
from reports.study.naming import titles
from reports.study.opening import OpenOracle, open_truth, own_name
from reports.study.provenance import library_versions
from reports.study.truth import Truth

_MACS = "macs_m"
"""The column of multiply-adds, where a table has one."""


@dataclass(frozen=True, eq=False)
class Supernet:
    """One training of a supernet, over T epochs.

    Attributes
    ----------
    replicate : int
    derivations : tuple of str
        The first is what the method hands over.
    epochs : (n,) int64
        From 1, at which something was recommended.
    archs : mapping of str to (n, L) unsigned integers
        By derivation.
    regrets : mapping of (derivation, split) to (n,) float64
        Looked up.
    units, seconds : (T,) float64
        Spent so far: in units of one training of the table by multiply-adds, and real.
    logs : mapping of str to (T, ...) float64
        See `harness.experiments.answers.OBSERVED`.
    sample : Archs
        Architectures of different functional classes, (k, L).
    inherited : (k,) float64
        Their accuracies in percent with the weights of the supernet.
    stopped : bool
        Whether the method stopped before its epochs were over.
    alone : Archs
        What was trained by itself: what was handed over, a row for each derivation, then random ones, (m, L).
    alone_inherited : (m,) float64
        Their accuracies in percent with the weights of the supernet.
    statistics : str
        How batch normalisation was treated where subnets were evaluated; empty where the method does not say.
    """

    replicate: int
    derivations: tuple[str, ...]
    epochs: IntArray
    archs: Mapping[str, Archs]
    regrets: Mapping[tuple[str, str], FloatArray]
    units: FloatArray
    seconds: FloatArray
    logs: Mapping[str, FloatArray]
    sample: Archs
    inherited: FloatArray
    stopped: bool
    alone: Archs
    alone_inherited: FloatArray
    statistics: str = ""

    @property
    def last(self) -> Archs:
        """What was handed over, (1, L), or none, (0, L)."""
        return self.archs[self.derivations[0]][-1:]


@dataclass(frozen=True, eq=False)
class Panel:
    """All that was run on one benchmark.

    Attributes
    ----------
    truth : Truth
    supernets : mapping of str to list of Supernet
        By label.
    searches : mapping of str to list of (units, regrets by split)
        Of the incumbents of each run of strategies that are asked, and at its end, by label.
    """

    truth: Truth
    supernets: Mapping[str, list[Supernet]]
    searches: Mapping[str, list[tuple[FloatArray, dict[str, FloatArray]]]]

    def best(self, one: Supernet, share: float) -> IntArray:
        """Return the places of the table's best share of a sample."""
        truth = self.truth.sign("validation") * self.truth.mean(one.sample, "validation")
        return np.argsort(-truth, kind="stable")[: max(2, round(share * len(truth)))]

    def ceiling(self, one: Supernet, share: float = 1.0) -> float:
        """Return the mean tau of one training with the mean of the others, on the best share; NaN without repeats."""
        archs = one.sample[self.best(one, share)]
        runs = self.truth.oracle.trainings(archs, self.truth.column("validation").name)
        if runs.shape[1] < 2 or not np.isfinite(runs).all():
            return float("nan")
        others = (runs.sum(1, keepdims=True) - runs) / (runs.shape[1] - 1)
        return float(np.mean([kendall(*pair) for pair in zip(runs.T, others.T, strict=True)]))


@dataclass(frozen=True, eq=False)
class SupernetResults:
    """The results of an experiment with one-shot methods.

    Attributes
    ----------
    spec : Spec
    panels : tuple of Panel
    missing : tuple of str
        Supernets without a result, in words.
    """

    spec: Spec
    panels: tuple[Panel, ...]
    missing: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the one-shot methods, in the order of the spec."""
        found = {label for panel in self.panels for label in panel.supernets}
        return tuple(item.label for item in self.spec.strategies if item.label in found)

    @property
    def growing(self) -> tuple[str, ...]:
        """Labels of those that grow networks, and tell their lineage; the others train supernets."""
        found = {
            label for panel in self.panels for label, group in panel.supernets.items() if "lineage" in group[0].logs
        }
        return tuple(label for label in self.labels if label in found)


def read_supernets(
    folder: Path, open_oracle: OpenOracle = registry.oracle, *, allow_missing: bool = True
) -> SupernetResults | None:
    """Read what one-shot methods left in a folder of results; None where there is no such experiment.

    Raises
    ------
    ResultError
        If results are missing (unless that is allowed), damaged or of another table.
    """
    manifest = read_manifest(folder)
    if manifest.spec.kind != SUPERNET:
        return None
    supernets: dict[tuple[str, str], list[Any]] = {}
    runs: dict[tuple[str, str], list[Run]] = {}
    missing = []
    for entry, result in read_units(folder, manifest, kind_of(SUPERNET)):
        if result is None:
            missing.append(f"{entry.label} on {entry.benchmark}, replicate {entry.first}")
        elif isinstance(result[0], Shard):
            runs.setdefault((entry.benchmark, entry.label), []).extend(
                checked_runs(str(folder / MANIFEST), manifest, entry, *result)
            )
        else:
            check_training(str(folder / MANIFEST), manifest, entry, result[0])
            supernets.setdefault((entry.benchmark, entry.label), []).append(result)
    if missing and not allow_missing:
        raise ResultError(
            f"'{folder}' is incomplete: {'; '.join(missing[:3])}{' ...' if len(missing) > 3 else ''}; run the spec"
            " again, or report what is there with --allow-missing"
        )
    if not supernets:
        raise ResultError(f"'{folder}' has no supernet yet; run the spec")
    return SupernetResults(
        manifest.spec, tuple(_panels(manifest, folder, open_oracle, supernets, runs)), tuple(missing)
    )


def provenance(results: SupernetResults) -> dict[str, Any]:
    """Return what stands beside every figure of one-shot methods: experiment, command, tables, versions, seed."""
    return {
        "experiment": results.spec.name,
        "command": typed("report", f"results/{results.spec.name}"),
        "table_sha256": {panel.truth.name: panel.truth.facts.table_digest for panel in results.panels},
        "versions": library_versions(),
        "root_seed": results.spec.seed,
    }


def _panels(
    manifest: Manifest,
    folder: Path,
    open_oracle: OpenOracle,
    supernets: Mapping[tuple[str, str], list[Any]],
    runs: Mapping[tuple[str, str], list[Run]],
) -> Iterator[Panel]:
    opened = {
        name: open_truth(facts.name, facts.table_digest, folder, open_oracle)
        for name, facts in manifest.benchmarks.items()
    }
    shown = titles({name: own_name(name, oracle) for name, (oracle, _) in opened.items()})
    labels = [item.label for item in manifest.spec.strategies]
    for name, facts in manifest.benchmarks.items():
        truth = Truth(facts, opened[name][0], (), shown[name], opened[name][1])
        trained = {
            label: sorted((_supernet(truth, *pair) for pair in supernets[name, label]), key=lambda one: one.replicate)
            for label in labels
            if (name, label) in supernets
        }
        searched = {
            label: [_search(truth, run) for run in runs[name, label]] for label in labels if (name, label) in runs
        }
        if trained:
            yield Panel(truth, trained, searched)


def _check_genes(truth: Truth, columns: Mapping[str, Any]) -> None:
    """Refuse architectures whose genes the space of the table does not have."""
    space = truth.oracle.space
    for name in ("recommended/archs", "sample/archs", "alone/archs", "log/lineage"):
        genes = np.asarray(columns.get(name, np.empty((0, space.genes))))
        if genes.shape[-1] != space.genes or not ((genes >= 0) & (genes < space.cardinalities)).all():
            raise ResultError(
                f"a result on {truth.name} is damaged: its column {name} holds genes that the space '{space.name}' has"
                " not; delete it and run the spec again"
            )


def _supernet(truth: Truth, unit: Any, output: Any) -> Supernet:
    facts, columns = json.loads(output.texts["facts"]), output.columns
    _check_genes(truth, columns)
    archs, regrets, epochs = dict[str, Archs](), dict[tuple[str, str], FloatArray](), np.empty(0, dtype=np.int64)
    for place, derivation in enumerate(facts["derivations"]):
        epochs, archs[derivation] = recommended(columns, place)
        for split in truth.splits:
            regrets[derivation, split] = truth.regrets_of(split, truth.mean_where_known(archs[derivation], split))
    return Supernet(
        unit.first,
        tuple(facts["derivations"]),
        epochs,
        archs,
        regrets,
        np.cumsum(columns["units"]),
        np.cumsum(columns["seconds"]),
        {name.removeprefix("log/"): values for name, values in columns.items() if name.startswith("log/")},
        columns["sample/archs"],
        columns["sample/inherited"],
        bool(facts["stopped"]),
        columns.get("alone/archs", columns["sample/archs"][:0]),
        columns.get("alone/inherited", np.empty(0)),
        str(unit.hyperparameters.get("statistics", "")),
    )


def _search(truth: Truth, run: Run) -> tuple[FloatArray, dict[str, FloatArray]]:
    """Return what a run had spent at each of its incumbents and at its end, in units, and their regrets by split."""
    fidelities = truth.facts.fidelities
    full = len(fidelities) - 1
    shares = np.array([item.epoch / fidelities[full].epoch for item in fidelities])[run.trace.fidelity]
    rows = incumbents(run.trace, full)
    spent = np.cumsum(shares * _relative_macs(truth, run.trace.archs))
    held = np.append(rows, rows[-1:])
    archs = run.trace.archs[held]
    ends = np.append(spent[rows], spent[-1:] if len(rows) else [])
    return ends, {split: truth.regrets_of(split, truth.mean(archs, split)) for split in truth.splits}


def _relative_macs(truth: Truth, archs: Archs) -> FloatArray:
    """Return multiply-adds over those of the mean of the space, (n,); ones where the table does not know them."""
    if _MACS not in truth.oracle.columns:
        return np.ones(len(archs))
    mean = float(np.nanmean(truth.oracle.mean(representatives(truth.oracle.space), _MACS)))
    return np.asarray(truth.oracle.mean(archs, _MACS) / mean)
