"""The places of feature maps and parameters of the packed networks on images: rows, each given out once."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from harness.spaces.layers import Geometry
from harness.spaces.nb201.operations import stage_widths
from harness.training.engines.engine import Task
from harness.training.engines.packed.images.maps import CONV, Edge, Lattice, Maps, Norms, Term
from harness.training.engines.packed.images.operations import PlainOperations, Run
from harness.training.engines.packed.plan import WavePlan
from harness.training.engines.packed.weights import PackWeights


@dataclass(frozen=True, eq=False)
class Stage:
    """The feature maps of one size: nodes and their gradients, outputs of convolutions and their gradients."""

    nodes: Maps
    convs: Maps
    gradients: Maps
    conv_gradients: Maps


@dataclass(frozen=True, eq=False)
class Feature:
    """A node of all members between two blocks.

    Attributes
    ----------
    place : {1, 2}
        Of its rows among those that blocks share; the next block's output takes the other.
    nodes, gradients : list of M int
        Rows.
    into : list of M tuple of Edge
        Normalised convolutions that lead into it.
    """

    stage: Stage
    place: int
    nodes: list[int]
    gradients: list[int]
    into: list[tuple[Edge, ...]]


class Block:
    """Reads one feature map of all members and writes the next, by operations that are prepared once.

    Attributes
    ----------
    _forward, _backward : list of Run
        What writes the output, and what writes the gradients of the parameters and of the input.
    """

    _forward: list[Run]
    _backward: list[Run]

    def forward(self, batch: int) -> None:
        """Write the output."""
        for step in self._forward:
            step(batch)

    def backward(self, batch: int) -> None:
        """Write the gradients of the parameters and of the input; only in training."""
        for step in self._backward:
            step(batch)


class Pack:
    """What the blocks of a pack share.

    Parameters
    ----------
    batch : int
        Largest B.
    dtype : dtype
        Of feature maps.
    training : bool
        Whether feature maps are kept for a backward pass.

    Attributes
    ----------
    shape : (C, H, W)
        Of the images.
    stages : list of Stage
    stage_of : dict of str to int
        Where each normalisation is.
    """

    def __init__(
        self,
        plan: WavePlan,
        weights: PackWeights,
        task: Task,
        norms: Norms,
        operations: PlainOperations,
        batch: int,
        dtype: torch.dtype,
        *,
        training: bool,
    ) -> None:
        self.plan, self.weights, self.shape, self.norms = plan, weights, task.dataset.shape, norms
        self.operations, self.training = operations, training
        self._batch, self._dtype = batch, dtype
        self.members = range(plan.members)
        self.lattice = Lattice.of(Geometry.of(self.shape))
        self.stage_of: dict[str, int] = {}
        height, width = self.shape[1:]
        self.stages: list[Stage] = []
        for channels in stage_widths(task.recipe.channels):
            self.stages.append(Stage(*(self.maps(height, width, channels) for _ in range(4))))
            height, width = height // self.lattice.down[0], width // self.lattice.down[1]
        self._shared: dict[tuple[int, int], list[int]] = {}

    def maps(self, height: int, width: int, channels: int, *, pitch: int = 0) -> Maps:
        """Return feature maps without rows."""
        device = self.weights.values.flat.device
        return Maps(height, width, channels, batch=self._batch, dtype=self._dtype, device=device, pitch=pitch)

    def keep(self, maps: Maps, count: int, place: int = 0) -> list[int]:
        """Return rows that stay as they are until the backward pass; in evaluation, shared ones."""
        return maps.take(count) if self.training else self.share(maps, count, place)

    def share(self, maps: Maps, count: int, place: int = 0) -> list[int]:
        """Return rows that every block may overwrite; those of different places do not meet."""
        rows = self._shared.setdefault((id(maps), place), [])
        rows += maps.take(max(0, count - len(rows)))
        return rows[:count]

    def feature(self, stage: Stage, place: int) -> Feature:
        """Return an output of all members, with nothing that leads into it yet."""
        count = len(self.members)
        return Feature(
            stage, place, self.keep(stage.nodes, count, place), self.share(stage.gradients, count, place), []
        )

    def rows(self, stage: Stage, count: int) -> list[tuple[int, int]]:
        """Return rows of the outputs of a block's convolutions, and of their gradients."""
        return list(zip(self.keep(stage.convs, count), self.share(stage.conv_gradients, count), strict=True))

    def edge(self, key: str, index: int, source: int, rows: tuple[int, int], into: int, stage: int) -> Edge:
        """Return a convolution with its normalisation: row number `index` of its slots."""
        self.stage_of[key] = stage
        kernel = self.weights.values.views[f"{key}.conv"]
        return Edge(source, *rows, into, int(kernel[index].storage_offset()), kernel.shape[1], *self._norm(key, index))

    def bare_edge(self, key: str, index: int, source: int, rows: tuple[int, int], into: int) -> Edge:
        """Return a convolution without normalisation."""
        kernel = self.weights.values.views[key]
        weight, taps = int(kernel[index].storage_offset()), kernel.shape[1]
        return Edge(source, *rows, into, weight, taps, self.norms.identity, -1, -1)

    def head_edge(self, index: int, row: int, into: int) -> Edge:
        """Return the normalisation of the head."""
        self.stage_of["head"] = len(self.stages) - 1
        return Edge(row, row, row, into, 0, 0, *self._norm("head", index))

    def _norm(self, key: str, index: int) -> tuple[int, int, int]:
        values = self.weights.values.views
        parts = (self.weights.means.views[key], values[f"{key}.weight"], values[f"{key}.bias"])
        stat, gain, bias = (int(part[index].storage_offset()) for part in parts)
        return stat, gain, bias


def normed(edge: Edge) -> Term:
    """Return the output of a convolution as a summand."""
    return Term(CONV, edge.out, edge.stat)
