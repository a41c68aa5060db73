"""The leaderboard: its numbers are those of the runs, and the page is that of the archive that comes along."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from docs import leaderboard
from harness.experiments.execute import execute
from harness.experiments.prepare import prepare
from harness.experiments.schema import from_dict
from reports.archive.build import build
from reports.archive.file import Archive, find, read_archive
from reports.archive.standing import outdated
from reports.study.comparisons import pairwise, scores

LABELS = ("random_search", "local_search", "simulated_annealing")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    folder = tmp_path_factory.mktemp("board")
    spec = {
        "name": "small",
        "benchmarks": ["nb201-cifar10", "micro-mnist1d"],
        "strategies": [{"name": name} for name in LABELS],
        "budget": {"evaluations": 12},
        "replicates": 5,
    }
    execute(prepare(from_dict(spec)), folder / "small")
    return build([str(folder / "small")], folder / "small.npz", machine="a slow machine")


@pytest.fixture(scope="module")
def found(archive: Archive) -> leaderboard.Board:
    return leaderboard.board(archive)


def test_mean_ranks_and_their_differences(found: leaderboard.Board) -> None:
    study = found.study
    ranks = leaderboard.ranks_of(study)
    assert {name: block.shape for name, block in ranks.items()} == {"nb201-cifar10": (5, 3), "micro-mnist1d": (5, 3)}
    assert all((block.sum(axis=1) == 6).all() for block in ranks.values())
    known = scores(study, "validation").set_index("label")["rank"]
    first = str(known.idxmin())
    gaps = leaderboard.behind(study, ranks, first)
    assert gaps[first] == (0.0, 0.0, 0.0)
    for label in LABELS:
        middle, low, high = gaps[label]
        assert middle == pytest.approx(known[label] - known[first])
        assert low <= middle <= high


def test_too_few_runs_show_no_difference(found: leaderboard.Board) -> None:
    """Nothing is called as good as the best for want of a test."""
    means = {label: float(rank) for rank, label in enumerate(LABELS)}
    assert leaderboard.first_group(found.study, pairwise(found.study), "nb201-cifar10", means) == {"random_search"}


def test_overhead_is_that_of_a_trial(found: leaderboard.Board, archive: Archive) -> None:
    seconds = [run.overhead_seconds / 12 for run in archive.results.runs if run.label == "local_search"]
    assert leaderboard.overhead(found.study, "local_search") == pytest.approx(np.mean(seconds))


def test_the_page_says_what_was_run(found: leaderboard.Board, archive: Archive) -> None:
    page = leaderboard.page(f"before\n{leaderboard.BEGIN}old\n{leaderboard.END}after\n", found)
    assert page.startswith("before\n")
    assert page.endswith("after\n")
    assert archive.digest in page
    assert "5 runs of 12 evaluations each, seed 0" in page
    ranked = page.partition("## Ranks and cost")[2].partition("## Regret")[0]
    assert [place for place, _ in re.findall(r"^\| (\d) \| `(\w+)`", ranked, re.MULTILINE)] == ["1", "2", "3"]
    assert "| `simulated_annealing` | 2 | numpy " in page
    assert "a slow machine" in page


def test_what_was_run_in_another_version_is_left_out(archive: Archive) -> None:
    versions = {**archive.results.versions, "local_search": "0"}
    older = replace(archive, results=replace(archive.results, versions=versions))
    found = leaderboard.board(older)
    assert found.study.labels == ("random_search", "simulated_annealing")
    text = leaderboard.said(found)
    assert "Left out until they are run again: `local_search` (version 0 was run, version 1 comes along)." in text
    assert "| `local_search` |" not in text


def test_the_page_is_that_of_the_archive_that_comes_along() -> None:
    archive = read_archive(find(leaderboard.SHIPPED))
    page = leaderboard.PAGE.read_text(encoding="utf-8")
    written = page.partition(leaderboard.BEGIN)[2].partition(leaderboard.END)[0]
    again = "write it again: python -m docs.leaderboard"
    assert archive.digest in written, again
    ranked = written.partition("## Ranks and cost")[2].partition("## Regret")[0]
    listed = set(re.findall(r"^\| \d+ \| `(\w+)`", ranked, re.MULTILINE))
    assert listed == set(archive.results.labels) - set(outdated(archive)), again


@pytest.mark.slow
def test_the_page_is_what_the_archive_gives() -> None:
    written = leaderboard.PAGE.read_text(encoding="utf-8")
    assert leaderboard.page(written, leaderboard.board(read_archive(find(leaderboard.SHIPPED)))) == written


def test_the_archive_comes_along_in_the_package() -> None:
    config = (Path(leaderboard.__file__).parent.parent / "setup.cfg").read_text(encoding="utf-8")
    assert "archive/shipped/*.npz" in config
