"""The section of fitted surrogate benchmarks: where searches left the sample, and which strategies learn alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from harness import registry
from harness.errors import HarnessError
from harness.experiments.spec import StrategySpec
from harness.surrogate import Surrogate
from reports.sections.section import Section
from reports.study.align import Aligned
from reports.study.study import Study
from reports.tables.report_table import ReportTable

FAR = 0.05
"""Part of unseen pairs of genes from which on a page warns: predictions there are guesses."""


def section(study: Study) -> Section | None:
    """Return where searches on fitted surrogate benchmarks went; None where there are none."""
    fitted = [item for item in study.aligned if hasattr(item.truth.oracle, "distance")]
    rows: list[dict[str, Any]] = [
        {"benchmark": item.name, "strategy": label, "runs": len(steps), **_distances(item, label)}
        for item in fitted
        for label, steps in item.steps.items()
        if steps
    ]
    if not rows:
        return None
    cells = tuple(
        (
            row["benchmark"], row["strategy"], str(row["runs"]), _percent(row["asked"]), _percent(row["answers"]),
            _percent(row["farthest"]),
        )
        for row in rows
    )  # fmt: skip
    headers = ("Benchmark", "Strategy", "n", "Asked, %", "Answers, %", "Farthest answer, %")
    caption = (
        "How far searches went from what the surrogate was fitted to: of all pairs of two genes of an architecture, the"
        " part that no architecture of the sample has alike; means over what was asked, over the answers, and the"
        " largest of an answer. Where it is large, predictions are guesses; 0 means that every pair was seen, though"
        " perhaps never together."
    )
    table = ReportTable("sample", "Distance from the sample", caption, pd.DataFrame(rows), headers, cells)
    sentences = [sentence for item in fitted for sentence in warnings(study, item)]
    methods = [
        f"Surrogate. {item.name}: {item.truth.about['learner']['name']} fitted to"
        f" {item.truth.about['sample']['rows']:,} of {item.truth.about['sample']['rows_of_table']:,} rows of"
        f" {item.truth.about['sample']['table']}; noise: {item.truth.about['noise'] or 'none'}."
        for item in fitted
    ]
    return Section("Surrogate", tuple(sentences), tables=(table,), methods=tuple(methods))


def _distances(item: Aligned, label: str) -> dict[str, float]:
    steps = item.steps[label]
    measure: Any = item.truth.oracle
    asked = measure.distance(np.concatenate([one.run.trace.archs for one in steps]))
    held = [one.archs[-1:] for one in steps if len(one.archs)]
    answers = measure.distance(np.concatenate(held)) if held else np.array([np.nan])
    return {"asked": float(asked.mean()), "answers": float(answers.mean()), "farthest": float(answers.max())}


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def warnings(study: Study, item: Aligned) -> Iterator[str]:
    """Yield what a reader must know of searches on a fitted surrogate benchmark."""
    family = item.truth.about.get("learner_family")
    alike = [strategy.label for strategy in study.spec.strategies if family and family in families(strategy)]
    if alike:
        yield (
            f"{item.name}: {', '.join(alike)} learn{'s' if len(alike) == 1 else ''} with a model of the family that"
            f" answers ({family}), which favours what that family thinks good; judge by real training"
        )
    far = [label for label, steps in item.steps.items() if steps and _distances(item, label)["answers"] > FAR]
    if far:
        yield (
            f"{item.name}: The answers of {', '.join(far)} lie outside the sample (more than {100 * FAR:.0f} % of the"
            " pairs of their genes were never seen): there predictions are guesses"
        )


def families(strategy: StrategySpec) -> set[str]:
    """Return the families of the learners that a strategy learns with, its inner strategy's too."""
    found = set()
    for settings in _learners(strategy):
        try:
            learner = registry.load("surrogate", str(settings.get("name")))
        except HarnessError:
            continue
        if isinstance(learner, type) and issubclass(learner, Surrogate):
            found.add(learner.family())
    return found


def _learners(strategy: StrategySpec) -> Iterator[Mapping[str, Any]]:
    """Yield the settings of learners, as the spec says them or by default."""
    try:
        known = registry.strategy(strategy.name)
    except HarnessError:
        known = None
    if strategy.surrogate:
        yield strategy.surrogate
    elif known is not None and known.default_surrogate and "surrogate" in registry.keywords(known):
        yield known.default_surrogate
    inner = strategy.hyperparameters.get("inner")
    if isinstance(inner, Mapping) and isinstance(inner.get("surrogate"), Mapping):
        yield inner["surrogate"]
