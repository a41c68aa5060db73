"""Checks of splits: validation that is test, curves that exist on test images only, columns of different models."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import product

import numpy as np

from benchmarks_data.audit.facts import Finding, ranges
from benchmarks_data.audit.notes import NOTES
from benchmarks_data.audit.subject import Subject
from benchmarks_data.file.layout import Dataset
from benchmarks_data.file.runs import mean_over_runs
from harness.checks import FloatArray

MANY = 0.5
"""Share of equal values from which on two columns are the same thing; chance equality of coarse accuracies is rarer."""

ROUNDED = 0.01
"""Percent; halves of a test set average to the whole but for rounding."""


def named(subject: Subject) -> Iterator[Finding]:
    """Say what is lacking: a validation column, a test column."""
    meaning = subject.header.meaning
    if not meaning.validation:
        protocols = ", ".join(f"{subject.entry.name}@{key}" for key in subject.entry.protocols) if subject.entry else ""
        yield Finding(
            "caution",
            "splits",
            "It has no validation column: nothing in it may be told to a strategy as an objective of quality.",
            f"Open it under a protocol: {protocols}." if protocols else "",
        )
    if not meaning.test:
        yield Finding(
            "caution",
            "splits",
            "It has no test column: reports can judge by validation only, which is what the search has chosen by.",
            "Say so where results are given; join a table that has test results, if there is one.",
        )
    if meaning.validation and meaning.test:
        told, judged = subject.columns[meaning.validation], subject.columns[meaning.test]
        if told.trained_on != judged.trained_on:
            yield Finding(
                "caution",
                "splits",
                f"{told.name} and {judged.name} are of different models: trained on {told.trained_on} and on "
                f"{judged.trained_on} images.",
                "Part of the test regret is the other training; no search by validation can remove it.",
            )


def equal_columns(subject: Subject) -> Iterator[Finding]:
    """Find a told column that has the numbers of a held-out one."""
    told = [name for name in subject.results if not subject.columns[name].held_out]
    secret = [name for name in subject.results if subject.columns[name].held_out]
    clean = True
    for one, other in product(told, secret):
        equal, compared, varied = _equal(subject, one, other)
        if compared and varied and equal / compared >= MANY:
            clean = False
            yield Finding(
                "fault",
                "splits",
                f"{one}, which strategies may be told, has the numbers of {other} in {equal:,} of {compared:,} values: "
                "it is test.",
                f"Do not search by {one}.",
                {"equal": equal, "compared": compared},
            )
    if told and secret and clean:
        yield Finding("fact", "splits", "No column that strategies may be told has the numbers of a held-out one.")


def _equal(subject: Subject, one: str, other: str) -> tuple[int, int, bool]:
    """Count equal values of two columns at the fidelities that both have; say whether the values vary at all."""
    meaning = subject.header.meaning
    ours, theirs = subject.values(one), subject.values(other)
    at = meaning.places(subject.columns[one], ours.shape[2])
    at_other = meaning.places(subject.columns[other], theirs.shape[2])
    shared = sorted(at.keys() & at_other.keys())[-1:]  # the last one tells, and is cheap
    if not shared:
        return 0, 0, False
    x, y = ours[:, :, at[shared[0]]], theirs[:, :, at_other[shared[0]]]
    if x.shape[1] != y.shape[1]:
        x, y = (mean_over_runs(np.ascontiguousarray(side)[:, :, None]) for side in (x, y))
    both = ~np.isnan(x) & ~np.isnan(y)
    known = x[both]
    return int(np.count_nonzero(known == y[both])), len(known), len(np.unique(known)) > 2


def curves(subject: Subject) -> Iterator[Finding]:
    """Find schedules in which test images were looked at more often than validation images."""
    meaning = subject.header.meaning
    if not meaning.validation:
        return
    valid = _fidelities(subject, meaning.validation)
    for place, epochs in enumerate(meaning.schedules):
        found: dict[tuple[int, ...], list[str]] = {}
        for name in subject.results:
            only = sorted(_fidelities(subject, name) - valid) if subject.columns[name].held_out else []
            inside = [meaning.fidelities[item].epoch for item in only if meaning.schedule_of[item] == place]
            if inside:
                found.setdefault(tuple(inside), []).append(name)
        for at, names in found.items():
            splits = " and ".join(sorted({subject.columns[name].split for name in names}))
            yield Finding(
                "caution",
                "splits",
                f"In the schedule of {epochs} epochs, epochs {ranges(list(at))} have {' and '.join(names)} ({splits}) "
                f"and no {meaning.validation}: who reads a curve there reads test images.",
                "Here it is held out. For several fidelities use those at which validation was measured.",
                {"schedule": epochs, "columns": names, "epochs": len(at)},
            )


def _fidelities(subject: Subject, name: str) -> set[int]:
    return set(subject.header.meaning.places(subject.columns[name], subject.values(name).shape[2]))


def ends(subject: Subject) -> Iterator[Finding]:
    """Compare ends of curves: with the best epoch, with halfway values, and the two halves of a test set."""
    meaning = subject.header.meaning
    for name in subject.results:
        halfway = f"halfway_{name}"
        if halfway in subject.columns and _same(subject.values(halfway), subject.values(name)):
            yield Finding(
                "fault",
                "curves",
                f"{halfway} repeats {name}: there is no halfway measurement.",
                "Do not use it as a cheaper fidelity.",
            )
    for name in filter(None, (meaning.validation, meaning.test)):
        found = _best_epoch(subject, name)
        if found is not None:
            yield found
    yield from _halves(subject)


def _same(one: Dataset, other: Dataset) -> bool:
    return one.shape == other.shape and bool(((one == other) | (np.isnan(one) & np.isnan(other))).all())


def _best_epoch(subject: Subject, name: str) -> Finding | None:
    """Say how much better the best epoch of the final schedule is than its last."""
    meaning, values, column = subject.header.meaning, subject.values(name), subject.columns[name]
    last = meaning.schedule_of[-1]
    places = [
        place
        for fidelity, place in meaning.places(column, values.shape[2]).items()
        if meaning.schedule_of[fidelity] == last
    ]
    if len(places) < 3 or values.shape[2] == 1:
        return None
    sign = 1.0 if column.direction == "maximise" else -1.0
    gains: list[FloatArray] = []
    for start in range(0, len(values), 1024):
        curve = sign * values[start : start + 1024][:, :, places]
        curve = curve[~np.isnan(curve[:, :, -1])]
        gains.append(np.nanmax(curve, axis=1) - curve[:, -1] if len(curve) else np.empty(0))
    gain = np.concatenate(gains)
    if not len(gain):
        return None
    return Finding(
        "fact",
        "curves",
        f"{name}: the value is that of the last epoch; the best epoch of a run would look {gain.mean():.3g} "
        f"{column.unit} better on average, and is the last one in {np.mean(gain == 0):.1%} of runs.",
        numbers={"mean_gain": float(gain.mean()), "runs": len(gain), "last_is_best": float(np.mean(gain == 0))},
    )


def _halves(subject: Subject) -> Iterator[Finding]:
    """Check that validation and test halves average to the whole where all three are there."""
    whole, names = "valid_test_accuracy", ("valid_accuracy", "test_accuracy")
    if not {whole, *names} <= set(subject.columns):
        return
    ours, theirs = subject.final(whole), sum(subject.final(name) for name in names) / 2.0
    both = ~np.isnan(ours) & ~np.isnan(theirs)
    if both.any():
        gap = float(np.abs(ours - theirs)[both].max())
        told = f"At the end, {whole} and the mean of {' and '.join(names)} differ by {gap:.2g} at most"
        fits = gap < ROUNDED
        what = "the halves are what they are said to be" if fits else "they cannot be halves of one test set"
        yield Finding("fact" if fits else "fault", "curves", f"{told}: {what}.", numbers={"largest_difference": gap})


def notes(subject: Subject) -> Iterator[Finding]:
    """Tell what is known of a source and cannot be seen in its numbers."""
    name = subject.header.meaning.name
    yield from (finding for pattern, finding in NOTES if fnmatchcase(name, pattern))
