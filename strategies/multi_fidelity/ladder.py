"""Ladders of fidelities: the rungs that a table allows, and how many configurations a bracket has on each.

A ladder is a tuple of indices into `Problem.fidelities`, the lowest first, the full fidelity last.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from harness.checks import choice
from harness.errors import HarnessError, UnfitError, must
from harness.problem import Problem

ROUNDINGS = ("paper", "code")


def training_chain(problem: Problem) -> tuple[int, ...]:
    """Return the fidelities through which the full training passes, by `Fidelity.continues`, the full one last."""
    chain = [problem.full_fidelity]
    while (earlier := problem.fidelities[chain[-1]].continues) is not None:
        chain.append(earlier)
    return tuple(reversed(chain))


def geometric_epochs(epochs: int, eta: int) -> list[int]:
    """Return the ideal epochs of the rungs, ``floor(R / eta**i)`` down to 1, ascending.

    Examples
    --------
    >>> geometric_epochs(10, 3), geometric_epochs(200, 3), geometric_epochs(243, 3)
    ([1, 3, 10], [2, 7, 22, 66, 200], [1, 3, 9, 27, 81, 243])
    """
    found = []
    while epochs:
        found.append(epochs)
        epochs //= eta  # floor(floor(R / a) / b) = floor(R / (a b)): no logarithm, so no float can lose a rung
    return found[::-1]


def ladder(strategy: str, problem: Problem, eta: int, rungs: Sequence[int | str] | None = None) -> tuple[int, ...]:
    """Return the rungs of a problem, (K + 1,) indices of fidelities, the lowest first.

    Without `rungs`, those of the full training itself: the ideal rung ``floor(R / eta**i)`` epochs is the nearest epoch
    that the table has (the lower of two), and each is taken once.

    Parameters
    ----------
    strategy : str
        Who asks, for the errors.
    problem : Problem
    eta : int
        At least 2.
    rungs : sequence of int or str, optional
        Epochs of the full training, or labels of any fidelities, ascending; the full fidelity is added where it is not
        the last.  What does not continue the rung before it (a shorter schedule, a share of the data) is a training of
        its own, which is charged from scratch.

    Raises
    ------
    UnfitError
        If there are fewer than two rungs.
    HarnessError
        If a rung does not exist, or they do not ascend.
    """
    chain, full = training_chain(problem), problem.full_fidelity
    epochs = {problem.fidelities[index].epoch: index for index in chain}
    if rungs is None:
        nearest = [
            min(epochs, key=lambda epoch: (abs(epoch - ideal), epoch))
            for ideal in geometric_epochs(problem.fidelities[full].epoch, eta)
        ]
        found = [epochs[epoch] for epoch in dict.fromkeys(nearest)]
        if len(found) < 2:
            raise UnfitError(f"{strategy} {_one_rung(problem, chain, eta)}")
        return tuple(found)
    if isinstance(rungs, str) or not isinstance(rungs, Sequence):
        raise HarnessError(must("rungs", "be a list of epochs or of labels of fidelities", rungs))
    found = [_index(problem, epochs, rung) for rung in rungs]
    if found[-1:] != [full]:
        found.append(full)
    if any(low >= high for low, high in pairwise(found)):
        rule = "name fidelities in ascending order, each once, and the full fidelity last"
        raise HarnessError(must("rungs", rule, [problem.fidelities[index].label for index in found]))
    if len(found) < 2:
        raise UnfitError(f"{strategy} needs two rungs, and `rungs` names none below the full fidelity")
    return tuple(found)


def _index(problem: Problem, epochs: dict[int, int], rung: int | str) -> int:
    if isinstance(rung, str):
        return problem.index_of(rung)
    if isinstance(rung, bool) or not isinstance(rung, int) or rung not in epochs:
        rule = f"hold labels of fidelities, or epochs of the full training ({', '.join(map(str, epochs))})"
        raise HarnessError(must("rungs", rule, rung))
    return epochs[rung]


def _one_rung(problem: Problem, chain: tuple[int, ...], eta: int) -> str:
    """Say why there is one rung alone."""
    others = [item.label for index, item in enumerate(problem.fidelities) if index not in chain]
    reason = f"needs two rungs, and with `eta` = {eta} the full training has one"
    if len(chain) == 1:
        reason = "needs two rungs, and no lower fidelity of the benchmark is continued by its full training"
    if others:
        shown = ", ".join(map(repr, others[:5])) + (", ..." if len(others) > 5 else "")
        reason += f"; other fidelities become rungs by `rungs`, for example `rungs = [{others[-1]!r}]` ({shown})"
    elif len(chain) > 1:
        reason += f"; name epochs in `rungs`, or take a smaller `eta` ({len(chain)} epochs are there)"
    return reason


def require_continuations(strategy: str, problem: Problem, rungs: Sequence[int]) -> None:
    """Refuse rungs that cannot be continued one from the other, for rules that stop trainings on the way.

    Parameters
    ----------
    strategy : str
    problem : Problem
    rungs : sequence of int
        Indices of fidelities, ascending.

    Raises
    ------
    UnfitError
    """
    for low, high in pairwise(rungs):
        above, below = problem.fidelities[high], problem.fidelities[low]
        reached: int | None = high
        while reached is not None and reached != low:
            reached = problem.fidelities[reached].continues
        if reached is None:
            raise UnfitError(
                f"{strategy} stops trainings on the way, and {above.label!r} does not continue {below.label!r}"
            )


def bracket_sizes(rungs: int, eta: int, rounding: str = "paper") -> list[tuple[int, ...]]:
    """Return the brackets of Hyperband: for s = K ... 0 the configurations on its s + 1 rungs, the highest ones.

    Li et al., "Hyperband", JMLR 18(185), 2018, Algorithm 1: ``n = ceil((K + 1) eta**s / (s + 1))``, and
    ``floor(n / eta**i)`` on the i-th rung.  HpBandSter, DEHB and NePS round inside, ``n = floor((K + 1) / (s + 1)) *
    eta**s``.

    Parameters
    ----------
    rungs : int
        K + 1, at least 1.
    eta : int
    rounding : {"paper", "code"}

    Examples
    --------
    >>> bracket_sizes(3, 3), bracket_sizes(3, 3, "code")
    ([(9, 3, 1), (5, 1), (3,)], [(9, 3, 1), (3, 1), (3,)])
    """
    choice("rounding", rounding, ROUNDINGS)
    brackets = []
    for s in range(rungs - 1, -1, -1):
        n = -(-rungs * eta**s // (s + 1)) if rounding == "paper" else rungs // (s + 1) * eta**s
        brackets.append(halved(n, s + 1, eta))
    return brackets


def halved(n: int, rungs: int, eta: int) -> tuple[int, ...]:
    """Return ``floor(n / eta**i)`` for i below `rungs`, never less than 1.

    Examples
    --------
    >>> halved(34, 4, 3)
    (34, 11, 3, 1)
    """
    return tuple(max(n // eta**i, 1) for i in range(rungs))
