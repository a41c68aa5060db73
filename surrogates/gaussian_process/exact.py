"""Exact Gaussian-process regression: pure functions from Gram matrices and targets to factors and posteriors.

Rasmussen & Williams, "Gaussian Processes for Machine Learning", 2006, Algorithm 2.1, with a signal variance s^2 that
scales kernel and noise alike: targets are drawn from ``Normal(0, s^2 (K + noise I))``.  The variance is given, or
profiled, which is to say at its maximum-likelihood value ``t' (K + noise I)^-1 t / n``.

Every function takes stacks: leading dimensions "..." are problems of one size, and the numbers of a problem do not
depend on the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg.blas import dtrsm

from harness.checks import FloatArray

_LOG_TWO_PI = float(np.log(2 * np.pi))
_JITTER = 1e-6
"""Variance added to that of joint draws, in units of the signal's."""
_LEAST_VARIANCE = 1e-300
"""In place of a profiled variance of 0, which targets that are all 0 have."""


@dataclass(frozen=True, eq=False)
class Regression:
    """What targets say about a Gaussian process.

    Attributes
    ----------
    factor : (..., n, n) float64
        Lower triangular L with ``L L' = K + noise I``.
    weights : (..., n) float64
        ``(K + noise I)^-1 t``.
    variance : (...) float64
        Signal variance s^2, given or profiled; 0 where it was profiled and all targets are 0.
    log_likelihood : (...) float64
        Log marginal likelihood of the targets, in nats.
    """

    factor: FloatArray
    weights: FloatArray
    variance: FloatArray
    log_likelihood: FloatArray


def factorise(gram: FloatArray, noise: npt.ArrayLike) -> FloatArray:
    """Return the lower Cholesky factors of ``K + noise I``.

    Parameters
    ----------
    gram : (..., n, n) float64
        K, symmetric and positive semi-definite; not changed.
    noise : (...) float64, or one for all
        Variance of the noise in units of the signal variance.

    Returns
    -------
    (..., n, n) float64

    Raises
    ------
    numpy.linalg.LinAlgError
        If a matrix is not positive definite, as when the noise is smaller than the rounding of its eigenvalues.
    """
    n = gram.shape[-1]
    matrix = np.array(gram, dtype=np.float64)
    matrix[..., np.arange(n), np.arange(n)] += np.asarray(noise, dtype=np.float64)[..., None]
    return np.asarray(np.linalg.cholesky(matrix), dtype=np.float64)


def solve_lower(factor: FloatArray, right: FloatArray, *, transposed: bool = False) -> FloatArray:
    """Return ``L^-1 right``, or ``L'^-1 right`` with `transposed`, by substitution.

    Parameters
    ----------
    factor : (..., n, n) float64
        Lower triangular.
    right : (..., n, k) float64

    Returns
    -------
    (..., n, k) float64
        Transposed in memory: a column of the result is contiguous.
    """
    n, k = right.shape[-2:]
    rows = np.empty((*right.shape[:-2], k, n))
    if not right.size:
        return rows.swapaxes(-1, -2)
    solved, factors = rows.reshape(-1, k, n), factor.reshape(-1, n, n)
    # BLAS counts along columns first, and so sees the transposes of these arrays, without a copy.
    for row, lower, one in zip(solved, factors, right.reshape(-1, n, k), strict=True):
        row[:] = dtrsm(1.0, lower.T, one, lower=0, trans_a=not transposed).T
    return rows.swapaxes(-1, -2)


