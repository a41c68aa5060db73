"""A part of a search space: what some rule leaves of it, with the names, keys and encodings of the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.checks import Archs, BoolArray, FloatArray, UInt64Array
from harness.graphs import GraphBatch
from harness.space import SearchSpace


class PartSpace(SearchSpace):
    """Base class of the parts of a space: subclasses say what is valid, and how it is drawn and edited.

    Parameters
    ----------
    base : SearchSpace
        The whole: formats, keys, encodings, graphs and costs are its own.
    rule : str
        A sentence for the description: what is left of the base.
    """

    def __init__(self, base: SearchSpace, rule: str) -> None:
        super().__init__(
            base.name,
            base.cardinalities.tolist(),
            kinds=base.gene_kinds,
            nodes=base.gene_nodes.tolist(),
            exchanged=base._exchanged.tolist(),
        )
        self.has_morphisms = base.has_morphisms
        self._base = base
        self.encodings = base.encodings  # type: ignore[misc]  # of the class elsewhere; here those of the base
        self.description = f"{base.description} {rule}"  # type: ignore[misc]  # as above

    @property
    def whole(self) -> SearchSpace:
        """The space of which this is a part."""
        return self._base.whole if isinstance(self._base, PartSpace) else self._base

    def __getattr__(self, name: str) -> Any:
        """Answer with what else the base knows, for example `graph_shape`."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._base, name)

    def _morphisms(self, arch: Archs) -> Archs:
        """Return those of the base space that are valid: (L,) to (k, L)."""
        children = self._base.morphisms(arch)
        kept: Archs = children[self.is_valid(children)]
        return kept

    def key(self, archs: Archs, identity: str = "functional") -> UInt64Array:
        """Return the keys of the base space."""
        return self._base.key(archs, identity)

    def active(self, archs: Archs) -> BoolArray:
        """Say which genes each row has, as the base space does."""
        return self._base.active(archs)

    def code(self, archs: Archs) -> UInt64Array:
        """Return the numbers of the base space."""
        return self._base.code(archs)

    def decode(self, codes: UInt64Array) -> Archs:
        """Return the rows of genes of the base space."""
        return self._base.decode(codes)

    def features(self, archs: Archs, encoding: str) -> FloatArray:
        """Return the encoding of the base space."""
        return self._base.features(archs, encoding)

    def graph(self, archs: Archs) -> GraphBatch:
        """Return the graphs of the base space."""
        return self._base.graph(archs)

    def legend(self) -> Mapping[str, Sequence[str]]:
        """Return the legend of the base space."""
        return self._base.legend()

    def costs(self, archs: Archs) -> Mapping[str, FloatArray]:
        """Return the costs of the base space."""
        return self._base.costs(archs)

    def format(self, archs: Archs) -> list[str]:
        """Write architectures as the base space does."""
        return self._base.format(archs)

    def parse(self, texts: Sequence[str]) -> Archs:
        """Read architectures as the base space does; whether they are rows is `is_valid`'s to say."""
        return self._base.parse(texts)

    def notation(self, text: str) -> str:
        """Say which form a text has, as the base space does."""
        return self._base.notation(text)

    def choices(self) -> Mapping[str, Sequence[str]]:
        """Return the names of the base space."""
        return self._base.choices()
