"""The page of networks of several sizes: which way of growing is the cheapest, how sure that is, and all numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from harness.errors import typed
from harness.printable import counted
from reports.figures.exhibit import Exhibit
from reports.figures.scaling import KIND
from reports.figures.style import style_map
from reports.scaling.laws import front
from reports.scaling.results import REPETITIONS, SPLITS, Equal, Family, Panel, Point, Scalings
from reports.sections.section import Section
from reports.statistics.bootstrap import interval
from reports.study.provenance import library_versions, told_of
from reports.study.truth import describe_benchmark
from reports.tables.matrix import FirstScreen
from reports.tables.numbers import DASH, NONE, three_digits
from reports.tables.report_table import ReportTable

NO_CHECKLIST = "The checklist of best practices in NAS research is about searches; this report shows sizes of networks."
"""What stands where a report of searches has its checklist."""

SURE = 0.95
"""Share of resamples in which the cheapest family is the cheapest, from which on the verdict is not hedged."""


def sections(results: Scalings) -> list[Section]:
    """Return the figures, tables, sentences and methods of the page."""
    tables = [_networks(results), _laws(results)]
    if any(panel.grid for panel in results.panels):
        tables.append(_grid(results))
    figures = tuple(filter(None, [_exhibit(results)]))
    return [Section("Scaling", tuple(sentences(results)), figures, tuple(tables), tuple(_methods(results)))]


def first_screen(results: Scalings) -> FirstScreen:
    """Return which family is the cheapest of each benchmark, and how sure that is."""
    said, equals = tuple(sentences(results)), [panel.equal("validation") for panel in results.panels]
    winners = {equal.order[0] if equal else "" for equal in equals}
    verdict = "Networks of several sizes, trained from scratch."
    if len(winners) == 1 and (winner := winners.pop()):
        sure = all(equal is not None and equal.share(winner) >= SURE for equal in equals)
        verdict = f"Scale {winner}." if sure else f"Scale {winner}, perhaps: another family may be as cheap."
    return FirstScreen(verdict, said)


def sentences(results: Scalings) -> Iterator[str]:
    """Say for each benchmark which family needs the fewest multiply-adds for one error, and how sure that is."""
    for panel in results.panels:
        equal = panel.equal("validation")
        if equal is None:
            continue
        first, second, *others = equal.order
        missed = [label for label in others if not np.isfinite(equal.macs[label])]
        rest = [f"{label} {_macs(equal.macs[label])}" for label in (second, *others) if label not in missed]
        text = f"{panel.name}: {first} needs the fewest multiply-adds for a validation error of"
        text += f" {three_digits(equal.error)} %, {_macs(equal.macs[first])}, against {', '.join(rest)}"
        yield f"{text}{f'; {_listed(missed)} not reach it' if missed else ''}."
        yield f"{panel.name}, how sure: {_sure(panel, equal)}"


def _sure(panel: Panel, equal: Equal) -> str:
    first, second = equal.order[:2]
    ratio, low, high = equal.ratio(second)
    seeds = min(len(point.errors["validation"]) for family in panel.families for point in family.points)
    text = f"{first} is the cheapest in {100 * equal.share(first):.0f} % of resamples of {counted(seeds, 'seed')},"
    text += f" and {second} needs {times(ratio)} times its multiply-adds, 95 % interval {between(low, high)}"
    test = panel.equal("test")
    if test is None:
        return f"{text}."
    agrees = "by test it is the cheapest too" if test.order[0] == first else f"by test {test.order[0]} is the cheapest"
    return f"{text}; {agrees}, in {100 * test.share(test.order[0]):.0f} %."


def _listed(labels: list[str]) -> str:
    return f"{', '.join(labels)} {'does' if len(labels) == 1 else 'do'}"


def times(ratio: float) -> str:
    """Return how many times, in words where one of two families never reaches the error: the other, or the cheapest.

    >>> [times(ratio) for ratio in (np.inf, 1.25, 0.0)]
    ['more than any', '1.25', 'less than any']
    """
    return {np.inf: "more than any", 0.0: "less than any"}.get(ratio) or three_digits(ratio)


def between(low: float, high: float) -> str:
    """Return an interval of ratios.

    >>> between(0.0, np.inf), between(0.5, np.inf)
    ('unbounded', '0.500 to more than any')
    """
    return f"{times(low)} to {times(high)}" if low > 0 or np.isfinite(high) else "unbounded"


def _macs(value: float) -> str:
    return NONE if not np.isfinite(value) else f"{three_digits(value / 1e6)} M"


def _exhibit(results: Scalings) -> Exhibit | None:
    rows = []
    for panel in results.panels:
        points = {point.size: point for family in panel.families for point in family.points}
        macs = np.array([point.macs for point in points.values()])
        held = dict(
            zip(points, front(macs, np.array([one.mean("validation") for one in points.values()])), strict=True)
        )
        for family in panel.families:
            for point in family.points:
                low, high = point.interval("validation")
                centre, test = 100 - point.mean("validation"), 100 - point.mean("test")
                drawn = point.macs, centre, 100 - high, 100 - low, test, float(held[point.size])
                rows.append((panel.name, family.label, *drawn))
    if not rows:
        return None
    frame = pd.DataFrame(rows, columns=["benchmark", "series", "x", "centre", "low", "high", "test", "front"])
    ends = frame.groupby(["benchmark", "series"], sort=False).last()["centre"]
    words = "; ".join(
        f"{', '.join(map(str, key))}: {value:.1f}" for key, value in zip(ends.index, ends.to_list(), strict=True)
    )
    title = "Accuracy against multiply-adds"
    caption = (
        "Networks of one architecture at several sizes, trained from scratch with one recipe. Line: mean validation"
        f" accuracy, with the 95 % interval of the mean ({counted(results.spec.replicates, 'seed')}, percentile"
        " bootstrap); dotted: test accuracy of the same networks. Rings: the front by mean validation accuracy, of all"
        " families together; no choice is made by test."
    )
    return Exhibit(
        "scaling",
        KIND.name,
        frame,
        {
            "title": title,
            "caption": caption,
            "alt": f"{title}; at the largest size: {words}.",
            "x_label": "multiply-adds",
            "y_label": {panel.name: "accuracy (%)" for panel in results.panels},
            "styles": style_map([family.label for family in results.panels[0].families]),
            "left_out": {},
            "provenance": {
                "experiment": results.spec.name,
                "command": typed("report", f"results/{results.spec.name}"),
                "table_sha256": {panel.name: panel.facts.table_digest for panel in results.panels},
                "versions": library_versions(),
                "root_seed": results.spec.seed,
            },
        },
    )


def _numbers(point: Point) -> dict[str, Any]:
    low, high = point.interval("validation")
    return {
        "channels": point.size.channels,
        "cells": point.size.cells,
        "length": point.size.length,
        "macs_m": point.macs / 1e6,
        "params_m": point.params / 1e6,
        "validation_accuracy": 100 - point.mean("validation"),
        "interval_low": 100 - high,
        "interval_high": 100 - low,
        "test_accuracy": 100 - point.mean("test"),
        "n": len(point.errors["validation"]),
        "diverged": point.diverged,
        "seconds": point.seconds,
    }


def _shown(row: dict[str, Any]) -> tuple[str, ...]:
    """Return the numbers of a point as a table shows them: its interval in one cell."""
    ends = f"{row['interval_low']:.2f}{DASH}{row['interval_high']:.2f}"
    return (
        *(str(row[name]) for name in ("channels", "cells", "length")),
        *(three_digits(row[name]) for name in ("macs_m", "params_m")),
        f"{row['validation_accuracy']:.2f}",
        ends,
        f"{row['test_accuracy']:.2f}",
        str(row["n"]),
        str(row["diverged"]),
        three_digits(row["seconds"]),
    )


_OF_A_POINT = (
    "Channels", "Cells", "Length", "MACs, M", "Params, M", "Validation", "95 %", "Test", "n", "Diverged", "Seconds",
)  # fmt: skip


def _networks(results: Scalings) -> ReportTable:
    rows = [
        {"benchmark": panel.name, "family": family.label, "phi": phi, **_numbers(point)}
        for panel in results.panels
        for family in panel.families
        for phi, point in zip(family.phis, family.points, strict=True)
    ]
    cells = tuple((row["benchmark"], row["family"], f"{row['phi']:g}", *_shown(row)) for row in rows)
    caption = (
        "Every network of each family: channels of the first stage, cells in each stage, length of the items; accuracy"
        " in percent, the mean over seeds, with its interval; real seconds of one training, which networks that were"
        " trained side by side share."
    )
    headers = ("Benchmark", "Family", "phi", *_OF_A_POINT)
    return ReportTable("scaling-networks", "Networks", caption, pd.DataFrame(rows), headers, cells)


def _grid(results: Scalings) -> ReportTable:
    rows = []
    for panel in results.panels:
        for point in sorted({one.size: one for _, one in panel.grid}.values(), key=lambda one: one.mean("validation")):
            alike = [each for each, one in panel.grid if one.size == point.size]
            names = {f"coefficients_{name}": getattr(alike[0], name) for name in ("depth", "width", "resolution")}
            rows.append({"benchmark": panel.name, **names, "alike": len(alike), **_numbers(point)})
    cells = tuple(
        (
            row["benchmark"],
            *(f"{row[f'coefficients_{name}']:.3g}" for name in ("depth", "width", "resolution")),
            str(row["alike"]),
            *_shown(row),
        )
        for row in rows
    )
    caption = (
        "The grid of coefficients at phi = 1, the best validation accuracy first. Coefficients that give one network"
        " after rounding stand in one row, with the first of them and their number. Costs differ by rounding, so that"
        " the best row is no verdict by itself."
    )
    headers = ("Benchmark", "Depth", "Width", "Resolution", "Alike", *_OF_A_POINT)
    return ReportTable("scaling-grid", "Coefficients", caption, pd.DataFrame(rows), headers, cells, text_columns=1)


def _laws(results: Scalings) -> ReportTable:
    rows: list[dict[str, Any]] = [
        {"benchmark": panel.name, "family": family.label, "split": split, **_law(panel, family, split)}
        for panel in results.panels
        for split in SPLITS
        for family in panel.families
    ]
    cells = tuple(
        (
            row["benchmark"],
            row["family"],
            row["split"],
            *(f"{row[name]:.3g}" for name in ("depth", "width", "resolution")),
            *(_with_ends(row, name) for name in ("exponent", "floor")),
            _macs(row["macs"]) if np.isfinite(row["error"]) else NONE,
            NONE if not np.isfinite(row["ratio"]) else _with_ends(row, "ratio"),
            NONE if np.isnan(row["share"]) else f"{100 * row['share']:.0f} %",
        )
        for row in rows
    )
    caption = (
        "For each family: its coefficients; exponent b and floor c, in percent, of error = c + a MACs^-b (b is 0"
        " where errors do not fall), with their"
        " 95 % intervals, wide where the sizes do not show the floor; multiply-adds at equal error (the least"
        " error that two families reach, between two sizes linear in their logarithm), how many times those of the"
        f" cheapest, with its interval; the share of {REPETITIONS:,} resamples of seeds in which the family is the"
        f" cheapest. {NONE}: not reached; an interval from 0: the cheapest does not reach it in some resamples."
    )
    headers = ("Benchmark", "Family", "Split", "Depth", "Width", "Resolution", "Exponent", "Floor", "MACs", "Times",
               "Cheapest")  # fmt: skip
    return ReportTable("scaling-laws", "Laws", caption, pd.DataFrame(rows), headers, cells, text_columns=3)


def _with_ends(row: dict[str, Any], name: str) -> str:
    value, low, high = (row[key] for key in (name, f"{name}_low", f"{name}_high"))
    if np.isnan(value):
        return NONE
    return f"{three_digits(value)} [{three_digits(low)}, {three_digits(high)}]"


def _law(panel: Panel, family: Family, split: str) -> dict[str, float]:
    found: dict[str, float] = dict(vars(family.coefficients))
    law, equal = family.law(split), panel.equal(split)
    for name, place in (("exponent", "b"), ("floor", "c"), ("scale", "a")):
        ends = (np.nan, np.nan) if law is None else interval(getattr(law[1], place))
        found |= {name: np.nan if law is None else float(getattr(law[0], place))}
        found |= {f"{name}_low": float(ends[0]), f"{name}_high": float(ends[1])}
    ratio = (np.nan,) * 3 if equal is None else equal.ratio(family.label)
    found |= {"error": np.nan if equal is None else equal.error}
    found |= {"macs": np.nan if equal is None else equal.macs[family.label]}
    found |= dict(zip(("ratio", "ratio_low", "ratio_high"), ratio, strict=True))
    return found | {"share": np.nan if equal is None else equal.share(family.label)}


def _methods(results: Scalings) -> list[str]:
    chosen = results.spec.scaling
    arch = chosen.arch if chosen else ""
    levels = ", ".join(sorted({level for panel in results.panels for level in panel.levels}))
    epochs = "" if chosen is None or chosen.epochs is None else f" but for {counted(chosen.epochs, 'epoch')},"
    return [
        f"Sizes. The architecture {arch} in the network of each table, trained from scratch with the table's recipe,"
        f"{epochs} unchanged at every size, {counted(results.spec.replicates, 'seed')} each, the same for all networks"
        f" (trainer level {levels}). Depth is cells in a stage, rounded up; width is channels, rounded to a multiple of"
        f" {chosen.multiple if chosen else 1} and never below nine tenths; resolution is the length of items, by linear"
        " interpolation to a multiple of four, which adds no information. At phi = 1 a family multiplies them by its"
        " coefficients, with depth x width^2 x resolution about 2 for signals, whose multiply-adds grow with the"
        " resolution once (Tan & Le, ICML 2019; of images it is squared).",
    ]


def facts_words(results: Scalings) -> list[str]:
    """Say what was trained, under the title."""
    networks = len(
        {(panel.name, point.size) for panel in results.panels for one in panel.families for point in one.points}
    )
    labels = ", ".join(item.label for item in results.spec.strategies)
    return [
        f"{counted(networks, 'network')}, {counted(results.spec.replicates, 'seed')} each.",
        f"Data and recipes: {', '.join(panel.name for panel in results.panels)}.",
        f"Families: {labels}.",
    ]


def warnings(results: Scalings) -> list[str]:
    """Say what is missing, and what diverged."""
    missing = [f"Without a result: {'; '.join(results.missing)}."] if results.missing else []
    lost = {
        (panel.name, point.size): point.diverged
        for panel in results.panels
        for family in panel.families
        for point in family.points
        if point.diverged
    }
    diverged = f"{counted(sum(lost.values()), 'training')} diverged and stand in no mean."
    return missing + ([diverged] if lost else [])


def sources(results: Scalings) -> list[dict[str, str]]:
    """Return sha256, and where they are known title, licence and citation of every benchmark."""
    return [
        {"benchmark": panel.name, "sha256": panel.facts.table_digest} | told_of(describe_benchmark(panel.facts.name))
        for panel in results.panels
    ]
