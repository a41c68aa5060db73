"""Parameters of all members of a pack in one flat buffer, and SGD on it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from harness.checks import IntArray
from harness.spaces.layers import Geometry
from harness.spaces.nb201.operations import KERNELS, stage_widths
from harness.training.engines.engine import Task
from harness.training.engines.packed.plan import WavePlan
from harness.training.networks.operations import EPSILON, MOMENTUM
from harness.training.recipe import Recipe


@dataclass(frozen=True, eq=False)
class Slot:
    """One tensor that stacks a layer of several members.

    Attributes
    ----------
    key : str
    shape : tuple of int
        (E, ...) for E rows; a convolution is (E, taps, outputs, inputs).
    members : (E,) int64
        Whose row it is.
    name : str
        Of a row in a network of its own.
    """

    key: str
    shape: tuple[int, ...]
    members: IntArray
    name: str


@dataclass(frozen=True)
class Slots:
    """All that a pack stores: parameters, and running means and variances of its normalisations by equal keys."""

    learnt: list[Slot] = field(default_factory=list)
    means: list[Slot] = field(default_factory=list)
    variances: list[Slot] = field(default_factory=list)

    def tensor(self, key: str, shape: tuple[int, ...], members: IntArray, name: str) -> None:
        """Add a parameter; `shape` is a row's."""
        self.learnt.append(Slot(key, (len(members), *shape), members, name))

    def norm(self, key: str, outputs: int, members: IntArray, name: str) -> None:
        """Add a normalisation of all `outputs` channels: ``key.weight``, ``key.bias``, and `key` for its statistics."""
        for part in ("weight", "bias"):
            self.tensor(f"{key}.{part}", (outputs,), members, f"{name}.{part}")
        for slots, part in ((self.means, "running_mean"), (self.variances, "running_var")):
            slots.append(Slot(key, (len(members), outputs), members, f"{name}.{part}"))

    def conv_norm(self, key: str, shape: tuple[int, int, int], members: IntArray, name: str) -> None:
        """Add a convolution of a row's `shape` (taps, outputs, inputs), ``key.conv``, and its normalisation."""
        self.tensor(f"{key}.conv", shape, members, f"{name}.conv.weight")
        self.norm(key, shape[1], members, f"{name}.norm")

    def head(self, channels: int, classes: int, members: IntArray) -> None:
        """Add the head's normalisation and classifier."""
        self.norm("head", channels, members, "head.norm")
        self.tensor("head.linear.weight", (classes, channels), members, "head.linear.weight")
        self.tensor("head.linear.bias", (classes,), members, "head.linear.bias")


def pack_slots(plan: WavePlan, task: Task) -> Slots:
    """Return what a pack of networks stores, on images or signals; a convolution is (taps, outputs, inputs)."""
    geometry = Geometry.of(task.dataset.shape)

    def cell(slots: Slots, key: str, width: int) -> None:
        for bucket in plan.buckets:
            for gene in bucket.genes if bucket.is_convolution else ():
                kernel = (geometry.area(KERNELS[bucket.operation]), width, width)
                slots.conv_norm(f"{key}.{gene}.{bucket.key}", kernel, bucket.members, f"{key}.edges.{gene}")

    return skeleton_slots(plan.members, task, cell)


