"""Training of many small networks as one batched tensor program.

All networks of a group see mini-batches of equal size in lockstep, and the optimiser works on one flat buffer that
holds the parameters of all.  Nothing that a network computes depends on the networks beside it, down to the last bit
where the matrix kernels of the machine allow it (those of the CPU do).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from surrogates.neural.adam import Adam
from surrogates.neural.minibatches import Job, Minibatches
from surrogates.neural.networks import Shape, Stack, interleave

ALIGNMENT = 16
"""Flat buffers are padded to whole vectors of this many numbers: a parameter's rounding is then independent of its
place in the buffer, and a network's result of the networks beside it."""


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


def flat_parameters(jobs: Sequence[Job], shape: Shape, device: str, *, more: int = 0) -> Tensor:
    """Return the initial parameters of the networks of all jobs as a flat buffer for `Stack.of`, float32.

    It has room for `more` numbers after them, which are 0, as is what pads it.
    """
    size = sum(len(job.parameters) for job in jobs) * sum(shape.sizes)
    flat = np.zeros(-(-(size + more) // ALIGNMENT) * ALIGNMENT, dtype=np.float32)
    flat[:size] = interleave(np.concatenate([job.parameters for job in jobs]), shape)
    return torch.from_numpy(flat).to(device)


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
        count = sum(len(job.targets) for job in jobs)
        self.parameters = flat_parameters(jobs, shape, device)
        self.gradients = torch.zeros_like(self.parameters)
        self._adam = Adam(self.parameters, self.gradients, fitting.beta1, fitting.beta2, fitting.epsilon)
        self.stack = Stack.of(self.parameters, shape, count)
        gradient = Stack.of(self.gradients, shape, count)
        self.data = Minibatches(self.stack, gradient, jobs, fitting.batch_size, squared=fitting.squared)

    def step(self) -> None:
        """Take one step of Adam along the gradients."""
        self._adam.step(self.fitting.learning_rate)

    def train(self) -> Stack:
        """Train all epochs and return the networks, those of the first job first."""
        for epoch in range(self.fitting.epochs):
            self.data.shuffle(epoch)
            for batch in self.data.batches:
                batch.differentiate()
                self.step()
        return self.stack
