"""The audit of a table: what each column really is, what is there, what is wrong and what a search can reach.

An audit states; it changes nothing.  What is found has a severity: a fault is wrong, a caution must be known before the
table is used, a fact is so.  Public extracts (CSV, NPZ, JSON) are audited as what they are, in `extracts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from benchmarks_data import files, provider
from benchmarks_data.audit.checks import (
    copies,
    costs,
    curves,
    noise,
    numbering,
    optimum,
    rows,
    scales,
    sources,
    splits,
    times,
    values,
)
from benchmarks_data.audit.columns import column_facts, schedule_facts
from benchmarks_data.audit.extracts.audit import audit_extract
from benchmarks_data.audit.extracts.files import SUFFIXES
from benchmarks_data.audit.findings import SEVERITIES, Audit, Finding
from benchmarks_data.audit.subject import Subject
from benchmarks_data.catalogue.entries import Entry, Protocol, entries
from benchmarks_data.file import layout, protocol, recorded
from benchmarks_data.files import Progress, on_terminal
from harness.errors import HarnessError, TableError, typed, unknown
from harness.names import read

CHECKS: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    sources.notes,
    splits.named,
    copies.copies,
    splits.curves,
    scales.scales_and_directions,
    numbering.functions,
    numbering.nothing_computed,
    rows.rows,
    rows.trainings,
    rows.duplicates,
    values.gaps,
    values.constants,
    costs.costs,
    times.times,
    optimum.optimum,
    noise.noise,
    optimum.floor,
    values.ties,
    curves.ends,
)
"""In the order in which findings of one severity are told."""


def audit(name: str | Path, *, progress: Progress = on_terminal) -> Audit:
    """Look at all of a table or of a public extract.

    Parameters
    ----------
    name : str or Path
        A table of the catalogue; the path of a table (``.h5``); or that of an extract, see `extracts.files.read`.
    progress : callable
        Told how it goes; see `benchmarks_data.files.Progress`.

    Raises
    ------
    HarnessError
        If nothing has that name.
    TableError
        If the table is not there, or is damaged.
    """
    text = str(name)
    known = read(text).key.partition(protocol.MARK)[0]
    provider.check_rows(known if read(text).path is None else text)
    if known in entries():
        under = provider.protocol_of(text)
        path = provider.ensure(known, progress=progress)
        result = audit_table(
            path, entries()[known], siblings=_siblings(path, entries()[known], progress), progress=progress
        )
        return result if under is None else _under(result, under, text)
    if provider.PROVIDER.reads(Path(text)):
        layout.check_content(Path(text))
        return audit_table(Path(text), None, siblings={}, progress=progress)
    if Path(text).suffix.lower() in SUFFIXES:
        return _extract(Path(text))
    if read(text).path is None:
        raise HarnessError(unknown("table", text, entries()))
    readable = ", ".join([recorded.SUFFIX, *SUFFIXES])
    raise TableError(f"{provider.PROVIDER.refusal(Path(text)).rstrip('.')}. An audit reads {readable}.")


def _under(result: Audit, under: Protocol, name: str) -> Audit:
    """Say first what the protocol makes of the table."""
    sentence = f"Searched as {name}: {under.text.strip()}"
    return replace(result, name=name, findings=(Finding("caution", "protocol", sentence), *result.findings))


def _extract(path: Path) -> Audit:
    """Audit a public extract; a file that is none is answered with what makes a table of it."""
    try:
        return audit_extract(path, _comparable())
    except TableError as error:
        if not path.is_file():
            raise
        named = ((Path(file).name, entry.name) for entry in entries().values() for file in entry.files)
        official = next((name for file, name in named if file == path.name), None)
        name, options = (official, ()) if official else ("NAME", ("--describe", "TOML"))
        what = f"the official file of {name}" if official else "data of your own"
        raise TableError(
            f"{error}. If it is {what}, import it, `{typed('data', 'import', name, path, *options)}`, and audit the "
            "table"
        ) from None


def audit_table(path: Path, entry: Entry | None, *, siblings: Mapping[str, layout.Header], progress: Progress) -> Audit:
    """Look at a table file.

    Parameters
    ----------
    path : Path
    entry : Entry or None
        Of the catalogue; where it is None, that of the table's name if there is one.
    siblings : mapping of str to Header
        Tables of the same source, to compare times with.
    progress : callable
    """
    header = layout.read_header(path, held_out=True)
    known = entry or entries().get(header.meaning.name)
    subject = Subject(header, recorded.whole_space_of(header), layout.read_about(path), known, siblings)
    findings: list[Finding] = []
    for done, check in enumerate(CHECKS):
        progress(f"auditing {header.meaning.name}: {check.__name__.replace('_', ' ')}", done / len(CHECKS))
        findings += check(subject)
    findings.extend(_joined(subject))
    header.content.check_unchanged()
    progress(header.meaning.name, 1.0)
    about = subject.about
    return Audit(
        name=header.meaning.name,
        title=about.get("title", ""),
        dataset=about.get("dataset", ""),
        source=about.get("source", ""),
        licence=about.get("licence", ""),
        citation=about.get("citation", ""),
        space=header.meaning.space,
        rows=subject.rows,
        total=rows.whole_of(subject),
        sha256=header.digest,
        schedules=schedule_facts(subject),
        columns=tuple(column_facts(subject, column) for column in header.columns),
        findings=tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))),
    )


def _joined(subject: Subject) -> Iterator[Finding]:
    """Tell what a joined table was made of; see `benchmarks_data.joins`."""
    for line in filter(None, subject.about.get("joined", "").split("\n")):
        severity, _, sentence = line.partition(": ")
        yield Finding(severity if severity in SEVERITIES else "fact", "join", sentence or line)


def _siblings(path: Path, entry: Entry, progress: Progress) -> dict[str, layout.Header]:
    """Open the other tables of a source and space that are ready, or come with an installed package.

    They serve to compare times: none is opened for a table without.
    """
    headers: dict[str, layout.Header] = {}
    if layout.read_header(path).meaning.seconds is None:
        return headers
    for other in entries().values():
        if other.name == entry.name or (other.source, other.space) != (entry.source, entry.space):
            continue
        path = files.table_path(other.name)
        with suppress(TableError):  # not imported, or not to be made: there is nothing to compare with
            headers[other.name] = layout.read_header(
                path if other.imported else provider.ensure(other.name, progress=progress)
            )
    return headers


def _comparable() -> dict[str, layout.Header]:
    """Open every table that is ready, with its held-out columns."""
    headers = {}
    for name in entries():
        with suppress(TableError):
            headers[name] = layout.read_header(files.table_path(name), held_out=True)
    return headers
