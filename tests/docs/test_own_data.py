"""The page on data of one's own: its example is imported, and it has every key and every space that there is."""

from __future__ import annotations

import re

import pytest

from benchmarks_data.importers.own import description
from benchmarks_data.importers.own import table as own_table
from harness.spaces import named
from tests.paths import ROOT

PAGE = (ROOT / "docs" / "own-data.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_example_says_what_the_page_says(tmp_path):
    data, said = blocks("text")
    (told,) = (block for block in blocks("toml") if block.startswith("name"))
    (tmp_path / "log.csv").write_text(data, encoding="cp1252")
    (tmp_path / "log.toml").write_text(told, encoding="utf-8")
    lines = []
    table = own_table.read(tmp_path / "log.csv", tmp_path / "log.toml", say=lines.append)
    assert "\n".join(lines) + "\n" == said
    assert table.columns["params"][1].ravel().tolist() == [3.35, 3.17]
    assert table.columns["accuracy"][1][0].tolist() == [[88.2, 91.45]]


@pytest.mark.parametrize("key", [*description._KEYS, *description.TEXTS, *description._COLUMN_KEYS])
def test_every_key_is_explained(key):
    assert re.search(rf"^\| [^|]*`{key}`", PAGE, re.MULTILINE)


@pytest.mark.parametrize("space", [name for name in named.SPACES if name != "bags"])
def test_every_space_has_its_forms(space):
    assert re.search(rf"^\| [^|]*`{space}`", PAGE, re.MULTILINE)


def test_the_tables_have_as_many_cells_as_their_headings():
    rows = [line for line in PAGE.splitlines() if line.startswith("|")]
    assert rows
    for line in rows:
        assert len(re.findall(r"(?<!\\)\|", line)) in (3, 4)
