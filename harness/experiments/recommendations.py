"""Recommendations of one-shot methods, as results hold them, and architectures that stand for a space."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.checks import Archs
from harness.space import SearchSpace

MOST_LISTED, DRAWN = 10**6, 10_000
"""Codings of a space up to which all are counted, and architectures that stand for those of a larger one."""
ALONE = 5
"""Random architectures of the sample that are trained by themselves, where the benchmark trains what it is asked."""


def recommended(columns: Mapping[str, Any], derivation: int = 0) -> tuple[npt.NDArray[np.int64], Archs]:
    """Return the epochs, from 1, and the architectures that were recommended by a derivation: (n,) and (n, L)."""
    rows = np.asarray(columns["recommended/derivation"]) == derivation
    return np.asarray(columns["recommended/epoch"])[rows], np.asarray(columns["recommended/archs"])[rows]


def derived_last(columns: Mapping[str, Any]) -> Archs:
    """Return what was recommended last, a row for each derivation: (m, L), no rows where nothing was."""
    epochs = np.asarray(columns["recommended/epoch"])
    archs: Archs = np.asarray(columns["recommended/archs"])[epochs == epochs.max(initial=0)]
    return archs


def representatives(space: SearchSpace, listed: int = MOST_LISTED, drawn: int = DRAWN) -> Archs:
    """Return the architectures over which the mean of a space is taken: all, or so many at random, the same each time.

    Parameters
    ----------
    space : SearchSpace
    listed : int
        Codings up to which all are taken.
    drawn : int
        Architectures that stand for those of a larger space.

    Returns
    -------
    (n, L) unsigned integers
    """
    codings = math.prod(space.cardinalities.tolist())
    if codings > listed:
        return space.sample(drawn, np.random.default_rng(0))
    archs = space.decode(np.arange(codings, dtype=np.uint64))
    return np.asarray(archs[space.is_valid(archs)])
