"""The folder for LaTeX: a document that compiles, and the parts of it to take into one's own."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from reports.figures.exhibit import Exhibit
from reports.page.checklist import checklist
from reports.paper.references import HEAD, Reference, numbered, of_benchmarks, of_methods
from reports.sections.section import Section
from reports.study.study import Study
from reports.tables.report_table import ReportTable, tex

NAME = "paper"
DOCUMENT = "main.tex"
_PREAMBLE = r"""\documentclass{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage{graphicx}
\usepackage{booktabs}
\usepackage{adjustbox}
\usepackage[margin=2.5cm]{geometry}
"""
_MARKS = {"yes": r"[$\boxtimes$]", "no": r"[$\square$]", "author": "[author]"}


def write(study: Study, parts: Sequence[Section], folder: Path) -> Path:
    r"""Write a report for LaTeX, beside its figures and tables, and return the path of the document.

    Parameters
    ----------
    study : Study
    parts : sequence of Section
        Of the page, whose figures and tables lie in ``folder/figures`` and ``folder/tables`` already.
    folder : Path
        Of the report.

    Returns
    -------
    Path
        ``paper/main.tex``; beside it lie ``figures/NAME.{pdf,tex}`` and ``tables/NAME.tex``, floats with caption and
        label to ``\input``, ``results.tex``, ``methods.tex``, ``checklist.tex`` and ``references.bib``.
    """
    target = folder / NAME
    for kind in ("figures", "tables"):
        (target / kind).mkdir(parents=True)
    figures = [exhibit for section in parts for exhibit in section.figures]
    tables = [table for section in parts for table in section.tables]
    for exhibit in figures:
        shutil.copyfile(folder / "figures" / f"{exhibit.name}.pdf", target / "figures" / f"{exhibit.name}.pdf")
        _write(target / "figures" / f"{exhibit.name}.tex", figure_float(exhibit))
    for table in tables:
        _write(target / "tables" / f"{table.name}.tex", table_float(table))
    cited = {**of_benchmarks(study), **of_methods(study)}
    entries = numbered(one for listed in cited.values() for one in listed)
    _write(target / "references.bib", HEAD + "\n" + "\n".join(one.entry() for one in entries))
    _write(target / "results.tex", results(parts))
    _write(target / "methods.tex", methods(study, parts, entries))
    _write(target / "checklist.tex", checklist_items(study))
    _write(target / DOCUMENT, document(study, figures, tables))
    return target / DOCUMENT


def _write(path: Path, text: str) -> None:
    path.write_text(text.rstrip("\n") + "\n", encoding="utf-8")


def figure_float(exhibit: Exhibit) -> str:
    """Return a figure with its caption and label."""
    return "\n".join(
        [
            r"\begin{figure}[tbp]",
            r"\centering",
            rf"\includegraphics[width=\linewidth]{{figures/{exhibit.name}.pdf}}",
            rf"\caption{{{tex(str(exhibit.meta['caption']))}}}",
            rf"\label{{fig:{exhibit.name}}}",
            r"\end{figure}",
        ]
    )


def table_float(table: ReportTable) -> str:
    """Return a table with its caption above it, and its label; no wider than the page."""
    return "\n".join(
        [
            r"\begin{table}[tbp]",
            r"\centering",
            rf"\caption{{{tex(table.caption)}}}",
            rf"\label{{tab:{table.name}}}",
            r"\begin{adjustbox}{max width=\linewidth}",
            table.to_latex().rstrip("\n"),
            r"\end{adjustbox}",
            r"\end{table}",
        ]
    )


def results(parts: Sequence[Section]) -> str:
    """Return the sentences of the headline, a paragraph each."""
    return "\n\n".join(tex(sentence) for section in parts for sentence in section.sentences)


def methods(study: Study, parts: Sequence[Section], entries: Sequence[Reference]) -> str:
    """Return the methods: what was compared on what, with its references, and how."""
    keys = {one.title.partition(":")[0]: one.key for one in entries}
    lines = [
        rf"\paragraph{{Benchmarks}} {_cited(of_benchmarks(study), keys)}.",
        rf"\paragraph{{Strategies}} {_cited(of_methods(study), keys)}.",
    ]
    for paragraph in (text for section in parts for text in section.methods):
        lead, _, rest = paragraph.partition(". ")
        lines.append(rf"\paragraph{{{tex(lead)}}} {tex(rest)}")
    return "\n\n".join(lines)


def _cited(named: Mapping[str, Sequence[Reference]], keys: Mapping[str, str]) -> str:
    said = []
    for name, listed in named.items():
        cites = ",".join(dict.fromkeys(keys[one.title.partition(":")[0]] for one in listed if _known(one, keys)))
        said.append(tex(name) + (rf"~\cite{{{cites}}}" if cites else ""))
    return ", ".join(said)


def _known(one: Reference, keys: Mapping[str, str]) -> bool:
    return one.title.partition(":")[0] in keys


def checklist_items(study: Study) -> str:
    """Return the best-practice checklist, filled as far as results can fill it."""
    items = [
        rf"\item{_MARKS[item.state]} \textbf{{{tex(item.demand)}.}} {tex(item.answer)}" for item in checklist(study)
    ]
    return "\n".join([r"\begin{itemize}", *items, r"\end{itemize}"])


def document(study: Study, figures: Sequence[Exhibit], tables: Sequence[ReportTable]) -> str:
    """Return the document that inputs all parts."""
    floats = [rf"\input{{figures/{exhibit.name}.tex}}" for exhibit in figures]
    floats += [rf"\input{{tables/{table.name}.tex}}" for table in tables]
    return "\n".join(
        [
            _PREAMBLE.rstrip("\n"),
            r"\usepackage{amssymb}",
            rf"\title{{{tex(study.spec.name)}}}",
            r"\author{}",
            r"\begin{document}",
            r"\maketitle",
            r"\section{Results}",
            r"\input{results.tex}",
            *floats,
            r"\clearpage",
            r"\section{Methods}",
            r"\input{methods.tex}",
            r"\section{Best-practice checklist}",
            "Lindauer and Hutter, JMLR 21, 2020; items marked `author' are not known to the program.",
            r"\input{checklist.tex}",
            r"\nocite{*}",
            r"\bibliographystyle{plain}",
            r"\bibliography{references}",
            r"\end{document}",
        ]
    )
