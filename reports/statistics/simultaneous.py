"""Simultaneous bands of a paired difference over time: one statement about all times, where tests at each would lie."""

from __future__ import annotations

import numpy as np

from harness.checks import FloatArray
from reports.statistics.significance import ALPHA


def max_t_band(
    differences: FloatArray, repetitions: int, rng: np.random.Generator, alpha: float = ALPHA
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the mean difference of pairs at each time and the band that holds at all times together: three (T,).

    The band is the mean plus and minus c standard errors; c is the quantile of the largest absolute t over all times
    when the signs of pairs are flipped at random, each pair as a whole.  Where the band leaves zero out, the difference
    is significant at level `alpha` whatever the number of times looked at, provided that under the null hypothesis
    pairs are symmetric about zero.  Times at which no pair differs have a band of no width.

    Westfall and Young, "Resampling-based multiple testing", Wiley 1993 (max-T); Nichols and Holmes, "Nonparametric
    permutation tests for functional neuroimaging", Human Brain Mapping 15, 2002.

    Parameters
    ----------
    differences : (R, T) float64
        Of each pair at each time; R >= 2.
    repetitions : int
        Random flips.
    rng : Generator
    alpha : float
    """
    n = len(differences)
    middle: FloatArray = differences.mean(axis=0)
    error = differences.std(axis=0, ddof=1) / np.sqrt(n)
    varies = np.any(differences != 0, axis=0)
    low, high = middle.copy(), middle.copy()
    if varies.any():
        pairs = differences[:, varies]
        signs = rng.integers(0, 2, size=(repetitions, n)) * 2.0 - 1.0
        flipped = signs @ pairs / n
        squares = np.square(pairs).mean(axis=0)
        spread = np.sqrt(np.maximum(squares - np.square(flipped), 0.0) / (n - 1))
        tiny = 1e-9 * np.sqrt(squares)  # all flipped pairs are the same number
        largest = (np.abs(flipped) / np.maximum(spread, tiny)).max(axis=1)
        half = np.quantile(largest, 1.0 - alpha, method="higher") * np.maximum(error[varies], tiny)
        low[varies], high[varies] = middle[varies] - half, middle[varies] + half
    return middle, low, high


def refusal(n: int, alpha: float = ALPHA) -> str:
    """Say why no band is made of so few pairs that no flip of signs could leave zero out; "" where it could.

    >>> refusal(6)
    ''
    """
    needed = int(np.ceil(1 - np.log2(alpha)))
    if n >= needed:
        return ""
    return f"no band over time: {needed} pairs of runs are needed, and there are {n}"
