"""The mishaps of a simulated cluster: stragglers, trainings that die or never return, retries and timeouts.

All of it belongs to the runner.  Draws are counter-based and leave the strategy's name out: whatever strategy trains an
architecture at a fidelity in a replicate meets the same mishaps, and asked again it meets them again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from harness.checks import BoolArray, FloatArray, IntArray, UInt64Array, integer, real
from harness.errors import HarnessError, must
from harness.seeding import mix64

MOST_RETRIES = 1000


@dataclass(frozen=True)
class Mishaps:
    """What goes wrong on a simulated cluster; the table ``[simulate]`` of a spec.

    A training is one attempt or, with `retries`, several, each from where the first began: from scratch, or from what
    it continues.  What attempts cost is charged, the last one's result is told, NaN where none succeeded.

    Attributes
    ----------
    stragglers : float
        Standard deviation sigma of z in the duration of an attempt, which is the predicted one times 1 + abs(z),
        z ~ N(0, sigma).  Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020, section 4.2.
    failures : float
        Probability that an attempt dies, in [0, 1); at a uniform fraction of its duration, which it costs.
    hangs : float
        Probability that an attempt never returns, in [0, 1); it ends at the timeout.
    retries : int
        Further attempts after one that failed.
    timeout : float or None
        An attempt is killed after so many times its predicted duration, at least 1, which it costs.
    """

    stragglers: float = 0.0
    failures: float = 0.0
    hangs: float = 0.0
    retries: int = 0
    timeout: float | None = None

    def __post_init__(self) -> None:
        for name in ("stragglers", "failures", "hangs"):
            object.__setattr__(self, name, float(real(f"simulate.{name}", getattr(self, name), low=0.0)))
        for name in ("failures", "hangs"):
            if getattr(self, name) >= 1.0:
                raise HarnessError(must(f"simulate.{name}", "be a probability in [0, 1)", getattr(self, name)))
        if self.failures + self.hangs >= 1.0:
            total = self.failures + self.hangs
            raise HarnessError(
                must("simulate.failures + simulate.hangs", "be below 1, or no training ever ends well", total)
            )
        integer("simulate.retries", self.retries, low=0, high=MOST_RETRIES)
        if self.timeout is not None:
            object.__setattr__(self, "timeout", float(real("simulate.timeout", self.timeout, low=1.0)))
        if self.hangs and self.timeout is None:
            rule = "be given where `simulate.hangs` is above 0: a training that never returns keeps its worker for ever"
            raise HarnessError(must("simulate.timeout", rule, None))

    def fates(self, seeds: UInt64Array, codes: UInt64Array, fidelity: IntArray) -> Fates:
        """Draw what becomes of trainings.

        Parameters
        ----------
        seeds : (n,) uint64
            Noise seed of each row's replicate.
        codes : (n,) uint64
            Of the architectures (`SearchSpace.code`).
        fidelity : (n,) int64
        """
        count = len(codes)
        work = mix64(mix64(seeds ^ _SALT) ^ mix64(codes) ^ mix64(fidelity.astype(np.uint64) + _SALT))
        factor, wasted = np.zeros(count), np.zeros(count)
        attempts = np.zeros(count, dtype=np.int64)
        open_ones = np.arange(count)
        for attempt in range(self.retries + 1):
            cost, failed = self._attempt(work[open_ones], attempt)
            factor[open_ones] += cost
            attempts[open_ones] += 1
            wasted[open_ones] += np.where(failed, cost, 0.0)
            open_ones = open_ones[failed]
            if not len(open_ones):
                break
        failed = np.zeros(count, dtype=bool)
        failed[open_ones] = True
        return Fates(factor, wasted, attempts, failed)

    def _attempt(self, work: UInt64Array, attempt: int) -> tuple[FloatArray, BoolArray]:
        """Return what one attempt costs, in units of the predicted duration, and whether it failed: (n,) each."""
        first, second, third, fourth = (_uniform(work, 4 * attempt + draw) for draw in range(4))
        # Box and Muller: the absolute value of a normal number from two uniform ones
        z = self.stragglers * np.sqrt(-2.0 * np.log1p(-first)) * np.abs(np.cos(2.0 * np.pi * second))
        duration = 1.0 + z
        hangs = third < self.hangs
        dies = ~hangs & (third < self.hangs + self.failures)
        limit = np.inf if self.timeout is None else self.timeout
        cost = np.where(hangs, np.inf, np.where(dies, fourth * duration, duration))
        return np.minimum(cost, limit), np.asarray(hangs | dies | (cost > limit))


class Fates(NamedTuple):
    """What becomes of n trainings.

    Attributes
    ----------
    factor : (n,) float64
        What all attempts cost together, in units of the predicted duration.
    wasted : (n,) float64
        What of it went into attempts that failed.
    attempts : (n,) int64
    failed : (n,) bool
        Whether no attempt succeeded.
    """

    factor: FloatArray
    wasted: FloatArray
    attempts: IntArray
    failed: BoolArray


_SALT = np.uint64(0x6D69736861707321)


def _uniform(work: UInt64Array, draw: int) -> FloatArray:
    """Return a uniform number in [0, 1) for each counter."""
    return np.asarray((mix64(work + np.uint64(draw)) >> np.uint64(11)) * 2.0**-53, dtype=np.float64)
