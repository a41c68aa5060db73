"""Builds: how the tables are trained that this project trains itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.checks import FloatArray, IntArray, integer
from harness.digests import identity, later, sha256_of
from harness.training.recipe import TrainingSetup


@dataclass(frozen=True)
class Origin:
    """A strategy that proposes a share of a sample.

    Attributes
    ----------
    strategy : str
    count : int
        Architectures in a round.
    hyperparameters : mapping
    surrogate : mapping or None
        Of a strategy that learns a model; its default if not given.
    """

    strategy: str
    count: int
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    surrogate: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        integer("count", self.count, low=1)


@dataclass(frozen=True)
class Repeats:
    """Which architectures of the later rounds of a sample get all seeds.

    Attributes
    ----------
    start : int
        The first round that this is for.
    every : int
        Rounds from one that repeats architectures to the next.
    best : int
        By the first seed.
    spread : int
        At even distances in the order of all others: noise is to be known where nothing is good, too.
    """

    start: int
    every: int
    best: int
    spread: int

    def __post_init__(self) -> None:
        for name, low in (("start", 0), ("every", 1), ("best", 0), ("spread", 0)):
            integer(name, getattr(self, name), low=low)


@dataclass(frozen=True)
class Sample:
    """Which architectures are trained where a space has too many: rounds of proposals, as NAS-Bench-301 was sampled.

    Siems et al., "Surrogate NAS Benchmarks", ICLR 2022, 3.1: random architectures for coverage, and what optimisers
    find for the good region.  Each round, every origin proposes its share by what all rounds before it gave; then the
    best of the round, by their first seed, are trained with the build's other seeds.

    Attributes
    ----------
    rounds : int
    repeated : int
        Architectures of a round that get all seeds.
    origins : tuple of Origin
    then : Repeats or None
        In place of `repeated`, from a round on.
    """

    rounds: int
    repeated: int
    origins: tuple[Origin, ...]
    then: Repeats | None = None

    def __post_init__(self) -> None:
        integer("rounds", self.rounds, low=1)
        integer("repeated", self.repeated, low=0, high=self.size)
        if self.then is not None:
            integer("repeated", self.then.best + self.then.spread, low=0, high=self.size)

    @property
    def size(self) -> int:
        """Architectures of a round."""
        return sum(origin.count for origin in self.origins)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Sample:
        """Read plain data."""
        origins = tuple(Origin(**origin) for origin in data["origins"])
        then = Repeats(**data["then"]) if "then" in data else None
        return cls(data["rounds"], data["repeated"], origins, then)

    def again(self, errors: FloatArray, number: int) -> IntArray:
        """Return the places of the architectures of a round that get all seeds.

        Parameters
        ----------
        errors : (n,)
            Of the first seed; NaN of a training that failed, which comes last.
        number : int
            Of the round.
        """
        order = np.argsort(errors, kind="stable")
        if self.then is None or number < self.then.start:
            return order[: self.repeated]
        if (number - self.then.start) % self.then.every:
            return order[:0]
        rest, spread = order[self.then.best :], self.then.spread
        places = ((np.arange(spread) + 0.5) * len(rest) / max(spread, 1)).astype(np.int64)
        return np.concatenate([order[: self.then.best], rest[places]])


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
    sample : Sample or None
        Of a space that is too large to be trained whole.
    """

    name: str
    space: str
    training: TrainingSetup
    part_size: int
    sample: Sample | None = later(None)

    @property
    def digest(self) -> str:
        """SHA-256 of what the numbers depend on, the cut into parts included.

        The margin of verification is not in it, nor how many rounds of a sample there shall be and which of the later
        ones repeat architectures: no training depends on it.
        """
        data = identity(self) | {"training": self.training.content}
        del data["training"]["margin_percent"]
        if self.sample is not None:
            del data["sample"]["rounds"], data["sample"]["then"]
        return sha256_of(data)
