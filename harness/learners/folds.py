"""Folds of what a learner is fitted to, in which no architecture is met again under another coding."""

from __future__ import annotations

import numpy as np

from harness.checks import Archs, IntArray
from harness.space import SearchSpace

FOLDS = 5


def grouped_folds(space: SearchSpace, archs: Archs, rng: np.random.Generator, folds: int = FOLDS) -> IntArray:
    """Return the fold of each row, (n,) int64 from 0.

    Rows of one functional class (`SearchSpace.key`) are in one fold, so that what is left out is not known from its
    twin; classes are dealt out at random, so many to each fold, up to one.

    Parameters
    ----------
    space : SearchSpace
    archs : (n, L) integers
        Valid, n at least 1.
    rng : numpy.random.Generator
    folds : int
        At most; where there are fewer classes, as many as there are classes.
    """
    classes, place = np.unique(space.key(archs), return_inverse=True)
    dealt: IntArray = rng.permutation(len(classes)) % min(folds, len(classes))
    return dealt[place]
