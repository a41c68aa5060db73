"""Candidates: fresh random ones, mutants, neighbours and children of the best, or everything that there is.

All functions leave out what is taken already.  What "the same" means is the caller's choice: a function from (n, L)
architectures to n hashable keys.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from math import prod

import numpy as np

from harness.checks import Archs, IntArray
from harness.errors import HarnessError
from harness.problem import Problem
from harness.space import SearchSpace
from strategies.parts.ranking import known_violation

Keys = Callable[[Archs], list[Hashable]]

PATIENCE = 1 << 17
"""Draws in a row without anything new after which a space counts as exhausted; in small spaces 64 for each coding."""
MOST_EDITS = 1000
"""The largest mean number of edits of a mutant: a tenth of it already leaves nothing of a parent."""
RETRIES = 50
"""How often `mutate_evenly` draws a mutant again that is nothing new."""
MUTATED = ("all", "copies")
"""Which children mutation changes, see `offspring`."""
_LARGEST_BLOCK, _ROOM = 4096, 128
_TRIES = 32
_CODINGS, _FEWEST_VALID = 1000, 0.01


def exact_keys(archs: Archs) -> list[Hashable]:
    r"""Return the bytes of each row: (n, L) to n keys, equal exactly when the rows are the same integers.

    The exact identity of `SearchSpace.key`, without its arithmetic; all arrays compared must have one dtype.

    Examples
    --------
    >>> exact_keys(np.array([[1, 2], [1, 3]], dtype=np.uint8))
    [b'\x01\x02', b'\x01\x03']
    """
    width = archs.shape[1] * archs.itemsize
    raw = archs.tobytes()
    return [raw[start : start + width] for start in range(0, len(raw), width)]


def no_archs(space: SearchSpace) -> Archs:
    """Return zero architectures of a space, (0, L)."""
    return np.zeros((0, space.genes), dtype=space.dtype)


def require_free_genes(strategy: str, space: SearchSpace) -> None:
    """Refuse a space of which fewer than one coding in a hundred is valid, for a strategy that sets genes freely.

    Raises
    ------
    HarnessError
        Names strategies whose edits stay in the space.
    """
    codings = np.random.default_rng(_CODINGS).integers(0, space.cardinalities, size=(_CODINGS, space.genes))
    share = float(space.is_valid(codings.astype(space.dtype)).mean())
    if share < _FEWEST_VALID:
        raise HarnessError(
            f"{strategy} sets each gene by itself, and {share:.1%} of such codings are architectures of the space "
            f"'{space.name}' as the table has it: use a strategy that edits architectures, such as "
            "'genetic_algorithm', 'regularized_evolution' or 'local_search'"
        )


def sample_new(
    space: SearchSpace, n: int, taken: Collection[Hashable], keys: Keys, rng: np.random.Generator
) -> tuple[Archs, list[Hashable]]:
    """Draw distinct architectures that are not taken, by rejection from `SearchSpace.sample`.

    Parameters
    ----------
    space : SearchSpace
    n : int
        Architectures wanted.
    taken : collection of keys
        What is left out; not changed.
    keys : callable
        (k, L) architectures to k keys.
    rng : numpy.random.Generator

    Returns
    -------
    archs : (k, L) unsigned integers
        k = n, or fewer where the space is exhausted: as many keys are known as it has codings, or `PATIENCE` draws in
        a row brought nothing new.
    keys : list of k keys
    """
    found: list[Archs] = [no_archs(space)]
    new: dict[Hashable, None] = {}
    whole = prod(space.cardinalities.tolist())
    codings = min(whole, getattr(space, "codings", whole))  # a part of a space has fewer
    n = min(n, whole - len(taken))
    block, in_vain, patience = n, 0, min(PATIENCE, 64 * codings)
    while len(new) < n and in_vain < patience:
        draws = space.sample(block, rng)
        fresh = _add_new(draws, keys(draws), taken, new, n)
        in_vain = 0 if len(fresh) else in_vain + block
        block = min(2 * block, _LARGEST_BLOCK)
        found.append(fresh)
    return np.concatenate(found), list(new)


def sample_keeping(
    problem: Problem, n: int, taken: Collection[Hashable], keys: Keys, rng: np.random.Generator
) -> tuple[Archs, list[Hashable]]:
    """Draw as `sample_new` does, of `_ROOM` draws those that break constraints known in closed form least.

    Parameters and returns are those of `sample_new`.
    """
    if not problem.constraints:
        return sample_new(problem.space, n, taken, keys, rng)
    archs, new = sample_new(problem.space, max(n, _ROOM), taken, keys, rng)
    least = np.argsort(np.maximum(known_violation(problem, archs), 0.0), kind="stable")[:n].tolist()
    return archs[least], [new[row] for row in least]


def _add_new(
    archs: Archs, keys: list[Hashable], taken: Collection[Hashable], new: dict[Hashable, None], most: int
) -> Archs:
    """Add the keys that are neither taken nor there to `new`, until it has `most`; return their architectures."""
    rows: list[int] = []
    room = most - len(new)
    for row, key in enumerate(keys):
        if len(rows) == room:
            break
        if key not in taken and key not in new:
            new[key] = None
            rows.append(row)
    return archs[rows]


def mutate_best(
    space: SearchSpace,
    parents: Archs,
    n: int,
    taken: Collection[Hashable],
    keys: Keys,
    rng: np.random.Generator,
    *,
    edits: float | None,
) -> tuple[Archs, list[Hashable]]:
    """Mutate parents, the best first, into distinct candidates that are not taken.

    Each parent is mutated `n` times, until there are at least `n` candidates or no more parents, as in the code of
    White, Neiswanger & Savani (naszilla, `get_candidates`).

    Parameters
    ----------
    space : SearchSpace
    parents : (p, L) integers
        Best first.
    n : int
        Mutations of each parent, and candidates wanted.
    taken : collection of keys
        What is left out; not changed.
    keys : callable
        (k, L) architectures to k keys.
    rng : numpy.random.Generator
    edits : float or None
        Mean number of edits, see `mutate_often`; None for one edit each.

    Returns
    -------
    archs : (k, L) unsigned integers
        0 <= k < 2n; fewer than `n` where the parents' surroundings did not give more.
    keys : list of k keys
    """
    found: list[Archs] = [no_archs(space)]
    new: dict[Hashable, None] = {}
    for parent in parents:
        if len(new) >= n:
            break
        copies = np.repeat(parent[None], n, axis=0)
        mutants = space.mutate(copies, rng) if edits is None else mutate_often(space, copies, edits, rng)
        found.append(_add_new(mutants, keys(mutants), taken, new, 2 * n))
    return np.concatenate(found), list(new)


def mutate_evenly(
    space: SearchSpace,
    parents: Archs,
    n: int,
    taken: Collection[Hashable],
    keys: Keys,
    rng: np.random.Generator,
    *,
    edits: float,
) -> tuple[Archs, list[Hashable]]:
    """Mutate all parents equally often into distinct candidates that are not taken.

    Each parent gives ``n / p`` candidates, the first ones one more where that is not whole; a mutant that is not new is
    drawn again, up to `RETRIES` times, as in the code of Ru, Wan, Dong & Osborne (NAS-BOWL).

    Parameters are those of `mutate_best`.

    Returns
    -------
    archs : (k, L) unsigned integers
        k <= n; fewer than `n` where the parents' surroundings did not give more.
    keys : list of k keys
    """
    found: list[Archs] = [no_archs(space)]
    new: dict[Hashable, None] = {}
    wanted = np.full(len(parents), n // len(parents))
    wanted[: n % len(parents)] += 1
    for _ in range(1 + RETRIES):
        origins = np.repeat(np.arange(len(parents)), wanted)
        if not len(origins):
            break
        mutants = mutate_often(space, parents[origins], edits, rng)
        for row, key in enumerate(keys(mutants)):
            if key not in taken and key not in new:
                new[key] = None
                found.append(mutants[row : row + 1])
                wanted[origins[row]] -= 1
    return np.concatenate(found), list(new)


def mutate_often(space: SearchSpace, archs: Archs, edits: float, rng: np.random.Generator) -> Archs:
    """Mutate each row as often as a Poisson draw of mean `edits` says: (n, L) to (n, L), always valid.

    A row may come back unchanged, or edited twice in one place.
    """
    return mutate_times(space, archs, rng.poisson(edits, size=len(archs)), rng)


def mutate_times(space: SearchSpace, archs: Archs, counts: IntArray, rng: np.random.Generator) -> Archs:
    """Mutate each row as often as its count says: (n, L), (n,) to (n, L), always valid.

    A row may come back unchanged, or edited twice in one place.
    """
    mutants = np.array(archs, dtype=space.dtype)
    for done in range(int(counts.max(initial=0))):
        rows = counts > done
        mutants[rows] = space.mutate(mutants[rows], rng)
    return mutants


def mutate_genes(space: SearchSpace, archs: Archs, rate: float, rng: np.random.Generator) -> Archs:
    """Change each gene of each row with a probability: (n, L) to (n, L), always valid.

    The number of changes is binomial, and each is an edit of the space's, drawn again where it did not change another
    gene (`_TRIES` times at most).  Where genes are independent that is the mutation of genetic algorithms: each gene
    takes one of its other values with probability `rate`.  Elsewhere the space's rules of validity hold, and so does
    what it calls an edit.

    Parameters
    ----------
    space : SearchSpace
    archs : (n, L) integers
    rate : float
        From 0 to 1.
    rng : numpy.random.Generator
    """
    mutants = np.array(archs, dtype=space.dtype)
    counts = rng.binomial(np.count_nonzero(space.cardinalities > 1), rate, size=len(mutants))
    for done in range(int(counts.max(initial=0))):
        rows = np.flatnonzero(counts > done)
        for _ in range(_TRIES):
            edited = space.mutate(mutants[rows], rng)
            further = np.count_nonzero(edited != archs[rows], axis=1) > done
            mutants[rows[further]] = edited[further]
            rows = rows[~further]
            if not len(rows):
                break
    return mutants


def offspring(
    space: SearchSpace,
    mothers: Archs,
    fathers: Archs,
    crossover: float,
    mutation: float,
    rng: np.random.Generator,
    *,
    mutated: str = "all",
) -> Archs:
    """Return a child of each pair of parents, as genetic algorithms breed them: (n, L), always valid.

    Parameters
    ----------
    space : SearchSpace
    mothers, fathers : (n, L) integers
    crossover : float
        Probability that a child has genes of both (`SearchSpace.crossover`); others begin as a copy of the mother.
    mutation : float
        Mean number of genes that change then; see `mutate_genes`.
    rng : numpy.random.Generator
    mutated : {"all", "copies"}
        Whether children of two parents change too.
    """
    crossed = rng.random(len(mothers)) < crossover
    bred = mothers.copy()
    bred[crossed] = space.crossover(mothers[crossed], fathers[crossed], rng)
    if mutated == "all":
        return mutate_genes(space, bred, mutation / space.genes, rng)
    bred[~crossed] = mutate_genes(space, bred[~crossed], mutation / space.genes, rng)
    return bred


def neighbourhood(
    space: SearchSpace, parents: Archs, taken: Collection[Hashable], keys: Keys
) -> tuple[Archs, list[Hashable]]:
    """Return all distinct architectures one edit away from any of the parents that are not taken, in order.

    Parameters
    ----------
    space : SearchSpace
    parents : (p, L) integers
    taken : collection of keys
        What is left out; not changed.
    keys : callable
        (k, L) architectures to k keys.

    Returns
    -------
    archs : (k, L) unsigned integers
    keys : list of k keys
    """
    return distinct(np.concatenate([no_archs(space), *map(space.neighbours, parents)]), taken, keys)


def children(
    space: SearchSpace,
    parents: Archs,
    n: int,
    taken: Collection[Hashable],
    keys: Keys,
    rng: np.random.Generator,
    *,
    edits: float,
) -> tuple[Archs, list[Hashable]]:
    """Cross pairs of parents drawn uniformly, and mutate the children: at most `n`, distinct and not taken.

    Parameters are those of `mutate_best`; `SearchSpace.crossover` makes the children, ``2 n`` of them.
    """
    pairs = rng.integers(0, len(parents), size=(2, 2 * n))
    mutants = mutate_often(space, space.crossover(parents[pairs[0]], parents[pairs[1]], rng), edits, rng)
    archs, new = distinct(mutants, taken, keys)
    return archs[:n], new[:n]


def random_and_neighbours(
    space: SearchSpace, parents: Archs, n: int, taken: Collection[Hashable], keys: Keys, rng: np.random.Generator
) -> tuple[Archs, list[Hashable]]:
    """Return `n` random architectures and all neighbours of the parents, or a space of no more codings as a whole.

    Parameters are those of `neighbourhood`; all are distinct and not taken.
    """
    whole = everything(space, n, taken, keys)
    if whole is not None:
        return whole
    random, random_keys = sample_new(space, n, taken, keys, rng)
    around, around_keys = neighbourhood(space, parents, {*taken, *random_keys}, keys)
    return np.concatenate([random, around]), random_keys + around_keys


def everything(
    space: SearchSpace, most: int, taken: Collection[Hashable], keys: Keys
) -> tuple[Archs, list[Hashable]] | None:
    """Return all architectures of a space that are not taken, or None where it has more than `most` codings."""
    codings = prod(space.cardinalities.tolist())
    if codings > most:
        return None
    archs = space.decode(np.arange(codings, dtype=np.uint64))
    return distinct(archs[space.is_valid(archs)], taken, keys)


def distinct(archs: Archs, taken: Collection[Hashable], keys: Keys) -> tuple[Archs, list[Hashable]]:
    """Return the architectures whose keys are not taken, the first of each key, with these keys."""
    found = keys(archs)
    first = dict(zip(reversed(found), range(len(found) - 1, -1, -1), strict=True))
    rows = sorted(map(first.__getitem__, first.keys() - taken))
    return archs[rows], [found[row] for row in rows]


def random_and_mutants(
    space: SearchSpace,
    parents: Archs,
    n: int,
    taken: Collection[Hashable],
    keys: Keys,
    rng: np.random.Generator,
    *,
    edits: float,
) -> tuple[Archs, list[Hashable]]:
    """Return about `n` architectures, distinct and not taken: mutants of the parents, at most half, and random ones.

    Parameters are those of `mutate_best`; every parent is mutated equally often, ``n // 2`` times in all.
    """
    of_each = np.repeat(parents, max(n // 2 // max(len(parents), 1), 1), axis=0)
    mutants, mutant_keys = distinct(mutate_often(space, of_each[: n // 2], edits, rng), taken, keys)
    fresh, fresh_keys = sample_new(space, n - len(mutants), {*taken, *mutant_keys}, keys, rng)
    return np.concatenate([mutants, fresh]), mutant_keys + fresh_keys
