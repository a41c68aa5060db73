"""Bayesian linear regression on a basis, its two precisions chosen by the evidence: pure functions.

Weights are ``Normal(0, I / alpha)``, targets ``Normal(Phi w, I / beta)`` (Bishop, "Pattern Recognition and Machine
Learning", 2006, sections 3.3 and 3.5).  There is no intercept: targets are centred by the caller.  This is the head of
networks whose last hidden layer is the basis (Snoek et al., "Scalable Bayesian Optimization Using Deep Neural
Networks", ICML 2015, eqs. 4-6).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, pi

import numpy as np

from harness.checks import FloatArray

BOUND = 10.0
"""ln(alpha) and ln(1 / beta) are sought in [-BOUND, BOUND]."""
_POINTS, _ROUNDS = 41, 5  # of the search for alpha / beta: steps of 1, then of 1/20, down to 6e-6, in its logarithm


@dataclass(frozen=True, eq=False)
class Head:
    """Posterior of the weights, ``Normal(mean, A^-1)`` with ``A = beta Phi'Phi + alpha I``.

    Attributes
    ----------
    mean : (D,) float64
    root : (D, D) float64
        R with ``R R' = A^-1``.
    alpha, beta : float
        Precisions of the weights and of the noise.
    """

    mean: FloatArray
    root: FloatArray
    alpha: float
    beta: float

    def predict(self, basis: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return mean and variance of new targets, noise included: (q, D) to (q,) and (q,).

        ``phi'm`` and ``phi'A^-1 phi + 1 / beta`` (Bishop, eqs. 3.58 and 3.59).
        """
        return basis @ self.mean, np.square(basis @ self.root).sum(axis=1) + 1 / self.beta


def posterior(basis: FloatArray, targets: FloatArray, alpha: float, beta: float) -> Head:
    """Return the head fitted to (n, D) basis and (n,) targets at given precisions (Bishop, eqs. 3.53 and 3.54)."""
    factor = _factor(basis, alpha, beta)
    root = np.asarray(np.linalg.inv(factor).T, dtype=np.float64)
    return Head(beta * root @ (root.T @ (basis.T @ targets)), root, alpha, beta)


def log_evidence(basis: FloatArray, targets: FloatArray, alpha: float, beta: float) -> float:
    """Return ``ln p(targets | alpha, beta)``, the weights integrated out (Bishop, eq. 3.86).

    ``D/2 ln alpha + n/2 ln beta - n/2 ln 2 pi - beta/2 |y - Phi m|^2 - alpha/2 |m|^2 - 1/2 ln |A|``, its determinant
    from a Cholesky factor.

    Parameters
    ----------
    basis : (n, D) float64
    targets : (n,) float64
    alpha, beta : float
        Greater than 0.

    Examples
    --------
    >>> round(log_evidence(np.ones((2, 1)), np.array([1.0, -1.0]), 1.0, 1.0), 10)
    -3.3871832107
    """
    n, width = basis.shape
    mean = posterior(basis, targets, alpha, beta).mean
    misfit, size = np.sum((targets - basis @ mean) ** 2), np.sum(mean**2)
    half_log_determinant = np.log(np.diagonal(_factor(basis, alpha, beta))).sum()
    return float(
        (width * log(alpha) + n * log(beta) - n * log(2 * pi) - beta * misfit - alpha * size) / 2 - half_log_determinant
    )


def _factor(basis: FloatArray, alpha: float, beta: float) -> FloatArray:
    """Return the lower-triangular L with ``L L' = A``."""
    precision = beta * basis.T @ basis + alpha * np.eye(basis.shape[1])
    return np.asarray(np.linalg.cholesky(precision), dtype=np.float64)


def best_precisions(basis: FloatArray, targets: FloatArray) -> tuple[float, float]:
    """Return the alpha and beta of greatest evidence, their logarithms within +-`BOUND`.

    With r = alpha / beta, singular values s of the basis and c the targets in their coordinates, the evidence is::

        -n/2 ln(2 pi / beta) - 1/2 sum ln(1 + s^2 / r) - beta/2 Q(r),   Q(r) = |y|^2 - sum c^2 s^2 / (r + s^2)

    whose best beta is n / Q(r), or the nearest that the bounds allow, since in beta it has one maximum.  What is left
    is one number, r: the search is a grid over all of its range, refined about the best point, so that no starting
    point decides what is found.

    Parameters
    ----------
    basis : (n, D) float64
    targets : (n,) float64
    """
    n = len(targets)
    left, singular, _ = np.linalg.svd(basis, full_matrices=False)
    squares, parts = singular**2, (left.T @ targets) ** 2
    outside = max(float(targets @ targets - parts.sum()), 0.0)
    low, high, log_ratio, log_noise = -2 * BOUND, 2 * BOUND, 0.0, 0.0
    for _ in range(_ROUNDS):
        grid = np.linspace(low, high, _POINTS)
        ratio = np.exp(grid)[:, None]
        misfits = outside + (parts * ratio / (ratio + squares)).sum(axis=1)
        # ln(alpha) = grid - ln(1 / beta) must be within the bounds too.
        noises = np.log(np.maximum(misfits / n, np.finfo(np.float64).tiny))
        noises = np.clip(noises, np.maximum(-BOUND, grid - BOUND), np.minimum(BOUND, grid + BOUND))
        evidence = -n * noises - np.log1p(squares / ratio).sum(axis=1) - misfits * np.exp(-noises)
        best = int(evidence.argmax())
        log_ratio, log_noise = float(grid[best]), float(noises[best])
        low, high = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, _POINTS - 1)])
    return exp(log_ratio - log_noise), exp(-log_noise)


def fit_head(basis: FloatArray, targets: FloatArray) -> Head:
    """Return the head of greatest evidence on (n, D) basis and (n,) centred targets."""
    return posterior(basis, targets, *best_precisions(basis, targets))
