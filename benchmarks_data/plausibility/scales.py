"""Scales and directions of results: whether values are what their unit, their name and their direction say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from benchmarks_data.plausibility.likeness import FEWEST, spearman
from harness.benchmark import Column
from harness.checks import BoolArray, FloatArray

PERCENT = ("percent", "%", "pct")
FRACTION = ("fraction", "ratio", "share", "proportion")
_HIGHER = {"acc", "accuracy", "top", "f1", "auc", "miou", "iou", "ssim", "psnr", "precision", "recall", "bleu"}
_LOWER = {"err", "error", "loss", "perplexity", "ppl", "mse", "rmse", "mae", "wer", "cer", "nll", "regret"}
_NEGATED = {"neg", "negative", "minus", "negated"}
_WORDS = re.compile(r"[a-z]+\d?(?![a-z])|[a-z]+")
_OPPOSED = -0.5
"""Rank correlation below which two results of one direction contradict each other."""
_PAIRS = 20
_MOST = 0.9
"""Share of trainings that get worse in their course from which on a direction is the wrong one."""


@dataclass(frozen=True)
class Question:
    """A contradiction between numbers and what is said of them.

    Attributes
    ----------
    column : str
    text : str
        What contradicts what; a clause that goes on from the column's name.
    remedy : str
    beyond : (n,) bool or None
        Which of the values that were given it is about, where it is about single ones.
    sure : bool
        Whether numbers say so; names may mislead.
    """

    column: str
    text: str
    remedy: str
    beyond: BoolArray | None = None
    sure: bool = True


def of_unit(column: Column, values: FloatArray) -> Question | None:
    """Ask whether values can be of their unit.

    Parameters
    ----------
    column : Column
        A result; a cost may be any share of anything.
    values : (n,) float64
        NaN where one is missing.
    """
    known = values[np.isfinite(values)]
    if not column.split or not len(known):
        return None
    unit = column.unit.lower()
    if unit in PERCENT:
        if known.min() >= 0 and known.max() <= 1 and (known != np.round(known)).any():
            text = f"has unit '{column.unit}', and all of its {len(known):,} values lie in 0 to 1, as fractions do"
            return Question(column.name, text, "write unit 'fraction'")
        return _beyond(column, values, 100.0, "give values from 0 to 100, or another unit")
    if unit in FRACTION:
        if known.min() >= 0 and known.max() > 1.5:
            text = f"has unit '{column.unit}', and its values go up to {known.max():.6g}, as percent do"
            return Question(column.name, text, "write unit 'percent'", values > 1.0)
        return _beyond(column, values, 1.0, "give values from 0 to 1, or another unit")
    return None


def _beyond(column: Column, values: FloatArray, highest: float, remedy: str) -> Question | None:
    outside = (values < 0) | (values > highest)
    count = int(np.count_nonzero(outside))
    if not count:
        return None
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    text = (
        f"has unit '{column.unit}', and {count:,} of its values lie outside 0 to {highest:g} "
        f"(lowest {low:.6g}, highest {high:.6g})"
    )
    return Question(column.name, text, remedy, outside)


def of_name(column: Column, *names: str) -> Question | None:
    """Ask whether the direction is that of what the column is called.

    Parameters
    ----------
    column : Column
        A result.
    *names : str
        Under which the data know it.

    Examples
    --------
    >>> of_name(Column("valid_error", "percent", "maximise", "x-valid")).text
    "is maximised, and 'error' is better when it is lower"
    """
    words = [word for name in (column.name, *names) for word in _WORDS.findall(name.lower())]
    if not column.split or _NEGATED.intersection(words):
        return None
    lower = [word for word in words if word.rstrip("0123456789") in _LOWER]
    higher = [word for word in words if word in _HIGHER or word.rstrip("0123456789") in _HIGHER]
    if lower and not higher and column.direction == "maximise":
        return Question(
            column.name,
            f"is maximised, and '{lower[0]}' is better when it is lower",
            "write direction 'minimise', or the column's right name",
            sure=False,
        )
    if higher and not lower and column.direction == "minimise":
        return Question(
            column.name,
            f"is minimised, and '{higher[0]}' is better when it is higher",
            "write direction 'maximise', or the column's right name",
            sure=False,
        )
    return None


def of_curve(column: Column, values: FloatArray) -> Question | None:
    """Ask whether trainings get better by the direction in their course: (N, R, F), of one schedule, in order.

    Only shares are asked: a loss may well rise again.
    """
    if not column.split or column.unit.lower() not in (*PERCENT, *FRACTION) or values.shape[2] < 2:
        return None
    flat = values.reshape(-1, values.shape[2])
    known = np.isfinite(flat)
    rows = np.flatnonzero(known.sum(axis=1) > 1)
    if len(rows) < FEWEST:
        return None
    first = flat[rows, known[rows].argmax(axis=1)]
    last = flat[rows, values.shape[2] - 1 - known[rows][:, ::-1].argmax(axis=1)]
    gain = (last - first) if column.direction == "maximise" else (first - last)
    worse = int(np.count_nonzero(gain < 0))
    if worse < _MOST * len(rows):
        return None
    text = f"is {column.direction}d, and gets worse in the course of {worse:,} of {len(rows):,} trainings"
    other = "minimise" if column.direction == "maximise" else "maximise"
    return Question(column.name, text, f"write direction '{other}' if it is an error, not an accuracy, or the reverse")


def of_pairs(columns: dict[str, tuple[Column, FloatArray]]) -> list[Question]:
    """Ask whether results that are better in one column are better in the others: by name, (n,) values each."""
    questions = []
    shares = {
        name: item for name, item in columns.items() if item[0].split and item[0].unit.lower() in (*PERCENT, *FRACTION)
    }
    for (one, (first, x)), (other, (second, y)) in combinations(shares.items(), 2):
        both = np.isfinite(x) & np.isfinite(y)
        if np.count_nonzero(both) < _PAIRS or min(len(np.unique(x[both])), len(np.unique(y[both]))) < FEWEST:
            continue
        sign = 1.0 if first.direction == second.direction else -1.0
        rank = sign * spearman(x[both], y[both])
        if rank < _OPPOSED:
            directions = f"is {first.direction}d and {other} is {second.direction}d"
            text = f"{directions}, and what is better by one is worse by the other (rank correlation {rank:.2f})"
            questions.append(Question(one, text, "give an error the direction 'minimise', an accuracy 'maximise'"))
    return questions
