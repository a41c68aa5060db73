"""Ranks of several scores put together, over a declared pool of architectures.

None of these is a score of one architecture: with another pool the same architecture has another value, and new
candidates change those of all.  Scores are kept, and ranked when the pool is known.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.checks import FloatArray
from harness.errors import HarnessError, must

_CHUNK = 256
"""Architectures that are compared with the whole pool at once."""


def ranks(scores: npt.ArrayLike) -> FloatArray:
    """Return ascending ranks, 1 for the worst, the mean of their ranks for equals: (n, k) to (n, k), each column apart.

    Raises
    ------
    HarnessError
        If scores are not (n, k) numbers: what is missing has no rank.
    """
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or np.isnan(table).any():
        raise HarnessError(must("scores", "be (n, k) numbers, none missing", f"{table.shape}"))
    found = np.empty_like(table)
    for place, column in enumerate(table.T):
        _, group, counts = np.unique(column, return_inverse=True, return_counts=True)
        found[:, place] = (np.cumsum(counts) - (counts - 1) / 2)[group]
    return found


def az_nas(scores: npt.ArrayLike) -> FloatArray:
    """Return the sum of log(rank / n) over scores: (n, k) to (n,), at most 0.

    Lee & Ham, "AZ-NAS: Assembling Zero-Cost Proxies for Network Architecture Search", CVPR 2024, section 3.5: of
    az_expressivity, az_progressivity, az_trainability and multiply-adds.

    Examples
    --------
    >>> az_nas([[1, 4], [2, 1], [3, 3], [4, 2]]).round(4)
    array([-1.3863, -2.0794, -0.5754, -0.6931])
    """
    found: FloatArray = np.log(ranks(scores) / len(np.asarray(scores))).sum(axis=1)
    return found


def te_nas(scores: npt.ArrayLike) -> FloatArray:
    """Return the sum of ranks: (n, k) to (n,).

    Chen, Gong & Wang, "Neural Architecture Search on ImageNet in Four GPU Hours: A Theoretically Inspired Perspective",
    ICLR 2021, section 3.2: of linear_regions and ntk.  There ranks are among the operators that a step could prune,
    here among the architectures of the pool.

    Examples
    --------
    >>> te_nas([[5, -1.0], [7, -2.0], [7, -3.0]])
    array([4. , 4.5, 3.5])
    """
    found: FloatArray = ranks(scores).sum(axis=1)
    return found


def vote(scores: npt.ArrayLike) -> FloatArray:
    """Return how many others most scores prefer an architecture to, less how many are preferred to it: (n, k) to (n,).

    Abdelfattah, Mehrotra, Dudziak & Lane, "Zero-Cost Proxies for Lightweight NAS", ICLR 2021, section 3: of synflow,
    jacov and snip, the majority of which says of two architectures which is better.

    Examples
    --------
    >>> vote([[1, 1, 3], [2, 2, 2], [3, 3, 1]])
    array([-2.,  0.,  2.])
    """
    order = ranks(scores)
    found = np.empty(len(order))
    for start in range(0, len(order), _CHUNK):
        above = np.sign(order[start : start + _CHUNK, None] - order[None]).sum(axis=2)
        found[start : start + _CHUNK] = np.sign(above).sum(axis=1)
    return found
