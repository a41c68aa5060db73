"""The Gaussian process on edit distances of AutoKeras, and these distances."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from harness.checks import Archs, FloatArray, real
from harness.errors import HarnessError, must
from harness.space import SearchSpace
from harness.surrogate import Prediction, Surrogate
from surrogates.gaussian_process.exact import Regression, factorise, posterior, regress
from surrogates.inputs import encode, not_fitted, target_matrix


def aligned(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the least cost of turning chains of layers into others, of all pairs: (q, s), (n, t) to (q, n).

    Jin, Song & Hu, "Auto-Keras: an efficient neural architecture search system", KDD 2019, equations 6 and 7: a layer
    of width w becomes one of width v at the cost ``|w - v| / max(w, v)``, and is inserted or deleted at the cost 1.

    Examples
    --------
    >>> float(aligned(np.array([[64.0, 64.0, 64.0]]), np.array([[64.0, 128.0, 64.0]]))[0, 0])
    0.5
    >>> float(aligned(np.array([[64.0, 64.0]]), np.array([[64.0, 64.0, 128.0]]))[0, 0])
    1.0
    >>> float(aligned(np.array([[16.0]]), np.array([[512.0]]))[0, 0])
    0.96875
    """
    shape = len(a), len(b)
    row = [np.full(shape, float(j)) for j in range(b.shape[1] + 1)]  # costs of the prefixes of b, for one of a
    for i in range(a.shape[1]):
        above, row = row, [np.full(shape, i + 1.0)]
        for j in range(b.shape[1]):
            kept = above[j] + widened(a[:, i, None], b[None, :, j])
            row.append(np.minimum(kept, np.minimum(above[j + 1], row[j]) + 1.0))
    return row[-1]


def widened(w: FloatArray, v: FloatArray) -> FloatArray:
    """Return ``|w - v| / max(w, v)``, elementwise; widths are above 0."""
    cost: FloatArray = np.abs(w - v) / np.maximum(w, v)
    return cost


class EditDistance:
    """The edit distance of the architectures of a space.

    Where all genes are sizes with the same values, they are a chain of layers, see `aligned`.  Elsewhere the distance
    is the sum over genes: of `widened` for one whose values are ordered; for one that is a choice, 1 for a layer that
    comes, goes or becomes another, and `skip_weight` for a skip that comes or goes.

    Parameters
    ----------
    space : SearchSpace
    skip_weight : float
        lambda in the paper, equation 5.
    absent, skip : str
        The names of the values that are no layer: nothing, and a skip.
    """

    def __init__(self, space: SearchSpace, *, skip_weight: float, absent: str, skip: str) -> None:
        legend = [tuple(names) for names in space.legend().values()]
        ordinal = [kind == "ordinal" for kind in space.gene_kinds]
        self._sizes = [_sizes(names) for names in legend]
        self._chain = all(ordinal) and len(set(legend)) == 1
        self._costs = [
            widened(sizes[:, None], sizes[None]) if ordered else _edits(names, skip_weight, absent, skip)
            for names, sizes, ordered in zip(legend, self._sizes, ordinal, strict=True)
        ]

    def __call__(self, a: Archs, b: Archs) -> FloatArray:
        """Return the distances of all pairs: (q, L), (n, L) to (q, n)."""
        if self._chain:
            return aligned(self._sizes[0][a], self._sizes[0][b])
        total = np.zeros((len(a), len(b)))
        for gene, costs in enumerate(self._costs):
            total += costs[a[:, gene, None], b[None, :, gene]]
        return total


def _sizes(names: Sequence[str]) -> FloatArray:
    """Return values as the numbers that they are called, where these are above 0; else numbered from 1."""
    try:
        sizes = np.array([float(name) for name in names])
    except ValueError:
        sizes = np.zeros(1)
    return sizes if sizes.min() > 0 else np.arange(1.0, len(names) + 1.0)


def _edits(names: Sequence[str], skip_weight: float, absent: str, skip: str) -> FloatArray:
    """Return the costs of turning each value of a choice into each other: (K, K)."""
    skips = np.array([name == skip for name in names])
    layers = np.array([name not in (absent, skip) for name in names])
    costs: FloatArray = (layers[:, None] | layers) + skip_weight * (skips[:, None] ^ skips)
    np.fill_diagonal(costs, 0.0)
    return costs


@dataclass(frozen=True, eq=False)
class _Fitted:
    """Rows told, their covariates (n, e) in units of `scale`, and a process for each of m objectives."""

    archs: Archs
    covariates: FloatArray
    scale: FloatArray
    projection: FloatArray | None
    """On the eigenvectors of the Gram matrix that were kept, (n, n); None for all."""
    regressions: list[Regression]
    centre: FloatArray
    spread: FloatArray


