"""The section of the simulated cluster: how well its workers were used, and what went wrong on it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from harness.judging.cluster import Usage, horizon_of, usage
from harness.search.mishaps import Mishaps
from reports.sections.section import Section
from reports.study.align import Steps
from reports.study.study import Study
from reports.tables.numbers import NONE
from reports.tables.report_table import ReportTable


def section(study: Study) -> Section | None:
    """Return the table of workers; None where there was one worker that never failed, or no training seconds."""
    spec = study.spec
    if spec.n_workers == 1 and spec.simulate is None:
        return None
    rows = [
        {"benchmark": item.name, "label": label, "n": len(group), **_means(study, group)}
        for item in study.aligned
        if item.truth.facts.has_seconds
        for label, group in item.steps.items()
        if group
    ]
    if not rows:
        return None
    goes_wrong = spec.simulate is not None
    shares = [name for name in Usage._fields if goes_wrong or name != "wasted"]
    counts = ["attempts", "failed"] if goes_wrong else []
    cells = tuple(
        (
            *(row["benchmark"], row["label"], str(row["n"])),
            *(_percent(row[name]) for name in shares),
            *(_plain(row[name]) for name in counts),
        )
        for row in rows
    )
    headers = ("Benchmark", "Strategy", "n", *(f"{name.capitalize()}, %" for name in shares))
    headers += ("Attempts", "Failed trainings") if goes_wrong else ()
    table = ReportTable("workers", "Workers", _caption(study), pd.DataFrame(rows), headers, cells)
    return Section("Simulated workers", tables=(table,), methods=(_methods(study),))


def _means(study: Study, group: tuple[Steps, ...]) -> dict[str, Any]:
    used = np.array([
        usage(steps.run, study.spec.n_workers, horizon_of(steps.run, study.spec.budget.seconds)) for steps in group
    ])  # fmt: skip
    shares = dict(zip(Usage._fields, _mean(used).tolist(), strict=True))
    beside = [steps.run.beside for steps in group]
    attempts = [float(columns["attempts"].sum()) for columns in beside if "attempts" in columns]
    failed = [float(np.isnan(steps.run.trace.objectives).any(axis=1).sum()) for steps in group]
    return shares | {
        "attempts": float(np.mean(attempts)) if attempts else float("nan"),
        "failed": float(np.mean(failed)),
    }


def _mean(shares: Any) -> Any:
    known = shares[np.isfinite(shares).all(axis=1)]
    return known.mean(axis=0) if len(known) else np.full(shares.shape[1], np.nan)


def _percent(share: float) -> str:
    return NONE if np.isnan(share) else f"{100.0 * share:.1f}"


def _plain(count: float) -> str:
    return NONE if np.isnan(count) else f"{count:.4g}"


def _caption(study: Study) -> str:
    workers = study.spec.n_workers
    counted = "One simulated worker" if workers == 1 else f"{workers} simulated workers"
    text = (
        f"{counted}: what they did, in % of workers times the simulated seconds that a run lasted, means over"
        " runs. Useful: trained what was told. Blocked: waited for a running training that theirs continues or repeats."
        " Idle: the rest, what the budget cut off included."
    )
    if study.spec.simulate is not None:
        text += " Wasted: attempts that failed. Attempts and trainings that failed for good: numbers of a run."
    return text


def _methods(study: Study) -> str:
    mishaps = study.spec.simulate
    text = (
        "Workers. Each simulated worker starts the next proposal as soon as it is idle; no real time is added, and"
        " strategies are told results one by one in the order in which they finish."
    )
    return text if mishaps is None else f"{text} {mishap_words(mishaps)}"


def mishap_words(mishaps: Mishaps) -> str:
    """Say what goes wrong on a simulated cluster, in sentences."""
    parts = []
    if mishaps.stragglers:
        parts.append(f"a training takes (1 + |z|) times its recorded seconds, z ~ N(0, {mishaps.stragglers:g})")
    if mishaps.failures:
        parts.append(f"an attempt dies with probability {mishaps.failures:g}, at a uniform fraction of its duration")
    if mishaps.hangs:
        parts.append(f"with probability {mishaps.hangs:g} it never returns")
    if mishaps.timeout is not None:
        parts.append(f"an attempt is killed at {mishaps.timeout:g} times its recorded seconds")
    again = {0: "is not tried again", 1: "is tried again once"}.get(
        mishaps.retries, f"is tried again up to {mishaps.retries} times"
    )
    parts.append(f"what failed {again}, and everything spent is charged")
    listed = "; ".join(parts)
    return f"{listed[:1].upper()}{listed[1:]}. The same trainings meet the same mishaps under every strategy."
