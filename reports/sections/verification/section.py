"""The section "Verification by real training" of a report: sentences, figures (F18) and table (T10)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from harness.verification import record as verify_record
from reports.figures import verification as drawing  # noqa: F401  # makes its kinds of figures known
from reports.figures.drawing import style_map
from reports.figures.exhibits import Exhibit
from reports.sections.verification.verdicts import CONFIRMED, DRIFTED, FAILED, INCONCLUSIVE, Verification, judge
from reports.statistics.equivalence import ALPHA, SIMULATIONS, Mean
from reports.study.provenance import provenance
from reports.study.study import Study
from reports.tables.table import MINUS, NONE, Table, bracket, p_value

_STYLES = style_map(verify_record.ROLES)
_PLUS_MINUS = "\N{PLUS-MINUS SIGN}"


@dataclass(frozen=True)
class Section:
    """What the page shows of a verification.

    Attributes
    ----------
    sentences : tuple of str
        One for each benchmark, "name: what was found".
    exhibits : tuple of Exhibit
    tables : tuple of Table
    method : str
        One paragraph.
    """

    sentences: tuple[str, ...]
    exhibits: tuple[Exhibit, ...]
    tables: tuple[Table, ...]
    method: str


def section(study: Study) -> Section | None:
    """Judge the verifications that lie beside the results; None where there are none.

    Raises
    ------
    ResultError
        If one is damaged or was made for another table.
    """
    folder = study.results.folder
    records = [] if folder is None else verify_record.read_all(folder)
    oracles = {item.truth.facts.name: item.truth.oracle for item in study.aligned}
    judged = [judge(record, oracles[record.benchmark]) for record in records if record.benchmark in oracles]
    if not judged:
        return None
    return Section(
        sentences=tuple(sentence(item) for item in judged),
        exhibits=tuple(made for made in (agreement(study, judged), differences(study, judged)) if len(made.frame)),
        tables=(table(judged),),
        method=method(judged),
    )


def sentence(item: Verification) -> str:
    """Say what was found on one benchmark."""
    told, found = item.measurements, item.overall
    counts = found.counts
    said = [f"{counts[CONFIRMED]} of {len(item.rows)} architectures are confirmed"]
    said += [f"{counts[verdict]} {verdict}" for verdict in (DRIFTED, INCONCLUSIVE, FAILED) if counts[verdict]]
    text = f"{told.benchmark}, trained for real: {', '.join(said)}, at a margin of {told.margin_percent:g} points"
    text += f" ({len(told.seeds)} fresh seeds each). "
    if math.isfinite(found.bias.value):
        text += f"On the stratified sample real training differs from the table by {_interval(found.bias)} points"
        if math.isfinite(found.tau):
            text += f"; Kendall's tau is {found.tau:.2f}, where noise allows {_ceiling(item)}"
        text += ". "
    if math.isfinite(found.top_bias.value):
        text += f"The top picks differ by {_signed(found.top_bias.value)} points on average, of which"
        text += f" {_signed(found.expected_top_bias)} is expected because they were picked for a high noisy value. "
    needed = item.rows["seeds_needed"].dropna()
    if len(needed):
        text += f"The inconclusive ones need up to {int(needed.max())} seeds."
    return text.strip()


def _signed(value: float) -> str:
    return f"{value:+z.2f}".replace("-", MINUS)


def _interval(mean: Mean) -> str:
    if math.isnan(mean.low):
        return _signed(mean.value)
    return bracket(*[_signed(value) for value in (mean.value, mean.low, mean.high)])


def _ceiling(item: Verification) -> str:
    ceiling = item.overall.ceiling
    return bracket(*[f"{value:.2f}" for value in (ceiling.median, ceiling.low, ceiling.high)])


def agreement(study: Study, judged: Sequence[Verification]) -> Exhibit:
    """Return table against real training (F18)."""
    parts = []
    for item in judged:
        rows = _shown(item)
        if not len(rows):
            continue
        half = stats.t.ppf(1 - ALPHA / 2, item.overall.df) * item.overall.sd
        parts.append(
            _marks(item, rows).assign(
                x=rows["table_mean"], x_half=half / np.sqrt(rows["table_n"]),
                y=rows["real_mean"], y_half=half / np.sqrt(rows["real_n"]),
            )
        )  # fmt: skip
    frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["benchmark"])
    corner = {item.measurements.benchmark: _corner(item) for item in judged}
    words = "; ".join(
        f"{row.benchmark}, {row.row}: table {row.x:.2f}, real {row.y:.2f}" for row in frame.itertuples(index=False)
    )
    meta = {
        "title": "Table against real training",
        "x_label": "validation accuracy in the table (%)",
        "y_label": dict.fromkeys(frame["benchmark"], "trained for real (%)"),
        "corner": corner,
        "alt": f"Scatter plot of validation accuracy trained for real against the table's. {words}.",
        "centre": "mean over seeds",
        "band": "95 % interval of the mean from the pooled spread",
    }
    caption = (
        "Validation accuracy of real training with fresh seeds against the table, one point for each architecture."
        " Bars: 95 % intervals of either mean, from the spread of one training pooled over architectures and both"
        " sides. Dotted: identity; grey: the equivalence margin. Filled: confirmed; hollow: inconclusive; cross:"
        " drifted. Corner: Kendall's tau-b on the stratified sample, and what it would be between the table and a"
        f" faultless re-training (median and 5 to 95 % of {SIMULATIONS:,} simulations)."
    )
    return _exhibit(study, judged, "verification-agreement", "agreement", frame, caption, meta)


def _corner(item: Verification) -> str:
    if math.isnan(item.overall.tau):
        return ""
    return f"tau {item.overall.tau:.2f}\nceiling {_ceiling(item)}"


def differences(study: Study, judged: Sequence[Verification]) -> Exhibit:
    """Return the difference of each architecture with its interval, against the margin."""
    parts = [
        _marks(item, rows).assign(difference=rows["difference"], low=rows["low"], high=rows["high"])
        for item in judged
        if len(rows := _shown(item))
    ]
    frame = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["benchmark"])
    words = "; ".join(
        f"{row['benchmark']}, {row['row']}: {_signed(row['difference'])}, {row['column']}"
        for row in frame.to_dict("records")
    )
    meta = {
        "title": "Difference of each architecture",
        "x_label": "real training minus table (percentage points)",
        "y_label": dict.fromkeys(frame["benchmark"], ""),
        "alt": f"Interval plot of the difference between real training and table for each architecture. {words}.",
        "centre": "difference of means over seeds",
        "band": "90 % interval",
    }
    caption = (
        "Real training minus table with the 90 % interval of the equivalence test; grey: the margin. An architecture is"
        " confirmed if its interval lies inside, drifted if it lies outside (Holm-adjusted). Filled: confirmed; hollow:"
        " inconclusive; cross: drifted."
    )
    return _exhibit(study, judged, "verification-differences", "differences", frame, caption, meta)


def _shown(item: Verification) -> pd.DataFrame:
    """Return the rows that can be drawn: whose trainings finished and whose costs agree."""
    return item.rows[(item.rows["verdict"] != FAILED) & item.rows["low"].notna()]


def _marks(item: Verification, rows: pd.DataFrame) -> pd.DataFrame:
    told = item.measurements
    return pd.DataFrame(
        {
            "benchmark": told.benchmark,
            "series": rows["role"],
            "row": rows["pick"],
            "column": rows["verdict"],
            "margin": told.margin_percent,
        }
    )


def _exhibit(
    study: Study, judged: Sequence[Verification], name: str, kind: str, frame: pd.DataFrame, caption: str,
    meta: Mapping[str, Any],
) -> Exhibit:  # fmt: skip
    verification = {
        item.measurements.benchmark: {
            "margin_percent": item.measurements.margin_percent,
            "margin_source": item.measurements.margin_source,
            "seeds": list(item.measurements.seeds),
            **item.measurements.provenance,
        }
        for item in judged
    }
    common = {"caption": caption, "styles": _STYLES, "left_out": {}}
    return Exhibit(
        name, kind, frame, {**meta, **common, "provenance": {**provenance(study), "verification": verification}}
    )


def table(judged: Sequence[Verification]) -> Table:
    """Return every architecture with both means, difference, verdict and costs (T10)."""
    frame = pd.concat([item.rows for item in judged], ignore_index=True)
    cells = tuple(_cells(row) for row in frame.to_dict("records"))
    origin = {"table": "set with the table beforehand", "command line": "given at verification"}
    margins = "; ".join(
        f"{told.benchmark} {told.margin_percent:g} points ({origin[told.margin_source]})"
        for told in (item.measurements for item in judged)
    )
    caption = (
        "Validation accuracy in percent, mean \N{PLUS-MINUS SIGN} standard deviation over trainings (their number)."
        " Top: final incumbents of the search, most frequent first; stratified: one draw from each of equal parts of"
        " the table. Confirmed: two one-sided tests at 5 % find the difference within the margin; drifted: outside it"
        " (Holm over architectures); inconclusive: neither, with the seeds at which the difference seen would be"
        f" decided with 80 % power; failed: a training did not finish, or costs disagree. Margins: {margins}."
        " Parameters and multiply-adds are counted on the network; \"=\" where the table says the same."
    )  # fmt: skip
    headers = (
        "Benchmark", "Pick", "Architecture", "Verdict", "Runs", "Table", "Real", "Difference [90 % CI]", "Predicted",
        "Test", "Parameters", "MACs",
    )  # fmt: skip
    return Table("verification", "Verification by real training", caption, frame, headers, cells, text_columns=4)


def _cells(row: Mapping[Any, Any]) -> tuple[str, ...]:
    return (
        str(row["benchmark"]), str(row["pick"]), str(row["architecture"]), verdict_words(row),
        str(row["runs"]) if row["role"] == "top" else NONE,
        _spread(row, "table"), _spread(row, "real"), _difference(row), "yes" if row["predicted"] else "no",
        NONE if math.isnan(row["test_mean"]) else f"{row['test_mean']:.2f}",
        _cost(row, "params"), _cost(row, "macs"),
    )  # fmt: skip


def verdict_words(row: Mapping[Any, Any]) -> str:
    """Return a verdict with what it needs to be understood."""
    verdict = str(row["verdict"])
    if verdict == FAILED:
        return f"failed: {row['reason']}"
    if verdict == DRIFTED:
        shown = p_value(float(row["p_drift_holm"]))
        return f"drifted (p {shown if shown.startswith('<') else f'= {shown}'})"
    if verdict == INCONCLUSIVE:
        seeds = row["seeds_needed"]
        if seeds is None or math.isnan(seeds):
            return "inconclusive (no number of seeds decides)"
        return f"inconclusive ({int(seeds)} seeds needed{', in the table too' if row['table_too'] else ''})"
    return verdict


def _spread(row: Mapping[Any, Any], side: str) -> str:
    mean, sd, n = (row[f"{side}_{name}"] for name in ("mean", "sd", "n"))
    if math.isnan(mean):
        return NONE
    return f"{mean:.2f}{'' if math.isnan(sd) else f' {_PLUS_MINUS} {sd:.2f}'} ({n})"


def _difference(row: Mapping[Any, Any]) -> str:
    if math.isnan(row["low"]):
        return NONE
    return bracket(*[_signed(row[name]) for name in ("difference", "low", "high")])


def _cost(row: Mapping[Any, Any], name: str) -> str:
    expected = row[f"{name}_expected"]
    if math.isnan(expected):
        return f"{row[name]:,.0f}"
    return f"{row[name]:,.0f} {'=' if abs(row[name] - expected) < 0.5 else f'not {expected:,.0f}'}"


def method(judged: Sequence[Verification]) -> str:
    """Return how it was done, in one paragraph."""
    parts = []
    for item in judged:
        told, found = item.measurements, item.overall
        level, device = (told.provenance.get(key, "unknown") for key in ("rung", "device"))
        parts.append(
            f"{told.benchmark}: recipe {told.training.recipe} on {told.training.dataset}, seeds"
            f" {', '.join(map(str, told.seeds))}, trainer {level} on {device}; spread of one training {found.sd:.2f}"
            f" points ({found.df} degrees of freedom; {found.table_sd:.2f} in the table alone); mean absolute"
            f" difference {found.absolute:.2f}, where noise alone makes {found.expected_absolute:.2f}; slope of real on"
            f" table {_slope(found.slope)}"
        )
    return (
        "Verification. Final incumbents and one architecture of each stratum of the table, all chosen by validation,"
        " were trained with seeds that the table had not seen. " + ". ".join(parts) + "."
    )


def _slope(mean: Mean) -> str:
    if math.isnan(mean.value):
        return "not known"
    return bracket(*[f"{value:.2f}" for value in (mean.value, mean.low, mean.high)])
