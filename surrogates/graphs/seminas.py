"""A graph network that also learns from its own predictions, in the manner of SemiNAS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from harness.checks import MOST, FloatArray, integer
from harness.space import SearchSpace
from harness.surrogate import Fit, Predict
from surrogates.graphs.gin import GIN
from surrogates.graphs.learner import chosen


class SemiNAS(GIN):
    """A graph isomorphism network, trained on results, then anew on results and on what it said of other architectures.

    In the manner of Luo, Tan, Wang, Qin, Chen & Liu, "Semi-Supervised Neural Architecture Search", NeurIPS 2020,
    Algorithm 1: train on what is known, predict random architectures, and train on both, what is known being repeated.
    With ``unlabelled = 0`` it is `gin`.

    Departs from the paper: the encoder is a graph network (`surrogates.graphs.gin`), where it is an LSTM on a sequence
    of tokens; there is no decoder, so no reconstruction in the loss and no new architectures by gradients; the second
    training starts anew.  For speed 50 architectures are predicted, what is known is not repeated, and
    each training has 40 epochs (``unlabelled=10000, repeats=10, epochs=500``).

    Parameters
    ----------
    space : SearchSpace
    encoding : {"one_hot"}
        Graphs are read in place of an encoding.
    unlabelled : int
        Random architectures that are predicted and learnt from; their covariates are those of random known rows.
    repeats : int
        How often what is known stands in the second training.
    layers, width : int
        Graph convolutions and units in each.
    dropout : float
        Share of the 16 units before the output left out in training, at most 0.9.
    epochs, batch_size : int
        Passes over the data in each of both trainings, rows of a mini-batch.
    learning_rate, weight_decay : float
        Of Adam.
    preset : {"tuned", "published"}
        Sets the settings that stand above in brackets where they have their defaults; other values override it.
    device : str
        "cpu", "cuda" or "cuda:N".
    """

    def __init__(
        self,
        space: SearchSpace,
        *,
        encoding: str = "one_hot",
        unlabelled: int = 50,
        repeats: int = 1,
        layers: int = 3,
        width: int = 32,
        dropout: float = 0.1,
        epochs: int = 40,
        batch_size: int = 32,
        learning_rate: float = 0.005,
        weight_decay: float = 1e-4,
        preset: str = "tuned",
        device: str = "cpu",
    ) -> None:
        super().__init__(
            space,
            encoding=encoding,
            layers=layers,
            width=width,
            dropout=dropout,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            preset=preset,
            device=device,
        )
        further = {
            "unlabelled": integer("unlabelled", unlabelled, low=0, high=MOST),
            "repeats": integer("repeats", repeats, low=1, high=MOST),
        }
        self.hyperparameters |= chosen(type(self), preset, further, self._published(further))

    def _published(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"unlabelled": 10_000, "repeats": 10, "epochs": 500}

    def fit_many(self, tasks: Sequence[Fit]) -> list[Self]:
        """Fit many tasks, their networks trained side by side, twice."""
        models = super().fit_many(tasks)
        if not self.hyperparameters["unlabelled"]:
            return models
        pools = [self._pool(task) for task in tasks]
        asked = [Predict(model, pool.archs, pool.covariates) for model, pool in zip(models, pools, strict=True)]
        said = self.predict_many(asked)
        repeats = self.hyperparameters["repeats"]
        return super().fit_many(
            [_joined(task, ask, one.mean, repeats) for task, ask, one in zip(tasks, asked, said, strict=True)]
        )

    def _pool(self, task: Fit) -> Predict:
        """Draw architectures to be predicted."""
        count = self.hyperparameters["unlabelled"]
        archs = self.space.sample(count, task.rng)
        covariates = None
        if task.covariates is not None:
            covariates = np.asarray(task.covariates)[task.rng.integers(len(task.archs), size=count)]
        return Predict(self, archs, covariates)


def _joined(task: Fit, asked: Predict, said: FloatArray, repeats: int) -> Fit:
    """Return what is known, `repeats` times, and what was predicted, as one task."""
    covariates = None
    if task.covariates is not None:
        covariates = np.concatenate([*[np.asarray(task.covariates)] * repeats, np.asarray(asked.covariates)])
    archs = np.concatenate([*[np.asarray(task.archs)] * repeats, asked.archs])
    return Fit(task.learner, archs, np.concatenate([*[task.targets] * repeats, said]), task.rng, covariates)
