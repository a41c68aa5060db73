"""Learners that predict results from architectures, and the requests by which strategies ask for them."""

from __future__ import annotations

import copy
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from harness.checks import Archs, FloatArray
from harness.digests import without
from harness.errors import HarnessError, must
from harness.guard import running
from harness.space import SearchSpace

State = Mapping[str, npt.NDArray[Any]]
"""What a model has learnt, as arrays of plain numbers by name."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a fitted surrogate says about q architectures.

    Attributes
    ----------
    mean, std : (q,) or (q, m) float64
        In the unit of the targets; `std` >= 0, and without meaning where the learner says so (`Surrogate.has_std`).
    members : (K, q) float64 or None
        Predictions of the members of an ensemble.
    """

    mean: FloatArray
    std: FloatArray
    members: FloatArray | None = None


class Surrogate(ABC):
    """A learner built on a space; it takes architectures and encodes them itself.

    A learner is immutable: `fit` returns a fitted copy, so that one learner serves all replicates of a shard.
    Subclasses take their hyperparameters keyword-only and pass them all on to ``super().__init__``.

    Attributes
    ----------
    space : SearchSpace
    encoding : str
        The encoding of the space that it reads.
    hyperparameters : dict
        Everything that changes what is learnt, JSON-serialisable; part of the digest of results.
    """

    version: ClassVar[int] = 1
    """Bump when behaviour changes: it is part of the digest."""
    libraries: ClassVar[tuple[str, ...]] = ("numpy",)
    """Distributions on whose versions the numbers depend: their versions are part of the digest."""
    later_hyperparameters: ClassVar[Mapping[str, Any]] = {}
    """Defaults of hyperparameters that were added later: at them, the digest is what it was before."""
    continues: ClassVar[bool] = False
    """Whether `fit` of a fitted model may start from what that model found, such as its kernel's lengths."""
    normalises: ClassVar[bool] = False
    """Whether it makes covariates alike itself, so that they may be missing, infinite or of any scale."""
    takes_covariates: bool = True
    """Whether any columns may be given as covariates; not where they have a meaning, as curves and tasks have."""
    rows_alone: ClassVar[bool] = False
    """Whether `predict` gives a row the same bits whatever rows, two or more, are asked with it."""
    has_std: bool = True
    """Whether `std` of predictions says how unsure they are, as that of a normal distribution.  Where it is 0 or
    something else, what needs it refuses the learner, unless it is calibrated by its errors (`harness.learners`)."""
    above: float = -math.inf
    """What targets must be greater than; known before any are given, so that what never is, such as scores around 0, is
    refused at once."""
    identity: str = ""
    """What the learner is called in digests, wherever its file lies; the registry fills in the registered name."""
    device: str = "cpu"
    """Where it computes; learners that can use another device set it."""

    def __init__(self, space: SearchSpace, *, encoding: str, **hyperparameters: Any) -> None:
        if encoding not in space.encodings:
            raise HarnessError(
                f"`encoding` must be one of {', '.join(space.encodings)} for the space '{space.name}', got {encoding!r}"
            )
        self.space = space
        self.encoding = encoding
        self.hyperparameters = hyperparameters

    @cached_property  # asked for at every request, and the same for the copies that `fit` returns
    def signature(self) -> str:
        """What identifies the learner, as canonical JSON; requests of equal signature are served as one batch."""
        return json.dumps(
            {
                "class": self._identity(),
                "version": self.version,
                "space": self.space.name,
                "encoding": self.encoding,
                "hyperparameters": without(self.hyperparameters, self.later_hyperparameters),
                "device": self.device,
            },
            sort_keys=True,
        )

    @classmethod
    def family(cls) -> str:
        """Return the folder of its file, such as ``"trees"``: learners of one family are wrong alike."""
        return cls.__module__.rpartition(".")[0].rpartition(".")[2] or cls.__module__

    def _identity(self) -> str:
        """Return what it is called in digests; a subclass of a learner does not inherit its identity."""
        own = vars(self).get("identity") or type(self).__dict__.get("identity")
        return own or f"{type(self).__module__}:{type(self).__qualname__}"

    @abstractmethod
    def fit(
        self, archs: Archs, targets: FloatArray, rng: np.random.Generator, covariates: FloatArray | None = None
    ) -> Self:
        """Return a copy fitted to targets.

        Parameters
        ----------
        archs : (n, L) integers
        targets : (n,) or (n, m) float64
            Finite; lower is better.
        rng : numpy.random.Generator
            The only source of randomness.
        covariates : (n, e) float64, optional
            Further features of each architecture.
        """

    @abstractmethod
    def predict(self, archs: Archs, covariates: FloatArray | None = None) -> Prediction:
        """Predict q architectures: (q, L) to a Prediction.  Raises HarnessError before `fit`."""

    def fit_many(self, tasks: Sequence[Fit]) -> list[Self]:
        """Serve many fits of this learner; the default is a loop, batched learners override it.

        The result for a task does not depend on the other tasks beyond rounding.
        """
        # Each by its own learner: one that continues has found something that the others have not.
        return [task.learner.fit(task.archs, task.targets, task.rng, task.covariates) for task in tasks]  # type: ignore[misc]  # all are of this class

    def predict_many(self, tasks: Sequence[Predict]) -> list[Prediction]:
        """Serve many predictions of models of this signature; the default is a loop."""
        return [task.model.predict(task.archs, task.covariates) for task in tasks]

    def state(self) -> State:
        """Return what a fitted model has learnt, from which `restored` makes it again: it predicts the same bits.

        Raises
        ------
        HarnessError
            Before `fit`; and where a learner cannot be kept in a file, as the default says.
        """
        raise not_kept(self)

    def restored(self, state: State) -> Self:
        """Return a copy that has learnt what `state` said of a model of the same space and hyperparameters.

        Raises
        ------
        HarnessError
            If the arrays do not fit each other or the learner; where a learner cannot be kept in a file.
        """
        raise not_kept(self)


