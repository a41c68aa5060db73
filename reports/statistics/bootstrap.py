"""The percentile bootstrap: resamples as counts, centres of all resamples, intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harness.checks import BoolArray, FloatArray
from reports.statistics.centres import centre_of_ordered, cut_of

_CHUNK = 4_000_000  # floats held at once while resampling, 32 MB


def resample_counts(n: int, repetitions: int, rng: np.random.Generator) -> npt.NDArray[np.int32]:
    """Draw bootstrap resamples of n items as counts.

    Returns
    -------
    (n, repetitions) int32
        How often each item is in each resample; columns add up to n. One such matrix shared by all grid points of all
        strategies makes bands smooth and keeps pairs together.
    """
    counts = np.empty((n, repetitions), dtype=np.int32)
    step = max(1, _CHUNK // max(n, 1))
    for start in range(0, repetitions, step):
        stop = min(start + step, repetitions)
        drawn = rng.integers(0, n, size=(stop - start, n)) + n * np.arange(stop - start)[:, None]
        counts[:, start:stop] = np.bincount(drawn.ravel(), minlength=n * (stop - start)).reshape(-1, n).T
    return counts


def bootstrap_centres(values: FloatArray, counts: npt.NDArray[np.int32], centre: str) -> FloatArray:
    """Return a centre of every resample, for many columns at once.

    With c_j the number of resampled items among the j smallest and W(c) the share of the centre's weight on the c first
    order statistics, the centre is ``x_(1) + sum_j (x_(j+1) - x_(j)) (1 - W(c_j))``: no resampled matrix is ever
    sorted, all terms have one sign, so nothing cancels, and the centre never leaves the values that it weighs.
    Means are one product of matrices.

    Parameters
    ----------
    values : (n, T) float64
        Finite.
    counts : (n, B) int32
        From `resample_counts`.
    centre : {"median", "iqm", "mean"}

    Returns
    -------
    (T, B) float64
    """
    n = len(values)
    cut = cut_of(n, centre)
    if n > 1 and cut == 0:
        means = values.T @ counts.astype(np.float64) / n
        return np.asarray(np.clip(means, values.min(axis=0)[:, None], values.max(axis=0)[:, None]))
    repetitions, lanes = counts.shape[1], _lanes(counts)
    order = np.argsort(values, axis=0, kind="stable")
    ordered = np.take_along_axis(values, order, axis=0)
    out = np.empty((values.shape[1], repetitions))
    for column in range(values.shape[1]):
        sums = np.cumsum(lanes[order[:-1, column]].view(np.uint64), axis=0)  # no lane overflows into the next
        below = sums.view(lanes.dtype)[:, :repetitions]
        first = ordered[_rows(below <= cut), column]
        last = ordered[_rows(below < n - cut), column]
        if n - 2 * cut <= 2:  # the median: one value, or the middle of two
            out[column] = (first + last) / 2
        else:
            left = n - cut - np.clip(below, cut, n - cut)  # items inside the centre that are larger
            sums = ordered[0, column] + np.diff(ordered[:, column]) @ left.astype(np.float64) / (n - 2 * cut)
            out[column] = np.clip(sums, first, last)
    return out


def _lanes(counts: npt.NDArray[np.int32]) -> npt.NDArray[np.unsignedinteger]:
    """Return counts in the shortest numbers that hold n, so many to a row that rows are whole words of 64 bits."""
    n, repetitions = counts.shape
    kind = np.min_scalar_type(n)
    each = 8 // kind.itemsize
    lanes = np.zeros((n, -(-repetitions // each) * each), dtype=kind)
    lanes[:, :repetitions] = counts
    return lanes


def _rows(marked: BoolArray) -> npt.NDArray[np.unsignedinteger]:
    """Return how many rows are marked in each column."""
    return np.asarray(marked.view(np.uint8).sum(axis=0, dtype=np.min_scalar_type(len(marked))))


def interval(samples: FloatArray, level: float = 0.95, axis: int = -1) -> tuple[FloatArray, FloatArray]:
    """Return the percentile interval of bootstrap samples: two arrays without `axis`.

    Efron & Tibshirani, "An introduction to the bootstrap", 1993, chapter 13.
    """
    tail = (1.0 - level) / 2.0
    ordered = np.sort(np.moveaxis(samples, axis, -1), axis=-1)  # five times as fast as the parts of `numpy.quantile`
    low, high = (_between(ordered, share) for share in (tail, 1.0 - tail))
    return low, high


def _between(ordered: FloatArray, share: float) -> FloatArray:
    """Return the quantile of what is ascending along the last axis, as `numpy.quantile` does, to the last bit."""
    last = ordered.shape[-1] - 1
    place = last * share
    first = math.floor(place)
    before, after = ordered[..., first], ordered[..., min(first + 1, last)]
    step, part = after - before, place - first
    middle = after - step * (1.0 - part) if part >= 0.5 else before + step * part
    return np.where(np.isnan(ordered[..., last]), np.nan, middle)


def stratified_iqm(strata: Sequence[FloatArray], repetitions: int, rng: np.random.Generator) -> FloatArray:
    """Return the IQM of the pooled values of every stratified resample: (repetitions,).

    Runs are resampled within each stratum (task) independently; tasks are not resampled.
    """
    pooled = np.concatenate(strata)
    total, order = len(pooled), np.argsort(pooled, kind="stable")
    places = np.empty(total, dtype=np.min_scalar_type(total))  # in the order of all: short numbers are quick to sort
    places[order] = np.arange(total, dtype=places.dtype)
    own = np.split(places, np.cumsum([len(stratum) for stratum in strata])[:-1])
    out = np.empty(repetitions)
    step = max(1, _CHUNK // max(total, 1))
    for start in range(0, repetitions, step):
        size = min(step, repetitions - start)
        drawn = [stratum[rng.integers(0, len(stratum), size=(size, len(stratum)))] for stratum in own]
        ranked = np.sort(np.concatenate(drawn, axis=1), axis=1, kind="stable")
        out[start : start + size] = centre_of_ordered(pooled[order][ranked], "iqm")
    return out
