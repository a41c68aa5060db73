"""The table of learners: agreement, regret, honesty and time at each size (T7)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from harness.checks import FloatArray
from reports.predictors.growth import interval
from reports.predictors.results import TEST_WORDS, Evaluated, Learnt, Target
from reports.predictors.winners import best
from reports.tables.numbers import NONE, three_digits
from reports.tables.report_table import BEST, TIED, ReportTable


def agreement(results: Evaluated) -> ReportTable:
    """Return Kendall's tau on the first test set at every size; best and not shown to be worse are marked."""
    frame, cells, marks = [], list[tuple[str, ...]](), dict[tuple[int, int], str]()
    for target in results.targets:
        first = len(cells)
        for label, one in target.learnt.items():
            values = [interval(one.scores["kendall"][:, column, 0]) for column in range(len(results.sizes))]
            frame.append(
                {"benchmark": target.name, "learner": label, "trials": one.trials}
                | {f"tau_{size}": value[0] for size, value in zip(results.sizes, values, strict=True)}
                | {f"half_{size}": value[2] - value[0] for size, value in zip(results.sizes, values, strict=True)}
            )
            cells.append(
                (
                    target.name,
                    label,
                    *(f"{mean:.2f} ± {high - mean:.2f}".replace("0.", ".") for mean, _, high in values),
                )
            )
        labels = list(target.learnt)
        for column in range(len(results.sizes)):
            winner, tied = best(target, labels, column)
            marks[first + labels.index(winner), column + 2] = BEST
            marks |= {(first + labels.index(label), column + 2): TIED for label in tied}
    caption = (
        f"Kendall's tau-b on {TEST_WORDS[results.tests[0]]} by the number of architectures learnt from: mean over"
        " trials ± half the 95 % t interval. Bold: largest mean; underlined: not shown to be worse (Wilcoxon signed"
        "-rank over the same trials, Holm's adjustment in each column of a benchmark, alpha = .05)."
    )
    headers = ("Benchmark", "Learner", *(f"n = {size}" for size in results.sizes))
    return ReportTable("agreement", "Rank agreement", caption, pd.DataFrame(frame), headers, tuple(cells), marks)


SEEN = (
    " What is seen of an architecture beside its genes is paid for every candidate: the seconds of its signals, as the"
    " table records them, and what is trained of it, in units of one full training."
)
"""What the caption says where a learner sees something."""
_SCORES = ("spearman", "pearson", "precision_at_10", "rmse", "coverage_95", "nll")


def details(results: Evaluated) -> ReportTable:
    """Return all other measures at the largest size."""
    frame, cells = [], list[tuple[str, ...]]()
    sees = any(one.signals or one.epochs for target in results.targets for one in target.learnt.values())
    for target in results.targets:
        for label, one in target.learnt.items():
            raw = _row(results, target, label, one)
            frame.append(raw)
            tests = [_two(raw[f"kendall_{test}"]) for test in results.tests]
            scores = [_two(raw[name]) for name in _SCORES[:3]] + [three_digits(raw["rmse"])]
            honest = [NONE if np.isnan(raw["coverage_95"]) else f"{100 * raw['coverage_95']:.0f}", _two(raw["nll"])]
            times = [three_digits(raw["fit_seconds"]), three_digits(raw["milliseconds_per_1000"])]
            if sees:
                raw |= {"signal_milliseconds_per_1000": 1e6 * one.signal_seconds, "trained_per_1000": 1e3 * one.begun}
                times += [_paid(one), three_digits(raw["trained_per_1000"]) if one.epochs else NONE]
            cells.append((target.name, label, *tests, *scores, three_digits(raw["regret_10"]), *honest, *times))
    short = {"random": "random", "best_tenth": "best tenth", "neighbourhood": "edits"}
    headers = (
        "Benchmark", "Learner", *(f"Tau, {short[test]}" for test in results.tests), "Spearman", "Pearson",
        "Precision at 10", "RMSE", "Regret of 10", "In 95 %, %", "NLL", "Fit, s", "1,000 predictions, ms",
        *(("Signals of 1,000, ms", "Begun for 1,000, trainings") if sees else ()),
    )  # fmt: skip
    caption = (
        f"After {results.sizes[-1]} architectures: Kendall's tau-b on each test set; on the first of them Spearman,"
        " signed Pearson, the share of the ten best found by the ten best predicted, root mean squared error, the share"
        " of means inside the central 95 % interval and the negative log-likelihood (nats) where a learner states"
        " standard deviations; the regret of the ten best predicted of all; CPU seconds. Means over trials, medians of"
        " times." + (SEEN if sees else "")
    )
    return ReportTable(
        "learners", "Every measure at the largest size", caption, pd.DataFrame(frame), headers, tuple(cells)
    )


def _row(results: Evaluated, target: Target, label: str, one: Learnt) -> dict[str, Any]:
    taus = {f"kendall_{test}": _mean(one.scores["kendall"][:, -1, k]) for k, test in enumerate(results.tests)}
    others = {name: _mean(values[:, -1, 0]) for name, values in one.scores.items() if name != "kendall"}
    return {
        "benchmark": target.name,
        "learner": label,
        "size": results.sizes[-1],
        **taus,
        **others,
        **{f"regret_{top}": _mean(values[:, -1]) for top, values in one.regrets.items()},
        "fit_seconds": float(np.median(one.fit_seconds[:, -1])),
        "milliseconds_per_1000": 1e6 * float(np.median(one.query_seconds[:, -1])),
    }


def _paid(one: Learnt) -> str:
    """Return milliseconds of the signals of a thousand architectures; with a mark where some were not measured."""
    if not one.signals:
        return NONE
    measured = [seconds for seconds in one.signals.values() if seconds is not None]
    least = "" if len(measured) == len(one.signals) else "≥ "
    return f"{least}{three_digits(1e6 * one.signal_seconds)}" if measured else "not measured"


def _mean(values: FloatArray) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def _two(value: float) -> str:
    return NONE if np.isnan(value) else f"{value:.2f}"
