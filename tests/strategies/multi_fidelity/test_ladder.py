"""Ladders and brackets: every table of the two published roundings, float traps, rungs that a table lacks."""

from __future__ import annotations

import pytest

from harness.errors import HarnessError, UnfitError
from harness.problem import Budget, Fidelity, Objective, Problem
from harness.strategy import Takes
from strategies.multi_fidelity.ladder import (
    bracket_sizes,
    geometric_epochs,
    halved,
    ladder,
    require_continuations,
    training_chain,
)
from tests.strategies.support import ToySpace

BRACKETS = {
    81: (
        [
            {1: 81, 3: 27, 9: 9, 27: 3, 81: 1},
            {3: 34, 9: 11, 27: 3, 81: 1},
            {9: 15, 27: 5, 81: 1},
            {27: 8, 81: 2},
            {81: 5},
        ],
        [(297, 405), (276, 363), (279, 351), (324, 378), (405, 405)],
        [
            {1: 81, 3: 27, 9: 9, 27: 3, 81: 1},
            {3: 27, 9: 9, 27: 3, 81: 1},
            {9: 9, 27: 3, 81: 1},
            {27: 6, 81: 2},
            {81: 5},
        ],
        [(297, 405), (243, 324), (189, 243), (270, 324), (405, 405)],
    ),
    27: (
        [{1: 27, 3: 9, 9: 3, 27: 1}, {3: 12, 9: 4, 27: 1}, {9: 6, 27: 2}, {27: 4}],
        [(81, 108), (78, 99), (90, 108), (108, 108)],
        [{1: 27, 3: 9, 9: 3, 27: 1}, {3: 9, 9: 3, 27: 1}, {9: 6, 27: 2}, {27: 4}],
        [(81, 108), (63, 81), (90, 108), (108, 108)],
    ),
    9: (
        [{1: 9, 3: 3, 9: 1}, {3: 5, 9: 1}, {9: 3}],
        [(21, 27), (21, 24), (27, 27)],
        [{1: 9, 3: 3, 9: 1}, {3: 3, 9: 1}, {9: 3}],
        [(21, 27), (15, 18), (27, 27)],
    ),
    10: (
        [{1: 9, 3: 3, 10: 1}, {3: 5, 10: 1}, {10: 3}],
        [(22, 28), (22, 25), (30, 30)],
        [{1: 9, 3: 3, 10: 1}, {3: 3, 10: 1}, {10: 3}],
        [(22, 28), (16, 19), (30, 30)],
    ),
    12: (
        [{1: 9, 4: 3, 12: 1}, {4: 5, 12: 1}, {12: 3}],
        [(26, 33), (28, 32), (36, 36)],
        [{1: 9, 4: 3, 12: 1}, {4: 3, 12: 1}, {12: 3}],
        [(26, 33), (20, 24), (36, 36)],
    ),
    108: (
        [
            {1: 81, 4: 27, 12: 9, 36: 3, 108: 1},
            {4: 34, 12: 11, 36: 3, 108: 1},
            {12: 15, 36: 5, 108: 1},
            {36: 8, 108: 2},
            {108: 5},
        ],
        [(378, 513), (368, 484), (372, 468), (432, 504), (540, 540)],
        [
            {1: 81, 4: 27, 12: 9, 36: 3, 108: 1},
            {4: 27, 12: 9, 36: 3, 108: 1},
            {12: 9, 36: 3, 108: 1},
            {36: 6, 108: 2},
            {108: 5},
        ],
        [(378, 513), (324, 432), (252, 324), (360, 432), (540, 540)],
    ),
    200: (
        [
            {2: 81, 7: 27, 22: 9, 66: 3, 200: 1},
            {7: 34, 22: 11, 66: 3, 200: 1},
            {22: 15, 66: 5, 200: 1},
            {66: 8, 200: 2},
            {200: 5},
        ],
        [(698, 947), (669, 878), (684, 860), (796, 928), (1000, 1000)],
        [
            {2: 81, 7: 27, 22: 9, 66: 3, 200: 1},
            {7: 27, 22: 9, 66: 3, 200: 1},
            {22: 9, 66: 3, 200: 1},
            {66: 6, 200: 2},
            {200: 5},
        ],
        [(698, 947), (590, 785), (464, 596), (664, 796), (1000, 1000)],
    ),
}
"""By R: brackets (configurations by epochs) by the formula, their epochs resumed and from scratch; the same by code."""


def problem(*fidelities: Fidelity, mode: str = "resumable") -> Problem:
    return Problem(
        ToySpace(), (Objective("error"),), Budget(seconds=100, multi_fidelity=mode), fidelities=fidelities, n_workers=1
    )


def chain(*epochs: int, schedule: int | None = None, first: int = 0) -> tuple[Fidelity, ...]:
    """Return the epochs of one training, each continuing the one before; `first` is the index of the lowest."""
    whole = schedule or epochs[-1]
    return tuple(
        Fidelity(f"epoch {epoch} of {whole}", whole, epoch, first + index - 1 if index else None)
        for index, epoch in enumerate(epochs)
    )


def epochs_of(given: Problem, **more) -> list[int]:
    return [given.fidelities[index].epoch for index in ladder("X", given, more.pop("eta", 3), **more)]


