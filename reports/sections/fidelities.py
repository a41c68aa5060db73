"""The section of runs at several fidelities: what was trained how far, and what share of it all was full trainings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from harness.checks import Archs, BoolArray, FloatArray
from harness.printable import counted
from harness.problem import Fidelity
from harness.records import Trace
from reports.sections.section import Section
from reports.study.align import Aligned, Steps
from reports.study.study import Study
from reports.study.wording import incumbent_words
from reports.tables.numbers import NONE
from reports.tables.report_table import ReportTable

MOST_SHOWN = 12
"""Columns of fidelities; where more were trained at, neighbours share one."""


def section(study: Study) -> Section | None:
    """Return a table for each benchmark on which something was trained below the full fidelity; None without any."""
    tables = [_table(study, item) for item in study.aligned if _used(item)[:-1]]
    if not tables:
        return None
    return Section(
        title="Fidelities",
        sentences=tuple(sentence for item in study.aligned if _used(item)[:-1] for sentence in _sentences(item)),
        tables=tuple(tables),
        methods=(_method(study),),
    )


def _used(item: Aligned) -> list[int]:
    """Return the fidelities at which any run was told something and the full one, ascending."""
    told = [steps.run.trace.fidelity for group in item.steps.values() for steps in group]
    return sorted({*np.unique(np.concatenate(told or [np.empty(0, dtype=np.int64)])).tolist(), _full(item)})


def _full(item: Aligned) -> int:
    return len(item.truth.facts.fidelities) - 1


def _table(study: Study, item: Aligned) -> ReportTable:
    used = _used(item)
    groups = [part.tolist() for part in np.array_split(np.array(used), min(len(used), MOST_SHOWN))]
    columns = [_name([item.truth.facts.fidelities[index] for index in group]) for group in groups]
    rows: list[dict[str, Any]] = []
    cells = []
    for label, group in item.steps.items():
        if not group:
            continue
        counts, shares = _at(group, groups)
        summary = _summary(group, _full(item))
        rows += [
            {
                "benchmark": item.name, "label": label, "n": len(group), "fidelity": name, "rows": count,
                "share_of_seconds": share, **summary,
            }
            for name, count, share in zip(columns, counts, shares, strict=True)
        ]  # fmt: skip
        texts = [_cell(count, share) for count, share in zip(counts, shares, strict=True)]
        counts_of = [f"{summary[name]:.3g}" for name in ("architectures", "trained_fully")]
        cells.append((label, *counts_of, _percent(summary["share_trained_fully"]), *texts))
    headers = ("Strategy", "Begun", "Trained fully", "Time of these", *_short(item, groups, columns))
    several = len(study.aligned) > 1
    name = f"fidelities-{item.name}" if several else "fidelities"
    title = f"Fidelities, {item.name}" if several else "Fidelities"
    frame = pd.DataFrame(rows)
    return ReportTable(name, title, _caption(study, item), frame, headers, tuple(cells), text_columns=1, grouped=False)


def _name(group: Sequence[Fidelity]) -> str:
    """Return a header: the label of a fidelity, or the first and the last of neighbours."""
    first, last = group[0].label, group[-1].label
    return first if len(group) == 1 else f"{first} to {last}"


def _short(item: Aligned, groups: Sequence[Sequence[int]], names: Sequence[str]) -> list[str]:
    """Return the epochs in place of the labels, ``"@3"``, where all are of one training; numbers of training seeds."""
    fidelities = item.truth.facts.fidelities
    if item.truth.repeats:
        return [_seeds(group[0] + 1, group[-1] + 1) for group in groups]
    if len({fidelities[index].training for group in groups for index in group}) > 1:
        return list(names)
    ends = [(fidelities[group[0]].epoch, fidelities[group[-1]].epoch) for group in groups]
    return [f"@{first}" if first == last else f"@{first}\u2013{last}" for first, last in ends]


def _seeds(first: int, last: int) -> str:
    """Return a number of training seeds, or a range of them."""
    return counted(first, "seed") if first == last else f"{first}\u2013{last} seeds"


def _at(group: Sequence[Steps], groups: Sequence[list[int]]) -> tuple[list[float], list[float]]:
    """Return rows, and the share of charged seconds, at each group of fidelities: means over runs."""
    counts, shares = [], []
    for steps in group:
        trace = steps.run.trace
        inside = [np.isin(trace.fidelity, part) for part in groups]
        seconds = np.array([trace.seconds[rows].sum() for rows in inside])
        counts.append([int(rows.sum()) for rows in inside])
        shares.append(seconds / seconds.sum() if seconds.sum() > 0 else np.full(len(groups), np.nan))
    means: FloatArray = np.mean(shares, axis=0)
    return np.mean(counts, axis=0).tolist(), means.tolist()


def _summary(group: Sequence[Steps], full: int) -> dict[str, float]:
    """Return what was proposed, and what share of the time went into architectures that were trained fully."""
    traces = [steps.run.trace for steps in group]
    return {
        "all_rows": float(np.mean([len(trace) for trace in traces])),
        "architectures": float(np.mean([len(np.unique(trace.archs, axis=0)) for trace in traces])),
        "trained_fully": float(np.mean([len(np.unique(_fully(trace, full), axis=0)) for trace in traces])),
        "share_trained_fully": float(np.mean([_share(trace, full) for trace in traces])),
    }


def _ended(trace: Trace, full: int) -> BoolArray:
    """Return which rows are full trainings that did not fail, (T,)."""
    rows: BoolArray = (trace.fidelity == full) & np.isfinite(trace.objectives).all(axis=1)
    return rows


def _fully(trace: Trace, full: int) -> Archs:
    archs: Archs = trace.archs[_ended(trace, full)]
    return archs


def _share(trace: Trace, full: int) -> float:
    """Return the share of charged seconds, at all fidelities, of architectures of which a full training succeeded."""
    _, of = np.unique(trace.archs, axis=0, return_inverse=True)
    reached = np.isin(of, of[_ended(trace, full)])
    total = float(trace.seconds.sum())
    return float(trace.seconds[reached].sum()) / total if total > 0 else float("nan")


def _percent(share: float) -> str:
    return NONE if np.isnan(share) else f"{100 * share:.0f} %"


def _cell(count: float, share: float) -> str:
    if not count:
        return NONE
    shown = f"{count:.0f}" if count >= 10 else f"{count:.2g}"
    return shown if np.isnan(share) else f"{shown} ({100 * share:.0f})"


def _sentences(item: Aligned) -> list[str]:
    """Say who trained least of its time fully, and who most, of those that train at lower fidelities."""
    summaries = {
        label: _summary(group, _full(item))
        for label, group in item.steps.items()
        if any((steps.run.trace.fidelity < _full(item)).any() for steps in group)
    }
    most, least = (pick(summaries, key=lambda label: summaries[label]["trained_fully"]) for pick in (max, min))
    text = f"{item.name}, fidelities: {_trained(most, summaries[most])}"
    if least != most:
        text += f"; {_trained(least, summaries[least])}"
    return [text + "."]


def _trained(label: str, summary: dict[str, float]) -> str:
    share = summary["share_trained_fully"]
    seconds = "" if np.isnan(share) else f", in which went {_percent(share)} of its training time"
    every = counted(round(summary["architectures"]), "architecture")
    return f"{label} trained {summary['trained_fully']:.3g} of {every} fully{seconds}"


def _caption(study: Study, item: Aligned) -> str:
    n = sum(len(group) for group in item.steps.values())
    at = "2 seeds: the mean over two training runs" if item.truth.repeats else "@3: three epochs"
    resumed = study.spec.budget.multi_fidelity == "resumable"
    charged = (
        "a training that continues one of the same run is charged by its increment"
        if resumed
        else "every training is charged from its first epoch"
    )
    return (
        "Architectures of which anything was told, those that were trained fully, and the share of the charged training"
        f" time that these took at all fidelities. Then the rows told at each fidelity ({at}), in brackets"
        f" their share of that time in %; {charged}. Means over runs ({counted(n, 'run')} in all)."
    )


def _method(study: Study) -> str:
    resumed = study.spec.budget.multi_fidelity == "resumable"
    charged = (
        "Trainings are resumable: what continues a training that the run has paid for, from whichever proposal, is"
        " charged by what is added to it."
        if resumed
        else "Trainings start from scratch: each row is charged in full, whatever was trained of it before."
    )
    return f"Fidelities. {charged}{_seed_words(study)} {incumbent_words(study)}."


def _seed_words(study: Study) -> str:
    """Say on which benchmarks fidelities are numbers of training seeds; begins with a space."""
    names = [item.name for item in study.aligned if item.truth.repeats and _used(item)[:-1]]
    if not names:
        return ""
    return (
        f" Fidelities of {' and '.join(names)} are numbers of training seeds: each is one more full training run of the"
        " same architecture, and the value told is the mean over these runs."
    )
