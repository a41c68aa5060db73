"""Checks of costs: stored parameters and multiply-adds against closed forms."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from benchmarks_data.audit.findings import LISTED, Finding
from benchmarks_data.audit.subject import Subject
from benchmarks_data.file.layout import AnyArray
from benchmarks_data.importers.nats_bench.importer import DATASETS
from benchmarks_data.plausibility import numbering
from harness.benchmark import Column
from harness.checks import Archs, FloatArray
from harness.space import SearchSpace
from harness.spaces.darts import costs as darts
from harness.spaces.layers import Cost
from harness.spaces.macro import costs as macro
from harness.spaces.nats_size import costs as nats_size
from harness.spaces.nb101 import costs as nb101
from harness.spaces.nb201 import costs as nb201

_FEWEST = 20
_NO_COUNTS = ("s", "ms", "us", "mj", "j", "w", "percent", "fraction")
TOLERANCE = 1e-6
"""Millions: one parameter; what is published in millions is rounded there."""
STORED = {"params_m": "params", "params_reported_m": "params", "macs_m": "macs", "macs_reported_m": "macs"}
Closed = Mapping[str, FloatArray]


def _image_network(cost: Callable[..., Cost]) -> Callable[[Subject], Closed | None]:
    """Return the closed forms of a network on images, whose data set the catalogue tells."""

    def closed(subject: Subject) -> Closed | None:
        facts = subject.facts
        classes, image_size = facts.get("classes"), facts.get("image_size")
        if classes is None or image_size is None:
            if facts.get("official") not in DATASETS:
                return None
            classes, image_size = DATASETS[str(facts["official"])]
        counts = cost(subject.archs, classes=classes, shape=(3, image_size, image_size))
        return {"params": counts.params.astype(np.float64), "macs": counts.macs.astype(np.float64)}

    return closed


CLOSED_FORMS: Mapping[str, Callable[[Subject], Closed | None]] = {
    "nb201": _image_network(nb201.cost),
    "nats-size": _image_network(nats_size.cost),
    "nb101": lambda subject: {"params": nb101.params(subject.archs), "macs": nb101.macs(subject.archs)},
    "macro": lambda subject: {"params": macro.params(subject.archs), "macs": macro.macs(subject.archs)},
}
"""By name of the space: counts for every row, or None where the data set is not known."""


WORDS = {
    "params": re.compile(r"param|weights|model_?size", re.IGNORECASE),
    "macs": re.compile(r"flop|mac(?!ro)|madd|mult.*add", re.IGNORECASE),
}
"""What columns of one's own are called."""
_UNLIKE, _LOOSE = 0.9, 0.98
"""Correlation with the closed form below which a count is of other networks, and below which it is counted otherwise;
the counters of published tables have 0.995 or more."""
_FITS = 1e-5
"""Distance of a correlation from 1 up to which another numbering is taken for the right one."""
_ROWS = 4096


def _candidates(space: str, archs: Archs, kind: str) -> Iterator[FloatArray]:
    """Yield closed forms of a space for every common data set and width: (N,) each."""
    if space in ("nb201", "nats-size"):
        shapes = [(classes, (3, side, side)) for classes, side in DATASETS.values()] + [(10, (1, 1, 40))]
        for classes, shape in shapes:
            counts = (nb201 if space == "nb201" else nats_size).cost(archs, classes=classes, shape=shape)
            yield (counts.params if kind == "params" else counts.macs).astype(np.float64)
    elif space == "nb101":
        yield nb101.params(archs) if kind == "params" else nb101.macs(archs)
    elif space == "macro":
        yield macro.params(archs) if kind == "params" else macro.macs(archs)
    elif space == "darts":
        for channels, cells in ((36, 20), (32, 8), (16, 8)):
            count = darts.params if kind == "params" else darts.macs
            yield count(archs, channels=channels, cells=cells)


def _fit(space: str, archs: Archs, kind: str, stored: FloatArray) -> float:
    """Return the highest correlation with a closed form; NaN where a space has none, or all are alike."""
    forms = [counts for counts in _candidates(space, archs, kind) if np.ptp(counts) > 0]
    return max((float(np.corrcoef(counts, stored)[0, 1]) for counts in forms), default=float("nan"))


def unlike(space: SearchSpace, archs: Archs, columns: Mapping[str, tuple[Column, FloatArray]]) -> Iterator[Finding]:
    """Compare columns that are parameters or multiply-adds by their name with the closed forms of a space.

    A factor and a constant may differ: units, classes, and what a counter leaves out.

    Parameters
    ----------
    space : SearchSpace
    archs : (N, L) integers
    columns : mapping of str to (Column, (N,) float64)
    """
    for name, (column, values) in columns.items():
        kind = next((kind for kind, words in WORDS.items() if words.search(name)), None)
        known = np.flatnonzero(np.isfinite(values))[:_ROWS]
        if kind is None or column.split or column.unit.lower() in _NO_COUNTS or len(known) < _FEWEST:
            continue
        rows, stored = np.asarray(archs)[known], values[known]
        if np.ptp(stored) == 0 or np.isnan(fit := _fit(space.name, rows, kind, stored)):
            continue
        yield _fitting(space, rows, name, kind, stored, fit)