def not_kept(learner: Surrogate) -> HarnessError:
    """Return the error of a learner whose models cannot be kept in a file."""
    return HarnessError(
        f"{type(learner).__name__} cannot be kept in a file; take a learner that can: mlp_ensemble, random_forest, "
        "extra_trees, xgboost, lightgbm, ridge or gp"
    )


class CurveSurrogate(Surrogate):
    """A learner of which the covariates are learning curves: it predicts the end of a training from its beginning.

    Covariates are (n, T) results of the same trainings at the first T of `epochs`, lower is better, in the unit of the
    targets; NaN where a training has not come so far.  Any other learner can be given such columns too, if all
    trainings have come as far.

    Attributes
    ----------
    epochs : (E,) float64 or None
        Epochs of the columns, ascending; the last is the end.  None: 1, 2, 3 ..., and the end is the next after T.
    bounds : (float, float) or None
        The best and the worst result that can be thought of; None where that is not known.
    of_targets : bool
        Whether curves are of the column that the targets are of, so that a curve ends in its target.
    """

    takes_covariates = False
    takes_other: ClassVar[bool] = False
    """Whether curves may be of another column than the targets, such as the training loss."""
    epochs: FloatArray | None = None
    bounds: tuple[float, float] | None = None
    of_targets: bool = True

    def over(self, epochs: FloatArray, bounds: tuple[float, float] | None = None, *, of_targets: bool = True) -> Self:
        """Return a copy, not fitted, that reads curves at these epochs.

        Raises
        ------
        HarnessError
            If the curves are of another column than the targets, and the learner predicts the ends of curves.
        """
        if not of_targets and not self.takes_other:
            raise HarnessError(
                f"{type(self).__name__} predicts the end of the curve that it reads, and cannot read one of another "
                "column than the objective: name a learner that relates the two, such as 'curve_sotl' or 'curve_ridge'"
            )
        reader = copy.copy(self)
        reader.epochs, reader.bounds = np.asarray(epochs, dtype=np.float64), bounds
        reader.of_targets = of_targets
        return reader

    @property
    def signature(self) -> str:
        """What identifies the learner and, where they are given, the epochs and bounds of its curves."""
        read = None if self.epochs is None else [self.epochs.tolist(), self.bounds, *[False] * (not self.of_targets)]
        signature: str = super().signature
        return signature if read is None else json.dumps([signature, read])


