"""Tree-structured Parzen estimators."""

from __future__ import annotations

from bisect import insort
from collections.abc import Hashable
from math import ceil, floor, sqrt

import numpy as np

from harness.checks import MOST, Archs, choice, integer, real
from harness.errors import HarnessError, UnfitError, must
from harness.problem import Problem
from harness.records import Evaluations, Proposals
from harness.space import IDENTITIES
from harness.strategy import Strategy, Takes
from strategies.parts.candidates import exact_keys, sample_new
from strategies.parts.parzen import Bohb, Density, Joint, PerGene, promising, ramp
from strategies.parts.ranking import FAILED, scores

FORMS = ("joint", "per_gene", "bohb", "bohb_capped")
_MOST_GOOD = 25
_SHARES = {"optuna": 0.1, "hyperopt": 0.25, "bohb": 0.15}
_ROUNDS = 10  # of draws, until one is new

_REPEATS = Takes(objectives=1, forbidden_duplicates=False)


class TPE(Strategy):
    """Draw from the density of good architectures, propose the draw that is likelier there than among the others.

    Bergstra, Bardenet, Bengio & Kegl, "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011, section 4; the
    default is its multivariate form with the defaults of Optuna 5.0: ten random architectures, then each proposal is
    the argmax of ``l(x) / g(x)`` among 24 draws from l, where l is the density of the best tenth (at most 25) and g
    that of all others; see `strategies.parts.parzen`.

    Departs from Optuna: what was proposed is not proposed again, the next best draw is taken (with one gene at a time
    the method proposes a quarter to a third of distinct rows otherwise, and loses by it); after ten rounds of draws
    without a new one, a random new architecture is.  Draws that are not valid, or break a constraint that the space
    knows in closed form, are dropped.  Widths and other ordinal genes are categories as well.

    Failed trainings are among the others and never good; infeasible ones are sorted after all feasible ones, by
    violation (see `strategies.parts.ranking`), so that they are good only while too few are feasible.  With parallel
    workers, what runs counts among the others ("constant liar" of Optuna).  The search is finished when nothing new is
    left.

    Parameters
    ----------
    initial : int
        Random architectures until so many are told, at least 1.
    form : {"joint", "per_gene", "bohb", "bohb_capped"}
        Densities: mixtures of products; a product of one mixture for each gene, of which the best value of each gene is
        taken (the paper's form, hyperopt's, and Optuna's before 5.0); the product kernels of BOHB (Falkner, Klein &
        Hutter, "BOHB: Robust and Efficient Hyperparameter Optimization at Scale", ICML 2018) as its authors coded them
        (HpBandSter), and with the bandwidth capped at that of a uniform kernel.  "bohb" is here to repeat published
        tables, with ``split = "bohb"``, ``draws = 64`` and ``random_share = 0.3333``: it is *not better than random
        search* on NAS-Bench-201, and capped it hardly is, because its rule for the bandwidth is one for continuous
        data.  Both wait until each density has more rows than there are genes.
    split : {"optuna", "hyperopt", "bohb"}
        Good ones among n: ``ceil(gamma n)``, at most 25; ``ceil(gamma sqrt(n))``, at most 25; and
        ``max(L + 1, floor(gamma n))`` with L genes.
    gamma : float, optional
        In (0, 1]; the default is that of the split: 0.1, 0.25 and 0.15, in this order.
    draws : int
        Drawn from l for one proposal, at least 1.
    prior_weight : float
        Of the uniform kernel in "joint" and "per_gene", greater than 0.
    recent : int
        Observations that count in full, the youngest ones; weights of older ones fall linearly with age.  Not in BOHB.
    random_share : float
        Probability that a proposal is random, in [0, 1].
    distinct : bool
        Whether what was proposed is left out.
    identity : {"exact", "string", "functional"}
        When two architectures are the same, where `distinct` (`SearchSpace.key`).
    """

    family, paper, year = "Bayesian optimisation", "Bergstra et al., NeurIPS", 2011
    takes = Takes(objectives=1)

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        *,
        initial: int = 10,
        form: str = "joint",
        split: str = "optuna",
        gamma: float | None = None,
        draws: int = 24,
        prior_weight: float = 1.0,
        recent: int = 25,
        random_share: float = 0.0,
        distinct: bool = True,
        identity: str = "exact",
    ) -> None:
        super().__init__(problem, rng)
        self.initial = integer("initial", initial, low=1, high=MOST)
        self.form = choice("form", form, FORMS)
        self.split = choice("split", split, tuple(_SHARES))
        self.gamma = real("gamma", _SHARES[self.split] if gamma is None else gamma, low=0.0, high=1.0, open_low=True)
        self.draws = integer("draws", draws, low=1, high=MOST)
        self.prior_weight = real("prior_weight", prior_weight, low=0.0, open_low=True)
        self.recent = integer("recent", recent, low=0, high=MOST)
        self.random_share = real("random_share", random_share, low=0.0, high=1.0)
        if not isinstance(distinct, bool):
            raise HarnessError(must("distinct", "be true or false", distinct))
        if not distinct and problem.budget.duplicates == "forbidden":
            raise UnfitError(f"TPE {_REPEATS.refusal(problem)}; or set `distinct = true`")
        self.distinct = distinct
        self.identity = choice("identity", identity, IDENTITIES)
        self._begun = False
        self._taken: set[Hashable] = set()  # proposed in this run, where `distinct`
        self._running: list[Archs] = []  # proposed and not told, (L,) each
        self._told: Archs = np.zeros((64, problem.space.genes), dtype=problem.space.dtype)
        self._count = 0
        self._ranked: list[tuple[float, float, int]] = []  # violation, objective and row of what did not fail

    def propose(self, n: int) -> Proposals:
        """Return the initial design, then one architecture; none when nothing new is left."""
        if not self._begun:
            self._begun, chosen = True, self._random(self.initial)
        elif self._count < self.initial or (self.random_share and self.rng.random() < self.random_share):
            chosen = self._random(1)
        else:
            chosen = self._likely()
        self._running.extend(chosen)
        return self.proposals(chosen)

    def _random(self, n: int) -> Archs:
        """Return random architectures, fewer than `n` where not so many are new."""
        if not self.distinct:
            return self.problem.space.sample(n, self.rng)
        archs, keys = sample_new(self.problem.space, n, self._taken, self._keys, self.rng)
        self._taken.update(keys)
        return archs

    def _likely(self) -> Archs:
        """Return the draw of the greatest ratio of densities that is valid and new, (1, L); else a random one."""
        space = self.problem.space
        good, others = self._parts()
        if self.form.startswith("bohb") and min(len(good), len(others)) <= space.genes:
            return self._random(1)
        likely, unlikely = self._density(good), self._density(others)
        for _ in range(_ROUNDS):
            ranked = promising(self.problem, likely, unlikely, self.draws, self.rng)
            for row, key in enumerate(self._keys(ranked)):
                if key not in self._taken:
                    if self.distinct:
                        self._taken.add(key)
                    return ranked[row : row + 1]
        return self._random(1)

    def _parts(self) -> tuple[Archs, Archs]:
        """Return the good architectures and the others, in the order told, what runs last: (n_l, L) and (n_g, L)."""
        usable = len(self._ranked)
        if self.split == "bohb":
            count = max(self.problem.space.genes + 1, floor(self.gamma * usable))
        else:
            count = min(ceil(self.gamma * (usable if self.split == "optuna" else sqrt(usable))), _MOST_GOOD)
        good = np.zeros(self._count, dtype=bool)
        good[[row for _, _, row in self._ranked[:count]]] = True
        told = self._told[: self._count]
        others = told[~good]
        return told[good], np.concatenate([others, self._running]) if self._running else others

    def _density(self, archs: Archs) -> Density:
        """Return the density of the chosen form."""
        space = self.problem.space
        if self.form in ("bohb", "bohb_capped"):
            return Bohb(space, archs, capped=self.form == "bohb_capped")
        kind = Joint if self.form == "joint" else PerGene
        return kind(space, archs, ramp(len(archs), self.recent), self.prior_weight)

    def _keys(self, archs: Archs) -> list[Hashable]:
        if self.identity == "exact":
            return exact_keys(archs)
        keys: list[Hashable] = self.problem.space.key(archs, self.identity).tolist()
        return keys

    def tell(self, evaluations: Evaluations) -> None:
        """Remember results."""
        super().tell(evaluations)
        while self._count + len(evaluations) > len(self._told):
            self._told = np.concatenate([self._told, np.zeros_like(self._told)])
        self._told[self._count : self._count + len(evaluations)] = evaluations.archs
        for row, score in enumerate(scores(evaluations), start=self._count):
            if score is not FAILED:
                insort(self._ranked, (*score, row))
        self._count += len(evaluations)
        for arch in evaluations.archs:
            running = (row for row, other in enumerate(self._running) if np.array_equal(arch, other))
            for first in running:
                del self._running[first]
                break
