"""A policy with an independent softmax for each gene."""

from __future__ import annotations

import numpy as np

from harness.checks import Archs, BoolArray, FloatArray
from harness.space import SearchSpace

_BLOCK = 1 << 11  # random numbers drawn in one call, because one row costs as much as many


class SoftmaxPolicy:
    """Genes drawn independently: ``pi(a) = prod_g softmax(theta_g)[a_g]``.

    Genes are padded to the largest cardinality, K, with logits of minus infinity, which no step moves.

    Parameters
    ----------
    space : SearchSpace
    rng : numpy.random.Generator
    scale : float
        Standard deviation of the initial logits, which are normal with mean 0.

    Attributes
    ----------
    logits : (L, K) float64
        theta.
    probabilities, log_probabilities : (L, K) float64
        Of each value; of `update`'s making.
    """

    def __init__(self, space: SearchSpace, rng: np.random.Generator, *, scale: float) -> None:
        shape = space.genes, int(space.cardinalities.max())
        self._rng, self._dtype = rng, space.dtype
        self._genes = np.arange(space.genes)
        self.logits: FloatArray = scale * rng.standard_normal(shape)
        self.logits[np.arange(shape[1]) >= space.cardinalities[:, None]] = -np.inf
        self._noise: FloatArray = np.empty((0, *shape))
        self.update()

    def update(self) -> None:
        """Take new logits into account."""
        shifted = self.logits - self.logits.max(axis=1, keepdims=True)
        self.probabilities: FloatArray = np.exp(shifted)
        totals = self.probabilities.sum(axis=1, keepdims=True)
        self.probabilities /= totals
        self.log_probabilities: FloatArray = shifted - np.log(totals)

    def sample(self, n: int) -> Archs:
        """Draw n rows of genes, (n, L), valid or not: the largest logit once each has Gumbel noise added to it."""
        if len(self._noise) < n:
            shape = self.logits.shape
            self._noise = self._rng.gumbel(size=(max(n, _BLOCK // self.logits.size), *shape))
        noise, self._noise = self._noise[:n], self._noise[n:]
        rows: Archs = (self.logits + noise).argmax(axis=2).astype(self._dtype)
        return rows

    def log_probability(self, arch: Archs, active: BoolArray) -> float:
        """Return ln pi of the genes that an architecture, (L,), has: those of the mask `active`, (L,)."""
        return float(self.log_probabilities[self._genes, arch] @ active)

    def gradient(self, arch: Archs, active: BoolArray) -> FloatArray:
        """Return the gradient of `log_probability` by the logits, (L, K): ``onehot(a_g) - softmax(theta_g)``."""
        slope = -self.probabilities
        slope[self._genes, arch] += 1.0
        slope *= active[:, None]
        return slope
