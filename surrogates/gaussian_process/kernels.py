"""Kernels on architectures: how alike two rows are, from the coordinates in which a kernel sees them.

A kernel sees architectures as points x at the distance ``d = |x - x'|^2 / 2`` (one sees the transport of their layers),
weighted by rates: one for all coordinates, or one for each.  On one-hot encodings d is the number of genes that differ,
H, so that the squared exponential of length l is the exponential of Hamming distances of rate ``1 / l^2``.  As d is a
squared distance, ``exp(-rate d)`` is positive definite for every rate, which ``exp(-rate H^2)`` is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from harness.checks import Archs, BoolArray, FloatArray, IntArray
from harness.space import SearchSpace
from surrogates.gaussian_process.transport import layer_tables, transported

_DRAWN = 64
"""Random architectures by which a space is seen to wire all of them alike."""

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

    return coordinates if ordinal.any() else encoded


def gene_of_coordinates(space: SearchSpace) -> IntArray:
    """Return the gene that each coordinate of `genes` belongs to, (c,)."""
    return np.repeat(np.arange(space.genes), np.where(_ordinal(space), 1, space.cardinalities))


def _ordinal(space: SearchSpace) -> BoolArray:
    return np.array([kind == "ordinal" for kind in space.gene_kinds]) & (space.cardinalities > 1)


def encoded(archs: Archs, features: FloatArray) -> FloatArray:
    """Return the features as they are: d is half their squared distance."""
    return features


def layers(space: SearchSpace) -> Inputs:
    """Return coordinates in which d is the simplified distance of NASBOT, from `SearchSpace.graph`.

    White, Neiswanger & Savani (naszilla, ``distances.py`` of its benchmarks): the L1 distance of the counts of each
    operation, plus H where all architectures are wired alike, as in NAS-Bench-201, and else plus the L1 distances of
    the sorted in-degrees and of the sorted out-degrees, as in NAS-Bench-101.
    """
    wirings = space.graph(space.sample(_DRAWN, np.random.default_rng(0))).adjacency
    wired_alike = bool((wirings == wirings[:1]).all())

    def coordinates(archs: Archs, features: FloatArray) -> FloatArray:
        graph = space.graph(archs)
        places = graph.mask.shape[1]
        kinds = np.where(graph.mask, graph.kinds, -1)[:, :, None] == np.arange(len(graph.labels))
        parts = [unary(kinds.sum(axis=1), places)]
        if wired_alike:
            parts.append(features)
        else:
            parts += [unary(np.sort(graph.adjacency.sum(axis=axis), axis=1), places) for axis in (1, 2)]
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
    negative: FloatArray = np.negative(distances)
    return np.exp(negative, out=negative)  # in place: fresh memory takes as long as the arithmetic


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


def inner_products(x: FloatArray, y: FloatArray) -> FloatArray:
    """Return ``x'y`` of all pairs: (..., q, c), (..., n, c) to (..., q, n)."""
    products: FloatArray = x @ y.swapaxes(-1, -2)
    return products


@dataclass(frozen=True)
class Kernel:
    """A kernel on the architectures of a space.

    Attributes
    ----------
    inputs : callable
        See `Inputs`.
    shape : callable
        From weighted distances to kernel values, elementwise.
    distances : callable
        From coordinates (..., q, c) and (..., n, c) to (..., q, n).
    stationary : bool
        Whether the kernel of a point with itself is 1; otherwise it is the rate times its squared length.
    definite : bool
        Whether Gram matrices are positive semi-definite; if not, `gram` takes their negative eigenvalues for 0.
    """

    inputs: Inputs
    shape: Callable[[FloatArray], FloatArray]
    distances: Callable[[FloatArray, FloatArray], FloatArray] = half_squares
    stationary: bool = True
    definite: bool = True

    def of_distances(self, distances: FloatArray, rates: FloatArray) -> FloatArray:
        """Return kernel values: (..., q, n) and one rate for each problem, (...), to (..., q, n)."""
        return self.shape(distances * rates[..., None, None])

    def gram(self, distances: FloatArray, rates: FloatArray) -> FloatArray:
        """Return the kernel of points with each other, positive semi-definite: (..., n, n), (...) to (..., n, n)."""
        matrix = self.of_distances(distances, rates)
        if self.definite:
            return matrix
        values, vectors = np.linalg.eigh(matrix)
        projected: FloatArray = (vectors * np.maximum(values, 0.0)[..., None, :]) @ vectors.swapaxes(-1, -2)
        return projected

    def of_points(self, x: FloatArray, rates: FloatArray) -> FloatArray:
        """Return the kernel of each point with itself: (..., q, c) to (..., q)."""
        squares = np.square(x).sum(axis=-1)
        return np.ones_like(squares) if self.stationary else rates[..., None] * squares


def weighted(x: FloatArray, rates: FloatArray) -> FloatArray:
    """Return coordinates in which distances are weighted by rates: (..., n, c), (..., c) to (..., n, c)."""
    return x * np.sqrt(rates)[..., None, :]


KERNELS: dict[str, Callable[[SearchSpace], Kernel]] = {
    "hamming": lambda space: Kernel(genes(space), exponential),
    "rbf": lambda space: Kernel(encoded, exponential),
    "matern52": lambda space: Kernel(encoded, matern52),
    "linear": lambda space: Kernel(encoded, np.asarray, inner_products, stationary=False),
    "nasbot": lambda space: Kernel(layers(space), exponential),
    "otmann": lambda space: Kernel(layer_tables(space), exponential, transported(space), definite=False),
}
"""Kernels by the name that the learner takes, to be built on a space."""
READ_GENES = ("hamming", "nasbot", "otmann")
"""Those that read architectures themselves, and so take no encoding."""
