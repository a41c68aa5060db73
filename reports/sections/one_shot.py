"""The section of one-shot methods: regret of what they recommended over cost, operations over epochs, final cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from harness.checks import FloatArray
from harness.experiments.manifest import MANIFEST
from harness.printable import counted
from harness.spaces.four_nodes import NONE, SKIP
from harness.spaces.nb201.operations import OPERATIONS, POOL
from reports.figures.exhibit import Exhibit
from reports.figures.style import style_map
from reports.figures.supernets import KIND
from reports.sections import lineage
from reports.sections.section import Section
from reports.study.provenance import library_versions
from reports.study.study import Study
from reports.supernets.results import Panel, Supernet, SupernetResults, read_supernets
from reports.tables.numbers import NONE as UNKNOWN
from reports.tables.numbers import three_digits
from reports.tables.report_table import ReportTable

_SPLIT = "validation"
_POINTS = 120
"""Points of a curve."""
_HEADERS = (
    "Benchmark", "Method", "n", "Epochs", "Units", "Seconds", "Validation regret", "Test regret", "Other derivation",
    "Best epoch", "None", "Skips", "Pools", "Entropy", "Tau", "Tau, best half", "Ceiling",
)  # fmt: skip


def section(study: Study) -> Section | None:
    """Return what one-shot methods of the same spec did; None where there are none."""
    folder = study.results.folder
    if folder is None or not (folder / MANIFEST).exists():
        return None
    results = read_supernets(folder)
    return None if results is None else section_of(results)


def section_of(results: SupernetResults) -> Section:
    """Return figures, tables, sentences and methods of one-shot methods."""
    figures = [_regret(results, split) for split in ("validation", "test")]
    figures += [_seconds(results), *_operations(results)]
    return Section(
        "Weight sharing",
        tuple(sentences(results)),
        tuple(filter(None, figures)),
        (_summary(results), _cells(results), *filter(None, [lineage.table(results)])),
        tuple(_methods(results)),
    )


def sentences(results: SupernetResults) -> Iterator[str]:
    """Say for each benchmark which method handed over the best cell, what that cost, and whose cells collapsed."""
    for panel in results.panels:
        finals = {label: _final(group) for label, group in panel.supernets.items()}
        known = {label: value for label, value in finals.items() if np.isfinite(value)}
        if not known:
            continue
        best = min(known, key=lambda label: known[label])
        units = np.mean([one.units[-1] for one in panel.supernets[best]])
        text = f"{panel.truth.name}, weight sharing: {best} hands over the best cells, at a mean validation regret of"
        text += f" {three_digits(known[best])} after {three_digits(float(units))} units of one training"
        worst = max(known, key=lambda label: known[label])
        if worst != best:
            text += f"; {worst} the worst, at {three_digits(known[worst])}"
        same = [
            f"{label} {three_digits(_at(runs, float(units)))}"
            for label, runs in panel.searches.items()
            if np.isfinite(_at(runs, float(units)))
        ]
        yield f"{text}{f'; for as many units, {chr(44).join(same)}'.replace(',', ', ') if same else ''}."


def _final(group: Sequence[Supernet], derivation: int = 0, split: str = _SPLIT) -> float:
    """Return the mean regret of what was handed over; NaN where a replicate has none."""
    return float(np.mean([_last(one, derivation, split) for one in group]))


def _last(one: Supernet, derivation: int = 0, split: str = _SPLIT) -> float:
    regrets = one.regrets.get((one.derivations[min(derivation, len(one.derivations) - 1)], split), np.empty(0))
    return float(regrets[-1]) if len(regrets) else float("nan")


def _at(runs: Sequence[tuple[FloatArray, dict[str, FloatArray]]], units: float, split: str = _SPLIT) -> float:
    """Return the mean regret of searches after so many units; NaN where a run has no incumbent then."""
    return float(np.mean([_held(spent, regrets[split], np.array([units]))[0] for spent, regrets in runs]))


def _held(spent: FloatArray, values: FloatArray, at: FloatArray) -> FloatArray:
    """Return the last value at each of some costs, NaN before the first: steps."""
    places = np.searchsorted(spent, at, side="right") - 1
    return np.where(places >= 0, np.append(values, np.nan)[places], np.nan)


def _curve(runs: Sequence[tuple[FloatArray, FloatArray]], grid: FloatArray) -> Iterator[tuple[float, ...]]:
    """Yield x, mean, least and largest value of replicates on a grid, where all have one."""
    ends = max(float(spent[-1]) if len(spent) else np.inf for spent, _ in runs)
    held = np.stack([_held(spent, values, grid) for spent, values in runs])
    for x, column in zip(grid, held.T, strict=True):
        if np.isfinite(column).all() and x <= ends * (1 + 1e-9):
            yield float(x), float(column.mean()), float(column.min()), float(column.max())


def _rows(panel: Panel, split: str, cost: str) -> Iterator[tuple[Any, ...]]:
    curves: dict[str, list[tuple[FloatArray, FloatArray]]] = {}
    for label, group in panel.supernets.items():
        curves[label] = [(getattr(one, cost)[one.epochs - 1], one.regrets[one.derivations[0], split]) for one in group]
    if cost == "units":
        for label, runs in panel.searches.items():
            curves[label] = [(spent, regrets[split]) for spent, regrets in runs]
    for label, drawn in curves.items():
        points = np.concatenate([spent for spent, _ in drawn])
        if not len(points):
            continue
        grid = np.unique(points)
        if len(grid) > _POINTS:
            grid = np.geomspace(grid[0], grid[-1], _POINTS)
        yield from ((panel.truth.name, label, *row) for row in _curve(drawn, grid))


def _regret(results: SupernetResults, split: str) -> Exhibit | None:
    rows = [row for panel in results.panels if split in panel.truth.splits for row in _rows(panel, split, "units")]
    caption = (
        f"Regret by the table's {split} mean of what would be handed over, against what has been spent, in units of one"
        " training of the mean architecture by multiply-adds. One-shot methods: the cell that they recommend after each"
        " epoch, never told what it is worth; searches: their incumbent. Line: mean over replicates; band: their range."
    )
    return _exhibit(results, f"one-shot-{split}", f"Looked-up {split} regret over cost", rows, caption,
                    "units of one training", f"{split} regret", log_x=True, log_y=True)  # fmt: skip


def _seconds(results: SupernetResults) -> Exhibit | None:
    rows = [row for panel in results.panels for row in _rows(panel, _SPLIT, "seconds")]
    caption = (
        "The same against the real seconds of the supernets, on one core of some machine: another clock,"
        " on which searches of a table have no place."
    )
    return _exhibit(results, "one-shot-seconds", "Looked-up validation regret over real time", rows, caption,
                    "real seconds", "validation regret", log_x=True, log_y=True)  # fmt: skip


def _operations(results: SupernetResults) -> Iterator[Exhibit | None]:
    """Yield the mean weights of operations over epochs, a panel for each method with architecture parameters."""
    for panel in results.panels:
        rows = []
        for label, group in panel.supernets.items():
            told = [one.logs["probabilities"].mean(1) for one in group if "probabilities" in one.logs]
            for epoch in range(min(map(len, told), default=0)):
                values = np.stack([one[epoch] for one in told])
                rows += [
                    (label, name, epoch + 1, values[:, code].mean(), values[:, code].min(), values[:, code].max())
                    for code, name in enumerate(OPERATIONS)
                ]
        caption = (
            f"{panel.truth.name}: mean weight of each operation over the six edges after each epoch, the mean over"
            " replicates and their range. Where operations without weights of their own grow late, cells collapse."
        )
        name = "one-shot-operations" + (f"-{panel.truth.name}" if len(results.panels) > 1 else "")
        yield _exhibit(results, name, "Weights of operations", rows, caption, "epoch", "mean weight",
                       styles=style_map(OPERATIONS))  # fmt: skip


def _exhibit(
    results: SupernetResults,
    name: str,
    title: str,
    rows: Sequence[tuple[Any, ...]],
    caption: str,
    x_label: str,
    y_label: str,
    *,
    log_x: bool = False,
    log_y: bool = False,
    styles: Mapping[str, Any] | None = None,
) -> Exhibit | None:
    frame = pd.DataFrame(rows, columns=["benchmark", "series", "x", "centre", "low", "high"])
    if frame.empty:
        return None
    positive = frame["centre"][frame["centre"] > 0]
    floor = float(positive.min()) / 2 if log_y and len(positive) else -np.inf
    ends = frame.groupby(["benchmark", "series"], sort=False).last()["centre"]
    named = zip(ends.index.to_list(), ends.to_list(), strict=True)
    words = "; ".join(f"{', '.join(map(str, key))}: {three_digits(float(value))}" for key, value in named)
    units = {panel.truth.name: panel.truth.unit(_SPLIT) for panel in results.panels}
    labels = [item.label for item in results.spec.strategies]
    clipped = f" What is below {three_digits(floor)} is drawn there." if log_y and (frame["low"] < floor).any() else ""
    return Exhibit(
        name,
        KIND.name,
        frame,
        {
            "title": title,
            "caption": f"{caption} n = {counted(results.spec.replicates, 'replicate')}.{clipped}",
            "alt": f"{title}; at the end: {words}.",
            "x_label": x_label,
            "y_label": {
                panel: f"{y_label} ({units[panel]})" if units.get(panel) else y_label
                for panel in dict.fromkeys(frame["benchmark"])
            },
            "styles": style_map(labels) if styles is None else styles,
            "left_out": {},
            "log_x": log_x,
            "log_y": log_y,
            **({"floor": floor} if np.isfinite(floor) else {}),
            "provenance": {
                "experiment": results.spec.name,
                "command": f"nas-harness report results/{results.spec.name}",
                "table_sha256": {panel.truth.name: panel.truth.facts.table_digest for panel in results.panels},
                "versions": library_versions(),
                "root_seed": results.spec.seed,
            },
        },
    )


def _summary(results: SupernetResults) -> ReportTable:
    rows = [_facts(panel, label, group) for panel in results.panels for label, group in panel.supernets.items()]
    cells = tuple(
        tuple(
            str(value) if isinstance(value, str | int) else UNKNOWN if np.isnan(value) else three_digits(value)
            for key, value in row.items()
            if not key.startswith("range_")
        )
        for row in rows
    )
    caption = (
        "What each method handed over after its last epoch, means over replicates: epochs trained, cost in units of one"
        " training and in real seconds; regret by the table, in the unit of its metric; that of the other derivation"
        " (without none), where there is one; the best over all epochs, which no method can know, for an oracle alone;"
        " numbers of operations in the cell; entropy of the weights of operations, mean over edges, in nats; Kendall's"
        " tau-b of inherited accuracies with the table's means on one sample of classes, all and its best half, and the"
        " tau of one training with the mean of the others there."
    )
    return ReportTable("one-shot", "One-shot methods", caption, pd.DataFrame(rows), _HEADERS, cells)


def _facts(panel: Panel, label: str, group: Sequence[Supernet]) -> dict[str, Any]:
    finals = [_last(one) for one in group]
    cells = [one.last for one in group if len(one.last)]
    counts = np.array([[np.count_nonzero(cell == code) for code in (NONE, SKIP, POOL)] for cell in cells])
    counts = counts.mean(0) if len(counts) else np.full(3, np.nan)
    tested = "test" in panel.truth.splits
    return {
        "benchmark": panel.truth.name,
        "method": label,
        "n": len(group),
        "epochs": float(np.mean([len(one.units) for one in group])),
        "units": float(np.mean([one.units[-1] for one in group])),
        "seconds": float(np.mean([one.seconds[-1] for one in group])),
        "validation_regret": float(np.mean(finals)),
        "range_low": min(finals),
        "range_high": max(finals),
        "test_regret": _final(group, split="test") if tested else float("nan"),
        "other_derivation": _final(group, 1) if len(group[0].derivations) > 1 else float("nan"),
        "best_epoch": float(np.mean([_best(one) for one in group])),
        "none": float(counts[0]),
        "skips": float(counts[1]),
        "pools": float(counts[2]),
        "entropy": float(np.mean([_entropy(one) for one in group])),
        "tau": float(np.mean([panel.agreement(one) for one in group])),
        "tau_best_half": float(np.mean([panel.agreement(one, 0.5) for one in group])),
        "ceiling": float(np.mean([panel.ceiling(one) for one in group])),
    }


def _best(one: Supernet) -> float:
    regrets = one.regrets[one.derivations[0], _SPLIT]
    return float(regrets.min()) if len(regrets) else float("nan")


def _entropy(one: Supernet) -> float:
    if "probabilities" not in one.logs:
        return float("nan")
    p = one.logs["probabilities"][-1]
    return float(-np.sum(p * np.log(np.maximum(p, 1e-300)), axis=1).mean())


def _cells(results: SupernetResults) -> ReportTable:
    rows: list[dict[str, Any]] = []
    for panel in results.panels:
        space = panel.truth.oracle.space
        for label, group in panel.supernets.items():
            for one in group:
                for derivation in one.derivations:
                    archs = one.archs[derivation][-1:]
                    row = {"benchmark": panel.truth.name, "method": label, "replicate": one.replicate}
                    row |= {"derivation": derivation, "cell": space.format(archs)[0] if len(archs) else ""}
                    for split in panel.truth.splits:
                        row[split] = float(panel.truth.mean(archs, split)[0]) if len(archs) else float("nan")
                    rows.append(row)
    cells = tuple(
        tuple(f"{value:.2f}" if isinstance(value, float) else str(value) for value in row.values()) for row in rows
    )
    caption = (
        "The cell that each replicate handed over at the end, as derived, with the table's means in the unit of its"
        " metric. Cells of one replicate differ where none has the largest weight on an edge."
    )
    headers = ("Benchmark", "Method", "Replicate", "Derivation", "Cell", "Validation", "Test")
    return ReportTable(
        "one-shot-cells", "Derived cells", caption, pd.DataFrame(rows), headers[: len(rows[0])], cells, text_columns=5
    )


def _methods(results: SupernetResults) -> list[str]:
    names = ", ".join(results.labels)
    return [
        f"Weights. {names}: each replicate trains one supernet for {results.spec.budget.supernet_epochs} epochs on the"
        " training items of the table, and chooses by its validation items; test items are not given to it. What it"
        " recommends is looked up afterwards. A unit is one training of the table's recipe of the mean architecture;"
        " a backward pass counts as two forward ones. Means of inherited accuracies are with the statistics of the"
        " evaluation batches unless the method says otherwise, and enter no table.",
    ]
