"""The first screen of a study: its verdict, and one matrix of strategies by benchmarks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from reports.figures.style import style_map
from reports.page.verdict import Findings, verdict
from reports.study.align import Aligned
from reports.study.comparisons import NOT_TESTED, OPEN, standings
from reports.study.finals import best_first
from reports.study.front_reference import FrontReference
from reports.study.naming import EXPECTED, RANDOM, SIMULATED
from reports.study.study import MOST_DRAWN, TABLE_REPETITIONS, Study
from reports.study.wording import CENTRE_WORDS, floor_label, split_words
from reports.tables.matrix import Cell, Column, FirstScreen, Matrix, Row
from reports.tables.numbers import DASH, NONE, p_value, regret_words, three_digits

_WIDEST = 9
"""Benchmark columns of one matrix; where validation and test have more together, test has a matrix of its own."""
_SHOWN = 8
"""Rows that are shown where there are more than `MOST_DRAWN`; the others are folded away."""
_COST, _FLOOR = "cost of a run", "floor"
_TRAININGS, _OVERHEAD = "trainings", "overhead, s"
_NOTHING = Cell(NONE, np.inf)


def first_screen(study: Study, comparisons: pd.DataFrame, frames: Mapping[str, pd.DataFrame]) -> FirstScreen:
    """Return what stands in front of everything else.

    Parameters
    ----------
    study : Study
    comparisons : pandas.DataFrame
        Of `reports.study.comparisons.pairwise`.
    frames : mapping of str to pandas.DataFrame
        Of the tables of the page, by name.
    """
    found = Findings(study, comparisons, frames)
    clause, sentences = verdict(found)
    shown = {split: list(dict.fromkeys(found.finals(split)["benchmark"])) for split in study.splits}
    if not shown.get("validation"):
        return FirstScreen(clause, sentences)
    apart = sum(map(len, shown.values())) > _WIDEST
    main = _matrix(found, ["validation"] if apart else [split for split in shown if shown[split]], costs=True)
    further = _matrix(found, ["test"], costs=False) if apart and shown.get("test") else None
    return FirstScreen(clause, sentences, main, further)


def _matrix(found: Findings, splits: Sequence[str], *, costs: bool) -> Matrix:
    study = found.study
    columns = dict[Column, Mapping[str, Cell]]()
    references = dict[str, dict[Column, str]]()
    if costs and len(study.labels) > 1:
        columns |= _ranks(found)
    for split in splits:
        data = found.finals(split)
        for item in study.aligned:
            rows = data[data["benchmark"] == item.name]
            if len(rows):
                column = Column(_group(study, split), item.name, item.truth.unit(split))
                columns[column] = _column(found, item, split, rows)
                for name, text in _references(study, item, split).items():
                    references.setdefault(name, {})[column] = text
    if costs:
        columns |= _costs(found)
    styles = style_map(study.labels, study.background)
    colors = tuple(dict.fromkeys(style["color"] for style in styles.values()))
    folded = _folded(found)
    rows_of = tuple(
        Row(
            label,
            colors.index(styles[label]["color"]),
            tuple(cells.get(label, _NOTHING) for cells in columns.values()),
            label in folded,
        )
        for label in found.order
    )
    beside = {name: tuple(texts.get(column, "") for column in columns) for name, texts in references.items()}
    looks = "what looks like the front" if study.several else "what looks best"
    words = {
        "validation": f"{looks} when all of the table is trained once, so that lower is luck",
        "test": f"on test, what the {floor_label(study)} scores",
    }
    splits = [
        split for split in splits if any(column.group == _group(study, split) for column in references.get(_FLOOR, ()))
    ]
    tested = bool(found.comparisons["p"].notna().any())
    heads = [column.head for column in columns if column.group == _COST]
    caption = _caption(study, [words[split] for split in splits], heads, tested=tested)
    return Matrix("Strategy", tuple(columns), rows_of, caption, colors, beside)


def _folded(found: Findings) -> set[str]:
    """Return the rows that are folded away: all but the first, where there are many; never what the spec highlights."""
    if len(found.order) <= MOST_DRAWN:
        return set()
    wished = {*found.study.spec.report.highlight, *(label for label in found.study.labels if _is_random(found, label))}
    return set(found.order[_SHOWN:]) - wished


def _is_random(found: Findings, label: str) -> bool:
    return any(item.label == label and item.name == "random_search" for item in found.study.spec.strategies)


def _group(study: Study, split: str) -> str:
    words = f"{split_words(study, split)} {study.measure}"
    units = {item.truth.unit(split) for item in study.aligned if split in item.truth.splits}
    unit = f", {next(iter(units))}" if len(units) == 1 and units != {""} and not study.several else ""
    return f"{words}{' of the same choice' if split == 'test' and not study.several else ''}{unit}"


def _ranks(found: Findings) -> dict[Column, Mapping[str, Cell]]:
    last = max(1, len(found.study.labels) - 1)
    cells = {}
    for row in found.ranks.to_dict("records"):
        low, high = row["rank_low"], row["rank_high"]
        share = ((low - 1) / last, (high - 1) / last)
        cells[str(row["label"])] = Cell(f"{row['rank']:.2f}", row["rank"], f"{low:.2f}{DASH}{high:.2f}", share=share)
    about = "1 is best; ranked within replicates, then averaged over them and over benchmarks"
    return {Column("", "Mean rank", about): cells} if cells else {}


def _column(found: Findings, item: Aligned, split: str, rows: pd.DataFrame) -> dict[str, Cell]:
    """Return the cells of one benchmark by strategy."""
    study, scale = found.study, item.truth.scales[split]
    ordered = best_first(rows)
    best, lowest = str(ordered.iloc[0]["label"]), float(ordered.iloc[0]["regret"])
    known = standings(found.comparisons, item.name, split, best, study.checkpoints[-1])
    base = _random_regret(found, rows) or float(rows["regret"].max())
    cells = {}
    for row in ordered.to_dict("records"):
        label = str(row["label"])
        value, low, high = (regret_words(row[key], scale) for key in ("regret", "regret_low", "regret_high"))
        place = 1 + int((rows["regret"] < row["regret"]).sum())
        standing = known.get(label)
        level = row["regret"] == lowest
        about = f"{place} of {len(rows)}, n = {row['n']}"
        if standing is not None and standing.state == NOT_TESTED:
            about += f", not tested against {best}"
        elif standing is not None:
            about += f", against {best}: Holm-adjusted p {p_value(standing.p_holm)}"
        share = (0.0, min(1.0, max(0.0, row["regret"] / base))) if base > 0 else None
        cells[label] = Cell(
            value,
            row["regret"],
            f"{low}{DASH}{high}" if row["regret_low"] >= 0 else f"{low} to {high}",
            str(place),
            level or (standing is not None and standing.state == OPEN),
            share,
            about,
        )
    return cells


def _random_regret(found: Findings, rows: pd.DataFrame) -> float:
    """Return the regret of random search on a benchmark, 0 where the study has none."""
    own = [row["regret"] for row in rows.to_dict("records") if _is_random(found, str(row["label"]))]
    return float(own[0]) if own else 0.0


def _references(study: Study, item: Aligned, split: str) -> dict[str, str]:
    """Return what competes with none: exact random search, and the floor below which there is only luck."""
    scale, law = item.truth.scales[split], study.references[item.name]
    texts = {}
    if law is not None and item.budget_axis == "evaluations":
        name = RANDOM
        if isinstance(law, FrontReference):
            name = EXPECTED if law.is_exact(split) else SIMULATED
        texts[name] = regret_words(float(law.centre(split, np.array([item.final_budget]), study.centre)[0]), scale)
    if split == "test":
        texts[_FLOOR] = regret_words(item.truth.floor(), scale)
    elif law is not None and (whole := law.whole(split, study.centre)) > 0:
        texts[_FLOOR] = regret_words(whole, scale)
    return texts


def _costs(found: Findings) -> dict[Column, Mapping[str, Cell]]:
    """Return the columns of costs: everything trained in units of one training where that is known, and overhead."""
    columns = dict[Column, Mapping[str, Cell]]()
    spent = found.frames.get("ledger")
    if spent is not None and len(spent):
        means = spent.groupby("label", sort=False)["total"].mean()
        about = "everything spent, in units of one full training of the table, means over runs and benchmarks"
        columns[Column(_COST, _TRAININGS, about)] = _plain({str(label): float(mean) for label, mean in means.items()})
    about = "real seconds that the strategy itself computes in one run, the mean over benchmarks"
    return columns | {Column(_COST, _OVERHEAD, about): _plain(found.overheads)}


def _plain(values: Mapping[str, float]) -> dict[str, Cell]:
    return {label: Cell(three_digits(value), value) for label, value in values.items() if np.isfinite(value)}


def _caption(study: Study, floors: Sequence[str], costs: Sequence[str], *, tested: bool) -> str:
    centre = CENTRE_WORDS[study.centre]
    has_random = any(item.name == "random_search" for item in study.spec.strategies)
    bar = "of random search" if has_random else "of the last"
    said = [
        f"Final {centre} {study.measure}, lower is better; below it the 95 % interval ({TABLE_REPETITIONS:,} resamples)"
        f" and the rank; bar: part of the {study.measure} {bar}."
    ]
    if len(study.labels) > 1:
        also = (
            ", and what is not shown to differ from it" if tested else "; others are not tested, for want of replicates"
        )
        said.append(f"Bold \N{BLACK CIRCLE}: the best{also}.")
    if floors:
        said.append(f"Floor: {'; '.join(floors)}.")
    if _TRAININGS in costs:
        said.append("Trainings: all that is spent, in full trainings of the table.")
    if _OVERHEAD in costs:
        said.append("Overhead: the strategy's own seconds.")
    return " ".join(said)
