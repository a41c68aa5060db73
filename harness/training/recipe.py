"""Recipes and setups of trainings, as data: the protocol of one network, and what made the networks of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.checks import GREATEST, choice, integer, real
from harness.digests import identity, later
from harness.errors import HarnessError, must, unknown
from harness.files.reading import read_toml
from harness.problem import MOST_EPOCHS

_FOLDER = Path(__file__).parent / "recipes"
_MOST = {"epochs": MOST_EPOCHS, "batch_size": 2**31, "channels": 2**20, "cells": 2**22, "stem_stride": 2**10}
"""Beyond which nothing can be trained, nor counted."""


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
    reduction_cells : tuple of int or None
        Of DARTS networks, which have `cells` cells in all: positions from 0 of the cells that reduce; None are the
        paper's, one and two thirds of the depth.  The width doubles at each.
    stem_stride : int
        Of DARTS networks.

    Notes
    -----
    A field added later is declared with `harness.digests.later`, so that it moves no digest of a training.
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
    reduction_cells: tuple[int, ...] | None = later(None)
    stem_stride: int = later(1)

    def __post_init__(self) -> None:
        for name, high in _MOST.items():
            integer(name, getattr(self, name), low=1, high=high)
        if self.reduction_cells is not None:
            places = tuple(integer("reduction_cells", place, low=0) for place in self.reduction_cells)
            object.__setattr__(self, "reduction_cells", places)
        real("learning_rate", self.learning_rate, low=0.0, high=GREATEST, open_low=True)
        real("momentum", self.momentum, low=0.0, high=1.0)
        real("weight_decay", self.weight_decay, low=0.0, high=GREATEST)
        choice("anneal", self.anneal, ("epoch", "step"))
        choice("reduction", self.reduction, ("residual", "pool"))

    def as_dict(self) -> dict[str, Any]:
        """Return the recipe as plain data, as it enters digests and records."""
        return identity(self)

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
    values = {"name": path.stem} | read_toml(path)
    known = Recipe.__dataclass_fields__
    for key in values:
        if key not in known:
            raise HarnessError(f"{path}: {unknown('key', key, known)}")
    return Recipe(**values)


@dataclass(frozen=True)
class TrainingSetup:
    """How the networks of a table were trained, so that it can be done again.

    Attributes
    ----------
    network, recipe, dataset : str
        Names of `harness.training`; a field added later is declared with `harness.digests.later`.
    seeds : tuple of int
        Those of the table; a verification takes others.
    margin_percent : float or None
        Difference of accuracies, in percentage points, below which two trainings count as equal; stored with the table
        before anything is verified.
    recipe_changes, dataset_options : mapping
        What differs from the recipe of that name, and the arguments of the dataset.
    dataset_sha256 : str
        Digest of a dataset that is the user's own; "" for one that the program knows by name.
    """

    network: str
    recipe: str
    dataset: str
    seeds: tuple[int, ...] = ()
    margin_percent: float | None = None
    recipe_changes: Mapping[str, Any] = field(default_factory=dict)
    dataset_options: Mapping[str, Any] = field(default_factory=dict)
    dataset_sha256: str = later("")

    def __post_init__(self) -> None:
        object.__setattr__(self, "seeds", tuple(int(seed) for seed in self.seeds))
        if self.margin_percent is not None:
            real("margin_percent", self.margin_percent, low=0.0, open_low=True)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON data; `from_dict` reads it back."""
        return identity(self)

    @property
    def dataset_name(self) -> str:
        """What people call the dataset: one's own by the name of its file."""
        return Path(self.dataset).name if self.dataset_sha256 else self.dataset

    @property
    def content(self) -> dict[str, Any]:
        """What digests see: plain data in which data of one's own are their digest, wherever they lie."""
        return self.as_dict() | ({"dataset": ""} if self.dataset_sha256 else {})

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TrainingSetup:
        """Read plain data; an unknown or missing key is refused."""
        for key in data:
            if key not in cls.__dataclass_fields__:
                raise HarnessError(unknown("key of training", key, cls.__dataclass_fields__))
        for key in ("network", "recipe", "dataset"):
            if key not in data:
                raise HarnessError(must("training", f"name its {key}", dict(data)))
        return cls(**data)

    def load_recipe(self) -> Recipe:
        """Read the recipe, with what is changed in it.

        Raises
        ------
        HarnessError
            As `load`.
        """
        return load(self.recipe).but(**self.recipe_changes)
