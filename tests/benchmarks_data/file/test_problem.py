"""The problem that a table poses: fidelities by epoch, objectives from columns, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks_data.file.problem import check_fidelity, epochs_of, objectives_of
from harness.benchmark import Column
from harness.errors import HarnessError
from harness.problem import Fidelity, Objective

ERROR = Column("error", "percent", "minimise", best=0.0)


def column_of(name: str) -> Column:
    if name != "error":
        raise HarnessError(f"no column {name}")
    return ERROR


def test_every_epoch_continues_the_one_before_in_its_schedule() -> None:
    two = [*epochs_of(2), *epochs_of(3, first=2)]
    assert two[:2] == [Fidelity("epoch 1 of 2", 2, 1), Fidelity("epoch 2 of 2", 2, 2, 0)]
    assert [fidelity.continues for fidelity in two] == [None, 0, None, 2, 3]
    assert [fidelity.epoch for fidelity in epochs_of(90, [30, 90])] == [30, 90]


def test_objectives_are_as_their_columns_say_unless_they_say_it_themselves() -> None:
    own = Objective("error", "maximise", "points", None)
    assert objectives_of(["error", own], column_of) == (Objective("error", "minimise", "percent", 0.0), own)


@pytest.mark.parametrize(
    ("items", "words"), [([], "at least one"), (["size"], "size"), ([Objective("size", "minimise", "", None)], "size")]
)
def test_no_objective_and_unknown_columns_are_refused(items: list[str | Objective], words: str) -> None:
    with pytest.raises(HarnessError, match=words):
        objectives_of(items, column_of)


@pytest.mark.parametrize("wrong", [[0, 3], [-1, 0]])
def test_fidelities_that_are_not_offered_are_refused(wrong: list[int]) -> None:
    check_fidelity(np.array([0, 2]), 3, "made-up")
    check_fidelity(np.array([], dtype=np.int64), 3, "made-up")
    with pytest.raises(HarnessError, match=r"range\(3\): made-up has no other"):
        check_fidelity(np.array(wrong), 3, "made-up")
