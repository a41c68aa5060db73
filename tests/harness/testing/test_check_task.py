"""The check of tasks: a sound one passes, and every rule can fail."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest

from harness.benchmark import Column
from harness.errors import HarnessError
from harness.spaces.own.genes import Genes
from harness.task import Task
from harness.testing import tasks
from harness.testing.conformance import check
from harness.testing.rules import Rules
from harness.workers.definition import definition_of
from harness.workers.workers import Done

FILE = """
import random
from harness import Column, Genes, Task

class Sound(Task):
    space = Genes(x=[1, 2, 3, 4], kind=["a", "b"])
    columns = (Column("error", "percent", "minimise", "validation"), Column("last", "percent", "minimise", "test"))
    fidelities = (1, 5)
    calls = 0

    def train(self, config, seed, fidelity):
        return {"error": 20.0 + config["x"] + seed + 1 / fidelity, "last": 30.0 + config["x"]}

class Random(Sound):
    def train(self, config, seed, fidelity):
        return {**super().train(config, seed, fidelity), "error": 20 + random.random()}

class Counting(Sound):
    def train(self, config, seed, fidelity):
        self.calls += 1
        return {**super().train(config, seed, fidelity), "error": 20.0 + self.calls}

class Batch(Sound):
    batch = 4

    def train_many(self, configs, seeds, fidelity):
        return [{**self.train(*item, fidelity), "error": 20.0 + len(configs)} for item in zip(configs, seeds)]

class Failing(Sound):
    def train(self, config, seed, fidelity):
        return {"error": 1.0}
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("NAS_HARNESS_HOME", str(tmp_path / "home"))
    (tmp_path / "mine.py").write_text(FILE)
    return tmp_path / "mine.py"


def test_a_sound_task_keeps_the_rules_and_says_what_it_takes(file):
    kept = check(f"{file}:Sound")
    assert "neighbourhood is symmetric" in kept
    assert tasks.SAME in kept
    assert "percentages lie between 0 and 100, and are no fractions" in kept
    assert re.fullmatch(
        r"takes about [\d.e-]+ s for one training \(5 epochs\) on one thread: [\d.e-]+ s for 100", kept[-1]
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Random", f"{tasks.SAME}; found error 20.*a generator that `seed` does not start"),
        pytest.param("Counting", f"{tasks.SAME}; found error", marks=pytest.mark.slow),
        ("Batch", "does not depend on the batch; found error 24.0 and 21.0"),
        ("Failing", "Failing failed on .*, seed 0: the column 'last' is missing"),
    ],
)
def test_a_task_that_answers_otherwise_the_second_time_is_found(file, name, said):
    with pytest.raises(HarnessError, match=said):
        check(f"{file}:{name}")


class Told(Task):
    space = Genes(x=[1, 2, 3])
    columns = (
        Column("accuracy", "percent", "maximise", "validation", best=100.0),
        Column("last", "percent", "maximise", "test"),
        Column("loss", "nats", "minimise", "validation", best=0.0),
    )
    timeout_seconds = 10.0

    def train(self, config, seed):
        return {}


SOUND = np.array([[90.0, 89.0, 0.5], [91.0, 89.0, 0.4]] * 3) + 0.1 * np.arange(6)[:, None]


def _checked(values, seconds=0.1):
    definition, rules = definition_of(Told), Rules("task Told")
    requests = tasks._requests(definition, np.array([[0], [1], [2]]))
    done = [Done(tuple(row), "", seconds) for row in values.tolist()]
    tasks._check_results(rules, definition, requests, done)
    tasks._check_numbers(rules, definition, requests, done)
    return rules.kept


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda sound: sound * [0.01, 1, 1], "and are no fractions; found accuracy from 0.9 to 0.915; times 100"),
        (lambda sound: sound * [2, 1, 1], "percentages lie between 0 and 100"),
        (lambda sound: sound * [1, 1, -1], "better than the `best` of its column; found loss -.*, which is to be min"),
        (lambda sound: sound * [0, 1, 1] + [90, 0, 0], "different choices give different results; found accuracy 90"),
        (lambda sound: sound[[0, 0, 2, 2, 4, 4]], "another seed gives another training; found the same numbers"),
        (lambda sound: sound[:, [0, 0, 2]], "test results are not those of validation; found last and accuracy"),
    ],
)
def test_numbers_that_contradict_what_is_said_of_them_are_found(change, said):
    assert len(_checked(SOUND)) >= 6
    with pytest.raises(HarnessError, match=said):
        _checked(change(SOUND))


def test_a_training_that_nearly_times_out_is_found():
    with pytest.raises(HarnessError, match="less than half of `timeout_seconds`; found one took 6 of 10 s"):
        _checked(SOUND, seconds=6.0)


def test_what_a_search_takes_is_told_in_hours_where_it_takes_hours():
    definition = definition_of(Told)
    assert tasks._cost(definition, 0.123).endswith(
        "takes about 0.12 s for one training (full training) on one thread: 12.3 s for 100"
    )
    assert tasks._cost(definition, 720.0).endswith(": 20 hours for 100")


@pytest.mark.slow
def test_the_task_in_the_docstring_keeps_the_rules(tmp_path, monkeypatch):
    monkeypatch.setenv("NAS_HARNESS_HOME", str(tmp_path / "home"))
    text = inspect.getdoc(Task)
    shown = text[text.index("import numpy as np") : text.index("What happens to it:")]
    (tmp_path / "shown.py").write_text(inspect.cleandoc(f"    {shown}"))
    assert tasks.SAME in check(f"{tmp_path / 'shown.py'}:Neighbours")
