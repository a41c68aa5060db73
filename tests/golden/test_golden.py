"""Strategies behave as when they were blessed."""

from __future__ import annotations

import pytest

from strategies import STRATEGIES
from tests.golden.traces import CASES, path_of, read, trace_of


@pytest.mark.parametrize("name", CASES)
def test_strategy_behaves_as_blessed(name):
    golden, now = read(name), trace_of(name)
    if golden["version"] != now["version"]:
        pytest.fail(f"version is {now['version']}, the golden trace's {golden['version']}: run `make bless`")
    assert now == golden, "behaviour changed: bump `version` of the strategy, then run `make bless`"


def test_every_built_in_strategy_has_a_golden_trace():
    assert {case.name for case in CASES.values()} >= set(STRATEGIES)
    assert {path.stem for path in path_of("x").parent.glob("*.json")} == set(CASES)
