"""Tables of architectures and why they won: endings, importance, path from the median, neighbours, what was visited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from harness.checks import FloatArray
from reports.statistics.importance import Anova
from reports.statistics.scale import Scale
from reports.study.study import Study
from reports.study.wording import noted, split_words
from reports.tables.numbers import NONE, regret_words
from reports.tables.report_table import ReportTable
from reports.why.explained import BEST_WORDS, FINEST_WORDS, Edit, Explained
from reports.why.searched import Bests

MOST_ROWS = 5
"""Rows of a benchmark that are shown: genes and pairs that explain most, neighbours that come nearest."""
BEST_FOUND, BEST_KNOWN = "best of all runs", "best of the table"
_VERDICTS = {True: "more than noise", False: "within noise", None: "noise not known"}
_BOUNDS = "breaks the bounds"
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
        winner = [] if bests.winner is None else [(f"{BEST_FOUND} ({bests.winner.label})", bests.winner)]
        rows += [
            {"benchmark": name, "label": label, "architecture": format_one(ending.arch[None])[0],
             "regret": ending.loss, "runs": ending.runs, "n": ending.all_runs}
            for label, ending in [*((ending.label, ending) for ending in bests.frequent), *winner]
        ]  # fmt: skip
        if optimum is not None:
            text, loss = optimum
            rows.append({"benchmark": name, "label": BEST_KNOWN, "architecture": text, "regret": loss,
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
    rows: list[dict[str, Any]] = []
    cells: list[tuple[str, ...]] = []
    for name, explained in found:
        genes = list(explained.space.legend())
        places = [(a, a) for a in range(len(genes))]
        places += [(a, b) for b in range(len(genes)) for a in range(b)] if explained.independent else []
        own: list[dict[str, Any]] = [
            {
                "benchmark": name,
                "genes": genes[a] if a == b else f"{genes[a]} with {genes[b]}",
                "percent": _share(explained.everywhere, a, b),
                "standard_error": 100 * float(_errors(explained.everywhere)[a, b]),
                "percent_into_best": _share(explained.into_best, a, b),
                "percent_within_best": np.nan if explained.within_best is None else _share(explained.within_best, a, b),
            }
            for a, b in places
        ]
        rows += own
        foremost = sorted(own, key=lambda row: -max(row["percent"], row["percent_into_best"]))[:MOST_ROWS]
        cells += [
            (name, row["genes"], _with_error(row["percent"], row["standard_error"]),
             *(_percent(row[key]) for key in ("percent_into_best", "percent_within_best")))
            for row in foremost
        ]  # fmt: skip
    analysed = "; ".join(f"{name}, {explained.landscape.words}" for name, explained in found)
    parts = [name for name, explained in found if not explained.independent]
    dependent = (
        f" On {', '.join(parts)} genes are not independent: shares overlap, pairs are not told, and a share that is"
        " nothing can be a little below 0."
        if parts
        else ""
    )
    sampled = any(explained.everywhere.main_error.any() for _, explained in found if explained.independent)
    caption = (
        "Variance of the regret that a gene explains alone, or two together and neither alone, in %; then the same of"
        f" being among the {BEST_WORDS} of all, and, of genes alone, of being among the {FINEST_WORDS} once among"
        f" the {BEST_WORDS}. The {MOST_ROWS} largest are shown, the CSV file has all."
        f"{' Of samples with standard errors.' * sampled} Analysed: {analysed}.{dependent}"
    )
    headers = ("Benchmark", "Gene or genes", "Of the regret, %", f"{BEST_WORDS.capitalize()}: %",
               f"{FINEST_WORDS.capitalize()} of these, %")  # fmt: skip
    return ReportTable("genes", "Importance of genes", caption, pd.DataFrame(rows), headers, tuple(cells))


def _share(shares: Anova, a: int, b: int) -> float:
    return 100 * float(shares.main_shares[a] if a == b else shares.pair_shares[a, b])


def _errors(shares: Anova) -> FloatArray:
    errors = shares.pair_error.copy()
    np.fill_diagonal(errors, shares.main_error)
    return errors


def _percent(share: float) -> str:
    return NONE if np.isnan(share) else f"{share:.1f}"


def _with_error(share: float, error: float) -> str:
    return _percent(share) if not error > 0 else f"{_percent(share)} \N{PLUS-MINUS SIGN} {error:.1f}"


def ablation(study: Study, found: Sequence[tuple[str, Explained]]) -> ReportTable:
    """Return the path from the median architecture to the best that was found, step by step."""
    rows: list[dict[str, Any]] = []
    cells: list[tuple[str, ...]] = []
    scales = {item.name: item.truth.scales["validation"] for item in study.aligned}
    for name, explained in found:
        edits = [edit for _, edit in explained.path]
        start = float(explained.landscape.losses_of(explained.source[None])[0])
        rows.append({"benchmark": name, "step": 0, "edit": "median architecture", "regret": start, "gain": np.nan,
                     "margin": np.nan})  # fmt: skip
        rows += [{"step": place, **_row(name, edit), "gain": edit.change} for place, edit in enumerate(edits, start=1)]
        cells.append((name, "0", "median architecture", regret_words(start, scales[name]), NONE, NONE, ""))
        cells += [
            (name, str(place), edit.words, regret_words(edit.loss, scales[name]), *_compared(edit, scales[name]))
            for place, edit in enumerate(edits, start=1)
        ]
    caption = (
        "From the architecture of median regret to the best that was found: each step takes over the gene that gains"
        " most (ablation of Fawcett and Hoos). Gain: how much the regret falls."
        f"{_MARGIN.format(what='the steps')}{noted(study)}"
    )
    headers = ("Benchmark", "Step", "Edit", "Regret", "Gain", "Noise", "Gain is")
    columns = ["benchmark", "step", "edit", "regret", "gain", "margin"]
    return ReportTable("ablation", "From the median to the winner", caption, pd.DataFrame(rows)[columns], headers,
                       tuple(cells), text_columns=3)  # fmt: skip


def neighbours(study: Study, found: Sequence[tuple[str, Explained]]) -> ReportTable:
    """Return the architectures one edit away from the best that was found, those that come nearest."""
    rows: list[dict[str, Any]] = []
    cells: list[tuple[str, ...]] = []
    scales = {item.name: item.truth.scales["validation"] for item in study.aligned}
    for name, explained in found:
        edits = explained.neighbours
        rows += [_row(name, edit) | {"change": edit.change, "same_function": edit.same} for edit in edits]
        for edit in edits[:MOST_ROWS]:
            change, margin, verdict = _compared(edit, scales[name])
            verdict = "same function" if edit.same else verdict
            cells.append((name, edit.words, regret_words(edit.loss, scales[name]), change, margin, verdict))
    caption = (
        "Architectures one edit away from the best that was found, and what the edit would gain; a gain below 0 is a"
        f" loss. Those that come nearest are shown, {MOST_ROWS} of each benchmark; the CSV file has all. The winner was"
        f" picked for its mean, which favours it.{_MARGIN.format(what='the neighbours')}{noted(study)}"
    )
    headers = ("Benchmark", "Edit", "Regret", "Gain", "Noise", "Difference is")
    frame = pd.DataFrame(rows, columns=["benchmark", "edit", "regret", "change", "margin", "same_function"])
    return ReportTable("neighbours", "One edit from the winner", caption, frame, headers, tuple(cells))


def _row(name: str, edit: Edit) -> dict[str, Any]:
    return {"benchmark": name, "edit": edit.words, "regret": edit.loss, "margin": edit.margin}


def _compared(edit: Edit, scale: Scale) -> tuple[str, str, str]:
    """Return change, margin and verdict."""
    if not np.isfinite(edit.change):
        return NONE, NONE, _BOUNDS
    margin = NONE if np.isnan(edit.margin) else regret_words(edit.margin, scale)
    return regret_words(edit.change, scale), margin, _VERDICTS[edit.is_real]


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
