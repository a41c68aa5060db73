"""R3: the seeds of an architecture side by side; R4 with equal cells."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from harness.training.dataset import Dataset
from harness.training.pack_cutting import seed_packs, train_pack, unfit
from harness.training.recipe import Recipe
from harness.training.rung import Member

__all__ = ["NAME", "packs", "train_pack", "unfit"]

NAME = "R3"


def packs(
    members: Sequence[Member], recipe: Recipe, dataset: Dataset, device: torch.device, *, network: str
) -> list[list[int]]:
    """Return packs of equal cells."""
    return seed_packs(members, recipe, dataset, device)
