"""The base of learners around a learner."""

from __future__ import annotations

import copy
import json
from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Self

import numpy as np

from harness.checks import Archs, FloatArray
from harness.errors import HarnessError, must
from harness.surrogate import CurveSurrogate, Fit, Informed, Predict, Prediction, Surrogate

_MIRRORED = ("libraries", "continues", "normalises", "takes_covariates", "device", "has_std", "above")
"""What is said of a learner in another one's place."""


class Wrapper(Surrogate):
    """A learner that asks another one, so that a setting holds for any learner.

    Subclasses define `fit_many` and `predict_many`, which ask the learner inside for all tasks at once.  Requests of
    equal signature have equal learners inside, though not models of the same data.

    Parameters
    ----------
    learner : Surrogate
        The one inside, fitted or not.
    **settings
        What it adds to the signature, JSON-serialisable.

    Raises
    ------
    HarnessError
        If the learner reads curves: they are in the unit of the targets, and end in them; or if it does not learn.
    """

    def __init__(self, learner: Surrogate, **settings: Any) -> None:
        if isinstance(learner, CurveSurrogate):
            name = next(iter(settings))
            rule = f"be left out with {type(learner).__name__}, which reads curves in the unit of its targets"
            raise HarnessError(must(name, rule, settings[name]))
        if isinstance(learner, Informed):
            name = next(iter(settings))
            rule = f"be left out with {type(learner).__name__}, which learns nothing and is always right"
            raise HarnessError(must(name, rule, settings[name]))
        super().__init__(learner.space, encoding=learner.encoding, **{**learner.hyperparameters, **settings})
        self.learner = learner
        self._settings = settings
        vars(self).update({name: getattr(learner, name) for name in _MIRRORED})

    @cached_property
    def signature(self) -> str:
        """What identifies the learner inside, and what is added to it."""
        facts = {"learner": self.learner.signature, "version": self.version, **self._settings}
        return json.dumps(facts, sort_keys=True)

    def __str__(self) -> str:
        inside = str(self.learner) if isinstance(self.learner, Wrapper) else type(self.learner).__name__
        return inside + "".join(f' with {name} = "{value}"' for name, value in self._settings.items())

    def around(self, learner: Surrogate) -> Self:
        """Return a copy around another learner of the same signature."""
        wrapper = copy.copy(self)
        wrapper.learner = learner
        return wrapper

    def fit(
        self, archs: Archs, targets: FloatArray, rng: np.random.Generator, covariates: FloatArray | None = None
    ) -> Self:
        """Return a copy fitted to targets, (n,) or (n, m); see `Surrogate.fit`."""
        return self.fit_many([Fit(self, archs, targets, rng, covariates)])[0]

    def predict(self, archs: Archs, covariates: FloatArray | None = None) -> Prediction:
        """Predict q architectures: (q, L) to mean and std, (q,) or (q, m)."""
        return self.predict_many([Predict(self, archs, covariates)])[0]

    @abstractmethod
    def fit_many(self, tasks: Sequence[Fit]) -> list[Self]:
        """Serve many fits, by one request to the learner inside."""

    @abstractmethod
    def predict_many(self, tasks: Sequence[Predict]) -> list[Prediction]:
        """Serve many predictions, by one request to the model inside."""
