"""Live benchmarks: how what is proposed is trained, by the catalogue or by a description of one's own."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from benchmarks_data.catalogue import described
from benchmarks_data.catalogue.entries import builds
from benchmarks_data.file.problem import epochs_of
from harness.checks import choice, integer, real
from harness.digests import sha256_of
from harness.errors import HarnessError, must, unknown
from harness.names import read
from harness.problem import Fidelity
from harness.training.levels import LEVELS, REFERENCE
from harness.training.recipe import TrainingSetup

MARK = "@"
"""Stands between the name of a live benchmark and a level of the trainer."""
_EXACT = f"{MARK}{REFERENCE}"
_RATES = {True: 3e10, False: 8e9}
"""Multiply-adds per second of a core of a CPU, of packed networks and of others."""


@dataclass(frozen=True)
class Offer:
    """One way in which a live benchmark trains: the full one, or one with less data or width.

    Attributes
    ----------
    setup : TrainingSetup
        Its seeds are those that noise draws from.
    items : int
        Training images or signals.
    """

    setup: TrainingSetup
    items: int

    def __post_init__(self) -> None:
        integer("items", self.items, low=1)
        if not self.setup.seeds:
            raise HarnessError(must("seeds", "name at least one seed", list(self.setup.seeds)))


@dataclass(frozen=True)
class Live:
    """A live benchmark.

    Attributes
    ----------
    name, title, dataset : str
        Registered name, or that of a description of one's own, and texts for people.
    space : str
        Of `harness.spaces.named`, or the definition of one's own.
    trainings : tuple of Offer
        The cheapest first, the full one last.
    level : str
        Of the trainer, one of `harness.training.levels.LEVELS`.
    device : {"cpu", "cuda"}
    multiply_adds_per_second : float
        The rate at which simulated seconds count a training's multiply-adds.
    """

    name: str
    title: str
    dataset: str
    space: str
    trainings: tuple[Offer, ...]
    level: str
    device: str
    multiply_adds_per_second: float

    def __post_init__(self) -> None:
        choice("level", self.level, tuple(LEVELS))
        choice("device", self.device, ("cpu", "cuda"))
        real("multiply_adds_per_second", self.multiply_adds_per_second, low=0.0, open_low=True)
        if not self.trainings:
            raise HarnessError(must("trainings", "name at least one training", list(self.trainings)))

    @property
    def full(self) -> Offer:
        """The full training."""
        return self.trainings[-1]

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """All on which numbers depend, versions apart, as plain data."""
        trainings = []
        for offer in self.trainings:
            setup = offer.setup.content
            del setup["margin_percent"]
            recipe = offer.setup.load_recipe().as_dict() | {"name": None}
            trainings.append(setup | {"recipe": recipe, "items": offer.items})
        return {
            "name": self.name.partition(MARK)[0],
            "space": self.space,
            "trainings": trainings,
            "level": self.level,
            "device": self.device,
            "multiply_adds_per_second": self.multiply_adds_per_second,
        }

    @cached_property
    def digest(self) -> str:
        """SHA-256 of `facts`, hexadecimal."""
        return sha256_of(self.facts)

    @cached_property
    def fidelities(self) -> tuple[Fidelity, ...]:
        """Every epoch of every training, the cheapest training first."""
        offered: list[Fidelity] = []
        for offer in self.trainings:
            offered += epochs_of(offer.setup.load_recipe().epochs, first=len(offered), scale=self._scale(offer))
        return tuple(offered)

    def _scale(self, offer: Offer) -> dict[str, float]:
        channels = [item.setup.load_recipe().channels for item in (offer, self.full)]
        shares = {"data": offer.items / self.full.items, "width": channels[0] / channels[1]}
        return {name: share for name, share in shares.items() if share != 1.0}

    @cached_property
    def training_of(self) -> tuple[int, ...]:
        """The place among `trainings` of each fidelity."""
        lengths = [offer.setup.load_recipe().epochs for offer in self.trainings]
        return tuple(place for place, length in enumerate(lengths) for _ in range(length))


@cache
def lives() -> Mapping[str, Live]:
    """Return the live benchmarks by name."""
    files = sorted((Path(__file__).parents[1] / "catalogue" / "live").glob("*.toml"))
    listed = [tomllib.loads(path.read_text(encoding="utf-8"))["live"] for path in files]
    return {name: _live(name, fields) for file in listed for name, fields in file.items()}


def _live(name: str, fields: Mapping[str, Any]) -> Live:
    given = dict(fields)
    offers = []
    for told in given.pop("trainings"):
        setup = builds()[told["build"]].training if "build" in told else TrainingSetup.from_dict(told["training"])
        offers.append(Offer(setup, told["items"]))
    return Live(name=name, trainings=tuple(offers), **given)


def is_live(name: object) -> bool:
    """Say whether a name, or a path, is of a live benchmark, a level behind it or not."""
    if not isinstance(name, str):
        return False
    path = read(name.removesuffix(_EXACT)).path
    if path is not None:
        return path.suffix == ".toml" and described.is_description(path)
    return name.partition(MARK)[0] in lives()


def _of_ones_own(path: Path, level: str) -> Live:
    """Return the live benchmark that a description of one's own makes; its name is that of the description."""
    own = described.read(path)
    setup, recipe = own.plan.training, own.plan.training.load_recipe()
    packs = setup.network == "nb201" and own.dataset.is_signal and recipe.reduction == "pool"
    return Live(
        name=own.plan.name,
        title=own.title,
        dataset=own.dataset.description,
        space=own.plan.space,
        trainings=(Offer(setup, len(own.dataset.labels["train"])),),
        level=level or ("R4" if packs else REFERENCE),
        device="cpu",
        multiply_adds_per_second=_RATES[packs],
    )


def live(name: str) -> Live:
    """Return a live benchmark by its name or path, trained at the level behind the ``@`` where there is one.

    Raises
    ------
    HarnessError
        If the name is unknown, or another level than its own or R0 is asked for.
    """
    path = read(name.removesuffix(_EXACT)).path
    if path is not None:
        return _of_ones_own(path, REFERENCE if name.endswith(_EXACT) else "")
    bare, mark, level = name.partition(MARK)
    if bare not in lives():
        raise HarnessError(unknown("live benchmark", bare, lives()))
    known = lives()[bare]
    if not mark or level == known.level:
        return known
    if level != REFERENCE:
        raise HarnessError(unknown(f"level of {bare}", level, sorted({known.level, REFERENCE})))
    return replace(known, name=name, level=level)
