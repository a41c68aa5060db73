"""Learners made of small networks: those of all tasks are trained side by side."""

from __future__ import annotations

import copy
import re
from abc import abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
import torch

from harness.checks import Archs, FloatArray
from harness.errors import HarnessError, must
from harness.space import SearchSpace
from harness.surrogate import Fit, Predict, Prediction, Surrogate
from harness.training.devices import compute_threads
from surrogates.inputs import Scaling, encode, target_matrix
from surrogates.neural.minibatches import Job, shuffled
from surrogates.neural.networks import Shape, initial_parameters

JobT = TypeVar("JobT", bound=Job)


class StackedLearner(Surrogate, Generic[JobT]):
    """Base of learners whose networks are fitted as one batched program.

    A task's draws come from its own generator alone, and its arithmetic is that of fitting it by itself.  Subclasses
    have hyperparameters `layers` and `width`, say what a task trains (`_job`) and how jobs are trained together
    (`_learn`): those of equal `Job.rows` at their `batch_size`, unless they say otherwise (`_alike`).

    Parameters
    ----------
    space : SearchSpace
    encoding : str
    device : str
        "cpu", "cuda" or "cuda:N".
    **hyperparameters
        Checked.
    """

    libraries: ClassVar[tuple[str, ...]] = ("numpy", "torch")
    networks_at_once: ClassVar[dict[str, int]]
    """Networks trained in one batch, by the kind of device: on the CPU where the gain of stacking ends, on a GPU what
    its memory holds."""
    activation: ClassVar[str] = "relu"

    def __init__(self, space: SearchSpace, *, encoding: str, device: str, **hyperparameters: Any) -> None:
        super().__init__(space, encoding=encoding, **hyperparameters)
        self.device = _usable(device)
        self._learnt: Any = None
        self._fitted_shape: tuple[int, ...] = ()

    @abstractmethod
    def _job(self, task: Fit) -> JobT:
        """Encode a task and make all its draws."""

    @abstractmethod
    def _learn(self, shape: Shape, jobs: Sequence[JobT]) -> list[Any]:
        """Train the networks of all jobs and return for each job what a model keeps as `_learnt`."""

    def _alike(self, job: JobT) -> Hashable:
        """Return what jobs have in common that can be trained together, besides the width of their features."""
        return job.rows(self.hyperparameters["batch_size"])

    def _shape(self, inputs: int) -> Shape:
        return Shape(inputs, self.hyperparameters["layers"], self.hyperparameters["width"], self.activation)

    def fit(
        self, archs: Archs, targets: FloatArray, rng: np.random.Generator, covariates: FloatArray | None = None
    ) -> Self:
        """Return a copy fitted to targets, (n,) or (n, m); see `Surrogate.fit`.

        Raises
        ------
        HarnessError
            If a target is not finite, or is one that the loss cannot take.
        """
        return self.fit_many([Fit(self, archs, targets, rng, covariates)])[0]

    def fit_many(self, tasks: Sequence[Fit]) -> list[Self]:
        """Fit many tasks, their networks trained side by side."""
        jobs = [self._job(task) for task in tasks]
        groups: dict[tuple[int, Hashable], list[int]] = {}
        for index, job in enumerate(jobs):
            groups.setdefault((job.features.shape[1], self._alike(job)), []).append(index)
        fitted: dict[int, Self] = {}
        for (inputs, _), indices in groups.items():
            for chunk in self._chunks(indices, len(jobs[indices[0]].targets)):
                with torch.inference_mode(), compute_threads(1):
                    learnt = self._learn(self._shape(inputs), [jobs[i] for i in chunk])
                for index, part in zip(chunk, learnt, strict=True):
                    model = fitted[index] = copy.copy(self)
                    model._learnt = part
                    model._fitted_shape = np.asarray(tasks[index].targets).shape[1:]
        return [fitted[index] for index in range(len(tasks))]

    def predict(self, archs: Archs, covariates: FloatArray | None = None) -> Prediction:
        """Predict q architectures; `members`, where there are any, is (K, q), or (K, q, m) for m objectives."""
        return self.predict_many([Predict(self, archs, covariates)])[0]

    def _chunks(self, items: list[Any], networks: int) -> list[list[Any]]:
        """Cut items of so many networks each into lists that the device takes at once."""
        size = max(1, self.networks_at_once[self.device.partition(":")[0]] // networks)
        return [items[start : start + size] for start in range(0, len(items), size)]


@dataclass(frozen=True, eq=False)
class StandardisedJob(Job):
    """Networks that read standardised features and learn standardised targets.

    Attributes
    ----------
    inputs, outputs : Scaling
        Of the features (d,) and the targets (m,), by means and standard deviations over the rows of the task alone.
    seeds : list of int
        Of the noise of each network, where training is noisy.
    """

    inputs: Scaling
    outputs: Scaling
    seeds: list[int]


def standardised_job(
    learner: StackedLearner[StandardisedJob], task: Fit, epochs: int, *, noisy: bool = False
) -> StandardisedJob:
    """Return the job of one network for each objective, its rows equally weighted."""
    features = encode(learner, task.archs, task.covariates)
    targets = target_matrix(task.targets, len(features))
    inputs, outputs = Scaling.of(features), Scaling.of(targets)
    (n, width), count = features.shape, targets.shape[1]
    return StandardisedJob(
        inputs.apply(features).astype(np.float32),
        targets=outputs.apply(targets).T.astype(np.float32),
        weights=np.ones((count, n), dtype=np.float32),
        parameters=initial_parameters(learner._shape(width), count, task.rng),
        orders=shuffled(n, count, epochs, task.rng),
        inputs=inputs,
        outputs=outputs,
        seeds=task.rng.integers(1 << 63, size=count if noisy else 0).tolist(),
    )


def _usable(device: str) -> str:
    """Return the name of a device that this machine has."""
    if not re.fullmatch(r"cpu|cuda(:\d+)?", device):
        raise HarnessError(must("device", "be 'cpu', 'cuda' or 'cuda:N'", device))
    if device != "cpu" and int(device.partition(":")[2] or 0) >= torch.cuda.device_count():
        raise HarnessError(f"`device` is {device!r}, but torch {torch.__version__} sees no such GPU; use device='cpu'")
    return device
