"""The two spaces of TransNAS-Bench-101: cells of a fixed network, and skeletons of a fixed cell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, cached_property
from itertools import combinations, product
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from harness.checks import Archs, FloatArray, UInt64Array, arch_matrix, choice, read_only
from harness.errors import HarnessError, must
from harness.space import IDENTITIES
from harness.spaces.enumerated import EnumeratedSpace

OPERATIONS = ("none", "skip_connect", "conv_1x1", "conv_3x3")
NONE, SKIP, CONV_1X1, CONV_3X3 = range(4)
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""(source, target) of each gene of a cell, in the order of the official strings."""
PATHS = ((3,), (0, 4), (1, 5), (0, 2, 5))
"""Edges of the four ways from input to output, shortest first."""
MODULES = ("keep", "double width", "halve resolution", "double width, halve resolution")
"""What the module types 1 to 4 of a skeleton do."""
LENGTHS = (4, 5, 6)
_PREFIX = "64-41414-"
_CELL = re.compile(r"(?:64-41414-)?([0-3])_([0-3])([0-3])_([0-3])([0-3])([0-3])")
_SKELETON = re.compile(r"(?:64-)?([1-4]{4,6})(?:-basic)?")


class TransNASMicroSpace(EnumeratedSpace):
    """Cells of TransNAS-Bench-101 (Duan et al., CVPR 2021), stacked on the fixed skeleton 41414.

    Genes: the operations, in the order of `OPERATIONS`, on the edges of `EDGES`.  All 4,096 codings are valid and each
    is a row of the table; the coding read in base 4 is the official index less 3,256.  `key` knows:

    - ``"exact"`` and ``"string"``: the coding, which is the official string;
    - ``"functional"``: zeros vanish from sums, an operation on zero is zero, and a skip between inner nodes joins the
      sum it enters.  A skip that starts at the input stays an operation: where a module changes the shape, it is a
      factorised reduction with weights of its own.  The key is the smallest code of its class.

    Encodings: ``one_hot`` (24); ``adjacency`` (24): for each edge whether it is there, then three indicators that name
    its operation (White et al., NeurIPS 2020, 3); ``path`` (84): which operation sequences lead from input to output,
    4 + 16 + 64 (White et al., "BANANAS", AAAI 2021, 4).
    """

    encodings: ClassVar[tuple[str, ...]] = ("one_hot", "adjacency", "path")
    description: ClassVar[str] = (
        "TransNAS-Bench-101 cells: one of none, skip_connect, conv_1x1, conv_3x3 on each of the edges 1<-0, 2<-0, "
        "2<-1, 3<-0, 3<-1, 3<-2. All 4,096 codings are valid; samples are uniform over them."
    )

    def __init__(self) -> None:
        super().__init__("transnas-micro", [len(OPERATIONS)] * len(EDGES))

    @cached_property
    def official(self) -> Archs:
        """Every cell in the order of the official index from 3,256 on: (4096, 6)."""
        return self.all_codings

    def key(self, archs: Archs, identity: str = "functional") -> UInt64Array:
        """Return keys that are equal exactly when two cells are the same: (n, 6) to (n,) uint64; see the class."""
        choice("identity", identity, IDENTITIES)
        positions = self.positions(archs)
        return _classes()[positions] if identity == "functional" else positions.astype(np.uint64)

    def features(self, archs: Archs, encoding: str) -> FloatArray:
        """Encode cells for a learner: (n, 6) to (n, d) float64; see the class for `encoding` and d."""
        choice("encoding", encoding, self.encodings)
        archs = arch_matrix("archs", archs, self.genes)
        one_hot = self.one_hot(archs)
        if encoding == "adjacency":
            indicators = one_hot.reshape(-1, len(EDGES), len(OPERATIONS))
            named = indicators[:, :, 1:].reshape(len(archs), -1)
            return np.concatenate([1.0 - indicators[:, :, NONE], named], axis=1)
        return one_hot if encoding == "one_hot" else _paths(archs)

    def format(self, archs: Archs) -> list[str]:
        """Write cells as official strings: (n, 6) to n strings.

        >>> TransNASMicroSpace().format(np.array([[1, 0, 2, 3, 3, 3]]))
        ['64-41414-1_02_333']
        """
        return [f"{_PREFIX}{a}_{b}{c}_{d}{e}{f}" for a, b, c, d, e, f in np.asarray(archs).tolist()]

    def parse(self, texts: Sequence[str]) -> Archs:
        """Read official strings, with or without ``64-41414-``: n strings to (n, 6) uint8.

        Raises
        ------
        HarnessError
            If a text has another form.
        """
        return np.array(
            [_digits(_CELL, text, "read '64-41414-a_bc_def', digits 0 to 3") for text in texts], dtype=self.dtype
        ).reshape(len(texts), self.genes)

    def facts(self) -> Mapping[str, object]:
        """Return what `describe` prints."""
        return dict(super().facts()) | {
            "operations": list(OPERATIONS),
            "valid": self.codings,
            "classes": {"functional": len(np.unique(_classes()))},
        }


