"""The section: a part of a page with its figures, tables, sentences and methods, and the look-up of all sections."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness import registry
from harness.errors import HarnessError
from reports.figures.exhibit import Exhibit
from reports.figures.render import save
from reports.figures.second import Take, alone
from reports.study.study import Study
from reports.tables.report_table import ReportTable


@dataclass(frozen=True)
class Section:
    """A part of a page.

    A section of one's own is one line in a mapping from names to functions, and the mapping is a provider of the
    entry-point group ``harness.sections``.  The function is called with the `Study` and returns a Section, or None
    where it has nothing to show.  What it reads beside the runs lies in ``study.results.folder`` (None for results in
    memory).  No two figures or tables of a page have one name.

    Attributes
    ----------
    title : str
        Heading above its figures and tables.
    sentences : tuple of str
        What the headline says of it, each "lead: what was found"; a sentence without a colon is all lead.
    figures : tuple of Exhibit
    tables : tuple of ReportTable
    methods : tuple of str
        Paragraphs for Methods; a first sentence of up to eleven letters, "Verification.", is set in bold.
    notices : tuple of str
        What the first screen says before its verdict: of results that are not in its matrix.
    """

    title: str
    sentences: tuple[str, ...] = ()
    figures: tuple[Exhibit, ...] = ()
    tables: tuple[ReportTable, ...] = ()
    methods: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    def write(self, folder: Path, take: Take = alone) -> None:
        """Write ``figures/NAME.{pdf,svg,png,csv,json}`` of figures that are taken, and ``tables/NAME.{csv,tex}``."""
        for exhibit in self.figures:
            if take(exhibit.name):
                save(exhibit, folder / "figures")
        for table in self.tables:
            table.write(folder / "tables")


def sections(study: Study) -> list[Section]:
    """Return what the registered providers have to show of a study, in the order of their names.

    Raises
    ------
    HarnessError
        What a provider raises of its own (what lies beside the runs is damaged or belongs to another table); any other
        fault of a provider names its section.
    """
    parts = []
    for name in registry.names("section"):
        make = registry.load("section", name)
        try:
            part = make(study)
        except HarnessError:
            raise
        except Exception as error:
            raise HarnessError(f"the section '{name}' failed: {type(error).__name__}: {error}") from error
        if not isinstance(part, Section | None):
            raise HarnessError(f"the section '{name}' must be a Section or None, got {part!r}")
        parts += [part] if part else []
    return parts
