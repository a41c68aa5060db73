"""An audit as plain text: the findings, the worst first, then what each column is and what is there."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence

from benchmarks_data.audit.findings import Audit, ColumnFacts, Finding

WIDTH = 100
_MARKS = {"fault": "FAULT  ", "caution": "CAUTION", "fact": "fact   "}


def text(audit: Audit, *, width: int = WIDTH) -> str:
    """Write an audit for a terminal.

    Parameters
    ----------
    audit : Audit
    width : int
        Longest line, but for architectures and names that are longer themselves.
    """
    lines = [*_head(audit, width), ""]
    for finding in audit.findings:
        lines += _finding(finding, width)
    lines += ["", *_coverage(audit), "", "Columns", ""]
    for column in audit.columns:
        lines += _column(column, width)
    return "\n".join(lines) + "\n"


def beside(audit: Audit) -> str:
    """Say how many architectures the space has, where that is known and is not the number of rows."""
    if audit.total is None or audit.total == audit.rows:
        return ""
    return f", {audit.total:,} functions" if audit.total < audit.rows else f" of {audit.total:,} in the space"


def summary(audit: Audit) -> str:
    """Say in one line how many findings of each severity there are.

    >>> from types import SimpleNamespace
    >>> summary(SimpleNamespace(count={"fault": 0, "caution": 1, "fact": 3}.__getitem__))
    'no fault, 1 caution, 3 facts'
    """
    counts = {severity: audit.count(severity) for severity in _MARKS}
    return ", ".join(f"{count or 'no'} {noun}{'s' if count > 1 else ''}" for noun, count in counts.items())


def _head(audit: Audit, width: int) -> Iterator[str]:
    yield f"{audit.name}: {audit.title}" if audit.title else audit.name
    if audit.dataset:
        yield from textwrap.wrap(audit.dataset, width)
    yield f"{audit.rows:,} row{'s' if audit.rows > 1 else ''}{beside(audit)}, space {audit.space}; {summary(audit)}"
    yield f"sha256 {audit.sha256[:16]}…"


def _finding(finding: Finding, width: int) -> Iterator[str]:
    mark = _MARKS[finding.severity] + " "
    pad = " " * len(mark)
    yield from textwrap.wrap(
        f"{finding.topic}: {finding.sentence}",
        width,
        initial_indent=mark,
        subsequent_indent=pad,
        break_long_words=False,
        break_on_hyphens=False,
    )
    if finding.remedy:
        yield from textwrap.wrap(f"→ {finding.remedy}", width, initial_indent=pad, subsequent_indent=pad + "  ")
    for row in finding.rows[:3]:
        yield pad + "  " + ", ".join(f"{key} {_shown(value)}" for key, value in row.items())
    if len(finding.rows) > 3:
        rows = finding.numbers.get("rows")
        count = rows if isinstance(rows, int) else len(finding.rows)
        yield f"{pad}  … {count:,} in all; --json and --html list {len(finding.rows)}"


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return "/".join(_shown(item) for item in value)
    return str(value)


def _coverage(audit: Audit) -> Iterator[str]:
    """Yield what was measured: a matrix of columns by schedules, epochs as ranges."""
    if not audit.schedules:
        return
    heads = [schedule.label for schedule in audit.schedules]
    cells = [[column.name, *(cell or "-" for cell in column.measured)] for column in audit.columns]
    trainings = ["runs (rows)", *(_counts(schedule.runs) for schedule in audit.schedules)]
    seeds = ["seeds (rows)", *(_counts(schedule.seeds) or "not named" for schedule in audit.schedules)]
    yield from _matrix(["Measured at epoch", *heads], [*cells, trainings, seeds])


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{key} ({value:,})" for key, value in counts.items())


def _matrix(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]
    for row in [head, *rows]:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _column(column: ColumnFacts, width: int) -> Iterator[str]:
    yield f"  {column.name}"
    for line in (column.words, column.description, _numbers(column)):
        if line:
            yield from textwrap.wrap(line, width, initial_indent=" " * 4, subsequent_indent=" " * 4)


def _numbers(column: ColumnFacts) -> str:
    if column.lowest is None:
        return "no value"
    span = f"{column.lowest:.6g} to {column.highest:.6g}, mean {column.mean:.6g}, {column.distinct:,} different values"
    return span + (f", {column.missing:,} missing" if column.missing else "")
