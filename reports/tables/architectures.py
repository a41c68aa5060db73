"""The table of the best architectures found (T14)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from reports.study.study import Study
from reports.study.truth import LIVE, PROTOCOL, SURROGATE, TABLE
from reports.study.wording import by_kind, judged_by, noted, split_words
from reports.tables.numbers import NONE, value_words
from reports.tables.report_table import ReportTable

_OPTIMUM = {
    TABLE: "the table's best by mean validation",
    PROTOCOL: "the table's best by the signal",
    SURROGATE: "at least as good as the best known reference",
    LIVE: "the best that was trained",
}


def architecture_table(study: Study) -> ReportTable:
    """Return the architecture that each strategy valued most in any run."""
    rows, cells = [], []
    for item in study.aligned:
        optimum = item.truth.best("validation")
        for label, steps in item.steps.items():
            ended = [s for s in steps if len(s.rows)]
            if not ended:
                continue
            shown = [float(s.run.trace.objectives[s.rows[-1], 0]) for s in ended]
            best = ended[int(np.argmin(shown))]
            archs = best.archs[-1:]
            text = item.truth.oracle.space.format(archs)[0]
            told = float(item.truth.objective.to_published(min(shown)))
            values = {split: float(item.truth.mean(archs, split)[0]) for split in item.truth.splits}
            beyond = item.truth.kind == SURROGATE  # a reference can be passed, the optimum of a table cannot
            hits = sum(r == 0 or (beyond and r < 0) for r in (s.regrets["validation"][-1] for s in ended))
            rows.append(
                {
                    "benchmark": item.name,
                    "label": label,
                    "architecture": text,
                    "told": told,
                    "validation": values["validation"],
                    "test": values.get("test", np.nan),
                    "replicate": best.run.replicate,
                    "optimum": optimum,
                    "reached_optimum": hits,
                    "n": len(steps),
                }
            )
            scales = item.truth.scales
            numbers = [value_words(value, scales["validation"]) for value in (told, values["validation"])]
            numbers.append(value_words(values["test"], scales["test"]) if "test" in values else NONE)
            cells.append((item.name, label, text, *numbers, f"{hits}/{len(steps)}"))
    word = split_words(study, "validation")
    kinds = {item.truth.kind for item in study.aligned}
    guessed = kinds & {SURROGATE, LIVE}
    optimum_words = "optimum" if not guessed else ("best known" if kinds == guessed else "best")
    headers = ("Benchmark", "Strategy", "Architecture", "Told", word.capitalize(), "Test",
               f"Runs at the {optimum_words}")  # fmt: skip
    tested = f" Test: {judged_by(study, 'test')}." if "test" in study.splits else ""
    caption = (
        "The final incumbent with the best value told to the strategy in any run, chosen by that value alone."
        f" Told: the value shown. {word.capitalize()}: {judged_by(study, 'validation')}.{tested} Last column: runs"
        f" whose final incumbent is {by_kind(study, _OPTIMUM)}.{noted(study)}"
    )
    return ReportTable(
        "best-architectures", "Best architectures found", caption, pd.DataFrame(rows), headers, tuple(cells),
        text_columns=3,
    )  # fmt: skip
