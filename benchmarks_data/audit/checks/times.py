"""Checks of times: whether seconds count from the start, and were measured for each training and epoch or copied."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks_data.audit.findings import Finding
from benchmarks_data.audit.subject import Subject
from benchmarks_data.file.layout import AnyArray
from benchmarks_data.plausibility import seconds as clock
from harness.checks import BoolArray

_SAME = 1e-9
"""Relative: times that are so alike were copied."""
_FASTEST = 0.3
"""Seconds; no epoch over the images of `_LARGE` data sets was faster in any published table."""
_LARGE = ("cifar", "imagenet", "svhn", "taskonomy")


def times(subject: Subject) -> Iterator[Finding]:
    """Say where seconds come from: measured for each training and epoch, or one measurement repeated and scaled."""
    name = subject.header.meaning.seconds
    if name is None:
        yield Finding(
            "caution",
            "times",
            "It has no training times.",
            "A budget in seconds is refused; give it in evaluations or epochs.",
        )
        return
    wrong = list(_not_from_the_start(subject, name))
    yield from wrong
    yield from _other_unit(subject, name)
    if wrong:
        return
    reasons = []
    if _trainings_are_equal(subject, name):
        reasons.append("all runs of a row have one and the same time")
    if _steps_are_equal(subject, name):
        reasons.append("every epoch of a run takes exactly as long as its first")
    copied = _copied(subject, name)
    reasons += [f"they are exactly {factor:.4g} times those of {other}" for other, factor in copied.items()]
    if reasons:
        yield Finding(
            "caution",
            "times",
            f"{name} is no measurement of each training: {'; '.join(reasons)}. A search meets no noise in time.",
            "Do not report a spread of times or of time-to-target as measured.",
            {"ratio_to_other_tables": copied},
        )
    else:
        final = subject.final(name)
        yield Finding(
            "fact",
            "times",
            f"{name} varies as measured times do: {len(np.unique(final[~np.isnan(final)])):,} different values.",
        )


def _not_from_the_start(subject: Subject, name: str) -> Iterator[Finding]:
    """Find schedules in which later epochs cost no more than earlier ones."""
    meaning, values = subject.header.meaning, subject.values(name)
    places = meaning.places(subject.columns[name], values.shape[2])
    for schedule, length in enumerate(meaning.schedules):
        inside = [fidelity for fidelity in sorted(places) if meaning.schedule_of[fidelity] == schedule]
        if len(inside) < 2:
            continue
        epochs = [meaning.fidelities[fidelity].epoch for fidelity in inside]
        if values.shape[2] == 1:
            few, all_of = subject.rows, subject.rows
        else:
            few, all_of = clock.stalled(values[:, :, [places[fidelity] for fidelity in inside]], epochs)
        if few <= all_of / 2:
            continue
        yield Finding(
            "fault",
            "times",
            f"{name} hardly grows with the epoch in {few:,} of {all_of:,} trainings of the schedule of {length} "
            "epochs: it is that of single epochs, or of the last part of a training, and promotions cost nothing.",
            'Import it again with `seconds = "per_epoch"` in the description of the column, or "since_previous", or '
            '"restarting".',
            {"schedule": length, "trainings": all_of, "hardly_growing": few},
        )


def _other_unit(subject: Subject, name: str) -> Iterator[Finding]:
    """Ask whether seconds are minutes or hours: of networks that take longer on images."""
    about, meaning = subject.about, subject.header.meaning
    if not any(word in about.get("dataset", "").lower() for word in _LARGE):
        return
    final = subject.final(name)
    if np.isnan(final).all():
        return
    rate = float(np.nanmedian(final)) / meaning.fidelities[-1].epoch
    if rate < _FASTEST:
        yield Finding(
            "caution",
            "times",
            f"{name} is {rate:.3g} seconds for an epoch (median): on such data that is minutes or hours.",
            "Ask the source in which unit it is.",
            {"seconds_per_epoch": rate},
        )


def _trainings_are_equal(subject: Subject, name: str) -> bool:
    """Say whether rows have several trainings, and all of them one time."""
    values = subject.values(name)
    if values.shape[1] == 1:
        return int(subject.header.array("index/runs").max()) > 1
    several = np.count_nonzero(~np.isnan(values), axis=1) > 1
    least, most = np.fmin.reduce(values, axis=1), np.fmax.reduce(values, axis=1)
    return bool(several.any()) and _alike(most[several], least[several])


def _steps_are_equal(subject: Subject, name: str) -> bool:
    meaning, values = subject.header.meaning, subject.values(name)
    places = meaning.places(subject.columns[name], values.shape[2])
    several = False
    for schedule in range(len(meaning.schedules)):
        inside = [fidelity for fidelity in places if meaning.schedule_of[fidelity] == schedule]
        if len(inside) < 3 or values.shape[2] == 1:
            continue
        epochs = np.array([meaning.fidelities[fidelity].epoch for fidelity in inside], dtype=np.float64)
        rates = values[:, :, [places[fidelity] for fidelity in inside]] / epochs
        if not _alike(rates, rates[:, :, :1]):
            return False
        several = True
    return several


def _alike(values: AnyArray, other: AnyArray) -> bool:
    both = ~np.isnan(values) & ~np.isnan(other)
    close: BoolArray = np.abs(values - other) <= _SAME * np.abs(other)
    return bool(both.any()) and bool(close[both].all())


def _copied(subject: Subject, name: str) -> dict[str, float]:
    """Return the factor to every sibling's final seconds that is the same in all rows."""
    mine = subject.mean(name)
    factors = {}
    for other, header in subject.siblings.items():
        if name not in header.columns or not np.array_equal(header.array("archs"), subject.archs):
            continue
        ratio = mine / header.values(name)[:, 0, -1]
        middle = float(np.nanmedian(ratio))
        if (np.abs(ratio - middle)[~np.isnan(ratio)] <= 1e-6 * middle).all():
            factors[other] = middle
    return factors
