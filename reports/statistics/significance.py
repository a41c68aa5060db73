"""Significance and effect size of a difference between two strategies, and Holm's adjustment over all of them.

Larger is worse nowhere by convention: functions that need a direction say so.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from harness.checks import FloatArray
from harness.printable import counted

ALPHA = 0.05


def wilcoxon_p(differences: FloatArray) -> float:
    """Return the two-sided p of the signed-rank test with Pratt's treatment of zeros; see `wilcoxon_ps`."""
    return float(wilcoxon_ps(differences[:, None])[0])


def wilcoxon_ps(differences: FloatArray) -> FloatArray:
    """Return the two-sided p of the signed-rank test of each column, with Pratt's treatment of zeros: (P,).

    Exact where n <= 50 without ties or zeros, else the normal approximation.  Wilcoxon, Biometrics Bulletin 1, 1945;
    Pratt, JASA 54, 1959.

    Parameters
    ----------
    differences : (n, P) float64
        Of n pairs each; a column of zeros has p = 1.
    """
    sizes = np.sort(np.abs(differences), axis=0)
    differ = (sizes > 0).any(axis=0)
    plain = differ & (np.diff(sizes, axis=0, prepend=0.0) > 0).all(axis=0) & (len(differences) <= 50)
    p = np.ones(differences.shape[1])
    for method, columns in (("exact", plain), ("approx", differ & ~plain)):
        if columns.any():
            p[columns] = stats.wilcoxon(differences[:, columns], zero_method="pratt", method=method, axis=0).pvalue
    return p


def holm(p_values: FloatArray) -> FloatArray:
    """Adjust p values for the family they form; NaN entries (tests not made) stay NaN and are not counted.

    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979.

    >>> holm(np.array([0.01, 0.04, 0.03])).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    adjusted = np.full(len(p_values), np.nan)
    made = np.flatnonzero(~np.isnan(p_values))
    rising = made[np.argsort(p_values[made])]
    adjusted[rising] = np.minimum(np.maximum.accumulate(p_values[rising] * np.arange(len(rising), 0, -1)), 1.0)
    return adjusted


def refusal(n: int, comparisons: int, alpha: float = ALPHA) -> str:
    """Say why a signed-rank test is not made that could not reject whatever the data; "" where it could.

    The smallest two-sided p of n pairs is ``2 / 2**n``; Holm compares the smallest p with ``alpha / comparisons``.  The
    text names the n that would be needed.

    >>> refusal(12, 24)
    ''
    """
    if n >= 1 and 2.0 ** (1 - n) <= alpha / comparisons:
        return ""
    needed = math.ceil(1 - math.log2(alpha / comparisons))
    return (
        f"not tested: {counted(n, 'pair')} of runs reach{'es' if n == 1 else ''}"
        f" p = {2.0 ** (1 - n) if n else 1.0:.2g} at best, and Holm's correction for"
        f" {counted(comparisons, 'comparison')} asks for {alpha:g}/{comparisons}; {needed} pairs of runs are needed"
    )


def rank_biserial(differences: FloatArray) -> float:
    """Return the matched-pairs rank-biserial correlation in [-1, 1]; positive where differences are.

    Kerby, "The simple difference formula", Comprehensive Psychology 3, 2014; Pratt ranks, zeros then left out.
    """
    ranks = stats.rankdata(np.abs(differences))
    positive, negative = ranks[differences > 0].sum(), ranks[differences < 0].sum()
    total = positive + negative
    return float((positive - negative) / total) if total > 0 else 0.0


def probability_of_improvement(better: FloatArray, worse: FloatArray) -> float:
    """Return P(x < y) + P(x = y) / 2 over all pairs of runs: Vargha and Delaney's A12 for values to minimise.

    Parameters
    ----------
    better, worse : (n,) and (m,) float64
        x and y.

    >>> probability_of_improvement(np.array([1.0, 2.0]), np.array([2.0, 3.0]))
    0.875
    """
    n, m = len(better), len(worse)
    ranks = stats.rankdata(np.concatenate([better, worse]))
    return float(1.0 - (ranks[:n].sum() / n - (n + 1) / 2) / m)
