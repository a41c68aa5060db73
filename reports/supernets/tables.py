"""Tables of one-shot methods: what they handed over and what that cost, and the derived cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from harness.experiments.answers import MIXED
from reports.study.wording import reference_sentences
from reports.supernets.held import SPLIT, final, last
from reports.supernets.operations import WEIGHTLESS, counts, entropies
from reports.supernets.results import Panel, Supernet, SupernetResults
from reports.tables.numbers import decimals, three_digits
from reports.tables.report_table import ReportTable

_HEADERS = {
    "benchmark": "Benchmark", "method": "Method", "n": "n", "epochs": "Epochs", "units": "Units", "seconds": "Seconds",
    "validation_regret": "Validation regret", "test_regret": "Test regret", "other_derivation": "Other derivation",
    "best_epoch": "Best epoch", "none": "None", "skips": "Skips", "pools": "Pools", "entropy": "Entropy",
}  # fmt: skip
"""Columns that are shown, where any method has a number there."""
_COUNTED = ("n", "epochs", *WEIGHTLESS)
_WORDS = {
    ("units",): "epochs trained, cost in units of one training and in real seconds",
    ("validation_regret",): "regret by the table, in the unit of its metric",
    ("other_derivation",): "that of the other derivation (without none), where there is one",
    ("best_epoch",): "the best over all epochs, which no method can know, for an oracle alone",
    ("none", "skips", "pools"): "numbers of operations in the cell",
    ("entropy",): "entropy of the weights of operations, mean over edges, or of widths, mean over layers, in nats",
}
"""What the caption says of them."""


def summary(results: SupernetResults) -> ReportTable:
    """Return what each method handed over, and what it cost."""
    rows = [_facts(panel, label, group) for panel in results.panels for label, group in panel.supernets.items()]
    frame = pd.DataFrame(rows)
    kept = [name for name in _HEADERS if frame[name].notna().any()]
    cells = tuple(
        tuple(row[name] if isinstance(row[name], str) else _shown(name, row[name]) for name in kept) for row in rows
    )
    words = [text for names, text in _WORDS.items() if not set(names).isdisjoint(kept)]
    caption = f"What each method handed over after its last epoch, means over replicates: {'; '.join(words)}."
    for panel in results.panels:
        notes = reference_sentences(panel.truth.name, panel.truth, panel.truth.measure)
        caption += "".join(f" {note}" for note in notes)
    headers = tuple(_HEADERS[name] for name in kept)
    return ReportTable("one-shot", "One-shot methods", caption, frame, headers, cells)


def _shown(name: str, value: float) -> str:
    """Return a mean; of what is counted, a whole one without decimals."""
    return f"{value:.0f}" if name in _COUNTED and float(value).is_integer() else three_digits(value)


def _facts(panel: Panel, label: str, group: Sequence[Supernet]) -> dict[str, Any]:
    finals = [last(one) for one in group]
    cells = [one.last for one in group if len(one.last)]
    space = panel.truth.oracle.space
    counted = cells and space.name in MIXED  # other spaces have no operations on edges
    kept = counts(space, np.concatenate(cells)).mean(0) if counted else np.full(len(WEIGHTLESS), np.nan)
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
        "test_regret": final(group, split="test") if tested else float("nan"),
        "other_derivation": final(group, 1) if len(group[0].derivations) > 1 else float("nan"),
        "best_epoch": float(np.mean([_best(one) for one in group])),
        **{kind: float(number) for kind, number in zip(WEIGHTLESS, kept, strict=True)},
        "entropy": float(np.mean([entropies(one)[-1] if len(entropies(one)) else np.nan for one in group])),
    }


def _best(one: Supernet) -> float:
    """Return the least regret over the epochs; NaN where that of an epoch is not known, as on live benchmarks."""
    regrets = one.regrets[one.derivations[0], SPLIT]
    return float(regrets.min()) if np.isfinite(regrets).all() and len(regrets) else float("nan")


def cells(results: SupernetResults) -> ReportTable:
    """Return the cell of each replicate, by each derivation, with what the table says of it."""
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
                        row[split] = (
                            float(panel.truth.mean_where_known(archs, split)[0]) if len(archs) else float("nan")
                        )
                    rows.append(row)
    cells = tuple(
        tuple(decimals(value) if isinstance(value, float) else str(value) for value in row.values()) for row in rows
    )
    groups = [group for panel in results.panels for group in panel.supernets.values()]
    without = any("argmax without none" in group[0].derivations for group in groups)
    caption = (
        "The architecture that each replicate handed over at the end, as derived, with the table's means in the unit"
        f" of its metric.{' Cells of one replicate differ where none has the largest weight on an edge.' * without}"
    )
    headers = ("Benchmark", "Method", "Replicate", "Derivation", "Architecture", "Validation", "Test")
    return ReportTable(
        "one-shot-cells",
        "Derived architectures",
        caption,
        pd.DataFrame(rows),
        headers[: len(rows[0])],
        cells,
        text_columns=5,
    )
