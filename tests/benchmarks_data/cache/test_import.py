"""Tables made from files that the user gives: import, what is said when they are absent, protocols."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from types import MappingProxyType, ModuleType

import numpy as np
import pytest

from benchmarks_data import files, provider
from benchmarks_data.catalogue import entries
from benchmarks_data.file import layout
from harness.errors import HarnessError, TableError
from harness.records import Proposals
from harness.spaces import named
from harness.spaces.rows import RowsSpace
from harness.testing.conformance import check_benchmark
from tests.benchmarks_data.made_up import Bags, accuracy, bags, made

CONTENT = b"the published numbers"
SOURCE = {
    "converter": "importers.made_up",
    "url": "https://example.org/made-up",
    "licence": "MIT",
    "citation": "Nobody, Nowhere, 2020",
    "replicates": "two runs",
}
TABLE = {"title": "Made up", "dataset": "none", "source": "made-up", "file": "made-up.bin", "space": "bags", "rows": 40}
PROTOCOL = {"objective": "test_accuracy", "signal_runs": [0], "held_out_runs": [1, 2], "text": "Run 0 is the signal."}


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """Put tables of a made-up source into the catalogue, and return where the cache is."""
    source = entries.Source(**SOURCE)
    told = {
        "made-one": TABLE | {"sha256": hashlib.sha256(CONTENT).hexdigest(), "scale": 1.0},
        "made-two": TABLE | {"sha256": hashlib.sha256(CONTENT).hexdigest(), "scale": 2.0, "partial": True},
        "made-folder": TABLE | {"file": "made-up-simple", "scale": 1.0},
        "made-pair": TABLE | {"file": ["first.bin", "second.bin"], "scale": 1.0},
        "made-test": TABLE | {"scale": 1.0, "protocols": {"run0-signal": PROTOCOL}, "partial": True},
    }
    known = {name: entries.entry(name, fields, source) for name, fields in told.items()}
    monkeypatch.setattr(provider, "entries", lambda: MappingProxyType({**entries.entries(), **known}))
    monkeypatch.setitem(named.SPACES, "bags", ("tests.benchmarks_data.made_up:Bags",))
    monkeypatch.setenv("NAS_HARNESS_HOME", str(tmp_path / "home"))
    use(monkeypatch, convert=convert)
    return tmp_path / "home" / "tables"


def use(monkeypatch, **functions):
    """Let the converter of the made-up source be a module of some functions."""
    module = ModuleType("benchmarks_data.importers.made_up")
    vars(module).update(functions)
    monkeypatch.setitem(sys.modules, module.__name__, module)


def convert(entry, paths, space, progress):
    """Read a file whose first byte says which rows."""
    progress("reading", 0.1)
    archs = bags(entry.rows, paths[0].read_bytes()[0] if paths[0].is_file() else 0)
    values = entry.facts["scale"] * (np.arange(entry.rows)[:, None, None] + np.array([0.0, 0.1, 0.2])[:, None])
    test = accuracy("test_accuracy")
    if entry.protocols:
        columns = {"test_accuracy": (test, values)}
        return made(archs, name=entry.name, columns=columns, validation=None)
    columns = {"valid_accuracy": (accuracy(), values), "test_accuracy": (test, values - 1.0)}
    return made(archs, name=entry.name, columns=columns)


@pytest.fixture
def given(tmp_path):
    path = tmp_path / "renamed.bin"
    path.write_bytes(CONTENT)
    return path


def test_an_imported_table_is_opened_like_any_other(tables, given):
    told = []
    made = provider.import_tables(["made-one"], [given], progress=lambda what, fraction: told.append((what, fraction)))
    path = made["made-one"]
    assert path == tables / "made-one.h5"
    assert told[-1][1] == 1.0
    assert any("converting made-one: reading" in what for what, _ in told)
    assert sorted(file.name for file in tables.iterdir()) == ["made-one.h5", "made-one.lock"]
    benchmark = provider.PROVIDER.open("made-one", check_content=True)
    archs = bags(40, CONTENT[0])
    answer = benchmark.query(Proposals.of(archs[:2]), noise_seed=None).objectives[:, 0]
    np.testing.assert_allclose(answer, [99.9, 98.9])
    assert provider.PROVIDER.oracle("made-one").mean(archs[:1], "test_accuracy")[0] == pytest.approx(-0.9)
    about = layout.read_about(path)
    assert json.loads(about["source_files"]) == {"renamed.bin": hashlib.sha256(CONTENT).hexdigest()}
    assert about["source"] == "renamed.bin (https://example.org/made-up)"
    described = json.loads(json.dumps(provider.PROVIDER.describe("made-one")))
    assert described["source_as_checked"]
    assert (described["rows"], described["licence"], described["partial"]) == (40, "MIT", False)


def test_a_table_that_is_not_there_says_how_to_get_it(tables):
    for use_it in (provider.PROVIDER.open, provider.PROVIDER.oracle, provider.ensure):
        with pytest.raises(TableError) as caught:
            use_it("made-one")
        for words in (
            "`nas-harness data get made-one`",
            "`nas-harness data import made-one made-up.bin`",
            "https://example.org/made-up",
        ):
            assert words in str(caught.value)
    assert not tables.exists()
    with pytest.raises(TableError, match=r"import made-pair first\.bin second.bin"):
        provider.PROVIDER.open("made-pair")


def test_a_table_that_is_not_there_is_described_by_what_the_catalogue_knows(tables):
    told = json.loads(json.dumps(provider.PROVIDER.describe("made-test@run0-signal")))
    assert (told["imported"], told["rows"], told["space"]) == (False, 40, "bags")
    assert (told["licence"], told["citation"], told["protocol"]) == ("MIT", SOURCE["citation"], PROTOCOL["text"])
    assert told["to_get"].startswith("by hand: https://example.org/made-up; then `nas-harness data import made-test ")
    with pytest.raises(HarnessError, match="unknown protocol of made-test"):
        provider.PROVIDER.describe("made-test@other")
    assert not tables.exists()


def test_a_partial_table_gives_its_rows_alone(tables, given):
    provider.import_tables(["made-two"], [given])
    for opened in (provider.PROVIDER.open("made-two"), provider.PROVIDER.oracle("made-two")):
        assert isinstance(opened.space, RowsSpace)
        assert len(opened.space.rows) == 40
    assert provider.PROVIDER.describe("made-two")["partial"]


def test_one_pass_makes_the_tables_of_all_datasets(tables, given, monkeypatch):
    log = given.with_name("passes")  # written by the process that converts

    def convert_all(entries, paths, spaces, progress):
        with log.open("a") as file:
            file.write(" ".join(entry.name for entry in entries) + "\n")
        for entry, space in zip(entries, spaces, strict=True):
            yield convert(entry, paths, space, progress)

    use(monkeypatch, convert_all=convert_all)
    assert set(provider.made_together("made-one")) == {"made-one", "made-two", "made-test"}
    assert provider.made_together("made-pair") == ("made-pair",)
    made = provider.import_tables(["made-two", "made-one"], [given])
    assert made == {name: tables / f"{name}.h5" for name in ("made-two", "made-one")}
    assert log.read_text().splitlines() == ["made-two made-one"]
    provider.import_tables(["made-one"], [given])
    assert log.read_text().splitlines()[1:] == ["made-one"]
    archs = bags(1, CONTENT[0])
    answers = [provider.PROVIDER.open(name).query(Proposals.of(archs), noise_seed=None) for name in made]
    np.testing.assert_allclose([answer.objectives[0, 0] for answer in answers], [99.8, 99.9])


def test_a_table_of_no_fixed_number_of_rows_is_not_counted(tables, given, monkeypatch):
    known = provider.entries()["made-one"]
    monkeypatch.setattr(provider, "entries", lambda: {"made-one": replace(known, rows=0)})
    use(monkeypatch, convert=_lacks_a_row)
    provider.import_tables(["made-one"], [given])
    assert provider.PROVIDER.describe("made-one")["rows"] == 39


def test_a_space_that_the_table_defines_comes_from_the_table(tables, given, monkeypatch):
    def convert_defined(entry, paths, space, progress):
        assert space is None
        return made(bags(3), Defined(), name=entry.name)

    monkeypatch.setitem(named.DEFINED, "defined", f"{__name__}:_defined")
    known = provider.entries()["made-one"]
    monkeypatch.setattr(provider, "entries", lambda: {"made-one": replace(known, rows=3, space="defined")})
    use(monkeypatch, convert=convert_defined)
    with pytest.raises(TableError, match="data import"):
        provider.space("made-one")
    provider.import_tables(["made-one"], [given])
    for space in (provider.space("made-one"), provider.PROVIDER.open("made-one").space):
        assert space.words == 7
    assert provider.PROVIDER.describe("made-one")["space"]["name"] == "bags"


def test_a_table_is_imported_under_the_name_of_its_protocol(tables, given):
    name, path = "made-test@run0-signal", tables / "made-test.h5"
    assert provider.import_tables([name], [given]) == {name: path}
    assert provider.import_tables([name, "made-test"], [given]) == {name: path, "made-test": path}
    with pytest.raises(HarnessError, match="unknown protocol of made-test 'run1-signal'"):
        provider.import_tables(["made-test@run1-signal"], [given])


def test_files_of_one_name_are_told_apart(tables, given, tmp_path):
    paths = [tmp_path / folder / "part.bin" for folder in ("a", "b")]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(path.parent.name.encode())
    provider.import_tables(["made-pair"], paths)
    assert sorted(json.loads(layout.read_about(tables / "made-pair.h5")["source_files"])) == [
        "a/part.bin",
        "b/part.bin",
    ]


def test_files_other_than_those_checked_are_told(tables, given):
    given.write_bytes(b"other numbers")
    with pytest.warns(
        UserWarning, match="sha256 of renamed.bin .* not that of the files on which this import was chec"
    ):
        provider.import_tables(["made-one"], [given])
    assert not provider.PROVIDER.describe("made-one")["source_as_checked"]


def test_a_folder_counts_as_one_file(tables, tmp_path):
    folder = tmp_path / "simple"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "0.bin").write_bytes(b"0")
    provider.import_tables(["made-folder"], [folder])
    first = layout.read_about(tables / "made-folder.h5")["source_sha256"]
    (folder / "inner" / "1.bin").write_bytes(b"1")
    assert files.sha256(folder) != first
    line = f"{hashlib.sha256(b'0').hexdigest()}  inner/0.bin\n"
    assert first == hashlib.sha256(line.encode()).hexdigest()


def _fails(entry, paths, space, progress):
    raise TableError(f"{paths[0]} is cut short at offset 17")


def _stops(entry, paths, space, progress):
    raise KeyboardInterrupt


def _lacks_a_row(entry, paths, space, progress):
    return convert(replace(entry, rows=39), paths, space, progress)


def _another(entry, paths, space, progress):
    return convert(replace(entry, name="other"), paths, space, progress)


@pytest.mark.parametrize(
    ("broken", "error", "message"),
    [
        (_fails, TableError, "offset 17"),
        (_stops, KeyboardInterrupt, None),
        (_lacks_a_row, TableError, "made-one must have 40 rows, got 39"),
        (_another, TableError, "made 'other', not 'made-one'"),
    ],
)
def test_a_failed_import_leaves_the_table_as_it_was(tables, given, monkeypatch, broken, error, message):
    path = provider.import_tables(["made-one"], [given])["made-one"]
    before = path.read_bytes()
    use(monkeypatch, convert=broken)
    with pytest.raises(error, match=message):
        provider.import_tables(["made-one"], [given])
    assert path.read_bytes() == before
    assert sorted(file.name for file in tables.iterdir()) == ["made-one.h5", "made-one.lock"]


def test_a_table_that_fails_leaves_those_that_are_finished(tables, given, monkeypatch):
    def convert_all(entries, paths, spaces, progress):
        yield convert(entries[0], paths, spaces[0], progress)
        raise TableError("cut short")

    use(monkeypatch, convert_all=convert_all)
    with pytest.raises(TableError, match="cut short"):
        provider.import_tables(["made-one", "made-two"], [given])
    assert provider.PROVIDER.open("made-one")
    assert not (tables / "made-two.h5").exists()


def test_wrong_files_and_names_are_refused(tables, given):
    with pytest.raises(TableError, match=r"no file '.*renamd.bin'\. Did you mean 'renamed.bin'"):
        provider.import_tables(["made-one"], [given.with_name("renamd.bin")])
    with pytest.raises(TableError, match=r"must name what made-pair is made from: first\.bin, second.bin"):
        provider.import_tables(["made-pair"], [given])
    with pytest.raises(TableError, match="different files: import them one by one"):
        provider.import_tables(["made-one", "made-pair"], [given])
    with pytest.raises(TableError, match="comes with the package 'nas-bench-graph'"):
        provider.import_tables(["graph-cora"], [given])
    with pytest.raises(HarnessError, match="Did you mean 'made-one'"):
        provider.import_tables(["made-onne"], [given])
    assert not tables.exists()


def test_a_cache_that_cannot_be_written_is_named(tables, given, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("NAS_HARNESS_HOME", str(tmp_path / "file"))
    with pytest.raises(TableError, match="NAS_HARNESS_HOME"):
        provider.import_tables(["made-one"], [given])


@pytest.mark.parametrize("size", [0, 100, -1000])
def test_a_damaged_imported_table_is_named_with_the_remedy(tables, given, size):
    path = provider.import_tables(["made-one"], [given])["made-one"]
    path.write_bytes(path.read_bytes()[:size])
    for use_it in (provider.PROVIDER.open, provider.PROVIDER.oracle, provider.ensure):
        with pytest.raises(TableError, match=r"made-one\.h5 is damaged.*cannot be made again.*data import made-one"):
            use_it("made-one")
    provider.import_tables(["made-one"], [given])
    assert provider.PROVIDER.open("made-one", check_content=True)


def test_a_table_with_test_results_alone_needs_a_protocol(tables, given):
    provider.import_tables(["made-test"], [given])
    with pytest.raises(HarnessError, match=r"no validation column .* under a protocol: 'made-test@run0-signal'"):
        provider.PROVIDER.open("made-test")
    with pytest.raises(HarnessError, match=r"unknown protocol of made-test 'run0'. Did you mean 'run0-signal'"):
        provider.PROVIDER.open("made-test@run0")
    told = provider.PROVIDER.describe("made-test")
    assert (told["validation"], told["protocol"]) == (None, None)
    assert told["protocols"] == {"made-test@run0-signal": "Run 0 is the signal."}
    with pytest.raises(HarnessError, match="unknown protocol of graph-cora"):
        provider.PROVIDER.open("graph-cora@run0-signal")


def test_under_a_protocol_some_trainings_are_told_and_the_others_judge(tables, given):
    provider.import_tables(["made-test"], [given])
    name = "made-test@run0-signal"
    benchmark, oracle = provider.PROVIDER.open(name, check_content=True), provider.PROVIDER.oracle(name)
    archs = bags(40, CONTENT[0])
    for noise in (None, np.arange(40, dtype=np.uint64)):
        told = benchmark.query(Proposals.of(archs), noise_seed=noise).objectives[:, 0]
        np.testing.assert_allclose(100.0 - told, np.arange(40.0))
    np.testing.assert_allclose(oracle.values("test_accuracy"), np.arange(40) + 0.15)
    np.testing.assert_allclose(oracle.trainings(archs[:1], "test_accuracy"), [[0.1, 0.2]])
    assert (oracle.validation, oracle.test) == ("signal_test_accuracy", "test_accuracy")
    np.testing.assert_allclose(oracle.values("signal_test_accuracy"), np.arange(40.0))
    assert (benchmark.name, oracle.name) == (name, name)
    assert benchmark.digest == oracle.digest != provider.PROVIDER.oracle("made-test").digest
    assert len(check_benchmark(benchmark, np.random.default_rng(0))) >= 5
    with pytest.raises(HarnessError, match="held out"):
        provider.PROVIDER.open(name, objectives=["test_accuracy"])
    assert "test_accuracy" not in benchmark._header.columns
    described = json.loads(json.dumps(provider.PROVIDER.describe(name)))
    assert (described["name"], described["protocol"]) == (name, "Run 0 is the signal.")
    assert described["runs"] == {"2": 40}, "those that judge"
    assert provider.space(name).name == "bags"


def test_a_space_that_a_table_defines_is_made_by_its_kind(tables, monkeypatch):
    monkeypatch.setitem(named.DEFINED, "bags", f"{__name__}:_defined")
    space = named.defined('{"kind": "bags", "words": 3}')
    assert space.words == 3
    for text, message in (('{"kind": "bag"}', "Did you mean 'bags'"), ("[]", "JSON"), ("{", "JSON"), ("{}", "JSON")):
        with pytest.raises(TableError, match=message):
            named.defined(text)
    with pytest.raises(HarnessError, match=r"unknown search space 'nb2001'\. Did you mean 'nb201'"):
        named.space("nb2001")


class Defined(Bags):
    """A space that goes with its table."""

    def definition(self):
        return '{"kind": "defined", "words": 7}'


def _defined(fields):
    space = Bags()
    space.words = fields["words"]
    return space
