"""Moves from one architecture to others: network morphisms, or all edits."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from harness.checks import Archs
from harness.space import SearchSpace
from strategies.parts.candidates import exact_keys

NAMES = ("morphism", "neighbours")
"""Edits that can keep a network's function (`SearchSpace.morphisms`), and all edits in a space where none are known;
all edits everywhere."""


class Moves:
    """The moves of a space, each architecture's worked out once.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    space : SearchSpace
    """

    def __init__(self, name: str, space: SearchSpace) -> None:
        strict = name == "morphism" and space.has_morphisms
        self._of: Callable[[Archs], Archs] = space.morphisms if strict else space.neighbours
        self._known: dict[bytes, tuple[Archs, list[Hashable]]] = {}

    def __call__(self, arch: Archs) -> tuple[Archs, list[Hashable]]:
        """Return the architectures one move away, and their exact keys: (L,) to (k, L) and k keys."""
        key = arch.tobytes()
        if key not in self._known:
            around = self._of(arch)
            self._known[key] = around, exact_keys(around)
        return self._known[key]
