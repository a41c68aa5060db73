"""Explanations of one architecture: importance of genes, the path to it from the median, what each edit would cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from harness.checks import Archs, BoolArray, FloatArray
from harness.space import SearchSpace
from reports.statistics.ablation import MOST_TOGETHER, Step, ablation_path
from reports.statistics.importance import Anova, anova, in_best, main_effects
from reports.why.landscape import PART, SAMPLE, Landscape
from reports.why.noise import Noise, noise

BEST, FINEST = 0.1, 0.01
"""Shares of all architectures that are called good, and among these best."""
BEST_WORDS, FINEST_WORDS = (f"best {100 * share:.0f} %" for share in (BEST, FINEST))
_FEWEST = 20
"""Architectures that must be best for the genes to be asked what tells them from the good."""


@dataclass(frozen=True)
class Edit:
    """An architecture one edit away, and what it would cost.

    Attributes
    ----------
    arch : (L,) unsigned integers
    words : str
        Genes with their values before and after: "3-0: none -> skip_connect".
    loss : float
        Regret; infinite where it breaks a constraint.
    change : float
        Regret of the architecture less its own: positive where the edit is better.
    margin : float
        What the change must exceed to be more than noise; NaN where noise is not known.
    same : bool
        Whether both compute the same function, so that any difference is noise.
    """

    arch: Archs
    words: str
    loss: float
    change: float
    margin: float
    same: bool

    @property
    def is_real(self) -> bool | None:
        """Whether the change is more than noise; None where noise is not known."""
        return None if np.isnan(self.margin) else bool(abs(self.change) > self.margin)


@dataclass(frozen=True)
class Explained:
    """Why an architecture won, of one landscape.

    Attributes
    ----------
    landscape : Landscape
    winner : (L,) unsigned integers
    noise : Noise
    """

    landscape: Landscape
    winner: Archs
    noise: Noise

    @property
    def space(self) -> SearchSpace:
        """The space of the benchmark."""
        return self.landscape.space

    @property
    def independent(self) -> bool:
        """Whether genes are independent, so that variances add up and pairs can be told apart."""
        return self.landscape.covers != PART

    @cached_property
    def everywhere(self) -> Anova:
        """Importance over all architectures."""
        return self._importance(self.landscape.losses)

    @cached_property
    def into_best(self) -> Anova:
        """Importance for being among the best `BEST` of all."""
        return self._importance(in_best(self.landscape.losses, BEST))

    @cached_property
    def within_best(self) -> Anova | None:
        """Importance, inside of the best `BEST`, for being among the best `FINEST`; None of too few.

        The local importance of PED-ANOVA, see `reports.statistics.importance.in_best`: of the architectures that are
        good genes are not independent, so pairs are not told.
        """
        good = np.flatnonzero(in_best(self.landscape.losses, BEST))
        finest = in_best(self.landscape.losses, FINEST)[good]
        if not _FEWEST <= finest.sum() < len(good):
            return None
        return main_effects(self.landscape.archs[good], self.landscape.cardinalities, finest)

    def _importance(self, values: FloatArray) -> Anova:
        archs, cardinalities = self.landscape.archs, self.landscape.cardinalities
        if not self.independent:
            return main_effects(archs, cardinalities, values)
        return anova(archs, cardinalities, values, sampled=self.landscape.covers == SAMPLE)

    @cached_property
    def loss(self) -> float:
        """Regret of the winner."""
        return float(self.landscape.losses_of(self.winner[None])[0])

    @cached_property
    def source(self) -> Archs:
        """The median architecture, where the path begins, (L,)."""
        return self.landscape.median

    @cached_property
    def path(self) -> list[tuple[Step, Edit]]:
        """The steps from the median to the winner, each with what it gains; a gain is positive."""
        steps = ablation_path(self.source, self.winner, self.landscape.losses_of, self.landscape.is_known)
        before = [self.source, *(step.arch for step in steps)][: len(steps)]
        return [
            (step, self._edits(old, step.arch[None], len(steps))[0]) for old, step in zip(before, steps, strict=True)
        ]

    @cached_property
    def neighbours(self) -> list[Edit]:
        """All architectures one edit away from the winner, the best first.

        Neighbours of a table with gaps that differ in more than `MOST_TOGETHER` genes are none.
        """
        around = self.space.neighbours(self.winner)
        around = around[(around != self.winner).sum(axis=1) <= MOST_TOGETHER]
        around = around[self.landscape.is_known(around)] if len(around) else around
        edits = self._edits(self.winner, around, len(around)) if len(around) else []
        return sorted(edits, key=lambda edit: -edit.change)

    def _edits(self, arch: Archs, others: Archs, comparisons: int) -> list[Edit]:
        """Compare an architecture with others."""
        losses = self.landscape.losses_of(others)
        change = float(self.landscape.losses_of(arch[None])[0]) - losses
        margins = self.noise.margins(arch, others, comparisons)
        keys = self.space.key(np.concatenate([arch[None], others]))
        same: BoolArray = keys[1:] == keys[0]
        return [
            Edit(other, edit_words(self.space, arch, other), loss, gained, margin, alike)
            for other, loss, gained, margin, alike in zip(
                others, losses.tolist(), change.tolist(), margins.tolist(), same.tolist(), strict=True
            )
        ]


def explain(landscape: Landscape, winner: Archs) -> Explained:
    """Return what explains an architecture of a landscape, (L,); what is not asked for is not computed."""
    return Explained(landscape, winner, noise(landscape))


def edit_words(space: SearchSpace, before: Archs, after: Archs) -> str:
    """Say what an edit changes: "3-0: none -> skip_connect", two genes with a comma between, of more their number."""
    genes = np.flatnonzero(before != after)
    if len(genes) > MOST_TOGETHER:
        return f"{len(genes)} genes at once"
    legend = list(space.legend().items())
    return ", ".join(_change_words(legend[gene], int(before[gene]), int(after[gene])) for gene in genes)


def _change_words(gene: tuple[str, Sequence[str]], before: int, after: int) -> str:
    name, values = gene
    return f"{name}: {values[before]} \N{RIGHTWARDS ARROW} {values[after]}"
