"""The tables of learners: agreement at each size, then all that was measured at the largest (T7)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from harness.checks import FloatArray
from reports.predictors.growth import interval
from reports.predictors.results import PERCENT, TEST_WORDS, Evaluated, Learnt, Target
from reports.predictors.winners import Best, best, untested_words
from reports.tables.numbers import MINUS, NONE, three_digits
from reports.tables.report_table import BEST, TIED, ReportTable

Columns = Mapping[str, tuple[str, Callable[[float], str] | None]]
"""Headers of raw numbers and how they are written, by the name of the number; None for what is in a target's unit."""


def agreement(results: Evaluated) -> ReportTable:
    """Return Kendall's tau on the first test set at every size; best and not shown to be worse are marked."""
    frame, cells, marks, tests = [], list[tuple[str, ...]](), dict[tuple[int, int], str](), list[Best | None]()
    for target in results.targets:
        first = len(cells)
        for label, one in target.learnt.items():
            values = [interval(one.taus(column)) for column in range(len(results.sizes))]
            frame.append(
                {"benchmark": target.name, "learner": label, "trials": one.trials}
                | {f"tau_{size}": value[0] for size, value in zip(results.sizes, values, strict=True)}
                | {f"half_{size}": value[2] - value[0] for size, value in zip(results.sizes, values, strict=True)}
            )
            cells.append((target.name, label, *(_tau(mean, high - mean, one.trials) for mean, _, high in values)))
        labels = list(target.learnt)
        for column in range(len(results.sizes)):
            tests.append(won := best(target, labels, column))
            if won is not None:
                marks[first + labels.index(won.winner), column + 2] = BEST
                marks |= {(first + labels.index(label), column + 2): TIED for label in won.tied}
    caption = (
        f"Kendall's tau-b on {TEST_WORDS[results.tests[0]]} by the number of architectures learnt from: mean over"
        " trials ± half the 95 % t interval. Bold: largest mean; underlined: not shown to be worse (Wilcoxon signed"
        f"-rank over the same trials, Holm's adjustment in each column of a benchmark, alpha = .05)."
        f"{untested_words(tests)}"
    )
    headers = ("Benchmark", "Learner", *(f"n = {size}" for size in results.sizes))
    return ReportTable("agreement", "Rank agreement", caption, pd.DataFrame(frame), headers, tuple(cells), marks)


def _tau(mean: float, half: float, trials: int) -> str:
    """Return a mean with half its interval, which one trial has not; without the noughts before points."""
    if np.isnan(mean):
        return NONE
    return " ± ".join(re.sub(r"^(\D?)0\.", r"\1.", text) for text in (_two(mean), *[f"{half:.2f}"] * (trials > 1)))


SEEN = (
    "What is seen of an architecture beside its genes is paid for every candidate: the seconds of its signals, as the"
    " table records them, and what is trained of it, in units of one full training."
)
"""Caption of the table of what is paid."""


