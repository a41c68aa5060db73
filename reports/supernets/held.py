"""Looked-up regrets of one-shot methods and searches at some cost, and at their ends: single runs and means."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.checks import FloatArray
from reports.study.truth import LIVE
from reports.supernets.results import Panel, Supernet, SupernetResults

SPLIT = "validation"
"""What regrets are of, where nothing else is said."""


def looked_up(results: SupernetResults) -> list[Panel]:
    """Return the panels in which whatever is recommended can be looked up: of tables, and of models of one."""
    return [panel for panel in results.panels if panel.truth.kind != LIVE]


def unknown(results: SupernetResults) -> list[str]:
    """Say how many of the architectures that methods handed over a table of a part of its space lacks."""
    said = []
    for panel in looked_up(results):
        for label, group in panel.supernets.items():
            ends = [one.last for one in group if len(one.last)]
            lost = sum(not panel.truth.oracle.space.is_valid(one).all() for one in ends)
            if lost:
                said.append(
                    f"{panel.truth.name} holds a part of its space: of what {label} handed over it lacks {lost} of"
                    f" {len(ends)}, of which no regret is known, nor of their mean."
                )
    return said


def final(group: Sequence[Supernet], derivation: int = 0, split: str = SPLIT) -> float:
    """Return the mean regret of what was handed over; NaN where a replicate has none."""
    return float(np.mean([last(one, derivation, split) for one in group]))


def last(one: Supernet, derivation: int = 0, split: str = SPLIT) -> float:
    """Return the regret of what was handed over, by one of the derivations; NaN where nothing was."""
    regrets = one.regrets.get((one.derivations[min(derivation, len(one.derivations) - 1)], split), np.empty(0))
    return float(regrets[-1]) if len(regrets) else float("nan")


def at(runs: Sequence[tuple[FloatArray, dict[str, FloatArray]]], units: float, split: str = SPLIT) -> float:
    """Return the mean regret of searches after so many units; NaN where a run has no incumbent then."""
    return float(np.mean([held_at(spent, regrets[split], np.array([units]))[0] for spent, regrets in runs]))


def held_at(spent: FloatArray, values: FloatArray, at: FloatArray) -> FloatArray:
    """Return the last value at each of some costs, NaN before the first: steps."""
    places = np.searchsorted(spent, at, side="right") - 1
    return np.where(places >= 0, np.append(values, np.nan)[places], np.nan)
