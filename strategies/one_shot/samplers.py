"""Samplers: how architecture parameters become the weights of operations in a step.

Each is a function of alpha (E, K), differentiable, and of numbers drawn from the given generator alone, for the random
streams of torch are global.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


class Sampler(ABC):
    """A relaxation of the choice of one operation for each edge.

    Attributes
    ----------
    samples : bool
        Whether its weights are one-hot, so that the drawn operations alone are computed.
    random : bool
        Whether it draws.
    gated : bool
        Whether alpha is trained by gates of some operations of each edge, see `strategies.one_shot.gates`.
    sums : bool
        Whether the weights of an edge sum to 1.
    regular : bool
        Whether it has a `penalty`.
    """

    samples: ClassVar[bool] = False
    random: ClassVar[bool] = True
    gated: ClassVar[bool] = False
    sums: ClassVar[bool] = True
    regular: ClassVar[bool] = False

    @abstractmethod
    def weights(self, alpha: Tensor, rng: np.random.Generator, temperature: float) -> Tensor:
        """Return the weights of operations: (E, K) to (E, K); rows sum to 1 where `sums` says so."""

    def probabilities(self, alpha: Tensor) -> Tensor:
        """Return the mean weights, or what they are drawn by: (E, K)."""
        return torch.softmax(alpha, -1)

    def penalty(self, alpha: Tensor) -> Tensor:
        """Return what a method adds to the loss of alpha, but for a factor, ()."""
        raise NotImplementedError(f"{type(self).__name__} has no penalty")


class Softmax(Sampler):
    """The mixture of DARTS (Liu et al., ICLR 2019, equation 2)."""

    random = False

    def weights(self, alpha: Tensor, rng: np.random.Generator, temperature: float) -> Tensor:
        """Return softmax(alpha)."""
        return torch.softmax(alpha, -1)


class Gumbel(Sampler):
    """The concrete distribution of SNAS (Xie et al., ICLR 2019, equation 6)."""

    def weights(self, alpha: Tensor, rng: np.random.Generator, temperature: float) -> Tensor:
        """Return softmax((log p + g) / temperature) with Gumbel noise g."""
        noise = gumbel(alpha, rng)
        return torch.softmax((torch.log_softmax(alpha, -1) + noise) / temperature, -1)


class HardGumbel(Gumbel):
    """The differentiable sampler of GDAS (Dong & Yang, CVPR 2019, equations 5 to 7): one-hot, straight through."""

    samples = True

    def weights(self, alpha: Tensor, rng: np.random.Generator, temperature: float) -> Tensor:
        """Return the argmax of `Gumbel` as a one-hot, with the gradient of `Gumbel`."""
        return straight_through(super().weights(alpha, rng, temperature))


class Dirichlet(Sampler):
    """The distribution of DrNAS (Chen et al., ICLR 2021, 3.1) with concentrations elu(alpha) + 1.

    Gradients are those of implicit reparameterisation (Jankowiak & Obermeyer, ICML 2018), as torch has them.
    """

    regular = True

    def weights(self, alpha: Tensor, rng: np.random.Generator, temperature: float) -> Tensor:
        """Return a draw."""
        drawn: Tensor = _Dirichlet.apply(self.concentrations(alpha), rng)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return drawn

    @staticmethod
    def concentrations(alpha: Tensor) -> Tensor:
        """Return elu(alpha) + 1, above 0: (E, K)."""
        return (functional.elu(alpha) + 1).clamp_min(1e-6)

    def probabilities(self, alpha: Tensor) -> Tensor:
        """Return the mean of the distribution, c / sum c."""
        concentrations = self.concentrations(alpha)
        return concentrations / concentrations.sum(-1, keepdim=True)

    def penalty(self, alpha: Tensor) -> Tensor:
        """Return the divergence KL(Dir(c) || Dir(1)), summed over edges."""
        c = self.concentrations(alpha)
        total, count = c.sum(-1), c.shape[-1]
        constant = torch.lgamma(total) - torch.lgamma(c).sum(-1) - torch.lgamma(total.new_tensor(float(count)))
        inner = (c - 1) * (torch.digamma(c) - torch.digamma(total)[..., None])
        return (constant + inner.sum(-1)).sum()


class ReinMax(Sampler):
    """The second-order straight-through estimator (Liu et al., "Bridging Discrete and Backpropagation", NeurIPS 2023).

    The gradient of ReinMax is centred, as in the authors' code.  Its temperature is at least 1.
    """

    samples = True

    def weights(self, alpha: Tensor, rng: np.random.Generator, temperature: float) -> Tensor:
        """Return a one-hot draw by softmax(alpha)."""
        drawn: Tensor = _ReinMax.apply(alpha, one_hot(alpha + gumbel(alpha, rng)), max(temperature, 1.0))  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return drawn


class Sigmoid(Sampler):
    """The weights of FairDARTS (Chu et al., ECCV 2020), each for itself: operations of an edge do not compete."""

    random, sums, regular = False, False, True

    def weights(self, alpha: Tensor, rng: np.random.Generator, temperature: float) -> Tensor:
        """Return the logistic function of alpha."""
        return torch.sigmoid(alpha)

    def probabilities(self, alpha: Tensor) -> Tensor:
        """Return the weights, each in (0, 1)."""
        return torch.sigmoid(alpha)

    def penalty(self, alpha: Tensor) -> Tensor:
        """Return the zero-one loss, minus the mean of (weight - 1/2)^2, which drives weights to 0 or 1."""
        return -(torch.sigmoid(alpha) - 0.5).square().mean()


class BinaryGates(Sampler):
    """The gates of ProxylessNAS (Cai, Zhu & Han, ICLR 2019, equation 3): one operation drawn by softmax(alpha)."""

    samples, gated = True, True

    def weights(self, alpha: Tensor, rng: np.random.Generator, temperature: float) -> Tensor:
        """Return a one-hot draw, with the gradient of softmax(alpha)."""
        soft = torch.softmax(alpha, -1)
        return one_hot(soft.detach().log() + gumbel(alpha, rng)) + (soft - soft.detach())


class Score(Sampler):
    """The draws of DSNAS (Hu et al., CVPR 2020): one operation by softmax(alpha), with the score function's gradient.

    The gradient of alpha is c d ln p(drawn), where c is the derivative of the loss in the weight of the drawn
    operation, edge by edge.  Its mean over the draws of an edge is the gradient of gates of all operations.
    """

    samples = True

    def weights(self, alpha: Tensor, rng: np.random.Generator, temperature: float) -> Tensor:
        """Return a one-hot draw."""
        drawn: Tensor = _Score.apply(alpha, one_hot(alpha + gumbel(alpha, rng)))  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return drawn


SAMPLERS: dict[str, type[Sampler]] = {
    "softmax": Softmax,
    "gumbel": Gumbel,
    "hard_gumbel": HardGumbel,
    "reinmax": ReinMax,
    "dirichlet": Dirichlet,
    "sigmoid": Sigmoid,
    "binary_gates": BinaryGates,
    "score": Score,
}
"""Samplers by name."""


def gumbel(like: Tensor, rng: np.random.Generator) -> Tensor:
    """Draw standard Gumbel noise of the shape of a tensor: minus the log of exponential numbers."""
    return like.new_tensor(-np.log(np.maximum(rng.standard_exponential(tuple(like.shape)), 1e-30)))


def one_hot(values: Tensor) -> Tensor:
    """Return 1 at the largest of each row, 0 elsewhere: (E, K) to (E, K)."""
    return functional.one_hot(values.argmax(-1), values.shape[-1]).to(values.dtype)


def straight_through(soft: Tensor) -> Tensor:
    """Return the largest of each row as a one-hot, exactly, with the gradient of what is given."""
    return one_hot(soft.detach()) + (soft - soft.detach())


class _Dirichlet(torch.autograd.Function):
    """A draw from a Dirichlet distribution by numpy's generator."""

    @staticmethod
    def forward(ctx: Any, concentrations: Tensor, rng: np.random.Generator) -> Tensor:
        drawn = rng.standard_gamma(concentrations.detach().double().cpu().numpy())
        drawn = np.maximum(drawn, 1e-30)
        value = concentrations.new_tensor(drawn / drawn.sum(-1, keepdims=True))
        ctx.save_for_backward(value, concentrations)
        return value

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        value, concentrations = ctx.saved_tensors
        (gradient,) = gradients
        total = concentrations.sum(-1, keepdim=True).expand_as(concentrations).contiguous()
        derivative = torch._dirichlet_grad(value, concentrations, total)  # what torch.distributions uses
        return derivative * (gradient - (value * gradient).sum(-1, keepdim=True)), None


