"""The commands `nas-harness data …`, as a user types them, on tables of a made-up source and on real ones."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from dataclasses import replace
from types import MappingProxyType, ModuleType, SimpleNamespace

import numpy as np
import pytest

from benchmarks_data import provider
from benchmarks_data.cache import download
from benchmarks_data.catalogue import entries
from benchmarks_data.commands import inventory
from benchmarks_data.file import layout
from benchmarks_data.importers.own import table as own_table
from harness.cli import exit as cli_exit
from harness.cli.__main__ import main
from harness.errors import TableError
from harness.spaces import named
from tests.benchmarks_data.cache.file_server import serving
from tests.benchmarks_data.made_up import accuracy, bags, made
from tests.paths import ROOT

CONTENT = b"the published numbers"
SOURCE = {
    "converter": "importers.made_up",
    "url": "https://example.org/made-up",
    "licence": "MIT",
    "citation": "Nobody, Nowhere, 2020",
    "replicates": "two runs",
}
EXAMPLE = ROOT / "examples" / "own_table"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("NAS_HARNESS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(download, "WAIT_SECONDS", 0.0)
    monkeypatch.setattr(download, "ATTEMPTS", 2)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


@pytest.fixture
def server():
    with serving(CONTENT) as told:
        yield told


@pytest.fixture
def tables(home, server, monkeypatch):
    """Put three tables into the catalogue: two of one file that can be fetched, one that must be fetched by hand."""
    table = {"title": "Made up, one", "dataset": "none", "source": "made-up", "space": "bags", "rows": 40}
    table |= {"sha256": hashlib.sha256(CONTENT).hexdigest()}
    fetched = table | {"file": "made-up.bin", "download": {"url": server.url, "bytes": len(CONTENT)}}
    told = {
        "made-one": fetched,
        "made-two": fetched | {"title": "Made up, two"},
        "made-hand": table | {"file": ["a.bin", "b.bin"], "manual": "a.bin and b.bin from page 7", "sha256": []},
        "made-test": fetched | {"file": "test.bin", "protocols": {"run0-signal": PROTOCOL}},
    }
    known = {name: entries.entry(name, fields, entries.Source(**SOURCE)) for name, fields in told.items()}
    for module in (provider, inventory):
        monkeypatch.setattr(module, "entries", lambda: MappingProxyType({**entries.entries(), **known}))
    monkeypatch.setitem(named.SPACES, "bags", ("tests.benchmarks_data.made_up:Bags",))
    converter = ModuleType("benchmarks_data.importers.made_up")
    converter.convert = convert
    monkeypatch.setitem(sys.modules, converter.__name__, converter)
    return home / "tables"


PROTOCOL = {"objective": "test_accuracy", "signal_runs": [0], "held_out_runs": [1], "text": "Run 0 is the signal."}


def convert(entry, paths, space, progress):
    if b"cut" in paths[0].read_bytes():
        raise TableError(f"{paths[0]} is cut short")
    values = np.arange(entry.rows)[:, None, None] + np.array([0.0, 0.1])[:, None]
    test = {"test_accuracy": (accuracy("test_accuracy"), values)}
    if entry.protocols:
        return made(bags(entry.rows), name=entry.name, columns=test, validation=None)
    return made(bags(entry.rows), name=entry.name, columns={"valid_accuracy": (accuracy(), values)} | test)


def said(capsys, *words, code=0):
    """Return what a command prints on stdout and stderr."""
    assert main(["data", *map(str, words)]) == code
    return capsys.readouterr()


def states(capsys):
    return {row["name"]: row for row in json.loads(said(capsys, "list", "--json").out)}


def test_get_fetches_imports_and_keeps_the_file(tables, server, capsys, home):
    before = states(capsys)
    assert (before["made-one"]["state"], before["made-one"]["bytes"]) == ("get", len(CONTENT))
    out = said(capsys, "get", "made-one").out
    announced, _, done = out.partition("fetched ")
    for words in ("Made up, one", "MIT", "Nobody, Nowhere, 2020", server.url, "0.0 kB"):
        assert words in announced
    assert "made-one: 40 rows" in done
    assert "made-two: 40 rows" in done
    assert 'benchmarks = ["made-one"]' in done
    assert (home / "downloads" / "made-one" / "made-up.bin").read_bytes() == CONTENT
    assert provider.PROVIDER.open("made-two", check_content=True)
    after = states(capsys)
    assert [after[name]["state"] for name in ("made-one", "made-two", "made-hand")] == ["ready", "ready", "import FILE"]
    assert after["made-one"]["bytes"] == (tables / "made-one.h5").stat().st_size


def test_get_does_nothing_twice_unless_told(tables, server, capsys):
    said(capsys, "get", "made-one")
    assert "made-two is there already; `--again`" in said(capsys, "get", "made-two").out
    said(capsys, "get", "made-two", "--again")
    assert server.asked == [None], "the file that is there is not fetched again"


def test_only_makes_one_table_and_discard_keeps_no_file(tables, capsys, home):
    said(capsys, "get", "made-two", "--only", "--discard")
    assert {path.name for path in tables.glob("*.h5")} == {"made-two.h5"}
    assert list((home / "downloads").iterdir()) == []


def test_no_import_fetches_alone_and_names_what_imports(tables, capsys, home):
    out = said(capsys, "get", "made-one", "--no-import").out
    path = home / "downloads" / "made-one" / "made-up.bin"
    assert f"next: nas-harness data import made-one {path}" in out
    assert not tables.exists()
    said(capsys, "import", "made-one", path)
    assert provider.PROVIDER.open("made-one")


def test_a_table_to_fetch_by_hand_names_page_and_command(tables, capsys):
    out = said(capsys, "get", "made-hand", code=3).out
    for words in ("MIT", "Nobody, Nowhere, 2020", "a.bin and b.bin from page 7"):
        assert words in out
    assert "nas-harness data import made-hand a.bin b.bin" in out.splitlines()[-1]
    assert not tables.exists()


def test_a_failed_fetch_leaves_the_table_that_was_there(tables, server, capsys, home):
    said(capsys, "get", "made-one", "--discard")
    before = (tables / "made-one.h5").read_bytes()
    server.content = b"something else"
    error = said(capsys, "get", "made-one", "--again", code=cli_exit.MISTAKE).err
    for content in (CONTENT, b"something else"):
        assert hashlib.sha256(content).hexdigest() in error
    assert "`nas-harness data import made-one made-up.bin`" in error
    assert "Traceback" not in error
    assert (tables / "made-one.h5").read_bytes() == before
    assert [path.name for path in (home / "downloads" / "made-one").iterdir()] == [".lock"]


@pytest.mark.parametrize("way", ["no room", "full while writing"])
def test_a_full_disk_leaves_the_table_that_was_there(tables, capsys, monkeypatch, way):
    said(capsys, "get", "made-one")
    before = (tables / "made-one.h5").read_bytes()
    if way == "no room":
        monkeypatch.setattr(layout.shutil, "disk_usage", lambda folder: SimpleNamespace(free=10))
    else:
        monkeypatch.setattr(layout, "_write", _as_hdf5_does)
    error = said(capsys, "get", "made-one", "--again", code=cli_exit.MISTAKE).err
    assert "error: cannot import made-one: [Errno 28]" in error
    assert "10 are left" in error or "File too large" in error
    assert (tables / "made-one.h5").read_bytes() == before
    assert not [path for path in tables.iterdir() if "unfinished" in path.name]


def _as_hdf5_does(path, table):
    path.write_bytes(b"a part")
    raise RuntimeError("Can't decrement id ref count (file write failed, errno = 27, error message = 'File too large')")


def test_a_failed_import_tells_its_warnings_first(tables, tmp_path, capsys):
    (tmp_path / "cut.bin").write_bytes(b"cut")
    error = said(capsys, "import", "made-one", tmp_path / "cut.bin", code=cli_exit.MISTAKE).err
    warned, failed = error.strip().splitlines()
    assert warned.startswith("warning: made-one: the sha256 of cut.bin")
    assert failed.startswith(f"error: {tmp_path / 'cut.bin'} is cut short. cut.bin is not the official made-up.bin. ")
    assert "`nas-harness data get made-one`" in failed


def test_a_table_under_a_protocol_is_announced_by_it(tables, capsys):
    out = said(capsys, "get", "made-test@run0-signal").out
    assert 'benchmarks = ["made-test@run0-signal"]' in out
    assert provider.PROVIDER.open("made-test@run0-signal")


def test_a_damaged_table_is_listed_with_what_is_wrong_and_got_again(tables, capsys):
    said(capsys, "get", "made-one")
    path = tables / "made-one.h5"
    path.write_bytes(path.read_bytes()[:100])
    row = states(capsys)["made-one"]
    assert row["state"] == "get"
    assert "damaged" in row["remark"]
    assert "damaged" in said(capsys, "list").out
    said(capsys, "get", "made-one")
    assert states(capsys)["made-one"]["state"] == "ready"


def test_a_table_that_comes_with_the_program_is_converted(home, capsys):
    assert states(capsys)["graph-proteins"]["state"] == "comes with the program"
    assert str(home / "tables" / "graph-proteins.h5") in said(capsys, "get", "graph-proteins").out
    assert states(capsys)["graph-proteins"]["state"] == "ready"
    error = said(capsys, "import", "graph-proteins", "x", code=cli_exit.MISTAKE).err
    assert "comes with the package 'nas-bench-graph'" in error


def test_the_list_fits_its_terminal_and_groups_what_is_there_first(tables, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "110")
    assert 80 < max(map(len, said(capsys, "list").out.splitlines())) <= 110
    monkeypatch.setenv("COLUMNS", "80")
    said(capsys, "get", "made-one")
    text = said(capsys, "list").out
    assert max(map(len, text.splitlines())) <= 80
    assert not re.search(r"\d(several|about)", text)
    places = [text.index(heading) for heading in ("Ready", "Come with the program", "To fetch", "By hand")]
    assert places == sorted(places)
    assert places[0] < text.index("made-one ") < places[1]
    assert text.index("made-hand ") > places[3]
    for name in inventory.names():
        assert f" {name} " in text
    assert "MIT" in text


def test_info_of_a_table_that_is_not_there_says_what_is_known_and_how_to_get_it(tables, capsys):
    facts = json.loads(said(capsys, "info", "made-one", "--json").out)
    assert (facts["imported"], facts["rows"], facts["licence"]) == (False, 40, "MIT")
    assert facts["to_get"] == "`nas-harness data get made-one`"
    assert (
        "a.bin and b.bin from page 7; then `nas-harness data import made-hand a.bin b.bin`"
        in json.loads(said(capsys, "info", "made-hand", "--json").out)["to_get"]
    )
    assert not tables.exists()


def test_info_of_a_table_says_what_each_column_was_evaluated_on(tables, capsys):
    said(capsys, "get", "made-one")
    text = said(capsys, "info", "made-one").out
    assert "x-valid: what its authors call validation" in text
    assert "held out: reports know it, strategies never do" in text
    assert "source as checked: yes" in text
    assert main(["describe", "made-one"]) == 0
    assert capsys.readouterr().out == text


def test_wrong_words_are_mistakes(tables, tmp_path, capsys):
    assert "Did you mean 'made-one'" in said(capsys, "get", "made-onne", code=cli_exit.MISTAKE).err
    assert "no file" in said(capsys, "import", "made-one", "nowhere.bin", code=cli_exit.MISTAKE).err
    assert "`--describe TOML`" in said(capsys, "import", "x", "y", "--out", "z.h5", code=cli_exit.MISTAKE).err
    words = ("import", "x", "y.csv", "--describe", EXAMPLE / "digits.toml", "--out", tmp_path / "z.hdf")
    assert "end in .h5" in said(capsys, *words, code=cli_exit.MISTAKE).err
    assert said(capsys, "fetch", code=cli_exit.MISTAKE).err


def test_a_place_that_cannot_be_written_is_told_in_one_line(home, capsys, monkeypatch):
    words = ("import", "digits-mlp", EXAMPLE / "digits.csv", "--describe", EXAMPLE / "digits.toml")
    error = said(capsys, *words, "--out", "/proc/none/z.h5", code=cli_exit.MISTAKE).err
    assert error.startswith("error: cannot write the table /proc/none/z.h5: ")
    assert error.count("\n") == 1

    def lost(*_, **__):
        raise OSError(5, "Input/output error", "digits.csv")

    monkeypatch.setattr(own_table, "write", lost)
    error = said(capsys, *words, code=cli_exit.MISTAKE).err
    assert error == "error: cannot import digits-mlp: [Errno 5] Input/output error: 'digits.csv'\n"


def test_a_table_of_several_files_is_imported_from_their_folder(tables, tmp_path, capsys):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.bin").write_text("a")
    assert f"there is no file '{folder / 'b.bin'}'" in said(capsys, "import", "made-hand", folder, code=2).err
    (folder / "b.bin").write_text("b")
    told = said(capsys, "import", "made-hand", folder)
    assert "made-hand: 40 rows" in told.out
    assert "warning: made-hand: nothing is pinned, these 40 rows are unchecked" in told.err
    assert list(json.loads(layout.read_about(tables / "made-hand.h5")["source_files"])) == ["a.bin", "b.bin"]


def test_one_file_is_not_two_runs(tables, tmp_path, capsys):
    first, copy = tmp_path / "a.bin", tmp_path / "copy.bin"
    for path in (first, copy):
        path.write_bytes(CONTENT)
    for second in (first, copy):
        error = said(capsys, "import", "made-hand", first, second, code=cli_exit.MISTAKE).err
        assert re.search("made-hand is made from different files, and .*a.bin and .*bin are the same", error)
    assert not (tables / "made-hand.h5").exists()


def test_a_file_named_as_that_of_another_table_is_noted(tables, tmp_path, capsys, monkeypatch):
    table = {"title": "Made up", "dataset": "none", "space": "bags", "rows": 40, "source": "made-up"}
    known = {
        name: entries.entry(name, table | {"file": f"{name}0.bin"}, entries.Source(**SOURCE))
        for name in ("cs", "physics")
    }
    for module in (provider, inventory, entries):
        monkeypatch.setattr(module, "entries", lambda: MappingProxyType(known))
    path = tmp_path / "physics0 (1).bin"
    path.write_bytes(CONTENT)
    noted = "physics0 (1).bin is named as a file of another table than cs"
    assert noted in said(capsys, "import", "cs", path).err
    assert "named as" not in said(capsys, "import", "physics", path).err


def test_a_table_of_ones_own_is_written_and_described(home, tmp_path, capsys):
    out = tmp_path / "own.h5"
    words = ("import", "digits-mlp", EXAMPLE / "digits.csv", "--describe", EXAMPLE / "digits.toml", "--out", out)
    said_of_it = said(capsys, *words)
    assert f'benchmarks = ["{out}"]' in said_of_it.out
    assert said_of_it.err == ""
    assert main(["describe", str(out)]) == 0
    assert "fidelities: epoch 5, 10, 20 of 20 (3 in all)" in capsys.readouterr().out
    other = said(capsys, "import", "other", *words[2:]).err
    assert "calls it 'digits-mlp'" in other


@pytest.mark.data
def test_the_surrogate_is_imported_by_its_own_importer(home, shared_data, capsys):
    assert states(capsys)["nb301-surrogate"]["state"] == "get"
    folder = shared_data / "nb301_yahpo_surrogate"
    names = [told.name for told in entries.others()["nb301-surrogate"].downloads]
    said(capsys, "import", "nb301-surrogate", *[folder / name for name in names])
    assert states(capsys)["nb301-surrogate"]["state"] == "ready"
    assert provider.files.cache_folder() / "nb301-surrogate" == home / "tables" / "nb301-surrogate"
    assert "there already" in said(capsys, "get", "nb301-surrogate").out
    error = said(capsys, "import", "nb301-surrogate", folder / names[0], code=cli_exit.MISTAKE).err
    assert "was not given" in error


@pytest.mark.data
def test_a_real_file_becomes_a_table_and_a_cut_one_does_not(home, shared_data, capsys):
    samples = shared_data / "official_samples"
    out = said(capsys, "import", "macro-cifar10", samples / "nas-bench-macro_cifar10.json").out
    assert "macro-cifar10: 6,561 rows" in out
    assert 'benchmarks = ["macro-cifar10@run0-signal"]' in out
    cut = samples / "nb101_tfrecord" / "energy_4V9E_part.tfrecord"
    error = said(capsys, "import", "ecnas-energy-4v", cut, code=cli_exit.MISTAKE).err
    assert "must hold 91 cells, got 90" in error
    assert not (home / "tables" / "ecnas-energy-4v.h5").exists()


@pytest.mark.data
def test_a_real_file_is_fetched_from_a_server_as_from_its_host(home, shared_data, capsys, monkeypatch):
    content = (shared_data / "official_samples" / "nas-bench-macro_cifar10.json").read_bytes()
    with serving(content, cuts=[400_000]) as server:
        known = entries.entries()["macro-cifar10"]
        moved = replace(known, downloads=(replace(known.downloads[0], url=server.url),))
        for module in (provider, inventory):
            monkeypatch.setattr(module, "entries", lambda: {"macro-cifar10": moved})
        assert "macro-cifar10: 6,561 rows" in said(capsys, "get", "macro-cifar10").out
        assert server.asked == [None, "bytes=400000-"]
    facts = json.loads(said(capsys, "info", "macro-cifar10", "--json").out)
    assert facts["source_as_checked"] is True
