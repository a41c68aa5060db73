"""Tables of architectures and why they won: endings, importance, path from the median, neighbours, what was visited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from reports.statistics.scale import Scale
from reports.study.study import Study
from reports.study.wording import best_label, is_constrained, noted, split_words
from reports.tables.numbers import MINUS, NONE, regret_words
from reports.tables.report_table import ReportTable
from reports.why.explained import BEST_WORDS, FINEST_WORDS, Explained
from reports.why.frames import Rows, importance_rows, neighbour_rows, path_rows
from reports.why.searched import Bests

MOST_ROWS = 5
"""Rows of a benchmark that are shown: genes and pairs that explain most, neighbours that come nearest."""
BEST_FOUND = "best of all runs"
_VERDICTS = {True: "more than noise", False: "within noise", None: "noise not known"}
_BOUNDS, _SAME = "breaks the bounds", "same function"
_MARGIN = (
    " Noise: what the difference of two means must exceed for noise of trainings alone to exceed none of {what}, with"
    " probability 0.95; the variance of one training is that of architectures of about the same regret."
)


def endings(study: Study, found: Sequence[tuple[str, Bests, tuple[str, float] | None]]) -> ReportTable:
    """Return what each strategy ended with most often, the best of all runs, and the best of the table."""
    rows: list[dict[str, Any]] = []
    items = {item.name: item for item in study.aligned}
    for name, bests, optimum in found:
        format_one = items[name].truth.oracle.space.format
        text = "" if bests.winner is None else format_one(bests.winner.arch[None])[0]
        both = optimum is not None and optimum[0] == text  # one row says it
        known = best_label(items[name].truth)
        label = f"{BEST_FOUND}{f', {known}' * both} ({bests.winner.label})" if bests.winner else ""
        winner = [] if bests.winner is None else [(label, bests.winner)]
        rows += [
            {"benchmark": name, "label": label, "architecture": format_one(ending.arch[None])[0],
             "regret": ending.loss, "runs": ending.runs, "n": ending.all_runs}
            for label, ending in [*((ending.label, ending) for ending in bests.frequent), *winner]
        ]  # fmt: skip
        if optimum is not None and not both:
            text, loss = optimum
            rows.append({"benchmark": name, "label": known, "architecture": text, "regret": loss,
                         "runs": np.nan, "n": np.nan})  # fmt: skip
    cells = tuple(
        (row["benchmark"], row["label"], row["architecture"], _of(row["runs"], row["n"]),
         regret_words(row["regret"], items[row["benchmark"]].truth.scales["validation"]))
        for row in rows
        if row["label"] not in study.background
    )  # fmt: skip
    word = split_words(study, "validation")
    caption = (
        "The architecture that most runs of each strategy ended with, counted by the function that it computes; of"
        f" these that of least {word} regret by the mean over trainings. Then the best that any run ended with, chosen"
        f" by that mean after the runs.{noted(study)}"
    )
    headers = ("Benchmark", "Strategy", "Architecture", "Runs", f"{word.capitalize()} regret")
    return ReportTable("endings", "What searches ended with", caption, pd.DataFrame(rows), headers, cells,
                       text_columns=3)  # fmt: skip


def _of(runs: float, every: float) -> str:
    return NONE if np.isnan(runs) else f"{runs:.0f}/{every:.0f}"


def importance(study: Study, found: Sequence[tuple[str, Explained]]) -> ReportTable:
    """Return the shares of variance of genes and pairs, over all, for being good, and among the good."""
    rows: Rows = []
    cells: list[tuple[str, ...]] = []
    for name, explained in found:
        own = importance_rows(explained)
        rows += [{"benchmark": name, **row} for row in own]
        cells += [(name, *importance_cells(row)) for row in foremost(own)]
    analysed = "; ".join(f"{name}, {explained.landscape.words}" for name, explained in found)
    parts = [name for name, explained in found if not explained.independent]
    dependent = (
        f" On {', '.join(parts)} genes are not independent: shares overlap, pairs are not told, and a share that is"
        " nothing can be a little below 0."
        if parts
        else ""
    )
    headers: tuple[str, ...] = (
        "Benchmark", "Gene or genes", "Of the regret, %", f"{BEST_WORDS.capitalize()}, %",
        f"{FINEST_WORDS.capitalize()} of these, %",
    )  # fmt: skip
    if all(row[-1] == NONE for row in cells):
        headers, cells = headers[:-1], [row[:-1] for row in cells]
    finest = f", and, of genes alone, of being among the {FINEST_WORDS} once among the {BEST_WORDS}"
    bounds = ", whether they keep the bounds or not" if is_constrained(study) else ""
    sampled = any(explained.everywhere.main_error.any() for _, explained in found if explained.independent)
    caption = (
        "Variance of the regret that a gene explains alone, or two together and neither alone, in %; then the same of"
        f" being among the {BEST_WORDS} of all{finest * (len(headers) > 4)}. The {MOST_ROWS} largest are shown, the CSV"
        " file has all."
        f"{' Of samples with standard errors.' * sampled} Analysed: {analysed}{bounds}.{dependent}"
    )
    return ReportTable("genes", "Importance of genes", caption, pd.DataFrame(rows), headers, tuple(cells))


def foremost(rows: Rows) -> Rows:
    """Return the genes and pairs that explain most, of the regret or of being among the best."""
    return sorted(rows, key=lambda row: -max(row["percent"], row["percent_into_best"]))[:MOST_ROWS]


def importance_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a row of `importance_rows` as tables show it."""
    shares = (_percent(row[key]) for key in ("percent_into_best", "percent_within_best"))
    return row["genes"], _with_error(row["percent"], row["standard_error"]), *shares