class Informed(Surrogate):
    """A learner that does not learn: whoever builds it for a search tells it what to predict.

    It shows what a strategy finds with a predictor that is always right, which is a ceiling and no result: what it says
    no strategy can know.  It is told by a function that the harness answers from the search's own table, so it neither
    holds a benchmark nor opens one, and it cannot stand inside another learner.
    """

    @abstractmethod
    def told_by(self, means: Callable[[Archs], FloatArray]) -> Self:
        """Return a copy that is told by a function.

        Parameters
        ----------
        means : callable
            (q, L) integers to (q, m) float64: the mean of every objective over the trainings of the table, at the full
            fidelity, lower is better; NaN where all failed.
        """


@dataclass(frozen=True, eq=False)
class Fit:
    """A strategy's request: fit this learner. It is sent the fitted model."""

    learner: Surrogate
    archs: Archs
    targets: FloatArray
    rng: np.random.Generator
    covariates: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class Predict:
    """A strategy's request: predict these architectures. It is sent a Prediction."""

    model: Surrogate
    archs: Archs
    covariates: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class Look:
    """A strategy's request: read a signal of architectures before any training.

    It is sent the values, (q,) float64, lower is thought to be better (a column to be maximised comes with its sign
    changed), NaN where the table lacks them.  The loop answers it and charges the signal's seconds for each
    architecture; who asks twice pays twice.

    Attributes
    ----------
    signal : str
        Name of one of `Problem.signals`.
    archs : (q, L) integers
    """

    signal: str
    archs: Archs


def serve(requests: Sequence[Fit | Predict]) -> list[Surrogate | Prediction]:
    """Answer requests of many strategies, those of equal signature as one batch.

    Returns
    -------
    list
        One answer for each request, in order: a fitted surrogate for a `Fit`, a `Prediction` for a `Predict`.

    Raises
    ------
    HarnessError
        If a learner refuses, or answers with something else: no fitted copy, other shapes than asked for, a mean that
        is not finite, or a standard deviation that is negative or not finite and is said to be one.
    """
    groups: dict[tuple[type, str], list[int]] = {}
    for index, request in enumerate(requests):
        learner = request.learner if isinstance(request, Fit) else request.model
        groups.setdefault((type(request), learner.signature), []).append(index)
    answers: list[Any] = [None] * len(requests)
    for indices in groups.values():
        first = requests[indices[0]]
        served: Sequence[Any]
        with running(f"the learner {type(first.learner if isinstance(first, Fit) else first.model).__name__}"):
            if isinstance(first, Fit):
                served = first.learner.fit_many([requests[i] for i in indices])  # type: ignore[misc]  # all are Fit
            else:
                served = first.model.predict_many([requests[i] for i in indices])  # type: ignore[misc]  # or Predict
        for index, answer in zip(indices, served, strict=True):
            _check_answer(requests[index], answer)
            answers[index] = answer
    return answers


def _check_answer(request: Fit | Predict, answer: Any) -> None:
    """Refuse what would be taken for an answer and is none: arrays of other shapes broadcast, NaN is sorted last."""
    if isinstance(request, Fit):
        if not isinstance(answer, Surrogate):
            rule = f"return a fitted copy of {type(request.learner).__name__}"
            raise HarnessError(must("fit", rule, answer))
        return
    name, rows = type(request.model).__name__, len(request.archs)
    if not isinstance(answer, Prediction):
        raise HarnessError(must("predict", f"return a Prediction, in {name}", answer))
    shape = np.shape(answer.mean)
    if shape[:1] != (rows,) or len(shape) > 2 or np.shape(answer.std) != shape:
        rule = f"be ({rows},) or ({rows}, m) both, in {name}"
        raise HarnessError(must("mean and std", rule, (shape, np.shape(answer.std))))
    if not np.isfinite(answer.mean).all():
        raise HarnessError(f"{name} predicts {answer.mean[~np.isfinite(answer.mean)][0]}: `mean` must be finite")
    if request.model.has_std and not ((answer.std >= 0) & (answer.std < np.inf)).all():
        raise HarnessError(f"{name} predicts a `std` that is negative or not finite: say `has_std = False` of none")
