"""Marks, groups and escapes of tables, and numbers in words."""

from __future__ import annotations

import math

import pandas as pd

from reports.statistics.agreement import Mean
from reports.tables.numbers import NONE, mean_words, p_value, signed, three_digits
from reports.tables.report_table import BEST, TIED, ReportTable, tex


def test_table_marks_and_groups():
    table = ReportTable("t", "T", "c", pd.DataFrame(), ("Benchmark", "Strategy", "x"),
                  (("a", "s<1", "1"), ("a", "s2", "2"), ("b", "s1", "3")), {(0, 2): BEST, (1, 2): TIED})  # fmt: skip
    html, latex = table.to_html(), table.to_latex()
    assert "<strong>1</strong>" in html
    assert "<u>2</u>" in html
    assert "s&lt;1" in html
    assert html.count(">a<") == 1
    assert '<table class="grouped">' in html, "whose first column narrow screens show above the rows"
    assert '<th scope="row" data-group="a">s&lt;1<td>' in html
    assert html.count("data-group") == 2
    assert latex.count(r"\midrule") == 2
    assert r"\underline{2}" in latex
    assert tex("a \N{RIGHTWARDS ARROW} b") == r"a $\rightarrow$ b", "which LaTeX does not know as a letter"
    assert tex(r"a\b_c{d}^~|") == r"a\textbackslash{}b\_c\{d\}\textasciicircum{}\textasciitilde{}\textbar{}"


def test_an_interval_in_a_header_and_a_short_name_of_a_group_stay_in_one_line():
    cells = (("nb201-cifar10", "s", "1"), ("a benchmark of a long name", "s", "2"))
    html = ReportTable("t", "T", "c", pd.DataFrame(), ("Benchmark", "Strategy", "x [95 % CI]"), cells).to_html()
    assert "x [95&nbsp;%&nbsp;CI]" in html
    assert html.count('<td class="short">') == html.count('<td class="short">nb201-cifar10<th') == 1


def test_an_architecture_has_room_of_its_own_and_a_verdict_has_not():
    cell = "|none~0|+|none~0|none~1|+|none~0|none~1|nor_conv_1x1~2|"
    verdict = "inconclusive (120 seeds needed, in the table too)"
    html = ReportTable(
        "t", "T", "c", pd.DataFrame(), ("B", "P", "A", "V"), (("a", "b", cell, verdict),), text_columns=4
    )
    assert html.to_html().count('<td class="long">|none~0') == html.to_html().count('class="long"') == 1


def test_what_does_not_exist_is_a_dash_and_an_interval_is_left_out_where_there_is_none():
    assert three_digits(math.nan) == p_value(math.nan) == NONE
    assert mean_words(Mean(0.5, 0.25, 0.75)) == "+0.50 [+0.25, +0.75]"
    assert mean_words(Mean(0.5, math.nan, math.nan)) == signed(0.5) == "+0.50"
