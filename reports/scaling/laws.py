"""Laws of scaling: error over multiply-adds as a power with a floor, costs at equal error, and the front of both."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from harness.checks import BoolArray, FloatArray

EXPONENTS = np.geomspace(0.02, 4.0, 200)
"""Values of b that are tried."""


class Law(NamedTuple):
    """The curve ``error = c + a (MACs / MACs of the smallest)^-b``, with a >= 0 and c >= 0; arrays of one shape."""

    c: FloatArray
    a: FloatArray
    b: FloatArray


def fit(macs: FloatArray, errors: FloatArray) -> Law:
    """Fit laws by least squares: for each of `EXPONENTS` in closed form, and the best of them.

    Parameters
    ----------
    macs : (n,) float64
        Ascending, n at least 3.
    errors : (..., n) float64

    Returns
    -------
    Law
        Arrays (...).  Of errors that do not fall, a and b are 0.

    Examples
    --------
    >>> macs = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    >>> law = fit(macs, 5 + 10 * macs**-EXPONENTS[120])
    >>> np.round([law.c, law.a, law.b / EXPONENTS[120]], 6).tolist()
    [5.0, 10.0, 1.0]
    """
    x = (macs / macs[0]) ** -EXPONENTS[:, None]  # (E, n)
    y = errors[..., None, :]
    mean_x, mean_y = x.mean(-1), y.mean(-1)
    centred = x - mean_x[:, None]
    a = np.maximum((y * centred).sum(-1) / (centred**2).sum(-1), 0.0)
    c = mean_y - a * mean_x
    through = np.maximum((y * x).sum(-1) / (x**2).sum(-1), 0.0)
    a, c = np.where(c < 0, through, a), np.maximum(c, 0.0)
    loss = ((y - c[..., None] - a[..., None] * x) ** 2).sum(-1)
    best = np.where(loss <= loss.min(-1, keepdims=True) * (1 + 1e-12) + 1e-18, True, False).argmax(-1)
    c, a = (np.take_along_axis(values, best[..., None], -1)[..., 0] for values in (c, a))
    return Law(c, a, np.where(a > 0, EXPONENTS[best], 0.0))


def macs_at(macs: FloatArray, errors: FloatArray, target: float) -> FloatArray:
    """Return the multiply-adds at which a family first has an error, infinity where it never does.

    The best error of a network or a smaller one is taken, linear in the logarithm of multiply-adds between two sizes;
    where the smallest network has the error already, its own multiply-adds are returned.

    Parameters
    ----------
    macs : (n,) float64
        Ascending.
    errors : (..., n) float64
    target : float

    Examples
    --------
    >>> errors = np.array([[8.0, 4.0, 5.0, 2.0], [8.0, 7.0, 7.0, 7.0], [1.0, 1.0, 1.0, 1.0]])
    >>> macs_at(np.array([1.0, 2.0, 4.0, 8.0]), errors, 3.0).round(3).tolist()
    [5.657, inf, 1.0]
    """
    least, logs = np.minimum.accumulate(errors, axis=-1), np.log(macs)
    there = least <= target
    at = there.argmax(-1)
    before = np.maximum(at - 1, 0)
    high, low = (np.take_along_axis(least, place[..., None], -1)[..., 0] for place in (before, at))
    share = np.divide(high - target, high - low, out=np.zeros_like(high), where=high > low)
    found = np.exp(logs[before] + np.where(at > 0, share, 0.0) * (logs[at] - logs[before]))
    return np.where(there.any(-1), found, np.inf)


def front(macs: FloatArray, errors: FloatArray) -> BoolArray:
    """Return which networks no other beats: none is as cheap and as good, and better in one of the two.

    >>> front(np.array([1.0, 2.0, 3.0, 4.0]), np.array([5.0, 3.0, 4.0, 1.0])).tolist()
    [True, True, False, True]
    """
    cheaper = (macs[:, None] <= macs) & (errors[:, None] <= errors)
    better = (macs[:, None] < macs) | (errors[:, None] < errors)
    return np.asarray(~(cheaper & better).any(0))
