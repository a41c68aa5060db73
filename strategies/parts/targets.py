"""Targets: what a model is fitted to, a monotone function of the objectives of trainings that did not fail."""

from __future__ import annotations

import numpy as np

from harness.checks import FloatArray

NAMES = ("identity", "log")
"""As they are; their logarithms, which suits errors whose spread grows with their size (Hutter, Hoos & Leyton-Brown,
"Sequential model-based optimization for general algorithm configuration", LION 2011)."""


def transformed(name: str, objectives: FloatArray) -> FloatArray:
    """Return targets, (n,) float64, in the order of the objectives; lower stays better.

    Objectives that are not all positive have no logarithms and are left as they are; learners standardise by
    themselves, on what they are given.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    objectives : (n,) float64
        Finite.

    Examples
    --------
    >>> transformed("log", np.array([1.0, 10.0])).round(4).tolist(), transformed("log", np.array([-1.0, 2.0])).tolist()
    ([0.0, 2.3026], [-1.0, 2.0])
    """
    return np.log(objectives) if name == "log" and np.all(objectives > 0) else objectives
