"""Builds: how the tables are trained that this project trains itself."""

from __future__ import annotations

from dataclasses import dataclass

from harness.digests import identity, sha256_of
from harness.training.recipe import TrainingSetup


@dataclass(frozen=True)
class Build:
    """How one of this project's own tables is trained.

    Attributes
    ----------
    name, space : str
        Of the table, and of its search space.
    training : TrainingSetup
        How each network is trained, and with which seeds.
    part_size : int
        Architectures in a part.
    """

    name: str
    space: str
    training: TrainingSetup
    part_size: int

    @property
    def digest(self) -> str:
        """SHA-256 of what the numbers depend on, the cut into parts included; the margin of verification is not."""
        data = identity(self)
        del data["training"]["margin_percent"]
        return sha256_of(data)
