"""The section of one-shot methods, its sentences and its methods."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.experiments.manifest import MANIFEST
from harness.printable import counted
from reports.sections.section import Section
from reports.sections.verification.section import DERIVED
from reports.sections.verification.section import section_of as verification_of
from reports.study.study import Study
from reports.supernets import agreement, alone, lineage
from reports.supernets.curves import over_cost
from reports.supernets.drawn import derived_cells
from reports.supernets.epochs import over_epochs
from reports.supernets.held import SPLIT, at, final, looked_up, unknown
from reports.supernets.results import SupernetResults, provenance, read_supernets
from reports.supernets.tables import cells, summary
from reports.tables.numbers import three_digits


def section(study: Study) -> Section | None:
    """Return what one-shot methods of the same spec did; None where there are none."""
    folder = study.results.folder
    if folder is None or not (folder / MANIFEST).exists():
        return None
    results = read_supernets(folder)
    if results is None:
        return None
    methods = counted(len(results.labels), "one-shot method")
    told = [f"Beside the searches, {methods} (Weight sharing, below). {' '.join(sentences(results))}"]
    return replace(section_of(results), notices=(*told, *missing(results), *unknown(results)))


def missing(results: SupernetResults) -> list[str]:
    """Say which supernets have no result; nothing where all have."""
    return [f"Without a result: {'; '.join(results.missing)}."] if results.missing else []


def section_of(results: SupernetResults) -> Section:
    """Return figures, tables, sentences and methods of one-shot methods."""
    figures = (
        *over_cost(results),
        *over_epochs(results),
        lineage.figure(results),
        derived_cells(results),
        *alone.exhibits(results),
    )
    return Section(
        "Weight sharing",
        tuple(sentences(results)),
        tuple(filter(None, figures)),
        tuple(
            filter(
                None,
                (
                    summary(results),
                    cells(results),
                    agreement.table(results),
                    lineage.table(results),
                    alone.table(results),
                ),
            )
        ),
        (*_methods(results), *alone.methods(results)),
    )


def sections_of(results: SupernetResults, folder: Path) -> list[Section]:
    """Return the parts of a page of one-shot methods alone, whose results lie in a folder."""
    truths = [panel.truth for panel in results.panels]
    verified = verification_of(folder, truths, provenance(results), DERIVED)
    return [section_of(results), *filter(None, [verified])]


def sentences(results: SupernetResults) -> Iterator[str]:
    """Say for each benchmark which method handed over the best cell, what that cost, and whose cells collapsed."""
    yield from alone.sentences(results)
    for panel in looked_up(results):
        finals = {label: final(group) for label, group in panel.supernets.items()}
        known = {label: value for label, value in finals.items() if np.isfinite(value)}
        if not known:
            continue
        best = min(known, key=lambda label: known[label])
        units = np.mean([one.units[-1] for one in panel.supernets[best]])
        cells = "the best cells" if len(known) > 1 else "cells"
        text = f"{panel.truth.name}, weight sharing: {best} hands over {cells}, at a mean validation regret of"
        text += f" {three_digits(known[best])} {panel.truth.unit(SPLIT)} after {three_digits(float(units))} units of"
        text += " one training"
        worst = max(known, key=lambda label: known[label])
        if worst != best:
            text += f"; {worst} the worst, at {three_digits(known[worst])}"
        same = [
            f"{label} {three_digits(at(runs, float(units)))}"
            for label, runs in panel.searches.items()
            if np.isfinite(at(runs, float(units)))
        ]
        yield f"{text}; for as many units, {', '.join(same)}." if same else f"{text}."


def _methods(results: SupernetResults) -> Iterator[str]:
    epochs = counted(results.spec.budget.supernet_epochs or 0, "epoch")
    sharing = [label for label in results.labels if label not in results.growing]
    for labels, what in ((sharing, "trains one supernet"), (results.growing, "grows networks")):
        if labels:
            yield (
                f"Weights. {', '.join(labels)}: each replicate {what} for {epochs} on the training items of the table,"
                " and chooses by its validation items; test items are not given to it. What it recommends is looked up"
                " afterwards."
            )
    yield (
        "Units. A unit is one training of the table's recipe of the mean architecture; a backward pass counts as two"
        " forward ones. Inherited accuracies are with the statistics of the evaluation batches unless the method says"
        " otherwise, and enter no table."
    )
