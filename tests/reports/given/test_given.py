"""Final values from elsewhere: what is wrong with a file is named by its line, and tests are those of scipy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from typer.testing import CliRunner

from harness.cli.app import build
from harness.errors import ResultError
from reports.given.read import read
from reports.given.report import first_screen, headline, sections, warnings
from reports.given.tables import comparisons, final_table, mean_ranks, pair_table, rank_table

HEADER = "benchmark,strategy,replicate,value\n"
LOW, HIGH = [1.0] * 9, [2.0] * 9


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def lines(values: dict[str, dict[str, list[float]]]) -> str:
    return HEADER + "".join(
        f"{benchmark},{strategy},{replicate},{value!r}\n"
        for benchmark, group in values.items()
        for strategy, listed in group.items()
        for replicate, value in enumerate(listed)
    )


@pytest.fixture
def values() -> dict[str, dict[str, list[float]]]:
    rng = np.random.default_rng(3)
    return {
        name: {label: (mean + rng.normal(0, 1, 20)).tolist() for label, mean in (("a", 10.0), ("b", 9.5), ("c", 8.0))}
        for name in ("x", "y")
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must begin with the names of its columns"),
        ("benchmark,strategy,value\nx,a,1\n", "must begin with the names of its columns"),
        ("benchmark,strategy,replicate,values\n", "unknown column of .* 'values'. Did you mean 'value'"),
        (HEADER, "must have a line for each run, and has none"),
        (HEADER + "x,a,0,1\nx,a,1\n", "line 3 must have 4 fields, it has 3"),
        (HEADER + "x,a,0,1\nx,a,one,1\n", "line 3: `replicate` must be a whole number, got 'one'"),
        (HEADER + "x,a,0,nan\n", "line 2: `value` must be finite; leave out the line of a run that has no result"),
        (HEADER + "x,a,0,1\nx,a,0,2\n", "line 3: replicate 0 of 'a' on 'x' is there already"),
        (HEADER.replace(",", ";"), "must have its columns separated by commas"),
        (HEADER + "x,a,0,-1e308\n", "line 2: `value` must lie within 1e.150 of 0"),
        (HEADER + f"x,{101 * 'a'},0,1\n", "line 2: `strategy` must be one line of at most 100 letters"),
        (HEADER + "x,,0,1\n", "line 2: `strategy` must be one line of at most"),
        (HEADER + 'x,"a,0,1\n', "no CSV"),
        (HEADER[:-1] + ",budget\nx,a,0,1,5\nx,a,0,1,0\n", "`budget` must be greater than 0"),
        (HEADER[:-1] + ",budget\nx,a,0,1,5\nx,b,0,1,6\n", "compared at equal budgets"),
        (HEADER[:-1] + ",budget\n" + "".join(f"x,a,0,1,{b}\n" for b in range(1, 5)), "at most 3 on one benchmark"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=message):
        read(written(tmp_path / "final.csv", text), "maximise")


def test_pairs_are_declared_and_never_guessed(tmp_path: Path) -> None:
    path = written(tmp_path / "final.csv", HEADER + "x,a,0,1\nx,a,1,2\nx,b,2,1\nx,b,3,1\n")
    assert not read(path, "maximise").paired
    with pytest.raises(ResultError, match="must share numbers, and none is shared"):
        read(path, "maximise", paired=True)
    with pytest.raises(ResultError, match="there is no file"):
        read(tmp_path / "none.csv", "maximise")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ResultError, match="must be UTF-8"):
        read(path, "maximise")


def test_tests_are_those_of_scipy(values: dict[str, dict[str, list[float]]], tmp_path: Path) -> None:
    path = written(tmp_path / "final.csv", lines(values))
    for direction in ("maximise", "minimise"):
        independent, paired = (comparisons(read(path, direction, paired=flag)) for flag in (False, True))
        assert len(independent) == len(paired) == 6
        for row, other in zip(independent.to_dict("records"), paired.to_dict("records"), strict=True):
            a, b = (np.array(values[row["benchmark"]][row[side]]) for side in "ab")
            assert row["p"] == pytest.approx(stats.mannwhitneyu(a, b).pvalue)
            assert other["p"] == pytest.approx(stats.wilcoxon(a - b).pvalue)
            sign = 1 if direction == "maximise" else -1
            assert other["difference"] == pytest.approx(sign * np.median(a - b))
            assert row["poi"] == pytest.approx(np.mean(sign * (a[:, None] - b) > 0))
            better = "a" if row["effect"] > 0 else "b"
            assert row["better"] == (row[better] if row["p_holm"] < 0.05 else "")
        ranks = mean_ranks(read(path, direction))
        assert ranks["strategy"].tolist() == (["a", "b", "c"] if direction == "maximise" else ["c", "b", "a"])


def test_tables_mark_the_best_and_what_is_not_shown_to_be_worse(
    values: dict[str, dict[str, list[float]]], tmp_path: Path
) -> None:
    del values["y"]["b"][15:]
    given = read(written(tmp_path / "final.csv", lines(values)), "maximise")
    table = final_table(given, comparisons(given))
    assert [row[1] for row in table.cells if row[0] == "x"] == ["a", "b", "c"]
    assert table.marks[0, 2] == "best"
    assert (2, 2) not in table.marks
    assert table.frame["mean"].tolist()[0] == pytest.approx(np.mean(values["x"]["a"]))
    assert [row[3] for row in table.cells if row[1] == "b"] == ["20", "15\N{DAGGER}"]
    assert any("unequal numbers of runs" in text for text in warnings(given))
    assert headline(given, comparisons(given))[0].startswith("x: a has the best mean")
    assert "needs at least 5" in rank_table(given).caption


@pytest.mark.parametrize(
    ("values", "verdict", "sure", "tables"),
    [
        ({"x": {"a": LOW}}, "Nothing is compared", "", "final"),
        ({"x": {"a": LOW}, "y": {"b": LOW}}, "Nothing is compared", "", "final"),
        ({"x": {"a": LOW, "b": LOW}}, "No strategy alone has the best mean on x", "", "final pairwise"),
        ({"x": {"a": LOW[:1], "b": HIGH[:1]}}, "b has the best mean on x", "not tested", "final pairwise"),
        ({"x": {"a": LOW, "b": HIGH}}, "b has the best", "shown to be better than the other", "final pairwise"),
        (
            {"x": {"a": LOW, "b": HIGH, "c": [1.0, *HIGH[1:]]}, "y": {"a": LOW, "b": HIGH, "c": HIGH}},
            "b has the best mean on 1 of 2 benchmarks",
            "better than 1 of 2 others",
            "final pairwise ranks",
        ),
    ],
)
def test_the_verdict_says_no_more_than_the_tests(
    values: dict[str, dict[str, list[float]]], verdict: str, sure: str, tables: str, tmp_path: Path
) -> None:
    given = read(written(tmp_path / "final.csv", lines(values)), "maximise")
    found = comparisons(given)
    screen = first_screen(given, found)
    assert screen.verdict.startswith(verdict)
    assert [sure in text for text in screen.sentences] == [True] * bool(sure)
    assert [table.name for table in sections(given, found)[0].tables] == tables.split()


def test_one_run_has_no_interval_and_equal_means_are_shared(tmp_path: Path) -> None:
    given = read(written(tmp_path / "final.csv", lines({"x": {"a": [1.0], "b": [1.0]}})), "maximise")
    found = comparisons(given)
    assert found[["low", "high"]].isna().all(axis=None)
    assert pair_table(given, found).cells[0][7] == "0"
    assert headline(given, found) == ["x: a and b share the best mean, 1.000."]


def test_the_command_writes_a_page_that_is_the_same_again(
    values: dict[str, dict[str, list[float]]], tmp_path: Path
) -> None:
    path = written(tmp_path / "final.csv", lines(values))
    runner, pages = CliRunner(), []
    for _ in range(2):
        command = ["report", "--results", str(path), "--direction", "maximise", "--out", str(tmp_path / "page")]
        told = runner.invoke(build(), command)
        assert told.exit_code == 0, told.output
        pages.append((tmp_path / "page" / "index.html").read_bytes())
    assert pages[0] == pages[1]
    assert b"shown to be better than" in pages[0]
    assert (tmp_path / "page" / "tables" / "pairwise.tex").is_file()
    for wrong, said in (
        (["report", "--results", str(path)], "--direction"),
        (["report", str(tmp_path), "--results", str(path), "--direction", "maximise"], "not both"),
        (["report"], "--results FILE.csv"),
        (["report", str(tmp_path), "--paired"], "are for"),
    ):
        told = runner.invoke(build(), wrong)
        assert told.exit_code == 2
        assert said in " ".join(told.output.split())
