"""Sections and kinds of figures that another package brings: on the page, beside it, and drawn again."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness import registry
from harness.errors import HarnessError
from harness.verification import record
from reports.figures.exhibit import Exhibit
from reports.figures.kind import FigureKind
from reports.figures.render import FORMATS, draw, rendered
from reports.sections.section import Section, sections
from reports.study.study import Study, prepare
from reports.tables.report_table import ReportTable
from tests.harness.verification.support import measured
from tests.paths import ROOT
from tests.reports.support import FakeOracle, build_page, make_results, opener, without_scripts

ORACLE = FakeOracle("alpha")
STYLES = {"climber": {"color": "#0072B2", "linestyle": "-", "marker": "o"}}


def draw_stems(axes, frame, meta):
    axes.stem(frame["x"], frame["height"], basefmt=" ")


STEMS = FigureKind("stems", (2.0, 1.5), draw_stems, names="right")


def overhead(study: Study) -> Section:
    """Return a section of someone else: one figure of a kind of its own, one table, a sentence and a method."""
    frame = pd.DataFrame({"benchmark": ["alpha"] * 3, "x": [1.0, 2.0, 4.0], "height": [0.1, 1 / 3, 0.25]})
    meta = {"title": "Overhead", "caption": "Seconds & stems.", "alt": "Stems.", "x_label": "evaluations",
            "y_label": {"alpha": "seconds"}, "styles": STYLES, "left_out": {}}  # fmt: skip
    table = ReportTable("overhead", "Overhead table", "All of it.", frame, ("Benchmark", "Label"), (("alpha", "a"),))
    return Section(
        title="Overhead of strategies",
        sentences=(f"overhead: {len(study.labels)} strategies were timed.",),
        figures=(Exhibit("overhead-stems", "stems", frame, meta),),
        tables=(table,),
        methods=("Overhead. Measured with a clock.",),
    )


class Installed:
    """What other packages would register by entry points: providers of sections, kinds of figures."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.known: dict[tuple[str, str], object] = {}
        names, load = registry.names, registry.load
        patch.setattr(registry, "names", lambda kind: sorted([*names(kind), *(n for k, n in self.known if k == kind)]))
        patch.setattr(registry, "load", lambda *key: self.known[key] if key in self.known else load(*key))

    def __call__(self, kind: str, name: str, value: object) -> None:
        self.known[kind, name] = value


@pytest.fixture
def installed(monkeypatch):
    return Installed(monkeypatch)


def built(folder: Path) -> Path:
    """Build the page of two strategies with a verification beside the results."""
    archs = ORACLE.space.decode(np.arange(0, 200, 25, dtype=np.uint64))
    real = ORACLE.mean(archs, "valid_accuracy")[:, None] + np.array([-0.1, 0.0, 0.1])
    record.write(record.record_path(folder, "alpha"), measured(ORACLE, archs, real))
    results = replace(make_results([ORACLE], replicates=3, evaluations=8), folder=folder)
    return build_page(results, folder, opener(ORACLE), drawn=("overhead-stems",), explained=False)


def headings(text: str) -> list[str]:
    return re.findall(r"<h2[^>]*>(.*?)</h2>", without_scripts(text))


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    """Return a page with sections of others: one with everything, one with words alone, one with nothing to show."""
    with pytest.MonkeyPatch.context() as patch:
        install = Installed(patch)
        install("section", "overhead", overhead)
        install("section", "words", lambda study: Section("Only words", sentences=("words: so it is.",)))
        install("section", "zero", lambda study: None)
        install("figure", "stems", STEMS)
        return built(tmp_path_factory.mktemp("results"))


def test_a_section_of_someone_else_stands_on_the_page_in_order(page):
    text = page.read_text()
    assert headings(text) == [
        "In words", "Figures", "Tables", "Overhead of strategies", "Verification by real training", "Methods",
        "Best-practice checklist",
    ]  # fmt: skip
    part = text[text.index("<h2>Overhead") : text.index("<h2>Verification")]
    assert part.count("<svg") == 1
    assert "Seconds &amp; stems." in part
    assert "Overhead table" in part
    assert text.index("<b>Overhead.</b> Measured with a clock.") > text.index('<h2 id="methods">')
    assert text.index("<b>Overhead.</b>") < text.index("<b>Verification.</b> Final incumbents")
    for word in ("Figure", "Table"):
        numbers = [int(part.split(".")[0]) for part in text.split(f"<b>{word} ")[1:]]
        assert numbers == list(range(1, len(numbers) + 1))


def test_the_headline_has_the_sentences_of_all_sections_in_order(page):
    leads = re.findall(r"<li><strong>(.*?)</strong>(.*?)</li>", page.read_text())
    assert [lead for lead, _ in leads[-3:]] == ["overhead", "alpha, trained for real", "words"]
    assert leads[-3][1] == "2 strategies were timed."


def test_its_files_lie_beside_the_page_and_its_figure_is_drawn_again_from_them(page, installed):
    installed("figure", "stems", STEMS)
    figures = page.parent / "figures"
    assert {path.suffix for path in (page.parent / "tables").glob("overhead.*")} == {".csv", ".tex"}
    exhibit = Exhibit.read(figures, "overhead-stems")
    assert exhibit.kind == "stems"
    for file_format in FORMATS:
        assert rendered(draw(exhibit), file_format) == (figures / f"overhead-stems.{file_format}").read_bytes()


def test_the_page_knows_no_section_by_name():
    names = {path.name for path in (ROOT / "reports" / "sections").iterdir() if (path / "section.py").is_file()}
    assert {"verification", "deployments"} <= names
    for path in (ROOT / "reports" / "page").rglob("*.*"):
        if path.suffix in (".py", ".j2"):
            assert not [name for name in names if name in path.read_text().lower()], path


def test_two_parts_of_one_name_are_refused_before_anything_is_written(installed, tmp_path):
    table = ReportTable("rank", "T", "c", pd.DataFrame(), ("x",), (("1",),))
    installed("section", "double", lambda study: Section("Double", tables=(table,)))
    with pytest.raises(HarnessError, match="names of their own, got rank twice"):
        built(tmp_path)
    assert not (tmp_path / "report").exists()


def test_verification_is_registered_and_silent_where_nothing_was_verified():
    assert "verification" in registry.names("section")
    study = prepare(make_results([ORACLE], replicates=2, evaluations=6), opener(ORACLE))
    assert [part.title for part in sections(study)] == ["Architectures and why they won"]


@pytest.mark.parametrize(
    ("provider", "words"),
    [
        (lambda study: 1 / 0, "the section 'odd' failed: ZeroDivisionError: division by zero"),
        (lambda study: "text", "the section 'odd' must be a Section or None, got 'text'"),
    ],
)
def test_a_section_that_fails_is_named(provider, words, installed):
    installed("section", "odd", provider)
    with pytest.raises(HarnessError, match=words):
        sections(prepare(make_results([ORACLE], replicates=3, evaluations=8), opener(ORACLE)))
