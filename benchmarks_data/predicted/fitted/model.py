"""The model of a surrogate benchmark: from architectures to results at every fidelity, seconds, and how far they lie.

Results are learnt in one piece: the result at the full fidelity, and the coordinates of the rest of the curve in the
few directions in which curves differ most (Yan, White, Savani & Hutter, "NAS-Bench-x11 and the Power of Learning
Curves", NeurIPS 2021).  Departs from that code: the mean curve is taken off first, coordinates are those along V, whose
size says how much they matter, and the full fidelity is learnt by itself, so that no cut of the decomposition reaches
it.  Learnt targets are logarithms of errors where all errors are positive, standardised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks_data.predicted.answers import CHUNK, SIZES, chunks
from benchmarks_data.predicted.fitted.noise import Noise
from harness.checks import Archs, BoolArray, FloatArray, IntArray
from harness.errors import HarnessError, must
from harness.problem import Fidelity, Objective
from harness.space import SearchSpace
from harness.surrogate import State, Surrogate

TRANSFORMS = ("log_error", "identity")
_CURVES = ("mean", "directions", "centre", "scale", "low", "high")
_NOISE = ("knots", "spread")


@dataclass(frozen=True, eq=False)
class Curves:
    """How learnt targets become results, K directions, F fidelities, targets 0 (the full fidelity) to K.

    Attributes
    ----------
    mean : (F,) float64
        Mean curve, transformed.
    directions : (K, F) float64
        Orthonormal rows, 0 at the full fidelity.
    centre, scale : (1 + K,) float64
        What targets were standardised by.
    low, high : (F,) float64
        Range of what was learnt from, published; predictions are cut to it.
    transform : {"log_error", "identity"}
        Of minimised results.
    """

    mean: FloatArray
    directions: FloatArray
    centre: FloatArray
    scale: FloatArray
    low: FloatArray
    high: FloatArray
    transform: str

    @classmethod
    def of(cls, means: FloatArray, objective: Objective, *, most: int, explained: float) -> tuple[Curves, FloatArray]:
        """Return the decomposition of curves, and what is to be learnt of each: (n, F) published to (n, 1 + K).

        Parameters
        ----------
        means : (n, F) float64
        objective : Objective
        most : int
            Directions at most.
        explained : float
            Part of the variance of curves, without the full fidelity, at which directions end.

        Examples
        --------
        >>> curves, learnt = Curves.of(np.outer([1.0, 2.0, 4.0], [4.0, 2.0, 1.0]), Objective("loss"), most=5,
        ...     explained=0.999)
        >>> len(curves.directions), np.round(curves.results(learnt, np.array([0, 1, 2]), Objective("loss")), 6).tolist()
        (1, [4.0, 4.0, 4.0])
        """
        minimised = objective.to_minimised(means)
        transform = "log_error" if (minimised > 0).all() else "identity"
        values = np.log(minimised) if transform == "log_error" else minimised
        mean = values.mean(axis=0)
        rest = values - mean
        rest[:, -1] = 0.0
        _, sizes, rows = np.linalg.svd(rest, full_matrices=False)
        energy = np.cumsum(sizes**2)
        kept = int(np.searchsorted(energy, explained * energy[-1])) + 1 if energy[-1] > 1e-18 else 0
        directions = rows[: min(kept, most)]
        turned = np.abs(directions).argmax(axis=1)  # LAPACK does not say which way a direction points
        directions = directions * np.sign(directions[np.arange(len(directions)), turned])[:, None]
        targets = np.concatenate([values[:, -1:], rest @ directions.T], axis=1)
        centre, scale = targets.mean(axis=0), targets.std(axis=0)
        scale = np.where(scale > 1e-12 * np.abs(centre), scale, 1.0)
        curves = cls(mean, directions, centre, scale, means.min(axis=0), means.max(axis=0), transform)
        return curves, (targets - centre) / scale

    def results(self, learnt: FloatArray, fidelity: IntArray, objective: Objective) -> FloatArray:
        """Return results at a fidelity each, cut to what was learnt from: (n, 1 + K), (n,) to (n,) published."""
        targets = self.centre + self.scale * learnt
        values = self.mean[fidelity]
        for place, direction in enumerate(self.directions):  # one after the other: no sum depends on the batch
            values = values + targets[:, 1 + place] * direction[fidelity]
        values = np.where(fidelity == len(self.mean) - 1, targets[:, 0], values)
        minimised = np.exp(values) if self.transform == "log_error" else values
        kept: FloatArray = np.clip(objective.to_published(minimised), self.low[fidelity], self.high[fidelity])
        return kept


@dataclass(frozen=True, eq=False)
class Seconds:
    """Seconds of a full training by a learner of their own, and the part of them that each fidelity takes.

    Attributes
    ----------
    learner : Surrogate
        Fitted, of genes and of what the space knows in closed form.
    shares : (F,) float64
        Of a full training, the median over the sample; within a schedule they never fall.
    low, high : float
        Range of what was learnt from.
    """

    learner: Surrogate
    shares: FloatArray
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Model:
    """What answers.

    Attributes
    ----------
    space : SearchSpace
    objective : Objective
    learner : Surrogate
        Fitted to what `Curves.of` says.
    curves : Curves
    noise : Noise
    seconds : Seconds or None
    seen : (C, C) bool
        Which pairs of values of two genes the sample has; C is the sum of the cardinalities.
    canonical : bool
        Whether architectures of equal function have one answer, that of their representative; see `Sample`.
    """

    space: SearchSpace
    objective: Objective
    learner: Surrogate
    curves: Curves
    noise: Noise
    seconds: Seconds | None
    seen: BoolArray
    canonical: bool = False

    def own(self, archs: Archs) -> Archs:
        """Return what stands for architectures: representatives where equal functions are one, else themselves."""
        return self.space.decode(self.space.key(archs)) if self.canonical and len(archs) else archs

    def predict(self, archs: Archs, fidelity: IntArray) -> FloatArray:
        """Return the mean at a fidelity each: (n, L), (n,) to (n,) published."""
        parts = [
            self.curves.results(self._learnt(part), at, self.objective)
            for part, at in chunks(self.own(archs), fidelity, _sizes(self.learner))
        ]
        return np.concatenate(parts)[: len(archs)] if parts else np.empty(0)

    def doubts(self, archs: Archs) -> FloatArray:
        """Return how unsure the learner is of the full fidelity, a standard deviation in published units: (n,)."""
        parts = []
        last = np.full(len(archs), len(self.curves.mean) - 1)
        for part, _ in chunks(self.own(archs), last):
            said = self.learner.predict(part)
            value = self.curves.centre[0] + self.curves.scale[0] * said.mean.reshape(len(part), -1)[:, 0]
            std = self.curves.scale[0] * said.std.reshape(len(part), -1)[:, 0]
            parts.append(std * (np.exp(value) if self.curves.transform == "log_error" else 1.0))
        return np.concatenate(parts)[: len(archs)]

    def _learnt(self, archs: Archs) -> FloatArray:
        return self.learner.predict(archs).mean.reshape(len(archs), -1)

    def predict_seconds(self, archs: Archs, fidelity: IntArray) -> FloatArray:
        """Return what an evaluation takes from scratch, (n,), NaN without a model of it; it never falls in training."""
        model = self.seconds
        if model is None:
            return np.full(len(archs), np.nan)
        parts = [
            np.clip(model.learner.predict(part, costs_of(self.space, part)).mean, model.low, model.high)
            * model.shares[at]
            for part, at in chunks(self.own(archs), fidelity, _sizes(model.learner))
        ]
        return np.concatenate(parts)[: len(archs)] if parts else np.empty(0)

    def distance(self, archs: Archs) -> FloatArray:
        """Return the part of pairs of genes that no architecture of the sample has alike, (n, L) to (n,) in [0, 1].

        0: every pair of its genes was seen, though perhaps never all together.
        """
        places = np.asarray(self.own(archs), dtype=np.int64) + _starts(self.space)
        unseen = np.zeros(len(archs))
        genes = self.space.genes
        for first in range(genes):
            for second in range(first + 1, genes):
                unseen += ~self.seen[places[:, first], places[:, second]]
        return unseen / max(1, genes * (genes - 1) // 2)

    def arrays(self) -> dict[str, Any]:
        """Return all numbers by name; `model_of` makes the model again."""
        named: dict[str, Any] = {f"learner/{name}": values for name, values in self.learner.state().items()}
        named |= {f"curves/{name}": getattr(self.curves, name) for name in _CURVES}
        named |= {f"noise/{name}": getattr(self.noise, name) for name in _NOISE}
        if self.seconds is not None:
            named |= {f"seconds/{name}": values for name, values in self.seconds.learner.state().items()}
            named |= {"shares": self.seconds.shares, "limits": np.array([self.seconds.low, self.seconds.high])}
        return named | {"seen": np.packbits(self.seen)}


def model_of(
    arrays: State,
    space: SearchSpace,
    objective: Objective,
    learner: Surrogate,
    seconds: Surrogate | None,
    facts: Mapping[str, Any],
) -> Model:
    """Return the model of `Model.arrays`.

    Parameters
    ----------
    arrays : mapping of str to array
    space : SearchSpace
    objective : Objective
    learner, seconds : Surrogate
        Not fitted; `seconds` is None where there is no model of them.
    facts : mapping
        ``transform``, ``fidelities`` (how many), ``shared``, ``trainings``, ``canonical``.

    Raises
    ------
    HarnessError
        If arrays do not fit each other.
    """

    def below(folder: str) -> dict[str, Any]:
        return {name.partition("/")[2]: values for name, values in arrays.items() if name.startswith(f"{folder}/")}

    width = int(facts["fidelities"])
    drawn = {name: _real(arrays, f"curves/{name}") for name in _CURVES}
    curves = Curves(**drawn, transform=str(facts["transform"]))
    fitted = {name: _real(arrays, f"noise/{name}") for name in _NOISE}
    noise = Noise(**fitted, shared=float(facts["shared"]), trainings=int(facts["trainings"]))
    count = len(curves.directions)
    fits = [getattr(curves, name).shape == (width,) for name in ("mean", "low", "high")]
    fits += [noise.knots.shape == noise.spread.shape == (width, noise.knots.size // width)]
    fits += [bool((np.diff(noise.knots) > 0).all()), bool((noise.spread >= 0).all())]
    fits += [curves.directions.shape == (count, width), curves.centre.shape == curves.scale.shape == (1 + count,)]
    size = int(space.cardinalities.sum())
    packed = np.asarray(arrays["seen"])
    if not all(fits) or packed.dtype != np.uint8 or packed.shape != (-(-size * size // 8),):
        raise HarnessError(must("arrays", f"be of {width} fidelities and {count} directions", packed.shape))
    seen = np.unpackbits(packed, count=size * size).reshape(size, size).astype(bool)
    timed = None
    if seconds is not None:
        shares, limits = _real(arrays, "shares"), _real(arrays, "limits")
        if shares.shape != (width,) or limits.shape != (2,):
            raise HarnessError(must("shares", f"be of {width} fidelities", shares.shape))
        timed = Seconds(seconds.restored(below("seconds")), shares, *limits.tolist())
    made = learner.restored(below("learner"))
    return Model(space, objective, made, curves, noise, timed, seen, bool(facts["canonical"]))


def _real(arrays: State, name: str) -> FloatArray:
    values = np.asarray(arrays[name])
    if values.dtype.kind != "f" or np.isnan(values).any():
        raise HarnessError(must(name, "be numbers", values.dtype))
    return np.ascontiguousarray(values, dtype=np.float64)


def pairs_of(space: SearchSpace, archs: Archs) -> BoolArray:
    """Return which pairs of values of two genes occur: (n, L) to (C, C) bool, symmetric."""
    size = int(space.cardinalities.sum())
    places = np.asarray(archs, dtype=np.int64) + _starts(space)
    bits = np.zeros((len(archs), size), dtype=np.float32)
    bits[np.arange(len(archs))[:, None], places] = 1
    seen: BoolArray = bits.T @ bits > 0
    return seen


def _starts(space: SearchSpace) -> IntArray:
    return np.concatenate([[0], np.cumsum(space.cardinalities)[:-1]])


def schedules_of(fidelities: Sequence[Fidelity]) -> IntArray:
    """Return the number of the training that each fidelity is of, (F,) int64, from 0."""
    known = list(dict.fromkeys(fidelity.training for fidelity in fidelities))
    return np.array([known.index(fidelity.training) for fidelity in fidelities], dtype=np.int64)


def _sizes(learner: Surrogate) -> tuple[int, ...]:
    """Return how many rows may be predicted at once: where they change each other's bits, always as many."""
    return SIZES if learner.rows_alone else (CHUNK,)


def costs_of(space: SearchSpace, archs: Archs) -> FloatArray | None:
    """Return what the space knows in closed form, (n, e), None where that is nothing."""
    costs = space.costs(archs)
    return np.stack([costs[name] for name in sorted(costs)], axis=1) if costs else None
