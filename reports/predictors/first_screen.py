"""The first screen of an evaluation of learners: which agrees best, how sure, at what cost, and all beside it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from reports.predictors.growth import interval
from reports.predictors.results import TEST_WORDS, Evaluated, Target
from reports.predictors.winners import best
from reports.study.study import MOST_DRAWN
from reports.tables.matrix import Cell, Column, FirstScreen, Matrix, Row
from reports.tables.numbers import DASH, MINUS, NONE, three_digits

_NOTHING = Cell(NONE, -np.inf)
_SHOWN = 10


def first_screen(results: Evaluated) -> FirstScreen:
    """Return the verdict over all benchmarks, and tau by learner, benchmark and size, with the times of fits."""
    means = {label: _mean_tau(results, label) for label in results.labels}
    known = [label for label in results.labels if np.isfinite(means[label])]
    if not known:
        return FirstScreen("No learner was fitted on all benchmarks.", ())
    order = sorted(known, key=lambda label: -means[label])
    order += [label for label in results.labels if label not in known]
    return FirstScreen(*_verdict(results, order, means), _matrix(results, order))


def _mean_tau(results: Evaluated, label: str) -> float:
    """Return tau at the largest size, the mean over benchmarks; NaN where the learner lacks one."""
    return float(np.mean([_tau(target, label, len(results.sizes) - 1)[0] for target in results.targets]))


def _tau(target: Target, label: str, column: int) -> tuple[float, float, float]:
    one = target.learnt.get(label)
    return (np.nan, np.nan, np.nan) if one is None else interval(one.taus(column))


def _verdict(results: Evaluated, order: list[str], means: Mapping[str, float]) -> tuple[str, tuple[str, ...]]:
    leader, last, size = order[0], len(results.sizes) - 1, results.sizes[-1]
    if len(results.labels) == 1:
        return "One learner, compared with none.", (f"{leader} reaches a tau of {means[leader]:.2f} (n = {size}).",)
    found = [(target, best(target, list(target.learnt), last)) for target in results.targets]
    first = [target.name for target, one in found if one is not None and one.winner == leader]
    level = [target.name for target, one in found if one is not None and leader in one.tied]
    untested = any(one is not None and one.untested for _, one in found)
    over = f"the mean over {len(results.targets)} benchmarks" if len(results.targets) > 1 else results.targets[0].name
    sure = f"After {size} architectures {leader} agrees best with the table: Kendall's tau {means[leader]:.2f} ({over})"
    if untested:
        sure += "; there are too few trials to test it everywhere"
    elif len(results.targets) > 1:
        sure += f"; it is the best on {len(first)} of {len(results.targets)}"
        sure += f" and not shown to be worse than the best on {len(level)} more" if level else ""
    else:
        tied = next((one.tied for _, one in found if one is not None), [])
        sure += f"; {len(tied)} others are not shown to be worse" if tied else "; all others are shown to be worse"
    fits = _fit_seconds(results)
    cost = f"A fit takes {three_digits(fits[leader])} s"
    rest = [label for label in order[1:] if fits[label] * 10 <= fits[leader] and means[label] >= means[leader] - 0.05]
    if rest:
        cost += f"; within .05 of its tau, {rest[0]} ({means[rest[0]]:.2f}) takes {three_digits(fits[rest[0]])} s"
    verdict = f"Use {leader}." if not rest else f"Use {leader}, or {rest[0]} for less."
    if all(one is None or one.untested for _, one in found):
        verdict = f"{leader} comes first, and nothing is tested."
    return verdict, (f"{sure}.", f"{cost}.")


def _fit_seconds(results: Evaluated) -> dict[str, float]:
    """Return the CPU seconds of a fit at the largest size: the median over trials, the mean over benchmarks."""
    times = {
        label: [
            float(np.median(item.learnt[label].fit_seconds[:, -1])) for item in results.targets if label in item.learnt
        ]
        for label in results.labels
    }
    return {label: float(np.mean(values)) if values else np.nan for label, values in times.items()}


def _matrix(results: Evaluated, order: list[str]) -> Matrix:
    columns = dict[Column, Mapping[str, Cell]]()
    shown = sorted({0, len(results.sizes) - 1})
    references: dict[Column, str] = {}
    for target in results.targets:
        for place in shown:
            column = Column(target.name, f"n = {results.sizes[place]}", f"learnt from {results.sizes[place]}")
            columns[column] = _column(target, place)
            if np.isfinite(target.ceiling):
                references[column] = f"{target.ceiling:.2f}"
    about = "CPU seconds of a fit at the largest size, the median over trials, the mean over benchmarks"
    fits = _fit_seconds(results)
    columns[Column("cost", "fit, s", about)] = {
        label: Cell(three_digits(value, 1e-6), value) for label, value in fits.items() if np.isfinite(value)
    }
    styles = results.common()["styles"]
    colors = tuple(dict.fromkeys(str(style["color"]) for style in styles.values()))
    kept = set(order if len(order) <= MOST_DRAWN else order[:_SHOWN])
    rows = tuple(
        Row(
            label,
            colors.index(str(styles[label]["color"])),
            tuple(cells.get(label, _NOTHING) for cells in columns.values()),
            label not in kept,
        )
        for label in order
    )
    tests = [best(target, list(target.learnt), place) for target in results.targets for place in shown]
    untested = all(one is None or one.untested for one in tests)
    also = "; the others are not tested, for want of trials" if untested else ", and what is not shown to be worse"
    caption = (
        f"Kendall's tau on {TEST_WORDS[results.tests[0]]}, higher is better, by the number n of architectures learnt"
        f" from: mean over trials, below it the 95 % interval and the rank. Bold \N{BLACK CIRCLE}: the best{also}."
    )
    beside = tuple(references.get(column, "") for column in columns)
    named = {"one training with the mean of the others": beside} if references else {}
    return Matrix("Learner", tuple(columns), rows, caption, colors, named)


def _column(target: Target, place: int) -> dict[str, Cell]:
    won = best(target, list(target.learnt), place)
    taus = {label: _tau(target, label, place) for label in target.learnt}
    cells = {}
    for label, (mean, low, high) in taus.items():
        if not np.isfinite(mean):
            continue
        rank = 1 + sum(other > mean for other, _, _ in taus.values())
        first = won is not None and (label == won.winner or label in won.tied)
        ends = f"{low:.2f}{DASH}{high:.2f}" if low >= 0 else f"{low:.2f} to {high:.2f}".replace("-", MINUS)
        share = (0.0, float(np.clip(mean, 0.0, 1.0)))
        cells[label] = Cell(f"{mean:.2f}", mean, ends if np.isfinite(low) else "", str(rank), first, share)
    return cells
