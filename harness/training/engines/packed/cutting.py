"""How networks are put into packs, and how a fused pack is trained; what R3 and R4 share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from harness.spaces.layers import Geometry
from harness.spaces.nb201.operations import stage_widths
from harness.training.data.dataset import Dataset
from harness.training.engines.engine import Interrupted, Member, OnEpoch, State, never
from harness.training.engines.loop import run
from harness.training.engines.packed.engine import FusedEngine, fits_signals
from harness.training.engines.packed.images.networks import has_kernels
from harness.training.engines.resident import fast_kernels
from harness.training.recipe import Recipe

CPU_PACK = 4
"""Members of different cells on a CPU: what they touch in a step has to stay in its caches."""
CPU_SEEDS = 6
"""Members of one cell on a CPU; nothing is copied for them."""
CUDA_PACK = 512
_SIGNALS_PER_CELL, _IMAGES_PER_CELL = 25, 14
"""Feature maps that a member keeps for a cell from the forward to the backward pass, gradients included."""


def unfit(network: str, recipe: Recipe, dataset: Dataset, device: torch.device) -> str | None:
    """Say why these networks cannot be fused here, or return None."""
    if network != "nb201":
        return "fuses networks of the NAS-Bench-201 cell space only"
    if device.type == "cpu" and not fits_signals(recipe, dataset):
        return "is slower than R0 on a CPU, except for signals with pooling reductions"
    if device.type != "cpu" and not fits_signals(recipe, dataset) and not has_kernels(device):
        return "needs Triton, which comes with torch for CUDA, except for signals with pooling reductions"
    return None


def seed_packs(members: Sequence[Member], recipe: Recipe, dataset: Dataset, device: torch.device) -> list[list[int]]:
    """Return packs of equal cells."""
    cap = CPU_SEEDS if device.type == "cpu" else cuda_pack(recipe, dataset, device)
    return [part for same in _by_arch(members) for part in _even_parts(same, cap)]


def wave_packs(members: Sequence[Member], recipe: Recipe, dataset: Dataset, device: torch.device) -> list[list[int]]:
    """Return packs of any cells, equal ones next to each other.

    On a CPU the seeds of a cell stay among themselves if there are several; the others are put together in small packs.
    """
    groups = _by_arch(members)
    if device.type != "cpu":
        return _even_parts([position for same in groups for position in same], cuda_pack(recipe, dataset, device))
    packs = [part for same in groups if len(same) > 1 for part in _even_parts(same, CPU_SEEDS)]
    return packs + _even_parts([same[0] for same in groups if len(same) == 1], CPU_PACK)


def cuda_pack(recipe: Recipe, dataset: Dataset, device: torch.device) -> int:
    """Return how many members should fit into four fifths of the device's free memory."""
    free, _ = torch.cuda.mem_get_info(device)
    widths = stage_widths(recipe.channels)
    positions = Geometry.of(dataset.shape).positions(dataset.shape, len(widths))
    values = sum(width * places for width, places in zip(widths, positions, strict=True)) * recipe.batch_size
    each = 4 * _SIGNALS_PER_CELL if fits_signals(recipe, dataset) else 2 * _IMAGES_PER_CELL
    return int(np.clip(0.8 * free // (values * recipe.cells * each), 1, CUDA_PACK))


def _by_arch(members: Sequence[Member]) -> list[list[int]]:
    """Return positions of equal cells together, cells in ascending order."""
    found: dict[tuple[int, ...], list[int]] = {}
    for position in sorted(range(len(members)), key=lambda position: members[position].arch):
        found.setdefault(members[position].arch, []).append(position)
    return list(found.values())


def _even_parts(positions: list[int], cap: int) -> list[list[int]]:
    """Cut into as few parts as the cap allows, of sizes that differ by one at most."""
    count = -(-len(positions) // cap)
    return [part.tolist() for part in np.array_split(np.array(positions, dtype=np.int64), count)] if count else []


def train_pack(
    members: Sequence[Member],
    recipe: Recipe,
    dataset: Dataset,
    device: torch.device,
    *,
    network: str,
    state: State | None = None,
    on_epoch: OnEpoch = lambda state: False,
    interrupted: Interrupted = never,
) -> State:
    """Train the members side by side; equal to R0 up to rounding, of bf16 for images on CUDA."""
    with fast_kernels():
        engine = FusedEngine(members, recipe, dataset, device)
        return run(engine, recipe, dataset, state=state, on_epoch=on_epoch, interrupted=interrupted)
