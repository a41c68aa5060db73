"""Measuring a table's networks: in parts, the same after a stop, and a table of its own with the column."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks_data import provider
from benchmarks_data.file import layout
from benchmarks_data.measured import measure as measuring
from harness import registry
from harness.cli.__main__ import main
from harness.errors import HarnessError, TableError
from harness.problem import Constraint
from harness.training.latency import Latencies, measure, summary
from harness.training.recipe import load


def additive(archs, recipe, shape, classes, *, network, batch, repeats, threads):
    """Say that each 3x3 convolution takes a tenth of a millisecond, and half of that more on one edge."""
    archs = np.asarray(archs)
    times = 0.1 + 0.1 * (archs == 3).sum(axis=1) + 0.05 * (archs[:, 0] == 3)
    assert (network, shape, classes, recipe.channels) == ("nb201", (1, 1, 40), 10, 12)
    return Latencies(times, 0.99 * times, 1.01 * times)


@pytest.fixture(scope="module")
def header():
    return provider.whole("micro-mnist1d")


@pytest.fixture
def plan(header):
    return measuring.Plan(header.digest, sample=60, machine="made up", torch="1")


def test_a_sample_is_measured_and_the_rest_are_sums(header, plan, tmp_path):
    done = measuring.measure(header, plan, tmp_path, timed=additive)
    archs = header.array("archs")
    assert len(done.rows) == 60
    truth = additive(
        archs, load("micro").but(channels=12), (1, 1, 40), 10, network="nb201", batch=1, repeats=2, threads=1
    )
    assert np.allclose(done.values_ms[done.rows], truth.median_ms[done.rows])
    assert np.allclose(done.values_ms, truth.median_ms)
    assert done.quality.r2 > 0.99, "of a table that was fitted without the one row of a rare value"
    assert (done.quality.n, done.interval_percent, done.repeatability_percent) == (12, pytest.approx(1.0), 0.0)


def test_a_stop_costs_a_part_and_changes_nothing(header, plan, tmp_path):
    calls = []

    def stopping(archs, *rest, **options):
        calls.append(len(archs))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return additive(archs, *rest, **options)

    with pytest.raises(KeyboardInterrupt):
        measuring.measure(header, plan, tmp_path, timed=stopping)
    again = measuring.measure(header, plan, tmp_path, timed=stopping)
    assert calls == [26, 26, 26, 11], "the first part is not measured again"
    whole = measuring.measure(header, plan, tmp_path / "other", timed=additive)
    assert np.array_equal(again.values_ms, whole.values_ms)
    assert np.array_equal(again.rows, whole.rows)


def test_a_damaged_part_is_measured_again(header, plan, tmp_path):
    measuring.measure(header, plan, tmp_path, timed=additive)
    (folder,) = [path for path in tmp_path.iterdir() if path.is_dir()]
    (folder / "part-0001.npz").write_bytes(b"PK")
    calls = []

    def counting(archs, *rest, **options):
        calls.append(len(archs))
        return additive(archs, *rest, **options)

    measuring.measure(header, plan, tmp_path, timed=counting)
    assert calls == [26]


def test_another_plan_or_machine_takes_no_part_of_this_one(header, plan, tmp_path):
    for change in ({"batch": 2}, {"repeats": 3}, {"threads": 2}, {"machine": "another"}, {"torch": "2"}, {"seed": 1}):
        assert replace(plan, **change).digest != plan.digest


def test_the_column_is_in_a_table_of_its_own(header, plan, tmp_path):
    done = measuring.measure(header, plan, tmp_path, timed=additive)
    path = tmp_path / "here.h5"
    name = measuring.write(path, header, plan, done, device="cpu")
    assert name == "cpu_latency_ms"
    before = layout.read_header(header.path, held_out=True)
    assert (before.digest, sorted(before.columns)) == (header.digest, sorted(header.columns)), "as it was"
    oracle = registry.oracle(str(path))
    column = oracle.columns[name]
    assert (column.unit, column.device, column.batch) == ("ms", "made up", 1)
    assert "60 of 4,930 rows were measured; the others are sums of a look-up table (R2 0.99" in column.description
    assert np.array_equal(oracle.values(name), done.values_ms)
    assert np.array_equal(oracle.values("test_accuracy"), registry.oracle("micro-mnist1d").values("test_accuracy"))
    assert oracle.digest != registry.oracle("micro-mnist1d").digest
    table = registry.benchmark(str(path), constraints=(Constraint(name, "<=", 0.2),))
    assert len(table.fidelities) == 10
    about = registry.describe_benchmark(str(path))
    assert about["training"]["dataset"] == "mnist1d-hard", "so `verify` can train what a search found"
    assert json.loads(layout.read_about(path)["measured"])["column"] == name
    with pytest.raises(TableError, match="has a column 'cpu_latency_ms': give another `--device-name`"):
        measuring.write(tmp_path / "twice.h5", layout.read_header(path, held_out=True), plan, done, device="cpu")


def test_device_and_batch_move_no_digest(header, plan, tmp_path):
    done = measuring.measure(header, plan, tmp_path, timed=additive)
    measuring.write(tmp_path / "a.h5", header, plan, done, device="cpu")
    measuring.write(tmp_path / "b.h5", header, replace(plan, machine="other"), done, device="cpu")
    assert registry.oracle(str(tmp_path / "a.h5")).digest == registry.oracle(str(tmp_path / "b.h5")).digest


def test_a_table_that_does_not_say_what_its_networks_are_is_refused(plan, tmp_path):
    with pytest.raises(TableError, match="graph-cora does not say how its networks were trained"):
        measuring.measure(provider.whole("graph-cora"), plan, tmp_path, timed=additive)


@pytest.mark.parametrize("field", ["sample", "batch", "repeats", "threads"])
def test_plans_out_of_bounds_are_refused(field, plan):
    with pytest.raises(HarnessError, match=f"`{field}` must be"):
        replace(plan, **{field: 0})


def test_medians_are_of_repeats_and_intervals_hold_them():
    times = np.array([[1.0, 2.0, 3.0, 4.0, 100.0], [7.0] * 5])
    found = summary(times)
    assert found.median_ms.tolist() == [3.0, 7.0]
    assert found.low_ms[0] < 3.0 < found.high_ms[0]
    assert (found.low_ms[1], found.high_ms[1]) == (7.0, 7.0)


def test_only_timed_passes_are_between_the_ticks():
    ticks = iter(range(0, 10**9, 1_000_000))  # each reading of the clock is a millisecond later
    found = measure(np.array([[0] * 6, [3] * 6]), load("micro").but(channels=4), (1, 1, 40), 10, network="nb201",
                    repeats=3, clock=lambda: next(ticks))  # fmt: skip
    assert found.median_ms.tolist() == [1.0, 1.0]


def test_the_command_measures_here(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["table", "measure", "micro-mnist1d", "--sample", "12", "--repeats", "2", "--device-name", "here"]
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["table"], told["column"]) == ("micro-mnist1d-here.h5", "here_latency_ms")
    assert (told["measured"], told["rows"], told["threads"], told["batch"]) == (12, 4930, 1, 1)
    assert 0 < told["smallest_ms"] <= told["largest_ms"]
    assert (told["interval_percent"], told["repeatability_percent"]) == (None, None), "of two passes, in one part"
    assert told["lookup"] == {"n": 3, "r2": None, "tau": None}
    assert main(["describe", "micro-mnist1d-here.h5"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"measured on {told['machine']}, batch 1" in said
    for words in (
        "interval unknown: 2 passes have none, and it takes 6 (`--repeats`)",
        "how far it repeats is unknown: that takes a sample of more than 25 (`--sample`)",
        "cannot be told, 3 others judge and it takes 10 (`--sample 50`)",
    ):
        assert words in said
    assert "tau" not in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["micro-mnist1d", "--device-name", "my phone"], "`--device-name` must consist of letters"),
        (["micro-mnist1d", "--out", "x.csv"], "`--out` must end in .h5"),
        (["micro"], "unknown benchmark 'micro'"),
    ],
)
def test_wrong_words_are_told(words, message, capsys):
    assert main(["table", "measure", *words]) != 0
    assert message in " ".join(capsys.readouterr().err.split())