class EditDistanceProcess(Surrogate):
    """Exact Gaussian-process regression with the kernel ``exp(-d^2)`` of the edit distance d.

    Jin, Song & Hu, "Auto-Keras: an efficient neural architecture search system", KDD 2019, section 3.2; the distances:
    `EditDistance`.  Targets are standardised and the signal variance is profiled; `std` is that of the function, noise
    left out.  With m objectives each has a process of its own.  The generator given to `fit` is not used.

    ``exp(-d^2)`` of a distance that is no Euclidean one need not be positive definite: the authors embed the distances
    of the training data by Bourgain's algorithm, and compare with raw ones in prediction.  Departs from that: negative
    eigenvalues of the Gram matrix are set to 0 where the noise does not outweigh them, and new data are projected
    alike.  Their noise of 1e-10 is at least 1e-3 here, in units of the signal's variance, as trainings are noisy.

    Parameters
    ----------
    space : SearchSpace
    encoding : str
        ``one_hot``: the kernel reads the genes themselves.
    rate : float
        Of the kernel ``exp(-rate d^2)``, greater than 0; 1 in the paper, at which only the nearest edits are alike.
    noise : float
        Variance of the noise in units of the signal's, at least 1e-3.
    skip_weight : float
        Cost of a skip that comes or goes, at least 0; 0.1 in the authors' code.
    absent, skip : str
        Names of the values of genes that are no layer: nothing, and a skip.
    """

    libraries: ClassVar[tuple[str, ...]] = ("numpy", "scipy")

    def __init__(
        self,
        space: SearchSpace,
        *,
        encoding: str = "one_hot",
        rate: float = 1.0,
        noise: float = 1e-3,
        skip_weight: float = 0.1,
        absent: str = "none",
        skip: str = "skip_connect",
    ) -> None:
        super().__init__(
            space,
            encoding=encoding,
            rate=real("rate", rate, low=0.0, open_low=True),
            noise=real("noise", noise, low=1e-3),
            skip_weight=real("skip_weight", skip_weight, low=0.0),
            absent=absent,
            skip=skip,
        )
        if encoding != "one_hot":
            raise HarnessError(must("encoding", "be 'one_hot' with edit distances, which read genes", encoding))
        self._distance = EditDistance(space, skip_weight=skip_weight, absent=absent, skip=skip)
        self._fitted: _Fitted | None = None
        self._target_shape: tuple[int, ...] = ()

    def fit(
        self, archs: Archs, targets: FloatArray, rng: np.random.Generator, covariates: FloatArray | None = None
    ) -> Self:
        """Return a copy fitted to targets, (n,) or (n, m); see `Surrogate.fit`.

        Raises
        ------
        HarnessError
            If a target is not finite or the shapes do not fit.
        """
        rows, extra = self._read(archs, covariates)
        values = target_matrix(targets, len(rows))
        centre, spread, scale = values.mean(axis=0), _spread(values), _spread(extra)
        noise = self.hyperparameters["noise"]
        gram, projection = _positive(self._kernel(rows, extra / scale, rows, extra / scale), noise)
        regressions = [regress(gram, column, noise) for column in ((values - centre) / spread).T]
        model = copy.copy(self)
        model._fitted = _Fitted(rows, extra / scale, scale, projection, regressions, centre, spread)
        model._target_shape = np.asarray(targets).shape[1:]
        return model

    def predict(self, archs: Archs, covariates: FloatArray | None = None) -> Prediction:
        """Predict q architectures: (q, L) to mean and std, (q,) or (q, m)."""
        fitted = self._fitted
        if fitted is None:
            raise not_fitted(self)
        rows, extra = self._read(archs, covariates, width=len(fitted.scale))
        cross = self._kernel(rows, extra / fitted.scale, fitted.archs, fitted.covariates)
        cross = cross if fitted.projection is None else cross @ fitted.projection
        said = [posterior(regression, cross) for regression in fitted.regressions]
        shape = (len(rows), *self._target_shape)
        mean = np.stack([mean for mean, _ in said], axis=1) * fitted.spread + fitted.centre
        std = np.stack([std for _, std in said], axis=1) * fitted.spread
        return Prediction(mean.reshape(shape), std.reshape(shape))

    def _read(
        self, archs: Archs, covariates: FloatArray | None, *, width: int | None = None
    ) -> tuple[Archs, FloatArray]:
        """Return architectures, (n, L), and covariates, (n, e), after checks."""
        genes = int(self.space.cardinalities.sum())
        features = encode(self, archs, covariates, width=None if width is None else genes + width)
        return np.asarray(archs), features[:, genes:]

    def _kernel(self, a: Archs, x: FloatArray, b: Archs, y: FloatArray) -> FloatArray:
        """Return the kernel of all pairs; scaled covariates add their squared distance to that of edits."""
        squares = np.square(self._distance(a, b))
        if x.shape[1]:
            squares += np.square(x[:, None] - y[None]).sum(axis=2)
        kernel: FloatArray = np.exp(-self.hyperparameters["rate"] * squares)
        return kernel


def _positive(gram: FloatArray, noise: float) -> tuple[FloatArray, FloatArray | None]:
    """Return a Gram matrix, and the projection that rid it of negative eigenvalues if half the noise is less than one.

    Chen, Garcia, Gupta, Rahimi & Cazzanti, "Similarity-based classification: concepts and algorithms", JMLR 10, 2009,
    section 4.1: what is done to the training data is done to new ones by the same projection.
    """
    try:
        factorise(gram, noise / 2)
    except np.linalg.LinAlgError:
        eigenvalues, vectors = np.linalg.eigh(gram)
        kept = vectors[:, eigenvalues > 0]
        return (kept * eigenvalues[eigenvalues > 0]) @ kept.T, kept @ kept.T
    return gram, None


def _spread(columns: FloatArray) -> FloatArray:
    """Return the standard deviation of each column, 1 where it is constant: (n, k) to (k,)."""
    spread = columns.std(axis=0)
    return np.where(spread > 0, spread, 1.0)