def others(results: Evaluated) -> list[ReportTable]:
    """Return all other measures at the largest size: order, choice, and errors with honesty and time."""
    first, size = TEST_WORDS[results.tests[0]], results.sizes[-1]
    short = {"random": "random", "best_tenth": "best tenth", "neighbourhood": "edits"}
    order: Columns = {
        **{f"kendall_{test}": (f"Tau, {short[test]}", _two) for test in results.tests},
        "sparse_kendall": ("Sparse tau", _two),
        "spearman": ("Spearman", _two),
        "pearson": ("Pearson", _two),
    }
    choice: Columns = {
        "precision_at_10": ("Precision at 10", _two),
        "best_rank_at_10": ("Best rank at 10", three_digits),
        "regret_1": ("Regret of 1", None),
        "regret_10": ("Regret of 10", None),
        "regret_50": ("Regret of 50", None),
        **({"search_regret": ("Regret of a search", None)} if results.search else {}),
    }
    honesty: Columns = {
        "rmse": ("RMSE", None),
        "mae": ("MAE", None),
        "nll": ("NLL", _two),
        "sharpness": ("Mean std", None),
        **{f"coverage_{level}": (f"In {level} %", _percent) for level in (50, 80, 95)},
        "fit_seconds": ("Fit, s", three_digits),
        "milliseconds_per_1000": ("1,000 predictions, ms", three_digits),
    }
    search = (
        f" Regret of a search: at the end of {results.search} evaluations that the learner guides."
        if results.search
        else ""
    )
    return [
        _of_columns(results, "order", "Order", order,
            f"After {size} architectures: Kendall's tau-b on each test set; on {first} sparse tau (of targets in"
            " percent: predictions rounded to a tenth of a point), Spearman and signed Pearson. Means over trials."),
        _of_columns(results, "choice", "Choice", choice,
            f"After {size} architectures: on {first} the share of the ten best found by the ten best predicted, and the"
            " best true rank among them; of all that was not learnt from, the regret of the 1, 10 and 50 best"
            f" predicted.{search} Means over trials."),
        _of_columns(results, "honesty", "Errors, uncertainty and time", honesty,
            f"After {size} architectures, on {first}: root mean squared and mean absolute error; where a learner states"
            " standard deviations, negative log-likelihood (nats), the mean standard deviation, and the share of means"
            " (%) inside central intervals; CPU seconds. Means over trials, medians of times."),
    ]  # fmt: skip


def _of_columns(results: Evaluated, name: str, title: str, columns: Columns, caption: str) -> ReportTable:
    frame, cells = [], list[tuple[str, ...]]()
    for target in results.targets:
        for label, one in target.learnt.items():
            raw = _row(results, target, one)
            known = {"benchmark": target.name, "learner": label, "size": results.sizes[-1]}
            frame.append(known | {key: raw[key] for key in columns})
            told = (
                write(raw[key]) if write else three_digits(raw[key], target.least)
                for key, (_, write) in columns.items()
            )
            cells.append((target.name, label, *told))
    headers = ("Benchmark", "Learner", *(header for header, _ in columns.values()))
    return ReportTable(name, title, caption, pd.DataFrame(frame), headers, tuple(cells))


def paid(results: Evaluated) -> ReportTable | None:
    """Return what is paid for every candidate beside predictions; None where no learner sees anything."""
    rows, cells = [], list[tuple[str, ...]]()
    for target in results.targets:
        for label, one in target.learnt.items():
            if one.signals or one.epochs:
                raw = {"signal_milliseconds_per_1000": 1e6 * one.signal_seconds, "trained_per_1000": 1e3 * one.begun}
                rows.append({"benchmark": target.name, "learner": label} | raw)
                trained = three_digits(raw["trained_per_1000"]) if one.epochs else NONE
                cells.append((target.name, label, _paid(one), trained))
    if not rows:
        return None
    headers = ("Benchmark", "Learner", "Signals of 1,000, ms", "Begun for 1,000, trainings")
    return ReportTable("paid", "What is paid for candidates", SEEN, pd.DataFrame(rows), headers, tuple(cells))


def _row(results: Evaluated, target: Target, one: Learnt) -> dict[str, float]:
    taus = {f"kendall_{test}": _mean(one.taus(-1, k)) for k, test in enumerate(results.tests)}
    scores = {name: _mean(values[:, -1, 0]) for name, values in one.scores.items() if name != "kendall"}
    if target.unit != PERCENT:
        scores["sparse_kendall"] = float("nan")  # its step is a tenth of a point
    return {
        **taus,
        **scores,
        **{f"regret_{top}": _mean(values[:, -1]) for top, values in one.regrets.items()},
        "search_regret": _mean(one.end),
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
    return NONE if np.isnan(value) else f"{round(value, 2) + 0.0:.2f}".replace("-", MINUS)


def _percent(value: float) -> str:
    return NONE if np.isnan(value) else f"{100 * value:.0f}"
