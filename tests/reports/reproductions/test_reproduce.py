"""Published tables that run whole: that which ships, and on real tables those of others."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks_data import provider
from harness.cli.app import build
from harness.errors import TableError
from reports.reproductions.recipe import Cell, Order, Part, load
from reports.reproductions.reproduce import Reproduction, reproduce
from reports.reproductions.verdict import DIFFERS, EXPLAINED, REPRODUCED, Here, of_cell, of_order
from tests.benchmarks_data import extracts

FEW = """
title = "Few runs"
paper = "nobody"
source = "nowhere"
values = "computed"
tables = { micro = ["micro-mnist1d"], gone = ["nb101-only108"] }
[[searches]]
name = "searches"
searched = ["micro"]
runs = 5
[searches.spec]
replicates = 5
budget = { evaluations = 20 }
strategies = [{ name = "random_search", label = "RS" }, { name = "local_search", label = "LS" }]
[searches.expected]
RS = { "micro validation" = 10.0, "micro evaluations" = 20.0 }
[searches.reasons]
validation = "nothing is so bad"
"micro validation" = "nothing is so bad"
[[searches.orders]]
quantity = "mean rank"
labels = ["RS", "LS"]
[[look_ups]]
name = "away"
archs = { cell = ["x"] }
expected = { cell = { "gone test" = 90.0 } }
"""


def states(made: Reproduction) -> list[str]:
    return [verdict.state for verdict in made.verdicts]


def test_a_verdict_says_by_how_much_and_why() -> None:
    part = Part("x", {}, tolerance=0.05, runs=400, reasons={"b": "another table"})
    far = of_cell(part, Cell("a", "test", 90.0, 1.0), Here(90.3, 1.0, 400))
    assert (far.state, far.difference, far.allowed) == (DIFFERS, 0.3, 0.2)
    assert (far.published, far.here) == ("90.00 ± 1.00", "90.30 ± 1.00")
    near = of_cell(part, Cell("b", "test", 90.0, 1.0), Here(90.2, 1.0, 400))
    assert (near.state, near.reason) == (REPRODUCED, "")
    known = of_cell(part, Cell("b", "test", 90.0, 1.0), Here(89.0, 1.0, 400))
    assert (known.state, known.reason, known.difference) == (EXPLAINED, "another table", -1.0)
    order = Order("mean rank", ("a", "b", "c"))
    assert of_order(part, order, {"a": 1.0, "b": 2.0, "c": 2.5}).state == REPRODUCED
    wrong = of_order(part, order, {"a": 1.0, "b": 2.5, "c": 2.5})
    assert (wrong.state, wrong.reason) == (DIFFERS, "b is not before c")


def test_searches_are_run_once_and_what_lacks_its_table_is_told(tmp_path: Path) -> None:
    path = tmp_path / "few.toml"
    path.write_text(FEW, encoding="utf-8")
    runner = CliRunner()
    told = runner.invoke(build(), ["reproduce", str(path), "--out", str(tmp_path / "results"), "--json"])
    assert told.exit_code == 3, told.output
    facts = json.loads(told.stdout)
    by_row = {(verdict["row"], verdict["quantity"]): verdict for verdict in facts["verdicts"]}
    assert by_row["", ""]["state"] == "not run"
    assert "nas-harness data get nb101-only108" in by_row["", ""]["reason"]
    assert by_row["RS", "micro evaluations"]["state"] == REPRODUCED
    assert by_row["RS", "micro validation"]["state"] == EXPLAINED
    assert by_row["order", "mean rank"]["state"] in (REPRODUCED, DIFFERS)
    assert facts == json.loads((tmp_path / "results" / "few-verdicts.json").read_text(encoding="utf-8"))
    results = tmp_path / "results" / "few-searches"
    before = {file.name: file.stat().st_mtime_ns for file in results.glob("*.h5")}
    assert len(before) == 2
    again = runner.invoke(build(), ["reproduce", str(path), "--out", str(tmp_path / "results")])
    assert {file.name: file.stat().st_mtime_ns for file in results.glob("*.h5")} == before
    assert "nothing is so bad" in again.output
    assert "computed (computed on such a table before" in again.output
    fewer = reproduce(load(str(path)), tmp_path / "quick", replicates=2)
    assert [verdict.here for verdict in fewer.verdicts if verdict.quantity == "micro evaluations"] == ["20.00 ± 0.00"]


def test_the_table_that_ships_is_reproduced(tmp_path: Path) -> None:
    made = reproduce(load("micro-mnist1d"), tmp_path)
    assert set(states(made)) == {REPRODUCED}


def test_what_needs_official_files_alone_says_what_brings_them(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="get them with `nas-harness data get nb101-only108`"):
        reproduce(load("bananas-nb101"), tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_command_lists_what_ships() -> None:
    told = CliRunner().invoke(build(), ["reproduce", "list", "--json"])
    assert told.exit_code == 0
    assert {"nats-tss-multitrial", "darts-family", "micro-mnist1d"} <= {row["name"] for row in json.loads(told.stdout)}
    rows = {row["name"]: row["values"] for row in json.loads(told.stdout)}
    assert (rows["nats-tss-multitrial"], rows["zero-cost-correlations"]) == ("recalled", "read, computed")
    assert "recalled: as published, by memory, not re-read" in CliRunner().invoke(build(), ["reproduce", "list"]).stdout
    wrong = CliRunner().invoke(build(), ["reproduce", "dart-family"])
    assert wrong.exit_code == 2


@pytest.fixture(scope="module")
def real_tables(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Import what the recipes ask for, from files in the formats of their authors."""
    folder = tmp_path_factory.mktemp("extracts")
    with pytest.MonkeyPatch.context() as patched, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "nats-tss", UserWarning)  # written here, so not of the sha256 that is pinned
        patched.setenv("NAS_HARNESS_HOME", str(folder))
        for dataset in extracts.OFFICIAL:
            (folder / dataset).mkdir()
            files = extracts.extracts(shared_data, dataset, folder / dataset)
            provider.import_tables([f"nats-tss-{dataset}-extracts"], files)
        provider.import_tables(["nats-tss-cifar10-scores"], extracts.scores(shared_data, folder))
        provider.import_tables(["nats-tss-cifar100-pixel2"], extracts.latencies(shared_data, folder))
        yield


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "reproduced", "others"),
    [
        ("darts-family", 33, {}),
        ("latency-nb201", 6, {"possible": 6}),
        ("nb201-ceiling", 6, {"possible": 3, "impossible": 2}),
        ("zero-cost-correlations", 30, {EXPLAINED: 5}),
        ("naswot", 2, {EXPLAINED: 4}),
    ],
)
@pytest.mark.usefixtures("real_tables")
def test_tables_of_others_run_whole(name: str, reproduced: int, others: dict[str, int], tmp_path: Path) -> None:
    found = states(reproduce(load(name), tmp_path))
    assert {state: found.count(state) for state in set(found)} == {REPRODUCED: reproduced, **others}


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.usefixtures("real_tables")
def test_searches_of_others_run_whole(tmp_path: Path) -> None:
    """All of NATS-Bench's multi-trial table, and NAS-Bench-201's but for what is known: 500 runs each."""
    assert set(states(reproduce(load("nats-tss-multitrial"), tmp_path, workers=2))) == {REPRODUCED}
    found = states(reproduce(load("nb201-iclr"), tmp_path, workers=2))
    assert {state: found.count(state) for state in set(found)} == {REPRODUCED: 15, EXPLAINED: 4}
