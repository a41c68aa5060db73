"""The scaling of networks in a spec: ``[scaling]``, and ``[[families]]`` where searches name strategies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.checks import integer, real
from harness.errors import HarnessError, must
from harness.experiments.prediction import item_of
from harness.problem import MOST_EPOCHS

KIND = "scaling"
"""Name of the kind of work that trains networks of several sizes."""
MOST_PHI = 12.0
"""At which a network costs four thousand times the smallest."""
MOST = {"multiple": 4096, "channels": 4096, "cells": 1000, "epochs": MOST_EPOCHS}
"""Of the smallest network."""


@dataclass(frozen=True)
class ScalingSpec:
    """Which network is made larger, from what size.

    Attributes
    ----------
    arch : str
        The architecture, as the space of the benchmark writes it.
    phis : tuple of float
        Sizes of each family, from 0, which is the smallest network, ascending.
    channels, cells : int or None
        Of the smallest network; None for those of the table's own recipe.
    multiple : int
        To which channels are rounded.
    epochs : int or None
        Of each training; None for those of the recipe.
    """

    arch: str
    phis: tuple[float, ...] = (0.0, 1.0, 2.0, 3.0, 4.0)
    channels: int | None = None
    cells: int | None = None
    multiple: int = 4
    epochs: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "phis", tuple(map(float, self.phis)))
        for phi in self.phis:
            real("scaling.phis", phi, low=0.0, high=MOST_PHI)
        if len(self.phis) < 2 or self.phis[0] != 0 or sorted(set(self.phis)) != list(self.phis):
            raise HarnessError(must("scaling.phis", "name 0 and at least one larger size, ascending", list(self.phis)))
        for name, high in MOST.items():
            if getattr(self, name) is not None:
                integer(f"scaling.{name}", getattr(self, name), low=1, high=high)


def as_spec(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return plain data that names ``[[families]]`` with the keys that all kinds of work share; others as they are.

    Each family is a table: ``name``, where two are alike ``label``, and its coefficients.  The kind of work is `KIND`;
    it takes five replicates where none are given, and no budget.

    Examples
    --------
    >>> said = as_spec({"scaling": {"arch": "..."}, "families": [{"name": "width"}]})
    >>> said["kind"], said["strategies"], said["replicates"]
    ('scaling', [{'name': 'width', 'hyperparameters': {}}], 5)
    """
    if "families" not in data:
        if data.get("scaling") is not None and data.get("kind") != KIND:
            raise HarnessError(must("scaling", "be given with [[families]], which it is about", data["scaling"]))
        return data
    families = data["families"]
    if not isinstance(families, list) or not families or not all(isinstance(item, Mapping) for item in families):
        raise HarnessError(must("families", "be tables, [[families]], at least one", families))
    for key in ("strategies", "learners", "budget"):
        if key in data:
            raise HarnessError(must("families", f"be given without `{key}`: it is another kind of work", "both"))
    for index, item in enumerate(families):
        if not isinstance(item.get("name"), str):
            raise HarnessError(must(f"families[{index}]", "have a `name`, a text", dict(item)))
    kept = {key: value for key, value in data.items() if key != "families"}
    return {
        "kind": KIND,
        "replicates": 5,
        "budget": {"evaluations": 1},
        **kept,
        "strategies": [*map(item_of, families)],
    }
