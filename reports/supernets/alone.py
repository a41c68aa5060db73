"""Architectures that one-shot methods handed over, trained by themselves where the benchmark trains on demand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from harness.checks import FloatArray
from harness.experiments.recommendations import ALONE as RANDOM
from harness.printable import counted
from reports.figures.exhibit import Exhibit
from reports.figures.inherited import ALONE, INHERITED, KIND
from reports.figures.style import style_map
from reports.statistics.agreement import kendall
from reports.supernets.results import Panel, Supernet, SupernetResults, provenance
from reports.tables.numbers import decimals, three_digits
from reports.tables.report_table import ReportTable

_MACS = "macs_m"
_DRAWN = "random"
_HEADERS = (
    "Benchmark", "Method", "Replicate", "Chosen", "Architecture", "Millions of multiply-adds", "Inherited", "Alone",
    "Standard deviation", "Seeds", "Test",
)  # fmt: skip


def judged(results: SupernetResults) -> Iterator[tuple[Panel, str, Supernet]]:
    """Yield the supernets whose architectures were trained by themselves."""
    for panel in results.panels:
        for label, group in panel.supernets.items():
            yield from ((panel, label, one) for one in group if len(one.alone))


def exhibits(results: SupernetResults) -> Iterator[Exhibit]:
    """Yield accuracy with inherited weights and alone over multiply-adds, a figure for each method."""
    for label in dict.fromkeys(label for _, label, _ in judged(results)):
        rows = [row for panel, named, one in judged(results) if named == label for row in _points(panel, one)]
        frame = pd.DataFrame(rows, columns=["benchmark", "series", "column", "row", "x", "y", "low", "high"])
        styles = style_map(["handed over", _DRAWN], background=["sample"])
        count = frame[frame["column"] == ALONE].shape[0]
        limits = any(len(one.derivations) > 1 for _, named, one in judged(results) if named == label)
        chosen = "the best subnet under each limit by its inherited accuracy" if limits else "what the method chose"
        caption = (
            f"{label}: validation accuracy over multiply-adds. Hollow: with the weights of the supernet; full: trained"
            " by itself, mean and range of its seeds; a dotted line joins the two. What was handed over is"
            f" {chosen}; random ones were drawn beforehand, and grey points are"
            f" further random ones with inherited weights. {counted(count, 'architecture')} trained alone,"
            f" n = {counted(results.spec.replicates, 'replicate')}."
        )
        words = "; ".join(f"{series}, {column} {y:.1f}" for _, series, column, pair, _, y, *_ in rows if pair)
        panels = dict.fromkeys(frame["benchmark"], "validation accuracy (%)")
        meta = {
            "title": f"{label}: inherited weights and training alone",
            "caption": caption,
            "alt": f"Scatter plot of accuracy over multiply-adds. {words}.",
            "x_label": "multiply-adds (millions)",
            "y_label": panels,
            "styles": styles,
            "left_out": {},
            "provenance": provenance(results),
        }
        name = f"one-shot-inherited-{label}" if len(results.labels) > 1 else "one-shot-inherited"
        yield Exhibit(name, KIND.name, frame, meta)


def _points(panel: Panel, one: Supernet) -> Iterator[tuple[Any, ...]]:
    name, oracle = panel.truth.name, panel.truth.oracle
    nowhere = float("nan")
    for x, y in zip(oracle.mean(one.sample, _MACS), one.inherited, strict=True):
        yield name, "sample", INHERITED, "", x, y, nowhere, nowhere
    for place, row in enumerate(_rows(panel, "", one)):
        series, pair = _DRAWN if row["chosen"] == _DRAWN else "handed over", f"{one.replicate}-{place}"
        yield name, series, INHERITED, pair, row["macs_m"], row["inherited"], nowhere, nowhere
        yield name, series, ALONE, pair, row["macs_m"], row["alone"], row["low"], row["high"]


def _rows(panel: Panel, label: str, one: Supernet) -> Iterator[dict[str, Any]]:
    oracle = panel.truth.oracle
    runs = oracle.trainings(one.alone, panel.truth.column("validation").name)
    tests = panel.truth.mean(one.alone, "test") if "test" in panel.truth.splits else np.full(len(runs), np.nan)
    chosen = [*one.derivations, *[_DRAWN] * (len(runs) - len(one.derivations))]
    for place, arch in enumerate(oracle.space.format(one.alone)):
        seen = runs[place][np.isfinite(runs[place])]
        yield {
            "benchmark": panel.truth.name,
            "method": label,
            "replicate": one.replicate,
            "chosen": chosen[place],
            "architecture": arch,
            "macs_m": float(oracle.mean(one.alone[place : place + 1], _MACS)[0]),
            "inherited": float(one.alone_inherited[place]),
            "alone": float(seen.mean()) if len(seen) else float("nan"),
            "low": float(seen.min()) if len(seen) else float("nan"),
            "high": float(seen.max()) if len(seen) else float("nan"),
            "sd": float(seen.std(ddof=1)) if len(seen) > 1 else float("nan"),
            "seeds": len(seen),
            "test": float(tests[place]),
        }


def table(results: SupernetResults) -> ReportTable | None:
    """Return every architecture that was trained alone; None where there is none."""
    rows = [row for panel, label, one in judged(results) for row in _rows(panel, label, one)]
    if not rows:
        return None
    shown = [{key: value for key, value in row.items() if key not in ("low", "high")} for row in rows]
    digits = {_MACS: 3}
    cells = tuple(
        tuple(
            decimals(value, digits.get(key, 2)) if isinstance(value, float) else str(value)
            for key, value in row.items()
        )
        for row in shown
    )
    caption = (
        "What each replicate handed over, and random architectures: accuracy on the validation items in percent with"
        " the weights of the supernet, and trained by itself, mean and standard deviation over seeds, with the test"
        " accuracy of the same trainings."
    )
    return ReportTable(
        "one-shot-alone", "Trained by themselves", caption, pd.DataFrame(rows), _HEADERS, cells, text_columns=5
    )


def sentences(results: SupernetResults) -> Iterator[str]:
    """Say for each method how inherited accuracies agree with training alone, and whether its front is one."""
    for label in dict.fromkeys(label for _, label, _ in judged(results)):
        found = [(panel, _distinct(panel, label, one)) for panel, named, one in judged(results) if named == label]
        groups = [rows for _, rows in found]
        of_alone, macs_alone, macs_inherited = (
            float(np.mean([kendall(_column(rows, first), _column(rows, second)) for rows in groups]))
            for first, second in ((INHERITED, ALONE), (_MACS, ALONE), (_MACS, INHERITED))
        )
        gap = float(np.mean([np.mean(_column(rows, INHERITED) - _column(rows, ALONE)) for rows in groups]))
        seeds = "/".join(map(str, sorted({row["seeds"] for rows in groups for row in rows})))
        count = "/".join(map(str, sorted({len(rows) for rows in groups})))
        text = (
            f"{found[0][0].truth.name}, {label} against training alone: Kendall's tau of inherited accuracies with"
            f" trainings is {decimals(of_alone)} (of multiply-adds with trainings {decimals(macs_alone)}, with"
            f" inherited accuracies {decimals(macs_inherited)}; n = {count} architectures by {seeds} seeds, mean of"
            f" {counted(len(groups), 'replicate')}); inherited accuracies are {three_digits(abs(gap))} points"
            f" {'above' if gap > 0 else 'below'}"
        )
        beaten = [better for rows in groups for better in _comparisons(rows)]
        if beaten:
            text += (
                "; alone, what was handed over beats a random architecture of as many or more multiply-adds in"
                f" {sum(beaten)} of {len(beaten)} pairs"
            )
        yield f"{text}."


def _distinct(panel: Panel, label: str, one: Supernet) -> list[dict[str, Any]]:
    """Return a row for each architecture: one may be the best under several limits."""
    return [*{row["architecture"]: row for row in reversed([*_rows(panel, label, one)])}.values()][::-1]


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> FloatArray:
    return np.array([row[name] for row in rows], dtype=np.float64)


def _comparisons(rows: Sequence[Mapping[str, Any]]) -> list[bool]:
    """Say of each pair with a random architecture that costs no less whether what was handed over is better."""
    ours = [row for row in rows if row["chosen"] != _DRAWN]
    others = [row for row in rows if row["chosen"] == _DRAWN]
    return [own[ALONE] > other[ALONE] for own in ours for other in others if own[_MACS] <= other[_MACS]]


def methods(results: SupernetResults) -> Iterator[str]:
    """Say what was trained alone, and how."""
    found = [panel for panel, _, _ in judged(results)]
    if found:
        recipe = found[0].truth.about.get("training", {}).get("recipe", "its own")
        yield (
            "Alone. What a method handed over last, and the first"
            f" {RANDOM} of the sample of random architectures, were trained by the benchmark's own recipe ({recipe})"
            " with each of its seeds, after the search; nothing of it was told to the method. The validation items that"
            " chose among subnets judge here too: the test accuracies of the table are of items that nothing saw."
        )
