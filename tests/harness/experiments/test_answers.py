"""The answers of one-shot methods: what is right comes back as it was said, what is wrong is refused in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.experiments import answers
from harness.one_shot import OneShot, SearchData, Spent, check_declared
from harness.spaces import named
from harness.spaces.rows import RowsSpace

SPACE = named.space("nb201")
WEIGHTS = np.full((6, 5), 0.2)
NOWHERE = float("nan")


@dataclass(frozen=True)
class Settings:
    """What each answers."""

    epoch: Any = field(default_factory=lambda: Spent(2.0, 0.5))
    recommend: Any = field(default_factory=lambda: np.full((2, 6), 3))
    observed: Any = field(default_factory=dict)
    inherited: Any = (50.0, NOWHERE)
    state: Any = field(default_factory=lambda: {"a": np.arange(3)})


class Says(OneShot):
    """Says what it is given."""

    preset = Settings()
    derivations = ("one", "other")

    def epoch(self):
        return self.settings.epoch

    def recommend(self):
        return self.settings.recommend

    def observed(self):
        return self.settings.observed

    def inherited(self, archs):
        return self.settings.inherited

    def state(self):
        return self.settings.state

    def restore(self, state):
        raise NotImplementedError


def says(**answer: Any) -> Says:
    items = np.zeros((2, 1, 1, 4), dtype=np.float32)
    images, labels = ({split: one for split in ("train", "valid")} for one in (items, np.zeros(2, dtype=np.int64)))
    data = SearchData("nb201", {}, images, labels, 2, np.zeros(1, np.float32), np.ones(1, np.float32))
    return Says(SPACE, data, np.random.default_rng(0), 3, **answer)


def test_what_is_right_comes_back_as_it_was_said():
    told = {"train_loss": 1, "valid_loss": NOWHERE, "probabilities": WEIGHTS, "lineage": np.full((2, 6), 3)}
    method = says(observed=told)
    assert answers.trained(method) == (2.0, 0.5)
    assert answers.recommended(method).tolist() == [[3] * 6] * 2
    assert answers.recommended(says(recommend=np.empty((0, 6), dtype=int))).shape == (0, 6)
    np.testing.assert_array_equal(answers.inherited(method, answers.recommended(method)), [50.0, NOWHERE])
    found = answers.observed(method)
    assert {name: (values.shape, values.dtype.name) for name, values in found.items()} == {
        name: (np.shape(value), "float64") for name, value in told.items()
    }
    assert answers.observed(method, found).keys() == told.keys()
    assert answers.state(method)["a"].tolist() == [0, 1, 2]


def test_a_method_can_change_neither_what_it_is_told_nor_the_data_of_others():
    class Writes(Says):
        def inherited(self, archs):
            archs[:] = 0
            return super().inherited(archs)

    archs, data = np.full((2, 6), 3), says().data
    answers.inherited(Writes(SPACE, data, np.random.default_rng(0), 3), archs)
    assert (archs == 3).all()
    for items in (*data.images.values(), *data.labels.values()):
        with pytest.raises(ValueError, match="read-only"):
            items[:] = 0


def test_a_supernet_may_recommend_what_a_table_of_a_part_of_the_space_lacks():
    method = says(observed={"lineage": np.full((2, 6), 3)})
    method.space = RowsSpace(RowsSpace(SPACE, np.array([[1] * 6, [2] * 6])), np.array([[1] * 6]))
    assert answers.recommended(method).tolist() == [[3] * 6] * 2
    assert answers.observed(method)["lineage"].tolist() == [[3] * 6] * 2


@pytest.mark.parametrize(
    ("told", "answer", "message"),
    [
        ("epoch", None, r"`Says.epoch` must return Spent\(macs, seconds\), got None"),
        ("epoch", Spent(NOWHERE, 1.0), "`macs of Says.epoch` must be finite, got nan"),
        ("epoch", Spent(0.0, 1.0), "`macs of Says.epoch` must be greater than 0, got 0.0"),
        ("epoch", Spent(1.0, -1.0), "`seconds of Says.epoch` must be greater than 0, got -1.0"),
        ("recommend", [[1, 2], [3, 4]], r"`Says.recommend` must have shape \(n, 6\), got \(2, 2\)"),
        ("recommend", np.full((3, 6), 1), "`Says.recommend` must return no row or one for each of its 2 derivations"),
        ("recommend", np.full((2, 6), 0.5), "`Says.recommend` must be an array of integers, got dtype"),
        ("recommend", np.full((2, 6), 9), "`Says.recommend` must return genes below the cardinalities of the space"),
        ("inherited", [1.0] * 7, r"`Says.inherited` must return a number for each architecture, \(2,\), got \(7,\)"),
        ("inherited", [[1.0], [1.0, 2.0]], "`Says.inherited` must return a number for each"),
        ("inherited", [50.0, 101.0], r"`Says.inherited` must return percents, from 0 to 100 .*, got 101.0"),
        ("inherited", [50.0, NOWHERE], "`Says.inherited` must know the accuracy of what the method recommends"),
        ("observed", None, "`Says.observed` must return a mapping from names to numbers"),
        ("observed", {"train_los": 1.0}, "unknown number in `Says.observed` 'train_los'. Did you mean 'train_loss'"),
        ("observed", {"inherited": 1.0}, "unknown number in `Says.observed` 'inherited'"),
        ("observed", {"train_loss": "low"}, "`train_loss of Says.observed` must be a number, got 'low'"),
        ("observed", {"train_loss": None}, "`train_loss of Says.observed` must be a number, got None"),
        ("observed", {"train_loss": NOWHERE}, "`train_loss of Says.observed` must be finite; a smaller learning rate"),
        ("observed", {"eigenvalue": np.inf}, "`eigenvalue of Says.observed` must be finite, or NaN where it was not"),
        ("observed", {"valid_loss": [1.0, 2.0]}, "`valid_loss of Says.observed` must be one number"),
        ("observed", {"probabilities": WEIGHTS[0]}, r"must be weights of 5 operations on each edge, \(edges, 5\), got"),
        ("observed", {"probabilities": WEIGHTS[:, 1:]}, r"must be weights of 5 operations .*, got \(6, 4\)"),
        ("observed", {"probabilities": 9 * WEIGHTS}, "must be weights from 0 to 1, got 1.8"),
        ("observed", {"lineage": np.zeros((2, 5))}, r"must be two architectures of the space 'nb201', \(2, 6\), got"),
        ("observed", {"lineage": np.full((2, 6), 0.5)}, "must be two architectures of the space 'nb201'"),
        ("observed", {}, r"must tell the same after every epoch .*, at first \{'train_loss': \(\)\}, got \{\}"),
        ("state", None, "`Says.state` must return a mapping from names to arrays of numbers, got None"),
        ("state", {"a": [1, 2]}, "`Says.state` must return a mapping from names to arrays of numbers"),
        ("state", {3: np.zeros(1)}, "`Says.state` must return a mapping from names to arrays of numbers"),
        ("state", {"a": np.array([None])}, "`Says.state` must return a mapping from names to arrays of numbers"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused(told, answer, message):
    told_nothing = isinstance(answer, dict) and not answer
    method, before = says(**{told: answer}), {"train_loss": np.array(1.0)} if told_nothing else None
    ask = {
        "epoch": answers.trained,
        "recommend": answers.recommended,
        "observed": lambda method: answers.observed(method, before),
        "inherited": lambda method: answers.inherited(method, answers.recommended(method), handed_over=True),
        "state": answers.state,
    }[told]
    with pytest.raises(HarnessError, match=message):
        ask(method)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"preset": {}}, "`Wrong.preset` must be an instance of a frozen dataclass"),
        ({"preset": Settings}, "`Wrong.preset` must be an instance of a frozen dataclass"),
        ({"preset": Settings()}, "`Wrong.preset` must hold numbers, texts and lists of them alone"),
        ({"version": "x"}, "`Wrong.version` must be an integer, got 'x'"),
        ({"takes": "nb201"}, "`Wrong.takes` must be a tuple of different texts, 1 or more, got 'nb201'"),
        ({"derivations": ()}, "`Wrong.derivations` must be a tuple of different texts, 1 or more"),
        ({"derivations": ("a", "a")}, "`Wrong.derivations` must be a tuple of different texts"),
        ({"libraries": ("no-such-library",)}, "`Wrong.libraries` must name installed distributions"),
        ({"later_hyperparameters": {"epochs": 3}}, "unknown parameter in Wrong.later_hyperparameters 'epochs'"),
    ],
)
def test_a_class_that_declares_something_else_is_refused(changes, message):
    plain = {"preset": Settings(*[0] * 5), **changes}
    with pytest.raises(HarnessError, match=message):
        check_declared(type("Wrong", (Says,), plain))


def test_a_class_that_lacks_methods_is_refused_by_their_names():
    with pytest.raises(HarnessError, match="OneShot must define epoch, inherited, recommend, restore, state to be"):
        check_declared(OneShot)
