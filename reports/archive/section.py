"""The section of archived strategies: which they are, of which version, and what overhead of theirs was measured on."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from harness.printable import counted
from reports.archive.file import Archive
from reports.archive.together import Together
from reports.sections.section import Section
from reports.study.comparisons import scores
from reports.study.study import Study
from reports.tables.numbers import bracket
from reports.tables.report_table import ReportTable

_TOLD = 4
"""Strategies whose places sentences tell."""


def section(together: Together, study: Study) -> Section | None:
    """Return what a page says of archives, and where other strategies stand beside them; None where none is shown."""
    if not together.archived:
        return None
    archives = {archive.name: archive for archive, _ in together.archived.values()}
    held = counted(len(together.archived), "strategy", "strategies")
    cuts = f"; {'; '.join(together.sentences)}" if together.sentences else ""
    named = ", ".join(f"{name} of {archive.date}" for name, archive in archives.items())
    return Section(
        title="Archived strategies",
        sentences=(
            f"Archive: {held} from {named}, run before under the same protocol and noise{cuts}.",
            *_places(together, study),
        ),
        tables=(_table(together.archived),),
        methods=(_methods(archives),),
    )


def _places(together: Together, study: Study) -> list[str]:
    """Say which place strategies take by mean rank that are not from an archive."""
    rows = scores(study, "validation").dropna(subset=["rank"]).to_dict("records")
    said = []
    for own in [row for row in rows if row["label"] not in together.archived][:_TOLD]:
        place = 1 + sum(row["rank"] < own["rank"] for row in rows)
        mean = bracket(*(f"{own[key]:.2f}" for key in ("rank", "rank_low", "rank_high")))
        over = counted(int(own["benchmarks"]), "benchmark")
        said.append(f"Beside them: {own['label']} takes place {place} of {len(rows)} by mean rank over {over}, {mean}.")
    return said


def _table(archived: Mapping[str, tuple[Archive, str]]) -> ReportTable:
    rows = []
    for shown, (archive, label) in archived.items():
        unit = archive.of(label)[0]
        rows.append(
            {
                "archive": archive.name,
                "label": shown,
                "version": unit.shard.version,
                "libraries": ", ".join(f"{name} {version}" for name, version in unit.shard.versions.items()),
                "date": unit.origin.date,
            }
        )
    cells = tuple((row["archive"], row["label"], row["version"], row["libraries"], row["date"]) for row in rows)
    caption = (
        "Strategies that were not run with these results: taken from an archive, in the version that it holds. Until:"
        " the day of its last run."
    )
    headers = ("Archive", "Strategy", "Version", "Libraries", "Until")
    return ReportTable("archived", "Archived strategies", caption, pd.DataFrame(rows), headers, cells, text_columns=5)


def _methods(archives: Mapping[str, Archive]) -> str:
    each = "; ".join(
        f"{archive.name}, SHA-256 {archive.digest[:12]}, made with nas-harness {archive.made_with}; its overhead is"
        f" real time on {' and '.join(archive.machines)}"
        for archive in archives.values()
    )
    return (
        "Archive. Archived runs were told validation results of the same tables under the same budget, seeds and rules,"
        " which are compared before anything is shown; replicates of one number met the same noise, so tests are"
        f" paired. Test values are looked up when the page is made, as for all runs. {each}."
    )