class _ReinMax(torch.autograd.Function):
    """A one-hot draw with the gradient of ReinMax."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, drawn: Tensor, temperature: float) -> Tensor:
        ctx.save_for_backward(logits, drawn)
        ctx.temperature = temperature
        return drawn.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        logits, drawn = ctx.saved_tensors
        (gradient,) = gradients
        plain = torch.softmax(logits, -1)
        middle = (torch.softmax(logits / ctx.temperature, -1) + drawn) / 2
        first = _through_softmax(2 * gradient, middle)
        found = first - _through_softmax(gradient, plain) / 2
        return found - found.mean(-1, keepdim=True), None, None


class _Score(torch.autograd.Function):
    """A one-hot draw with the gradient of the score function."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, drawn: Tensor) -> Tensor:
        ctx.save_for_backward(logits, drawn)
        return drawn.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        logits, drawn = ctx.saved_tensors
        (gradient,) = gradients
        return (gradient * drawn).sum(-1, keepdim=True) * (drawn - torch.softmax(logits, -1)), None


def _through_softmax(gradient: Tensor, probabilities: Tensor) -> Tensor:
    """Return the gradient of logits: that of the probabilities times the Jacobian of softmax."""
    product = gradient * probabilities
    return product - probabilities * product.sum(-1, keepdim=True)
