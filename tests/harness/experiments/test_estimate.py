"""Estimates: what is missing is counted, small runs are timed, nothing is stored."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from harness.cli.__main__ import main
from harness.experiments import estimate as room
from harness.experiments.estimate import estimate
from harness.experiments.execute import execute
from harness.experiments.prepare import prepare
from harness.experiments.spec import Spec, StrategySpec
from harness.experiments.supernets import Supernets
from harness.problem import Budget

SPEC = Spec(
    "small",
    ("nb201-cifar10", "graph-cora"),
    (StrategySpec("random_search", "RS"), StrategySpec("local_search", "LS")),
    Budget(evaluations=30),
    replicates=6,
    replicates_per_shard=3,
)


def test_missing_shards_are_counted_and_nothing_is_written(tmp_path):
    prepared = prepare(SPEC)
    found = estimate(prepared, tmp_path / "a")
    assert (found.missing, found.found, found.cut) == (8, 0, ())
    assert all(0 < seconds < 60 for seconds in found.seconds.values())
    assert list(tmp_path.iterdir()) == []
    execute(prepare(replace(SPEC, strategies=SPEC.strategies[:1])), tmp_path)
    again = estimate(prepared, tmp_path)
    assert (again.missing, again.found) == (4, 4)
    assert [*again.seconds] == ["LS"]
    execute(prepared, tmp_path)
    assert estimate(prepared, tmp_path).seconds == {}


def test_a_slow_small_run_is_given_up_and_extrapolated(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "MOST_SECONDS", 0.0)
    found = estimate(prepare(SPEC), tmp_path)
    assert set(found.cut) == {"RS", "LS"}
    assert all(seconds > 0 for seconds in found.seconds.values())
    timed = estimate(prepare(replace(SPEC, benchmarks=SPEC.benchmarks[:1], budget=Budget(seconds=1e5))), tmp_path)
    assert all(seconds != seconds for seconds in timed.seconds.values())  # NaN: nobody knows how far it was


def test_a_supernet_is_extrapolated_from_its_first_epochs(tmp_path, monkeypatch):
    told = iter((0.0, 7.0, 8.0, 10.5, 14.0))
    monkeypatch.setattr(room.time, "monotonic", lambda: next(told))
    unit = SimpleNamespace(first=0, stop=1, epochs=40)

    def run(unit, on_step):
        for epoch in range(unit.epochs):
            on_step(epoch + 1)

    kind = Supernets()
    monkeypatch.setattr(kind, "run", run)
    seconds, part = room._seconds_of_one(kind, unit)
    assert seconds == pytest.approx(7.0 + 39 * 7.0 / 3), "an epoch takes 7/3 seconds, and opening the data but once"
    assert part == 4 / 40, "given up after the fourth epoch, 7 seconds after the first"


@pytest.mark.parametrize("as_json", [False, True])
def test_the_command_says_what_is_before_it(tmp_path, capsys, as_json):
    (tmp_path / "s.toml").write_text(
        'name = "s"\nbenchmarks = ["graph-cora"]\nreplicates = 2\n[budget]\nevaluations = 20\n'
        '[[strategies]]\nname = "random_search"\n'
    )
    given = ["run", str(tmp_path / "s.toml"), "--dry-run", "--workers", "2", "--out", str(tmp_path / "results")]
    assert main([*given, *(["--json"] if as_json else [])]) == 0
    said = capsys.readouterr().out
    if as_json:
        told = json.loads(said)
        assert (told["missing"], told["found"]) == (1, 0)
        assert told["seconds_in_all"] == sum(told["seconds"].values())
    else:
        assert "1 shard to compute, 0 there" in said
        assert "with --workers 2" in said
    assert not (tmp_path / "results").exists()
