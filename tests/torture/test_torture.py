"""A small campaign; `make torture` is the large one."""

from __future__ import annotations

from tests.torture.campaign import campaign


def test_commands_that_are_killed_lose_nothing(tmp_path):
    tallies = campaign(tmp_path, 3, 1, ("run, 2 processes", "data import"))
    assert sum(tally.in_time for tally in tallies.values()) >= 3
    assert [fault for tally in tallies.values() for fault in tally.faults] == []
