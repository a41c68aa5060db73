"""Two strategies on one benchmark: what a pair of samples shows, paired by replicate or not."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from harness.checks import FloatArray
from reports.statistics.bootstrap import interval
from reports.statistics.equivalence import Equivalence, tost
from reports.statistics.significance import probability_of_improvement, rank_biserial, wilcoxon_p

_AT_ONCE = 1 << 22
"""Differences of resamples that are held at once."""


def paired(differences: FloatArray, samples: FloatArray, p: float | None = None) -> dict[str, float]:
    """Return what paired differences show; positive ones are wins.

    Parameters
    ----------
    differences : (n,) float64
        Second minus first, of values to minimise; at least one.
    samples : (B,) float64
        Medians of resamples, of `bootstrap_centres`.
    p : float, optional
        Of `wilcoxon_ps`, where it was found for many pairs at once.

    Returns
    -------
    dict of str to float
        ``wins``, ``ties``, ``losses``; ``effect`` (matched-pairs rank-biserial correlation), ``difference`` (the
        median) with its 95 % interval ``low`` to ``high`` (NaN of one pair), ``p`` (two-sided signed-rank).
    """
    low, high = interval(samples) if len(differences) > 1 else (np.nan, np.nan)
    return {
        "wins": int(np.sum(differences > 0)),
        "ties": int(np.sum(differences == 0)),
        "losses": int(np.sum(differences < 0)),
        "effect": rank_biserial(differences),
        "difference": float(np.median(differences)),
        "low": float(low),
        "high": float(high),
        "p": wilcoxon_p(differences) if p is None else p,
    }


def unpaired(first: FloatArray, second: FloatArray, rng: np.random.Generator, repetitions: int) -> dict[str, float]:
    """Return what two independent samples of values to minimise show; positive differences speak for the first.

    The test is that of Mann and Whitney (exact without ties), the difference the shift of Hodges and Lehmann, the
    median of all differences of a run of the second and one of the first, with a percentile interval of resamples
    within each sample; `effect` is ``2 A12 - 1``, Cliff's delta.

    Parameters
    ----------
    first, second : (n,) and (m,) float64
        At least one each.
    rng : numpy.random.Generator
    repetitions : int

    Returns
    -------
    dict of str to float
        As `paired`; wins, ties and losses are counted over all pairs of runs, and one run has no interval.

    Examples
    --------
    >>> found = unpaired(np.array([1.0, 2.0]), np.array([3.0, 5.0]), np.random.default_rng(0), 100)
    >>> found["wins"], found["difference"], found["effect"]
    (4, 2.5, 1.0)
    """
    differences = second[None, :] - first[:, None]
    several = min(len(first), len(second)) > 1
    low, high = interval(_shifts(first, second, rng, repetitions)) if several else (np.nan, np.nan)
    same = np.ptp(np.concatenate([first, second])) == 0
    return {
        "wins": int(np.sum(differences > 0)),
        "ties": int(np.sum(differences == 0)),
        "losses": int(np.sum(differences < 0)),
        "effect": 2.0 * probability_of_improvement(first, second) - 1.0,
        "difference": float(np.median(differences)),
        "low": float(low),
        "high": float(high),
        "p": 1.0 if same else float(stats.mannwhitneyu(first, second, alternative="two-sided").pvalue),
    }


def _shifts(first: FloatArray, second: FloatArray, rng: np.random.Generator, repetitions: int) -> FloatArray:
    """Return the shift of each of so many resamples: (B,)."""
    step = max(1, _AT_ONCE // (len(first) * len(second)))
    parts = []
    for start in range(0, repetitions, step):
        size = min(step, repetitions - start)
        a = first[rng.integers(0, len(first), (size, len(first)))]
        b = second[rng.integers(0, len(second), (size, len(second)))]
        parts.append(np.median((b[:, None, :] - a[:, :, None]).reshape(size, -1), axis=1))
    return np.concatenate(parts)


def refusal(n: int, m: int, comparisons: int, alpha: float) -> str:
    """Say why a test of Mann and Whitney is not made that could not reject whatever the data; "" where it could.

    Its smallest two-sided p is ``2 / C(n + m, n)``.

    >>> refusal(3, 3, 1, 0.05)
    'not tested: 3 and 3 runs reach p = 0.1 at best, and Holm asks for 0.05/1'
    >>> refusal(5, 5, 1, 0.05)
    ''
    """
    least = min(1.0, 2.0 / math.comb(n + m, n))
    if least <= alpha / comparisons:
        return ""
    return f"not tested: {n} and {m} runs reach p = {least:.2g} at best, and Holm asks for {alpha:g}/{comparisons}"


def equivalence(differences: FloatArray, margin: float) -> Equivalence | None:
    """Test whether the mean of paired differences lies within a margin; None of fewer than two."""
    n = len(differences)
    if n < 2:
        return None
    return tost(float(differences.mean()), float(differences.std(ddof=1)) / math.sqrt(n), n - 1, margin)
