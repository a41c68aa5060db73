"""What a spec is refused for once its tables are opened: the error names the key at which it goes wrong."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from harness import registry
from harness.errors import SpecError
from harness.experiments.prepare import prepare
from harness.experiments.schema import from_dict
from harness.spaces import named

SPEC = {
    "name": "try",
    "benchmarks": ["nb201-cifar10"],
    "strategies": [{"name": "random_search"}],
    "budget": {"evaluations": 5},
    "replicates": 1,
}


@pytest.mark.parametrize(
    ("change", "begins"),
    [
        ({"objectives": ["valid_acc"]}, "spec: `objectives`: unknown column of nb201-cifar10 'valid_acc'"),
        ({"constraints": ["params<=1"]}, "spec: `constraints`: unknown column of nb201-cifar10 'params'"),
        ({"constraints": ["params_m<=0"]}, "spec: `constraints`: no architecture of nb201-cifar10 keeps"),
        ({"benchmarks": ["nb201-cifar10", "nb101"]}, "spec: `benchmarks[1]`: the table nb101 is made from files"),
        (
            {"objectives": ["valid_acc"], "constraints": ["params<=1"]},
            "spec: `objectives`: unknown column of nb201-cifar10 'valid_acc'",
        ),
    ],
)
def test_an_error_names_the_key_at_which_it_goes_wrong(change, begins):
    with pytest.raises(SpecError) as caught:
        prepare(from_dict(SPEC | change))
    assert str(caught.value).startswith(begins)


def test_one_table_under_two_paths_is_said_to_be_one(tmp_path):
    space = named.space("nb201")
    archs = np.unique(space.sample(4, np.random.default_rng(0)), axis=0)
    values = {name: np.full((len(archs), 1), 50.0) for name in ("valid_accuracy", "test_accuracy", "train_seconds")}
    values |= {name: np.ones(len(archs)) for name in ("params", "macs")}
    first, second = tmp_path / "a table.h5", tmp_path / "b.h5"
    registry.write_table(first, name="few", space="nb201", epochs=3, archs=archs, values=values, about={})
    shutil.copyfile(first, second)
    with pytest.raises(SpecError) as caught:
        prepare(from_dict(SPEC | {"benchmarks": [str(first), str(second)]}))
    assert str(caught.value) == f"spec: `benchmarks`: '{first}' and '{second}' are one table; name it once"
