"""Scoring a table's networks: in parts, the same after a stop, proxies added later, and a table with the columns."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks_data import parted, provider
from benchmarks_data.file import layout
from benchmarks_data.importers.columns import own_scores
from benchmarks_data.joins import widened
from benchmarks_data.scored import score as scoring
from harness import registry
from harness.cli.__main__ import main
from harness.errors import HarnessError, TableError
from harness.training.proxies import PROXIES, SIZES, TRAINED
from harness.training.proxies import score as measuring
from harness.training.proxies.score import LOWEST, Scores
from harness.training.proxies.setting import Setting


class Here:
    """A pool that computes at once, in this process."""

    def __init__(self, workers):
        assert workers == 1

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def submit(self, function, *given):
        function(*given)
        return SimpleNamespace(result=lambda: None)


@pytest.fixture
def calls(monkeypatch):
    """Score by a formula, in this process; return what was asked for."""
    asked = []

    def made_up(archs, setting, dataset, *, names, inits):
        asked.append((len(archs), tuple(names), tuple(inits)))
        base = np.asarray(archs, dtype=np.float64).sum(axis=1)[:, None] + inits[0]
        values = {name: np.where(base == inits[0], LOWEST, base + len(name)) for name in names}
        return Scores(values, {name: np.full_like(base, 0.5) for name in names})

    monkeypatch.setattr(measuring, "score", made_up)
    monkeypatch.setattr(parted, "spawned", Here)
    monkeypatch.setattr(parted, "as_completed", lambda futures: futures)
    monkeypatch.setattr(scoring, "PART", 2000)
    monkeypatch.setattr(scoring, "_dataset", lambda training: SimpleNamespace(sha256="0" * 64))
    return asked


@pytest.fixture(scope="module")
def header():
    return provider.whole("micro-mnist1d")


@pytest.fixture
def plan(header):
    return scoring.Plan(header.digest, Setting(widened.setup_of(header), inits=(0, 1)), "made up", "1")


def test_parts_are_of_a_seed_and_proxies_are_added_to_them(header, plan, tmp_path, calls):
    found = scoring.score(header, plan, tmp_path, ["synflow"])
    assert [(count, inits) for count, _, inits in calls] == [(2000, (0,)), (2000, (0,)), (930, (0,)), (2000, (1,)), (2000, (1,)), (930, (1,))]  # fmt: skip  # noqa: E501
    sums = np.asarray(header.array("archs"), dtype=np.float64).sum(axis=1)
    known = sums > 0
    np.testing.assert_array_equal(found.values["synflow"][known], (sums[:, None] + [0, 1] + 7)[known])
    more = scoring.score(header, replace(plan, setting=replace(plan.setting, inits=(0,))), tmp_path, ["synflow", "zen"])
    assert calls[6:] == [(2000, ("zen",), (0,)), (2000, ("zen",), (0,)), (930, ("zen",), (0,))]
    np.testing.assert_array_equal(more.values["synflow"][:, 0], found.values["synflow"][:, 0])


def test_a_stop_and_a_damaged_part_cost_a_part(header, plan, tmp_path, calls):
    assert scoring.score(header, plan, tmp_path, ["zen"], limit=2) is None
    assert len(calls) == 2
    scoring.score(header, plan, tmp_path, ["zen"])
    assert len(calls) == 6
    (folder,) = [path for path in tmp_path.iterdir() if path.is_dir()]
    (folder / "init-1-part-0002.npz").write_bytes(b"PK")
    scoring.score(header, plan, tmp_path, ["zen"])
    assert calls[6:] == [(930, ("zen",), (1,))]


def test_another_setting_takes_no_part_of_this_one(plan):
    setting = plan.setting
    for change in ({"batch": 16}, {"batch_seed": 1}, {"training": replace(setting.training, recipe="cifar10-200")}):
        try:
            other = replace(plan, setting=replace(setting, **change))
            digest = other.digest
        except HarnessError:  # no such recipe here
            continue
        assert digest != plan.digest
    assert replace(plan, machine="another").digest != plan.digest != replace(plan, torch="2").digest
    assert replace(plan, setting=replace(setting, inits=(0, 1, 2))).digest == plan.digest, (
        "seeds have parts of their own"
    )


def test_the_compact_file_says_how_it_was_measured(header, plan, tmp_path, calls):
    found = scoring.score(header, plan, tmp_path, ["synflow", "zen"])
    scoring.save(tmp_path / "scores.npz", plan, found)
    archs, columns = own_scores.read_columns([tmp_path / "scores.npz"], None, lambda what, fraction: None)
    np.testing.assert_array_equal(archs, header.array("archs"))
    assert list(columns) == ["zc_synflow", "zc_synflow_seconds", "zc_zen", "zc_zen_seconds"]
    column, values = columns["zc_zen"]
    assert (column.direction, column.split) == ("maximise", "")
    assert "mean over 2 initial weights, one minibatch of 32" in column.description
    sums = archs.astype(np.float64).sum(axis=1)
    expected = np.where(sums > 0, sums + 0.5 + 3, LOWEST)
    np.testing.assert_allclose(values[:, 0, 0], expected, rtol=1e-3)
    assert (columns["zc_zen_seconds"][1] == 1.0).all(), "half a second for each of two initialisations"
    with np.load(tmp_path / "scores.npz") as arrays:
        about = json.loads(str(arrays["about"]))
    assert (about["inits"], about["setting"]["loss"], about["machine"]) == ([0, 1], "mean cross-entropy", "made up")
    assert about["proxies"]["zen"]["spread_of_inits"] == pytest.approx(np.sqrt(0.5), rel=1e-3)
    assert about["proxies"]["zen"]["lowest"] == 2 * int((sums == 0).sum())
    assert set(about["versions"]) == {"nas-harness", "torch", "numpy"}


def test_scores_of_other_proxies_join_a_file(header, plan, tmp_path, calls):
    first, whole, archs = tmp_path / "first.npz", tmp_path / "whole.npz", header.array("archs")
    scoring.save(first, plan, scoring.score(header, plan, tmp_path, ["synflow", "zen"]))
    other = replace(plan, machine="another", torch="2")
    scored = scoring.score(header, other, tmp_path, ["nwot", "zen"])
    scoring.save(whole, other, scored, scoring.read_older(first, other, archs))
    _, columns = own_scores.read_columns([whole], None, lambda what, fraction: None)
    assert [name for name in columns if not name.endswith("_seconds")] == ["zc_synflow", "zc_zen", "zc_nwot"]
    machines = {name: columns[f"zc_{name}_seconds"][0].description for name in ("synflow", "zen", "nwot")}
    assert "on made up;" in machines["synflow"]
    assert all("on another;" in machines[name] for name in ("zen", "nwot"))
    with np.load(whole) as arrays:
        about = json.loads(str(arrays["about"]))
    assert (about["machine"], about["versions"]["torch"]) == ("made up", "1")
    assert [about["proxies"][name].get("versions", {}).get("torch") for name in ("synflow", "nwot")] == [None, "2"]


def test_scores_that_were_measured_otherwise_do_not_join(header, plan, tmp_path, calls):
    archs, first = header.array("archs"), tmp_path / "first.npz"
    scoring.save(first, plan, scoring.score(header, plan, tmp_path, ["synflow"]))
    for apart, message in (
        (replace(plan, setting=replace(plan.setting, batch=16)), "its setting differ"),
        (replace(plan, setting=replace(plan.setting, inits=(0,))), "its inits differ"),
        (replace(plan, table_digest="0"), "its table_sha256 differ"),
    ):
        with pytest.raises(TableError, match=message):
            scoring.read_older(first, apart, archs)
    with pytest.raises(TableError, match="its architectures differ"):
        scoring.read_older(first, plan, archs[::-1])
    first.write_bytes(b"PK\x03\x04")
    with pytest.raises(TableError, match="is damaged"):
        scoring.read_older(first, plan, archs)


def test_digits_that_are_kept_are_enough_to_rank():
    values = np.array([123.44, 123.46, -0.00012344, 0.0, LOWEST])
    assert scoring.rounded(values).tolist() == pytest.approx([123.4, 123.5, -0.0001234, 0.0, LOWEST])


def test_damage_is_one_error(tmp_path):
    path = tmp_path / "scores.npz"
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(TableError, match="is damaged"):
        own_scores.read_columns([path], None, lambda what, fraction: None)
    np.savez(path, archs=np.zeros((2, 6), dtype=np.uint8), zen=np.zeros(2), about=np.array("{}"))
    with pytest.raises(TableError, match="must be a file of `nas-harness table score`"):
        own_scores.read_columns([path], None, lambda what, fraction: None)


def test_the_command_writes_a_table_with_signals(header, tmp_path, capsys, monkeypatch, calls):
    monkeypatch.chdir(tmp_path)
    words = ["table", "score", "micro-mnist1d", "--proxies", "synflow,zen", "--inits", "2"]
    assert main([*words, "--parts", "1"]) == 0
    assert "parts are missing" in capsys.readouterr().out
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["table"], told["inits"], [row["proxy"] for row in told["proxies"]]) == (
        "micro-mnist1d-zc.h5", 2, ["synflow", "zen"],
    )  # fmt: skip
    table = registry.benchmark("micro-mnist1d-zc.h5")
    signals = {item.name: item for item in table.signals}
    assert (signals["zc_zen"].direction, signals["zc_zen"].seconds) == ("maximise", 1.0)
    assert signals["params_m"].seconds == 0.0
    assert "zc_zen_seconds" not in signals
    more = ["table", "score", "micro-mnist1d", "--proxies", "nwot", "--inits", "2", "--out", "more.h5"]
    Path("build/scores/micro-mnist1d-zc.npz").rename("first.npz")
    assert main([*more, "--join", "first.npz"]) == 0
    assert {"zc_synflow", "zc_zen", "zc_nwot"} <= {item.name for item in registry.benchmark("more.h5").signals}
    archs = np.array([[3, 3, 3, 3, 3, 3]], dtype=np.uint8)
    assert table.look("zc_synflow", archs)[0] == pytest.approx(18 + 0.5 + 7)
    assert layout.read_header(header.path).digest == header.digest, "as it was"
    assert registry.describe_benchmark("micro-mnist1d-zc.h5")["training"]["dataset"] == "mnist1d-hard"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["micro-mnist1d", "--proxies", "synflop"], "unknown proxy 'synflop'. Did you mean 'synflow'?"),
        (["micro-mnist1d", "--proxies", "jacov", "--batch", "40"], "smaller than the 40 values"),
        (["micro-mnist1d", "--out", "x.csv"], "`--out` must end in .h5"),
        (["graph-cora"], "does not say how its networks were trained"),
    ],
)
def test_wrong_words_are_told(words, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["table", "score", *words]) != 0
    assert message in " ".join(capsys.readouterr().err.split())


def test_all_proxies_that_are_measured_and_do_not_train_are_wanted(header):
    assert set(scoring.wanted([], header)) == set(PROXIES) - {*SIZES, *TRAINED}
