"""Checks of rows: whether all are there, how many trainings they have, which compute the same function."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from benchmarks_data.audit.findings import LISTED, Finding
from benchmarks_data.audit.subject import Subject
from benchmarks_data.file.layout import AnyArray
from benchmarks_data.file.trainings import counted
from harness.checks import FloatArray
from harness.space import SearchSpace


def total_of(space: SearchSpace) -> int | None:
    """Return how many different functions a space has, its valid codings where that is not known, or None."""
    facts = space.facts()
    classes = facts.get("classes")
    if isinstance(classes, Mapping) and "functional" in classes:
        return int(classes["functional"])
    valid = facts.get("valid")
    return int(str(valid)) if valid is not None else None


def whole_of(subject: Subject) -> int | None:
    """Return how many rows a table of the whole space has; None where that is not known.

    Of a part that tells codings apart these are the codings, even where several compute one function.
    """
    valid = subject.space.facts().get("valid")
    exact = subject.header.meaning.partial and subject.header.meaning.identity == "exact"
    return int(str(valid)) if exact and valid is not None else total_of(subject.space)


def rows(subject: Subject) -> Iterator[Finding]:
    """Compare the rows with what the catalogue expects and with the space."""
    expected = subject.entry.rows if subject.entry else 0
    if expected and expected != subject.rows:
        yield Finding("fault", "rows", f"It has {subject.rows:,} rows, the published table has {expected:,}.")
    total, valid = whole_of(subject), int(str(subject.space.facts().get("valid", 0)))
    numbers = {"rows": subject.rows, "functions": total_of(subject.space), "codings": valid or None}
    if not subject.header.meaning.partial:
        what = f"{valid:,} codings" if valid else "architectures"
        sentence = f"Every architecture of the space has a row: {subject.rows:,} rows for {what}"
        functions = f", {total:,} different functions" if total and total != max(subject.rows, valid) else ""
        yield Finding("fact", "rows", f"{sentence}{functions}.", numbers=numbers)
        return
    part = f" of {total:,}" if total else ""
    yield Finding(
        "caution",
        "rows",
        f"It is a part of its space: {subject.rows:,}{part} architectures have a row; how they were chosen shapes "
        "every figure, and its best is not the best of the space.",
        "Searching it samples and mutates among its rows only; search the whole space through a surrogate benchmark.",
        numbers,
    )


def trainings(subject: Subject) -> Iterator[Finding]:
    """Say where rows differ in their number of trainings, and whether trainings are named by seed."""
    header, meaning = subject.header, subject.header.meaning
    counts = header.array("index/runs")
    for place, epochs in enumerate(meaning.schedules):
        by_count = counted(counts[:, place])
        listed = ", ".join(f"{rows:,} rows have {count}" for count, rows in by_count.items())
        where = f"In the schedule of {epochs} epochs training" if len(meaning.schedules) > 1 else "Training"
        if len(by_count) > 1:
            yield Finding(
                "caution",
                "runs",
                f"{where} runs are uneven: {listed}. Means are surer in some rows than in others, and the best of many "
                "unsure means is too good.",
                '`table_seed = "fixed"` answers with one run in every row; reports average what exists.',
                {"schedule": epochs, "rows_by_runs": by_count},
            )
    if "index/seeds" in header.places:
        yield from _single_seeds(subject, header.array("index/seeds"))
    elif counts.max() > 1:
        yield Finding(
            "fact",
            "runs",
            "Runs are not labelled by seed: which run of a row belongs to which seed is not told by the source.",
            "`seed` cannot be asked for; `training` counts runs within a row.",
        )


def _single_seeds(subject: Subject, seeds: AnyArray) -> Iterator[Finding]:
    """Tell where a single seed stands for everything, and which seeds every row has."""
    schedules = subject.header.meaning.schedules
    for place, epochs in enumerate(schedules):
        mine = seeds[:, place]
        known = sorted(set(np.unique(mine).tolist()) - {-1})
        shares = {str(seed): int((mine == seed).any(axis=1).sum()) for seed in known}
        lone = {str(seed): int(((mine == seed).any(axis=1) & ((mine >= 0).sum(axis=1) == 1)).sum()) for seed in known}
        alone = {seed: count for seed, count in lone.items() if count and len(known) > 1}
        if alone:
            listed = ", ".join(f"{count:,} rows have seed {seed} alone" for seed, count in alone.items())
            yield Finding(
                "caution",
                "runs",
                f"In the schedule of {epochs} epochs {listed}: their value is one run, and has no mean to speak of.",
                numbers={"schedule": epochs, "rows_by_seed": shares, "single": alone},
            )


def duplicates(subject: Subject) -> Iterator[Finding]:
    """Tell which rows compute the same function, and whether they agree."""
    # a table that is indexed by functions may still repeat them: dense indices can be made by hand
    several = "index/rows" in subject.header.places and subject.rows <= 2**16
    if subject.header.meaning.identity == "functional" and not several:
        return
    _, first, again, sizes = np.unique(subject.keys, return_index=True, return_inverse=True, return_counts=True)
    shared = int(sizes[sizes > 1].sum())
    if not shared:
        sentence = "No two rows compute the same function."
        if type(subject.space).key is SearchSpace.key:
            sentence = "No two rows repeat an architecture; which of them compute the same function is not known here."
        yield Finding("fact", "duplicates", sentence)
        return
    name = subject.header.meaning.validation or subject.header.meaning.test or ""
    numbers: dict[str, object] = {"classes": len(sizes), "rows_in_shared_classes": shared, "largest": int(sizes.max())}
    begin = (
        f"{subject.rows:,} rows compute {len(sizes):,} different functions: {shared:,} rows share theirs with another"
    )
    if not name:
        yield Finding("fact", "duplicates", f"{begin}.", numbers=numbers)
        return
    means = subject.mean(name)
    equal = (means == means[first[again]]) | (np.isnan(means) & np.isnan(means[first[again]]))
    if equal.all():
        yield Finding(
            "caution",
            "duplicates",
            f"{begin}, and rows of one function repeat the same {name}: they were trained once, and are no further "
            "evidence.",
            "Count functions, not rows, in statistics over the table.",
            numbers,
        )
        return
    within, degrees = _within(means, again, sizes)
    numbers |= {"sd_within_a_class": within, "degrees_of_freedom": degrees}
    yield Finding(
        "caution",
        "duplicates",
        f"{begin}, each trained by itself: within a function the {name} has a standard deviation of {within:.3g} "
        f"{subject.columns[name].unit} (between means of runs).",
        "A strategy that tells equal cells apart pays for them again; regret below this spread is noise.",
        numbers,
        _widest(subject, name, means, again, sizes),
    )


def _within(means: FloatArray, again: AnyArray, sizes: AnyArray) -> tuple[float, int]:
    """Return the pooled standard deviation of row means within a class, and its degrees of freedom."""
    known = ~np.isnan(means)
    counts = np.bincount(again[known], minlength=len(sizes))
    sums = np.bincount(again[known], weights=means[known], minlength=len(sizes))
    centre = np.divide(sums, counts, out=np.zeros(len(sizes)), where=counts > 0)
    degrees = int((counts[counts > 0] - 1).sum())
    squares = float(((means[known] - centre[again[known]]) ** 2).sum())
    return (float(np.sqrt(squares / degrees)) if degrees else 0.0), degrees


def _widest(
    subject: Subject, name: str, means: FloatArray, again: AnyArray, sizes: AnyArray
) -> tuple[dict[str, object], ...]:
    low, high = np.full(len(sizes), np.inf), np.full(len(sizes), -np.inf)
    known = ~np.isnan(means)
    np.minimum.at(low, again[known], means[known])
    np.maximum.at(high, again[known], means[known])
    spread = np.where(sizes > 1, high - low, 0.0)
    widest = np.argsort(-spread, kind="stable")[: min(5, LISTED)]
    return tuple(
        {
            "architecture": subject.text(int(np.flatnonzero(again == group)[0])),
            "rows": int(sizes[group]),
            f"lowest {name}": float(low[group]),
            f"highest {name}": float(high[group]),
        }
        for group in widest.tolist()
        if spread[group] > 0
    )
