"""Parzen densities over categories, which tree-structured Parzen estimators compare: good architectures and others.

A density is built from n observed rows and their weights; it draws rows, and says how likely rows are.  Genes are
categories: but for BOHB's bandwidth, permuting the codes of a gene changes nothing.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from harness.checks import Archs, FloatArray, IntArray
from harness.problem import Problem
from harness.space import SearchSpace
from strategies.parts.ranking import known_violation

_FLOOR = 1e-32
_DIGITS = 9  # of a log ratio: what differs by rounding ties, on every machine
LEAST_BANDWIDTH = 1e-3


class Density(Protocol):
    """A density over the codings of a space; rows that are not valid there have a density too."""

    def draw(self, n: int, rng: np.random.Generator) -> Archs:
        """Return `n` independent draws, (n, L)."""

    def log(self, archs: Archs) -> FloatArray:
        """Return the logarithm of the density by gene, (q, L) to (q, L), or of the whole row, (q, 1)."""


def ramp(n: int, recent: int) -> FloatArray:
    """Return the weights of n observations, the oldest first: the last `recent` count 1, older ones fade, (n,).

    Optuna's ``default_weights``, whose `recent` is 25.

    Examples
    --------
    >>> ramp(4, 2).tolist()
    [0.25, 1.0, 1.0, 1.0]
    """
    fading = max(n - recent, 0)
    return np.concatenate([np.linspace(1.0 / max(n, 1), 1.0, fading), np.ones(n - fading)])


def promising(problem: Problem, good: Density, others: Density, draws: int, rng: np.random.Generator) -> Archs:
    """Return draws from the density of good architectures, the greatest ratio to that of the others first, (k, L).

    Before them stands the row of the best value of each gene, which with densities of whole rows is the best draw.
    What is not valid, or breaks a constraint that the space knows in closed form, is left out.

    Parameters
    ----------
    problem : Problem
    good, others : Density
    draws : int
        At least 1.
    rng : numpy.random.Generator
    """
    space = problem.space
    drawn = good.draw(draws, rng)
    with np.errstate(invalid="ignore"):  # both infinite
        ratios = np.round(good.log(drawn) - others.log(drawn), _DIGITS)
    ratios[np.isnan(ratios)] = -np.inf
    best = drawn[ratios.argmax(axis=0), np.arange(space.genes)]
    ranked = np.concatenate([best[None], drawn[np.argsort(-ratios.sum(axis=1), kind="stable")]])
    ranked = ranked[space.is_valid(ranked)]
    return ranked[known_violation(problem, ranked) <= 0.0] if problem.constraints else ranked


class Joint:
    """Mixture of products: each observed row is a kernel over whole rows, and one more kernel is uniform.

    Optuna's multivariate form.  Kernel i gives value k of gene g with K values ::

        p_ig(k) = ([k = x_ig] + w / N) / (1 + K w / N),    N = n + 1,  w the prior weight

    and the density is ``sum_i weight_i prod_g p_ig(x_g)``, where the uniform kernel has the weight w and all weights
    are divided by their sum.  Without observations only the uniform kernel is left.

    Parameters
    ----------
    space : SearchSpace
    archs : (n, L) integers
        Observed.
    weights : (n,) float64
        Of the observations.
    prior_weight : float
        w, greater than 0.
    """

    def __init__(self, space: SearchSpace, archs: Archs, weights: FloatArray, prior_weight: float) -> None:
        self._space, self._archs = space, archs
        share, self._weights, self._copied = _mixture(space, weights, prior_weight)
        self._by_matches = np.append(
            # p_ig is the same for all genes up to a factor of (1 + w/N) / (w/N) where the values match.
            np.prod((1.0 + share) * self._copied) * (share / (1.0 + share)) ** np.arange(space.genes, -1, -1),
            1.0 / np.prod(space.cardinalities.astype(np.float64)),
        )

    def draw(self, n: int, rng: np.random.Generator) -> Archs:
        """Return draws, (n, L): choose a kernel by its weight, then every gene from that kernel."""
        kernels = _choose(self._weights, (n, 1), rng)
        return _spread(self._space, self._archs, kernels, self._copied, rng)

    def log(self, archs: Archs) -> FloatArray:
        """Return the log density of whole rows, (q, L) to (q, 1)."""
        matches = self._space.one_hot(archs) @ self._space.one_hot(self._archs).T
        values = self._by_matches[matches.astype(np.intp)] @ self._weights[:-1]
        whole: FloatArray = np.log(values + self._weights[-1] * self._by_matches[-1])
        return whole[:, None]


class PerGene:
    """Product of mixtures: each gene has one of its own, of the kernels of `Joint`; the form of the paper and hyperopt.

    Parameters
    ----------
    space, archs, weights, prior_weight
        As of `Joint`.
    """

    def __init__(self, space: SearchSpace, archs: Archs, weights: FloatArray, prior_weight: float) -> None:
        self._space, self._archs = space, archs
        share, self._weights, self._copied = _mixture(space, weights, prior_weight)
        counts = space.cardinalities
        observed = self._weights[:-1]
        smoothed = observed @ space.one_hot(archs) + share * observed.sum()
        density = smoothed * np.repeat(self._copied, counts) + self._weights[-1] / np.repeat(counts, counts)
        self._log: FloatArray = np.log(density)
        self._offsets = np.cumsum(counts) - counts

    def draw(self, n: int, rng: np.random.Generator) -> Archs:
        """Return draws, (n, L): every gene chooses a kernel of its own."""
        kernels = _choose(self._weights, (n, self._space.genes), rng)
        return _spread(self._space, self._archs, kernels, self._copied, rng)

    def log(self, archs: Archs) -> FloatArray:
        """Return the log density by gene, (q, L) to (q, L)."""
        found: FloatArray = self._log[archs + self._offsets]
        return found


class Bohb:
    """Product kernel density of BOHB, as coded (HpBandSter, statsmodels), or with its bandwidth capped.

    The kernel of Aitchison & Aitken, "Multivariate binary discrimination by the kernel method", Biometrika 63, 1976:
    ``1 - h`` where values match, else ``h / (c - 1)``, with c the values that occur in the data; h is
    ``1.06 s n**(-1 / (4 + L))``, at least `least`, with s the standard deviation of the *codes* of a gene.

    That rule is one for continuous data: on five categories h exceeds 1 more often than not, and kernels then prefer
    what does not match.  Capped, c is K and h at most (K - 1) / K, at which the kernel is uniform.

    Parameters
    ----------
    space : SearchSpace
    archs : (n, L) integers
        Observed, n at least 1; all count the same.
    capped : bool
    least : float
        The smallest bandwidth: 0.001 in the code, 0.3 in NATS-Bench's script.
    """

    def __init__(self, space: SearchSpace, archs: Archs, *, capped: bool, least: float = LEAST_BANDWIDTH) -> None:
        self._space, self._archs = space, archs
        counts = space.cardinalities.astype(np.float64)
        spread = archs.std(axis=0, dtype=np.float64)
        bandwidths: FloatArray = np.maximum(1.06 * spread * len(archs) ** (-1.0 / (4 + space.genes)), least)
        levels = counts if capped else np.array([len(np.unique(column)) for column in archs.T], dtype=np.float64)
        self.bandwidths: FloatArray = np.minimum(bandwidths, (counts - 1) / counts) if capped else bandwidths
        with np.errstate(divide="ignore", invalid="ignore"):  # one value in the data: others are infinitely likely
            self._mismatch: FloatArray = np.where(self.bandwidths > 0, self.bandwidths / (levels - 1), 0.0)

    def draw(self, n: int, rng: np.random.Generator) -> Archs:
        """Return draws, (n, L): a row of the data, of which each gene is kept with probability 1 - h, else uniform."""
        rows = rng.integers(len(self._archs), size=(n, 1))
        return _spread(self._space, self._archs, rows, 1.0 - self.bandwidths, rng)

    def log(self, archs: Archs) -> FloatArray:
        """Return the log density of whole rows, at least log 1e-32 as in the code, (q, L) to (q, 1)."""
        match = archs[:, None, :] == self._archs
        with np.errstate(invalid="ignore"):  # infinities of both signs
            values = np.where(match, 1.0 - self.bandwidths, self._mismatch).prod(axis=2).mean(axis=1)
        whole: FloatArray = np.log(np.maximum(np.nan_to_num(values, nan=0.0, posinf=np.inf), _FLOOR))
        return whole[:, None]


def _mixture(space: SearchSpace, weights: FloatArray, prior_weight: float) -> tuple[float, FloatArray, FloatArray]:
    """Return what the kernels of a mixture share.

    Returns
    -------
    share : float
        w / N, what a kernel adds to the count of every value.
    weights : (n + 1,) float64
        Of the kernels; they sum to 1, and the last is that of the uniform one.
    copied : (L,) float64
        Probability that a draw from a kernel copies the value observed; else it is uniform over all K values.
    """
    share = prior_weight / (len(weights) + 1)
    shares = np.append(weights, prior_weight if len(weights) else 1.0)
    copied: FloatArray = np.divide(1.0, 1.0 + space.cardinalities * share)
    return share, shares / float(shares.sum()), copied


def _choose(weights: FloatArray, shape: tuple[int, int], rng: np.random.Generator) -> IntArray:
    """Return indices drawn by weights that sum to 1, of a shape."""
    return np.searchsorted(np.cumsum(weights[:-1]), rng.random(shape), side="right")


def _spread(space: SearchSpace, archs: Archs, kernels: IntArray, copied: FloatArray, rng: np.random.Generator) -> Archs:
    """Draw from kernels: copy the value of a row with a probability, else take any.

    Parameters
    ----------
    archs : (n, L) integers
    kernels : (q, 1) or (q, L) int64
        Rows of `archs`, or n for the uniform kernel.
    copied : (L,) float64
    """
    shape = (len(kernels), space.genes)
    anything = rng.integers(0, space.cardinalities, size=shape).astype(space.dtype)
    keep = (rng.random(shape) < copied) & (kernels < len(archs))
    if not len(archs):
        return anything
    own = archs[np.minimum(kernels, len(archs) - 1), np.arange(space.genes)]
    return np.where(keep, own, anything)
