"""The noise between trainings: how far one lies from the mean, fitted to repeats and drawn by counters.

Siems et al., "Surrogate NAS Benchmarks", ICLR 2022, draw from the spread of the members of an ensemble, which is how
unsure it is of its mean.  Here the standard deviation is that of trainings with other seeds, and depends on the
predicted value: bad architectures scatter more than good ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.checks import FloatArray, IntArray, UInt64Array
from harness.seeding import mix64

MOST_KNOTS, FEWEST_DEGREES = 8, 40
"""Points between which standard deviations are linear, at most, and degrees of freedom behind each, at least."""
_SEED_STRIDE, _STREAM_STRIDE = np.uint64(0xD1342543DE82EF95), np.uint64(0x9FB21C651E98DF25)
_SHARED = np.uint64(1 << 32)
"""Streams of what all fidelities of a schedule share begin here; those of one fidelity at 0."""


@dataclass(frozen=True, eq=False)
class Noise:
    """Normal noise; its standard deviation is linear between K points of the predicted value, and level beyond them.

    A line for all values (in the logarithm of the deviation, as one would first try) is not enough: on NAS-Bench-201,
    CIFAR-10, cells at chance level hardly scatter, those a little better scatter most, and a line gives the best tenth
    more than twice its standard deviation.

    Attributes
    ----------
    knots : (F, K) float64
        Predicted values, published, rising, at each fidelity.
    spread : (F, K) float64
        Standard deviations there, at least 0.
    shared : float
        Part of the variance, in [0, 1], that a training has at all fidelities of a schedule alike: the mean correlation
        of its deviations at two of them.
    trainings : int
        Of architectures that were trained more than once; 0: noise is not known, and there is none.
    """

    knots: FloatArray
    spread: FloatArray
    shared: float
    trainings: int

    @classmethod
    def silent(cls, fidelities: int) -> Noise:
        """Return no noise."""
        zeros = np.zeros((fidelities, 1))
        return cls(zeros, zeros, 1.0, 0)

    def deviations(self, predicted: FloatArray, fidelity: IntArray) -> FloatArray:
        """Return the standard deviation of a training at a predicted value and a fidelity each, (n,).

        >>> noise = Noise(np.array([[0.0, 10.0]]), np.array([[1.0, 3.0]]), 1.0, 2)
        >>> noise.deviations(np.array([-5.0, 2.5, 99.0]), np.array([0, 0, 0])).tolist()
        [1.0, 1.5, 3.0]
        """
        knots, spread = self.knots[fidelity], self.spread[fidelity]
        found: FloatArray = spread[:, 0].copy()
        for place in range(knots.shape[1] - 1):
            width = knots[:, place + 1] - knots[:, place]
            share = np.clip((predicted - knots[:, place]) / width, 0.0, 1.0)
            found += share * (spread[:, place + 1] - spread[:, place])
        return found

    def draw(
        self, word: int, keys: UInt64Array, seeds: UInt64Array, schedules: IntArray, fidelity: IntArray
    ) -> FloatArray:
        """Return standard normal numbers, (n,): the same for the same question in any order, batch or process.

        Parameters
        ----------
        word : int
            Of the digest of the benchmark, below 2**64.
        keys, seeds : (n,) uint64
            Of the architectures, and noise seeds.
        schedules, fidelity : (n,) int64
            Numbers of the schedule and of the fidelity.
        """
        counters = mix64(keys ^ np.uint64(word)) + seeds * _SEED_STRIDE
        common = _normal(counters + (schedules.astype(np.uint64) + _SHARED) * _STREAM_STRIDE)
        if self.shared == 1:
            return common
        own = _normal(counters + fidelity.astype(np.uint64) * _STREAM_STRIDE)
        together: FloatArray = np.sqrt(self.shared) * common + np.sqrt(1 - self.shared) * own
        return together


def _normal(counters: UInt64Array) -> FloatArray:
    """Return standard normal numbers of counters (Box & Muller, Annals of Mathematical Statistics 29, 1958)."""
    first, second = ((mix64(counters ^ np.uint64(turn)) >> np.uint64(11)) + 0.5 for turn in (1, 2))
    numbers: FloatArray = np.sqrt(-2 * np.log(first * 2.0**-53)) * np.cos(2 * np.pi * (second * 2.0**-53))
    return numbers


def fit(results: FloatArray, predicted: FloatArray, schedules: IntArray) -> Noise:
    """Fit noise to repeats: pooled in parts of equally many architectures by predicted value.

    The mean variance over what was fitted is that of the repeats.

    Parameters
    ----------
    results : (n, R, F) float64
        By training, NaN where there is none.
    predicted : (n, F) float64
    schedules : (F,) int64
        Number of the schedule of each fidelity.
    """
    counts = np.isfinite(results).sum(axis=1)  # (n, F)
    repeated = (counts > 1).all(axis=1)
    kept, degrees = results[repeated], counts[repeated] - 1
    width = results.shape[2]
    if not len(kept):
        return Noise.silent(width)
    squares = np.nansum(np.square(kept - np.nanmean(kept, axis=1, keepdims=True)), axis=1)
    count = int(np.clip(degrees[:, -1].sum() // FEWEST_DEGREES, 1, min(MOST_KNOTS, len(kept))))
    knots, spread = np.empty((width, count)), np.empty((width, count))
    for place in range(width):
        at = predicted[repeated, place]
        parts = np.array_split(np.argsort(at, kind="stable"), count)
        knots[place] = [at[part].mean() for part in parts]
        spread[place] = [np.sqrt(squares[part, place].sum() / degrees[part, place].sum()) for part in parts]
    for place in range(1, count):  # where many are predicted alike, knots are moved apart by a hair
        least = knots[:, place - 1] + 1e-9 * (1 + np.abs(knots[:, place - 1]))
        knots[:, place] = np.maximum(knots[:, place], least)
    noise = Noise(knots, spread, _shared(kept, schedules), int(counts[repeated][:, -1].sum()))
    for place in range(width):
        drawn = noise.deviations(predicted[repeated, place], np.full(len(kept), place)) ** 2
        total = (degrees[:, place] * drawn).sum()
        spread[place] *= np.sqrt(squares[:, place].sum() / total) if total > 0 else 1.0
    return noise


def _shared(results: FloatArray, schedules: IntArray) -> float:
    """Return the mean correlation of deviations at two fidelities of a schedule; 1 where there are no two."""
    deviations = results - np.nanmean(results, axis=1, keepdims=True)
    flat = deviations.reshape(-1, results.shape[2])
    flat = flat[np.isfinite(flat).all(axis=1)]
    moving = np.flatnonzero(flat.std(axis=0) > 0) if len(flat) else np.zeros(0, dtype=np.intp)
    first, second = np.triu_indices(len(moving), 1)
    together = schedules[moving[first]] == schedules[moving[second]]
    if not together.any():
        return 1.0
    pairs = np.corrcoef(flat[:, moving], rowvar=False)[first, second][together]
    return float(np.clip(pairs.mean(), 0.0, 1.0))
