"""A Bayesian neural network, sampled by stochastic gradient Hamiltonian Monte Carlo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from harness.checks import MOST, integer, real
from harness.errors import HarnessError, must
from harness.space import SearchSpace
from harness.surrogate import Fit, Predict, Prediction
from harness.training.devices import compute_threads
from surrogates.inputs import Scaling, not_fitted
from surrogates.neural.networks import Shape, Stack
from surrogates.neural.sghmc import Sampler, Sampling
from surrogates.neural.stacked import StackedLearner, StandardisedJob, standardised_job

_POOL_ROWS = 64
"""Architectures predicted at once: what a hundred networks compute of so many fits the processor's second cache."""


@dataclass(frozen=True, eq=False)
class _Posterior:
    """Samples of the networks, those of one sample side by side, and how their numbers are scaled."""

    stack: Stack
    inputs: Scaling
    outputs: Scaling


class Bohamiann(StackedLearner[StandardisedJob]):
    """Samples from the posterior of a network's weights; mean and standard deviation are those of their predictions.

    Springenberg, Klein, Falkner & Hutter, "Bayesian Optimization with Robust Bayesian Neural Networks", NeurIPS 2016:
    two hidden layers of 50 tanh units and one log variance of the noise, sampled by scale-adapted stochastic gradient
    Hamiltonian Monte Carlo (section 4; `surrogates.neural.sghmc`).  Step size 0.01, momentum decay 0.05, mini-batches
    of 20, and 13,000 steps, of which the first 3,000 adapt the scales and every hundredth of the rest is kept, are
    those of pybnn, the authors' code.  Features and targets are standardised, by means and deviations of what is learnt
    from alone.  `std` is that of the predicted function, without noise; `members` are the samples' predictions.

    Departs from pybnn: two hidden layers, as in the paper's experiments, where some versions have three; the priors of
    log variance and weights are in force, where later versions leave them out; weights start Glorot-uniform, with the
    variance that pybnn's normal draws have in square layers; a value of a feature that was never learnt from is one
    unit away from the mean, where pybnn divides by 1e-8.

    With m objectives each has networks of its own.

    Parameters
    ----------
    space : SearchSpace
    encoding : str
        Features that the networks read.
    layers, width : int
        Hidden layers and units in each.
    steps : int
        Of the sampler, of one mini-batch each, burn-in included.
    burn_in : int
        Steps before anything is kept, fewer than `steps`.
    keep_every : int
        Steps from one kept network to the next, at most ``steps - burn_in``.
    batch_size : int
        Rows of a mini-batch.
    step_size, decay : float
        epsilon, and the share of the momentum that a step takes away, at most 1.
    device : str
        "cpu", "cuda" or "cuda:N".
    """

    activation = "tanh"
    networks_at_once: ClassVar[dict[str, int]] = {"cpu": 50, "cuda": 2000}

    def __init__(
        self,
        space: SearchSpace,
        *,
        encoding: str = "one_hot",
        layers: int = 2,
        width: int = 50,
        steps: int = 13_000,
        burn_in: int = 3_000,
        keep_every: int = 100,
        batch_size: int = 20,
        step_size: float = 0.01,
        decay: float = 0.05,
        device: str = "cpu",
    ) -> None:
        burn_in = integer("burn_in", burn_in, low=0, high=MOST)
        steps = integer("steps", steps, low=1, high=MOST)
        if steps <= burn_in:
            raise HarnessError(must("steps", f"be more than burn_in = {burn_in}", steps))
        super().__init__(
            space,
            encoding=encoding,
            device=device,
            layers=integer("layers", layers, low=1, high=MOST),
            width=integer("width", width, low=1, high=MOST),
            steps=steps,
            burn_in=burn_in,
            keep_every=integer("keep_every", keep_every, low=1, high=steps - burn_in),
            batch_size=integer("batch_size", batch_size, low=1, high=MOST),
            step_size=real("step_size", step_size, low=0, open_low=True),
            decay=real("decay", decay, low=0, high=1, open_low=True),
        )

    def _job(self, task: Fit) -> StandardisedJob:
        batches = -(-len(task.archs) // self.hyperparameters["batch_size"]) or 1
        return standardised_job(self, task, -(-self.hyperparameters["steps"] // batches), noisy=True)

    def _learn(self, shape: Shape, jobs: Sequence[StandardisedJob]) -> list[_Posterior]:
        given = self.hyperparameters
        sampling = Sampling(
            given["steps"],
            given["burn_in"],
            given["keep_every"],
            given["batch_size"],
            given["step_size"],
            given["decay"],
        )
        sampler = Sampler(shape, sampling, jobs, self.device)
        kept, stop, learnt = sampler.sample(), 0, []
        for job in jobs:
            start, stop = stop, stop + len(job.targets)
            learnt.append(_Posterior(sampler.networks_of(kept, start, stop), job.inputs, job.outputs))
        return learnt

    def predict_many(self, tasks: Sequence[Predict]) -> list[Prediction]:
        """Predict many tasks, one after another: the samples of one fill the machine by themselves."""
        return [self._predict(task) for task in tasks]

    def _predict(self, task: Predict) -> Prediction:
        model = task.model
        if not isinstance(model, Bohamiann) or model._learnt is None:
            raise not_fitted(model)
        posterior: _Posterior = model._learnt
        features = self._features(task.archs, task.covariates, len(posterior.inputs.mean))
        rows = torch.from_numpy(posterior.inputs.apply(features).astype(np.float32)).to(self.device)
        count, outputs = len(posterior.stack.first), len(posterior.outputs.mean)
        members = np.empty((count // outputs, outputs, len(rows)))
        with torch.inference_mode(), compute_threads(1):
            for start in range(0, len(rows), _POOL_ROWS):
                block = rows[start : start + _POOL_ROWS].expand(count, -1, -1)
                said = posterior.stack.forward(block).view(*members.shape[:2], -1)
                members[..., start : start + _POOL_ROWS] = said.cpu().numpy()
        members = posterior.outputs.mean[:, None] + posterior.outputs.scale[:, None] * members
        members = members.transpose(0, 2, 1) if model._fitted_shape else members[:, 0]
        return Prediction(members.mean(axis=0), members.std(axis=0), members)
