"""Numbering of genes: whether codes mean the operations and edges that the space says they do.

Architectures that compute the same function were trained to the same quality but for noise.  Where codes are of
another numbering the space's idea of sameness joins strangers, and values differ within a function as they do between
any two rows.  A renumbering under which they agree is proof of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
import numpy.typing as npt

from benchmarks_data.plausibility.likeness import ranks
from harness.checks import Archs, FloatArray, UInt64Array
from harness.space import SearchSpace

FEWEST = 20
"""Degrees of freedom within functions below which nothing is said."""
LOW = 0.25
"""Share of other rows that a cell which computes nothing may beat; in published tables it is below 0.05."""
NOTHING_COMPUTED: Mapping[str, tuple[int, ...]] = {
    "nb201": (0,) * 6,
    "transnas-micro": (0,) * 6,
    "asr": (5, 0, 5, 0, 0, 5, 0, 0, 0),
}
"""A coding, by space, whose output is constant."""
_ROWS = 6000
_ALPHABET = 5
"""Operations up to which all of their orders are tried."""
_STARTS = 8
_STEPS = 12


@dataclass(frozen=True)
class Renumbering:
    """Another reading of codes under which rows of one function agree.

    Attributes
    ----------
    codes : tuple of int
        What each code of the genes that trade codes means: the space's own code.
    genes : tuple of int
        Which of the given genes is the space's gene 0, 1, …
    share : float
        See `share_within`, under it.
    """

    codes: tuple[int, ...]
    genes: tuple[int, ...]
    share: float


@dataclass(frozen=True)
class Idle:
    """Cells that compute nothing, beside all others.

    Attributes
    ----------
    rows : int
    level : float
        Median of their values.
    beaten : float
        Share of the other rows that they are better than.
    """

    rows: int
    level: float
    beaten: float


def idle_cells(space: SearchSpace, keys: UInt64Array, values: FloatArray, direction: str) -> Idle | None:
    """Compare cells whose output is constant with all others; None where a space has none, or too few rows are known.

    Parameters
    ----------
    space : SearchSpace
    keys : (n,) uint64
        Functional keys.
    values : (n,) float64
    direction : {"maximise", "minimise"}
    """
    coding = NOTHING_COMPUTED.get(space.name)
    if coding is None:
        return None
    idle = keys == space.key(np.array([coding], dtype=space.dtype))[0]
    known = np.isfinite(values)
    cells, others = values[idle & known], values[~idle & known]
    if not len(cells) or len(others) < FEWEST:
        return None
    level = float(np.median(cells))
    beaten = others < level if direction == "maximise" else others > level
    return Idle(len(cells), level, float(np.mean(beaten)))


def share_within(keys: UInt64Array, values: FloatArray) -> tuple[float, int]:
    """Return how much of the variance of ranks lies within functions: near 0 where they agree, 1 where it is chance.

    Parameters
    ----------
    keys : (n,) uint64
        Of the function of each row.
    values : (n,) float64
        NaN where one is missing.

    Returns
    -------
    (float, int)
        The pooled variance within functions over that of all rows that share theirs; and its degrees of freedom.

    Examples
    --------
    >>> share_within(np.array([7, 7, 9, 9], dtype=np.uint64), np.array([1.0, 1.0, 5.0, 5.0]))
    (0.0, 2)
    """
    known = np.isfinite(values)
    _, place, counts = np.unique(keys[known], return_inverse=True, return_counts=True)
    shared = counts[place] > 1
    degrees = int(np.count_nonzero(shared) - np.count_nonzero(counts > 1))
    if not degrees:
        return float("nan"), 0
    order = ranks(values[known])
    centres = np.bincount(place, order) / counts
    total = float(np.var(order[shared], ddof=1))
    within = float(((order - centres[place])[shared] ** 2).sum()) / degrees
    return (within / total if total > 0 else float("nan")), degrees


def renumbered(space: SearchSpace, archs: Archs, values: FloatArray) -> Renumbering | None:
    """Return the reading of codes under which rows of one function agree best; None where none is tried.

    Genes that have an alphabet in common are read together, one alphabet at a time: orders of codes are tried all
    where there are at most five, then pairs of codes and of genes are exchanged as long as that helps.

    Parameters
    ----------
    space : SearchSpace
    archs : (n, L) integers
    values : (n,) float64
    """
    few = np.flatnonzero(np.isfinite(values))
    if len(few) > _ROWS:
        few = np.sort(np.random.default_rng(0).choice(few, _ROWS, replace=False))
    rows, known = np.asarray(archs)[few], values[few]

    groups = _alphabets(space)
    tried = [_of_alphabet(space, rows, known, size, genes) for size, genes in groups.items()]
    best = min((item for item in tried if np.isfinite(item.share)), key=lambda item: item.share, default=None)
    return best


def _alphabets(space: SearchSpace) -> dict[int, list[int]]:
    """Return the genes that have as many values as others, by that number."""
    counts = space.cardinalities.tolist()
    sizes = sorted({count for count in counts if count > 1 and counts.count(count) > 1})
    return {size: [gene for gene, count in enumerate(counts) if count == size] for size in sizes}


def _of_alphabet(space: SearchSpace, rows: Archs, known: FloatArray, size: int, genes: list[int]) -> Renumbering:
    """Look for the best reading of the genes of one alphabet; infinite where none is valid."""

    def share(codes: tuple[int, ...], places: tuple[int, ...]) -> float:
        trial = _read(space, rows, genes, codes, places)
        if not space.is_valid(trial).all():
            return np.inf
        found, degrees = share_within(space.key(trial), known)
        return found if degrees >= FEWEST else np.inf

    own, there = tuple(range(size)), tuple(genes)
    starts = [(share(codes, there), codes) for codes in (permutations(own) if size <= _ALPHABET else [own])]
    starts.sort()
    ends = (_descended(share, codes, there, found) for found, codes in _different(starts))
    found, codes, places = min(ends, key=lambda item: item[0])
    every = list(range(space.genes))
    for gene, place in zip(genes, places, strict=True):
        every[gene] = place
    return Renumbering(codes, tuple(every), found)


def recoded(space: SearchSpace, archs: Archs) -> Iterator[tuple[tuple[int, ...], Archs]]:
    """Yield architectures with the codes of their operations in every other order, as far as all are valid.

    Genes of three to five values that several genes share are operations; of more, only the reversed order is tried.
    """
    for size, genes in _alphabets(space).items():
        if size < 3:
            continue
        orders = permutations(range(size)) if size <= _ALPHABET else [tuple(reversed(range(size)))]
        for codes in orders:
            trial = _read(space, archs, genes, codes, tuple(genes))
            if codes != tuple(range(size)) and space.is_valid(trial).all():
                yield codes, trial


def _different(starts: list[tuple[float, tuple[int, ...]]]) -> Iterator[tuple[float, tuple[int, ...]]]:
    """Yield the best starts, one of each share: orders that the space cannot tell apart have the same."""
    seen: list[float] = []
    for found, codes in starts:
        if len(seen) < _STARTS and not any(np.isclose(found, other, rtol=1e-9, atol=0) for other in seen):
            seen.append(found)
            yield found, codes


def _descended(
    share: Callable[[tuple[int, ...], tuple[int, ...]], float],
    codes: tuple[int, ...],
    places: tuple[int, ...],
    found: float,
) -> tuple[float, tuple[int, ...], tuple[int, ...]]:
    """Exchange pairs of codes or genes, the best exchange first, as long as that helps."""
    for _ in range(_STEPS):
        trials = [(other, places) for other in _exchanges(codes)] + [(codes, other) for other in _exchanges(places)]
        shares = [share(*trial) for trial in trials]
        best = int(np.argmin(shares))
        if not shares[best] < found * (1 - 1e-9):
            break
        found, (codes, places) = shares[best], trials[best]
    return found, codes, places


def _exchanges(items: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    for one, other in combinations(range(len(items)), 2):
        changed = list(items)
        changed[one], changed[other] = changed[other], changed[one]
        yield tuple(changed)


def _read(
    space: SearchSpace, archs: Archs, genes: list[int], codes: tuple[int, ...], places: tuple[int, ...]
) -> npt.NDArray[np.integer]:
    """Read architectures under another numbering."""
    trial = np.array(archs, dtype=space.dtype)
    trial[:, genes] = np.asarray(codes, dtype=space.dtype)[np.asarray(archs)[:, list(places)]]
    return trial
