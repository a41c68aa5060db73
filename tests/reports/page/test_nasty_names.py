"""Names that would break a file, steer a terminal or compute in a spreadsheet: a page shows them and nothing breaks."""

from __future__ import annotations

import html
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.benchmark import Column
from harness.printable import guarded, printable, unguarded
from reports.figures.exhibit import Exhibit
from reports.figures.render import draw, rendered
from reports.figures.style import shown_name
from reports.study.naming import told_apart
from reports.study.study import prepare
from reports.tables.report_table import tex
from tests.reports.support import FakeOracle, build_page, make_results, opener

LABELS = (
    "random_search",
    "$\\frac{1$ $",
    "a\x1b[31mred",
    "a\\x1b[31mred",  # as the one before is shown
    "\x00 nul \ufffe lone \udc80 \u202eturned",
    "two\nlines\tand a tab",
    '<b>bold</b> & "x" id="1" <!-- c --> ]]> url(#a)',
    "=1+1",
    "-2+3",
    "\t@sum",
    "[opt] * \\input{x} 100% a_b ^~#",
    "日本語 👩\u200d💻 naïve",
    "best by validation",
    "x" * 300,
)


class Nasty(FakeOracle):
    """A table whose own name and unit are no better."""

    def __init__(self) -> None:
        super().__init__("alpha", test=False)
        self.columns["valid_accuracy"] = Column("valid_accuracy", "$\\bad{ \x1b <i>%", "maximise", "x-valid")


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    oracle = Nasty()
    results = make_results([oracle], LABELS, replicates=2, evaluations=4)
    oracle.name = "$alpha$ \x1b]0;x\x07 <script> \\beta_{"
    return build_page(results, tmp_path_factory.mktemp("nasty"), lambda _: oracle)


def parsed_xml(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text.encode())  # noqa: S314  # written a moment ago


def test_every_drawing_is_xml_and_every_file_can_be_shown(page):
    drawings = list(page.parent.rglob("*.svg"))
    assert len(drawings) >= 4
    for path in drawings:
        parsed_xml(path.read_text(encoding="utf-8"))
    text = page.read_text(encoding="utf-8")
    inline = re.findall(r"<svg .*?</svg>", re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL), re.DOTALL)
    assert len(inline) >= 4
    for drawing in inline:
        parsed_xml(drawing)
    for path in page.parent.rglob("*.*"):
        if path.suffix in (".html", ".md", ".tex", ".csv", ".json", ".svg"):
            lines = path.read_text(encoding="utf-8").split("\n")
            assert all(printable(line) == line for line in lines), path


def test_the_page_shows_every_label_and_runs_none_of_them(page):
    text = page.read_text(encoding="utf-8")
    assert text.count("<script") == text.count("</script>"), "a name opened one more"
    text = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    assert not re.search(r"<(script|b>bold|i>)", text)
    text = text.replace("<wbr>", "")
    shown = html.unescape(re.sub(r"<[^>]+>", " ", re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)))
    names = told_apart(LABELS)
    assert len(set(names)) == len(LABELS)
    assert names[3] == "a\\x1b[31mred (2)"
    assert names[12] == "best by validation (2)"
    for name in names:
        assert name in shown
    ids = re.findall(r'\bid="([^"]+)"', re.sub(r">[^<]*<", "><", text))
    assert len(ids) == len(set(ids))


def test_spreadsheets_compute_no_cell_and_numbers_stay_numbers(page):
    for path in page.parent.rglob("*.csv"):
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        for column in frame.columns:
            for cell in frame[column]:
                assert not re.match(r"[=+@\t\r]", cell), (path, cell)
                assert not cell.startswith("-") or float(cell) < 0
    pairs = pd.read_csv(page.parent / "tables" / "pairwise-validation.csv")
    assert pd.api.types.is_numeric_dtype(pairs["effect"])
    assert pairs["effect"].min() < 0
    assert "'=1+1" in set(pairs["a"])
    exhibit = Exhibit.read(page.parent / "figures", "validation-regret-evaluations")
    assert "=1+1" in set(exhibit.frame["series"])
    written = (page.parent / "figures" / f"{exhibit.name}.svg").read_bytes()
    assert rendered(draw(exhibit), "svg") == written


def test_latex_escapes_everything(page):
    for path in page.parent.rglob("*.tex"):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert all(line.startswith("%") for line in lines[:2])
        body = "\n".join(lines[2:])
        assert balanced(body)
        rows = [line for line in lines if line.endswith(r"\\")]
        assert len({len(re.findall(r"(?<!\\)&", row)) for row in rows}) == 1
        for row in rows:
            assert not re.match(r"\s*[\[*]", row), "an option of the row above"
            left = re.sub(
                r"\\(text\w+|underline|pm|dagger|infty|[&%$#_{}\\])|\$(-|<|>|\\pm|\^\\dagger|\\infty|\\rightarrow)\$",
                "",
                row,
            )
            assert not re.search(r"[\\$#%^~_]", left), left


def balanced(text: str) -> bool:
    depth = 0
    for brace in re.findall(r"\\.|[{}]", text):
        depth += {"{": 1, "}": -1}.get(brace, 0)
        if depth < 0:
            return False
    return depth == 0


anything = st.text(alphabet=st.characters(codec=None), max_size=40)


@given(anything)
def test_whatever_a_text_holds_its_printable_form_is_one_line_of_xml(text):
    shown = printable(text)
    assert printable(shown) == shown
    assert "\n" not in shown
    assert (parsed_xml(f"<a>{html.escape(shown)}</a>").text or "") == shown
    assert printable(shown_name(text).replace("\n", "")) == shown_name(text).replace("\n", "")
    assert shown_name(text).count("\n") < 8
    assert balanced(tex(text))


@given(st.text(alphabet="=+-@'a1", max_size=5))
def test_a_guarded_text_is_read_back(text):
    written = guarded(text)
    assert unguarded(str(written)) == text
    assert not str(written).startswith(("=", "+", "-", "@"))


def test_long_names_keep_their_begin_and_their_end():
    names = ["a strategy with a very long name " + "of many words " * 9 + end for end in ("one", "two")]
    shown = [shown_name(name) for name in names]
    assert shown[0] != shown[1]
    assert max(len(line) for name in shown for line in name.split("\n")) <= 20


def test_results_of_before_are_reported_whatever_they_are_called():
    oracle = FakeOracle("alpha", test=False)
    results = make_results([oracle], ("random_search", "a\x1b"), replicates=2, evaluations=3)
    study = prepare(results, opener(oracle))
    assert study.labels == ("random_search", "a\\x1b")
    assert study.resampler.digest == prepare(replace(results), opener(oracle)).resampler.digest
    assert study.resampler.spec is results.spec, "bands do not depend on how a label is shown"