class TransNASMacroSpace(EnumeratedSpace):
    """Skeletons of TransNAS-Bench-101 (Duan et al., CVPR 2021), built of ResNet basic blocks.

    Genes: the types 1 to 4 of up to six modules (`MODULES`); 0 means that there is no such module, and only follows.
    Valid are four to six modules of which one to three double the width (types 2, 4) and one to four halve the
    resolution (types 3, 4): 3,256 of 15,625 codings, each a row of the table.  No two are the same function.

    `sample` is uniform over valid codings.  `mutate` and `neighbours` change one module's type, or add or take away the
    last module.

    The encoding ``one_hot`` has five indicators for each module (30).
    """

    description: ClassVar[str] = (
        "TransNAS-Bench-101 skeletons: four to six modules, each of type 1 (keep), 2 (double the width), 3 (halve the "
        "resolution) or 4 (both), with one to three doublings and one to four halvings. 3,256 codings are valid; "
        "samples are uniform over them."
    )

    def __init__(self) -> None:
        super().__init__("transnas-macro", [1 + len(MODULES)] * max(LENGTHS))

    @cached_property
    def official(self) -> Archs:
        """Every skeleton in the order of the official index: (3256, 6)."""
        return read_only(np.array(list(_skeletons()), dtype=self.dtype))

    def _forbidden(self, archs: Archs) -> npt.NDArray[np.intp]:
        there = np.asarray(archs) != 0
        doublings = np.count_nonzero((archs == 2) | (archs == 4), axis=1)
        halvings = np.count_nonzero(archs >= 3, axis=1)
        good = there[:, : min(LENGTHS)].all(axis=1) & (there[:, 4] >= there[:, 5])
        good &= (doublings >= 1) & (doublings <= 3) & (halvings >= 1) & (halvings <= 4)
        wrong: npt.NDArray[np.intp] = np.flatnonzero(~good)
        return wrong

    def format(self, archs: Archs) -> list[str]:
        """Write skeletons as official strings: (n, 6) to n strings.

        >>> TransNASMacroSpace().format(np.array([[1, 2, 3, 4, 0, 0]]))
        ['64-1234-basic']
        """
        return [f"64-{''.join(str(kind) for kind in arch if kind)}-basic" for arch in np.asarray(archs).tolist()]

    def parse(self, texts: Sequence[str]) -> Archs:
        """Read official strings, with or without ``64-`` and ``-basic``: n strings to (n, 6) uint8.

        Raises
        ------
        HarnessError
            If a text has another form, or its skeleton is not one of the 3,256.
        """
        rule = "read '64-1234-basic', four to six digits 1 to 4"
        rows = [[int(kind) for kind in _digits(_SKELETON, text, rule)[0]] for text in texts]
        archs = np.zeros((len(rows), self.genes), dtype=self.dtype)
        for row, kinds in enumerate(rows):
            archs[row, : len(kinds)] = kinds
        for row in self._forbidden(archs)[:1]:
            raise HarnessError(must("architecture", "double the width 1 to 3 times, halve 1 to 4 times", texts[row]))
        return archs

    def facts(self) -> Mapping[str, object]:
        """Return what `describe` prints."""
        return dict(super().facts()) | {"modules": list(MODULES), "valid": len(self._valid_codings)}


def _digits(form: re.Pattern[str], text: str, rule: str) -> tuple[str, ...]:
    match = form.fullmatch(text.strip())
    if match is None:
        raise HarnessError(must("architecture", rule, text))
    return match.groups()


def _skeletons() -> Iterable[list[int]]:
    """Yield skeletons in the official order: by length, doublings, halvings, then by their places."""
    for length, doublings, halvings in product(LENGTHS, (1, 2, 3), (1, 2, 3, 4)):
        places = range(length)
        for doubled, halved in product(combinations(places, doublings), combinations(places, halvings)):
            kinds = [1 + (place in doubled) + 2 * (place in halved) for place in places]
            yield kinds + [0] * (max(LENGTHS) - length)


def functional_string(arch: Sequence[int]) -> str:
    """Return a string that is equal for cells that compute the same sum of the same terms; empty for constant zero."""
    nodes: list[tuple[str, ...]] = [("0",)]
    for target in (1, 2, 3):
        terms: list[str] = []
        for (source, end), code in zip(EDGES, arch, strict=True):
            if end != target or code == NONE:
                continue
            if code == SKIP and source != 0:
                terms.extend(nodes[source])
            elif nodes[source]:
                terms.append(f"({'+'.join(nodes[source])})@{OPERATIONS[code]}")
        nodes.append(tuple(sorted(terms)))
    return "+".join(nodes[3])


@cache
def _classes() -> UInt64Array:
    """Return for every code the smallest code of its functional class, (4096,) uint64."""
    first: dict[str, int] = {}
    codes = enumerate(product(range(len(OPERATIONS)), repeat=len(EDGES)))
    return read_only(
        np.array([first.setdefault(functional_string(arch), code) for code, arch in codes], dtype=np.uint64)
    )


def _paths(archs: Archs) -> FloatArray:
    base = len(OPERATIONS)
    starts = np.cumsum([0, base, base**2, base**3])
    out = np.zeros((len(archs), starts[-1]))
    rows = np.arange(len(archs))
    for path in PATHS:
        number = archs[:, path].astype(np.intp) @ (base ** np.arange(len(path))[::-1])
        out[rows, starts[len(path) - 1] + number] = 1.0
    return out
