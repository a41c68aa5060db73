"""Copies: columns that strategies may be told which are held-out ones, equal bit for bit or otherwise written.

Two measurements of the same networks on different images differ by the noise of images and trainings; how near they
come in published tables, and how much nearer a copy is, says `benchmarks_data.plausibility.likeness`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, islice, product

import numpy as np
import numpy.typing as npt

from benchmarks_data.audit.checks.noise import pooled_sd
from benchmarks_data.audit.findings import Finding
from benchmarks_data.audit.subject import Subject
from benchmarks_data.file.trainings import mean_over_trainings
from benchmarks_data.plausibility.likeness import CLOSE, COPY, FEWEST, NOTHING, SAME_ORDER, Likeness, likeness
from harness.checks import FloatArray

MANY = 0.5
"""Share of equal values from which on two columns are the same thing; chance equality of coarse accuracies is rarer."""
_EXACT = 1e-9
"""Distance in ranks of an order that is the same in every pair: no noise at all."""
ORDERED = 50
"""Different pairs from which on an order says anything."""
SEVERAL = 20
"""Rows and different pairs from which on nearness without equality is told: by chance a few lie near some line."""
QUIET = 0.1
"""Share of the noise between trainings; what two measurements of one training differ by was never found below 0.3."""
_ROWS = 4096
_MEANS = " (means over trainings)"
_LAST = 3
"""Fidelities at the end of each schedule that are compared with each other: a curve may be shifted by an epoch."""


@dataclass(frozen=True)
class _Compared:
    """Two columns beside each other, in the way in which they are most alike.

    Attributes
    ----------
    words : str
        How they were put beside each other.
    likeness : Likeness
    noise : float
        Standard deviation between trainings of the held-out column; NaN where there is one training.
    """

    words: str
    likeness: Likeness
    noise: float


def copies(subject: Subject) -> Iterator[Finding]:
    """Find told columns that are held-out ones, equal or otherwise written, and say how near the others come."""
    told = [name for name, column in subject.columns.items() if not column.held_out]
    secret = [name for name in subject.results if subject.columns[name].held_out]
    clean: list[tuple[str, str, _Compared]] = []
    for one, other in product(told, secret):
        finding, compared = _pair(subject, one, other)
        if finding is not None:
            yield finding
        elif subject.columns[one].split and compared is not None:
            clean.append((one, other, compared))
    mixed = list(_mixtures(subject, secret))
    yield from mixed
    if clean:
        yield _looked_at(subject, clean)
    elif told and secret and subject.rows < FEWEST:
        yield Finding(
            "fact", "splits", f"{subject.rows} rows are too few to compare what is told with what is held out."
        )


def _pair(subject: Subject, one: str, other: str) -> tuple[Finding | None, _Compared | None]:
    equal, compared, varied = _equal(subject, one, other)
    if compared and varied and equal / compared >= MANY:
        sentence = (
            f"{one}, which strategies may be told, has the numbers of {other} in {equal:,} of {compared:,} values: "
            "it is test."
        )
        numbers = {"equal": equal, "compared": compared}
        return Finding("fault", "splits", sentence, f"Do not search by {one}.", numbers), None
    nearest = _nearest(subject, one, other)
    if nearest is None:
        return None, None
    unit = subject.columns[other].unit
    return judged(one, other, unit, nearest.likeness, subject.rows, nearest.words, nearest.noise), nearest


def judged(
    one: str,
    other: str,
    unit: str,
    found: Likeness,
    rows: int,
    how: str = "",
    noise: float = float("nan"),
    who: str = ", which strategies may be told,",
) -> Finding | None:
    """Say what the likeness of two columns means; None where it means nothing.

    Parameters
    ----------
    one, other : str
        A told column and a held-out one.
    unit : str
        Of the held-out one.
    found : Likeness
    rows : int
        Architectures that were compared.
    how : str
        How the two were put beside each other, to follow the names.
    noise : float
        Standard deviation between trainings of the held-out column; NaN where it is not known.
    who : str
        What is said of the told column.
    """
    numbers = {
        "pairs": found.pairs,
        "slope": found.slope,
        "intercept": found.intercept,
        "scatter": found.scatter,
        "distance": found.distance,
        "rank_distance": found.rank,
        "within_the_last_digit": found.rounded,
        "noise_between_trainings": noise,
    }
    line = f"{other} = {line_of(found, one)}{how}"
    begin = f"{one}{who} is {other} otherwise written: {line}"
    if found.distance <= COPY:
        sentence = f"{begin} to within {found.scatter:.2g} {unit}, {found.distance:.1g} of the spread; it is test."
        return Finding("fault", "splits", sentence, f"Do not search by {one}.", numbers)
    if found.rounded >= MANY:
        sentence = (
            f"{begin} to within the last digit in {found.rounded:.0%} of {found.pairs:,} different pairs; it is test."
        )
        return Finding("fault", "splits", sentence, f"Do not search by {one}.", numbers)
    remedy = (
        f"Find out on which images {one} was measured; until it is known, do not search by it where {other} judges."
    )
    if found.rank <= SAME_ORDER and found.pairs >= ORDERED:
        sentence = (
            f"{one}{who} puts {found.pairs:,} rows in the order of {other}{how}, "
            f"as no two measurements do (rank correlation 1 - {found.rank:.1g})."
        )
        exact = found.rank <= _EXACT
        return Finding("fault" if exact else "caution", "splits", sentence, remedy, numbers)
    near = f"{one}{who} is nearer to {other} than two measurements are: {line}"
    if found.distance <= CLOSE and found.pairs >= SEVERAL and rows >= SEVERAL:
        sentence = (
            f"{near} to within {found.scatter:.2g} {unit}, {found.distance:.1g} of the spread; published tables are at "
            "0.014 or more."
        )
        return Finding("caution", "splits", sentence, remedy, numbers)
    if rows >= SEVERAL and found.scatter <= QUIET * noise:
        sentence = f"{near} to within {found.scatter:.2g} {unit}, while trainings of one row differ by {noise:.2g}."
        return Finding("caution", "splits", sentence, remedy, numbers)
    return None


def line_of(found: Likeness, one: str) -> str:
    """Write the line, as ``100 - 1 * valid``."""
    if abs(found.intercept) <= 1e-6 * max(abs(found.intercept), abs(found.slope)):
        return f"{found.slope:.6g} * {one}"
    return f"{found.intercept:.6g} {'-' if found.slope < 0 else '+'} {abs(found.slope):.6g} * {one}"


def _looked_at(subject: Subject, clean: list[tuple[str, str, _Compared]]) -> Finding:
    """Say what was looked at, and how near the nearest pair came; nothing is said of what was not."""
    one, other, nearest = min(clean, key=lambda item: item[2].likeness.distance)
    found, unit = nearest.likeness, subject.columns[other].unit
    listed = {
        f"{told} and {secret}": {"distance": item.likeness.distance, "rank_distance": item.likeness.rank}
        for told, secret, item in clean
    }
    noise = f" and {found.scatter / nearest.noise:.2g} of the noise between trainings" if nearest.noise > 0 else ""
    return Finding(
        "fact",
        "splits",
        f"Of what strategies may be told, {one} comes nearest to what is held out, to {other}{nearest.words}: "
        f"{found.scatter:.2g} {unit} off a straight line, {found.distance:.2g} of the spread{noise} (a copy is below "
        f"{CLOSE:g}). Looked for: equal numbers, other digits, units and directions, single trainings and means, order "
        "of trainings, a shift of epochs.",
        "This says that the numbers differ, not where they come from: an average of validation and test cannot be told "
        "from validation.",
        listed,
    )


def _equal(subject: Subject, one: str, other: str) -> tuple[int, int, bool]:
    """Count equal values of two columns at the fidelities that both have; say whether the values vary at all."""
    meaning = subject.header.meaning
    ours, theirs = subject.values(one), subject.values(other)
    at = meaning.places(subject.columns[one], ours.shape[2])
    at_other = meaning.places(subject.columns[other], theirs.shape[2])
    shared = sorted(at.keys() & at_other.keys())[-1:]  # the last one tells, and is cheap
    if not shared:
        return 0, 0, False
    x, y = ours[:, :, at[shared[0]]], theirs[:, :, at_other[shared[0]]]
    if x.shape[1] != y.shape[1]:
        x, y = (mean_over_trainings(np.ascontiguousarray(side)[:, :, None]) for side in (x, y))
    both = ~np.isnan(x) & ~np.isnan(y)
    known = x[both]
    return int(np.count_nonzero(known == y[both])), len(known), len(np.unique(known)) > 2


def _nearest(subject: Subject, one: str, other: str) -> _Compared | None:
    """Put two columns beside each other in every way, and return the one in which they are most alike."""
    if subject.rows < FEWEST:
        return None
    best: _Compared | None = None
    for words, x, y, noise in _beside(subject, one, other):
        found = likeness(x, y)
        if found.pairs and (best is None or _order(found) < _order(best.likeness)):
            best = _Compared(words, found, noise)
        if found.distance <= COPY:
            break
    return best


def _order(found: Likeness) -> float:
    """Return how far two columns are from copies, copies by digits or by order first."""
    if found.rounded >= MANY:
        return -found.rounded
    return 0.0 if found.rank <= _EXACT and found.pairs >= ORDERED else found.distance


def _beside(subject: Subject, one: str, other: str) -> Iterator[tuple[str, FloatArray, FloatArray, float]]:
    """Yield pairs of values in every way in which columns may be laid beside each other, in words; and the noise."""
    rows = _some(subject.rows)
    sides = [_ends(subject, name, rows) for name in (one, other)]
    shared = sides[0].keys() & sides[1].keys()
    for schedule in sorted(shared, reverse=True):
        ours, theirs = sides[0][schedule], sides[1][schedule]
        for (epoch, x), (epoch_other, y) in product(ours, theirs):
            at = "" if epoch == epoch_other else f" (epoch {epoch} beside epoch {epoch_other})"
            noise = pooled_sd(y)
            for how, a, b in islice(_trainings(x, y), None if epoch == epoch_other else 1):
                yield f"{how}{at}", a, b, noise / np.sqrt(y.shape[1]) if how == _MEANS else noise


def _some(rows: int) -> npt.NDArray[np.intp]:
    """Return some rows, spread over the table."""
    return np.unique(np.linspace(0, rows - 1, min(rows, _ROWS)).astype(np.intp))


def _ends(subject: Subject, name: str, rows: npt.NDArray[np.intp]) -> dict[int, list[tuple[int, FloatArray]]]:
    """Return the last values of a column in each schedule, with their epochs, the last first: (n, R) each."""
    meaning, values = subject.header.meaning, subject.values(name)
    places = meaning.places(subject.columns[name], values.shape[2])
    if values.shape[2] == 1 and len(places) > 1:
        places = {len(meaning.fidelities) - 1: 0}
    ends: dict[int, list[tuple[int, FloatArray]]] = {}
    for fidelity in sorted(places, reverse=True):
        mine = ends.setdefault(meaning.schedule_of[fidelity], [])
        if len(mine) < _LAST:
            mine.append((meaning.fidelities[fidelity].epoch, np.array(values[rows, :, places[fidelity]])))
    return ends


def _trainings(x: FloatArray, y: FloatArray) -> Iterator[tuple[str, FloatArray, FloatArray]]:
    """Lay trainings beside each other: as they stand, sorted, means, each beside the mean, and each other's nearest."""
    if x.shape == y.shape:
        yield "", x.ravel(), y.ravel()
        if x.shape[1] == 1:
            return
        for sign, how in ((1.0, ""), (-1.0, " the other way round")):
            sorted_x, sorted_y = np.sort(x, axis=1), sign * np.sort(sign * y, axis=1)
            yield f" (trainings of a row in order of size{how})", sorted_x.ravel(), sorted_y.ravel()
    means = [mean_over_trainings(side[:, :, None])[:, 0] for side in (x, y)]
    yield _MEANS, means[0], means[1]
    if y.shape[1] > 1:
        for training in range(y.shape[1]):
            yield f" (its mean beside training {training})", means[0], y[:, training]
    if x.shape[1] > 1:
        for training in range(x.shape[1]):
            yield f" (training {training} beside the mean)", x[:, training], means[1]