@pytest.mark.parametrize("epochs", BRACKETS)
@pytest.mark.parametrize("rounding", ["paper", "code"])
def test_every_bracket_of_the_published_tables(epochs, rounding):
    rungs = geometric_epochs(epochs, 3)
    sizes = bracket_sizes(len(rungs), 3, rounding)
    brackets = [dict(zip(rungs[-len(bracket) :], bracket, strict=True)) for bracket in sizes]
    wanted, costs = BRACKETS[epochs][:2] if rounding == "paper" else BRACKETS[epochs][2:]
    assert brackets == wanted
    scratch = [sum(count * epoch for epoch, count in bracket.items()) for bracket in brackets]
    steps = [dict(zip(bracket, [0, *bracket], strict=False)) for bracket in brackets]
    resumed = [
        sum(count * (epoch - below[epoch]) for epoch, count in bracket.items())
        for bracket, below in zip(brackets, steps, strict=True)
    ]
    assert list(zip(resumed, scratch, strict=True)) == costs


def test_a_round_of_nine_epochs_costs_what_is_published():
    assert sum(cost for cost, _ in BRACKETS[9][1]) == 69
    assert sum(cost for cost, _ in BRACKETS[9][3]) == 63


@pytest.mark.parametrize("power", range(1, 12))
@pytest.mark.parametrize("eta", [2, 3, 4, 5, 7, 10])
def test_no_logarithm_loses_a_rung(power, eta):
    """``log(243) / log(3)`` is 4.999...: published code has one rung too few there."""
    assert geometric_epochs(eta**power, eta) == [eta**i for i in range(power + 1)]


def test_the_ladder_of_the_full_training():
    assert epochs_of(problem(*chain(*range(1, 11)))) == [1, 3, 10]
    assert epochs_of(problem(*chain(*range(1, 201)))) == [2, 7, 22, 66, 200]
    assert epochs_of(problem(*chain(*range(1, 109)))) == [1, 4, 12, 36, 108]
    assert epochs_of(problem(*chain(*range(1, 13)))) == [1, 4, 12]
    assert epochs_of(problem(*chain(*range(1, 11))), eta=2) == [1, 2, 5, 10]


def test_ideal_epochs_that_a_table_lacks_are_the_nearest_that_it_has_each_once():
    assert epochs_of(problem(*chain(4, 12, 36, 108))) == [4, 12, 36, 108]
    assert epochs_of(problem(*chain(5, 10))) == [5, 10]
    assert epochs_of(problem(*chain(50, 100, 150, 200))) == [50, 200]
    assert epochs_of(problem(*chain(1, 2, 4, 9))) == [1, 2, 9]  # 3 lies between 2 and 4: the lower


def test_only_what_the_full_training_continues_is_on_the_ladder():
    given = problem(*chain(1, 4, 12), *chain(1, 7, 22, 66, 200, first=3))
    assert [given.fidelities[index].label for index in training_chain(given)] == [
        f"epoch {epoch} of 200" for epoch in (1, 7, 22, 66, 200)
    ]
    assert ladder("X", given, 3) == (3, 4, 5, 6, 7)


def test_rungs_of_ones_own():
    given = problem(*chain(1, 4, 12), *chain(1, 7, 22, 66, 200, first=3))
    assert ladder("X", given, 3, [7, 66]) == (4, 6, 7)
    assert ladder("X", given, 3, [7, 66, 200]) == (4, 6, 7)
    assert ladder("X", given, 3, ["epoch 12 of 12"]) == (2, 7)
    assert ladder("X", given, 3, ["epoch 12 of 12", 66, "epoch 200 of 200"]) == (2, 6, 7)


@pytest.mark.parametrize(
    ("rungs", "rule"),
    [
        ("epoch 12 of 12", "`rungs` must be a list of epochs or of labels of fidelities"),
        ([5], r"epochs of the full training \(1, 7, 22, 66, 200\), got 5"),
        ([True], "`rungs` must hold labels of fidelities, or epochs of the full training"),
        ([7.0], "`rungs` must hold labels"),
        ([66, 7], "`rungs` must name fidelities in ascending order"),
        ([7, 7], "`rungs` must name fidelities in ascending order"),
        (["epoch 13 of 12"], "epoch 12 of 12"),
        ([200], "`rungs` names none below the full fidelity"),
        ([], "`rungs` names none below the full fidelity"),
    ],
)
def test_rungs_that_are_refused(rungs, rule):
    given = problem(*chain(1, 4, 12), *chain(1, 7, 22, 66, 200, first=3))
    with pytest.raises(HarnessError, match=rule):
        ladder("X", given, 3, rungs)


def test_rungs_that_collapse_to_one_are_refused_with_what_there_is():
    with pytest.raises(UnfitError, match=r"with `eta` = 300 the full training has one; name epochs in `rungs`"):
        ladder("X", problem(*chain(150, 200)), 300)
    lone = problem(*chain(4, 12), Fidelity("epoch 200 of 200", 200, 200))
    with pytest.raises(UnfitError, match=r"no lower fidelity .* `rungs = \['epoch 12 of 12'\]`"):
        ladder("X", lone, 3)


def test_rules_that_stop_need_trainings_that_go_on():
    given = problem(*chain(1, 4, 12), *chain(1, 7, 22, 66, 200, first=3))
    require_continuations("X", given, (3, 5, 7))
    with pytest.raises(UnfitError, match="'epoch 200 of 200' does not continue 'epoch 12 of 12'"):
        require_continuations("X", given, (2, 7))
    scratch = problem(*chain(1, 2, 3), mode="from_scratch")
    require_continuations("X", scratch, (0, 1, 2))
    slices = Takes(fidelities=True, slices=True)
    assert slices.refusal(scratch).endswith("set it to 'resumable'")
    assert slices.refusal(problem(*chain(1, 2, 3), mode="resumable")) == ""
    assert str(slices) == "any objectives, constraints, workers, fidelities, slices"


def test_an_unknown_rounding_is_refused():
    with pytest.raises(HarnessError, match="`rounding` must be one of 'paper', 'code'"):
        bracket_sizes(3, 3, "up")
    assert halved(9, 3, 3) == (9, 3, 1)
