"""Checks of gene numberings: whether the architectures of a table are those that its codes say.

Codes of another numbering give a table that opens, searches and reports, about the wrong architectures.  They show in
rows of one function that differ, in a cell that computes nothing and is good at it, and in parameters that are not
those of the coded network (see `costs`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from benchmarks_data.audit.checks.noise import pooled_sd, reliability
from benchmarks_data.audit.findings import Finding
from benchmarks_data.audit.subject import Subject
from benchmarks_data.plausibility import numbering
from benchmarks_data.plausibility.scales import FRACTION, PERCENT
from harness.checks import Archs, FloatArray, UInt64Array
from harness.space import SearchSpace
from harness.spaces.enumerated import EnumeratedSpace

QUIET = 0.03
"""Share of variance within functions up to which nothing is asked; of NAS-Bench-201 it is 0.005 to 0.02."""
BETTER = 0.5
"""Another numbering is the right one where it leaves at most this share of what the stated one leaves."""
SURE = 100
"""Degrees of freedom from which on another numbering is looked for: among thousands one fits a few pairs by chance."""
NEAR, AT_CHANCE = 0.3, 0.8
"""Share of variance within functions that is suspicious, and that of codes which say nothing about values."""
_REMEDY = (
    "Do not use it: values stand beside other architectures than theirs. Import it by the field's strings or by names "
    "of operations, or say in which order operations and edges are numbered."
)


_ROWS = "Compare some rows with the source by hand."


def functions(subject: Subject) -> Iterator[Finding]:
    """Compare rows of one function with each other, and with how they would agree under another numbering."""
    results = {name: subject.mean(name) for name in subject.results if subject.columns[name].split}
    if subject.header.meaning.identity == "functional":
        return  # one row for each function
    yield from within_functions(subject.space, subject.archs, subject.keys, results, floor=_noise_share(subject))


def within_functions(
    space: SearchSpace,
    archs: Archs,
    keys: UInt64Array,
    results: Mapping[str, FloatArray],
    *,
    floor: float = 0.0,
    coded: bool = True,
) -> Iterator[Finding]:
    """Find codes under which rows of one function do not agree.

    Parameters
    ----------
    space : SearchSpace
    archs : (N, L) integers
    keys : (N,) uint64
        Functional keys of the rows.
    results : mapping of str to (N,) float64
        The column in which rows of a function agree best is judged: a noisy one says nothing against codes.
    floor : float
        Share of the variance that noise between trainings explains by itself.
    coded : bool
        Whether architectures may have been given by numbers; strings have no numbering, and rows can only be mixed up.
    """
    if not knows_functions(space):
        return
    shares = {name: numbering.share_within(keys, values) for name, values in results.items()}
    told = {name: item for name, item in shares.items() if item[1] >= numbering.FEWEST and np.isfinite(item[0])}
    if not told:
        if results and coded:
            sentence = "Too few rows compute one function to see by them whether codes are numbered as the space does."
            yield Finding("fact", "numbering", sentence)
        return
    name = min(told, key=lambda key: told[key][0])
    share, degrees = told[name]
    numbers: dict[str, object] = {"column": name, "share_within_functions": share, "degrees_of_freedom": degrees}
    begin = (
        f"Rows that compute one function differ: {share:.1%} of the variance of {name} (of its ranks) lies within "
        "functions"
    )
    if share <= max(QUIET, 2 * floor):
        sentence = (
            f"Rows of one function agree: {share:.1%} of the variance of {name} (of its ranks) lies within functions"
        )
        blind = "it says nothing of codes that the space cannot tell apart, such as two convolutions exchanged"
        yield Finding("fact", "numbering", f"{sentence}; {blind}.", numbers=numbers)
        return
    other = None
    if coded and degrees >= SURE and isinstance(space, EnumeratedSpace):
        other = numbering.renumbered(space, archs, results[name])
    if other is not None and other.share <= BETTER * share:
        numbers |= {"codes": list(other.codes), "genes": list(other.genes), "share_renumbered": other.share}
        read = f"{other.share:.1%} if codes are read as {_words(space, other)}"
        sentence = f"{begin}, and {read}: they are of another numbering."
        yield Finding("fault", "numbering", sentence, _REMEDY, numbers)
    elif share >= AT_CHANCE and degrees >= SURE:
        why = "codes are of another numbering, or rows are mixed up" if coded else "rows are mixed up"
        sentence = f"{begin}, as if values stood beside any architectures: {why}."
        yield Finding("fault" if coded else "caution", "numbering", sentence, _REMEDY if coded else _ROWS, numbers)
    elif share >= NEAR:
        sentence = f"{begin}: either {name} is noise for the most part, or codes are of another numbering."
        yield Finding("caution", "numbering", sentence, _ROWS, numbers)
    else:
        tried = ", and no other numbering that was tried fits better" if other is not None else ""
        yield Finding("fact", "numbering", f"{begin}{tried}.", numbers=numbers)


def knows_functions(space: SearchSpace) -> bool:
    """Say whether a space knows which of its architectures compute the same function."""
    kind = type(space)
    return kind.key is not SearchSpace.key or kind._key is not SearchSpace._key


def _noise_share(subject: Subject) -> float:
    """Return the share of the variance of row means that is noise between trainings, by the best of the results."""
    shares = [0.0]
    for name in filter(None, (subject.header.meaning.validation, subject.header.meaning.test)):
        final = subject.final(name)
        counts = np.count_nonzero(~np.isnan(final), axis=1)
        if (counts > 1).any():
            shares.append(1.0 - reliability(subject.mean(name), pooled_sd(final), counts))
    return float(np.nanmax(shares))


def _words(space: SearchSpace, other: numbering.Renumbering) -> str:
    """Say what codes and genes would mean: names of operations where the space tells them."""
    operations = space.facts().get("operations")
    names: Sequence[str] = list(map(str, operations)) if isinstance(operations, list | tuple) else []
    fits = len(names) == len(other.codes)
    codes = ", ".join(f"{code} {names[meant] if fits else meant}" for code, meant in enumerate(other.codes))
    moved = [f"gene {gene} from column {place}" for gene, place in enumerate(other.genes) if gene != place]
    return f"{codes}; {', '.join(moved)}" if moved else codes


def nothing_computed(subject: Subject) -> Iterator[Finding]:
    """Find cells that compute nothing and are better than many that compute something."""
    if subject.space.name not in numbering.NOTHING_COMPUTED:
        return
    name = subject.header.meaning.validation or subject.header.meaning.test or ""
    chosen = [key for key in dict.fromkeys((name, *subject.results)) if key]
    for key in chosen:
        column = subject.columns[key]
        if column.unit.lower() not in (*PERCENT, *FRACTION) or not column.split:
            continue
        finding = idle_cells(subject.space, subject.keys, key, subject.mean(key), column.direction)
        if finding is not None:
            yield finding
            return


def idle_cells(
    space: SearchSpace, keys: UInt64Array, name: str, values: FloatArray, direction: str, *, coded: bool = True
) -> Finding | None:
    """Compare cells whose output is constant with all others: they are at chance, the floor of the data set.

    Parameters
    ----------
    space : SearchSpace
    keys : (N,) uint64
        Functional keys.
    name : str
        Of a result that is a share: a loss of a constant output may be lower than that of a network that overfits.
    values : (N,) float64
    direction : {"maximise", "minimise"}
    coded : bool
        As in `within_functions`.
    """
    idle = numbering.idle_cells(space, keys, values, direction)
    if idle is None or idle.beaten <= numbering.LOW:
        return None
    why = "codes are of another numbering" if coded else "rows are mixed up"
    if idle.beaten >= 1 - numbering.LOW:
        why += f", or {name} is {direction}d and is better the other way round"
    return Finding(
        "fault" if coded else "caution",
        "numbering",
        f"Cells that compute nothing, whose output is constant, have {name} {idle.level:.6g} and beat "
        f"{idle.beaten:.0%} of the others, where they can only be at chance: {why}.",
        _REMEDY if coded else _ROWS,
        {"rows": idle.rows, "level": idle.level, "beaten": idle.beaten},
    )
