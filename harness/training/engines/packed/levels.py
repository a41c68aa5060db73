"""The levels that take networks of NAS-Bench-201 cells by packs: R2 (a pack of one), R3 (seeds), R4 (any cells)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from harness.spaces.layers import Geometry
from harness.spaces.nb201.operations import stage_widths
from harness.training.engines.captured import GraphEngine
from harness.training.engines.engine import Engine, Level, Task
from harness.training.engines.packed.engine import PackedEngine, fits_signals
from harness.training.engines.packed.images.networks import has_kernels, precision
from harness.training.schedule import Member

CPU_PACK = 4
"""Members of different cells on a CPU: what they touch in a step has to stay in its caches."""
CPU_SEEDS = 6
"""Members of one cell on a CPU; nothing is copied for them."""
CUDA_PACK = 512
_SIGNALS_PER_CELL, _IMAGES_PER_CELL = 25, 14
"""Feature maps that a member keeps for a cell from the forward to the backward pass, gradients included."""


class CapturedLevel(Level):
    """R2: the whole training step of one network as a CUDA graph; equal to R1 up to the choice of kernels.

    Networks that `images` has kernels for are trained as packs of one.
    """

    name = "R2"

    def unfit(self, task: Task) -> str | None:
        """Say that graphs need CUDA."""
        return None if task.device.type == "cuda" else "needs a CUDA device"

    def engine(self, members: Sequence[Member], task: Task) -> Engine:
        """Return the engine of the pack's only network."""
        (member,) = members
        if task.network == "nb201" and not task.dataset.is_signal and has_kernels(task.device):
            return PackedEngine(members, task)
        return GraphEngine(member, task)


class PackedLevel(Level):
    """Networks side by side; equal to R0 up to rounding, of bf16 for images on CUDA.  Subclasses cut the packs."""

    packed = True

    def unfit(self, task: Task) -> str | None:
        """Say why these networks cannot be packed here, or return None."""
        if task.network != "nb201":
            return "fuses networks of the NAS-Bench-201 cell space only"
        if task.device.type == "cpu" and not fits_signals(task):
            return "is slower than R0 on a CPU, except for signals with pooling reductions"
        if task.device.type != "cpu" and not fits_signals(task) and not has_kernels(task.device):
            return "needs Triton, which comes with torch for CUDA, except for signals with pooling reductions"
        return None

    def precision(self, task: Task) -> torch.dtype:
        """Return fp32 for signals, and for images what their maps are in."""
        return torch.float32 if fits_signals(task) else precision(task.device)

    def engine(self, members: Sequence[Member], task: Task) -> Engine:
        """Return the engine of all members."""
        return PackedEngine(members, task)


class SeedLevel(PackedLevel):
    """R3: the seeds of an architecture side by side; R4 with equal cells."""

    name = "R3"

    def packs(self, members: Sequence[Member], task: Task) -> list[list[int]]:
        """Return packs of equal cells."""
        cap = CPU_SEEDS if task.device.type == "cpu" else cuda_pack(task)
        return [part for same in _by_arch(members) for part in _even_parts(same, cap)]


class WaveLevel(PackedLevel):
    """R4: networks of different cells side by side, the edges of all members bucketed by operation."""

    name = "R4"

    def packs(self, members: Sequence[Member], task: Task) -> list[list[int]]:
        """Return packs of any cells, equal ones next to each other.

        On a CPU the seeds of a cell stay among themselves if there are several; the others are put together in small
        packs.
        """
        groups = _by_arch(members)
        if task.device.type != "cpu":
            return _even_parts([position for same in groups for position in same], cuda_pack(task))
        packs = [part for same in groups if len(same) > 1 for part in _even_parts(same, CPU_SEEDS)]
        return packs + _even_parts([same[0] for same in groups if len(same) == 1], CPU_PACK)


def cuda_pack(task: Task) -> int:
    """Return how many members should fit into four fifths of the device's free memory."""
    free, _ = torch.cuda.mem_get_info(task.device)
    recipe, shape = task.recipe, task.dataset.shape
    widths = stage_widths(recipe.channels)
    positions = Geometry.of(shape).positions(shape, len(widths))
    values = sum(width * places for width, places in zip(widths, positions, strict=True)) * recipe.batch_size
    each = 4 * _SIGNALS_PER_CELL if fits_signals(task) else 2 * _IMAGES_PER_CELL
    return int(np.clip(0.8 * free // (values * recipe.cells * each), 1, CUDA_PACK))


def _by_arch(members: Sequence[Member]) -> list[list[int]]:
    """Return positions of equal cells together, cells in ascending order."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for position in sorted(range(len(members)), key=lambda position: members[position].arch):
        groups.setdefault(members[position].arch, []).append(position)
    return list(groups.values())


def _even_parts(positions: list[int], cap: int) -> list[list[int]]:
    """Cut into as few parts as the cap allows, of sizes that differ by one at most."""
    count = -(-len(positions) // cap)
    return [part.tolist() for part in np.array_split(np.array(positions, dtype=np.int64), count)] if count else []
