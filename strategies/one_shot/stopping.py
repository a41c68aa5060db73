"""Rules that stop a search before its cells collapse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.checks import Archs, FloatArray

STOPS = ("none", "skips", "ranking", "eigenvalue", "adaptive")
"""Rules by name."""
BY_CURVATURE = ("eigenvalue", "adaptive")
"""Those that look at the largest eigenvalue of the Hessian."""
WINDOW, BACK, RISE, FIRST = 5, 4, 1.3, 11
"""Of the rule of R-DARTS: values of a mean, values between two means, the largest ratio, the first epoch compared.

Epochs are counted from 1, in the authors' code from 0.
"""
KEPT = 1 + WINDOW // 2 + BACK
"""Values from the centre of the earlier mean to the last."""
_ROLLBACK = "rollback."
State = Mapping[str, npt.NDArray[Any]]


class StableRanking:
    """Criterion 2 of DARTS+: the order of the learnable operations on every edge has not changed for some epochs."""

    def __init__(self, epochs: int) -> None:
        self._epochs, self._same = epochs, 0
        self._last: npt.NDArray[np.int64] = np.empty((0, 0), dtype=np.int64)

    def note(self, alpha: FloatArray) -> bool:
        """Take alpha of the learnable operations after an epoch, (E, K), and say whether to stop."""
        order = np.argsort(alpha, axis=1, kind="stable")
        self._same = self._same + 1 if np.array_equal(order, self._last) else 0
        self._last = order
        return self._same >= self._epochs

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return what was noted."""
        return {"ranking.last": self._last.copy(), "ranking.same": np.array(self._same)}

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Continue from a state."""
        self._last, self._same = np.array(state["ranking.last"]), int(state["ranking.same"])


class EigenvalueRise:
    """The rule of R-DARTS (Zela et al., ICLR 2020, 5.1), as in the authors' code.

    The search stops where the mean of five eigenvalues is more than 1.3 times the mean four values before, and hands
    over what it would have handed over at the centre of the earlier five.
    """

    def __init__(self) -> None:
        self._epochs, self._values, self._derived = list[int](), list[float](), list[Archs]()

    def note(self, epoch: int, value: float, derived: Archs) -> None:
        """Take the largest eigenvalue after an epoch, and what was recommended then, (k, L)."""
        self._epochs.append(epoch)
        self._values.append(value)
        self._derived.append(np.array(derived))

    @property
    def stops(self) -> bool:
        """Whether the last mean has risen too far."""
        centre = len(self._values) - 1 - WINDOW // 2
        before = centre - BACK
        if before - WINDOW // 2 < 0 or self._epochs[before] < FIRST:
            return False
        now, then = (np.mean(self._values[place - 2 : place + 3]) for place in (centre, before))
        return bool(now > RISE * then)

    @property
    def earlier(self) -> Archs:
        """What was recommended at the centre of the earlier mean, (k, L)."""
        return self._derived[-KEPT]

    @property
    def earlier_epoch(self) -> int:
        """The epoch of the centre of the earlier mean."""
        return self._epochs[-KEPT]

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return what was noted."""
        derived = np.stack(self._derived) if self._derived else np.empty((0, 0, 0), dtype=np.uint8)
        return {
            "rise.epochs": np.array(self._epochs, dtype=np.int64),
            "rise.values": np.array(self._values, dtype=np.float64),
            "rise.derived": derived,
        }

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Continue from a state."""
        self._epochs = [int(epoch) for epoch in state["rise.epochs"]]
        self._values = [float(value) for value in state["rise.values"]]
        self._derived = [np.array(part) for part in state["rise.derived"]]


class Rollbacks:
    """States to which a search can go back, by their epochs: those at the last values of `EigenvalueRise`."""

    def __init__(self) -> None:
        self._states: dict[int, dict[str, npt.NDArray[Any]]] = {}

    def keep(self, epoch: int, state: State) -> None:
        """Keep a state, and no more than can be gone back to."""
        self._states[epoch] = {name: value for name, value in state.items() if not name.startswith(_ROLLBACK)}
        for old in sorted(self._states)[:-KEPT]:
            del self._states[old]

    def at(self, epoch: int) -> State | None:
        """Return the state at an epoch; None where it is not kept."""
        return self._states.get(epoch)

    def clear(self) -> None:
        """Keep nothing."""
        self._states.clear()

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return what is kept."""
        return {
            f"{_ROLLBACK}{epoch}.{name}": value for epoch, kept in self._states.items() for name, value in kept.items()
        }

    def restore(self, state: State) -> None:
        """Continue from a state."""
        self._states = {}
        for name, value in state.items():
            if name.startswith(_ROLLBACK):
                epoch, _, of = name.removeprefix(_ROLLBACK).partition(".")
                kept = self._states.setdefault(int(epoch), {})
                kept[of] = np.array(value)
