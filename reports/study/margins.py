"""Margins within which two strategies count as equivalent: declared by the spec, or the noise of one training."""

from __future__ import annotations

import math

import numpy as np

from harness.errors import HarnessError
from reports.statistics.equivalence import pooled_sd
from reports.study.front_truth import FrontTruth
from reports.study.reference import all_codings
from reports.study.study import Study
from reports.study.truth import Truth

_BEST = 0.1
"""Of an architecture space: the part among which searches end."""


def margin(study: Study, truth: Truth, split: str) -> float:
    """Return the margin on one benchmark in the unit of its regret; NaN where none is declared and none can be known.

    A difference below the standard deviation of one training is one that the next seed can turn round.
    """
    declared = study.spec.report.margin
    return noise(truth, split) if declared is None else declared


def noise(truth: Truth, split: str) -> float:
    """Return the standard deviation of one training among the best tenth of the feasible architectures.

    Pooled over architectures.  NaN where none was trained twice, of fronts, and where a space is too large to list.
    """
    archs = None if isinstance(truth, FrontTruth) else all_codings(truth.oracle.space)
    if archs is None:
        return math.nan
    name = truth.column(split).name
    try:
        regrets = truth.regrets_of(split, truth.mean(archs, split))
        for constraint in truth.constraints:
            regrets[constraint.violation(truth.oracle.mean(archs, constraint.name)) > 0] = np.nan
        best = np.flatnonzero(regrets <= np.nanquantile(regrets, _BEST))
        return pooled_sd(truth.oracle.trainings(archs[best], name)).sd
    except HarnessError:
        return math.nan
