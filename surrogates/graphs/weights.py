"""Stacked weights: those of one network a row, so that one batched product serves many networks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from torch import Tensor

from surrogates.neural.networks import Float32Array
from surrogates.neural.training import ALIGNMENT


class Kind(NamedTuple):
    """One of the tensors that a network consists of: uniform within `limit` around `centre` before training."""

    shape: tuple[int, ...]
    limit: float = 0.0
    centre: float = 0.0


Kinds = Mapping[str, Kind]


def glorot(inputs: int, outputs: int) -> Kind:
    """Return the kind of a matrix (inputs, outputs) whose limit is sqrt(6 / (inputs + outputs)).

    Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010, eq. 16.
    """
    return Kind((inputs, outputs), math.sqrt(6 / (inputs + outputs)))


def offset(width: int, value: float = 0.0) -> Kind:
    """Return the kind of a row (1, width) that is constant before training: a bias, or a scale of 1."""
    return Kind((1, width), 0.0, value)


def size(kinds: Kinds) -> int:
    """Return the numbers of one network, with what pads them to whole vectors; see `ALIGNMENT`."""
    return -(-sum(math.prod(kind.shape) for kind in kinds.values()) // ALIGNMENT) * ALIGNMENT


def initial(kinds: Kinds, count: int, rng: np.random.Generator) -> Float32Array:
    """Draw the weights of `count` networks before training, one a row: (count, size) float32."""
    numbers = [math.prod(kind.shape) for kind in kinds.values()]
    limits, centres = (np.zeros(size(kinds), dtype=np.float32) for _ in range(2))
    limits[: sum(numbers)] = np.repeat([kind.limit for kind in kinds.values()], numbers)
    centres[: sum(numbers)] = np.repeat([kind.centre for kind in kinds.values()], numbers)
    drawn = rng.random((count, len(limits)), dtype=np.float32)
    return np.asarray(centres + (2 * drawn - 1) * limits, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Weights:
    """Weights of G networks: ``weights[name]`` has an axis of networks, then its shape.

    Attributes
    ----------
    kinds : mapping of str to Kind
    flat : (G, size) float32
        What all of them are views of.
    """

    kinds: Kinds
    flat: Tensor

    def views(self) -> dict[str, Tensor]:
        """Return the tensors by name, as views."""
        found, start = {}, 0
        for name, kind in self.kinds.items():
            stop = start + math.prod(kind.shape)
            found[name] = self.flat[:, start:stop].view(len(self.flat), *kind.shape)
            start = stop
        return found

    def take(self, start: int, stop: int) -> Weights:
        """Return networks `start` to `stop` as a copy of their own."""
        return Weights(self.kinds, self.flat[start:stop].clone())
