"""Decisions of syne-tune and Optuna on the same values, recorded by `tests/peers/stopping_decisions.py`, and ours."""

from __future__ import annotations

import json

import numpy as np
import pytest

from strategies.multi_fidelity.asha import ASHA
from strategies.multi_fidelity.median import MedianStopping
from strategies.parts.fronts import bounds, epsilon_net, normalise, pareto_ranks
from tests.paths import ROOT
from tests.strategies.multi_fidelity.support import Table, run

ETA = 3
RECORD = json.loads((ROOT / "tests" / "peers" / "stopping_decisions.json").read_text(encoding="utf-8"))


def went_on(kind, errors, epochs, **hyperparameters) -> list[list[bool]]:
    """Return after which slices each architecture went on."""
    table = Table(errors, epochs)
    trace = run(kind, table, seconds=1e9, **hyperparameters)
    reached = np.zeros(len(errors[0]), dtype=int)
    np.maximum.at(reached, trace.archs[:, 0].astype(int), trace.fidelity)
    return [[place < last for place in range(min(last + 1, len(epochs) - 1))] for last in reached.tolist()]


@pytest.mark.parametrize("stream", RECORD["rung"])
def test_the_stopping_rule_of_asha_beside_those_of_syne_tune_and_optuna(stream):
    """All three let the best third go on; they differ where a third of the members is no whole number, or just one."""
    values = stream["values"]
    ours = [decisions[0] for decisions in went_on(ASHA, [values, values], [1, 3], rule="stopping", eta=ETA)]
    for n, value in enumerate(values, start=1):
        better = sum(other < value for other in values[:n])
        assert ours[n - 1] == (better <= (n - 1) / ETA), "the linear quantile at 1/eta"
        assert stream["syne_tune"][n - 1] == (better <= n / ETA), "more than 1/eta of them where n is divisible by eta"
        assert stream["optuna"][n - 1] == (better < max(n // ETA, 1)), "less than 1/eta of them where it is not"


def test_the_three_rules_do_differ():
    sums = [sum(sum(stream[name]) for stream in RECORD["rung"]) for name in ("optuna", "syne_tune")]
    ours = sum(
        decisions[0]
        for stream in RECORD["rung"]
        for decisions in went_on(ASHA, [stream["values"]] * 2, [1, 3], rule="stopping", eta=ETA)
    )
    assert sums[0] < ours < sums[1]


def test_the_running_average_rule_is_syne_tunes():
    curves = RECORD["median"]["curves"]
    ours = went_on(MedianStopping, np.array(curves).T, [1, 2, 3, 4], rule="running_average")
    theirs = [decisions[:3] for decisions in RECORD["median"]["syne_tune"]]
    assert ours == theirs
    assert {False, True} == {decisions[-1] for decisions in theirs}


def test_syne_tunes_priorities_of_fronts_are_an_order_taken_for_ranks():
    """The best of three that arrives last is rated as the second; the intended rating is ours."""
    rated = []
    for case in RECORD["priority"]:
        points = np.array(case["points"])
        ranks = pareto_ranks(points)
        units = normalise(points, *bounds(points))
        order = np.concatenate([
            np.flatnonzero(ranks == front)[epsilon_net(units[ranks == front])] for front in range(ranks.max() + 1)
        ])  # fmt: skip
        theirs = np.array(case["priorities"])
        assert sorted(theirs.tolist()) == list(range(len(points)))
        rated.append((order.tolist().index(len(points) - 1), int(np.sum(theirs < theirs[-1]))))
    assert rated[0] == (0, 1)
    assert sum(ours != theirs for ours, theirs in rated) >= 3
