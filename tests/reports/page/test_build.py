"""The page, the files beside it, and that the same data gives the same bytes."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.errors import HarnessError, ResultError
from harness.experiments.results import Results
from reports.figures.exhibit import Exhibit
from reports.figures.render import FORMATS, draw, plot, rendered
from reports.page import build as building
from reports.study.curves import curves
from reports.study.study import prepare
from tests.paths import ROOT
from tests.reports.support import FakeOracle, build_page, make_results, opener, without_scripts

ALPHA, CORA = FakeOracle("alpha", test=False), FakeOracle("cora", has_seconds=False)
LABELS = ("random_search", "climb_er & co")
FIGURES = {
    "validation-regret-evaluations", "validation-regret-seconds", "test-regret-evaluations", "rank",
    "final-validation-regret", "final-test-regret", "wins-validation", "wins-test", "targets", "profile-validation",
    "architectures", "importance", "operations", "footprint",
}  # fmt: skip


@pytest.fixture(scope="module")
def results() -> Results:
    return make_results([ALPHA, CORA], LABELS, replicates=12, evaluations=12)


@pytest.fixture(scope="module")
def page(results, tmp_path_factory) -> Path:
    return build_page(results, tmp_path_factory.mktemp("results"), opener(ALPHA, CORA))


ENDED_BY_START = {"td": ("td", "th"), "th": ("td", "th"), "tr": ("td", "th", "tr")}
ENDED_BY_END = {"tr": ("td", "th"), **dict.fromkeys(("thead", "tbody", "tfoot", "table"), ("td", "th", "tr"))}


class Reader(HTMLParser):
    """Collects tags, attributes and whether tags are closed; HTML implies the ends of cells and rows."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, key, value or "") for key, value in attrs]
        self.imply(ENDED_BY_START.get(tag, ()))
        if tag not in ("meta", "link", "br", "img", "hr", "wbr"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += [(tag, key, value or "") for key, value in attrs]

    def imply(self, tags):
        while self.open and self.open[-1] in tags:
            self.open.pop()

    def handle_endtag(self, tag):
        self.imply(ENDED_BY_END.get(tag, ()))
        assert self.open.pop() == tag


def test_every_figure_and_table_lies_beside_the_page(page):
    figures, made = page.parent / "figures", page.parent / "tables"
    assert {path.stem for path in figures.iterdir()} == FIGURES
    for name in FIGURES:
        assert {path.suffix for path in figures.glob(f"{name}.*")} == {".pdf", ".svg", ".png", ".csv", ".json"}
    assert {path.stem for path in made.iterdir()} == {
        "final-validation", "final-test", "ranks-validation", "pairwise-validation", "pairwise-test", "costs",
        "best-architectures", "endings", "genes", "ablation", "neighbours", "visited", "running-times",
    }  # fmt: skip
    assert (page.parent / "checklist.md").read_text().startswith("# Best-practice checklist: made-up")
    assert not list(page.parent.parent.glob(".report.*"))


def test_the_page_is_self_contained_and_well_formed(page):
    reader = Reader()
    text = page.read_text()
    reader.feed(text)
    assert reader.open == []
    assert "src" not in {key for tag, key, _ in reader.attributes if tag == "script"}
    for tag, key, value in reader.attributes:
        if key in ("src", "href", "xlink:href", "data", "srcset"):
            assert value.startswith("#") or (tag == "a" and (page.parent / value).is_file()), (tag, key, value)
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)


def test_ids_are_unique_and_references_resolve(page):
    text = page.read_text()
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    used = set(re.findall(r"url\(#([^)]+)\)", text)) | set(re.findall(r'href="#([^"]+)"', text))
    assert used <= set(ids)


def test_every_figure_has_words_for_those_who_do_not_see_it(page):
    alts = re.findall(r'<figure id="[^"]+" role="group" aria-label="([^"]+)"', page.read_text())
    assert len(alts) == len(FIGURES)
    assert all(len(alt) > 60 for alt in alts)


def test_the_page_says_what_is_left_out_and_why(page):
    text = page.read_text()
    assert re.findall(r"<h2[^>]*>(.*?)</h2>", without_scripts(text)) == [
        "In words",
        "Figures",
        "Tables",
        "Architectures and why they won",
        "Methods",
        "Best-practice checklist",
    ]
    assert "No test figures for alpha: the table has no test column." in text
    assert "No figures against simulated time for cora: the table has no training seconds." in text
    assert "climb_er &amp; co" in text


def test_csv_holds_exactly_the_plotted_numbers(page, results):
    study = prepare(results, opener(ALPHA, CORA))
    expected = curves(study, "validation", "evaluations")
    written = Exhibit.read(page.parent / "figures", "validation-regret-evaluations").frame
    pd.testing.assert_frame_equal(written, expected, check_dtype=False, check_exact=True)
    axes = draw(Exhibit.read(page.parent / "figures", "validation-regret-evaluations")).axes[0]
    part = expected[(expected["benchmark"] == "alpha") & (expected["series"] == "random_search")]
    floor = study.aligned[0].truth.scales["validation"].floor
    drawn = [line.get_xydata() for line in axes.lines if line.get_drawstyle() == "steps-post"]  # only where it changes
    whole = [xy[np.searchsorted(xy[:, 0], part["x"], side="right") - 1, 1] for xy in drawn]
    assert any(np.array_equal(y, np.maximum(part["centre"], floor)) for y in whole)


