"""Partial channels: in a cell of a supernet, some channels of a node go through operations and the others pass.

Xu et al., "PC-DARTS: Partial Channel Connections for Memory-Efficient Architecture Search", ICLR 2020, 3.1.  The paper
draws the channels of each edge in each step, and every channel keeps its place; the authors' code takes the first
channels for all edges and steps, and shuffles those of each node, so that others come first in the next cell.  (Its
variant with drawn channels has no effect: the permuted tensor is not handed back.)
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from harness.errors import HarnessError, must
from harness.training.recipe import Recipe

CHANNELS = ("first", "random")
"""Which channels go through operations, by name."""


def check_partial(recipe: Recipe, partial: int, name: str = "partial_channels") -> None:
    """Refuse partial channels that do not divide the channels."""
    if recipe.channels % partial:
        raise HarnessError(must(name, f"divide the {recipe.channels} channels", partial))


def shuffled(features: Tensor, groups: int) -> Tensor:
    """Interleave groups of channels, as ShuffleNet does (Zhang et al., CVPR 2018): (B, C, H, W) to the same.

    >>> shuffled(torch.arange(8.0).reshape(1, 8, 1, 1), 4).flatten().tolist()
    [0.0, 2.0, 4.0, 6.0, 1.0, 3.0, 5.0, 7.0]
    """
    if groups == 1:
        return features
    batch, channels, height, width = features.shape
    parts = features.reshape(batch, groups, channels // groups, height, width)
    return parts.transpose(1, 2).reshape(batch, channels, height, width)


class PartialCell(nn.Module):
    """A cell whose operations see some channels of what they read.

    Parameters
    ----------
    channels : int
        Of a node.
    partial : int
        K: 1/K of the channels go through operations; 1 for all.
    edges : int
    channel_choice : {"first", "random"}
        The first of them, and nodes are shuffled; or those that `draw` draws for each edge, and channels keep their
        places.

    Attributes
    ----------
    width : int
        Channels that go through operations.
    orders : (edges, channels) int64 Tensor or None
        Channels as each edge takes them, the first `width` through its operations; None for their own order.
    """

    def __init__(self, channels: int, partial: int, edges: int, channel_choice: str) -> None:
        super().__init__()
        self.partial, self.width = partial, channels // partial
        self._channels, self._edges, self._shuffles = channels, edges, channel_choice == "first"
        self.orders: Tensor | None = None

    def draw(self, rng: np.random.Generator, device: torch.device) -> None:
        """Draw the channels of each edge anew, where some pass and they are not the first."""
        if self.partial > 1 and not self._shuffles:
            places = np.tile(np.arange(self._channels), (self._edges, 1))
            self.orders = torch.from_numpy(rng.permuted(places, axis=1)).to(device)

    def joined(self, total: Tensor, passing: Tensor) -> Tensor:
        """Put the channels that went through operations and those that passed side by side, as a node has them."""
        both = torch.cat([total, passing], 1)
        return shuffled(both, self.partial) if self._shuffles else both

    def drawn_edge(
        self, features: Tensor, edge: int, through: Callable[[Tensor], Tensor], past: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """Compute an edge on the channels that were drawn for it: (B, C, H, W) to (B, C, ...), each in its place.

        Parameters
        ----------
        features : (B, C, H, W)
        edge : int
        through, past : callable
            What becomes of the channels that go through operations, and of the others.
        """
        assert self.orders is not None, "`draw` was called"  # noqa: S101 - a fault of ours
        order = self.orders[edge]
        given = features.index_select(1, order)
        both = torch.cat([through(given[:, : self.width]), past(given[:, self.width :])], 1)
        return both.index_select(1, order.argsort())


def draw_channels(supernet: nn.Module, rng: np.random.Generator | None, device: torch.device) -> None:
    """Draw the channels of all edges of all cells anew; without a generator, let all take the first again."""
    for part in supernet.modules():
        if isinstance(part, PartialCell):
            if rng is None:
                part.orders = None
            else:
                part.draw(rng, device)
