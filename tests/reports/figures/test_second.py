"""The second process draws the very bytes that the first would, and where it fails the first draws them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reports.figures import curves, ranks, second
from reports.figures.render import save
from reports.study.study import prepare
from tests.reports.support import FakeOracle, make_results, opener

ORACLE = FakeOracle("alpha", test=False)


@pytest.fixture(scope="module")
def exhibits():
    study = prepare(make_results([ORACLE], replicates=4, evaluations=6), opener(ORACLE))
    return [curves.exhibit(study, "validation", "evaluations"), ranks.exhibit(study)]


def files(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("kind", ["ranks", "nothing that is known"])
def test_both_processes_draw_the_same_bytes(exhibits, tmp_path, monkeypatch, kind):
    (tmp_path / "here").mkdir()
    save(exhibits[1], tmp_path / "here")
    drawn = []
    monkeypatch.setattr(second, "save", lambda exhibit, folder: (drawn.append(exhibit.name), save(exhibits[1], folder)))
    with second.drawn_beside([replace(exhibits[1], kind=kind)], tmp_path / "there"):
        pass
    assert drawn == ([] if kind == "ranks" else ["rank"]), "what the second process cannot draw, the first draws"
    assert files(tmp_path / "there") == files(tmp_path / "here")


def test_work_is_halved_where_it_is_much(exhibits, monkeypatch):
    monkeypatch.setattr(second, "_cores", lambda: 2)
    assert second.half_of(exhibits) == []
    monkeypatch.setattr(second, "_MANY", 8)
    many = [replace(exhibits[0], name=f"{place}") for place in range(8)]
    chosen = second.half_of(many)
    assert len(chosen) in (3, 4)
    monkeypatch.setattr(second, "_cores", lambda: 1)
    assert second.half_of(many) == []