@pytest.mark.parametrize("name", ["validation-regret-evaluations", "final-validation-regret"])
def test_a_figure_is_drawn_again_from_its_csv_and_json_to_the_byte(page, name):
    exhibit = Exhibit.read(page.parent / "figures", name)
    for file_format in FORMATS:
        assert rendered(draw(exhibit), file_format) == (page.parent / "figures" / f"{name}.{file_format}").read_bytes()


def test_two_processes_with_other_hash_seeds_draw_the_same_bytes(page):
    code = (
        "import hashlib, sys; from pathlib import Path; from reports.figures.exhibit import Exhibit;"
        " from reports.figures.render import FORMATS, draw, rendered;"
        " figure = draw(Exhibit.read(Path(sys.argv[1]), 'rank'));"
        " print([hashlib.sha256(rendered(figure, kind)).hexdigest() for kind in FORMATS])"
    )
    command = [sys.executable, "-c", code, str(page.parent / "figures")]
    root = ROOT
    said = subprocess.run(
        command, cwd=root, capture_output=True, text=True, check=True,
        env={"PYTHONHASHSEED": "2", "PYTHONPATH": str(root), "TZ": "Asia/Tokyo"},
    ).stdout  # fmt: skip
    written = [hashlib.sha256((page.parent / "figures" / f"rank.{kind}").read_bytes()).hexdigest() for kind in FORMATS]
    assert said == f"{written}\n", "the page is drawn in this process, whose seed is another"


def test_building_again_gives_the_same_page(page, results, tmp_path):
    (tmp_path / "report" / "figures").mkdir(parents=True)
    (tmp_path / "report" / "figures" / "old.pdf").write_text("from an earlier report")
    with pytest.raises(ResultError, match="earlier report"):
        build_page(results, tmp_path, opener(ALPHA, CORA))
    (tmp_path / "report" / building.MARKER).write_text("")
    again = build_page(results, tmp_path, opener(ALPHA, CORA), drawn=())
    assert again.read_bytes() == page.read_bytes()
    assert not (again.parent / "figures" / "old.pdf").exists()


def test_metadata_names_seeds_digests_and_versions(page):
    meta = json.loads((page.parent / "figures" / "validation-regret-evaluations.json").read_text())
    about = meta["provenance"]
    assert about["table_sha256"] == {"alpha": "sha-alpha", "cora": "sha-cora"}
    assert about["budget"]["duplicates"] == "charged"
    assert about["budget"]["table_seed_policy"] == "one_draw_per_arch"
    assert len(about["spec_sha256"]) == 64
    assert {"numpy", "scipy", "matplotlib", "nas-harness"} <= set(about["versions"])
    assert "median" in meta["caption"]
    assert "n = 12" in meta["caption"]
    assert meta["centre"] == "median"


def test_latex_escapes_marks_and_has_no_vertical_rules(page):
    text = (page.parent / "tables" / "final-validation.tex").read_text()
    assert r"climb\_er \& co" in text
    assert r"\toprule" in text
    assert r"\textbf{" in text
    assert "|" not in text.split("\n", 2)[2]
    body = text[text.index(r"\begin{tabular}") :]
    assert len({line.count(" & ") for line in body.splitlines() if line.endswith(r"\\")}) == 1


def test_plot_returns_a_figure_for_notebooks(results):
    figure = plot(results, axis="seconds", open_oracle=opener(ALPHA, CORA))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["alpha"]
    assert figure._repr_png_().startswith(b"\x89PNG")
    with pytest.raises(ResultError, match="cora: the table has no training seconds"):
        plot(results, axis="seconds", split="test", open_oracle=opener(ALPHA, CORA))
    with pytest.raises(HarnessError, match="`axis` must be one of"):
        plot(results, axis="hours", open_oracle=opener(ALPHA, CORA))


def test_missing_results_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ResultError, match="no results in"):
        building.build(tmp_path / "nothing")
    assert list(tmp_path.iterdir()) == []
    (spec := tmp_path / "spec.toml").touch()
    with pytest.raises(ResultError, match=r"no results in '.*spec.toml': it is a file; give a folder made by `run`"):
        building.build(spec)


@pytest.mark.parametrize("inside", ["", "deeper/still"])
def test_a_file_in_place_of_the_folder_is_refused_before_anything_is_made(tmp_path, inside):
    (tmp_path / "taken").touch()
    with pytest.raises(ResultError, match=r"`out` must name a folder, and '.*taken' is none"):
        building.build(tmp_path / "results", tmp_path / "taken" / inside)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_pages_of_searches_are_written_without_torch():
    """It takes a second and two hundred megabytes to import, in each of two processes."""
    code = (
        "import sys, reports.page.build, reports.supernets.section, reports.sections.why; print('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
