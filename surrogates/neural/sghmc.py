"""Stochastic gradient Hamiltonian Monte Carlo that adapts its scales, on many networks side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import torch
from torch import Tensor

from surrogates.neural.gradients import Batch
from surrogates.neural.minibatches import Minibatches
from surrogates.neural.networks import Shape, Stack, scatter
from surrogates.neural.stacked import StandardisedJob
from surrogates.neural.training import flat_parameters

NOISE_AT_FIRST = 1e-3
"""Variance of the noise before the first step, in units of standardised targets."""
NOISE_PRIOR = 1e-6, 0.01
"""Centre of the prior of the noise's variance, and variance of its logarithm about that of the centre."""
_TINY = 1e-16
_STEPS_OF_NOISE = 4  # drawn at once: fewer calls of generators, in buffers that caches hold


@dataclass(frozen=True)
class Sampling:
    """How networks are sampled.

    Attributes
    ----------
    steps : int
        Of one mini-batch each, burn-in included.
    burn_in : int
        Steps in which the scales adapt and nothing is kept.
    keep_every : int
        Steps from one kept sample to the next.
    batch_size : int
    step_size, decay : float
        epsilon and the decay of the momentum in a step.
    """

    steps: int
    burn_in: int
    keep_every: int
    batch_size: int
    step_size: float
    decay: float

    @property
    def kept(self) -> int:
        """Samples kept of each network."""
        return (self.steps - self.burn_in) // self.keep_every


class Dynamics:
    """The state of the sampler of one buffer of parameters, and its step.

    Springenberg, Klein, Falkner & Hutter, "Bayesian Optimization with Robust Bayesian Neural Networks", NeurIPS 2016,
    section 4.2, as pybnn writes it, for each parameter by itself.  All averages and windows start at 1.

    Parameters
    ----------
    parameters : (N,) float32
        Changed by `step`.
    step_size, decay : float

    Attributes
    ----------
    window, average, square : (N,) float32
        tau, g and v: the window of the averages of the gradient and of its square, and these averages.
    momentum : (N,) float32
    pull, spread : (N,) float32
        ``epsilon^2 M^-1`` with ``M = sqrt(v)``, and the standard deviation of the noise of a step.
    """

    def __init__(self, parameters: Tensor, step_size: float, decay: float) -> None:
        self.parameters = parameters
        self.step_size, self.decay = step_size, decay
        self.window, self.average, self.square = (torch.ones_like(parameters) for _ in range(3))
        self.momentum = torch.zeros_like(parameters)
        self.pull, self.spread, self._share, self._work = (torch.empty_like(parameters) for _ in range(4))
        self.rescale()

    def adapt(self, gradient: Tensor) -> None:
        """Move the averages towards a gradient, as in burn-in (eqs. 8 and 9).

        ``tau <- tau - tau g^2 / v + 1``, and g and v move by ``1 / (tau + 1)`` of the way, with the tau from before.
        """
        share, work = torch.add(self.window, 1, out=self._share).reciprocal_(), self._work
        torch.mul(self.average, self.average, out=work).div_(self.square)
        self.window.addcmul_(self.window, work, value=-1).add_(1)
        self.average.lerp_(gradient, share)
        self.square.lerp_(torch.mul(gradient, gradient, out=work), share).clamp_(min=_TINY)
        self.rescale()

    def rescale(self) -> None:
        """Take `pull` and `spread`, whose square is ``2 epsilon^2 decay M^-1 - epsilon^4``, from the averages."""
        squared = self.step_size**2
        torch.rsqrt(self.square, out=self.pull).mul_(squared)
        torch.mul(self.pull, 2 * self.decay, out=self.spread).sub_(squared**2).clamp_(min=_TINY).sqrt_()

    def step(self, gradient: Tensor, noise: Tensor) -> None:
        """Move the momentum and then the parameters (eq. 10), given standard normal noise, (N,)."""
        self.momentum.mul_(1 - self.decay).addcmul_(self.pull, gradient, value=-1).addcmul_(self.spread, noise)
        self.parameters.add_(self.momentum)


