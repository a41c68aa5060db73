"""Archives: what was put in comes out and is compared as before, and nothing that may not be compared is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from harness import registry
from harness.cli.app import build as app
from harness.errors import HarnessError, IncompleteError, ResultError
from harness.experiments.execute import execute
from harness.experiments.kind import Output
from harness.experiments.prepare import prepare as prepare_spec
from harness.experiments.results import Results, read_results
from harness.experiments.schema import from_dict, load
from harness.experiments.store import content_sha256
from reports.archive import file
from reports.archive.build import build
from reports.archive.file import Archive, find, read_archive, shipped
from reports.archive.section import section
from reports.archive.standing import installed, outdated
from reports.archive.together import together
from reports.page import build as pages
from reports.study.comparisons import pairwise, scores
from reports.study.curves import curves
from reports.study.joined import joined, only
from reports.study.study import prepare
from reports.tables.costs import cost_table
from reports.tables.ledger import ledger_table
from tests.paths import ROOT

SPEC: dict[str, Any] = {
    "name": "whole",
    "benchmarks": ["micro-mnist1d", "nb201-cifar10"],
    "strategies": [{"name": name} for name in ("random_search", "local_search", "simulated_annealing")],
    "budget": {"evaluations": 9},
    "replicates": 6,
    "replicates_per_shard": 4,
}


def made(folder: Path, *names: str, **changes: Any) -> Path:
    """Run a part of the experiment and return its folder."""
    spec = SPEC | {"strategies": [{"name": name} for name in names]} | changes
    execute(prepare_spec(from_dict(spec)), folder)
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    names = [item["name"] for item in SPEC["strategies"]]
    return made(tmp_path_factory.mktemp("whole") / "whole", *names)


@pytest.fixture(scope="module")
def path(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("archive") / "own.npz"
    build([str(whole)], out, machine="a slow machine", name="whole")
    return out


@pytest.fixture(scope="module")
def archive(path: Path) -> Archive:
    return read_archive(path)


def part(results: Results, name: str, *labels: str) -> Results:
    return replace(only(results, labels), spec=replace(only(results, labels).spec, name=name))


def test_an_archive_holds_the_runs_of_its_results(whole: Path, archive: Archive) -> None:
    results = read_results(whole)
    assert len(archive.results.runs) == len(results.runs) == 2 * 3 * 6
    for one, other in zip(archive.results.runs, results.runs, strict=True):
        assert (one.benchmark, one.label, one.replicate, one.stopped, one.overhead_seconds) == (
            other.benchmark, other.label, other.replicate, other.stopped, other.overhead_seconds,
        )  # fmt: skip
        for name in one.trace._names:
            assert getattr(one.trace, name).tobytes() == getattr(other.trace, name).tobytes(), name
    assert archive.results.spec == results.spec
    assert archive.results.benchmarks == results.benchmarks
    assert archive.results.versions == {"random_search": "1", "local_search": "1", "simulated_annealing": "2"}
    assert set(archive.units) == {one.stem for one in whole.glob("*.h5")}


def test_the_study_of_an_archive_is_that_of_its_results(whole: Path, archive: Archive) -> None:
    """Tables, tests and curves, truth looked up: the same, to the last digit."""
    before, after = prepare(read_results(whole)), prepare(together(None, [archive]).results)
    assert after.resampler.digest == before.resampler.digest
    for show in (
        pairwise,
        lambda study: scores(study, "validation"),
        lambda study: curves(study, "test", "evaluations"),
    ):
        assert show(before).equals(show(after))
    for table in (cost_table, ledger_table):
        assert table(before).cells == table(after).cells


def test_an_archive_is_the_same_when_it_is_made_again(whole: Path, path: Path, tmp_path: Path) -> None:
    again = build([str(whole)], tmp_path / "again.npz", machine="a slow machine", name="whole")
    assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()
    assert again.digest == read_archive(path).digest


def test_parts_of_one_protocol_are_one_archive(whole: Path, archive: Archive, tmp_path: Path) -> None:
    """Halves that share a strategy, which is stored once; every shard is one of the whole."""
    halves = [made(tmp_path / "a", "random_search", "local_search", name="a")]
    halves.append(made(tmp_path / "b", "random_search", "simulated_annealing", name="b"))
    both = build(list(map(str, halves)), tmp_path / "both.npz", machine="")
    assert both.name == both.results.spec.name == "both"
    assert both.units.keys() == archive.units.keys()
    assert [(run.benchmark, run.label, run.replicate) for run in both.results.runs] == [
        (run.benchmark, run.label, run.replicate) for run in archive.results.runs
    ]


def test_what_was_run_again_takes_the_place_of_what_an_archive_holds(path: Path, tmp_path: Path) -> None:
    new = made(tmp_path / "new", "tpe", "local_search", name="new")
    both = build([str(new), str(path)], tmp_path / "both.npz", machine="a fast machine")
    assert both.results.labels == ("tpe", "local_search", "random_search", "simulated_annealing")
    assert {unit.origin.machine for unit in both.of("local_search")} == {"a fast machine"}
    assert {unit.origin.machine for unit in both.of("random_search")} == {"a slow machine"}
    assert both.machines == ("a fast machine", "a slow machine")
    again = build([str(tmp_path / "both.npz")], tmp_path / "again.npz", machine="", name="both")
    assert again.digest == both.digest


def test_a_strategy_is_compared_with_all_archived_ones(whole: Path, archive: Archive) -> None:
    """As if they had been run together; what was run again is taken from the results."""
    results = read_results(whole)
    mine = part(results, "mine", "local_search")
    found = together(mine, [archive])
    assert found.results.labels == ("local_search", "random_search", "simulated_annealing")
    assert found.archived == {label: (archive, label) for label in ("random_search", "simulated_annealing")}
    assert found.sentences == ()
    assert found.results.reported == ("results/mine", "--against=whole")
    apart = joined([mine, part(results, "whole", "random_search", "simulated_annealing")])
    assert pairwise(prepare(found.results)).equals(pairwise(prepare(apart)))
    study = prepare(found.results)
    shown = section(found, study)
    assert shown is not None
    first, second = shown.sentences
    assert first == f"Archive: 2 strategies from whole of {archive.date}, run before under the same protocol and noise."
    ranks = scores(study, "validation").set_index("label")["rank"]
    place = sorted(ranks).index(ranks["local_search"]) + 1
    over = len(found.results.spec.benchmarks)
    said = f"Beside them: local_search takes place {place} of 3 by mean rank over {over} benchmarks"
    assert second.startswith(f"{said}, {ranks['local_search']:.2f} [")
    assert [cells[:3] for cells in shown.tables[0].cells] == [
        ("whole", "random_search", "1"),
        ("whole", "simulated_annealing", "2"),
    ]
    assert archive.digest[:12] in shown.methods[0]
    assert "a slow machine" in shown.methods[0]
    assert section(together(mine), study) is None
    assert section(together(results, [archive]), study) is None, "nothing of it is shown"


def test_another_version_of_a_strategy_is_shown_beside_it(whole: Path, archive: Archive) -> None:
    mine = replace(part(read_results(whole), "mine", "local_search"), versions={"local_search": "2"})
    found = together(mine, [archive])
    assert found.results.labels[:2] == ("local_search (mine)", "random_search")
    assert found.archived["local_search (whole)"] == (archive, "local_search")
    assert found.results.versions["local_search (whole)"] == "1"


def test_what_is_new_is_drawn_in_colour(whole: Path, archive: Archive) -> None:
    results = read_results(whole)
    new = replace(results.spec.strategies[1], label="mine")
    runs = tuple(replace(run, label="mine") for run in results.of("nb201-cifar10", "local_search"))
    mine = replace(results, spec=replace(results.spec, name="n", strategies=(new,)), runs=runs, versions={"mine": "7"})
    found = together(mine, [archive])
    assert found.results.labels == ("mine", "random_search", "local_search", "simulated_annealing")
    assert found.results.spec.report.highlight == ("mine",)


def test_replicates_and_benchmarks_that_both_have_are_compared(whole: Path, archive: Archive, tmp_path: Path) -> None:
    """The replicates of a smaller experiment are the first of the larger one, so they are pairs."""
    small = made(tmp_path / "s", "local_search", "tpe", name="small", replicates=3, benchmarks=["nb201-cifar10"])
    found = together(read_results(small), [archive])
    assert found.results.spec.replicates == 3
    assert found.results.spec.benchmarks == ("nb201-cifar10",)
    assert found.results.missing == ()
    assert found.sentences == (
        "micro-mnist1d of 'whole' is left out",
        "the first 3 replicates of 6 of 'whole' are compared",
    )
    again = {run.replicate: run.trace.archs for run in found.results.of("nb201-cifar10", "local_search")}
    for run in archive.results.of("nb201-cifar10", "local_search")[:3]:
        assert np.array_equal(again[run.replicate], run.trace.archs)
    larger = together(read_results(whole), [replace(archive, results=read_results(small))])
    assert larger.results.spec.replicates == 3
    assert "tpe" in larger.results.labels


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"budget": {"evaluations": 5}}, "`budget` of .* must be the same .* evaluations = 5 and 9"),
        ({"seed": 1}, "`seed` of .* got 1 and 0"),
        ({"n_workers": 2}, "`n_workers` of"),
    ],
)
def test_other_protocols_are_refused(archive: Archive, tmp_path: Path, change: dict[str, Any], message: str) -> None:
    other = made(tmp_path / "other", "random_search", benchmarks=["nb201-cifar10"], replicates=2, **change)
    with pytest.raises(ResultError, match=message):
        together(read_results(other), [archive])


def test_other_tables_are_refused(whole: Path, archive: Archive) -> None:
    results = read_results(whole)
    facts = {name: replace(one, table_digest="f" * 64) for name, one in results.benchmarks.items()}
    with pytest.raises(ResultError, match=r"the table 'micro-mnist1d' of .* is not that of '.*own\.npz'"):
        together(replace(results, benchmarks=facts), [archive])
    spec = replace(results.spec, benchmarks=("graph-cora",))
    with pytest.raises(
        ResultError, match=r"no benchmark is in all .* 'whole' has graph-cora; 'whole' has micro-mnist1d"
    ):
        together(replace(results, spec=spec), [archive])


def test_damage_is_told(path: Path, tmp_path: Path) -> None:
    content, told = path.read_bytes(), []
    broken = tmp_path / "broken.npz"
    for place in range(0, len(content), len(content) // 20):
        broken.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            assert read_archive(broken).digest == read_archive(path).digest, "a byte without a meaning"
        except ResultError as error:
            told.append(str(error))
    assert all("broken.npz: damaged" in message for message in told)
    assert len(told) >= 10
    broken.write_bytes(content[:-100])
    with pytest.raises(ResultError, match=r"broken\.npz: damaged"):
        read_archive(broken)


def resealed(path: Path, out: Path, *, header: dict[str, Any] | None = None, **arrays: Any) -> Path:
    """Write an archive with other content, sealed as it should be."""
    with np.load(path) as file:
        content = {name: file[name] for name in file.files}
    data = json.loads(str(content.pop("header"))) | (header or {})
    content.pop("sha256")
    content |= arrays
    text = json.dumps(data, sort_keys=True)
    seal = content_sha256(Output(content, {"header": text}))
    with out.open("wb") as target:
        np.savez_compressed(target, header=np.array(text), sha256=np.array(seal), **content)
    return out


def test_what_is_sealed_and_wrong_is_refused(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "other.npz"
    assert read_archive(resealed(path, out)).digest == read_archive(path).digest
    for change in ({"groups": []}, {"groups": 3}, {"groups": [[], []]}, {"manifest": {}}, {"manifest": 7}):
        with pytest.raises(ResultError, match=r"other\.npz: (damaged|not of this version)"):
            read_archive(resealed(path, out, header=change))
    for name, array in (("0/answer", np.array([70000])), ("0/lengths", np.array([1])), ("1/runs", np.array([-1]))):
        with pytest.raises(ResultError, match=r"other\.npz: damaged archive"):
            read_archive(resealed(path, out, **{name: array}))


def test_what_is_no_archive_is_told(path: Path, whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "other.npz"
    with pytest.raises(ResultError, match=r"there is no archive .*`nas-harness archive build` makes one"):
        read_archive(out)
    np.savez(out, a=np.ones(3))
    with pytest.raises(ResultError, match="no archive of results"):
        read_archive(out)
    with pytest.raises(ResultError, match=r"`out` must name a new file, or an archive to replace, got '.*other.npz'"):
        build([str(whole)], out, machine="")
    later = {"format": "nas-harness archive 2"}
    with pytest.raises(ResultError, match=r"of another version \('nas-harness archive 2', and this program reads"):
        read_archive(resealed(path, out, header=later))
    with pytest.raises(ResultError, match="is a folder of results, not an archive: report it beside the others"):
        read_archive(whole)
    with pytest.raises(
        HarnessError, match=r"unknown archive 'zo'\. .*: zoo\. A file is named by its path, '\./zo\.npz'\."
    ):
        find("zo")
    assert find("./zo.npz") == Path("zo.npz")


def test_results_that_are_not_whole_are_refused(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "experiment.json").write_bytes((whole / "experiment.json").read_bytes())
    with pytest.raises(IncompleteError, match="lacks 12 shards, and an archive holds whole experiments"):
        build([str(tmp_path)], tmp_path / "out.npz", machine="")
    half = made(tmp_path / "part", "tpe", benchmarks=["nb201-cifar10"])
    with pytest.raises(ResultError, match=r"every strategy of an archive .* 'tpe' lacks micro-mnist1d"):
        build([str(whole), str(half)], tmp_path / "out.npz", machine="")
    assert not (tmp_path / "out.npz").exists()


def test_the_archive_of_the_zoo_is_of_the_tournament_and_of_the_tables_that_come_along() -> None:
    assert shipped() == ["zoo"]
    assert find("zoo").stat().st_size <= 8_000_000
    zoo = read_archive(find("zoo"))
    halves = [load(ROOT / "examples" / f"{name}.toml") for name in ("zoo", "zoo-guided")]
    spec = zoo.results.spec
    assert replace(spec, strategies=halves[0].strategies) == halves[0]
    assert spec.strategies == (*halves[0].strategies, *halves[1].strategies[1:])
    for name, facts in zoo.results.benchmarks.items():
        assert registry.oracle(name).digest == facts.table_digest, "run examples/zoo.toml again, and archive it"
    assert len(zoo.results.runs) == len(spec.strategies) * len(spec.benchmarks) * spec.replicates
    assert not {"/", "\\"} & set("".join(zoo.results.labels))


def test_what_is_outdated_is_known(archive: Archive) -> None:
    assert outdated(archive) == {}
    versions = dict(archive.results.versions) | {"local_search": "0"}
    older = replace(archive, results=replace(archive.results, versions=versions))
    assert outdated(older) == {"local_search": "version 0 was run, version 1 comes along"}
    own = replace(archive.results.spec.strategies[0], name="own.py:Mine", label="random_search")
    spec = replace(archive.results.spec, strategies=(own, *archive.results.spec.strategies[1:]))
    assert installed(replace(archive, results=replace(archive.results, spec=spec)), "random_search") == ""


def test_the_commands(whole: Path, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = CliRunner().invoke
    out = tmp_path / "mine.npz"
    said = ask(app(), ["archive", "build", str(whole), "--out", str(out), "--machine", "here"])
    assert said.exit_code == 0, said.output
    assert "36 runs of 3 strategies" in said.output
    shown = json.loads(ask(app(), ["archive", "show", str(out), "--json"]).output)
    assert (shown["name"], shown["machine"], shown["replicates"]) == ("mine", "here", 6)
    assert shown["strategies"][2] == {"strategy": "simulated_annealing", "version": "2", "installed": "2"}
    assert ask(app(), ["archive", "show"]).output.split() == ["archive", "zoo"]
    assert "simulated_annealing" in ask(app(), ["archive", "show", str(out)]).output
    told: list[Any] = []
    monkeypatch.setattr(pages, "_write", lambda study, first, *rest: told.append((study.labels, first.title)))
    monkeypatch.setattr(pages, "placed", lambda target, write, on_step: write(target, on_step) or target / "index.html")
    mine = made(tmp_path / "small", "tpe", name="small")
    said = ask(app(), ["report", str(mine), "--against", str(path)])
    assert said.exit_code == 0, said.output
    said = ask(app(), ["report", "--against", str(path), "--out", str(tmp_path / "page")])
    assert said.exit_code == 0, said.output
    names = tuple(item["name"] for item in SPEC["strategies"])
    assert told == [(("tpe", *names), "Archived strategies"), (names, "Archived strategies")]
    assert "needs a folder" in ask(app(), ["report"]).stderr
    assert "no protocol is known" in ask(app(), ["report", "--results", "a.csv", "--against", "zoo"]).stderr
    assert file.FORMAT.startswith(file.FAMILY)
