"""Wide columns, ``acc10`` and ``acc50``: one metric at several epochs, made a line for each epoch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from benchmarks_data.importers.own.description import EPOCH, Description
from benchmarks_data.importers.own.reading.lines import Lines
from harness.errors import TableError, clipped, must, nearest


def lengthened(description: Description, lines: Lines) -> tuple[Description, Lines]:
    """Return lines of which each tells one epoch, and the description of these.

    A result without epoch in its name is one of the last epoch; a cost without one is that of all epochs.

    Raises
    ------
    TableError
        If no column fits a pattern, or `seconds` is no pattern.
    """
    patterns = {source: _fitting(lines, source) for source in description.sources.values() if EPOCH in source}
    told = description.seconds and description.sources[description.seconds]
    if told and told not in patterns:
        rule = f"name a column for each epoch, for example 'seconds{EPOCH}', as its costs are asked for epoch by epoch"
        raise TableError(must(f"column of {description.seconds}", rule, told))
    epochs = {epoch for columns in patterns.values() for epoch in columns}
    last = description.schedule or max(epochs)
    finals = {
        source
        for name, source in description.sources.items()
        if source not in patterns and description.columns[name].split
    }
    ordered = sorted(epochs | ({last} if finals else set()))
    missing = description.words.missing
    pairs = []
    for row in range(len(lines)):
        kept = [
            epoch
            for epoch in ordered
            if any(
                epoch in columns and lines.columns[columns[epoch]][row].lower() not in missing
                for columns in patterns.values()
            )
            or (epoch == last and any(lines.columns[source][row].lower() not in missing for source in finals))
        ]
        pairs += [(row, epoch) for epoch in kept or ordered[-1:]]
    columns, spelt = _columns(description, lines, patterns, finals, pairs, last)
    names = {str(epoch): None for epoch in ordered}
    remark = f"epochs {', '.join(names)} from the names of columns"
    long = Lines(
        lines.source,
        lines.unit,
        [lines.numbers[row] for row, _ in pairs],
        columns,
        remarks=(*lines.remarks, remark),
        cells=lines.cells,
        separator=lines.separator,
        origin=[row for row, _ in pairs],
        spelt=spelt,
    )
    return replace(description, epoch=EPOCH, schedule=last), long


def _columns(
    description: Description,
    lines: Lines,
    patterns: Mapping[str, Mapping[int, str]],
    finals: set[str],
    pairs: Sequence[tuple[int, int]],
    last: int,
) -> tuple[dict[str, Sequence[str]], dict[str, Sequence[str]]]:
    """Return the columns of long lines, and for those of a pattern the column that each line is from."""
    made: dict[str, Sequence[str]] = {EPOCH: [str(epoch) for _, epoch in pairs]}
    spelt: dict[str, Sequence[str]] = {}
    for source, columns in patterns.items():
        made[source] = [lines.columns[columns[epoch]][row] if epoch in columns else "" for row, epoch in pairs]
        spelt[source] = [columns.get(epoch, source) for _, epoch in pairs]
    for name, column in lines.columns.items():
        if name in finals:
            made[name] = [column[row] if epoch == last else "" for row, epoch in pairs]
        else:
            made.setdefault(name, [column[row] for row, _ in pairs])
    return made, spelt


def _fitting(lines: Lines, source: str) -> dict[int, str]:
    """Return the columns that fit a pattern, by epoch."""
    before, after = map(re.escape, source.split(EPOCH))
    form = re.compile(rf"{before}(\d{{1,7}}){after}")
    fitting: dict[int, str] = {}
    for name in lines.columns:
        if match := form.fullmatch(name):
            epoch = int(match[1])
            if epoch in fitting or not epoch:
                other = clipped(fitting.get(epoch, ""))
                rule = f"be another epoch than '{other}'" if epoch else "be of epoch 1 or later: rename it"
                raise TableError(f"{lines.source}: " + must(f"column like {source}", rule, name))
            fitting[epoch] = name
    if not fitting:
        raise TableError(f"{lines.source} has no column like '{clipped(source)}'.{nearest(source, lines.columns)}")
    return fitting
