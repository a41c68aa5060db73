"""The test of mean ranks across benchmarks, and the groups that a critical-difference diagram draws; or its refusal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.checks import FloatArray
from reports.statistics.ranks import average_ranks, critical_difference, friedman, groups_within, refusal
from reports.statistics.significance import ALPHA
from reports.study.curves import common_replicates
from reports.study.finals import regrets_of
from reports.study.study import Study
from reports.study.wording import as_sentence


@dataclass(frozen=True)
class Critical:
    """What Friedman's test says of mean ranks across benchmarks.

    Attributes
    ----------
    sentence : str
        What it finds, or why it is not made.
    mean_ranks : (k,) float64
        Of all strategies, in their order; none where the test is refused.
    difference : float
        Nemenyi's critical difference; NaN where the test finds no difference or is refused: then nothing may be
        called different, and no bar may be drawn.
    groups : tuple of tuple of int
        Strategies that are not told apart, see `reports.statistics.ranks.groups_within`.
    """

    sentence: str
    mean_ranks: FloatArray
    difference: float = np.nan
    groups: tuple[tuple[int, ...], ...] = ()


def critical(study: Study) -> Critical:
    """Test mean ranks across benchmarks by the mean validation regret of final incumbents, or say why not."""
    usable = [item for item in study.aligned if item.has_incumbent and common_replicates(item)]
    nothing = np.array([])
    if len(study.labels) < 2:
        return Critical("One strategy has nothing to be compared with.", nothing)
    if not usable:
        what = "a front" if study.several else "an incumbent"
        return Critical(
            f"Nothing is compared: on no benchmark do all strategies have runs, and one of them {what}.", nothing
        )
    if refused := refusal(len(usable)):
        return Critical(as_sentence(refused), nothing)
    # A block is a benchmark, never a replicate: its strategies are ranked by their mean regret.
    blocks = np.array([[regrets_of(item, "validation", label).mean() for label in study.labels] for item in usable])
    mean_ranks = average_ranks(blocks).mean(axis=0)
    chi2, f, p = friedman(mean_ranks, len(usable))
    difference = critical_difference(len(study.labels), len(usable))
    few = " With fewer than ten benchmarks this test has little power." if len(usable) < 10 else ""
    finding = "finds differences" if p < ALPHA else "finds no difference, so no ranks are called different"
    sentence = (
        f"Friedman's test over {len(usable)} benchmarks {finding} (chi-squared {chi2:.2f}, Iman-Davenport F {f:.2f},"
        f" p = {p:.2g}; Nemenyi critical difference {difference:.2f} ranks).{few}"
    )
    if p >= ALPHA:
        return Critical(sentence, mean_ranks)
    return Critical(sentence, mean_ranks, difference, tuple(groups_within(mean_ranks, difference)))
