"""A table of one's own by the commands: what is told of it, and what it is answered where it is none."""

from __future__ import annotations

import re

import pytest

from benchmarks_data.commands import inventory
from benchmarks_data.file import layout
from benchmarks_data.predicted.nb301 import files as nb301_files
from harness.cli import exit as cli_exit
from harness.cli.__main__ import main
from tests.paths import ROOT

EXAMPLE = ROOT / "examples" / "own_table"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("NAS_HARNESS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def said(capsys, *words, code=0):
    """Return what a command prints on stdout and stderr."""
    assert main(["data", *map(str, words)]) == code
    return capsys.readouterr()


def test_a_part_of_a_space_is_told_as_a_part(home, tmp_path, capsys):
    lines = (EXAMPLE / "digits.csv").read_text().splitlines(keepends=True)
    (tmp_path / "part.csv").write_text("".join(line for line in lines if not line.startswith("16,")))
    out = tmp_path / "part.h5"
    words = ("import", "digits-mlp", tmp_path / "part.csv", "--describe", EXAMPLE / "digits.toml", "--out", out)
    told = said(capsys, *words).out
    assert re.search(r"part\.h5: (\d+) of 24 architectures of the space have results", told)
    rows = len(layout.read_header(out).array("archs"))
    assert f": {rows} of 24 " in told
    audited = re.sub(r"\s+", " ", said(capsys, "audit", out).out)
    assert f"It is a part of its space: {rows} of 24 architectures have a row" in audited


def test_the_name_of_a_published_table_is_taken(home, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = (EXAMPLE / "digits.csv", "--describe", EXAMPLE / "digits.toml")
    error = said(capsys, "import", "nb201-cifar10", *words, code=cli_exit.MISTAKE).err
    assert "nb201-cifar10 is published" in error
    text = (EXAMPLE / "digits.toml").read_text().replace('name = "digits-mlp"', 'name = "macro-cifar10"')
    (tmp_path / "mine.toml").write_text(text)
    error = said(capsys, "import", "x", words[0], "--describe", "mine.toml", code=cli_exit.MISTAKE).err
    assert "macro-cifar10 is published" in error
    assert not list(tmp_path.glob("*.h5"))


def test_an_own_table_that_is_not_there_or_cut_is_told_without_the_words_of_hdf5(home, tmp_path, capsys):
    out = tmp_path / "mine.h5"
    said(capsys, "import", "mine", EXAMPLE / "digits.csv", "--describe", EXAMPLE / "digits.toml", "--out", out)
    for command in (["data", "audit"], ["describe"], ["check"]):
        assert main([*command, str(tmp_path / "mien.h5")]) == cli_exit.MISTAKE
        error = capsys.readouterr().err
        assert "there is no such file. Did you mean 'mine.h5'?" in error
        assert "--describe" in error
        assert "errno" not in error
    content = out.read_bytes()
    for kept, why in ((content[:3000], "it is cut short"), (b"a,b", "it is no HDF5 file")):
        out.write_bytes(kept)
        assert main(["describe", str(out)]) == cli_exit.MISTAKE
        assert f"is damaged: {why}" in capsys.readouterr().err


def test_data_audited_before_it_is_a_table_say_how_it_becomes_one(home, tmp_path, capsys):
    error = said(capsys, "audit", EXAMPLE / "digits.csv", code=cli_exit.MISTAKE).err
    assert "digits.csv --describe TOML`" in error
    official = tmp_path / "nas-bench-macro_cifar10.json"
    official.write_text("{}")
    error = said(capsys, "audit", official, code=cli_exit.MISTAKE).err
    assert f"`nas-harness data import macro-cifar10 {official}`" in error
    assert "no file" in said(capsys, "audit", tmp_path / "no.csv", code=cli_exit.MISTAKE).err


def test_a_surrogate_without_what_computes_it_says_so_at_its_import(home, capsys, monkeypatch):
    monkeypatch.setattr(nb301_files, "import_files", lambda paths, folder: folder)
    monkeypatch.setattr(inventory.importlib.util, "find_spec", lambda name: None)
    with pytest.warns(UserWarning, match=r"needs onnxruntime.*pip install -e '\.\[surrogate-benchmarks\]'"):
        inventory.take(["nb301-surrogate"], [])


def test_a_surrogate_has_no_rows_to_audit(home, capsys):
    error = said(capsys, "audit", "nb301-surrogate", code=cli_exit.MISTAKE).err
    assert "predicts, and has no rows; `nas-harness data info nb301-surrogate`" in error


def test_an_own_space_is_not_said_to_be_free_of_equal_functions(home, tmp_path, capsys):
    out = tmp_path / "mine.h5"
    said(capsys, "import", "mine", EXAMPLE / "digits.csv", "--describe", EXAMPLE / "digits.toml", "--out", out)
    text = re.sub(r"\s+", " ", said(capsys, "audit", out).out)
    assert "which of them compute the same function is not known here" in text
    assert "single precision" not in text
    assert "Every architecture of the space has a row: 24 rows for 24 codings" in text


@pytest.mark.data
def test_an_audit_tells_of_the_protocol(home, shared_data, capsys):
    said(capsys, "import", "macro-cifar10", shared_data / "official_samples" / "nas-bench-macro_cifar10.json")
    text = said(capsys, "audit", "macro-cifar10@run0-signal").out
    assert "Searched as macro-cifar10@run0-signal" in re.sub(r"\s+", " ", text)
    assert text.startswith("macro-cifar10@run0-signal")
    error = said(capsys, "audit", "macro-cifar10@run9", code=cli_exit.MISTAKE).err
    assert "unknown protocol" in error


def test_data_of_ones_own_without_a_description_are_told_what_is_missing(tmp_path, capsys):
    data = tmp_path / "my data.csv"
    data.write_text("a,b\n1,2\n", encoding="utf-8")
    assert main(["data", "import", "toy", str(data)]) == 2
    said = capsys.readouterr().err
    assert "unknown table 'toy'" in said
    assert f"nas-harness data import toy '{data}' --describe TOML" in said
    assert main(["data", "import", "nb201", str(data)]) == 2
    assert "Did you mean 'nb201-cifar10'" in capsys.readouterr().err


def test_next_commands_can_be_pasted(tmp_path, capsys):
    out = tmp_path / "my table.h5"
    words = ["--describe", str(EXAMPLE / "digits.toml"), "--out", str(out)]
    assert main(["data", "import", "digits-mlp", str(EXAMPLE / "digits.csv"), *words]) == 0
    said = capsys.readouterr().out
    assert f"nas-harness describe '{out}'" in said
    assert f'benchmarks = ["{out}"]' in said
    assert main(["describe", str(tmp_path / "not here.h5")]) == 2
    assert f"--out '{tmp_path / 'not here.h5'}'" in capsys.readouterr().err
