"""The comparison of strategies, the main part of every page: its figures, tables, sentences and methods, in order."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from reports.figures import critical, curves, fronts, ranks, shares, strips, wins
from reports.figures.exhibit import Exhibit
from reports.page import narrative
from reports.sections.section import Section
from reports.study.align import AXIS_LABEL
from reports.study.study import Study
from reports.tables.architectures import architecture_table
from reports.tables.comparisons import pair_table, score_table
from reports.tables.costs import cost_table
from reports.tables.final import final_table
from reports.tables.fronts import measure_table, member_table
from reports.tables.ledger import ledger_table
from reports.tables.report_table import ReportTable
from reports.tables.running_times import running_time_table


def comparison(study: Study, comparisons: pd.DataFrame, shown: Sequence[Exhibit]) -> Section:
    """Return the main part of the page.

    Parameters
    ----------
    study : Study
    comparisons : pandas.DataFrame
        Of `reports.study.comparisons.pairwise`.
    shown : sequence of Exhibit
        Of `figures`.
    """
    return Section(
        title="Comparison",
        sentences=tuple(narrative.headline(study, comparisons)),
        figures=tuple(shown),
        tables=tuple(tables(study, comparisons)),
        methods=tuple(narrative.methods(study)),
    )


def figures(study: Study, comparisons: pd.DataFrame) -> list[Exhibit]:
    """Return every figure that the study can show, in the order of the page; validation first: every table has it."""
    shown = [curves.exhibit(study, split, axis) for split in study.splits for axis in AXIS_LABEL]
    shown += [ranks.exhibit(study), critical.exhibit(study), shares.targets(study)]
    for split in study.splits:
        shown.append(shares.profiles(study, split))
        shown += fronts.exhibits(study, split)
        shown += [strips.exhibit(study, split), wins.exhibit(study, split, comparisons)]
    return [exhibit for exhibit in shown if len(exhibit.frame)]


def tables(study: Study, comparisons: pd.DataFrame) -> list[ReportTable]:
    """Return every table that the study can show, in the order of the page."""
    shown = [final_table(study, split, comparisons) for split in study.splits]
    if len(study.labels) > 1:
        shared = [split for split in study.splits if sum(split in item.truth.splits for item in study.aligned) > 1]
        shown += [score_table(study, split) for split in shared]
        shown += [pair_table(study, split, comparisons) for split in study.splits]
    shown += [measure_table(study, split) for split in study.splits] if study.several else []
    found = member_table(study) if study.several else architecture_table(study)
    shown.append(running_time_table(study))
    return [table for table in [*shown, cost_table(study), ledger_table(study), found] if len(table.cells)]
