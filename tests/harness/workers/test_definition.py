"""What a class of tasks says of itself: what it may leave out, and what is refused."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from harness.benchmark import Column
from harness.errors import HarnessError
from harness.problem import Fidelity
from harness.spaces.own.genes import Genes
from harness.task import Task
from harness.workers.definition import definition_of, from_dict, numbers_of

VALID = Column("loss", "nats", "minimise", "validation")
TEST = Column("test_loss", "nats", "minimise", "test")


class Plain(Task):
    """A task.

    With a second paragraph.
    """

    space = Genes(width=[1, 2])
    columns = (VALID, TEST, Column("size", "M", "minimise"))

    def train(self, config, seed):
        return {"loss": 0.0, "test_loss": 0.0, "size": 1.0}


class Levels(Plain):
    fidelities = (1, 3, 9)

    def train(self, config, seed, fidelity):
        return {}


def test_a_task_says_what_tables_say():
    found = definition_of(Plain)
    assert (found.name, found.title, found.validation, found.test) == ("Plain", "A task.", "loss", "test_loss")
    assert [(item.split, item.held_out) for item in found.columns.values()] == [
        ("x-valid", False),
        ("x-test", True),
        ("", False),
    ]
    assert found.fidelities == (Fidelity("full training", 1, 1),)
    assert (found.levels, found.seeds, found.has_seconds) == ((), 3, False)
    assert found.configurations(np.array([[1]])) == [{"width": 2}]


def test_numbers_are_fidelities_of_trainings_from_scratch_or_of_one_that_goes_on():
    assert definition_of(Levels).fidelities == (
        Fidelity("1 epochs", 1, 1),
        Fidelity("3 epochs", 3, 3),
        Fidelity("9 epochs", 9, 9),
    )
    on = type("On", (Levels,), {"continues": True, "fidelity_unit": "rounds"})
    assert definition_of(on).fidelities == (
        Fidelity("1 of 9 rounds", 9, 1),
        Fidelity("3 of 9 rounds", 9, 3, 0),
        Fidelity("9 of 9 rounds", 9, 9, 1),
    )
    assert definition_of(on).trainings == ((0, 1, 2),)
    given = (Fidelity("half", 5, 5, scale={"data": 0.5}), Fidelity("whole", 5, 5))
    own = definition_of(type("Own", (Levels,), {"fidelities": given}))
    assert own.levels == own.fidelities == given


def test_a_space_of_the_program_gives_texts():
    found = definition_of(type("Cells", (Plain,), {"space": "nb201"}))
    assert found.configurations(np.zeros((1, 6), dtype=np.uint8))[0].startswith("|none~0|")


@pytest.mark.parametrize("task", [Plain, Levels, type("Cells", (Plain,), {"space": "nb201"})])
def test_what_reports_need_can_be_written_down(task):
    found = definition_of(task)
    again = from_dict(found.as_dict())
    assert (again.columns, again.fidelities, again.seeds) == (found.columns, found.fidelities, found.seeds)
    assert again.space.name == found.space.name
    assert again.as_dict() == found.as_dict()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"space": None}, "`space` must be given"),
        ({"space": "nb202"}, "unknown search space 'nb202'"),
        ({"columns": ()}, "`columns` must list at least one"),
        ({"title": np.zeros(2)}, "`title` must be a text"),
        ({"fidelities": (1, 2), "continues": np.zeros(2)}, "`continues` must be true or false"),
        ({"fidelities": (1, 2), "fidelity_unit": 3}, "`fidelity_unit` must be a text, got 3"),
        ({"columns": ("loss",)}, "`columns` must list at least one"),
        ({"columns": (TEST,)}, "one that a search may be told"),
        ({"columns": (VALID, VALID)}, "have different names"),
        ({"columns": (Column("my loss", "", "minimise", "validation"),)}, "be a word"),
        ({"columns": (Column("loss", "", "down", "validation"),)}, "'maximise', 'minimise'"),
        ({"columns": (Column("loss", "", "minimise", "valid"),)}, "unknown split of loss 'valid'"),
        (
            {"space": "nb201", "columns": (Column("params_m", "M", "minimise"),)},
            "be called otherwise: the space 'nb201'",
        ),
        ({"fidelities": (3, 1)}, "rise, from cheap to full"),
        ({"fidelities": (0, 1)}, "at least 1"),
        ({"fidelities": 5}, "`fidelities` must list numbers"),
        ({"libraries": 5}, "list names of installed packages"),
        ({"fidelities": (1, 3)}, r"train\(self, config, seed, fidelity\)"),
        ({"train": lambda self, config: {}}, r"train\(self, config, seed\); `fidelity` is given where"),
        ({"train_many": lambda self, configs: []}, r"train_many\(self, configs, seeds\)"),
        ({"seconds": lambda self, config: 1.0}, "put @staticmethod before it"),
        ({"seconds": staticmethod(lambda: 1.0)}, r"seconds\(config\)"),
        ({"seeds": 0}, "`seeds` must be at least 1"),
        ({"batch": 1.5}, "`batch` must be an integer"),
        ({"processes": 0}, "`processes` must be at least 1"),
        ({"timeout_seconds": 0}, "`timeout_seconds` must be greater than 0"),
        ({"libraries": "numpy"}, "list names of installed packages"),
    ],
)
def test_what_cannot_be_is_refused(changed, said):
    with pytest.raises(HarnessError, match=f"the task Changed: .*{said}"):
        definition_of(type("Changed", (Plain,), changed))


@pytest.mark.parametrize("one", [1, 1.0, np.float32(1), np.array(1.0), True])
def test_scalars_of_any_library_are_numbers(one):
    assert numbers_of(definition_of(Plain), {"loss": one, "test_loss": one, "size": one}) == ([1.0] * 3, "")


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (None, "return a number for each of loss, test_loss, size, by its name, got None"),
        (0.5, "got 0.5"),
        ({"loss": 1.0, "test_loss": 1.0}, "the column 'size' is missing"),
        ({"loss": 1.0, "test_loss": 1.0, "sise": 1.0}, "unknown column 'sise'. Did you mean 'size'"),
        ({"loss": [1.0], "test_loss": 1.0, "size": 1.0}, r"'loss' must be one number, got \[1.0\]"),
        ({"loss": np.zeros(3), "test_loss": 1.0, "size": 1.0}, r"got an array of shape \(3,\)"),
        ({"loss": "0.5", "test_loss": 1.0, "size": 1.0}, "must be one number, got '0.5'"),
        ({"loss": 1j, "test_loss": 1.0, "size": 1.0}, "must be one number"),
        ({"loss": math.nan, "test_loss": 1.0, "size": math.inf}, "'loss' is nan; 'size' is inf"),
    ],
)
def test_what_is_no_result_is_nan_with_its_reason(returned, said):
    values, reason = numbers_of(definition_of(Plain), returned)
    assert math.isnan(values[0]) or math.isnan(values[2])
    assert re.search(said, reason)
