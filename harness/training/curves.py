"""Curves of trainings: metrics after each epoch, seconds, and how each one ended."""

from __future__ import annotations

from dataclasses import dataclass

from harness.checks import Archs, FloatArray, IntArray

OK, DIVERGED, UNFINISHED, OUT_OF_MEMORY = range(4)
STATUS = ("ok", "diverged", "unfinished", "failed: out of memory")
"""What the codes of `Curves.status` mean."""


@dataclass(frozen=True, eq=False)
class Curves:
    """Results of n architectures trained with s seeds each for E epochs; accuracies in percent, NaN where missing.

    Attributes
    ----------
    archs : (n, L) unsigned integers
    seeds : (s,) int64
        Or (n,), one for each architecture, where s is 1 because they were trained in pairs.
    train_loss, train_accuracy, valid_loss, valid_accuracy : (n, s, E) float64
        After each epoch; the training figures are means over the epoch's own batches, as they were trained on.
    test_loss, test_accuracy : (n, s) float64
        After the last epoch.
    seconds : (n, s) float64
        Real training seconds of one network; a pack's seconds are shared equally by its networks.
    status : (n, s) int64
        Index into `STATUS`.
    diverged_epoch : (n, s) int64
        Epoch (from 0) at which a loss was not finite; -1 elsewhere.
    level : str
        Which trainer made them, for example ``"R0"``.
    device : str
        ``"cpu"``, or the name of the GPU.
    level_because : str
        Why it was this level, for example ``"it was asked for"``.
    levels_passed_over : tuple of str
        Levels that would have come first and failed their proofs, with what was wrong.
    """

    archs: Archs
    seeds: IntArray
    train_loss: FloatArray
    train_accuracy: FloatArray
    valid_loss: FloatArray
    valid_accuracy: FloatArray
    test_loss: FloatArray
    test_accuracy: FloatArray
    seconds: FloatArray
    status: IntArray
    diverged_epoch: IntArray
    level: str
    device: str
    level_because: str = ""
    levels_passed_over: tuple[str, ...] = ()
