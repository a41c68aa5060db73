"""The neural ensemble of BANANAS."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch

from harness.checks import MOST, FloatArray, choice, integer, real
from harness.errors import HarnessError, must
from harness.space import SearchSpace
from harness.surrogate import Fit, Predict, Prediction, State
from harness.training.devices import compute_threads
from surrogates.inputs import not_fitted, part_of, target_matrix, target_shape
from surrogates.neural.minibatches import Job, shuffled
from surrogates.neural.networks import Shape, Stack, initial_parameters, interleave
from surrogates.neural.stacked import StackedLearner
from surrogates.neural.training import Fitting, Trainer

LOSSES = ("mape", "mae", "mse")
NETWORKS_AT_ONCE = {"cpu": 40, "cuda": 5000}
"""Networks trained in one batch.  On the CPU the gain of stacking ends here (CPU seconds per trial of 150 evaluations:
1.4 with 5, 0.95 with 10, 0.78 with 25, 0.74 with 40, 0.75 with 65, 0.80 with 125); on a GPU memory is the bound."""
_POOL_ROWS = 4096
"""Architectures predicted at once; bounds the memory that a large pool takes."""


class MLPEnsemble(StackedLearner[Job]):
    """Ensemble of small fully connected networks, trained from different initial weights and in different orders.

    White, Neiswanger & Savani, "BANANAS: Bayesian Optimization with Neural Architectures for Neural Architecture
    Search", AAAI 2021.  Every member is trained on all data; mean and standard deviation are those of the members'
    predictions (divisor K, as in the paper's code).  As in that code, targets are not standardised, weights start
    Glorot-uniform and biases at 0, and Adam has beta2 = 0.99 and epsilon = 1e-7.  The loss "mape" is the paper's::

        mean |(prediction - lower_bound) / (target - lower_bound) - 1|

    Departs from the paper's code, whose settings say "mae" and whose "mape" has the lower bound 4.5: the default bound
    is 0, which suits every error in percent.  With m objectives every objective gets an ensemble of its own.

    Parameters
    ----------
    space : SearchSpace
    encoding : str
        Features that the networks read.
    members : int
        Networks in the ensemble, K.
    layers, width : int
        Hidden layers and units in each.
    epochs, batch_size : int
        Passes over the data, rows of a mini-batch.
    learning_rate : float
        Of Adam.
    loss : {"mape", "mae", "mse"}
    lower_bound : float
        A value below every target, in their unit (y_LB in the paper); read by "mape" only.
    device : str
        "cpu", "cuda" or "cuda:N".
    """

    identity = "surrogates.neural_ensemble:MLPEnsemble"
    networks_at_once = NETWORKS_AT_ONCE

    def __init__(
        self,
        space: SearchSpace,
        *,
        encoding: str = "path_truncated",
        members: int = 5,
        layers: int = 10,
        width: int = 20,
        epochs: int = 150,
        batch_size: int = 32,
        learning_rate: float = 0.01,
        loss: str = "mape",
        lower_bound: float = 0.0,
        device: str = "cpu",
    ) -> None:
        super().__init__(
            space,
            encoding=encoding,
            device=device,
            members=integer("members", members, low=1, high=MOST),
            layers=integer("layers", layers, low=1, high=MOST),
            width=integer("width", width, low=1, high=MOST),
            epochs=integer("epochs", epochs, low=1, high=MOST),
            batch_size=integer("batch_size", batch_size, low=1, high=MOST),
            learning_rate=real("learning_rate", learning_rate, low=0, open_low=True),
            loss=choice("loss", loss, LOSSES),
            lower_bound=real("lower_bound", lower_bound),
        )
        self.has_std = members > 1
        if loss == "mape":
            self.above = lower_bound

    def predict_many(self, tasks: Sequence[Predict]) -> list[Prediction]:
        """Predict many tasks, the networks of tasks of equal shape side by side."""
        groups: dict[tuple[Any, ...], list[tuple[int, MLPEnsemble, Stack, FloatArray]]] = {}
        for index, task in enumerate(tasks):
            model = task.model
            if not isinstance(model, MLPEnsemble) or model._learnt is None:
                raise not_fitted(model)
            stack: Stack = model._learnt
            features = self._features(task.archs, task.covariates, stack.first.shape[2])
            groups.setdefault((features.shape, stack.first.shape), []).append((index, model, stack, features))
        answers: dict[int, Prediction] = {}
        for group in groups.values():
            for chunk in self._chunks(group, len(group[0][2].first)):
                outputs = self._forward([stack for _, _, stack, _ in chunk], [features for *_, features in chunk])
                for (index, model, _, _), output in zip(chunk, outputs, strict=True):
                    answers[index] = model._prediction(output)
        return [answers[index] for index in range(len(tasks))]

    def _job(self, task: Fit) -> Job:
        """Encode a task and make all its draws."""
        given = self.hyperparameters
        features = self._features(task.archs, task.covariates).astype(np.float32)
        targets = target_matrix(task.targets, len(features))
        weights = np.ones_like(targets)
        if given["loss"] == "mape":
            low = given["lower_bound"]
            if targets.min() <= low:
                raise HarnessError(
                    must("targets", f"be greater than lower_bound = {low:g} with the loss 'mape'", float(targets.min()))
                    + "; lower `lower_bound` or choose loss='mae'"
                )
            weights = 1 / (targets - low)
        count = given["members"] * targets.shape[1]
        return Job(
            features,
            targets=np.repeat(targets.T, given["members"], axis=0).astype(np.float32),
            weights=np.repeat(weights.T, given["members"], axis=0).astype(np.float32),
            parameters=initial_parameters(self._shape(features.shape[1]), count, task.rng),
            orders=shuffled(len(features), count, given["epochs"], task.rng),
        )

    def _learn(self, shape: Shape, jobs: Sequence[Job]) -> list[Stack]:
        given = self.hyperparameters
        fitting = Fitting(given["epochs"], given["batch_size"], given["learning_rate"], given["loss"] == "mse")
        stack, stops = Trainer(shape, fitting, jobs, self.device).train(), np.cumsum([len(job.targets) for job in jobs])
        return [stack.take(stop - len(job.targets), stop) for job, stop in zip(jobs, stops.tolist(), strict=True)]

    def _forward(self, stacks: list[Stack], features: list[FloatArray]) -> list[FloatArray]:
        """Return one (networks, q) array for each stack of equal shape and its features (q, d)."""
        count = len(stacks[0].first)
        with torch.inference_mode(), compute_threads(1):
            inputs = torch.from_numpy(np.stack(features).astype(np.float32)).to(self.device)
            stack = Stack.concatenate(stacks)
            blocks = [
                stack.forward(inputs[:, start : start + _POOL_ROWS].repeat_interleave(count, dim=0))
                for start in range(0, max(inputs.shape[1], 1), _POOL_ROWS)
            ]
            outputs = torch.cat(blocks, dim=1).cpu().numpy().astype(np.float64)
        return list(outputs.reshape(len(stacks), count, outputs.shape[1]))

    def _prediction(self, output: FloatArray) -> Prediction:
        members = output
        if self._fitted_shape:
            shape = self._fitted_shape[0], self.hyperparameters["members"], output.shape[1]
            members = output.reshape(shape).transpose(1, 2, 0)
        return Prediction(members.mean(axis=0), members.std(axis=0), members)

    def state(self) -> State:
        """Return the parameters, one network a row; see `Surrogate.state`."""
        if self._learnt is None:
            raise not_fitted(self)
        return {
            "parameters": self._learnt.rows(),
            "width": np.array(self._learnt.first.shape[2], dtype=np.int64),
            "target_shape": np.array(self._fitted_shape, dtype=np.int64),
        }

    def restored(self, state: State) -> Self:
        """Return a copy with parameters; see `Surrogate.restored`."""
        shape = self._shape(int(part_of(state, "width", ())))
        fitted = tuple(part_of(state, "target_shape", 1).tolist())
        count = self.hyperparameters["members"] * (fitted[0] if fitted else 1)
        rows = part_of(state, "parameters", (count, sum(shape.sizes))).astype(np.float32)
        model = copy.copy(self)
        model._fitted_shape = target_shape(state, count // self.hyperparameters["members"])
        model._learnt = Stack.of(torch.from_numpy(interleave(rows, shape)).to(self.device), shape, count)
        return model
