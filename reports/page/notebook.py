"""The report of results in a notebook: the same page, written to a folder and shown in a frame."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path

from harness import registry
from harness.experiments.results import Results
from reports.archive.file import find, read_archive
from reports.archive.section import section
from reports.archive.together import together
from reports.page.build import placed, write_study
from reports.sections.section import sections
from reports.study.opening import OpenOracle
from reports.study.study import prepare

HEIGHT = 800
"""Of the frame, in pixels."""


@dataclass(frozen=True)
class Page:
    """A page that was written; a notebook shows it.

    Attributes
    ----------
    path : Path
        Of ``index.html``; figures and tables lie beside it.
    """

    path: Path

    def _repr_html_(self) -> str:
        text = escape(self.path.read_text(encoding="utf-8"), quote=True)
        return f'<iframe srcdoc="{text}" style="width: 100%; height: {HEIGHT}px; border: 0"></iframe>'


def report(
    results: Results,
    out: str | Path | None = None,
    *,
    against: Sequence[str] = (),
    open_oracle: OpenOracle = registry.oracle,
) -> Page:
    """Write the report of results; see `reports.page.build.build`.

    Parameters
    ----------
    results : Results
        Of `harness.run` or `harness.read_results`, without missing shards.
    out : path, optional
        Folder of the report; the default is a new one among temporary files.
    against : sequence of str
        Archives whose strategies are compared with those of the results, by name or path.
    open_oracle : callable
        Opens the held-out truth of a benchmark by name.

    Raises
    ------
    ResultError
        If runs are missing or may not be compared, or `out` holds something else than an earlier report.
    """
    found = together(results, [read_archive(find(name)) for name in against])
    study = prepare(found.results, open_oracle)
    parts = [*filter(None, [section(found, study)]), *sections(study)]
    target = Path(tempfile.mkdtemp(prefix="nas-harness-")) / "report" if out is None else Path(out)
    return Page(placed(target, partial(write_study, study, parts), lambda what: None))
