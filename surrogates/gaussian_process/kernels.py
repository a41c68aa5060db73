"""Kernels on architectures: how alike two rows are, from the coordinates in which a kernel sees them.

A kernel sees architectures as points x at the distance ``d = |x - x'|^2 / 2``, weighted by rates: one for all
coordinates, or one for each.  On one-hot encodings d is the number of genes that differ, H, so that the squared
exponential of length l is the exponential of Hamming distances of rate ``1 / l^2``.  As d is a squared distance,
``exp(-rate d)`` is positive definite for every rate, which ``exp(-rate H^2)`` is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from harness.checks import Archs, BoolArray, FloatArray, IntArray
from harness.space import SearchSpace

Inputs = Callable[[Archs, FloatArray], FloatArray]
"""From architectures (n, L) and their features (n, d) to the coordinates that a kernel sees, (n, c)."""


def genes(space: SearchSpace) -> Inputs:
    """Return coordinates in which d is the number of genes that differ; features are one-hot encodings.

    An ordinal gene of K values (`SearchSpace.gene_kinds`) counts ``((a - b) / (K - 1))^2`` between values a and b:
    1 between its ends.
    """
    ordinal, counts = _ordinal(space), space.cardinalities
    ends = np.cumsum(counts)

    def coordinates(archs: Archs, features: FloatArray) -> FloatArray:
        parts = [
            np.sqrt(2.0) * archs[:, gene, None] / (counts[gene] - 1)
            if ordinal[gene]
            else features[:, ends[gene] - counts[gene] : ends[gene]]
            for gene in range(space.genes)
        ]
        return np.concatenate(parts, axis=1)

    return coordinates if ordinal.any() else encoded(space)


def gene_of_coordinates(space: SearchSpace) -> IntArray:
    """Return the gene that each coordinate of `genes` belongs to, (c,)."""
    return np.repeat(np.arange(space.genes), np.where(_ordinal(space), 1, space.cardinalities))


def _ordinal(space: SearchSpace) -> BoolArray:
    return np.array([kind == "ordinal" for kind in space.gene_kinds]) & (space.cardinalities > 1)


def encoded(space: SearchSpace) -> Inputs:
    """Return the features as they are: d is half their squared distance."""
    return lambda archs, features: features


def layers_and_genes(space: SearchSpace) -> Inputs:
    """Return coordinates in which d is the simplified distance of NASBOT: layers of each kind, and genes that differ.

    White, Neiswanger & Savani (naszilla, `nas_bench_201/distances.py`): the L1 distance of the counts of each
    operation plus H.  Genes whose values have the same names (`SearchSpace.legend`) are counted together.
    """
    groups: dict[tuple[str, ...], list[int]] = {}
    for gene, names in enumerate(space.legend().values()):
        groups.setdefault(tuple(names), []).append(gene)

    def coordinates(archs: Archs, features: FloatArray) -> FloatArray:
        parts = [features]
        for names, members in groups.items():
            counts = (archs[:, members, None] == np.arange(len(names))).sum(axis=1)
            parts.append(unary(counts, len(members)))
        return np.concatenate(parts, axis=1)

    return coordinates


def unary(counts: IntArray, most: int) -> FloatArray:
    """Return coordinates in which d is the L1 distance of counts up to `most`: (n, k) to (n, k * most).

    Examples
    --------
    >>> x, y = unary(np.array([[3, 0], [1, 2]]), most=3)
    >>> round(float(np.square(x - y).sum() / 2), 12)
    4.0
    """
    marks = (counts[:, :, None] > np.arange(most)).reshape(len(counts), -1)
    return np.where(marks, np.sqrt(2.0), 0.0)


def exponential(distances: FloatArray) -> FloatArray:
    """Return ``exp(-d)`` of weighted distances."""
    return np.exp(-distances)


def matern52(distances: FloatArray) -> FloatArray:
    """Return the Matern kernel of smoothness 5/2, where weighted distances d are ``r^2 / 2`` for a length of 1.

    Rasmussen & Williams, "Gaussian Processes for Machine Learning", 2006, eq. 4.17.
    """
    scaled = np.sqrt(10.0 * distances)
    return (1.0 + scaled + np.square(scaled) / 3.0) * np.exp(-scaled)


def half_squares(x: FloatArray, y: FloatArray) -> FloatArray:
    """Return ``|x - y|^2 / 2`` of all pairs: (..., q, c), (..., n, c) to (..., q, n)."""
    distances: FloatArray = x @ y.swapaxes(-1, -2)
    np.negative(distances, out=distances)
    distances += 0.5 * np.square(x).sum(axis=-1)[..., :, None]
    distances += 0.5 * np.square(y).sum(axis=-1)[..., None, :]
    return np.maximum(distances, 0.0, out=distances)


@dataclass(frozen=True)
class Kernel:
    """A kernel on architectures.

    Attributes
    ----------
    inputs : callable
        From a space to its `Inputs`.
    shape : callable or None
        From weighted distances to kernel values; None for the linear kernel, ``rate x'y``.
    reads_genes : bool
        Whether it reads the genes themselves, and so takes no encoding.
    """

    inputs: Callable[[SearchSpace], Inputs]
    shape: Callable[[FloatArray], FloatArray] | None
    reads_genes: bool = False

    def between(self, x: FloatArray, y: FloatArray, rates: FloatArray) -> FloatArray:
        """Return the kernel of all pairs of points.

        Parameters
        ----------
        x : (..., q, c) float64
        y : (..., n, c) float64
        rates : (...) or (..., c) float64
            One for each problem, or one for each coordinate.

        Returns
        -------
        (..., q, n) float64
        """
        if rates.ndim == x.ndim - 1:
            roots = np.sqrt(rates)[..., None, :]
            return self.of_distances(self.distances(x * roots, y * roots), np.ones(rates.shape[:-1]))
        return self.of_distances(self.distances(x, y), rates)

    def distances(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Return what `of_distances` takes: (..., q, c), (..., n, c) to (..., q, n)."""
        return x @ y.swapaxes(-1, -2) if self.shape is None else half_squares(x, y)

    def of_distances(self, distances: FloatArray, rates: FloatArray) -> FloatArray:
        """Return kernel values: (..., q, n) and one rate for each problem, (...), to (..., q, n)."""
        weighted: FloatArray = distances * rates[..., None, None]
        return weighted if self.shape is None else self.shape(weighted)

    def of_points(self, x: FloatArray, rates: FloatArray) -> FloatArray:
        """Return the kernel of each point with itself: (..., q, c) to (..., q)."""
        squares = np.square(x).sum(axis=-1)
        return rates[..., None] * squares if self.shape is None else np.ones_like(squares)


KERNELS = {
    "hamming": Kernel(genes, exponential, reads_genes=True),
    "rbf": Kernel(encoded, exponential),
    "matern52": Kernel(encoded, matern52),
    "linear": Kernel(encoded, None),
    "nasbot": Kernel(layers_and_genes, exponential, reads_genes=True),
}
"""Kernels by the name that the learner takes."""
