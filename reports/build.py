"""The report of an experiment: one self-contained page, and beside it every figure and table as files."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness import registry
from harness.store import read_results
from reports import narrative
from reports.comparisons import pairwise
from reports.contents import tables
from reports.exhibits import Exhibit, exhibits
from reports.figures import inline_svg, save
from reports.provenance import budget_words, describe_benchmark, sources
from reports.study import Study, prepare
from reports.tables import Table
from reports.truth import OpenOracle

PAGE = "index.html"


def build(
    folder: str | Path,
    out: str | Path | None = None,
    *,
    allow_missing: bool = False,
    open_oracle: OpenOracle = registry.oracle,
) -> Path:
    """Write the report of an experiment and return the path of its page.

    Everything is written to a temporary folder first, so that an earlier report is replaced whole or not at all.

    Parameters
    ----------
    folder : path
        Results of `run`.
    out : path, optional
        Where the report goes; the default is ``report`` in `folder`.
    allow_missing : bool
        Report an incomplete experiment; missing runs are left out, and in tables also given the worst value.
    open_oracle : callable
        Opens the held-out truth of a benchmark by name.

    Returns
    -------
    Path
        Of ``index.html``; beside it lie ``figures/NAME.{pdf,svg,png,csv,json}``, ``tables/NAME.{csv,tex}`` and
        ``checklist.md``.

    Raises
    ------
    ResultError
        If results are missing, damaged, of another table, or may not be compared.
    """
    folder = Path(folder)
    study = prepare(read_results(folder), open_oracle, allow_missing=allow_missing)
    target = Path(out) if out is not None else folder / "report"
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".report.", dir=target.parent) as temporary:
        _write(study, Path(temporary))
        target.mkdir(exist_ok=True)
        for part in sorted(Path(temporary).iterdir(), key=lambda path: path.name == PAGE):  # the page comes last
            if part.is_dir():
                shutil.rmtree(target / part.name, ignore_errors=True)
            part.replace(target / part.name)
    return target / PAGE


def _write(study: Study, folder: Path) -> None:
    comparisons = pairwise(study)
    shown = exhibits(study, comparisons)
    made = tables(study, comparisons)
    for exhibit in shown:
        save(exhibit, folder / "figures")
    for table in made:
        table.write(folder / "tables")
    (folder / "checklist.md").write_text(narrative.checklist_markdown(study), encoding="utf-8")
    (folder / PAGE).write_text(_page(study, shown, made, narrative.headline(study, comparisons),
                                     narrative.warnings(study, comparisons)), encoding="utf-8")  # fmt: skip


def _page(study: Study, shown: list[Exhibit], made: list[Table], headline: list[str], warnings: list[str]) -> str:
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    figures = [
        {
            "name": exhibit.name,
            "meta": exhibit.meta,
            "panels": [Markup(inline_svg(exhibit, panel)) for panel in exhibit.panels],  # noqa: S704  # our own drawing
        }
        for exhibit in shown
    ]
    return environment.get_template("page.html.j2").render(
        spec=study.spec,
        benchmarks=[item.name for item in study.aligned],
        budget=budget_words(study.spec),
        headline=[_lead(sentence) for sentence in headline],
        warnings=warnings,
        figures=figures,
        reasons=narrative.missing_reasons(study),
        tables=[{"table": table, "html": Markup(table.to_html())} for table in made],  # noqa: S704  # escaped there
        methods=[paragraph.split(". ", 1) for paragraph in narrative.methods(study)],
        checklist=narrative.checklist(study),
        sources=sources(study, describe_benchmark),
    )


def _lead(sentence: str) -> tuple[str, str]:
    """Split "benchmark: what was found" at its colon."""
    lead, _, rest = sentence.partition(": ")
    return lead, rest
