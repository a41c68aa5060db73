"""The section of searches that train: the greedy ensemble of their networks, beside the best single one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from harness.checks import Archs
from harness.printable import counted
from harness.training.ensemble import EnsembleResult
from reports.sections.section import Section
from reports.statistics.agreement import Mean
from reports.study.align import Aligned
from reports.study.study import Study
from reports.study.verdicts import ensemble_facts
from reports.tables.numbers import NONE, bracket, signed
from reports.tables.report_table import ReportTable

METHOD = (
    " The ensemble is selected greedily with replacement on validation items from all trainings (Caruana et al., 2004);"
    " test items had no say in it. Intervals are of 95 % over test items, Wilson's for accuracies and Bonett & Price's"
    " (2012) for their difference, and say nothing of other trainings."
)
"""How an ensemble is selected and judged; follows what says which trainings those are."""


def section(study: Study) -> Section | None:
    """Return what the networks that searches trained give together; None where no predictions of theirs are kept."""
    found = list(_ensembles(study))
    if not found:
        return None
    rows = [row for item, result in found for row in _rows(item, result)]
    cells = tuple(
        (row["benchmark"], row["what"], row["shown"], f"{row['validation']:.2f}", row["test_shown"]) for row in rows
    )
    headers = ("Benchmark", "What", "Networks", "Validation, %", "Test, % [95 % CI]")
    caption = (
        "Of all networks that these searches trained in full, the one that is best on validation items, and the greedy"
        " ensemble that validation items select. Validation chose both, and flatters them; test items had no say."
        " The CSV lists the members."
    )
    frame = pd.DataFrame(rows).drop(columns=["shown", "test_shown"])
    table = ReportTable("ensemble", "What was trained, together", caption, frame, headers, cells, text_columns=3)
    sentences = tuple(
        f"{item.name}, together: {words(ensemble_facts(result))}" for item, result in found if _tested(item)
    )
    which = "Ensemble. Networks are all full trainings of what these searches proposed, at most the hundred best."
    return Section("Ensemble", sentences, tables=(table,), methods=(which + METHOD,))


def _ensembles(study: Study) -> Iterator[tuple[Aligned, EnsembleResult]]:
    for item in study.aligned:
        select: Callable[[Archs], EnsembleResult | None] | None = getattr(item.truth.oracle, "ensemble", None)
        traces = [one.run.trace for steps in item.steps.values() for one in steps]
        if select is None or not traces:
            continue
        full = len(item.truth.facts.fidelities) - 1
        result = select(np.concatenate([trace.archs[trace.fidelity == full] for trace in traces]))
        if result is not None:
            yield item, result


def _tested(item: Aligned) -> bool:
    """Say whether test results of a benchmark may be reported."""
    return item.truth.why_no_test is None


def _rows(item: Aligned, result: EnsembleResult) -> Iterator[dict[str, Any]]:
    """Yield the best single network and the ensemble as rows of the table."""
    facts = ensemble_facts(result)
    counts = Counter(result.members)
    of = f"{facts['different']} of {result.networks}"
    for what, shown, members, right, test in (
        (
            "best single network",
            f"1 of {result.networks}",
            result.members[:1],
            "best_valid_right",
            "best_test_accuracy",
        ),
        ("greedy ensemble", of, tuple(counts), "valid_right", "test_accuracy"),
    ):
        accuracy: Mean | None = facts[test] if _tested(item) else None
        archs: Archs = item.truth.oracle.archs  # type: ignore[attr-defined]  # whose rows its ensemble names
        texts = item.truth.oracle.space.format(archs[[row for row, _ in members]])
        times = [counts[member] if what == "greedy ensemble" else 1 for member in members]
        yield {
            "benchmark": item.name,
            "what": what,
            "networks": len(members),
            "validation": 100.0 * getattr(result, right) / result.valid_items,
            "test": np.nan if accuracy is None else accuracy.value,
            "test_low": np.nan if accuracy is None else accuracy.low,
            "test_high": np.nan if accuracy is None else accuracy.high,
            "members": "; ".join(
                f"{count} x {text} (seed {seed})" for count, text, (_, seed) in zip(times, texts, members, strict=True)
            ),
            "shown": shown,
            "test_shown": NONE if accuracy is None else _interval(accuracy),
        }


def words(facts: Mapping[str, Any]) -> str:
    """Say what the greedy ensemble makes of test items, beside the best single network; see `ensemble_facts`."""
    text = (
        f"Of {facts['test_items']:,} test items the greedy ensemble of {counted(facts['different'], 'network')} out of"
    )
    text += f" {facts['networks']} gets {_interval(facts['test_accuracy'])} % right, the best single network by"
    text += f" validation {_interval(facts['best_test_accuracy'])} %: {_interval(facts['gain'], signed)} points."
    return text


def _interval(mean: Mean, word: Callable[[float], str] = "{:.2f}".format) -> str:
    return bracket(word(mean.value), word(mean.low), word(mean.high))