def _mixtures(subject: Subject, secret: list[str]) -> Iterator[Finding]:
    """Find held-out columns that two told ones make together, such as validation and its average with test."""
    told = [name for name in subject.results if subject.columns[name].split == "x-valid"]
    rows = _some(subject.rows)
    means = {
        name: mean_over_trainings(np.array(subject.final(name)[rows])[:, :, None])[:, 0] for name in (*told, *secret)
    }
    for other in secret:
        if any(_judged_alone(means[name], means[other]) for name in told):
            continue
        for pair in combinations(told, 2):
            found = _together(means[pair[0]], means[pair[1]], means[other])
            if found.distance <= COPY:
                yield Finding(
                    "fault",
                    "splits",
                    f"{pair[0]} and {pair[1]}, which strategies may be told, make {other} together, to within "
                    f"{found.scatter:.2g} {subject.columns[other].unit}: one of them contains test.",
                    f"Do not tell both {pair[0]} and {pair[1]}; find out which of them has test images in it.",
                    {"distance": found.distance, "pairs": found.pairs},
                )


def _judged_alone(one: FloatArray, other: FloatArray) -> bool:
    return likeness(one, other).distance <= CLOSE


def _together(one: FloatArray, two: FloatArray, other: FloatArray) -> Likeness:
    """Compare a column with the best plane through two others: (n,) each."""
    known = np.isfinite(one) & np.isfinite(two) & np.isfinite(other)
    sides = np.stack([one[known], two[known], np.ones(np.count_nonzero(known))], axis=1)
    if len(sides) < ORDERED or np.linalg.matrix_rank(sides - sides.mean(axis=0) * [1, 1, 0]) < 3:
        return NOTHING
    weights = np.linalg.lstsq(sides, other[known], rcond=None)[0]
    return likeness(sides @ weights, other[known])
