"""Results and their page in a notebook."""

from __future__ import annotations

import html
import re

import numpy as np

from reports.page.notebook import report
from tests.reports.support import FakeOracle, make_results, opener


def test_results_show_the_median_of_what_was_told():
    oracle = FakeOracle("alpha <1>")
    results = make_results([oracle], ("random_search", "<b>keen"), replicates=3, evaluations=10)
    shown = results._repr_html_()
    assert "<b>" not in shown
    objective = results.benchmarks["alpha <1>"].objectives[0]
    told = [objective.to_published(run.trace.objectives[:, 0]) for run in results.of("alpha <1>", "random_search")]
    best = [float(values.max()) for values in told]
    cells = re.findall(r"<td>(.*?)</td>", shown)
    assert len(cells) == 2
    assert float(cells[0]) == float(f"{np.median(best):.6g}")


def test_the_page_is_written_and_shown_in_a_frame(tmp_path):
    oracle = FakeOracle("alpha", test=False)
    results = make_results([oracle], ("random_search",), replicates=1, evaluations=3)
    page = report(results, tmp_path / "page", open_oracle=opener(oracle))
    assert page.path == tmp_path / "page" / "index.html"
    framed = re.search(r'srcdoc="([^"]*)"', page._repr_html_())
    assert html.unescape(framed[1]) == page.path.read_text(encoding="utf-8")
