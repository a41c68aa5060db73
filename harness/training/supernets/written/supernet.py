"""The loss of the supernet on signals, with its gradients written out, as a function of torch.

Weights are shared with the supernet: its parameters become views of flat memory.  Stem, reductions and head are those
of the packed engine, in a pack of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from harness.spaces.four_nodes import EDGES
from harness.spaces.nb201.operations import KERNELS, OPERATIONS
from harness.training.engines.engine import Task
from harness.training.engines.packed.engine import fits_signals
from harness.training.engines.packed.plan import SOURCES, WavePlan
from harness.training.engines.packed.signals.networks import SignalNetworks
from harness.training.engines.packed.weights import PackWeights, Slots, in_own_network, skeleton_slots
from harness.training.supernets.batches import Batches
from harness.training.supernets.cells import Supernet
from harness.training.supernets.written.cell import TAPS, Step, WrittenCell
from harness.training.supernets.written.waves import ROWS, Waves, waves

_ONE = WavePlan(1, ((),) * SOURCES)
"""A pack of one network; its cells bring their own plan."""


class WrittenNetworks(SignalNetworks):
    """The supernet for one batch size."""

    cell, tracks, breadth = WrittenCell, False, TAPS

    def choose(self, step: Step) -> None:
        """Have the next passes compute a step."""
        for block in self._blocks:
            if isinstance(block, WrittenCell):
                block.choose(step)


class WrittenSupernet:
    """Losses of a supernet on signals and their gradients.

    Parameters
    ----------
    supernet : Supernet
        Its parameters are views of flat memory from now on.
    task : Task
        Of networks that `fits` accepts.

    Attributes
    ----------
    parameters : tuple of Parameter
        Of the supernet.
    passes : int
        How many forward passes there were: what one has left in memory is gone with the next.
    """

    def __init__(self, supernet: Supernet, task: Task) -> None:
        self._task = task
        self._weights = PackWeights(_slots(task), task.device)
        self._networks: dict[int, WrittenNetworks] = {}
        self.passes = 0
        self.parameters = tuple(supernet.parameters())
        parts, found = dict[str, tuple[Tensor, Tensor]](), self._weights
        for slot in found.values.slots:
            value, gradient = (stack.views[slot.key][0] for stack in (found.values, found.gradients))
            if not slot.key.startswith("stages"):
                parts[slot.name] = in_own_network(value), in_own_network(gradient)
                continue
            prefix, code = slot.key.rsplit(".", 1)
            for gene, *pair in zip(ROWS, *(_kernels(stack) for stack in (value, gradient)), strict=True):
                parts[f"{prefix}.edges.{gene}.{KERNELS[int(code)]}.weight"] = pair[0], pair[1]
        self._gradients, self._places = list[Tensor](), dict[tuple[int, int], list[int]]()
        self._head, self._ends = list[int](), list[int]()
        for place, (name, parameter) in enumerate(supernet.named_parameters()):
            value, gradient = (part.reshape(parameter.shape) for part in parts[name])
            value.copy_(parameter.detach())
            parameter.data = value
            self._gradients.append(gradient)
            words = name.split(".")
            if words[0] == "stages":
                edge = int(words[4]), next(code for code, kernel in KERNELS.items() if str(kernel) == words[5])
                self._places.setdefault(edge, []).append(place)
            else:
                (self._head if words[0] == "head" else self._ends).append(place)

    @staticmethod
    def fits(supernet: nn.Module, task: Task) -> bool:
        """Return whether steps are written out: on signals with reductions that pool, on a CPU, with plain cells."""
        if not isinstance(supernet, Supernet) or task.device.type != "cpu":
            return False
        plain = all(cell.plain for stage in supernet.stages for cell in stage)  # type: ignore[attr-defined]  # torch says Module
        return plain and fits_signals(task)

    def loss(
        self,
        images: Tensor,
        labels: Tensor,
        scale: Tensor,
        kept: Sequence[Sequence[int]],
        *,
        learns: bool,
        gated: bool = False,
        smoothing: float = 0.0,
    ) -> Tensor:
        """Return the mean loss of a batch, (): differentiable until the next is asked for.

        Parameters
        ----------
        images : (B, C, 1, length)
        labels : (B,)
        scale : (6, 5) Tensor
            Weights of operations, differentiable where it requires gradients.
        kept : sequence of 6 sequences of int
            Operations that are computed on each edge.
        learns : bool
            Whether the loss is differentiable in the parameters of the supernet.
        gated : bool
            Whether `scale` is one-hot, and other operations constant ones to its gradient, as in `MixedCell.path`.
        smoothing : float
            Of labels.
        """
        plan = waves(tuple(map(tuple, kept)))
        step = Step(plan, scale.detach(), learns=learns, mixes=scale.requires_grad, gated=gated)
        parameters = self.parameters if learns else ()
        given: Tensor = _Loss.apply(self, step, images, labels, smoothing, scale, *parameters)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return given

    def learn(
        self, images: Tensor, labels: Tensor, arch: Sequence[int], smoothing: float = 0.0, share: float = 1.0
    ) -> float:
        """Add a share of the gradients of a path to those of the parameters, and return the share of its mean loss.

        Where `share` is 1 and a parameter has no gradient, it gets the memory that the next pass overwrites.

        Parameters
        ----------
        images : (B, C, 1, length)
        labels : (B,)
        arch : sequence of 6 int
        smoothing : float
            Of labels.
        share : float
        """
        plan = waves(tuple((int(code),) for code in arch))
        with torch.no_grad():
            scale = torch.ones((len(EDGES), len(OPERATIONS)))
            step = Step(plan, scale, learns=True, mixes=False, is_plain=True)
            loss, slope = self.forward(step, images, labels, smoothing)
            self.backward(step, slope.mul_(share))
            for place in self.learning(plan):
                parameter, gradient = self.parameters[place], self._gradients[place]
                if parameter.grad is None:
                    parameter.grad = gradient if share == 1 else gradient.clone()
                else:
                    parameter.grad.add_(gradient)
        return float(loss) * share

    def forward(self, step: Step, images: Tensor, labels: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
        """Return the mean loss, (), and its gradient in the logits, (1, classes, B)."""
        networks = self._of(len(labels))
        networks.choose(step)
        self.passes += 1
        logarithms = torch.log_softmax(networks.forward(images.unsqueeze(0), training=True), 1)
        truth = torch.full_like(logarithms, smoothing / logarithms.shape[1])
        index = labels.view(1, 1, -1)
        truth.scatter_add_(1, index, torch.full_like(index, 1 - smoothing, dtype=truth.dtype))
        loss = (truth * logarithms).sum() / -len(labels)
        return loss, logarithms.exp_().sub_(truth).div_(len(labels))

    def backward(self, step: Step, slope: Tensor) -> None:
        """Write the gradients that a step asks for, from that of the logits (1, classes, B); once after `forward`."""
        self._of(slope.shape[2]).backward(slope)

    def gradients(self, plan: Waves) -> list[Tensor | None]:
        """Return copies of the gradients of all parameters; None for those that a step does not depend on."""
        learning = set(self.learning(plan))
        return [gradient.clone() if place in learning else None for place, gradient in enumerate(self._gradients)]

    def learning(self, plan: Waves) -> list[int]:
        """Return the places of the parameters that a step depends on.

        What nothing reaches, and what reaches nothing, has no gradient, as in autograd: SGD does not decay it.
        """
        through = plan.connected
        cells = [self._places[edge] if through else self._places[edge][-1:] for edge in plan.convolved]
        return [*self._head, *(self._ends if through else []), *(place for places in cells for place in places)]

    def _of(self, batch: int) -> WrittenNetworks:
        if batch not in self._networks:
            self._networks[batch] = WrittenNetworks(_ONE, self._weights, self._task, batch)
        return self._networks[batch]


class _Loss(torch.autograd.Function):
    """The mean loss of a batch as a function of the weights of operations and of the parameters."""

    @staticmethod
    def forward(
        ctx: Any,
        written: WrittenSupernet,
        step: Step,
        images: Tensor,
        labels: Tensor,
        smoothing: float,
        scale: Tensor,
        *parameters: Tensor,
    ) -> Tensor:
        loss, ctx.slope = written.forward(step, images, labels, smoothing)
        ctx.written, ctx.step, ctx.passes = written, step, written.passes
        return loss

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Any, ...]:
        written, step = ctx.written, ctx.step
        if written.passes != ctx.passes:
            raise RuntimeError("another pass came between a written loss and its gradient")
        written.backward(step, ctx.slope * slopes[0])
        learnt = written.gradients(step.waves) if step.learns else []
        return (None,) * 5 + (step.gradient if step.mixes else None, *learnt)


def _slots(task: Task) -> Slots:
    """Return what the supernet stores: kernels of one operation side by side, edges in the order of `ROWS`."""

    def cell(slots: Slots, key: str, width: int) -> None:
        for code, kernel in KERNELS.items():
            slots.tensor(
                f"{key}.{code}", (len(EDGES) * width, kernel * width), np.zeros(1, dtype=np.int64), f"{key}.{code}"
            )

    return skeleton_slots(1, task, cell)


def _kernels(stack: Tensor) -> Sequence[Tensor]:
    """Return the kernels of each edge in the layout of a layer: (6 C, taps x C) to 6 of (C, C, 1, taps)."""
    width = len(stack) // len(EDGES)
    return stack.view(len(EDGES), width, -1, width).transpose(2, 3).unsqueeze(3).unbind(0)


def written_supernet(supernet: nn.Module, batches: Batches) -> WrittenSupernet | None:
    """Return the supernet with its gradients written out, where they are: see `WrittenSupernet.fits`."""
    if not isinstance(supernet, Supernet):
        return None
    task = Task("nb201", batches.recipe, batches.dataset, batches.device)
    return WrittenSupernet(supernet, task) if WrittenSupernet.fits(supernet, task) else None
