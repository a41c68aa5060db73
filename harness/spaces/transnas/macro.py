"""Skeletons of TransNAS-Bench-101: four to six modules that double the width, halve the resolution, both or neither."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import combinations, product
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from harness.checks import Archs, read_only
from harness.errors import HarnessError, must
from harness.spaces.enumerated import EnumeratedSpace

MODULES = ("keep", "double width", "halve resolution", "double width, halve resolution")
"""What the module types 1 to 4 of a skeleton do."""
LENGTHS = (4, 5, 6)
_FORM = re.compile(r"(?:64-)?([1-4]{4,6})(?:-basic)?")


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
        return np.flatnonzero(~good)

    def legend(self) -> Mapping[str, Sequence[str]]:
        """Return what the module at each place does."""
        return {f"module {place}": ["none", *MODULES] for place in range(self.genes)}

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
        archs = super().parse(texts)
        for row in self._forbidden(archs)[:1]:
            raise HarnessError(must("architecture", "double the width 1 to 3 times, halve 1 to 4 times", texts[row]))
        return archs

    def _genes(self, text: str) -> list[int]:
        match = _FORM.fullmatch(text.strip())
        if match is None:
            raise HarnessError(must("architecture", "read '64-1234-basic', four to six digits 1 to 4", text))
        return [int(kind) for kind in match[1].ljust(self.genes, "0")]

    def _facts(self) -> Mapping[str, object]:
        return {"modules": list(MODULES), "valid": len(self._valid_codings)}


def _skeletons() -> Iterable[list[int]]:
    """Yield skeletons in the official order: by length, doublings, halvings, then by their places."""
    for length, doublings, halvings in product(LENGTHS, (1, 2, 3), (1, 2, 3, 4)):
        places = range(length)
        for doubled, halved in product(combinations(places, doublings), combinations(places, halvings)):
            kinds = [1 + (place in doubled) + 2 * (place in halved) for place in places]
            yield kinds + [0] * (max(LENGTHS) - length)
