"""Tables of one's own in reports: named by themselves, found where they were moved to, their path told once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import registry
from harness.cli import exit as cli_exit
from harness.cli.__main__ import main
from harness.errors import ResultError
from harness.experiments.results import read_results
from reports.study.naming import titles
from reports.study.opening import open_truth
from reports.study.study import prepare
from tests.reports.support import FakeOracle

MEANING = """
name = "digits-mlp"
title = "Multilayer perceptrons on digits"
validation = "valid_accuracy"
[space.genes]
hidden = [4, 8, 16]
layers = [1, 2]
[columns.valid_accuracy]
unit = "percent"
direction = "maximise"
split = "x-valid"
"""
SPEC = """
benchmarks = ["tables/digits.h5"]
replicates = 2
[budget]
evaluations = 3
[[strategies]]
name = "random_search"
[[strategies]]
name = "local_search"
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A folder with a spec, a table of its own and results."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "tables").mkdir()
    table = folder / "tables" / "digits.h5"
    rows = [f"{hidden},{layers},{90 + hidden / 4 - layers}" for hidden in (4, 8, 16) for layers in (1, 2)]
    (folder / "digits.csv").write_text("\n".join(["hidden,layers,valid_accuracy", *rows, ""]), encoding="utf-8")
    (folder / "digits.toml").write_text(MEANING, encoding="utf-8")
    given = [str(folder / "digits.csv"), "--describe", str(folder / "digits.toml"), "--out", str(table)]
    assert main(["data", "import", "digits-mlp", *given]) == 0
    (folder / "own.toml").write_text(SPEC, encoding="utf-8")
    assert main(["run", str(folder / "own.toml"), "--out", str(folder / "results")]) == 0
    return folder


def test_a_page_names_a_table_by_itself_and_its_path_once(project, tmp_path):
    assert main(["report", str(project / "results" / "own"), "--out", str(tmp_path / "page")]) == 0
    page = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
    assert page.count("digits.h5") == 1
    assert f"path: {project / 'tables' / 'digits.h5'}" in page
    assert "title: Multilayer perceptrons on digits" in page
    assert "<strong>digits-mlp, validation</strong>" in page
    for path in (tmp_path / "page").rglob("*.*"):
        if path.suffix in (".csv", ".tex", ".svg", ".json", ".md"):
            assert "digits.h5" not in path.read_text(encoding="utf-8"), path


@pytest.mark.parametrize(
    "place", ["own/digits.h5", "digits.h5", "tables/digits.h5"], ids=["in the results", "beside them", "as it was"]
)
def test_results_and_table_may_be_moved_together(project, tmp_path, place, capsys):
    shutil.copytree(project / "results" / "own", tmp_path / "own")
    (tmp_path / place).parent.mkdir(exist_ok=True)
    hidden = project / "tables" / "digits.hidden"
    (project / "tables" / "digits.h5").rename(hidden)
    try:
        assert main(["report", str(tmp_path / "own"), "--out", str(tmp_path / "page")]) == cli_exit.MISTAKE
        said = " ".join(capsys.readouterr().err.split())
        assert "is not there, and no table of its content" in said
        assert f"beside the results as '{tmp_path / 'own' / 'digits.h5'}'" in said
        shutil.copy(hidden, tmp_path / place)
        (item,) = prepare(read_results(tmp_path / "own")).aligned
        assert (item.name, item.truth.path) == ("digits-mlp", tmp_path / place)
        assert item.truth.about["title"] == "Multilayer perceptrons on digits"
    finally:
        hidden.rename(project / "tables" / "digits.h5")


def openers(tables: dict[str, str]) -> Callable[[str], FakeOracle]:
    """Return what opens fake tables of given digests by their paths."""

    def opened(name: str) -> FakeOracle:
        oracle = FakeOracle("mine")
        oracle.digest = tables[name]
        return oracle

    return opened


def test_a_table_is_known_by_its_digest_and_not_by_its_path(tmp_path):
    old, beside = tmp_path / "old" / "t.h5", tmp_path / "results" / "t.h5"
    for path in (old, beside):
        path.parent.mkdir()
        path.touch()
    tables = {str(old): "other", str(beside): "right"}
    assert open_truth(str(old), "right", beside.parent, openers(tables))[1] == str(beside)
    with pytest.raises(ResultError, match="not the one these runs were made on"):
        open_truth(str(old), "third", beside.parent, openers(tables))
    with pytest.raises(ResultError, match="not the one these runs were made on"):
        open_truth(str(old), "right", None, openers(tables))


def test_a_registered_name_is_looked_for_nowhere_else(tmp_path):
    with pytest.raises(ResultError, match="not the one these runs were made on"):
        open_truth("nb201-cifar10", "other", tmp_path, registry.oracle)


def test_tables_of_one_name_are_told_apart_by_the_end_of_their_paths():
    own = {"/a/x/one/t.h5": "mine", "/a/y/one/t.h5": "mine", "/b/u.h5": "mine", "/c/v.h5": "other\x1b"}
    assert list(titles(own).values()) == ["mine (x/one/t.h5)", "mine (y/one/t.h5)", "mine (u.h5)", "other\\x1b"]
    both = titles({"nb201-cifar10": "nb201-cifar10", "/a/t.h5": "nb201-cifar10"})
    assert list(both.values()) == ["nb201-cifar10", "nb201-cifar10 (t.h5)"]
    assert list(titles({"/a/t.h5": "mean over benchmarks"}).values()) == ["mean over benchmarks (2)"]


def test_one_table_under_two_paths_is_refused_before_the_run(project, capsys):
    shutil.copy(project / "tables" / "digits.h5", project / "tables" / "copy.h5")
    text = SPEC.replace('"tables/digits.h5"', '"tables/digits.h5", "tables/copy.h5"')
    (project / "two.toml").write_text(text, encoding="utf-8")
    assert main(["check", str(project / "two.toml")]) == cli_exit.MISTAKE
    said = " ".join(capsys.readouterr().err.split())
    assert "`benchmarks`: '" in said
    assert "copy.h5' are one table; name it once" in said