def skeleton_slots(members: int, task: Task, cell: Callable[[Slots, str, int], None]) -> Slots:
    """Return what a pack of networks stores, with what is added for each cell, of a key and a width.

    Parameters
    ----------
    members : int
    task : Task
    cell : callable
        Of the slots, which it adds to, the key of a cell and its width.
    """
    everybody = np.arange(members, dtype=np.int64)
    recipe, shape, slots = task.recipe, task.dataset.shape, Slots()
    widths, geometry = stage_widths(recipe.channels), Geometry.of(shape)
    slots.conv_norm("stem", (1, widths[0], geometry.area(3) * shape[0]), everybody, "stem")
    for stage, width in enumerate(widths):
        name = f"reductions.{stage - 1}"
        if stage and recipe.reduction == "pool":
            slots.conv_norm(name, (1, width, width // 2), everybody, name)
        elif stage:
            slots.conv_norm(f"{name}.a", (geometry.area(3), width, width // 2), everybody, f"{name}.a")
            slots.conv_norm(f"{name}.b", (geometry.area(3), width, width), everybody, f"{name}.b")
            slots.tensor(f"{name}.shortcut", (1, width, width // 2), everybody, f"{name}.shortcut.weight")
        for place in range(recipe.cells):
            cell(slots, f"stages.{stage}.{place}", width)
    slots.head(widths[-1], task.dataset.classes, everybody)
    return slots


class Flat:
    """Slots one after the other in a flat float32 tensor, all zeros.

    Attributes
    ----------
    slots : tuple of Slot
    flat : (P,) float32 Tensor
    views : dict of str to Tensor
        By key, in the slot's shape.
    """

    def __init__(self, slots: Sequence[Slot], device: torch.device) -> None:
        self.slots = tuple(slots)
        ends = np.cumsum([math.prod(slot.shape) for slot in slots])
        self.flat = torch.zeros(int(ends[-1]), device=device)
        self.views = {
            slot.key: self.flat[int(end) - math.prod(slot.shape) : int(end)].view(slot.shape)
            for slot, end in zip(slots, ends, strict=True)
        }

    def fill(self, members: IntArray, value: float) -> None:
        """Set all rows of some members."""
        for slot in self.slots:
            rows = torch.from_numpy(np.flatnonzero(np.isin(slot.members, members))).to(self.flat.device)
            self.views[slot.key][rows] = value


def in_own_network(row: Tensor) -> Tensor:
    """Return a row in the layout of a network of its own, as a view: convolutions begin with (outputs, inputs)."""
    return row.permute(1, 2, 0) if row.ndim == 3 else row


class PackWeights:
    """What a pack learns: parameters with gradients and momentum, and the running statistics of its normalisations.

    Attributes
    ----------
    values, gradients : Flat
        Of the parameters.
    means, variances : Flat
        Running statistics, by the keys of the normalisations.
    batch_means, batch_inverses : Flat
        Statistics of a batch, for `track`: means and 1 / sqrt(variance + epsilon).
    """

    def __init__(self, slots: Slots, device: torch.device) -> None:
        self.values, self.gradients, self._momentum = (Flat(slots.learnt, device) for _ in range(3))
        self.means, self.batch_means = Flat(slots.means, device), Flat(slots.means, device)
        self.variances, self.batch_inverses = Flat(slots.variances, device), Flat(slots.variances, device)
        self.variances.flat.fill_(1.0)
        self._alive: Flat | None = None

    def tensors(self) -> dict[str, Tensor]:
        """Return all that a checkpoint needs, flat."""
        return {
            "parameters": self.values.flat,
            "momentum": self._momentum.flat,
            "means": self.means.flat,
            "variances": self.variances.flat,
        }

    def of(self, member: int) -> dict[str, Tensor]:
        """Return views of a member's rows in the layout of a network of its own: "model.NAME", "momentum.NAME"."""
        kinds = (("model", self.values), ("momentum", self._momentum), ("model", self.means), ("model", self.variances))
        return {
            f"{kind}.{slot.name}": in_own_network(stack.views[slot.key][int(row)])
            for kind, stack in kinds
            for slot in stack.slots
            for row in np.flatnonzero(slot.members == member)
        }

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Copy what `tensors` returned earlier."""
        for name, value in self.tensors().items():
            value.copy_(tensors[name])

    def start(self, states: Sequence[Mapping[str, Tensor]]) -> None:
        """Copy the parameters of fresh networks, one `state_dict` for each member, to the device in one piece."""
        staged = Flat(self.values.slots, torch.device("cpu"))
        for slot in staged.slots:
            for row, member in zip(staged.views[slot.key], slot.members, strict=True):
                part = in_own_network(row)
                part.copy_(states[member][slot.name].reshape(part.shape))
        self.values.flat.copy_(staged.flat)

    def descend(self, rate: float | Tensor, recipe: Recipe) -> None:
        """Take a step of SGD as `torch.optim.SGD` does.

        Members are independent: every operation is elementwise.

        Parameters
        ----------
        rate : float or () Tensor
            Learning rate; on the device where steps are captured.
        """
        values, momentum, gradient = self.values.flat, self._momentum.flat, self.gradients.flat
        gradient.add_(values, alpha=recipe.weight_decay)
        if self._alive is not None:
            gradient.mul_(self._alive.flat)
        momentum.mul_(recipe.momentum).add_(gradient)
        step = gradient.add_(momentum, alpha=recipe.momentum) if recipe.nesterov else momentum
        if isinstance(rate, Tensor):
            values.sub_(step * rate)
        else:
            values.add_(step, alpha=-rate)

    def corrections(self, counts: Mapping[str, int]) -> Tensor:
        """Return n / (n - 1) for `track`, from the number of values that each normalisation averages over."""
        factors = Flat(self.variances.slots, self.variances.flat.device)
        for key, count in counts.items():
            factors.views[key].fill_(count / max(1, count - 1))
        return factors.flat

    def track(self, corrections: Tensor) -> None:
        """Move the running statistics towards those of the batch; running variances are unbiased."""
        self.means.flat.lerp_(self.batch_means.flat, MOMENTUM)
        variances = self.batch_inverses.flat.pow(-2).sub_(EPSILON).mul_(corrections)
        self.variances.flat.lerp_(variances, MOMENTUM)

    def freeze(self, members: IntArray) -> None:
        """Set the members' parameters to zero for good: what they compute from then on is finite."""
        if not len(members):
            return
        if self._alive is None:
            self._alive = Flat(self.values.slots, self.values.flat.device)
            self._alive.flat.fill_(1.0)
        for stack in (self._alive, self._momentum, self.values, self.means):
            stack.fill(members, 0.0)
        self.variances.fill(members, 1.0)
