"""A few hundred cases of the fuzz harness, and what the harness itself must see."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import HarnessError
from tests.fuzz import runner as room
from tests.fuzz.__main__ import numbers
from tests.fuzz.kinds import KINDS, kind
from tests.fuzz.runner import ChangedError, Draw, Kind, prepared

MIXED = ("labels", "commands", "pickles", "archives")
"""Kinds whose cases are made anew, not changed from a whole input."""
CASES = {"labels": 3, "commands": 8, "kept": 5, "spaces": 5, "items": 5, "tasks": 5}
"""Of each kind, beside those that once failed: 25, and fewer where a case takes a second."""
TRAINING = ("methods", "networks", "sealed", "states", "tasks")
"""Kinds that train, or begin with torch: some seconds each, and not among the fast tests."""


def marked(names: Iterable[str]) -> list[Any]:
    """Return the names of kinds, those that train marked as slow."""
    return [pytest.param(name, marks=pytest.mark.slow) if name in TRAINING else name for name in names]


@pytest.mark.parametrize("name", marked(sorted(KINDS)))
def test_no_case_is_a_fault(name):
    with prepared([kind(name)], seed=1) as runner:
        corpus = runner.kinds[name].corpus
        cases = [(name, index) for index in (*range(0, corpus, 11), *range(corpus, corpus + CASES.get(name, 25)))]
        faults = [verdict for verdict in runner.cases(cases, jobs=2) if verdict.is_fault]
    assert not faults, "\n".join(f"{fault.kind} {fault.index} {fault.outcome}: {fault.message}" for fault in faults)


@pytest.mark.parametrize("name", marked(name for name in KINDS if name not in MIXED))
def test_what_is_not_changed_is_accepted(name):
    with prepared([kind(name)], seed=0) as runner:
        first = runner.kinds[name].corpus
        verdicts = [runner.case(name, index, most=0) for index in range(first, first + 3)]
    assert {verdict.outcome for verdict in verdicts} <= {"ok"}, verdicts


class Faulty(Kind):
    """Does what a case must not do, by number."""

    name = "faulty"

    def run(self, draw: Draw, index: int, folder: Path) -> str:
        def leaves_litter() -> str:
            (folder / ".a.h5.x.unfinished").touch()
            return "done"

        def raises(error: Exception) -> str:
            raise error

        def eats() -> str:
            return str(len(bytearray(b"a") * 2**28))

        ways = (
            lambda: str(draw.random()),
            lambda: raises(HarnessError("no")),
            lambda: raises(KeyError("a")),
            lambda: raises(ChangedError("another number")),
            lambda: os.abort(),  # type: ignore[func-returns-value]  # it never returns
            leaves_litter,
            lambda: "a" * 10_000,
            eats,
            lambda: str(sum(iter(int, 1))),
            lambda: str(time.sleep(60)),  # type: ignore[func-returns-value]  # it never returns in time
        )
        return ways[index]()


def test_every_sort_of_fault_is_seen_and_its_input_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "SECONDS", 1)
    monkeypatch.setattr(room, "MEMORY_BYTES", 2**27)
    with prepared([Faulty()], seed=3, kept=tmp_path) as runner:
        verdicts = {verdict.index: verdict for verdict in runner.cases([("faulty", n) for n in range(9)], jobs=4)}
        monkeypatch.setattr(room, "WALL_SECONDS", 1.0)
        verdicts[9] = runner.case("faulty", 9)
        monkeypatch.undo()
        again = [runner.case("faulty", 0).message for _ in range(2)]
    wanted = ["ok", "refused", "traceback", "changed", "crash", "litter", "message", "memory", "hang", "hang"]
    assert [verdicts[index].outcome for index in range(10)] == wanted
    assert again == [verdicts[0].message] * 2
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"faulty-3-{index}" for index in range(2, 10)]
    assert "KeyError" in (tmp_path / "faulty-3-2" / "verdict.txt").read_text()


def test_cases_are_shared_out_by_weight_and_the_corpus_is_whole():
    cases = numbers(["a", "b"], 100, {"a": 3.0, "b": 1.0}, {"a": 0, "b": 40})
    assert len(cases) == 75 + 40
    assert {name: max(index for other, index in cases if other == name) for name in "ab"} == {"a": 74, "b": 39}
