"""How a network is trained, as data."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from harness.checks import choice, integer, real
from harness.errors import HarnessError, unknown

_FOLDER = Path(__file__).parent / "recipes"


@dataclass(frozen=True)
class Recipe:
    """One training protocol: network skeleton, optimiser, schedule, augmentation.

    SGD with momentum on every parameter, batch norm and biases included; cross-entropy; the final epoch's model counts.

    Attributes
    ----------
    name : str
    epochs : int
    batch_size : int
        The partial last batch of an epoch is kept.
    learning_rate, momentum, weight_decay : float
    nesterov : bool
    anneal : {"epoch", "step"}
        When the cosine schedule to 0 moves: lr_e = lr/2 (1 + cos(pi e/T)).
    channels : int
        Width of the first stage; it doubles at each of the two reductions.
    cells : int
        Cells in each of the three stages.
    reduction : {"residual", "pool"}
        Between stages: the residual block of NAS-Bench-201, or average pool and 1x1 convolution (the micro network).
    augment : bool
        Whether the dataset's flip and crop are used.
    """

    name: str
    epochs: int
    batch_size: int = 256
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    nesterov: bool = True
    anneal: str = "epoch"
    channels: int = 16
    cells: int = 5
    reduction: str = "residual"
    augment: bool = True

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "channels", "cells"):
            integer(name, getattr(self, name), low=1)
        real("learning_rate", self.learning_rate, low=0.0, open_low=True)
        real("momentum", self.momentum, low=0.0, high=1.0)
        real("weight_decay", self.weight_decay, low=0.0)
        choice("anneal", self.anneal, ("epoch", "step"))
        choice("reduction", self.reduction, ("residual", "pool"))

    def as_dict(self) -> dict[str, Any]:
        """Return the recipe as plain data."""
        return asdict(self)

    def but(self, **changes: Any) -> Recipe:
        """Return the recipe with some values changed."""
        return replace(self, **changes)


def names() -> list[str]:
    """Return the names of the shipped recipes."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load(name: str | Path) -> Recipe:
    """Read a recipe: a shipped one by name, or a TOML file.

    Raises
    ------
    HarnessError
        If there is no such recipe, a key is unknown or a value is out of range.
    """
    path = Path(name) if str(name).endswith(".toml") else _FOLDER / f"{name}.toml"
    if not path.is_file():
        raise HarnessError(unknown("recipe", str(name), names()))
    given = {"name": path.stem} | tomllib.loads(path.read_text(encoding="utf-8"))
    known = Recipe.__dataclass_fields__
    for key in given:
        if key not in known:
            raise HarnessError(f"{path}: {unknown('key', key, known)}")
    return Recipe(**given)
