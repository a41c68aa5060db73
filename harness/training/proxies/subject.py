"""The subject of a measurement: a network at its initial weights, the fixed minibatches, and its random streams."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.errors import HarnessError, must
from harness.spaces.layers import Cost
from harness.training.networks.cells import StagedNetwork

Weighted = nn.Conv2d | nn.Linear
"""Layers whose weights are scored; those of batch normalisation and biases are not."""


@dataclass(eq=False)
class Subject:
    """A network that is scored.

    Attributes
    ----------
    module : Module
        Every measurement takes it by `fresh`, and may leave it as it likes.
    items : (k * batch, …) float32 Tensor
        Normalised; the first `batch` are the first minibatch.
    labels : (k * batch,) int64 Tensor
    batch : int
    stream : callable
        From a name to a generator: of this network and its seed.
    common : callable
        From a name to a generator that is the same for all networks of a seed: for noise in place of items.
    thin : callable
        Returns a network of the same architecture, one channel wide and one cell a stage, and the shape of its items.
    cost : Cost
        In closed form.
    """

    module: nn.Module
    items: Tensor
    labels: Tensor
    batch: int
    stream: Callable[[str], np.random.Generator] = lambda name: np.random.default_rng(0)
    common: Callable[[str], np.random.Generator] = lambda name: np.random.default_rng(0)
    thin: Callable[[], tuple[nn.Module, tuple[int, ...]]] | None = None
    cost: Cost = field(default_factory=lambda: Cost(np.array(0), np.array(0)))

    def __post_init__(self) -> None:
        self._dtype = torch.float32
        self._values = self._tensors()
        self._initial = [value.clone() for value in self._values]

    def _tensors(self) -> list[Tensor]:
        return [part.detach() for part in (*self.module.parameters(), *self.module.buffers())]

    def fresh(self, dtype: torch.dtype = torch.float32) -> nn.Module:
        """Return the network in training mode, at its initial weights and statistics."""
        if dtype != self._dtype:
            self.module.to(dtype=dtype)
            self._dtype, self._values = dtype, self._tensors()
        torch._foreach_copy_(self._values, self._initial)
        return self.module if self.module.training else self.module.train()

    def minibatch(self, number: int = 0) -> tuple[Tensor, Tensor]:
        """Return items and labels of a minibatch: (batch, …) and (batch,)."""
        part = slice(number * self.batch, (number + 1) * self.batch)
        return self.items[part], self.labels[part]

    def noise(self, name: str, count: int | None = None) -> Tensor:
        """Return standard normal items, the same for all networks of a seed: (count or batch, …) float32."""
        shape = (self.batch if count is None else count, *self.items.shape[1:])
        return torch.from_numpy(self.common(name).standard_normal(shape, dtype=np.float32))


def staged(module: nn.Module, proxy: str) -> StagedNetwork:
    """Return a network that has a stem, stages and reductions.

    Raises
    ------
    HarnessError
        If it has none; names the proxy that needs them.
    """
    if not isinstance(module, StagedNetwork):
        rule = f"have a stem, cells and reductions for {proxy} (harness.training.networks.cells.StagedNetwork)"
        raise HarnessError(must("network", rule, type(module).__name__))
    return module


def layers(module: nn.Module) -> Iterator[Weighted]:
    """Yield the convolutions and linear layers of a network, dead ones included."""
    return (part for part in module.modules() if isinstance(part, Weighted))


def weights(module: nn.Module) -> list[Tensor]:
    """Return the weights of all convolutions and linear layers."""
    return [part.weight for part in layers(module)]


def norms(tensors: Sequence[Tensor]) -> float:
    """Return the sum of the Euclidean norms of tensors."""
    return float(torch.stack(torch._foreach_norm([part.detach() for part in tensors])).sum())


def loss_of(module: nn.Module, items: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy of a minibatch, a scalar."""
    return functional.cross_entropy(module(items), labels)


def gradients(of: Tensor, wrt: list[Tensor], *, create_graph: bool = False) -> list[Tensor]:
    """Return the gradients of a scalar; what does not take part in it has the gradient 0."""
    found = torch.autograd.grad(of, wrt, allow_unused=True, create_graph=create_graph)
    return [torch.zeros_like(item) if part is None else part for item, part in zip(wrt, found, strict=True)]


@torch.no_grad()
def redraw(module: nn.Module, rng: np.random.Generator, scale: Callable[[Tensor], float]) -> None:
    """Draw the weights of convolutions and linear layers anew, normal; biases become 0, normalisation 1 and 0.

    Parameters
    ----------
    scale : callable
        From a layer's weights to their standard deviation: `standard` or `fan_in`.
    """
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.reset_parameters()
        elif isinstance(part, Weighted):
            drawn = torch.from_numpy(rng.standard_normal(part.weight.shape, dtype=np.float32))
            part.weight.copy_(drawn * scale(part.weight))
            if part.bias is not None:
                part.bias.zero_()


def standard(weight: Tensor) -> float:
    """Return 1: N(0, 1)."""
    return 1.0


def fan_in(weight: Tensor) -> float:
    """Return the standard deviation of He et al. 2015 for ReLU, by the inputs of a unit."""
    return math.sqrt(2.0 / math.prod(weight.shape[1:]))
