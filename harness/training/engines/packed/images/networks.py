"""Networks of NAS-Bench-201 cells on images for all members of a pack, with their gradients written out.

Activations are bf16 on CUDA; parameters, statistics, classifier and loss stay in fp32.
"""

from __future__ import annotations

from importlib.util import find_spec

import torch
from torch import Tensor

from harness.spaces.layers import Geometry
from harness.spaces.nb201.operations import stage_widths
from harness.training.engines.engine import Task
from harness.training.engines.packed.images.cell import ImageCell
from harness.training.engines.packed.images.ends import ImageHead, ImageStem, PoolReduction, ResidualReduction
from harness.training.engines.packed.images.maps import Lattice, Norms
from harness.training.engines.packed.images.operations import PlainOperations
from harness.training.engines.packed.images.places import Block, Pack
from harness.training.engines.packed.plan import WavePlan
from harness.training.engines.packed.weights import PackWeights
from harness.training.networks.operations import EPSILON


class ImageNetworks:
    """All members' networks, for training and for evaluation.

    Parameters
    ----------
    batches : (int, int)
        Largest B of training and of evaluation.
    """

    def __init__(self, plan: WavePlan, weights: PackWeights, task: Task, batches: tuple[int, int]) -> None:
        self._pack, self._batches = (plan, weights, task), batches
        self._made: dict[bool, _Networks] = {}

    def forward(self, images: Tensor, *, training: bool) -> Tensor:
        """Return logits (M, classes, B) float32 of normalised images (M or 1, B, C, H, W)."""
        if training not in self._made:
            self._made[training] = _Networks(*self._pack, self._batches[not training], training=training)
        return self._made[training].forward(images)

    def backward(self, logits_gradient: Tensor) -> None:
        """Write all gradients, from those of the logits (M, classes, B); once after a `forward` in training."""
        self._made[True].backward(logits_gradient)


class _Networks:
    """All members' networks, for batches up to a size.

    Parameters
    ----------
    batch : int
        Largest B.
    training : bool
        Whether by the statistics of batches and with gradients, or by the running statistics and with little memory.
    """

    def __init__(
        self,
        plan: WavePlan,
        weights: PackWeights,
        task: Task,
        batch: int,
        *,
        training: bool,
    ) -> None:
        self._weights, self._training = weights, training
        recipe, device = task.recipe, task.device
        widths = stage_widths(recipe.channels)
        self._norms = Norms(weights, widths[-1])
        lattice, dtype = Lattice.of(Geometry.of(task.dataset.shape)), precision(device)
        self._operations = operations(self._norms, lattice, device, dtype)
        pack = Pack(plan, weights, task, self._norms, self._operations, batch, dtype, training=training)
        self._stem = ImageStem(pack)
        self._blocks: list[Block] = [self._stem]
        feature = self._stem.out
        reduction = PoolReduction if recipe.reduction == "pool" else ResidualReduction
        for stage in range(len(widths)):
            if stage:
                reduced = reduction(pack, stage, feature)
                self._blocks.append(reduced)
                feature = reduced.out
            for cell in range(recipe.cells):
                block = ImageCell(pack, stage, cell, feature)
                self._blocks.append(block)
                feature = block.out
        self._head = ImageHead(pack, feature)
        self._counts = {key: pack.stages[stage].nodes.area for key, stage in pack.stage_of.items()}
        self._corrections: dict[int, Tensor] = {}

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (M, classes, B) float32 of normalised images (M or 1, B, C, H, W)."""
        batch = images.shape[1]
        if not self._training:
            self._norms.prepare(EPSILON)
        self._operations.begin()
        self._stem.read(images)
        for block in self._blocks:
            block.forward(batch)
        logits = self._head.forward(batch)
        if self._training:
            if batch not in self._corrections:
                counts = {key: area * batch for key, area in self._counts.items()}
                self._corrections[batch] = self._weights.corrections(counts)
            self._weights.track(self._corrections[batch])
        return logits

    def backward(self, logits_gradient: Tensor) -> None:
        """Write all gradients, from those of the logits (M, classes, B); once after a `forward` in training."""
        batch = logits_gradient.shape[2]
        self._head.backward(batch, logits_gradient)
        for block in reversed(self._blocks):
            block.backward(batch)


def precision(device: torch.device) -> torch.dtype:
    """Return the type of feature maps."""
    return torch.bfloat16 if device.type == "cuda" else torch.get_default_dtype()


def operations(norms: Norms, lattice: Lattice, device: torch.device, dtype: torch.dtype) -> PlainOperations:
    """Return kernels where there are any, else operations in plain torch."""
    if not has_kernels(device):
        return PlainOperations(norms, lattice)
    from harness.training.engines.packed.triton.launch import KernelOperations  # needs Triton

    return KernelOperations(norms, lattice, dtype)


def has_kernels(device: torch.device) -> bool:
    """Return whether the packed networks on images have kernels for this device."""
    return device.type == "cuda" and find_spec("triton") is not None
