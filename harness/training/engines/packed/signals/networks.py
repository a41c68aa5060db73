"""Networks of NAS-Bench-201 cells on signals for all members of a pack, with their gradients written out.

The micro network: stem, one stage of cells per width with a pooling reduction between them, head.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from harness.spaces.nb201.operations import stage_widths
from harness.training.engines.engine import Task
from harness.training.engines.packed.plan import WavePlan
from harness.training.engines.packed.signals.cell import SignalCell
from harness.training.engines.packed.signals.ends import ConvLayer, Reduction, SignalHead, SignalStem
from harness.training.engines.packed.signals.layers import Feature, Workspace
from harness.training.engines.packed.weights import PackWeights


class Cell(Protocol):
    """What networks need of their cells: see `SignalCell`."""

    @property
    def out(self) -> Feature:
        """The last node."""

    def forward(self) -> None:
        """Compute the nodes, in training."""

    def infer(self) -> None:
        """Compute the nodes, in evaluation."""

    def backward(self) -> None:
        """Compute the gradients of the inputs and of the parameters."""


class SignalNetworks:
    """All members' networks for one batch size; networks of other batch sizes share the weights.

    Parameters
    ----------
    batch : int
        B.

    Attributes
    ----------
    cell : type
        Of the blocks between stem, reductions and head.
    tracks : bool
        Whether running statistics move.
    breadth : int
        Feature maps that a buffer of the workspace holds.
    """

    cell: Callable[[WavePlan, PackWeights, str, Feature, Workspace], Cell] = SignalCell
    tracks = True
    breadth = 1

    def __init__(self, plan: WavePlan, weights: PackWeights, task: Task, batch: int) -> None:
        self._weights = weights
        (channels, _, length), widths = task.dataset.shape, stage_widths(task.recipe.channels)
        device = task.device
        work = Workspace(self.breadth * plan.members * widths[0] * length * batch, batch, device)
        feature = Feature.empty((plan.members, widths[0], length * batch), device)
        self._stem = SignalStem(weights, channels, feature, work)
        self._blocks: list[ConvLayer | Cell] = [self._stem]
        for stage, width in enumerate(widths):
            if stage:
                length //= 2
                wide = Feature.empty((plan.members, width, length * batch), device)
                self._blocks.append(Reduction(weights, f"reductions.{stage - 1}", feature, wide, work))
                feature = wide
            for cell in range(task.recipe.cells):
                block = self.cell(plan, weights, f"stages.{stage}.{cell}", feature, work)
                self._blocks.append(block)
                feature = block.out
        self._head = SignalHead(weights, feature, work)
        self._corrections = weights.corrections(work.counts)

    def forward(self, images: Tensor, *, training: bool) -> Tensor:
        """Return the logits (M, classes, B) of normalised signals (M or 1, B, C, 1, length)."""
        self._stem.read(images.squeeze(3))
        if not training:
            for block in self._blocks:
                block.infer()
            return self._head.infer()
        for block in self._blocks:
            block.forward()
        logits = self._head.forward()
        if self.tracks:
            self._weights.track(self._corrections)
        return logits

    def backward(self, logits_gradient: Tensor) -> None:
        """Write the gradients of all parameters, from those of the logits (M, classes, B); once after `forward`."""
        self._head.backward(logits_gradient)
        for block in reversed(self._blocks):
            block.backward()
