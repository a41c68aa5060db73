"""Seconds of trainings: what they count from, whether they grow as a clock does, and their sum from scratch."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from harness.checks import FloatArray

KINDS = ("cumulated", "per_epoch", "since_previous", "restarting")
"""What seconds in a line may count from: the start of the training; the start of their own epoch, told for that epoch
alone; the previous line of the training; the last restart, at which they fall."""
SLOWEST = 0.2
"""Share of the growth that equal epochs would give; seconds that grow less do not count from the start."""
IN_SECONDS = {
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), 1e-3),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600.0),
    **dict.fromkeys(("day", "days"), 86400.0),
}
"""Seconds of other units of time."""
_SECONDS = {"s", "sec", "secs", "second", "seconds"}
_WORDS = re.compile(r"[a-z]+")


def cumulated(values: FloatArray, epochs: Sequence[int], kind: str) -> FloatArray:
    """Return what training from scratch costs up to each epoch.

    Parameters
    ----------
    values : (N, R, F) float64
        As told; NaN where nothing is told, which is passed over.
    epochs : sequence of F int
        Rising.
    kind : str
        One of `KINDS`.  A line of ``per_epoch`` stands for every epoch since the previous line.

    Examples
    --------
    >>> told = np.array([[[1.5, 1.5, 1.0]]])
    >>> cumulated(told, [1, 2, 4], "per_epoch")
    array([[[1.5, 3. , 5. ]]])
    >>> cumulated(told, [1, 2, 4], "restarting")
    array([[[1.5, 1.5, 2.5]]])
    """
    if kind == "cumulated":
        return values
    sums = np.full(values.shape, np.nan)
    total, last = np.zeros(values.shape[:2]), np.zeros(values.shape[:2])
    epoch_before = np.zeros(values.shape[:2])
    for place, epoch in enumerate(epochs):
        now = values[:, :, place]
        known = ~np.isnan(now)
        if kind == "per_epoch":
            step = now * (epoch - epoch_before)
        elif kind == "since_previous":
            step = now
        else:
            step = np.where(now < last, now, now - last)
        total = np.where(known, total + step, total)
        last, epoch_before = np.where(known, now, last), np.where(known, float(epoch), epoch_before)
        sums[:, :, place] = np.where(known, total, np.nan)
    return sums


def growth(values: FloatArray, epochs: Sequence[int]) -> FloatArray:
    """Return how far seconds grow from the first to the last epoch told, as a share of what equal epochs would give.

    Parameters
    ----------
    values : (N, R, F) float64
        NaN where nothing is told.
    epochs : sequence of F int
        Rising.

    Returns
    -------
    (m,) float64
        Of the m trainings that tell two epochs and took any time; 1 where every epoch took as long as the first.

    Examples
    --------
    >>> growth(np.array([[[2.0, 4.0, 6.0]], [[2.0, 2.0, 2.0]]]), [1, 2, 3])
    array([1., 0.])
    """
    flat = values.reshape(-1, values.shape[2])
    known = ~np.isnan(flat)
    first, last = known.argmax(axis=1), values.shape[2] - 1 - known[:, ::-1].argmax(axis=1)
    rows = np.arange(len(flat))
    began, ended = flat[rows, first], flat[rows, last]
    with np.errstate(invalid="ignore"):
        told = (known.sum(axis=1) > 1) & (began > 0)
    at = np.asarray(epochs, dtype=np.float64)
    wanted = began[told] * (at[last[told]] / at[first[told]] - 1.0)
    shares: FloatArray = (ended[told] - began[told]) / wanted
    return shares


def stalled(values: FloatArray, epochs: Sequence[int]) -> tuple[int, int]:
    """Count trainings whose seconds hardly grow with the epoch or fall on the way, and those that tell two epochs.

    Parameters are those of `growth`.
    """
    shares = growth(values, epochs)
    return int(np.count_nonzero(shares < SLOWEST)), len(shares)


def other_unit(name: str) -> str:
    """Return the unit of time other than seconds that a column's name speaks of; "" for none.

    >>> other_unit("train_time_h"), other_unit("Minutes"), other_unit("min_seconds"), other_unit("time")
    ('h', 'minutes', '', '')
    """
    words = _WORDS.findall(name.lower())
    return "" if _SECONDS.intersection(words) else next((word for word in words if word in IN_SECONDS), "")
