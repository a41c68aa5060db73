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

JobT = TypeVar("JobT")
MLPJobT = TypeVar("MLPJobT", bound=Job)


class Lockstep(Surrogate, Generic[JobT]):
    """Base of learners whose networks are fitted as one batched program, whatever the networks are.

    A task's draws come from its own generator alone, and its arithmetic is that of fitting it by itself.  Subclasses
    say what a task trains (`_job`), which jobs may be trained together (`_alike`), how many networks a job has
    (`_networks`), and how such jobs are trained (`_learn`).

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

    def __init__(self, space: SearchSpace, *, encoding: str, device: str, **hyperparameters: Any) -> None:
        super().__init__(space, encoding=encoding, **hyperparameters)
        self.device = usable(device)
        self._learnt: Any = None
        self._fitted_shape: tuple[int, ...] = ()

    @abstractmethod
    def _job(self, task: Fit) -> JobT:
        """Encode a task and make all its draws."""

    @abstractmethod
    def _alike(self, job: JobT) -> Hashable:
        """Return what is equal for jobs that may be trained together."""

    @abstractmethod
    def _networks(self, job: JobT) -> int:
        """Return the number of networks of a job."""

    @abstractmethod
    def _learn_together(self, jobs: Sequence[JobT]) -> list[Any]:
        """Train the networks of jobs that are alike and return for each job what a model keeps as `_learnt`."""

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
        groups: dict[Hashable, list[int]] = {}
        for index, job in enumerate(jobs):
            groups.setdefault(self._alike(job), []).append(index)
        fitted: dict[int, Self] = {}
        for indices in groups.values():
            for chunk in self._chunks(indices, self._networks(jobs[indices[0]])):
                with torch.inference_mode(), compute_threads(1):
                    learnt = self._learn_together([jobs[i] for i in chunk])
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


class StackedLearner(Lockstep[MLPJobT]):
    """Base of learners of small fully connected networks, with hyperparameters `layers`, `width` and `batch_size`."""

    activation: ClassVar[str] = "relu"

    @abstractmethod
    def _learn(self, shape: Shape, jobs: Sequence[MLPJobT]) -> list[Any]:
        """Train the networks of all jobs and return for each job what a model keeps as `_learnt`."""

    def _features(self, archs: Archs, covariates: FloatArray | None, width: int | None = None) -> FloatArray:
        """Return what the networks read, (n, d); see `surrogates.inputs.encode`."""
        return encode(self, archs, covariates, width=width)

    def _shape(self, inputs: int) -> Shape:
        return Shape(inputs, self.hyperparameters["layers"], self.hyperparameters["width"], self.activation)

    def _alike(self, job: MLPJobT) -> Hashable:
        return job.features.shape[1], job.rows(self.hyperparameters["batch_size"])

    def _networks(self, job: MLPJobT) -> int:
        return len(job.targets)

    def _learn_together(self, jobs: Sequence[MLPJobT]) -> list[Any]:
        return self._learn(self._shape(jobs[0].features.shape[1]), jobs)


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
    features = learner._features(task.archs, task.covariates)
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


def usable(device: str) -> str:
    """Return the name of a device that this machine has."""
    if not re.fullmatch(r"cpu|cuda(:\d+)?", device):
        raise HarnessError(must("device", "be 'cpu', 'cuda' or 'cuda:N'", device))
    if device != "cpu" and int(device.partition(":")[2] or 0) >= torch.cuda.device_count():
        raise HarnessError(f"`device` is {device!r}, but torch {torch.__version__} sees no such GPU; use device='cpu'")
    return device