def _fitting(space: SearchSpace, archs: Archs, name: str, kind: str, stored: FloatArray, fit: float) -> Finding:
    sentence = f"{name} correlates with the closed form of the coded networks by {fit:.6f}"
    numbers: dict[str, object] = {"correlation": fit, "rows": len(stored)}
    remedy = "Codes are of another numbering, or it is of other networks: find out which before using the table."
    if 1 - fit > _FITS:
        for codes, trial in numbering.recoded(space, archs):
            other = _fit(space.name, trial, kind, stored)
            if 1 - other <= min(_FITS, 0.1 * (1 - fit)):
                numbers |= {"codes": list(codes), "correlation_renumbered": other}
                read = f"by {other:.6f} if codes {', '.join(map(str, range(len(codes))))} are read as "
                sentence += f", and {read}{', '.join(map(str, codes))}: they are of another numbering"
                return Finding("fault", "costs", f"{sentence}.", remedy, numbers)
    if fit < _UNLIKE:
        return Finding("fault", "costs", f"{sentence}: it is of other networks than the codes say.", remedy, numbers)
    if fit < _LOOSE:
        remedy = "Compare some rows with the source by hand."
        return Finding("caution", "costs", f"{sentence}: it is counted in another way, or wrong.", remedy, numbers)
    what = "as it does in any unit" if 1 - fit <= _FITS else "counted in another way, or wrong in some rows"
    return Finding("fact", "costs", f"{sentence}: {what}.", numbers=numbers)


def costs(subject: Subject) -> Iterator[Finding]:
    """Compare stored parameters and multiply-adds with their closed forms."""
    names = [name for name in STORED if name in subject.columns]
    others = {name: column for name, column in subject.columns.items() if name not in names}
    space = subject.header.meaning.space
    yield from unlike(subject.space, subject.archs, {name: (others[name], subject.mean(name)) for name in others})
    known = CLOSED_FORMS.get(space)
    closed = known(subject) if known else None
    if closed is None:
        told = {name: (subject.columns[name], subject.mean(name)) for name in names}
        yield from unlike(subject.space, subject.archs, told)
        yield from _without_closed_form(subject, names)
        return
    right = []
    for name in names:
        expected = closed[STORED[name]] / 1e6
        stored = subject.values(name)[:, :, -1]
        differs = np.abs(stored - expected[:, None]) > TOLERANCE * 1.5
        wrong = np.flatnonzero(differs.any(axis=1))
        if not len(wrong):
            right.append(name)
            continue
        yield _differing(subject, name, expected, stored, wrong)
    if right:
        yield Finding("fact", "costs", f"{', '.join(right)}: equal to the closed form in all {subject.rows:,} rows.")


def _without_closed_form(subject: Subject, names: list[str]) -> Iterator[Finding]:
    """Compare what is reported with what the converter computed: they may differ by a part that all networks have."""
    pairs = [(name, name.replace("_reported", "")) for name in names if "_reported" in name]
    for reported, computed in (pair for pair in pairs if pair[1] in names):
        difference = subject.final(reported) - subject.final(computed)
        usual = float(np.nanmedian(difference))
        wrong = np.flatnonzero((np.abs(difference - usual) > 1.5 * TOLERANCE).any(axis=1))
        sentence_start = f"{reported} less {computed}, which is computed, is {usual:.6g} millions"
        if len(wrong):
            yield Finding(
                "fault",
                "costs",
                f"{sentence_start} in most rows and something else in {len(wrong):,} of {subject.rows:,}.",
                f"Use {computed}.",
                {"rows": len(wrong), "usual_difference_m": usual},
                tuple({"row": int(row), "architecture": subject.text(int(row))} for row in wrong[:LISTED]),
            )
        else:
            sentence = f"{sentence_start} in every row: a part that all networks have."
            yield Finding("fact", "costs", sentence, numbers={"rows": 0, "usual_difference_m": usual})
    if names and not pairs:
        sentence = f"{', '.join(names)}: no closed form is known here to compare them with; they are taken as they are."
        yield Finding("fact", "costs", sentence)


def _differing(subject: Subject, name: str, expected: FloatArray, stored: AnyArray, wrong: AnyArray) -> Finding:
    largest = float(np.nanmax(np.abs(stored[wrong] - expected[wrong, None])))
    listed = tuple(
        {
            "row": int(row),
            "architecture": subject.text(int(row)),
            "stored": sorted(set(stored[row][~np.isnan(stored[row])].tolist())),
            "closed form": float(expected[row]),
        }
        for row in wrong[:LISTED]
    )
    other = name.replace("_reported", "")
    remedy = f"Use {other}, which is computed." if other != name and other in subject.columns else "Recompute them."
    return Finding(
        "fault",
        "costs",
        f"{name} differs from the closed form in {len(wrong):,} of {subject.rows:,} rows, by up to {largest:.4g} "
        "millions.",
        remedy,
        {"rows": len(wrong), "largest_difference_m": largest},
        listed,
    )
