"""JSON and TOML that are damaged or hostile end in one error that names the file, at once."""

from __future__ import annotations

import time

import pytest

from harness.errors import HarnessError, ResultError, SpecError
from harness.files.reading import MAX_TOML_BYTES, parse_json, parse_toml, read_json, read_toml, record_of
from harness.problem import Objective

TOML = {
    "arrays": "a = " + "[" * 300_000,
    "tables": "a = " + "{b=" * 100_000,
    "dotted key": "a." * 200_000 + "b = 1",
    "dotted header": "[" + "a . " * 100_000 + "b]",
    "quoted key": '"a".' * 100_000 + "b = 1",
    "digits": "a = " + "9" * 5000,
    "many digits": "a = " + "9" * 50,
    "depth": "a = " + "[" * 70 + "]" * 70,
    "size": "#" * (MAX_TOML_BYTES + 1),
    "no text": "\x00\x01",
    "word": "_" * 1_000_000,
}


@pytest.mark.parametrize("name", TOML)
def test_toml_that_nobody_means_is_refused_at_once(name, tmp_path):
    path = tmp_path / "spec.toml"
    path.write_text(TOML[name])
    began = time.process_time()
    with pytest.raises(SpecError) as caught:
        read_toml(path, SpecError)
    assert str(caught.value).startswith(f"{path}")
    assert len(str(caught.value)) < 500
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "content", [b"{", b"\xff\xfe", b"[" * 100_000, b'{"a": 1, "a": 1}', b'"\\ud800"', b"1" * 5000, b"9" * 60, b"[NaN"]
)
def test_json_that_is_damaged_is_refused(content, tmp_path):
    path = tmp_path / "facts.json"
    path.write_bytes(content)
    with pytest.raises(ResultError, match=r"facts\.json: damaged.*; write it again$"):
        read_json(path, ResultError, remedy="write it again")


def test_what_is_no_readable_file_is_told_by_its_name(tmp_path):
    with pytest.raises(HarnessError, match="is a folder, not a file"):
        read_json(tmp_path)
    (tmp_path / "long").write_text("1" * 11)
    with pytest.raises(HarnessError, match="at most 10 bytes"):
        read_json(tmp_path / "long", largest=10)
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "gone")


def test_what_is_in_order_is_read():
    assert parse_json('\ufeff{"a": [1, 2.5, null, "ü"]}'.encode(), "x") == {"a": [1, 2.5, None, "ü"]}
    assert parse_toml("a.b.c = 1\nd = [0.1, 0.2]", "x") == {"a": {"b": {"c": 1}}, "d": [0.1, 0.2]}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "must be a table"),
        ({}, "must have the key 'name'"),
        ({"name": 3}, r"`o\.name` must be text, got 3"),
        ({"name": "a", "best": float("nan")}, "must be finite"),
        ({"name": "a", "best": True}, "must be a number, got True"),
        ({"name": "a", "unti": ""}, "Did you mean 'unit'"),
    ],
)
def test_a_record_is_checked_key_by_key(data, message):
    with pytest.raises(HarnessError, match=message):
        record_of(Objective, data, "o")
    assert record_of(Objective, {"name": "a", "best": 1}, "o") == Objective("a", best=1)
