"""R4: networks of different cells side by side, the edges of all members bucketed by operation."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from harness.training.data.dataset import Dataset
from harness.training.engines.engine import Member
from harness.training.engines.packed.cutting import train_pack, unfit, wave_packs
from harness.training.recipe import Recipe

__all__ = ["NAME", "packs", "train_pack", "unfit"]

NAME = "R4"


def packs(
    members: Sequence[Member], recipe: Recipe, dataset: Dataset, device: torch.device, *, network: str
) -> list[list[int]]:
    """Return packs of any cells."""
    return wave_packs(members, recipe, dataset, device)
