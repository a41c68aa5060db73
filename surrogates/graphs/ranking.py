"""Losses and scales of learners that learn an order: pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from harness.checks import FloatArray

_LEAST = 1e-3


@dataclass(frozen=True)
class Line:
    """A straight line from scores, which have no unit, to targets; it rises, so that the order is kept.

    Attributes
    ----------
    start, slope : float
    """

    start: float
    slope: float

    @classmethod
    def of(cls, scores: FloatArray, targets: FloatArray) -> Self:
        """Return the line of least squares: (n,), (n,).

        Where its slope is less, it has a thousandth of that of perfectly correlated scores; it is flat if scores or
        targets are all equal.

        Examples
        --------
        >>> Line.of(np.array([0.0, 1.0]), np.array([3.0, 5.0]))
        Line(start=3.0, slope=2.0)
        """
        moved = scores - scores.mean()
        spread = float(moved @ moved)
        least = _LEAST * float(targets.std())
        slope = max(float(moved @ (targets - targets.mean())) / spread, least / float(scores.std())) if spread else 0.0
        return cls(float(targets.mean()) - slope * float(scores.mean()), slope)

    def at(self, scores: FloatArray) -> FloatArray:
        """Return targets, (q,)."""
        return self.start + self.slope * np.asarray(scores, dtype=np.float64)


def comparison_loss(logits: Tensor, wins: Tensor) -> Tensor:
    """Return the divergence of predicted from true chances to win, (G, B, B) twice to (G,): the mean over pairs.

    ``KL(w || sigmoid(logit))`` of two outcomes each; a row with itself is no pair.
    """
    w = wins.clamp(1e-7, 1 - 1e-7)
    entropy = w * w.log() + (1 - w) * (1 - w).log()
    divergence = torch.nn.functional.binary_cross_entropy_with_logits(logits, w, reduction="none") + entropy
    return _mean_of_pairs(divergence)


def hinge_loss(scores: Tensor, targets: Tensor, margin: float) -> Tensor:
    """Return the mean over pairs of different targets of ``max(0, margin - s_j + s_i)``, t_i < t_j: (G, B) to (G,)."""
    lower = (targets[:, :, None] < targets[:, None, :]).float()
    lost = torch.relu(margin + scores[:, :, None] - scores[:, None, :])
    return (lost * lower).sum(dim=(1, 2)) / lower.sum(dim=(1, 2)).clamp_min(1.0)


def _mean_of_pairs(values: Tensor) -> Tensor:
    rows = values.shape[1]
    diagonal = torch.diagonal(values, dim1=1, dim2=2).sum(dim=1)
    return (values.sum(dim=(1, 2)) - diagonal) / max(rows * (rows - 1), 1)
