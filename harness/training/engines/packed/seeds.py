"""R3: the seeds of an architecture side by side; R4 with equal cells."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from harness.training.data.dataset import Dataset
from harness.training.engines.engine import Member
from harness.training.engines.packed.cutting import seed_packs, train_pack, unfit
from harness.training.recipe import Recipe

__all__ = ["NAME", "packs", "train_pack", "unfit"]

NAME = "R3"


def packs(
    members: Sequence[Member], recipe: Recipe, dataset: Dataset, device: torch.device, *, network: str
) -> list[list[int]]:
    """Return packs of equal cells."""
    return seed_packs(members, recipe, dataset, device)
