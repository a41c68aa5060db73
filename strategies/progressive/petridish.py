"""Petridish-style search: growth along the convex hull of cost and error."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable
from typing import Any, ClassVar

import numpy as np

from harness.checks import MOST, Archs, FloatArray, integer
from harness.errors import HarnessError, unknown
from harness.problem import Problem
from harness.surrogate import Fit, Predict, Surrogate
from strategies.parts.candidates import no_archs
from strategies.parts.model_based import Learning, Valued
from strategies.progressive.growing import Growing

LEVEL = "level"
"""The cost that every space with a growth has: the level of complexity."""


class Petridish(Growing):
    """Grow architectures on the lower convex hull of cost and error, where the predicted gain per cost is highest.

    Hu et al., "Efficient forward architecture search", NeurIPS 2019.  There a parent near the convex hull of (cost,
    error) is drawn, candidate operations are attached and trained together, and those with the largest gates stay.

    It is called Petridish-style because a table has no gates and no partly trained candidates.  What is kept: only
    moves that grow a model (`SearchSpace.growth`), parents from the lower convex hull, and the choice of what to
    attach: by the gain over the parent, predicted by the surrogate, per cost added.  Where a child costs no more than
    its parent (a pooling has no parameters), the smallest cost added by any candidate stands in; what is predicted to
    be worse than its parent is multiplied by the cost.  Children that cost less are left out, so costs never fall along
    a lineage.  Where the hull has too few children left, the hull of the other architectures adds its own; where nobody
    has any, random architectures start new lineages.

    The hull is that of feasible results, or of cost and violation while there are none; see `Growing` for constraints
    that filter children, and for failures.  An architecture is proposed once, and the search is finished when nothing
    new is left.  A batch is spread over the parallel workers, which wait for its end.

    Parameters
    ----------
    surrogate : Surrogate
        The learner, built on ``problem.space``.
    cost : str, optional
        A column of `SearchSpace.costs`, or "level"; by default ``params_m`` where the space knows it, else "level".
    parents : int
        Architectures drawn from the hull for each batch, at least 1.
    batch : int
        Children trained with one model, at least 1.
    initial : int
        The simplest architectures and their children that are trained first, at least 2.
    identity : {"exact", "string", "functional"}
        When two architectures are the same (`SearchSpace.key`).
    """

    family, paper, year = "progressive", "Hu et al., NeurIPS", 2019
    default_surrogate: ClassVar[dict[str, Any] | None] = {"name": "mlp_ensemble", "encoding": "one_hot", "loss": "mae"}

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        surrogate: Surrogate,
        cost: str | None = None,
        parents: int = 5,
        batch: int = 10,
        initial: int = 10,
        identity: str = "exact",
    ) -> None:
        super().__init__(
            problem,
            rng,
            surrogate=surrogate,
            initial=initial,
            batch=batch,
            acquisition="mean",
            identity=identity,
            constraints="ranked",
        )
        known = problem.space.costs(no_archs(problem.space))
        if cost is not None and cost not in (*known, LEVEL):
            raise HarnessError(unknown("cost", cost, [*known, LEVEL]))
        self.cost = cost or ("params_m" if "params_m" in known else LEVEL)
        self.parents = integer("parents", parents, low=1, high=MOST)
        self._gains: dict[Hashable, tuple[float, float]] = {}  # of candidates: objective of the parent, cost added

    def costs(self, archs: Archs) -> FloatArray:
        """Return what architectures cost: (n, L) to (n,) float64."""
        if self.cost == LEVEL:
            return self.growth.level(archs).astype(np.float64)
        return self.problem.space.costs(archs)[self.cost]

    def pool(self, told: Archs, ranked: list[int]) -> tuple[Archs, list[Hashable]]:
        """Return the new children of some architectures on the hull of those that have any."""
        least = self._scores[ranked[0]][0]
        rows = np.array([row for row in ranked if self._scores[row][0] == least or least > 0])
        values = np.array([self._scores[row][0 if least > 0 else 1] for row in rows])
        finite = np.isfinite(values)
        rows, values, costs = rows[finite], values[finite], self.costs(told[rows[finite]])
        self._gains.clear()
        found: list[Archs] = []
        while len(rows) and sum(map(len, found)) < self.batch:
            hull = lower_hull(costs, values)
            for place in self.rng.permutation(hull)[: self.parents].tolist():
                row = int(rows[place])
                found += self._grown(told[row], self._scores[row][1], float(costs[place]))
            rows, values, costs = (np.delete(column, hull) for column in (rows, values, costs))
        return np.concatenate([no_archs(self.problem.space), *found]), list(self._gains)

    def _grown(self, parent: Archs, value: float, cost: float) -> list[Archs]:
        """Return the new children of a parent that cost no less, and note its objective and what they add."""
        archs, keys = self.children(parent[None])
        added = self.costs(archs) - cost
        new = [row for row in np.flatnonzero(added >= 0).tolist() if keys[row] not in self._gains]
        self._gains |= {keys[row]: (value, float(added[row])) for row in new}
        return [archs[new]] if new else []

    def search(
        self, archs: Archs, keys: list[Hashable], value: Callable[[Archs], Learning]
    ) -> Generator[Fit | Predict, Any, Valued]:
        """Return the candidates with their predicted gain per cost, lower is better."""
        predicted = yield from value(archs)
        before, added = np.array([self._gains.get(key, (np.inf, 1.0)) for key in keys]).T
        least = added[added > 0].min(initial=np.inf)
        costs = np.maximum(added / least, 1.0)  # in units of the smallest that any adds
        losses = predicted - np.where(np.isfinite(before), before, predicted)
        return archs, keys, np.where(losses < 0, losses / costs, losses * costs)


def lower_hull(costs: FloatArray, values: FloatArray) -> list[int]:
    """Return the corners of the lower convex hull of points, from the cheapest to the one of lowest value.

    Andrew, "Another efficient algorithm for convex hulls in two dimensions", Information Processing Letters 9, 1979.

    Parameters
    ----------
    costs, values : (n,) float64
        Of n points, n >= 1.

    Returns
    -------
    list of int
        Indices by rising cost and falling value; the first among equal points.

    Examples
    --------
    >>> lower_hull(np.array([0.0, 1.0, 2.0, 3.0, 2.0]), np.array([9.0, 4.0, 3.5, 1.0, 8.0]))
    [0, 1, 3]
    """
    hull: list[int] = []
    for point in np.lexsort((np.arange(len(costs)), values, costs)).tolist():
        if hull and values[point] >= values[hull[-1]]:
            continue  # no better than something cheaper
        while len(hull) > 1:
            before, last = hull[-2:]
            if (values[last] - values[before]) * (costs[point] - costs[before]) < (
                (values[point] - values[before]) * (costs[last] - costs[before])
            ):
                break
            hull.pop()
        hull.append(point)
    return hull