def _percent(share: float) -> str:
    return NONE if np.isnan(share) else f"{share:.1f}".replace("-", MINUS)


def _with_error(share: float, error: float) -> str:
    return _percent(share) if not error > 0 else f"{_percent(share)} \N{PLUS-MINUS SIGN} {error:.1f}"


def ablation(study: Study, found: Sequence[tuple[str, Explained]]) -> ReportTable:
    """Return the path from the median architecture to the best that was found, step by step."""
    rows: Rows = []
    cells: list[tuple[str, ...]] = []
    for name, explained in found:
        own = path_rows(explained)
        rows += [{"benchmark": name, **row} for row in own]
        cells += [(name, str(row["step"]), *edit_cells(row, _scale(explained))) for row in own]
    caption = (
        "From the architecture of median regret to the best that was found: each step takes over the gene that gains"
        " most (ablation of Fawcett and Hoos). Gain: how much the regret falls."
        f"{_MARGIN.format(what='the steps')}{noted(study, dict(found))}"
    )
    headers = ("Benchmark", "Step", "Edit", "Regret", "Gain", "Noise", "Gain is")
    return ReportTable("ablation", "From the median to the winner", caption, pd.DataFrame(rows), headers, tuple(cells),
                       text_columns=3)  # fmt: skip


def neighbours(study: Study, found: Sequence[tuple[str, Explained]]) -> ReportTable:
    """Return the architectures one edit away from the best that was found, those that come nearest."""
    rows: Rows = []
    cells: list[tuple[str, ...]] = []
    for name, explained in found:
        own = neighbour_rows(explained)
        rows += [{"benchmark": name, **row} for row in own]
        cells += [(name, *edit_cells(row, _scale(explained))) for row in own[:MOST_ROWS]]
    caption = (
        "Architectures one edit away from the best that was found, and what the edit would gain; a gain below 0 is a"
        f" loss. Those that come nearest are shown, {MOST_ROWS} of each benchmark; the CSV file has all. The winner was"
        f" picked for its mean, which favours it.{_MARGIN.format(what='the neighbours')}{noted(study, dict(found))}"
    )
    headers = ("Benchmark", "Edit", "Regret", "Gain", "Noise", "Difference is")
    return ReportTable("neighbours", "One edit from the winner", caption, pd.DataFrame(rows), headers, tuple(cells))


def edit_cells(row: Mapping[str, Any], scale: Scale) -> tuple[str, ...]:
    """Return a row of `path_rows` or `neighbour_rows` as tables show it: edit, regret, gain, noise, verdict."""
    if row.get("step") == 0:
        return row["edit"], regret_words(row["regret"], scale), NONE, NONE, ""
    if not np.isfinite(row["gain"]):
        return row["edit"], NONE, NONE, NONE, _BOUNDS
    margin = NONE if np.isnan(row["margin"]) else regret_words(row["margin"], scale)
    verdict = _SAME if row.get("same_function") else _VERDICTS[row["is_real"]]
    return row["edit"], regret_words(row["regret"], scale), regret_words(row["gain"], scale), margin, verdict


def _scale(found: Explained) -> Scale:
    return found.landscape.truth.scales["validation"]


def visited(study: Study, frames: Sequence[pd.DataFrame]) -> ReportTable:
    """Return how many architectures and functions each strategy visited, and how far apart and how good they were."""
    frame = pd.concat(frames, ignore_index=True)
    cells = tuple(
        (
            row["benchmark"], row["label"], str(row["n"]), f"{row['proposals']:.4g}", f"{row['architectures']:.4g}",
            f"{row['functions']:.4g}", f"{row['distance']:.2f}", f"{100 * row['in_best']:.1f}",
        )
        for row in frame.to_dict("records")
        if row["label"] not in study.background
    )  # fmt: skip
    caption = (
        "What was proposed, means over runs: proposals, different architectures among them, and different functions"
        " that these compute; in how many genes two proposals of a run differ; and the share of proposals among the"
        f" {FINEST_WORDS} of the architectures analysed, by the mean over trainings."
    )
    headers = ("Benchmark", "Strategy", "n", "Proposals", "Architectures", "Functions", "Genes apart",
               f"In the {FINEST_WORDS}, %")  # fmt: skip
    return ReportTable("visited", "Where searches went, in numbers", caption, frame, headers, cells)
