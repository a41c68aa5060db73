"""Hill climbing by network morphisms whose children inherit their parent's weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from harness.checks import MOST, Archs, integer
from harness.errors import HarnessError
from strategies.one_shot.growing import NOW, Growing, GrowthSettings, Trainee

BEST, NEXT = "best", "next"
"""Networks that are kept beside the one that is trained: the parent, and the best of its children so far."""

_PATIENCE = 50
"""Walks after which a child may be its parent with branches that lead nowhere."""


@dataclass(frozen=True)
class ClimbingSettings(GrowthSettings):
    """Choices of `NashInherited`; the defaults are the paper's."""

    steps: int = 5
    children: int = 8
    morphisms: int = 5
    child_epochs: int = 17
    first_epochs: int = 20

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("steps", "children", "morphisms", "child_epochs", "first_epochs"):
            integer(name, getattr(self, name), low=1, high=MOST)


class NashInherited(Growing):
    """Make children of the best network by random morphisms, train them from its weights, and go on from the best.

    Elsken, Metzen & Hutter, "Simple and efficient architecture search for convolutional neural networks", ICLR workshop
    2018, Algorithm 1.  A small network is trained; in each of some steps its children compute what it computes, are
    trained for a few epochs with a cosine schedule from `learning_rate` to 0, and the one of the highest validation
    accuracy becomes the parent.  The last child is the parent itself, trained on.

    Departs from the paper: morphisms are those of the cells of NAS-Bench-201 (a convolution where there was none, a 3x3
    in place of a 1x1), in all cells at once, so that what is found can be looked up; walks that add only what leads
    nowhere are taken again; the network becomes neither deeper nor wider; there is no last training of the winner,
    whose worth the table says.  Cells grow from the skip of `start`, and no morphism takes it away.

    Parameters of `Growing`, and:

    Parameters
    ----------
    steps : int
        After which it stops, perhaps before its epochs are over.
    children : int
        Of a step, the parent among them.
    morphisms : int
        From the parent to a child; fewer where no more are possible.
    child_epochs, first_epochs : int
        Of each child, and of the first network.
    """

    settings: ClimbingSettings
    preset: ClassVar[Any] = ClimbingSettings()
    family, paper, year = "growing", "Elsken, Metzen & Hutter, ICLR workshop", 2018

    def begin(self) -> None:
        """Set what is kept of the search where it begins."""
        if not self.space.has_morphisms:
            raise HarnessError(f"the space '{self.space.name}' knows no morphisms")
        self.step = 0  # 0 is the first network
        self.position = 0  # of the child that is trained
        self.score = -1.0  # of the best child so far, in percent

    @property
    def finished(self) -> bool:
        """Whether all steps are made."""
        return self.step > self.settings.steps

    def advance(self) -> None:
        """Train the first network or a child for an epoch; after its last one compare it with its siblings."""
        first = self.step == 0
        epochs = self.settings.first_epochs if first else self.settings.child_epochs
        if NOW not in self.trainees:
            self.trainees[NOW] = self._child()
            self.parent, self.child = self.trainees[BEST].arch, self.trainees[NOW].arch
        now = self.trainees[NOW]
        self.train(now, self.behind, epochs)
        self.behind += 1
        if self.behind < epochs:
            return
        self.behind = 0
        score = self.charged_accuracy(now)
        if score > self.score:
            self.score, self.trainees[NEXT] = score, now
        del self.trainees[NOW]
        self.position += 1
        if first or self.position == self.settings.children:
            self.trainees = {BEST: self.trainees[NEXT]}
            self.step, self.position, self.score = self.step + 1, 0, -1.0

    def _child(self) -> Trainee:
        """Return the next child of the parent, at its function; the last one is the parent."""
        parent = self.trainees[BEST]
        if self.position == self.settings.children - 1:
            return parent.twin()
        return self.child_of(parent, self._walk(np.array(parent.arch, dtype=self.space.dtype)).tolist())

    def _walk(self, parent: Archs) -> Archs:
        """Return the cell at the end of a random walk of morphisms, (6,): one that computes more than its parent.

        Walks that add only what leads nowhere are taken again, up to fifty times.
        """
        cell = parent
        for _ in range(_PATIENCE):
            cell = parent
            for _ in range(self.settings.morphisms):
                found = self.space.morphisms(cell)
                if not len(found):
                    break
                cell = found[int(self.rng.integers(len(found)))]
            keys = self.space.key(np.stack([parent, cell]), "functional")
            if keys[0] != keys[1]:
                break
        return cell

    def recommend(self) -> Archs:
        """Return the parent's cell, (1, 6): the best of the last step that was made."""
        held = self.trainees[BEST] if BEST in self.trainees else self.trainees[NOW]
        return np.array([held.arch], dtype=self.space.dtype)

    def numbers(self) -> dict[str, npt.NDArray[Any]]:
        """Return step, child, its epochs, and the best accuracy of the step."""
        return {"places": np.array([self.step, self.position, self.behind]), "score": np.array(self.score)}

    def take(self, numbers: Mapping[str, npt.NDArray[Any]]) -> None:
        """Continue from these."""
        self.step, self.position, self.behind = map(int, numbers["places"])
        self.score = float(numbers["score"])
