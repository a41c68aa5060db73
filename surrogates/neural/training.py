"""Training of many small networks as one batched tensor program.

All networks of a group see mini-batches of equal size in lockstep, and the optimiser works on one flat buffer that
holds the parameters of all.  Nothing that a network computes depends on the networks beside it, down to the last bit
where the matrix kernels of the machine allow it (those of the CPU do).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.optim.adam import adam

from surrogates.neural.gradients import Batch, Rows, Workspace
from surrogates.neural.networks import Float32Array, Shape, Stack, interleave

_ALIGNMENT = 16
"""Flat buffers are padded to whole vectors of this many numbers: a parameter's rounding is then independent of its
place in the buffer, and a network's result of the networks beside it."""
_PADDING = 8
"""The last mini-batch of an epoch is padded, with rows of weight 0, to a multiple of this many rows."""


@dataclass(frozen=True)
class Fitting:
    """How networks are fitted.

    Attributes
    ----------
    epochs : int
        Passes over the data, each in a new order.
    batch_size : int
        Rows of a mini-batch; the last of an epoch has what is left.
    learning_rate : float
        Of Adam (Kingma & Ba, ICLR 2015, Algorithm 1).
    squared : bool
        The loss is the weighted squared error if True, else the weighted absolute error.
    beta1, beta2, epsilon : float
        Of Adam; 0.99 is what the code of BANANAS sets, 1e-7 the default of Keras.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    squared: bool
    beta1: float = 0.9
    beta2: float = 0.99
    epsilon: float = 1e-7


@dataclass(frozen=True, eq=False)
class Job:
    """Networks to train on one set of rows.

    Attributes
    ----------
    features : (n, d) float32
    targets : (K, n) float32
        One row for each network.
    weights : (K, n) float32
        Of the rows in the loss, which is their weighted mean over a mini-batch.
    parameters : (K, P) float32
        Initial parameters, see `initial_parameters`.
    orders : (K, epochs, n) int32
        A permutation of the rows for each epoch.
    """

    features: Float32Array
    targets: Float32Array
    weights: Float32Array
    parameters: Float32Array
    orders: npt.NDArray[np.int32]

    def rows(self, batch_size: int) -> int:
        """Return the rows of an epoch with padding; jobs of equal number may be trained together."""
        n = len(self.features)
        return n // batch_size * batch_size + min(-(n % batch_size) // _PADDING * -_PADDING, batch_size)


class Trainer:
    """Trains the networks of jobs of equal shape and equal `Job.rows`, in lockstep.

    Parameters
    ----------
    shape : Shape
    fitting : Fitting
    jobs : sequence of Job
    device : str
    """

    def __init__(self, shape: Shape, fitting: Fitting, jobs: Sequence[Job], device: str) -> None:
        self.fitting = fitting
        self.device = device
        self.count = count = sum(len(job.targets) for job in jobs)
        self.rows = jobs[0].rows(fitting.batch_size)
        size = count * sum(shape.sizes)
        flat = np.zeros(-(-size // _ALIGNMENT) * _ALIGNMENT, dtype=np.float32)
        flat[:size] = interleave(np.concatenate([job.parameters for job in jobs]), shape)
        self.parameters = torch.from_numpy(flat).to(device)
        self.gradients = torch.zeros_like(self.parameters)
        self._moments = [torch.zeros_like(self.parameters)], [torch.zeros_like(self.parameters)]
        self._steps = [torch.zeros((), device=device)]
        self.stack = Stack.of(self.parameters, shape, count)
        self._load(jobs)
        self.batches = self._batches(Stack.of(self.gradients, shape, count))

    def _batches(self, gradient: Stack) -> list[Batch]:
        """Return the mini-batches of an epoch; those of equal size share their buffers."""
        size = self.fitting.batch_size
        workspaces: dict[int, Workspace] = {}
        batches = []
        for start in range(0, self.rows, size):
            part = slice(start, min(start + size, self.rows))
            rows = Rows(self._features[:, part], self._targets[:, None, part], self._weights[:, None, part])
            count = part.stop - part.start
            if count not in workspaces:
                workspaces[count] = Workspace.of(self.stack, count)
            batches.append(Batch(self.stack, gradient, workspaces[count], rows, squared=self.fitting.squared))
        return batches

    def _load(self, jobs: Sequence[Job]) -> None:
        """Put the rows of all jobs on the device, and where each epoch of each network finds its rows."""
        fitting, count = self.fitting, self.count
        n_max = max(len(job.features) for job in jobs)
        sources = np.zeros((len(jobs), n_max + 1, jobs[0].features.shape[1]), dtype=np.float32)
        self._index = np.full((fitting.epochs, count, self.rows), n_max, dtype=np.int32)  # row n_max is all zero
        values = np.zeros((2, count, n_max + 1), dtype=np.float32)
        shares = np.zeros((count, self.rows), dtype=np.float32)
        job_of = np.repeat(np.arange(len(jobs)), [len(job.targets) for job in jobs])
        start = 0
        for source, job in zip(sources, jobs, strict=True):
            n = len(job.features)
            part = slice(start, start + len(job.targets))
            source[:n] = job.features
            values[0, part, :n], values[1, part, :n] = job.targets, job.weights
            self._index[:, part, :n] = job.orders.transpose(1, 0, 2)
            whole = n // fitting.batch_size * fitting.batch_size
            shares[part, :whole] = 1 / fitting.batch_size
            shares[part, whole:] = 1 / max(n - whole, 1)
            start = part.stop
        if fitting.squared:
            shares *= 2
        self._sources = torch.from_numpy(sources).to(self.device).flatten(0, 1)
        self._values = torch.from_numpy(values).to(self.device).flatten(1)
        self._shares = torch.from_numpy(shares).to(self.device)
        self._feature_rows = torch.from_numpy(job_of[:, None].astype(np.int32) * (n_max + 1)).to(self.device)
        self._value_rows = torch.arange(count, dtype=torch.int32, device=self.device)[:, None] * (n_max + 1)
        self._features = self._sources.new_empty((count, self.rows, sources.shape[2]))
        self._targets = self._sources.new_empty((count, self.rows))
        self._weights = torch.empty_like(self._targets)

    def shuffle(self, epoch: int) -> None:
        """Gather the rows of an epoch, in the order of each network, into the buffers that the batches view."""
        order = torch.from_numpy(self._index[epoch]).to(self.device)
        width = self._features.shape[2]
        torch.index_select(self._sources, 0, (order + self._feature_rows).view(-1), out=self._features.view(-1, width))
        places = (order + self._value_rows).view(-1)
        torch.index_select(self._values[0], 0, places, out=self._targets.view(-1))
        torch.index_select(self._values[1], 0, places, out=self._weights.view(-1))
        self._weights.mul_(self._shares)

    def step(self) -> None:
        """Take one step of Adam along the gradients."""
        fitting = self.fitting
        first, second = self._moments
        adam(
            [self.parameters],
            [self.gradients],
            first,
            second,
            [],
            self._steps,
            fused=True,
            amsgrad=False,
            beta1=fitting.beta1,
            beta2=fitting.beta2,
            lr=fitting.learning_rate,
            weight_decay=0.0,
            eps=fitting.epsilon,
            maximize=False,
        )

    def train(self) -> Stack:
        """Train all epochs and return the networks, those of the first job first."""
        for epoch in range(self.fitting.epochs):
            self.shuffle(epoch)
            for batch in self.batches:
                batch.differentiate()
                self.step()
        return self.stack
