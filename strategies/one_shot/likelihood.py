"""SETN: weights trained on uniform paths, alpha by their mixture, and the best of the most likely cells chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from harness.checks import MOST, Archs, integer
from harness.errors import HarnessError, must
from harness.training.supernets.batches import Batch
from strategies.one_shot.grid import RelaxedSettings
from strategies.one_shot.relaxed import Relaxed
from strategies.one_shot.supernets import Choosing


@dataclass(frozen=True)
class LikelihoodSettings(RelaxedSettings):
    """Choices of `SETN`, and their values where it says no other."""

    candidates: int = 100
    items: int = 512
    look_every: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        integer("candidates", self.candidates, low=1, high=MOST)
        for name in ("items", "look_every"):
            integer(name, getattr(self, name), low=0, high=MOST)
        for name, rule, wrong in (
            ("bilevel", "be true where weights are trained on paths", not self.bilevel),
            ("order", "be 1 where weights are trained on paths", self.order == 2),
            ("perturbation", "be 0 where weights are trained on paths", self.perturbation > 0),
            ("early_stop", "be 'none' where the best of candidates is chosen", self.early_stop != "none"),
        ):
            if wrong:
                raise HarnessError(must(name, rule, getattr(self, name)))


class SETN(Choosing, Relaxed):
    """A template that is trained by uniform paths, and an evaluator that learns which cells are likely to be good.

    Dong & Yang, "One-Shot Neural Architecture Search via Self-Evaluated Template Network", ICCV 2019, as in the code of
    NAS-Bench-201: a step trains the weights of one uniform path, then alpha by the mixture of all operations on a
    validation batch; at the end the hundred cells of the largest product of softmax(alpha) are scored, each on one
    batch of 512 validation items, another for each, and the best is chosen.  As in that code gradients are not clipped.

    Of DARTS cells a path has two edges into each node, and the product is over the operations of these edges, none
    excluded: the likeliest pair of cells is what `DARTS` would derive.

    Parameters of `Relaxed`, and:

    Parameters
    ----------
    candidates : int
        Likely cells that are scored.
    items : int
        Validation items that a candidate is scored on, drawn anew for each; 0 for all, the same for each.
    look_every : int
        Epochs between choices, each of which is charged; 0 for one, at the end.  Before the first nothing is
        recommended.
    """

    settings: LikelihoodSettings
    preset: ClassVar[Any] = LikelihoodSettings(alpha_first=False, clip=0.0)
    derivations: tuple[str, ...] = ("chosen",)
    paper, year = "Dong & Yang, ICCV", 2019

    def weight_loss(self, batch: Batch) -> tuple[Tensor, float]:
        """Return the loss of a path that is drawn uniformly, and its multiply-adds per item."""
        codes = self.choices.on_edges(self.choices.draw(self.codes, 1, self.rng))[0].tolist()
        return self.sampled_loss(batch, codes), self.costs.on_edges(codes)

    def choose(self) -> Archs:
        """Return the best of the likeliest cells: (1, L)."""
        logs = np.log(np.maximum(self.probabilities(), 1e-300))
        archs = self.choices.likeliest(logs, self.codes, self.settings.candidates)
        return self.best_of(archs.astype(self.space.dtype), self.settings.items)[None]
