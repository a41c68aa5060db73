"""Several objectives looked at before anything runs: refused, or warned of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness import registry
from harness.errors import HarnessError, SpecError
from harness.experiments.objectives import check_objectives
from harness.experiments.prepare import prepare
from harness.experiments.schema import from_dict
from harness.problem import Objective
from harness.records import Evaluations
from harness.spaces import named

SPEC = {
    "name": "try",
    "benchmarks": ["micro-mnist1d"],
    "strategies": [{"name": "random_search"}],
    "budget": {"evaluations": 5},
    "replicates": 1,
}


class Told:
    """A benchmark of any columns."""

    name, fidelities = "told", (None,)

    def __init__(self, columns, space="nb201", objectives=None):
        self.columns, self.space = columns, named.space(space)
        self.objectives = objectives or tuple(Objective(f"c{place}") for place in range(len(columns)))

    def query(self, proposals, *, noise_seed):
        assert noise_seed is None
        assert (proposals.fidelity == 0).all()
        n = len(proposals)
        values = np.stack([column(np.arange(float(n))) for column in self.columns], axis=1)
        nothing = np.zeros((n, 0))
        return Evaluations(proposals.archs, proposals.fidelity, proposals.tag, values, nothing, np.full(n, np.nan))


def missing(first):
    return lambda x: np.where(x < first, np.nan, -x)


def test_params_and_macs_order_alike_and_that_is_said_before_a_run():
    benchmark = registry.benchmark("nb201-cifar10", objectives=["valid_accuracy", "params_m", "macs_m"])
    (notice,) = check_objectives(benchmark)
    assert notice.startswith("the objectives 'params_m' and 'macs_m' order the architectures of 'nb201-cifar10' alike")
    spec = SPEC | {"benchmarks": ["nb201-cifar10"], "objectives": ["valid_accuracy", "params_m", "macs_m"]}
    assert prepare(from_dict(spec)).notices == (notice,)
    assert check_objectives(registry.benchmark("nb201-cifar10", objectives=["valid_accuracy", "params_m"])) == []
    assert check_objectives(registry.benchmark("nb201-cifar10")) == []


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (
            (lambda x: -x, lambda x: np.full_like(x, 3.0)),
            "differ between the architectures of 'told', got 'c1', which is 3",
        ),
        ((lambda x: -x, lambda x: np.full_like(x, np.nan)), "have values on 'told'"),
    ],
)
def test_a_constant_objective_and_one_without_values_are_refused(columns, says):
    with pytest.raises(HarnessError, match=says):
        check_objectives(Told(columns))


def test_objectives_that_some_rows_lack_and_monotone_twins_are_said():
    said = check_objectives(Told((lambda x: x, missing(1562.5))))
    assert said == [
        "the objective 'c1' has no value on 10.0% of the architectures of 'told': these count as failed, and never"
        " enter a front"
    ]
    (twins,) = check_objectives(Told((lambda x: x % 7, lambda x: -(x % 5), lambda x: np.exp(x % 7))))
    assert "'c0' and 'c2' order" in twins
    both = check_objectives(Told((missing(9), missing(9))))
    assert len(both) == 1, "rows that lack all objectives failed, as rows of one objective do"


def test_a_large_space_is_looked_at_by_a_sample():
    assert check_objectives(Told((lambda x: x, lambda x: (x * 7919) % 1021), space="darts")) == []


def test_a_logarithm_needs_a_positive_cost():
    benchmark = Told((lambda x: x, lambda x: -x))
    with pytest.raises(HarnessError, match=r"`report\.log` must name objectives that are minimised and positive"):
        check_objectives(benchmark, ["c1"])
    benchmark.objectives = (Objective("c0"), replace(Objective("c1"), direction="maximise"))
    with pytest.raises(HarnessError, match="minimised and positive"):
        check_objectives(benchmark, ["c1"])


@pytest.mark.parametrize(
    ("report", "says"),
    [
        ({"log": ["params"]}, r"unknown objective in `report\.log` 'params'"),
        ({"incumbent": "recommended"}, "`report.incumbent` must be 'full' where several"),
    ],
)
def test_a_spec_is_refused_for_what_reports_cannot_judge(report, says):
    with pytest.raises(SpecError, match=says):
        from_dict(SPEC | {"objectives": ["valid_accuracy", "params_m"], "report": report})
    with pytest.raises(SpecError, match=r"`report\.log` must be empty without several"):
        from_dict(SPEC | {"report": {"log": ["params_m"]}})
