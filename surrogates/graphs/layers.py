"""Layers of stacked graph networks, G networks of B graphs of N nodes with F features: pure functions, and the pass."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_TINY = 1e-5
"""Added to variances before they divide: the default of torch."""
Statistics = list[tuple[Tensor, Tensor]]
"""Mean and variance, (G, 1, F) each, of what each batch normalisation reads, in the order of the pass."""


def dense(inputs: Tensor, weights: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``inputs weights + bias``: (G, ..., F), (G, F, F') and (G, 1, F') to (G, ..., F')."""
    rows = inputs.flatten(1, -2)
    out = torch.bmm(rows, weights) if bias is None else torch.baddbmm(bias, rows, weights)
    return out.view(*inputs.shape[:-1], weights.shape[-1])


def passed(operator: Tensor, inputs: Tensor) -> Tensor:
    """Return ``operator inputs`` of each graph: (G, B, M, N) and (G, B, N, F) to (G, B, M, F)."""
    count, graphs, rows, nodes = operator.shape
    flat = torch.bmm(operator.reshape(-1, rows, nodes), inputs.reshape(-1, nodes, inputs.shape[-1]))
    return flat.view(count, graphs, rows, -1)


def pooled(pooling: Tensor, inputs: Tensor, covariates: Tensor) -> Tensor:
    """Return the means of each cell side by side, then the covariates: to (G, B, P F + e)."""
    return torch.cat([passed(pooling, inputs).flatten(2), covariates], dim=2)


def layer_norm(inputs: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Return each node's features standardised over F, scaled and shifted: (G, B, N, F), (G, 1, F) twice."""
    standard = torch.layer_norm(inputs, inputs.shape[-1:], eps=_TINY)
    return standard * scale[:, None] + shift[:, None]


class Pass:
    """One pass through networks that are used as they are: no dropout, and normalised by `statistics`.

    Parameters
    ----------
    statistics : Statistics
        Those of the training rows, see `Measuring`.
    """

    def __init__(self, statistics: Statistics) -> None:
        self.statistics = statistics
        self._place = 0

    def dropout(self, inputs: Tensor, rate: float) -> Tensor:
        """Return the inputs with a share of them at 0 and the others scaled up, if this is training."""
        return inputs

    def noise(self, inputs: Tensor) -> Tensor:
        """Return standard normal numbers of the shape of the inputs, if this is training, else zeros."""
        return torch.zeros_like(inputs)

    def batch_norm(self, inputs: Tensor, mask: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """Return features standardised over rows and nodes, scaled and shifted: (G, B, N, F), (G, B, N), (G, 1, F)."""
        rows = inputs.flatten(1, 2)
        mean, variance = self._moments(rows, mask.flatten(1))
        factor = scale * torch.rsqrt(variance + _TINY)
        return torch.addcmul(shift - mean * factor, rows, factor).view(inputs.shape)

    def _moments(self, rows: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        self._place += 1
        return self.statistics[self._place - 1]


class Measuring(Pass):
    """A pass without dropout that keeps, as `statistics`, what it normalises by: moments over all rows given."""

    def __init__(self) -> None:
        super().__init__([])

    def _moments(self, rows: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        self.statistics.append(moments(rows, mask))
        return self.statistics[-1]


class Training(Pass):
    """A pass of training: dropout, drawn for each network from a generator of its own, and moments of the batch.

    Parameters
    ----------
    generators : sequence of numpy.random.Generator
        One for each network.
    """

    def __init__(self, generators: list[np.random.Generator]) -> None:
        super().__init__([])
        self._generators = generators

    def dropout(self, inputs: Tensor, rate: float) -> Tensor:
        """Return the inputs with a share `rate` of them, to 1/256, at 0 and the others scaled up."""
        dropped = round(256 * rate)
        if not dropped:
            return inputs
        shape = inputs.shape[1:]
        drawn = np.stack([np.frombuffer(one.bytes(shape.numel()), dtype=np.uint8) for one in self._generators])
        kept = torch.from_numpy(drawn).to(inputs.device).view(inputs.shape) >= dropped
        return inputs * (kept * (256 / (256 - dropped)))

    def noise(self, inputs: Tensor) -> Tensor:
        """Return standard normal numbers, (G, ...)."""
        drawn = np.stack([one.standard_normal(inputs.shape[1:], dtype=np.float32) for one in self._generators])
        return torch.from_numpy(drawn).to(inputs.device)

    def _moments(self, rows: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        return moments(rows, mask)


def moments(rows: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and variance over the rows that the mask keeps: (G, M, F), (G, M) to (G, 1, F) twice."""
    share = (mask / mask.sum(dim=1, keepdim=True).clamp_min(1.0))[:, None]
    mean = torch.bmm(share, rows)
    return mean, torch.bmm(share, (rows - mean).square())
