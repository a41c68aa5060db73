"""The status of an experiment from its folder: what is there, what is missing, and whether a process writes to it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.cli.app import build
from harness.errors import ResultError
from harness.experiments.execute import LOCK, execute
from harness.experiments.prepare import prepare
from harness.experiments.schema import from_dict
from harness.experiments.status import status
from harness.files.whole import is_locked, locked


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("results") / "small"
    spec = from_dict(
        {
            "name": "small",
            "benchmarks": ["micro-mnist1d"],
            "replicates": 5,
            "replicates_per_shard": 2,
            "budget": {"evaluations": 3},
            "strategies": [{"name": "random_search"}, {"name": "local_search"}],
        }
    )
    execute(prepare(spec), made)
    return made


def lines(folder: Path) -> list[tuple[str, int, int, int, int]]:
    return [(one.label, one.replicates, one.of, one.shards, one.shards_of) for one in status(folder).lines]


def test_what_is_there_and_what_is_missing(folder: Path) -> None:
    assert lines(folder) == [("random_search", 5, 5, 3, 3), ("local_search", 5, 5, 3, 3)]
    whole = status(folder)
    assert (whole.done, whole.total, whole.running, whole.left_seconds) == (6, 6, False, 0.0)
    runner = CliRunner()
    told = runner.invoke(build(), ["status", str(folder)])
    assert told.exit_code == 0
    assert "6 of 6 shards, complete" in " ".join(told.output.split())
    entries = json.loads((folder / "experiment.json").read_text(encoding="utf-8"))["cells"]
    paths = [folder / f"{entry['digest']}.h5" for entry in entries]
    for place, path in enumerate(paths):
        os.utime(path, (1000 + 10 * place, 1000 + 10 * place))
    away = folder.parent / "away.h5"
    paths[0].rename(away)
    try:
        for damaged in (b"", away.read_bytes()[:-1]):
            paths[0].write_bytes(damaged)
            assert lines(folder)[0] == ("random_search", 3, 5, 2, 3), "a file that is cut short is no result"
        paths[0].unlink()
        assert lines(folder)[0] == ("random_search", 3, 5, 2, 3)
        part = status(folder)
        assert (part.seconds_per_shard, part.left_seconds, part.last_seconds) == (10.0, 10.0, 1050.0)
        told = runner.invoke(build(), ["status", str(folder), "--json"])
        assert told.exit_code == 3
        assert json.loads(told.stdout)["done"] == 5
        with locked(folder / LOCK):
            assert is_locked(folder / LOCK)
            assert status(folder).running
            assert runner.invoke(build(), ["status", str(folder)]).exit_code == 0
        assert not status(folder).running
    finally:
        away.rename(paths[0])


def test_a_folder_without_an_experiment_is_refused(tmp_path: Path) -> None:
    assert not is_locked(tmp_path / "none")
    with pytest.raises(ResultError, match=r"experiment\.json' is missing"):
        status(tmp_path)
    assert CliRunner().invoke(build(), ["status", str(tmp_path)]).exit_code == 2
