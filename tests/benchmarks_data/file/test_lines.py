from __future__ import annotations

import numpy as np
import pytest

from benchmarks_data import provider
from benchmarks_data.file.lines import lines
from harness import registry
from harness.errors import HarnessError

NAME = "micro-mnist1d"


@pytest.fixture(scope="module")
def header():
    return provider.whole(NAME)


@pytest.fixture(scope="module")
def truth():
    return registry.oracle(NAME)


def test_every_row_and_column_is_there_as_published(header, truth):
    frame = lines(header)
    assert list(frame.columns) == ["architecture", "trainings", *truth.columns]
    assert np.array_equal(truth.space.parse(frame["architecture"].tolist()), truth.archs)
    assert np.array_equal(frame["trainings"], truth.training_counts)
    for name in truth.columns:
        assert np.array_equal(frame[name], truth.values(name), equal_nan=True), name


def test_the_best_come_first_and_missing_values_never(header, truth):
    frame = lines(header, columns=["test_accuracy"], top=7)
    order = np.argsort(-truth.values("valid_accuracy"), kind="stable")[:7]
    assert frame["architecture"].tolist() == truth.space.format(truth.archs[order])
    assert list(frame.columns) == ["architecture", "trainings", "test_accuracy"]
    cheapest = lines(header, columns=["params_m"], top=1, by="params_m")
    assert cheapest["params_m"][0] == np.nanmin(truth.values("params_m"))
    assert len(lines(header, top=10**6)) == np.count_nonzero(~np.isnan(truth.values("valid_accuracy")))


def test_trainings_are_lines_of_their_own(header, truth):
    frame = lines(header, columns=["valid_accuracy", "params_m"], trainings=True)
    assert len(frame) == truth.training_counts.sum()
    means = frame.groupby("architecture", sort=False)["valid_accuracy"].mean()
    assert np.allclose(means, truth.values("valid_accuracy"), rtol=1e-12)
    assert frame.groupby("architecture")["params_m"].nunique().max() == 1


def test_fidelities_are_chosen_by_their_label(header):
    one = lines(header, columns=["valid_accuracy", "test_accuracy"], fidelity="epoch 3 of 10")
    every = lines(header, columns=["valid_accuracy", "test_accuracy"], fidelity="all")
    assert set(one["fidelity"]) == {"epoch 3 of 10"}
    assert len(every) == 10 * len(one)
    part = every[every["fidelity"] == "epoch 3 of 10"].reset_index(drop=True)
    assert part.equals(one)
    assert one["test_accuracy"].isna().all(), "the test was not measured in the middle"
    assert every[every["fidelity"] == "epoch 10 of 10"]["test_accuracy"].notna().all()


@pytest.mark.parametrize(
    ("wanted", "part"),
    [
        ({"columns": ["valid_acuracy"]}, "Did you mean 'valid_accuracy'"),
        ({"by": "params", "top": 3}, "Did you mean 'params_m'"),
        ({"fidelity": "epoch 11 of 10"}, "unknown fidelity"),
        ({"top": 0}, "at least 1"),
    ],
)
def test_what_is_not_there_is_refused(header, wanted, part):
    with pytest.raises(HarnessError, match=part):
        lines(header, **wanted)
