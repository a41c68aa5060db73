"""Many small JSON files, read from folders and archives alike."""

from __future__ import annotations

import json
import re
import tarfile
import zipfile
from pathlib import Path

import pytest

from benchmarks_data.importers.safe import json_files
from harness.errors import TableError

FORM = re.compile(r"result_(\d+)\.json")
CONTENT = {f"result_{number}.json": {"value": number, "list": [1.5, None, float("nan")]} for number in (0, 7, 12)}


def folder(path: Path) -> Path:
    inner = path / "deep" / "er"
    inner.mkdir(parents=True)
    for name, content in CONTENT.items():
        (inner / name).write_text(json.dumps(content))
    (inner / "readme.json").write_text("not JSON")
    return path


def zipped(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in sorted(folder(path.with_suffix("")).rglob("*.json")):
            archive.write(each, f"logs/{each.name}")
    return path


def tarred(path: Path) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder(path.with_name("unpacked")), "results")
    return path


MAKE = {"folder": folder, "logs.zip": zipped, "results.tar.gz": tarred}


@pytest.mark.parametrize("kind", MAKE)
def test_every_matching_file_is_read_from_wherever_it_lies(tmp_path: Path, kind: str) -> None:
    path = MAKE[kind](tmp_path / kind)
    found = {int(match[1]): content for match, content in json_files.documents([path], FORM)}
    assert {number: content["value"] for number, content in found.items()} == {0: 0, 7: 7, 12: 12}
    assert found[7]["list"][:2] == [1.5, None]
    assert found[7]["list"][2] != found[7]["list"][2]


def test_single_files_and_folders_are_mixed(tmp_path: Path) -> None:
    (tmp_path / "result_99.json").write_text("99")
    found = list(json_files.documents([tmp_path / "result_99.json", folder(tmp_path / "more")], FORM))
    assert len(found) == 4
    assert found[0][1] == 99


def test_a_file_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"must not repeat a file, got result_0\.json twice"):
        list(json_files.documents([folder(tmp_path / "a"), folder(tmp_path / "b")], FORM))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1', "not whole JSON: .*char 7"),
        ("", "not whole JSON"),
        ('{"a": 1, "a": 2}', "not JSON of this format: the key 'a' is there twice"),
        ("[" * 100_000, "not JSON of this format: .*recursion"),
        ("1" * 5000, "not JSON of this format: .*4300"),
        ("\udcff", "not JSON of this format|not whole JSON"),
    ],
)
def test_what_is_no_json_is_refused_and_named(text: str, message: str) -> None:
    with pytest.raises(TableError, match="the file is " + message):
        json_files.parse(text.encode("utf-8", "surrogateescape"), "the file")


@pytest.mark.parametrize("kind", ["logs.zip", "results.tar.gz"])
@pytest.mark.parametrize("keep", [0.0, 0.3, 0.9])
def test_a_cut_archive_is_refused(tmp_path: Path, kind: str, keep: float) -> None:
    path = MAKE[kind](tmp_path / kind)
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
    with pytest.raises(TableError, match=re.escape(kind)):
        list(json_files.documents([path], FORM))


def test_a_missing_path_is_refused(tmp_path: Path) -> None:
    for name in ("none", "result_1.json"):
        with pytest.raises(TableError, match=name):
            list(json_files.documents([tmp_path / name], FORM))


@pytest.mark.parametrize("kind", MAKE)
def test_files_too_large_to_be_meant_are_refused_unread(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_files, "MAX_BYTES", 10)
    with pytest.raises(TableError, match="at most 10 bytes"):
        list(json_files.documents([MAKE[kind](tmp_path / kind)], FORM))
