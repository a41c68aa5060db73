"""Ablation: a path from one architecture to another, one edit after the other, the most useful first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from harness.checks import Archs, BoolArray, FloatArray

MOST_TOGETHER = 2
"""Genes that are changed in one step where none can be changed alone."""


@dataclass(frozen=True)
class Step:
    """One step of a path: what it changes, and where it leads.

    Attributes
    ----------
    genes : tuple of int
        Several only where no one of them could be changed alone.
    arch : (L,) unsigned integers
        After the step.
    loss : float
    """

    genes: tuple[int, ...]
    arch: Archs
    loss: float


def ablation_path(
    source: Archs,
    target: Archs,
    losses_of: Callable[[Archs], FloatArray],
    is_valid: Callable[[Archs], BoolArray],
) -> list[Step]:
    """Walk from `source` to `target`: each step takes over the gene of the target after which the loss is least.

    Fawcett & Hoos, "Analysing Differences Between Algorithm Configurations through Ablation", Journal of Heuristics 22
    (2016), Algorithm 1, with the table's own values in place of runs, as Biedenkapp et al., "Efficient Parameter
    Importance Analysis via Ablation with Surrogates" (AAAI 2017), have predictions.

    Departs from the paper: where no valid architecture is one gene away, two genes are changed in one step, and where
    there is none either, all that are left.

    Parameters
    ----------
    source, target : (L,) integers
    losses_of : callable
        ``(n, L)`` to ``(n,)``, lower is better; asked of valid architectures only, once a step.
    is_valid : callable
        ``(n, L)`` to ``(n,)``.

    Returns
    -------
    list of Step
        The last is at `target`; empty where the two are equal.  Of equal losses the first gene counts.
    """
    steps: list[Step] = []
    here = np.array(source)
    while len(different := np.flatnonzero(here != target)):
        for together in (*range(1, min(MOST_TOGETHER, len(different)) + 1), len(different)):
            edits = list(combinations(different.tolist(), together))
            children = np.repeat(here[None], len(edits), axis=0)
            for child, genes in zip(children, edits, strict=True):
                child[list(genes)] = target[list(genes)]
            possible = np.flatnonzero(is_valid(children))
            if len(possible):
                break
        losses = losses_of(children[possible])
        best = int(np.argmin(losses))
        here = children[possible[best]]
        steps.append(Step(tuple(edits[possible[best]]), here, float(losses[best])))
    return steps
