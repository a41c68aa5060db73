from __future__ import annotations

import csv
import gzip
import importlib.util
import io

import pytest

from harness.cli.__main__ import main

NAME = "nb201-cifar10"


def test_the_best_rows_go_to_stdout(capsys):
    assert main(["data", "export", NAME, "--top", "3", "--columns", "valid_accuracy, params_m"]) == 0
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert rows[0] == ["architecture", "trainings", "valid_accuracy", "params_m"]
    assert len(rows) == 4
    assert float(rows[1][2]) >= float(rows[2][2]) >= float(rows[3][2]) > 91.5


@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
def test_a_file_is_written_whole(tmp_path, capsys, ending):
    out = tmp_path / f"best{ending}"
    assert main(["data", "export", NAME, "--top", "5", "--out", str(out)]) == 0
    assert "5 lines of architecture" in capsys.readouterr().err
    data = gzip.decompress(out.read_bytes()) if ending.endswith("gz") else out.read_bytes()
    assert len(data.decode().splitlines()) == 6
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


@pytest.mark.skipif(importlib.util.find_spec("pyarrow") is not None, reason="pyarrow is installed")
def test_parquet_without_pyarrow_says_what_to_install(tmp_path, capsys):
    assert main(["data", "export", NAME, "--out", str(tmp_path / "best.parquet")]) == 2
    assert "pip install pyarrow" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ([NAME, "--out", "best.xls"], "end in .csv"),
        ([NAME, "--out", "nowhere/best.csv"], "a folder that exists"),
        ([NAME, "--columns", "acc"], "unknown column"),
        (["nb201-cifar11"], "Did you mean 'nb201-cifar10'"),
        (["nb301-surrogate"], "has no rows"),
    ],
)
def test_bad_wishes_are_refused(words, part, capsys):
    assert main(["data", "export", *words]) == 2
    assert part in capsys.readouterr().err
