"""The section of hyperparameters that were chosen on other benchmarks: what was tried, and what that cost."""

from __future__ import annotations

import pandas as pd

from reports.sections.section import Section
from reports.study.study import Study
from reports.tables.report_table import BEST, ReportTable
from reports.tuning.choice import tuned_of


def section(study: Study) -> Section | None:
    """Show the choice that results report; None where there is none."""
    tuned = tuned_of(study.results.folder)
    if tuned is None:
        return None
    data = pd.DataFrame({"configuration": list(tuned.ranks), "rank": [float(rank) for rank in tuned.ranks.values()]})
    cells = tuple((row["configuration"], f"{row['rank']:.2f}") for row in data.to_dict("records"))
    table = ReportTable(
        "tuning",
        "Configurations that were tried",
        f"Mean rank over {', '.join(tuned.on)} by mean validation regret of the final incumbent, {tuned.replicates}"
        " runs of each; 1 is best. Bold: chosen. None of these benchmarks is reported here.",
        data,
        ("Configuration", "Mean rank"),
        cells,
        {(0, 1): BEST},
        text_columns=1,
        grouped=False,
    )
    sentence = tuned.sentence()
    return Section(
        "Tuning", (f"Tuning: {sentence}.",), (), (table,), (f"Tuning. {sentence[0].upper()}{sentence[1:]}.",)
    )