def log_marginal_likelihood(
    factor: FloatArray, targets: FloatArray, variance: npt.ArrayLike | None = None
) -> FloatArray:
    """Return the log marginal likelihood of targets, in nats.

    With ``z = L^-1 t``: ``-n/2 log(2 pi s^2) - sum log diag L - z'z / (2 s^2)`` (Rasmussen & Williams, eq. 2.30).

    Parameters
    ----------
    factor : (..., n, n) float64
        From `factorise`.
    targets : (..., n) float64
    variance : (...) float64, optional
        The signal variance; profiled if left out.

    Returns
    -------
    (...) float64

    Examples
    --------
    >>> import math
    >>> value = log_marginal_likelihood(np.eye(2), np.zeros(2), variance=1.0)
    >>> math.isclose(value, -math.log(2 * math.pi))
    True
    """
    return _likelihood(factor, solve_lower(factor, targets[..., None])[..., 0], variance)[1]


def _likelihood(
    factor: FloatArray, whitened: FloatArray, variance: npt.ArrayLike | None
) -> tuple[FloatArray, FloatArray]:
    """Return the signal variance, given or profiled, and the log marginal likelihood of ``z = L^-1 t``."""
    n = whitened.shape[-1]
    squares = np.square(whitened).sum(axis=-1)
    scale = squares / n if variance is None else np.broadcast_to(np.asarray(variance, dtype=np.float64), squares.shape)
    safe = np.maximum(scale, _LEAST_VARIANCE)
    log_determinant = np.log(np.diagonal(factor, axis1=-2, axis2=-1)).sum(axis=-1)
    return scale, -0.5 * n * (_LOG_TWO_PI + np.log(safe)) - log_determinant - 0.5 * squares / safe


def regress(
    gram: FloatArray, targets: FloatArray, noise: npt.ArrayLike, *, variance: npt.ArrayLike | None = None
) -> Regression:
    """Condition a Gaussian process of mean 0 on targets.

    Parameters
    ----------
    gram : (..., n, n) float64
        Kernel of the rows told with each other, for a signal variance of 1.
    targets : (..., n) float64
        Centred.
    noise : (...) float64, or one for all
        Variance of the noise in units of the signal variance.
    variance : (...) float64, optional
        The signal variance; profiled if left out.

    Raises
    ------
    numpy.linalg.LinAlgError
        See `factorise`.
    """
    factor = factorise(gram, noise)
    whitened = solve_lower(factor, targets[..., None])
    weights = solve_lower(factor, whitened, transposed=True)[..., 0]
    return Regression(factor, weights, *_likelihood(factor, whitened[..., 0], variance))


def posterior(regression: Regression, cross: FloatArray, prior: npt.ArrayLike = 1.0) -> tuple[FloatArray, FloatArray]:
    """Return mean and standard deviation of the process at q points, the noise of an evaluation left out.

    Parameters
    ----------
    regression : Regression
    cross : (..., q, n) float64
        Kernel of the points with the rows told, for a signal variance of 1.
    prior : (..., q) float64, or one for all
        Kernel of each point with itself.

    Returns
    -------
    mean, std : (..., q) float64
        In the unit of the targets.
    """
    mean: FloatArray = (cross @ regression.weights[..., None])[..., 0]
    solved = solve_lower(regression.factor, cross.swapaxes(-1, -2)).swapaxes(-1, -2)
    explained = np.einsum("...qn,...qn->...q", solved, solved)
    left = np.maximum(np.asarray(prior) - explained, 0.0)
    return mean, np.sqrt(left * regression.variance[..., None])


def joint_draws(regression: Regression, cross: FloatArray, gram: FloatArray, standard: FloatArray) -> FloatArray:
    """Return draws of the process at q points together, the noise of evaluations left out.

    Parameters
    ----------
    regression : Regression
        Of one problem.
    cross : (q, n) float64
        As in `posterior`.
    gram : (q, q) float64
        Kernel of the points with each other, for a signal variance of 1.
    standard : (K, q) float64
        Independent standard normal numbers.

    Returns
    -------
    (K, q) float64
    """
    mean, _ = posterior(regression, cross)
    solved = solve_lower(regression.factor, cross.T)
    left = factorise(gram - solved.T @ solved, _JITTER)
    drawn: FloatArray = mean + np.sqrt(regression.variance) * (standard @ left.T)
    return drawn
