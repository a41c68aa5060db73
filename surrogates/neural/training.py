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
from torch.optim.adam import adam

from surrogates.neural.minibatches import Job, Minibatches
from surrogates.neural.networks import Shape, Stack, interleave

_ALIGNMENT = 16
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
    flat = np.zeros(-(-(size + more) // _ALIGNMENT) * _ALIGNMENT, dtype=np.float32)
    flat[:size] = interleave(np.concatenate([job.parameters for job in jobs]), shape)
    return torch.from_numpy(flat).to(device)


class Descent:
    """Adam on one flat buffer.

    Parameters
    ----------
    parameters : (N,) float32
        Changed by `step`.
    fitting : Fitting

    Attributes
    ----------
    gradients : (N,) float32
        To be written before each step; 0 at first.
    """

    def __init__(self, parameters: Tensor, fitting: Fitting) -> None:
        self.parameters, self.fitting = parameters, fitting
        self.gradients = torch.zeros_like(parameters)
        self._moments = [torch.zeros_like(parameters)], [torch.zeros_like(parameters)]
        self._steps = [torch.zeros((), device=parameters.device)]

    def step(self) -> None:
        """Take one step along the gradients."""
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
        self.descent = Descent(flat_parameters(jobs, shape, device), fitting)
        self.stack = Stack.of(self.descent.parameters, shape, count)
        gradient = Stack.of(self.descent.gradients, shape, count)
        self.data = Minibatches(self.stack, gradient, jobs, fitting.batch_size, squared=fitting.squared)

    def train(self) -> Stack:
        """Train all epochs and return the networks, those of the first job first."""
        for epoch in range(self.fitting.epochs):
            self.data.shuffle(epoch)
            for batch in self.data.batches:
                batch.differentiate()
                self.descent.step()
        return self.stack
