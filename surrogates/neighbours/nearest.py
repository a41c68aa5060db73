"""Nearest neighbours: the results of the architectures that differ least, weighed by distance."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

from harness.checks import MOST, Archs, FloatArray, IntArray, integer, real
from harness.space import SearchSpace
from harness.surrogate import Prediction, Surrogate
from surrogates.inputs import Scaling, are_bits, encode, not_fitted, standard_deviations, target_matrix

_CHUNK = 128
"""Queries at once: their distances to a thousand rows stay in the cache."""


@dataclass(frozen=True, eq=False)
class _Known:
    """What was learnt from: scaled features (n, d) and centred targets (n, m)."""

    features: FloatArray
    results: FloatArray
    centre: FloatArray
    spread: FloatArray
    scaling: Scaling
    target_shape: tuple[int, ...]

    def distances(self, queries: FloatArray) -> Iterator[npt.NDArray[np.floating]]:
        """Yield the sums of absolute differences, some queries at a time: (q, d) scaled features to (q, n) in all."""
        bits = are_bits(self.features) & are_bits(queries)
        asked, known = queries[:, bits].astype(np.float32), self.features[:, bits].astype(np.float32)
        # |x - z| = x + z - 2 x z of bits, in one product, and float32 counts them exactly.
        left = np.column_stack([asked, asked.sum(axis=1), np.ones_like(asked, shape=len(asked))])
        right = np.vstack([-2 * known.T, np.ones_like(known, shape=len(known)), known.sum(axis=1)])
        others = queries[:, ~bits], self.features[:, ~bits]
        for start in range(0, len(queries), _CHUNK):
            apart = left[start : start + _CHUNK] @ right
            if not bits.all():
                apart = apart + cdist(others[0][start : start + _CHUNK], others[1], "cityblock")
            yield apart


class NearestNeighbours(Surrogate):
    """Regression by the k nearest neighbours, weighed by one over their distance.

    Shepard, "A two-dimensional interpolation function for irregularly-spaced data", ACM National Conference 1968, for
    the weights.  The distance is the sum of the absolute differences of the features: on an encoding of indicators,
    such as ``one_hot``, twice the Hamming distance; features that are not 0 or 1, covariates among them, are
    standardised by what was learnt from.  Rows as far away as the k-th nearest count too, so that the order of rows
    does not matter.  Where rows are the queried architecture itself, they alone are the answer.

    The standard deviation is the weighted spread of the neighbours, with the square of `floor` times the spread of all
    targets added to its square, so that neighbours which agree by chance leave some; it is a rough one.  The generator
    given to `fit` is not used.

    Parameters
    ----------
    space : SearchSpace
    encoding : str
        Features that are compared.
    neighbours : int
        How many, k; all where there are fewer.
    floor : float
        Least standard deviation, as a part of that of the targets; at least 0.
    """

    libraries: ClassVar[tuple[str, ...]] = ("numpy", "scipy")

    def __init__(
        self, space: SearchSpace, *, encoding: str = "one_hot", neighbours: int = 5, floor: float = 0.01
    ) -> None:
        super().__init__(
            space,
            encoding=encoding,
            neighbours=integer("neighbours", neighbours, low=1, high=MOST),
            floor=real("floor", floor, low=0),
        )
        self._known: _Known | None = None

    def fit(
        self, archs: Archs, targets: FloatArray, rng: np.random.Generator, covariates: FloatArray | None = None
    ) -> Self:
        """Return a copy that knows the targets, (n,) or (n, m); see `Surrogate.fit`.

        Raises
        ------
        HarnessError
            If a target is not finite or the shapes do not fit.
        """
        features = encode(self, archs, covariates)
        values = target_matrix(targets, len(features))
        centre, spread = values.mean(axis=0), standard_deviations(values)
        shape = np.asarray(targets).shape[1:]
        scaling = Scaling.of_counts(features)
        model = copy.copy(self)
        model._known = _Known(scaling.apply(features), values - centre, centre, spread, scaling, shape)
        return model

    def predict(self, archs: Archs, covariates: FloatArray | None = None) -> Prediction:
        """Predict q architectures: (q, L) to mean and std, (q,) or (q, m)."""
        known = self._known
        if known is None:
            raise not_fitted(self)
        queries = known.scaling.apply(encode(self, archs, covariates, width=len(known.scaling.mean)))
        near = min(self.hyperparameters["neighbours"], len(known.features)) - 1
        mean, variance = np.zeros((2, len(queries), known.results.shape[1]))
        for start, apart in zip(range(0, len(queries), _CHUNK), known.distances(queries), strict=True):
            within = apart <= np.partition(apart, near, axis=1)[:, near, None]
            places = np.flatnonzero(within)  # many times faster than `nonzero` in two dimensions
            rows, columns = np.divmod(places, len(known.features))
            first = np.flatnonzero(np.diff(rows, prepend=-1))
            weights = _weights(apart.ravel()[places].astype(np.float64), rows, first)[:, None]
            results = known.results[columns]
            part = np.add.reduceat(weights * results, first)
            mean[start : start + _CHUNK] = part
            variance[start : start + _CHUNK] = np.add.reduceat(weights * (results - part[rows]) ** 2, first)
        std = np.sqrt(variance + (self.hyperparameters["floor"] * known.spread) ** 2)
        shape = (len(queries), *known.target_shape)
        return Prediction((known.centre + mean).reshape(shape), std.reshape(shape))


def _weights(apart: FloatArray, rows: IntArray, first: IntArray) -> FloatArray:
    """Return the weights of neighbours, which are 1 in sum for each query; those at distance 0 have all."""
    same = apart <= 0
    among = np.logical_or.reduceat(same, first)[rows]
    weights = np.where(among, same, 1 / np.where(same, 1.0, apart))
    return weights / np.add.reduceat(weights, first)[rows]