class Sampler:
    """Samples the networks of jobs of equal shape and equal `Job.rows`, in lockstep.

    The target is the posterior of weights, biases and one log variance of the noise for each network, its gradient that
    of n times the mean over a mini-batch of the Gaussian negative log likelihood, minus the logarithms of the priors:
    normal of the log variance (`NOISE_PRIOR`), and ``sum w^2 / 2P`` over all P parameters.

    Parameters
    ----------
    shape : Shape
    sampling : Sampling
    jobs : sequence of StandardisedJob
        With seeds.
    device : str
    """

    def __init__(self, shape: Shape, sampling: Sampling, jobs: Sequence[StandardisedJob], device: str) -> None:
        self.shape, self.sampling = shape, sampling
        self.count = count = sum(len(job.targets) for job in jobs)
        size = count * sum(shape.sizes)
        self._noisy = slice(size, size + count)
        self.parameters = flat_parameters(jobs, shape, device, more=count)
        self.parameters[self._noisy] = log(NOISE_AT_FIRST)
        self.gradients = torch.zeros_like(self.parameters)
        self.log_variance, self._slope = self.parameters[self._noisy], self.gradients[self._noisy]
        stack, gradient = (Stack.of(flat, shape, count) for flat in (self.parameters, self.gradients))
        self.data = Minibatches(stack, gradient, jobs, sampling.batch_size, squared=False)
        rows = [float(len(job.features)) for job in jobs for _ in job.targets]
        self._rows = torch.tensor(rows, device=device)
        self.dynamics = Dynamics(self.parameters, sampling.step_size, sampling.decay)
        self._generators = [torch.Generator(device).manual_seed(seed) for job in jobs for seed in job.seeds]
        per_network = sum(shape.sizes) + 1
        self._drawn = torch.empty((count, _STEPS_OF_NOISE, per_network), device=device)
        self._noise = torch.zeros((_STEPS_OF_NOISE, len(self.parameters)), device=device)

    def differentiate(self, batch: Batch) -> None:
        """Write the gradients of a mini-batch, with the parameters as they are now."""
        centre, variance = NOISE_PRIOR
        batch.forward()
        residual = batch.output.sub_(batch.rows.target)
        scaled = (-self.log_variance).exp_().mul_(self._rows)  # n / variance
        weighted = residual * batch.rows.weight
        misfit = (weighted * residual).sum(dim=(1, 2)).mul_(scaled)
        torch.sub(self._rows, misfit, out=self._slope)
        self._slope.mul_(0.5).add_(self.log_variance, alpha=1 / variance).sub_(log(centre) / variance)
        torch.mul(weighted, scaled[:, None, None], out=residual)
        batch.backward()
        self.gradients.add_(self.parameters, alpha=1 / (sum(self.shape.sizes) + 1))

    def draw(self) -> Tensor:
        """Draw standard normal noise for `_STEPS_OF_NOISE` steps, (steps, N), every network from its own generator."""
        for part, generator in zip(self._drawn, self._generators, strict=True):
            part.normal_(generator=generator)
        rows = self._drawn.transpose(0, 1)
        scatter(rows[..., :-1], self._noise, self.shape)
        self._noise[:, self._noisy] = rows[..., -1]
        return self._noise

    def sample(self) -> Tensor:
        """Take all steps and return the parameters that are kept, (kept, N); see `networks_of`."""
        sampling, dynamics, data = self.sampling, self.dynamics, self.data
        kept = self.parameters.new_empty((sampling.kept, len(self.parameters)))
        noise = self._noise
        for step in range(sampling.steps):
            epoch, place = divmod(step, len(data.batches))
            if not place:
                data.shuffle(epoch)
            if not step % _STEPS_OF_NOISE:
                noise = self.draw()
            self.differentiate(data.batches[place])
            if step < sampling.burn_in:
                dynamics.adapt(self.gradients)
            dynamics.step(self.gradients, noise[step % _STEPS_OF_NOISE])
            past = step + 1 - sampling.burn_in
            if past > 0 and not past % sampling.keep_every:
                kept[past // sampling.keep_every - 1] = self.parameters
        return kept

    def networks_of(self, kept: Tensor, start: int, stop: int) -> Stack:
        """Return the samples of networks `start` to `stop` as one stack, those of one sample side by side."""
        return Stack.concatenate([Stack.of(flat, self.shape, self.count).take(start, stop) for flat in kept])
