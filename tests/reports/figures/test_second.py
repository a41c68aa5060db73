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


@pytest.fixture
def two_cores(monkeypatch):
    monkeypatch.setattr(second, "_cores", lambda: 2)
    monkeypatch.setattr(second, "_MANY", 1)


@pytest.mark.parametrize("kind", ["ranks", "nothing that is known"])
def test_both_processes_draw_the_same_bytes(exhibits, tmp_path, monkeypatch, two_cores, kind):
    (tmp_path / "here").mkdir()
    save(exhibits[1], tmp_path / "here")
    drawn = []
    monkeypatch.setattr(second, "save", lambda exhibit, folder: (drawn.append(exhibit.name), save(exhibits[1], folder)))
    with second.drawn_beside([replace(exhibits[1], kind=kind)], tmp_path / "there"):
        pass
    assert drawn == ([] if kind == "ranks" else ["rank"]), "what the second process cannot draw, the first draws"
    assert files(tmp_path / "there") == files(tmp_path / "here")


def test_each_figure_is_drawn_by_one_process(exhibits, tmp_path, monkeypatch, two_cores):
    may_begin = tmp_path / "may begin"
    waits = f"import os, time\nwhile not os.path.exists({str(may_begin)!r}): time.sleep(0.01)\n"
    monkeypatch.setattr(second, "_PROGRAM", waits + second._PROGRAM)
    first, last = exhibits
    with second.drawn_beside(exhibits, tmp_path) as take:
        assert take(first.name)
        assert not take(first.name)
        may_begin.touch()
    assert not (tmp_path / f"{first.name}.svg").exists(), "what the body takes is left to it"
    assert (tmp_path / f"{last.name}.svg").exists()


def test_few_figures_and_one_core_need_no_second_process(exhibits, tmp_path, monkeypatch):
    monkeypatch.setattr(second, "subprocess", None)
    for cores in (1, 2):
        monkeypatch.setattr(second, "_cores", lambda cores=cores: cores)
        monkeypatch.setattr(second, "_MANY", 1 if cores == 1 else 60)
        with second.drawn_beside(exhibits, tmp_path) as take:
            assert all(take(exhibit.name) for exhibit in exhibits)
