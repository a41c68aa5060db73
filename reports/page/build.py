"""The report of an experiment: one self-contained page, and beside it every figure and table as files."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness import registry
from harness.errors import HarnessError, ResultError
from harness.experiments.families import KIND as SCALING
from harness.experiments.manifest import MANIFEST, read_manifest, refuse_file
from harness.experiments.prediction import KIND as PREDICTION
from harness.experiments.results import read_results
from harness.files.whole import locked
from harness.printable import counted, printable_lines
from reports.archive.file import find, read_archive
from reports.archive.section import section as archived
from reports.archive.together import together
from reports.figures.exhibit import Exhibit
from reports.figures.inline import UNIT, Sheet
from reports.figures.night import by_night
from reports.figures.render import inline_panels, kind_of
from reports.figures.second import Take, drawn_beside
from reports.given import report as elsewhere
from reports.given.read import Given
from reports.given.tables import comparisons
from reports.page import narrative, supernets
from reports.page.checklist import checklist, checklist_markdown
from reports.page.comparison import comparison, figures
from reports.page.explorer import explorer
from reports.page.first_screen import first_screen
from reports.page.packed import Packed
from reports.predictors import report as predictors
from reports.predictors.results import Evaluated, read_evaluated
from reports.sections.section import Section, sections
from reports.study.comparisons import pairwise
from reports.study.joined import joined
from reports.study.opening import OpenOracle
from reports.study.provenance import SOURCE_FACTS, budget_words, sources
from reports.study.study import Study, prepare
from reports.study.wording import constraint_words, notices
from reports.supernets.results import SupernetResults, read_supernets
from reports.supernets.section import sections_of
from reports.tables.matrix import FirstScreen
from reports.tables.report_table import breakable

if TYPE_CHECKING:
    from reports.scaling.results import Scalings

PAGE = "index.html"
MARKER = "checklist.md"
"""Says that a folder holds a report: every report has one."""
Beside = Callable[[Study, Sequence[Section], Path], object]
Writer = Callable[[Path, Callable[[str], None]], None]
"""Writes a report into a folder, and says what it does now."""


def build(
    folder: str | Path | Sequence[str | Path],
    out: str | Path | None = None,
    *,
    allow_missing: bool = False,
    open_oracle: OpenOracle = registry.oracle,
    on_step: Callable[[str], None] = lambda what: None,
    beside: Beside | None = None,
    against: Sequence[str] = (),
) -> Path:
    """Write the report of an experiment and return the path of its page.

    Everything is written to a temporary folder first and moved into place, the page last.

    Parameters
    ----------
    folder : path, or sequence of paths
        Results of `run`; several, of one protocol, are reported together.  None of them, where archives are given.
    out : path, optional
        Where the report goes; the default is ``report`` in `folder`.  Several folders need one, and none.
    allow_missing : bool
        Report an incomplete experiment; missing runs are left out, and in tables also given the worst value.
    open_oracle : callable
        Opens the held-out truth of a benchmark by name.
    on_step : callable
        Told what is done now, in words.
    beside : callable, optional
        Writes more of a report of searches, from its study and its parts, into its folder; refused of others.
    against : sequence of str
        Archives whose strategies are compared with those of the results, by name or path; see `reports.archive`.

    Returns
    -------
    Path
        Of ``index.html``; beside it lie ``figures/NAME.{pdf,svg,png,csv,json}``, ``tables/NAME.{csv,tex}`` and
        ``checklist.md``.

    Raises
    ------
    ResultError
        If results are missing, damaged, of another table, or may not be compared, or if `out` holds something else
        than an earlier report.
    """
    folders = [Path(folder)] if isinstance(folder, str | Path) else [Path(one) for one in folder]
    if out is None and len(folders) != 1:
        what = "several folders" if folders else "an archive alone"
        raise ResultError(f"`out` must say where the report of {what} goes, got none; give --out FOLDER")
    for one in folders:
        refuse_file(one)
    target = folders[0] / "report" if out is None else Path(out)
    _refuse_foreign(target)
    on_step(f"reading {', '.join(map(str, [*folders, *against]))}")
    return placed(target, _writer(folders, open_oracle, beside, against, allow_missing=allow_missing), on_step)


def build_given(given: Given, out: str | Path, *, on_step: Callable[[str], None] = lambda what: None) -> Path:
    """Write the report of final values from elsewhere and return the path of its page; as `build`."""
    return placed(Path(out), partial(_write_given, given), on_step)


def placed(target: Path, write: Writer, on_step: Callable[[str], None]) -> Path:
    """Have a report written to a temporary folder, move it into place, and return the path of its page.

    Raises
    ------
    ResultError
        If `target` holds something else than an earlier report, or another is being written there.
    """
    _refuse_foreign(target)
    prefix = f".{target.name}.part-"
    with (
        locked(target.with_name(f".{target.name}-lock"), wait=False) as held,
        tempfile.TemporaryDirectory(prefix=prefix, dir=target.parent) as temporary,
    ):
        if not held:
            raise ResultError(f"another report is being written to '{target}'; wait for it, or give another folder")
        for left in set(target.parent.glob(f"{prefix}*")) - {Path(temporary)}:
            shutil.rmtree(left, ignore_errors=True)  # of a report that was killed
        try:
            write(Path(temporary), on_step)
        except OSError as error:
            error.filename = error.filename or str(target)  # a full disk is told without a name
            raise
        target.mkdir(exist_ok=True)
        for part in sorted(Path(temporary).iterdir(), key=lambda path: path.name == PAGE):  # the page comes last
            if part.is_dir():
                shutil.rmtree(target / part.name, ignore_errors=True)
            part.replace(target / part.name)
    return target / PAGE


def _refuse_foreign(target: Path) -> None:
    """Refuse to write over files that are not ours: figures and tables of an earlier report are removed."""
    there = next(path for path in (target, *target.absolute().parents) if path.exists() or path.is_symlink())
    if not there.is_dir():
        raise ResultError(f"`out` must name a folder, and '{there}' is none, got '{target}'")
    if target.is_dir() and any(target.iterdir()) and not (target / MARKER).exists():
        raise ResultError(f"`out` must name a new or empty folder, or that of an earlier report, got '{target}'")


def _writer(
    folders: Sequence[Path],
    open_oracle: OpenOracle,
    beside: Beside | None,
    against: Sequence[str],
    *,
    allow_missing: bool,
) -> Writer:
    """Read results and return what writes their report into a folder."""
    if len(folders) == 1 and not against and (folders[0] / MANIFEST).exists():
        folder = folders[0]
        kind = read_manifest(folder).spec.kind
        if kind == PREDICTION:
            _refuse_beside(beside, "learners")
            results = read_evaluated(folder, open_oracle, allow_missing=allow_missing)
            return partial(_write_evaluated, results)
        if kind == SCALING:
            _refuse_beside(beside, "sizes of networks")
            from reports.scaling.results import read_scalings  # imports torch, which takes a second

            return partial(_write_scalings, read_scalings(folder, allow_missing=allow_missing))
        if alone := _supernets_alone(folder, open_oracle, allow_missing=allow_missing):
            _refuse_beside(beside, "one-shot methods alone")
            return partial(_write_supernets, alone, folder)
    archives = [read_archive(find(name)) for name in against]
    own = joined([read_results(one) for one in folders]) if folders or not archives else None
    found = together(own, archives)
    study = prepare(found.results, open_oracle, allow_missing=allow_missing)
    return partial(_write, study, archived(found, study), beside)


def _refuse_beside(beside: Beside | None, what: str) -> None:
    if beside is not None:
        raise ResultError(f"a folder for papers is written of searches, and these are results of {what}")


def _write(
    study: Study, first: Section | None, beside: Beside | None, folder: Path, on_step: Callable[[str], None]
) -> None:
    write_study(study, [*filter(None, [first]), *sections(study)], folder, on_step, beside=beside)


def write_study(
    study: Study,
    further: Sequence[Section],
    folder: Path,
    on_step: Callable[[str], None],
    *,
    title: str = "",
    name: str = "",
    beside: Beside | None = None,
) -> None:
    """Write the page of a study, its checklist, and all figures and tables.

    Parameters
    ----------
    study : Study
    further : sequence of Section
        What comes after the comparison of strategies.
    folder : Path
    on_step : callable
    title, name : str
        Those of its experiment where none are given.
    beside : callable, optional
        Writes more beside the page, from the study and the parts of its page.
    """
    on_step("comparing strategies")
    comparisons = pairwise(study)
    shown = figures(study, comparisons)
    with _drawn([*shown, *_figures(further)], folder) as take:  # the other numbers are found meanwhile
        explored = explorer(study, comparisons, {exhibit.name: exhibit.frame for exhibit in shown})
        main = comparison(study, comparisons, shown)
        first = first_screen(study, comparisons, {table.name: table.frame for table in main.tables})
        parts = [main, *further]
        _write_parts(parts, folder, on_step, take)
    (folder / MARKER).write_text(printable_lines(checklist_markdown(study)), encoding="utf-8")
    if beside is not None:
        beside(study, parts, folder)
    page = _page(study, parts, first, folder, explored, narrative.warnings(study, comparisons), title, name)
    (folder / PAGE).write_text(printable_lines(page), encoding="utf-8")


def _write_evaluated(results: Evaluated, folder: Path, on_step: Callable[[str], None]) -> None:
    _write_alone(
        predictors.sections(results),
        predictors.first_screen(results),
        folder,
        on_step,
        no_checklist=predictors.NO_CHECKLIST,
        title=_on(counted(len(results.spec.strategies), "learner"), len(results.facts)),
        facts=predictors.facts_words(results),
        warnings=predictors.warnings(results),
        sources=predictors.sources(results),
        name=results.spec.name,
    )


def _supernets_alone(folder: Path, open_oracle: OpenOracle, *, allow_missing: bool) -> SupernetResults | None:
    """Return the results of a folder where all of them are of one-shot methods."""
    if not (folder / MANIFEST).exists():
        return None
    results = read_supernets(folder, open_oracle, allow_missing=allow_missing)
    return None if results is None or any(panel.searches for panel in results.panels) else results


def _write_supernets(results: SupernetResults, source: Path, folder: Path, on_step: Callable[[str], None]) -> None:
    benchmarks = {panel.truth.name for panel in results.panels}
    _write_alone(
        sections_of(results, source),
        supernets.first_screen(results),
        folder,
        on_step,
        no_checklist=supernets.NO_CHECKLIST,
        title=_on(counted(len(results.labels), "one-shot method"), len(benchmarks)),
        facts=supernets.facts_words(results),
        warnings=supernets.warnings(results),
        sources=supernets.sources(results),
        name=results.spec.name,
    )


def _write_scalings(results: Scalings, folder: Path, on_step: Callable[[str], None]) -> None:
    from reports.scaling import report as scaling  # as above

    _write_alone(
        scaling.sections(results),
        scaling.first_screen(results),
        folder,
        on_step,
        no_checklist=scaling.NO_CHECKLIST,
        title=_on(counted(len(results.spec.strategies), "family of sizes", "families of sizes"), len(results.panels)),
        facts=scaling.facts_words(results),
        warnings=scaling.warnings(results),
        sources=scaling.sources(results),
        name=results.spec.name,
    )


def _write_given(given: Given, folder: Path, on_step: Callable[[str], None]) -> None:
    on_step("comparing strategies")
    found = comparisons(given)
    _write_alone(
        elsewhere.sections(given, found),
        elsewhere.first_screen(given, found),
        folder,
        on_step,
        no_checklist=elsewhere.NO_CHECKLIST,
        title=_on(counted(len(given.strategies), "strategy", "strategies"), len(given.benchmarks)),
        facts=elsewhere.facts_words(given),
        warnings=elsewhere.warnings(given),
        sources=[],
        name=given.name,
    )


def _on(what: str, benchmarks: int) -> str:
    return f"{what} on {counted(benchmarks, 'benchmark')}"


def _write_alone(
    parts: Sequence[Section],
    first: FirstScreen,
    folder: Path,
    on_step: Callable[[str], None],
    *,
    no_checklist: str,
    **words: Any,
) -> None:
    """Write the page of what is no study of searches: without explorer, constraints, and a checklist; it says why."""
    with _drawn(_figures(parts), folder) as take:
        _write_parts(parts, folder, on_step, take)
    (folder / MARKER).write_text(f"{no_checklist}\n", encoding="utf-8")
    page = _rendered(parts, first, folder, constraints="", notices=[], explorer="", reasons=[], checklist=[], **words)
    (folder / PAGE).write_text(printable_lines(page), encoding="utf-8")


def _drawn(exhibits: Sequence[Exhibit], folder: Path) -> AbstractContextManager[Take]:
    return drawn_beside(exhibits, folder / "figures")


def _figures(parts: Sequence[Section]) -> list[Exhibit]:
    return [exhibit for section in parts for exhibit in section.figures]


def _write_parts(parts: Sequence[Section], folder: Path, on_step: Callable[[str], None], take: Take) -> None:
    """Write figures and tables of all parts as files."""
    _refuse_doubles(parts)
    for section in parts:
        on_step(f"drawing {section.title}")
        section.write(folder, take)
    on_step("writing the page")


def _refuse_doubles(parts: Sequence[Section]) -> None:
    """Refuse two parts of one name: they are one file and one anchor."""
    names = [exhibit.name for exhibit in _figures(parts)]
    names += [table.name for section in parts for table in section.tables]
    doubles = sorted({name for name in names if names.count(name) > 1})
    if doubles:
        raise HarnessError(f"figures and tables of a page must have names of their own, got {', '.join(doubles)} twice")


def _page(
    study: Study,
    parts: Sequence[Section],
    first: FirstScreen,
    folder: Path,
    explored: Markup,
    warnings: list[str],
    title: str,
    name: str,
) -> str:
    spec, benchmarks = study.spec, [item.name for item in study.aligned]
    strategies = counted(len(spec.strategies), "strategy", "strategies")
    return _rendered(
        parts,
        first,
        folder,
        title=title or f"{strategies} on {counted(len(benchmarks), 'benchmark')}",
        facts=[
            f"{budget_words(spec)} each, {counted(spec.replicates, 'replicate')}.",
            f"Benchmarks: {', '.join(benchmarks)}.",
            f"Strategies: {', '.join(study.labels)}.",
        ],
        constraints=constraint_words(study),
        notices=[*notices(study), *(text for part in parts for text in part.notices)],
        warnings=warnings,
        explorer=explored,
        reasons=narrative.missing_reasons(study),
        checklist=checklist(study),
        sources=sources(study),
        name=name or spec.name,
    )


def _rendered(parts: Sequence[Section], first: FirstScreen, folder: Path, **words: Any) -> str:
    """Return the page of parts, whose files lie in a folder; the first has no heading of its own."""
    environment = Environment(
        loader=PackageLoader("reports.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"broken": _broken, "percent": _percent, "plain": _plain}
    figure_numbers, table_numbers = count(1), count(1)
    sheet, packed, drawn = Sheet(), Packed(), folder / "figures"
    main, *others = (
        {
            "title": section.title,
            "figures": [_figure(exhibit, next(figure_numbers), sheet, packed, drawn) for exhibit in section.figures],
            "tables": [
                {"table": table, "html": Markup(table.to_html()), "number": next(table_numbers)}  # noqa: S704  # escaped there
                for table in section.tables
            ],
        }
        for section in parts
    )
    return environment.get_template("page.html.j2").render(
        **words,
        first=first,
        colors=Markup(_colors(first)),  # noqa: S704  # six hexadecimal digits each
        headline=[sentence.partition(": ")[::2] for section in parts for sentence in section.sentences],
        comparison=main,
        sections=others,
        methods=[paragraph.split(". ", 1) for section in parts for paragraph in section.methods],
        drawn=Markup(sheet.css()),  # noqa: S704  # styles of our own drawing
        marks=Markup(sheet.marks()),  # noqa: S704  # as above
        unit=UNIT,
        source_facts=SOURCE_FACTS,
    )


def _broken(text: str) -> Markup:
    return Markup(breakable(text))  # noqa: S704  # escaped there


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%"


def _plain(number: float) -> str:
    """Return a number for scripts, "" for one that is unknown."""
    return f"{number:.6g}" if np.isfinite(number) else ""


def _colors(first: FirstScreen) -> str:
    """Return the colours of strategies as variables of the style sheet, by day and by night."""
    colors = first.matrix.colors if first.matrix else ()
    pairs = (
        f"--s{place}: {color}; --s{place}: light-dark({color}, {by_night(color)});"
        for place, color in enumerate(colors)
    )
    return f":root {{ {' '.join(pairs)} }}"


def _figure(exhibit: Exhibit, number: int, sheet: Sheet, packed: Packed, folder: Path) -> dict[str, Any]:
    legend, panels = inline_panels(exhibit, sheet, folder)
    return {
        "name": exhibit.name,
        "meta": exhibit.meta,
        "legend": Markup(legend),  # noqa: S704  # our own drawing
        "panels": list(map(Markup, panels)),
        "wide": len(panels) == 1 and kind_of(exhibit.kind).widens,
        "csv": packed.add(exhibit.frame),
        "number": number,
    }
