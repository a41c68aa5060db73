"""Winners: which learner agrees best at a size of training set and a limit on the time of a fit, a map (F14)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch, Rectangle

from harness.checks import FloatArray
from reports.figures.exhibit import Exhibit
from reports.figures.kind import FigureKind
from reports.figures.style import shortened, shown_name
from reports.predictors.results import TEST_WORDS, Evaluated, Target
from reports.statistics.significance import ALPHA, holm, refusal, wilcoxon_p

LIMITS = (0.001, 0.01, 0.1, 1.0, 10.0, 100.0)
"""CPU seconds that a fit may take."""


class Best(NamedTuple):
    """The learner of the largest mean tau, and what is known of the others.

    Attributes
    ----------
    winner : str
    tied : list of str
        Those that are not shown to be worse; none where nothing was tested.
    untested : str
        Why nothing was tested, whatever the data; "" where it was.
    """

    winner: str
    tied: list[str]
    untested: str


def best(target: Target, labels: Sequence[str], column: int) -> Best | None:
    """Return the learner of the largest mean tau on the first test set; None where none was fitted in all trials.

    Wilcoxon signed-rank tests of each other learner against the best over the same trials, adjusted by Holm.
    """
    taus = {label: target.learnt[label].taus(column) for label in labels}
    taus = {label: values for label, values in taus.items() if np.isfinite(values).all()}
    if not taus:
        return None
    winner = max(taus, key=lambda label: float(taus[label].mean()))
    others = [label for label in taus if label != winner]
    untested = refusal(len(taus[winner]), len(others)) if others else ""
    if untested:
        return Best(winner, [], untested)
    p = _tests(taus, winner, others)
    return Best(winner, [label for label, value in zip(others, p, strict=True) if not value < ALPHA], "")


def untested_words(found: Iterable[Best | None]) -> str:
    """Say that nothing was tested, and how many trials it would take, for captions; "" where all was."""
    reasons = [item.untested for item in found if item is not None and item.untested]
    if not reasons:
        return ""
    reason = max(reasons, key=len).removeprefix("not tested: ").replace("pairs of runs", "trials")
    return f" Not tested everywhere: {reason.replace('pair of runs', 'trial')}."


def _tests(taus: Mapping[str, FloatArray], winner: str, others: Sequence[str]) -> FloatArray:
    p = [
        wilcoxon_p(taus[winner] - taus[label]) if len(taus[label]) == len(taus[winner]) else np.nan for label in others
    ]
    return holm(np.array(p, dtype=np.float64))


def exhibit(results: Evaluated) -> Exhibit | None:
    """Return the map: sizes from left to right, limits of a fit's time upwards; None where nothing was tested."""
    rows, tests = [], list[Best]()
    for target in results.targets:
        for column, size in enumerate(results.sizes):
            for limit in LIMITS:
                fast = [name for name, one in target.learnt.items() if np.median(one.fit_seconds[:, column]) <= limit]
                won = best(target, fast, column)
                if won is not None:
                    tests.append(won)
                    open_to_doubt = len(won.tied) + bool(won.untested)
                    rows.append(
                        (target.name, won.winner, size, limit, target.learnt[won.winner].tau(column), open_to_doubt)
                    )
    frame = pd.DataFrame(rows, columns=["benchmark", "series", "x", "limit", "tau", "tied"])
    if frame.empty:
        return None
    words = TEST_WORDS[results.tests[0]]
    caption = (
        f"The learner of the largest mean tau on {words} among those whose fit takes at most the CPU seconds on the"
        " left, by the number of architectures learnt from. Number: its tau. Hatched: at least one other learner is not"
        " shown to be worse (Wilcoxon signed-rank over trials, Holm's adjustment in each field, alpha = .05)."
        f"{untested_words(tests)}{results.background_words}"
    )
    said = "; ".join(f"{r.benchmark}, n {r.x}, {r.limit:g} s: {r.series} {r.tau:.2f}" for r in frame.itertuples())
    return Exhibit(
        "winners",
        KIND.name,
        frame,
        {
            "title": "Which learner wins at this budget",
            "caption": caption,
            "alt": f"Map of the best learner by size and time: {said}.",
            "x_label": "architectures learnt from",
            "y_label": {target.name: "CPU seconds of a fit, at most" for target in results.targets},
            **results.common(),
        },
    )


def draw(axes: Axes, frame: pd.DataFrame, meta: Mapping[str, Any]) -> None:
    """Draw a field for each size and limit in the colour of its winner."""
    sizes, limits = sorted(set(frame["x"])), sorted(set(frame["limit"]))
    for row in frame.itertuples():
        x, y = sizes.index(row.x), limits.index(row.limit)
        color = meta["styles"][row.series]["color"]
        axes.add_patch(Rectangle((x, y), 1, 1, facecolor=color, alpha=0.5, linewidth=0.5, edgecolor="white"))
        if row.tied:
            axes.add_patch(Rectangle((x, y), 1, 1, fill=False, hatch="////", linewidth=0, edgecolor="white", alpha=0.7))
        grey = f"\n{shortened(str(row.series), 10)}" if row.series in meta.get("background", ()) else ""
        axes.text(x + 0.5, y + 0.5, f"{row.tau:.2f}{grey}", ha="center", va="center", fontsize=4.5 if grey else 6)
    axes.set_xlim(0, len(sizes))
    axes.set_ylim(0, len(limits))
    axes.set_xticks([x + 0.5 for x in range(len(sizes))], [f"{size:g}" for size in sizes])
    axes.set_yticks([y + 0.5 for y in range(len(limits))], [f"{limit:g}" for limit in limits])
    axes.tick_params(length=0)
    axes.grid(visible=False)
    handles = _handles(frame, meta)
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.02, 1.0), fontsize=6.5, frameon=False)


def _handles(frame: pd.DataFrame, meta: Mapping[str, Any]) -> list[Patch]:
    """Return a patch for each winner in the order of the styles; those in the background share one."""
    grey, won = meta.get("background", ()), set(frame["series"])
    names = {name: shown_name(name) for name in meta["styles"] if name in won and name not in grey}
    names |= dict.fromkeys([name for name in grey if name in won][:1], "others")
    return [Patch(facecolor=meta["styles"][name]["color"], alpha=0.5, label=text) for name, text in names.items()]


KIND = FigureKind("winners", (2.15, 1.85), draw, left=0.55, right=0.45, names="right")
