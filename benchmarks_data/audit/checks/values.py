"""Checks of values: what is missing, constant, tied or rounded in a column."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks_data.audit.findings import LISTED, Finding
from benchmarks_data.audit.subject import Subject
from harness.checks import FloatArray

_COARSE = 2.0**10
"""Multiples of its inverse are no rounded decimals."""


def gaps(subject: Subject) -> Iterator[Finding]:
    """Tell of values that are missing in trainings that exist, or infinite."""
    gaps_by_column = {name: subject.gaps(name) for name in subject.columns}
    for what, place, severity in (("infinite", 1, "fault"), ("missing", 0, "caution")):
        counts = {name: item[place] for name, item in gaps_by_column.items() if item[place]}
        if not counts:
            continue
        rows = sorted({row for name in counts for row in gaps_by_column[name][2]})
        listed = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        yield Finding(
            severity,
            "gaps",
            f"Values that are {what} in runs that exist, in {len(rows):,} rows: {listed}.",
            "A query answers NaN there, a failed evaluation; a row whose constraint is NaN keeps no bound."
            if what == "missing"
            else "Do not use these columns as objectives.",
            {"values": counts, "rows": len(rows)},
            tuple({"row": row, "architecture": subject.text(row)} for row in rows[:LISTED]),
        )
    if not any(missing or infinite for missing, infinite, _ in gaps_by_column.values()):
        yield Finding("fact", "gaps", "Nothing is missing in any run that exists, and nothing is infinite.")


def constants(subject: Subject) -> Iterator[Finding]:
    """Tell of columns that say the same of every row."""
    if subject.rows < 2:
        return
    for name in subject.columns:
        final = subject.final(name)
        known = final[~np.isnan(final)]
        if not len(known):
            yield Finding("fault", "constants", f"{name} has no value at all.", "Leave it out.")
        elif (known == known[0]).all():
            sentence = f"{name} is {known[0]:.6g} in every row: it tells nothing apart."
            yield Finding("caution", "constants", sentence, "It cannot be an objective.")


def ties(subject: Subject) -> Iterator[Finding]:
    """Count rows that cannot be told apart by the objective, and find values stored in single precision."""
    name = subject.header.meaning.validation or subject.header.meaning.test
    if not name:
        return
    means = subject.mean(name)
    known = means[~np.isnan(means)]
    _, counts = np.unique(known, return_counts=True)
    tied = int(counts[counts > 1].sum())
    best = known.max() if subject.columns[name].direction == "maximise" else known.min()
    at_best = int(np.count_nonzero(known == best))
    numbers = {"tied_rows": tied, "different_values": len(counts), "rows_at_the_best_value": at_best}
    sentence = f"{tied:,} of {len(known):,} rows share their mean {name} with another; {at_best} "
    sentence += f"{'has' if at_best == 1 else 'have'} the best value."
    yield Finding("fact", "ties", sentence, numbers=numbers)
    single = [key for key in subject.results if _is_single(subject.final(key))]
    if single:
        yield Finding(
            "caution",
            "ties",
            f"{', '.join(single)}: every value is one of single precision; rounding makes ties and moves rank "
            "correlations in the fourth digit.",
            "Compare with figures computed from more digits at 1e-3 only.",
        )


def _is_single(values: FloatArray) -> bool:
    """Say whether values were rounded to single precision; shares of few images, such as quarters, are exact in it."""
    known = values[np.isfinite(values)]
    coarse = known * _COARSE
    return len(known) > 1 and bool((known.astype(np.float32) == known).all() and (coarse != np.round(coarse)).any())
