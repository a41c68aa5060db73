"""LaNAS: Monte-Carlo tree search over learnt partitions of the space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.checks import MOST, Archs, FloatArray, choice, integer, real
from harness.problem import Problem
from harness.space import IDENTITIES
from harness.strategy import Takes
from strategies.parts.candidates import distinct, no_archs, sample_new
from strategies.parts.ranking import FAILED, Score, known_violation
from strategies.parts.rhythms import Generational, Told
from strategies.parts.targets import NAMES as TARGETS
from strategies.parts.targets import transformed
from strategies.tree_search.partition import Node, grown, inside, select

_BLOCK = 1024  # draws at a time
_BLOCKS = 16  # in a row that leave too few inside a leaf, after which the leaf counts as exhausted


class LaNAS(Generational):
    """Split the space into good and bad halves by linear models, in a tree, and sample where the tree's bandit says.

    Wang et al., "Sample-efficient neural architecture search by learning actions for Monte Carlo tree search", TPAMI
    2021 (arXiv 2019).  At each node of a binary tree a linear regression on one-hot features splits what lies there at
    its mean prediction, the good half left.  From the root, the child of best mean and largest uncertainty
    ``c sqrt(2 ln n_parent / n_child)`` is entered, and an architecture is drawn uniformly from the leaf.  After each
    batch the tree is learnt anew.

    Departs from the authors' code, as the paper has it: their server takes the next job from the first leaf in place
    of the one chosen, LA-MCTS has the root of the visits for the logarithm, and their regressions stop far from the
    least squares that are taken here.  Departs from the paper: it starts with 100 or more random architectures and
    trees of height 8 on budgets of thousands; for 150 evaluations the defaults are 30, height 5, and a new tree after
    10 results.  c is `exploration` times the range of the values told.  What is proposed counts as a visit at once.

    Architectures are drawn by rejection from `SearchSpace.sample`; where a leaf gives nothing new, another new
    architecture of the space does.  One is proposed once; the search is finished when nothing is left.  With parallel
    workers, those that wait for the last of a batch get more draws from the same tree.  What breaks a constraint known
    in closed form is not drawn from leaves; other infeasible results are worse than every feasible one, by their
    violation.  Failed trainings teach no regression, and count in the nodes where they lie as the worst result told.

    Parameters
    ----------
    initial : int
        Random architectures before the first tree, at least 2.
    batch : int
        Results after which the tree is learnt anew, at least 1.
    height : int
        Levels of the tree, at least 1, which is random search.
    leaf : int
        A node with at most so many results is not split, at least 1.
    exploration : float
        c in units of the range of the values told, at least 0.
    target : {"identity", "log", "normal_scores"}
        Values that are averaged and regressed; see `strategies.parts.targets`.
    encoding : str
        Features of the regressions, an encoding of the space.
    identity : {"exact", "string", "functional"}
        When two architectures are the same (`SearchSpace.key`).
    """

    family, paper, year = "tree search", "Wang et al., TPAMI", 2021
    takes = Takes(objectives=1)

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        initial: int = 30,
        batch: int = 10,
        height: int = 5,
        leaf: int = 10,
        exploration: float = 0.5,
        target: str = "identity",
        encoding: str = "one_hot",
        identity: str = "exact",
    ) -> None:
        super().__init__(problem, rng, repeats="refuse")
        self.size = self.initial = integer("initial", initial, low=2, high=MOST)
        self.batch = integer("batch", batch, low=1, high=MOST)
        self.height = integer("height", height, low=1, high=64)
        self.leaf = integer("leaf", leaf, low=1, high=MOST)
        self.exploration = real("exploration", exploration, low=0.0)
        self.target = choice("target", target, TARGETS)
        self.encoding = choice("encoding", encoding, tuple(problem.space.encodings))
        self.identity = choice("identity", identity, IDENTITIES)
        self._archs: list[Archs] = []
        self._scores: list[Score] = []
        self._root: Node | None = None
        self._range = 0.0  # of the values told

    def breed(self, n: int) -> tuple[Archs, Sequence[Any]]:
        """Return n architectures, each from the leaf that the tree selects; random ones before there is a tree."""
        found: list[Archs] = [no_archs(self.problem.space)]
        taken = set(self._known)
        for path, count in [] if self._root is None else self._selected(self._root, n):
            archs, keys = self._inside(path, count, taken)
            taken.update(keys)
            found.append(archs)
        left = n - sum(map(len, found))
        found.append(sample_new(self.problem.space, left, taken, self._keys, self.rng)[0])
        archs = np.concatenate(found)
        return archs, [None] * len(archs)

    def _selected(self, root: Node, n: int) -> list[tuple[list[Node], int]]:
        """Select a leaf n times; return the paths to the leaves selected, each with how often it was."""
        counts: dict[int, tuple[list[Node], int]] = {}
        for _ in range(n):
            path = select(root, self.exploration * self._range)
            for node in path:
                node.visits += 1
            before = counts.get(id(path[-1]), (path, 0))[1]
            counts[id(path[-1])] = path, before + 1
        return [*counts.values()]

    def _inside(self, path: list[Node], n: int, taken: set[Any]) -> tuple[Archs, list[Any]]:
        """Draw up to n distinct new architectures of a leaf, uniformly by rejection, with their keys."""
        space = self.problem.space
        archs, keys = no_archs(space), list[Any]()
        for _ in range(_BLOCKS):
            draws = space.sample(_BLOCK, self.rng)
            there = draws[inside(path, space.features(draws, self.encoding))]
            there = there[known_violation(self.problem, there) <= 0]
            archs, keys = distinct(np.concatenate([archs, there]), taken, self._keys)
            if len(archs) >= n:
                break
        return archs[:n], keys[:n]

    def learn(self, generation: list[Told]) -> None:
        """Learn the tree anew from everything told."""
        self._archs.extend(told.arch for told in generation)
        self._scores.extend(told.score for told in generation)
        trained = np.array([score is not FAILED for score in self._scores])
        if trained.sum() < 2:
            return
        self.size = self.batch
        values = self._values(trained)
        self._range = float(np.ptp(values))
        features = self.problem.space.features(np.stack(self._archs), self.encoding)
        self._root = grown(features, values, trained, height=self.height, leaf=self.leaf)

    def _values(self, trained: Any) -> FloatArray:
        """Return what was told as one number each, lower is better: (n,)."""
        violations, objectives = np.array(self._scores).T
        values = np.zeros(len(trained))
        feasible = trained & (violations <= 0)
        if feasible.any():
            values[feasible] = transformed(self.target, objectives[feasible])
        worst = values[feasible].max(initial=0.0)
        broken = trained & ~feasible
        finite = violations[broken & np.isfinite(violations)].max(initial=0.0)
        values[broken] = worst + np.where(np.isfinite(violations[broken]), violations[broken], finite)
        values[~trained] = values[trained].max()
        return values
