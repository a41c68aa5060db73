"""The section "Verification by real training" of a report: sentences, figures (F18), table (T10) and methods."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from harness.printable import counted
from harness.verification import record as verify_record
from reports.figures import agreement, differences
from reports.sections import ensemble
from reports.sections.section import Section
from reports.statistics.agreement import Mean
from reports.study.provenance import provenance
from reports.study.study import Study
from reports.study.truth import LIVE, PROTOCOL, SURROGATE, TABLE, Truth
from reports.study.verdicts import CONFIRMED, DRIFTED, FAILED, INCONCLUSIVE, Verification, ensemble_facts, judge
from reports.tables.numbers import NONE, bracket, ceiling_words, decimals, mean_words, p_value, signed
from reports.tables.report_table import ReportTable

INCUMBENTS, MEMBERS = "final incumbents of the search", "members of the front of all final fronts of the search"
DERIVED = "what one-shot methods derived at their end"
"""What top picks are."""
STRATA = {
    TABLE: "the table", PROTOCOL: "the table", SURROGATE: "what the model predicts", LIVE: "what was trained live",
}  # fmt: skip
"""Of what stratified picks are parts, by kind of benchmark."""
_PLUS_MINUS = "\N{PLUS-MINUS SIGN}"


def section(study: Study) -> Section | None:
    """Judge the verifications that lie beside the results; None where there are none.

    Raises
    ------
    ResultError
        If one is damaged or was made for another table.
    """
    if study.results.folder is None:
        return None
    picked = MEMBERS if study.several else INCUMBENTS
    if study.results.derived:
        picked = f"{picked}, and {DERIVED}"
    return section_of(study.results.folder, [item.truth for item in study.aligned], provenance(study), picked)


def section_of(folder: Path, truths: Sequence[Truth], origin: Mapping[str, Any], picked: str) -> Section | None:
    """Judge the verifications that lie beside some results; None where there are none.

    Parameters
    ----------
    folder : Path
    truths : sequence of Truth
        Of the benchmarks of the results.
    origin : mapping
        Provenance of the results.
    picked : str
        What top picks are.

    Raises
    ------
    ResultError
        As `section`.
    """
    by_task = {truth.facts.task: truth for truth in truths}
    records = [record for record in verify_record.read_all(folder) if record.benchmark in by_task]
    judged = [
        judge(replace(record, benchmark=by_task[record.benchmark].name), by_task[record.benchmark].oracle)
        for record in records
    ]
    if not judged:
        return None
    strata = " or ".join(dict.fromkeys(STRATA[by_task[item.benchmark].kind] for item in records))
    figures = (agreement.exhibit(origin, judged), differences.exhibit(origin, judged))
    return Section(
        title="Verification by real training",
        sentences=tuple(sentence(item, searched=picked != DERIVED) for item in judged),
        figures=tuple(exhibit for exhibit in figures if len(exhibit.frame)),
        tables=(table(judged, picked, strata),),
        methods=(method(judged, picked, strata),),
    )


def sentence(item: Verification, *, searched: bool = True) -> str:
    """Say what was found on one benchmark; `searched` is whether top picks were picked by noisy values of a table."""
    measurements, overall = item.measurements, item.overall
    counts = overall.counts
    parts = [f"{counts[CONFIRMED]} of {counted(len(item.rows), 'architecture')} are confirmed"]
    parts += [f"{counts[verdict]} {verdict}" for verdict in (DRIFTED, INCONCLUSIVE, FAILED) if counts[verdict]]
    text = f"{measurements.benchmark}, trained for real: {', '.join(parts)}, at a margin of"
    text += f" {measurements.margin_percent:g} points ({len(measurements.seeds)} fresh seeds each). "
    if math.isfinite(overall.bias.value):
        text += f"On the stratified sample real training differs from the table by {mean_words(overall.bias)} points"
        if math.isfinite(overall.tau):
            text += f"; Kendall's tau is {overall.tau:.2f}, where noise allows {ceiling_words(overall.ceiling)}"
        text += ". "
    if math.isfinite(overall.top_bias.value):
        text += f"The top picks differ by {signed(overall.top_bias.value)} points on average"
        if searched and math.isfinite(overall.expected_top_bias):
            text += f", of which {signed(overall.expected_top_bias)} is expected because they were picked for a high"
            text += " noisy value"
        text += ". "
    needed = item.rows["seeds_needed"].dropna()
    if len(needed):
        text += f"The inconclusive ones need up to {int(needed.max())} seeds. "
    if measurements.ensemble is not None:
        text += ensemble.words(ensemble_facts(measurements.ensemble))
    return text.strip()


def table(judged: Sequence[Verification], picked: str = INCUMBENTS, strata: str = STRATA[TABLE]) -> ReportTable:
    """Return every architecture with both means, difference, verdict and costs (T10)."""
    frame = pd.concat([item.rows for item in judged], ignore_index=True)
    cells = tuple(_cells(row) for row in frame.to_dict("records"))
    origin = {"table": "set with the table beforehand", "command line": "given at verification"}
    margins = "; ".join(
        f"{measurements.benchmark} {measurements.margin_percent:g} points ({origin[measurements.margin_source]})"
        for measurements in (item.measurements for item in judged)
    )
    caption = (
        "Validation accuracy in percent, mean \N{PLUS-MINUS SIGN} standard deviation over trainings (their number)."
        f" Top: {picked}, most frequent first; stratified: one draw from each of equal parts of {strata}. Confirmed:"
        " two one-sided tests at 5 % find the difference within the margin; drifted:"
        " outside it (Holm over architectures); inconclusive: neither, with the seeds at which the difference seen"
        f" would be decided with 80 % power; failed: a training did not finish, or costs disagree. Margins: {margins}."
        " Predicted: whether the mean of real training lies in the 95 % interval that the table predicts for it."
        " Parameters and multiply-adds are counted on the network; \"=\" where the table says the same."
    )  # fmt: skip
    headers = (
        "Benchmark", "Pick", "Architecture", "Verdict", "Runs", "Table", "Real", "Difference [90 % CI]", "Predicted",
        "Test", "Parameters", "MACs",
    )  # fmt: skip
    return ReportTable("verification", "Verification by real training", caption, frame, headers, cells, text_columns=4)


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
    count = "predicted" if math.isinf(n) else f"{n:.0f}"
    return f"{mean:.2f}{'' if math.isnan(sd) else f' {_PLUS_MINUS} {sd:.2f}'} ({count})"


def _difference(row: Mapping[Any, Any]) -> str:
    if math.isnan(row["low"]):
        return NONE
    return bracket(*[signed(row[name]) for name in ("difference", "low", "high")])


def _cost(row: Mapping[Any, Any], name: str) -> str:
    expected = row[f"{name}_expected"]
    if math.isnan(expected):
        return f"{row[name]:,.0f}"
    return f"{row[name]:,.0f} {'=' if abs(row[name] - expected) < 0.5 else f'not {expected:,.0f}'}"


def method(judged: Sequence[Verification], picked: str = INCUMBENTS, strata: str = STRATA[TABLE]) -> str:
    """Return how it was done, in one paragraph."""
    parts = []
    for item in judged:
        measurements, overall = item.measurements, item.overall
        level, device = (measurements.provenance.get(key, "unknown") for key in ("rung", "device"))
        passed_over = "".join(f"; level {text}" for text in measurements.provenance.get("rungs_passed_over", ()))
        parts.append(
            f"{measurements.benchmark}: recipe {measurements.training.recipe} on "
            f"{measurements.training.dataset_name}, seeds"
            f" {', '.join(map(str, measurements.seeds))}, trainer {level} on {device}{passed_over}; spread of one"
            f" training {_known(overall.sd)} points ({overall.df} degrees of freedom; {_known(overall.table_sd)} in the"
            f" table alone); mean absolute difference {_known(overall.absolute)}, where noise alone makes"
            f" {_known(overall.expected_absolute)}; slope of real on table {_slope(overall.slope)}"
        )
    has_ensemble = any(item.measurements.ensemble is not None for item in judged)
    return (
        f"Verification. {picked[0].upper()}{picked[1:]}, and one architecture of each of equal parts of {strata}, all"
        " chosen by validation, were trained with seeds that the table had not seen. "
        + ". ".join(parts)
        + "."
        + (ensemble.METHOD if has_ensemble else "")
    )


def _slope(mean: Mean) -> str:
    known = math.isfinite(mean.value)
    return bracket(*map(decimals, (mean.value, mean.low, mean.high))) if known else _known(mean.value)


def _known(value: float) -> str:
    """Return a value with two decimals, in words where it is not known: of a table with one training of each."""
    return "not known" if math.isnan(value) else decimals(value)
