"""Checks of curves: what their ends are beside their best epochs, halfway values, and the halves of a test set."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks_data.audit.findings import Finding
from benchmarks_data.audit.subject import Subject
from benchmarks_data.file.layout import AnyArray
from harness.checks import FloatArray

ROUNDED = 0.01
"""Percent; halves of a test set average to the whole but for rounding."""


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
        finding = _best_epoch(subject, name)
        if finding is not None:
            yield finding
    yield from _halves(subject)


def _same(one: AnyArray, other: AnyArray) -> bool:
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
        sentence = f"At the end, {whole} and the mean of {' and '.join(names)} differ by {gap:.2g} at most"
        fits = gap < ROUNDED
        what = "the halves are what they are said to be" if fits else "they cannot be halves of one test set"
        yield Finding(
            "fact" if fits else "fault", "curves", f"{sentence}: {what}.", numbers={"largest_difference": gap}
        )
