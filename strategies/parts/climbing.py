"""Local search over an acquisition function: climbs from several architectures at once."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable
from typing import Any

import numpy as np

from harness.checks import Archs, FloatArray
from harness.space import SearchSpace
from harness.surrogate import Fit, Predict
from strategies.parts.candidates import exact_keys

Learning = Generator[Fit | Predict, Any, FloatArray]


def climb(
    space: SearchSpace, starts: Archs, values: FloatArray, value: Callable[[Archs], Learning], *, plateau: int
) -> Generator[Fit | Predict, Any, tuple[Archs, FloatArray]]:
    """Walk from each start to its best neighbour while that is better, and a few steps while it is as good.

    Every neighbourhood (`SearchSpace.neighbours`) is valued as a whole, those of all walks as one request.  No walk
    enters what another walk or itself has been at; two walks that would meet become one.

    Parameters
    ----------
    space : SearchSpace
    starts : (s, L) integers
        Distinct; the best first, so that it has the right of way.
    values : (s,) float64
        Of the starts; lower is better.
    value : callable
        ``values = yield from value(archs)``, (q, L) to (q,).
    plateau : int
        Most steps of each walk to a neighbour that is only as good.

    Returns
    -------
    archs : (v, L) unsigned integers
        All neighbours that were valued, each once.
    values : (v,) float64
    """
    archs, levels = starts, values
    rows: dict[Hashable, int] = {key: row for row, key in enumerate(exact_keys(starts))}
    visited = [True] * len(starts)
    walks, left = list(range(len(starts))), [plateau] * len(starts)
    while walks:
        around = [space.neighbours(archs[row]) for row in walks]
        keys = [exact_keys(some) for some in around]
        new = [
            (neighbours[row], rows.setdefault(key, len(rows)))
            for neighbours, some in zip(around, keys, strict=True)
            for row, key in enumerate(some)
            if key not in rows
        ]
        if new:
            fresh = np.array([arch for arch, _ in new])
            archs, levels = np.concatenate([archs, fresh]), np.concatenate([levels, (yield from value(fresh))])
            visited += [False] * len(new)
        level, moved, steps = levels.tolist(), [], []
        for walk, some, flat in zip(walks, keys, left, strict=True):
            free = [row for row in map(rows.__getitem__, some) if not visited[row]]
            best = min(free, key=level.__getitem__, default=walk)
            if level[best] < level[walk] or (best != walk and level[best] == level[walk] and flat):
                visited[best] = True
                moved.append(best)
                steps.append(flat - (level[best] == level[walk]))
        walks, left = moved, steps
    return archs[len(starts) :], levels[len(starts) :]
