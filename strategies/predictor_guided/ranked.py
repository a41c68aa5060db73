"""The base of strategies that rank a whole space by a predictor, and train some of what ranks high."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Generator, Hashable
from typing import Any

import numpy as np

from harness.checks import Archs, IntArray
from harness.surrogate import Fit, Predict
from strategies.parts.model_based import Learning, Valued
from strategies.parts.wide import WidePool


class Ranked(WidePool):
    """Base of strategies that choose by rank in the whole space, what was told included; subclasses write `order`."""

    @abstractmethod
    def order(self, ranks: IntArray, whole: int) -> IntArray:
        """Return in which order new architectures are trained, a batch of them now: places, (q,).

        Parameters
        ----------
        ranks : (q,) int64
            Of new architectures, the best first, counted from 0 among `whole`; ascending.
        whole : int
            Architectures that were ranked, those told included.
        """

    def search(
        self, archs: Archs, keys: list[Hashable], value: Callable[[Archs], Learning]
    ) -> Generator[Fit | Predict, Any, Valued]:
        """Return the pool, valued by the place of each in the order of training."""
        told = np.concatenate(self._told)
        values = yield from value(
            np.concatenate([archs, told])
        )  # at once: what is unlikely feasible is compared by rank
        ranks = np.empty(len(values), dtype=np.int64)
        ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
        best = np.argsort(ranks[: len(archs)])
        places = np.empty(len(archs))
        places[best[self.order(ranks[best], len(values))]] = np.arange(len(archs))
        return archs, keys, places
