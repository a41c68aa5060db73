"""Checks of splits: validation that is test, curves that exist on test images only, columns of different models."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from benchmarks_data.audit.findings import Finding, ranges
from benchmarks_data.audit.subject import Subject
from benchmarks_data.file.trainings import mean_over_trainings

MANY = 0.5
"""Share of equal values from which on two columns are the same thing; chance equality of coarse accuracies is rarer."""


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
        signal, judged = subject.columns[meaning.validation], subject.columns[meaning.test]
        if signal.trained_on != judged.trained_on:
            yield Finding(
                "caution",
                "splits",
                f"{signal.name} and {judged.name} are of different models: trained on {signal.trained_on} and on "
                f"{judged.trained_on} images.",
                "Part of the test regret is the other training; no search by validation can remove it.",
            )


def equal_columns(subject: Subject) -> Iterator[Finding]:
    """Find a told column that has the numbers of a held-out one."""
    open_columns = [name for name in subject.results if not subject.columns[name].held_out]
    secret = [name for name in subject.results if subject.columns[name].held_out]
    clean = True
    for one, other in product(open_columns, secret):
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
    if open_columns and secret and clean:
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
        x, y = (mean_over_trainings(np.ascontiguousarray(side)[:, :, None]) for side in (x, y))
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
        epochs_alone: dict[tuple[int, ...], list[str]] = {}
        for name in subject.results:
            only = sorted(_fidelities(subject, name) - valid) if subject.columns[name].held_out else []
            inside = [meaning.fidelities[item].epoch for item in only if meaning.schedule_of[item] == place]
            if inside:
                epochs_alone.setdefault(tuple(inside), []).append(name)
        for at, names in epochs_alone.items():
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
