"""The words of a page that shows one-shot methods alone."""

from __future__ import annotations

from harness.printable import counted
from reports.study.provenance import told_of
from reports.supernets.held import unknown
from reports.supernets.results import SupernetResults
from reports.supernets.section import missing, sentences
from reports.tables.matrix import FirstScreen

NO_CHECKLIST = "The checklist of best practices in NAS research is about searches; this report shows one-shot methods."
"""What stands where a report of searches has its checklist."""


def first_screen(results: SupernetResults) -> FirstScreen:
    """Return what each benchmark says, without a matrix."""
    return FirstScreen("One-shot methods, judged by trainings from scratch.", tuple(sentences(results)))


def facts_words(results: SupernetResults) -> list[str]:
    """Say what was trained on what, under the title."""
    epochs = counted(results.spec.budget.supernet_epochs or 0, "epoch")
    return [
        f"{epochs} each, {counted(results.spec.replicates, 'replicate')}.",
        f"Benchmarks: {', '.join(panel.truth.name for panel in results.panels)}.",
        f"Methods: {', '.join(results.labels)}.",
    ]


def warnings(results: SupernetResults) -> list[str]:
    """Say what is missing."""
    return [*missing(results), *unknown(results)]


def sources(results: SupernetResults) -> list[dict[str, str]]:
    """Return sha256, and where they are known title, licence and citation of every benchmark."""
    return [
        {"benchmark": panel.truth.name, "sha256": panel.truth.facts.table_digest} | told_of(panel.truth.about)
        for panel in results.panels
    ]
