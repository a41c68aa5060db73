"""A small campaign; `make torture` is the large one."""

from __future__ import annotations

import pytest

from tests.torture.campaign import campaign


def test_commands_that_are_killed_lose_nothing(tmp_path):
    tallies = campaign(tmp_path, 3, 1, ("run, 2 processes", "data import"))
    assert sum(tally.in_time for tally in tallies.values()) >= 3
    assert [fault for tally in tallies.values() for fault in tally.faults] == []


@pytest.mark.slow
def test_evaluations_of_learners_that_are_killed_lose_nothing(tmp_path):
    (tally,) = campaign(tmp_path, 3, 1, ("learners",)).values()
    assert tally.in_time >= 3
    assert tally.faults == []
