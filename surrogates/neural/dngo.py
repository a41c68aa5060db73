"""Deep networks for global optimisation: a network's last hidden layer as the basis of Bayesian linear regression."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from harness.checks import MOST, FloatArray, integer, real
from harness.space import SearchSpace
from harness.surrogate import Fit, Predict, Prediction
from harness.training.devices import compute_threads
from surrogates.inputs import Scaling, not_fitted
from surrogates.linear.evidence import Head, fit_head
from surrogates.neural.networks import Float32Array, Shape, Stack
from surrogates.neural.stacked import StackedLearner, StandardisedJob, standardised_job
from surrogates.neural.training import Fitting, Trainer

_POOL_ROWS = 1024
"""Architectures predicted at once; what a network computes of so many fits the processor's second cache."""


@dataclass(frozen=True, eq=False)
class _Network:
    """One network for each objective, its head, and how its numbers are scaled."""

    stack: Stack
    heads: list[Head]
    inputs: Scaling
    outputs: Scaling


class DNGO(StackedLearner[StandardisedJob]):
    """A network trained by least squares, whose output layer then gives way to Bayesian linear regression.

    Snoek et al., "Scalable Bayesian Optimization Using Deep Neural Networks", ICML 2015: three hidden layers of 50 tanh
    units; mean and variance are those of `surrogates.linear.evidence` on the last of them (eqs. 4-6), noise included.
    Training is that of pybnn, the code that comparisons use: features and targets standardised, by means and deviations
    of what is learnt from alone, squared error, Adam with learning rate 0.01, 500 epochs, mini-batches of 10.

    The precisions of weights and noise are those of greatest evidence, both logarithms within +-10.

    Departs from the paper: evidence maximised, where the paper samples the posterior of the precisions; no quadratic
    prior mean, which describes a box of real numbers.  Departs from pybnn, whose evidence subtracts the norm of the
    residuals where its square belongs, and adds 1e-10 to a determinant that underflows; also in that weights start
    Glorot-uniform and biases at 0, and that the rest of an epoch is a mini-batch of its own instead of being dropped.

    With m objectives each has a network and a head of its own.

    Parameters
    ----------
    space : SearchSpace
    encoding : str
        Features that the networks read.
    layers, width : int
        Hidden layers and units in each; `width` is the size of the basis.
    epochs, batch_size : int
        Passes over the data, rows of a mini-batch.
    learning_rate : float
        Of Adam.
    device : str
        "cpu", "cuda" or "cuda:N".
    """

    activation = "tanh"
    networks_at_once: ClassVar[dict[str, int]] = {"cpu": 50, "cuda": 5000}

    def __init__(
        self,
        space: SearchSpace,
        *,
        encoding: str = "one_hot",
        layers: int = 3,
        width: int = 50,
        epochs: int = 500,
        batch_size: int = 10,
        learning_rate: float = 0.01,
        device: str = "cpu",
    ) -> None:
        super().__init__(
            space,
            encoding=encoding,
            device=device,
            layers=integer("layers", layers, low=1, high=MOST),
            width=integer("width", width, low=1, high=MOST),
            epochs=integer("epochs", epochs, low=1, high=MOST),
            batch_size=integer("batch_size", batch_size, low=1, high=MOST),
            learning_rate=real("learning_rate", learning_rate, low=0, open_low=True),
        )

    def _job(self, task: Fit) -> StandardisedJob:
        return standardised_job(self, task, self.hyperparameters["epochs"])

    def _learn(self, shape: Shape, jobs: Sequence[StandardisedJob]) -> list[_Network]:
        given = self.hyperparameters
        fitting = Fitting(
            given["epochs"], given["batch_size"], given["learning_rate"], squared=True, beta2=0.999, epsilon=1e-8
        )
        stack, stop, learnt = Trainer(shape, fitting, jobs, self.device).train(), 0, []
        for job in jobs:
            start, stop = stop, stop + len(job.targets)
            own = stack.take(start, stop)
            bases = own.basis(torch.from_numpy(job.features).to(self.device).expand(stop - start, -1, -1))
            heads = [
                fit_head(rows_of(basis), y.astype(np.float64)) for basis, y in zip(bases, job.targets, strict=True)
            ]
            learnt.append(_Network(own, heads, job.inputs, job.outputs))
        return learnt

    def predict_many(self, tasks: Sequence[Predict]) -> list[Prediction]:
        """Predict many tasks, one after another: a pool fills the machine by itself."""
        return [self._predict(task) for task in tasks]

    def _predict(self, task: Predict) -> Prediction:
        model = task.model
        if not isinstance(model, DNGO) or model._learnt is None:
            raise not_fitted(model)
        network: _Network = model._learnt
        features = self._features(task.archs, task.covariates, len(network.inputs.mean))
        mean, variance = np.empty((2, len(features), len(network.heads)))
        with torch.inference_mode(), compute_threads(1):
            for part, block in blocks(network.inputs.apply(features).astype(np.float32), self.device):
                for column, basis in enumerate(network.stack.basis(block.expand(len(network.heads), -1, -1))):
                    mean[part, column], variance[part, column] = network.heads[column].predict(rows_of(basis))
        shape = (len(features), *model._fitted_shape)
        scale = network.outputs.scale
        return Prediction(
            (network.outputs.mean + scale * mean).reshape(shape), (scale * np.sqrt(variance)).reshape(shape)
        )


def blocks(features: Float32Array, device: str) -> Iterator[tuple[slice, Tensor]]:
    """Cut (q, d) features into blocks on the device, each with the rows that it has."""
    for start in range(0, len(features), _POOL_ROWS):
        part = slice(start, start + _POOL_ROWS)
        yield part, torch.from_numpy(features[part]).to(device)


def rows_of(basis: Tensor) -> FloatArray:
    """Return what a hidden layer gives, (width, q), as (q, width) float64."""
    return basis.T.cpu().numpy().astype(np.float64)
