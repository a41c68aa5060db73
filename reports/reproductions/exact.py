"""Values that need no search: look-ups, constrained optima, selections by a score, rank correlations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from scipy.stats import kendalltau, spearmanr

from harness.benchmark import Oracle
from harness.checks import Archs, BoolArray, FloatArray, integer
from harness.errors import HarnessError, must, unknown
from harness.problem import Constraint
from harness.seeding import generator
from reports.reproductions.recipe import SPLITS, Cell, Correlation, LookUp, Optimum, Selection
from reports.reproductions.verdict import IMPOSSIBLE, POSSIBLE, Here, Verdict, words

Oracles = Mapping[str, Oracle]
"""Tables by their short names."""


def column_of(oracle: Oracle, split: str) -> str:
    """Return the column that a split means, or the column of that name.

    Raises
    ------
    HarnessError
        If the table has none.
    """
    name = {SPLITS[0]: oracle.validation, SPLITS[1]: oracle.test}.get(split, split)
    if name is None or name not in oracle.columns:
        raise HarnessError(unknown(f"column of {oracle.name}", split, (*SPLITS, *oracle.columns)))
    return name


def look_up(part: LookUp, oracles: Oracles) -> Iterator[tuple[Cell, Here]]:
    """Yield each published value with the one of the table: mean and population sd over the architectures of a row."""
    for cell in part.cells:
        table, _, split = cell.quantity.rpartition(" ")
        oracle = oracles[table]
        archs = _archs(oracle, part.archs, cell.row)
        name = column_of(oracle, split)
        training = part.training.get(cell.row)
        if training is None or split != SPLITS[1]:
            values = oracle.mean(archs, name)
        else:
            values = oracle.trainings(archs, name)[:, integer("training", training, low=0)]
        several = len(values) > 1
        yield cell, Here(float(values.mean()), float(values.std()) if several else None, len(values))


def _archs(oracle: Oracle, listed: Mapping[str, object], row: str) -> Archs:
    texts = listed.get(row)
    if not isinstance(texts, list) or not texts:
        raise HarnessError(must(f"archs of '{row}'", "be a list of architectures", texts))
    return oracle.space.parse([str(text) for text in texts])


def optimum(part: Optimum, oracles: Oracles) -> Iterator[tuple[Cell, Here]]:
    """Yield each published value with that of the best row by validation among those that keep the constraint."""
    oracle = oracles[part.table]
    for cell in part.cells:
        kept = _kept(oracle, str(part.constraints.get(cell.row, "")))
        validation = _turned(oracle, SPLITS[0])
        best = int(np.nanargmax(np.where(kept, validation, -np.inf)))
        split = cell.quantity.rpartition(" ")[2]
        yield cell, Here(float(oracle.values(column_of(oracle, split))[best]))


def claims(part: Optimum, oracles: Oracles) -> Iterator[Verdict]:
    """Yield for each claimed test value whether any architecture of the table has as much."""
    oracle = oracles[part.table]
    name = column_of(oracle, SPLITS[1])
    for row, claimed in part.claims.items():
        kept = _kept(oracle, str(part.constraints.get(row, "")))
        turned = np.where(kept, _turned(oracle, SPLITS[1]), -np.inf)
        best = float(oracle.values(name)[int(np.nanargmax(turned))])
        sign = 1.0 if oracle.columns[name].direction == "maximise" else -1.0
        for who, value in claimed.items():
            difference = best - float(value)
            possible = sign * difference >= -part.tolerance - 1e-9
            reason = "" if possible else "no architecture of the table is as good, by the mean over its trainings"
            yield Verdict(
                part.name,
                row,
                f"claim of {who}",
                words(float(value)),
                f"best {words(best)}",
                round(difference, 6),
                None,
                POSSIBLE if possible else IMPOSSIBLE,
                reason,
            )


def _kept(oracle: Oracle, constraint: str) -> BoolArray:
    kept: BoolArray = np.isfinite(oracle.values(column_of(oracle, SPLITS[0])))
    if constraint:
        bound = Constraint.parse(constraint)
        kept &= bound.violation(oracle.values(column_of(oracle, bound.name))) <= 0
    if not kept.any():
        raise HarnessError(f"no row of {oracle.name} keeps {constraint}")
    return kept


def _turned(oracle: Oracle, split: str) -> FloatArray:
    """Return a column of the table with higher values for the better, (N,)."""
    name = column_of(oracle, split)
    values = oracle.values(name)
    return values if oracle.columns[name].direction == "maximise" else -values


def selection(part: Selection, oracles: Oracles) -> Iterator[tuple[Cell, Here]]:
    """Yield each published value with the mean and sd over `repeats` selections of the best by a score.

    Architectures are drawn without replacement among those that have a score; ties go to the first drawn.
    """
    oracle = oracles[part.table]
    scores = oracle.values(column_of(oracle, part.signal))
    scored = np.flatnonzero(np.isfinite(scores))
    sign = 1.0 if oracle.columns[part.signal].direction == "maximise" else -1.0
    chosen: dict[str, list[int]] = {}
    for cell in part.cells:
        if cell.row not in chosen:
            size = integer("row", int(cell.row), low=1, high=len(scored))
            rng = generator(0, "reproduction", part.name, size)
            drawn = [rng.choice(scored, size, replace=False) for _ in range(part.repeats)]
            chosen[cell.row] = [int(rows[np.argmax(sign * scores[rows])]) for rows in drawn]
        values = oracle.values(column_of(oracle, cell.quantity.rpartition(" ")[2]))[chosen[cell.row]]
        yield cell, Here(float(values.mean()), float(values.std()), part.repeats)


def correlation(part: Correlation, oracles: Oracles) -> Iterator[tuple[Cell, Here]]:
    """Yield each published rank correlation with that over the architectures that have the score."""
    measures = {"spearman": spearmanr, "kendall": kendalltau}
    for cell in part.cells:
        table, _, measure = cell.quantity.rpartition(" ")
        if measure not in measures:
            raise HarnessError(unknown("correlation", measure, measures))
        oracle = oracles[table]
        scores, values = oracle.values(column_of(oracle, cell.row)), _turned(oracle, part.split)
        known = np.isfinite(scores) & np.isfinite(values)
        found = float(measures[measure](scores[known], values[known]).statistic)
        yield cell, Here(abs(found) if part.absolute else found)
