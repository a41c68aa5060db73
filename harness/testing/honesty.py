"""The honesty of a strategy: it opens nothing, leaves alone what it handed over and was told, and shares no state."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np

from harness.errors import HarnessError
from harness.guard import refusals
from harness.problem import Problem
from harness.records import Columns, Evaluations, Proposals, Run
from harness.strategy import Plan, Strategy
from harness.surrogate import Surrogate
from harness.testing.fingerprints import changed, shared_state

OPENS_NOTHING = "opens no benchmark and no oracle while it runs"
DRAWS_OWN = "draws only from the generator it is given"
Rule = Callable[[str, Any, object], None]
"""Notes whether a rule is kept, and what was found; raises a `HarnessError` where it is not."""


class Watch:
    """The watch over one run of a strategy; `factory` is the class to run.

    Parameters
    ----------
    factory : type
        The class to watch.
    """

    def __init__(self, factory: type[Strategy]) -> None:
        self._handed = list[tuple[Columns, Columns]]()
        self._told = list[tuple[Columns, Columns]]()
        self.factory = self._watched(factory)

    def _watched(self, factory: type[Strategy]) -> type[Strategy]:
        """Return a class that does the same and keeps what crosses the border, with a copy of it."""
        handed, told = self._handed, self._told

        class Watched(factory):  # type: ignore[misc, valid-type]  # its base is known when it is made
            def plan(self, n: int) -> Plan:
                proposed: Proposals = yield from super().plan(n)
                if isinstance(proposed, Proposals):
                    handed.append((proposed, proposed.detached()))
                return proposed

            def tell(self, evaluations: Evaluations) -> None:
                own = _writeable(evaluations)
                told.append((own, evaluations.detached()))
                super().tell(own)

        Watched.__name__, Watched.__qualname__ = factory.__name__, factory.__qualname__
        Watched.__module__ = factory.__module__
        return Watched

    def over(
        self,
        rules: Rule,
        problem: Problem,
        learner: Surrogate | None,
        run: Callable[[type[Strategy]], tuple[Run, ...]],
    ) -> tuple[Run, ...]:
        """Run, check what the run has left behind, and return what was run.

        Parameters
        ----------
        rules : callable
        problem : Problem
            Of the run.
        learner : Surrogate or None
            Of the run.
        run : callable
            Runs a class; what it raises is raised.
        """
        before, drawn = shared_state(problem, self.factory, learner), global_generators()
        with refusals() as refused:
            try:
                block = run(self.factory)
            except HarnessError:
                rules(OPENS_NOTHING, not refused, f"it asked for {', '.join(map(repr, refused))}")
                raise
        rules(OPENS_NOTHING, not refused, f"it asked for {', '.join(map(repr, refused))}")
        rules(DRAWS_OWN, drawn == global_generators(), "another global state")
        found = changed(before, shared_state(problem, self.factory, learner))
        rules(
            "keeps its state to itself, not on what replicates share",
            not found,
            f"changed: {', '.join(found[:5])}{', …' * (len(found) > 5)}; keep it on `self`",
        )
        for rule, crossed in (
            ("leaves what it has proposed as it was", self._handed),
            ("leaves what it is told as it was", self._told),
        ):
            touched = sorted({name for kept, copy in crossed for name in _differing(kept, copy)})
            rules(rule, not touched, f"changed: {', '.join(touched)}; work on a copy")
        return block


def _writeable(columns: Evaluations) -> Evaluations:
    """Return a copy whose arrays can be written to: whoever does so is to be seen, not stopped."""
    copy = columns.detached()
    for array in vars(copy).values():
        array.flags.writeable = True
    return copy


def _differing(kept: Columns, copy: Columns) -> list[str]:
    """Return the names of the columns that are not what they were."""
    pairs = [(name, getattr(kept, name), getattr(copy, name)) for name in type(kept)._names]
    return [name for name, a, b in pairs if not np.array_equal(a, b, equal_nan=a.dtype.kind == "f")]


def global_generators() -> str:
    """Return the state of the generators that all code shares."""
    return str((random.getstate(), np.random.get_state()))  # noqa: NPY002  # to see whether the strategy moves it
