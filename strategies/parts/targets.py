"""Targets: what a model is fitted to, a monotone function of the objectives of trainings that did not fail."""

from __future__ import annotations

from harness.checks import FloatArray
from harness.learners import transforms

_TRANSFORMS = {"identity": "raw", "log": "log_error", "normal_scores": "normal_scores"}
NAMES = tuple(_TRANSFORMS)
"""What hyperparameters call transforms of `harness.learners.transforms`: objectives as they are, their logarithms, and
the normal scores of their ranks (of a single objective).

A learner may transform what it is given once more (`harness.learners`), and predicts in the unit of these targets.
"""


def transformed(name: str, objectives: FloatArray) -> FloatArray:
    """Return targets, (n,) float64, in the order of the objectives; lower stays better.

    Objectives that are not all positive are left as they are; see `harness.learners.transforms.transformed`.  Learners
    standardise by themselves, on what they are given.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    objectives : (n,) float64
        Finite.
    """
    return transforms.transformed(_TRANSFORMS[name], objectives)[0]
