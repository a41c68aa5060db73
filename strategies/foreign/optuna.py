"""Samplers of Optuna, asked and told one trial at a time."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from math import isfinite, isnan
from typing import Any, ClassVar

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import Trial, TrialState

from harness.checks import choice
from harness.errors import HarnessError
from harness.problem import Problem
from harness.records import Evaluations
from strategies.foreign.adapter import Foreign, quiet

_LEARNS_NOTHING = (optuna.samplers.RandomSampler, optuna.samplers.QMCSampler, optuna.samplers.BruteForceSampler)
"""Samplers that no result changes: they can be run under constraints, which they need not be told."""
_SEVERAL = (
    optuna.samplers.NSGAIISampler,
    optuna.samplers.NSGAIIISampler,
    optuna.samplers.TPESampler,
    *_LEARNS_NOTHING,
)
"""Samplers that are run on several objectives; `GPSampler` takes far too long there, and of others nobody knows."""
_COMPUTES_WITH = {"GPSampler": ("scipy", "torch"), "QMCSampler": ("scipy",)}
_PUBLISHED = {
    "TPESampler": ("Bergstra et al., NeurIPS", 2011),
    "GPSampler": ("Ament et al., NeurIPS", 2023),
    "NSGAIISampler": ("Deb et al., IEEE TEVC", 2002),
    "RandomSampler": ("Bergstra & Bengio, JMLR", 2012),
}
_AS = ("categories", "integers")
_START, _LONGEST_START = 10, 100
"""Random trials with which a sampler begins that does not say so, and the most that are waited for."""


class OptunaSearch(Foreign):
    """Akiba et al., "Optuna: a next-generation hyperparameter optimization framework", KDD 2019.

    Every gene is a categorical distribution over its codes, so their order says nothing, unless `ordinal_genes` says
    otherwise; the distributions are fixed, and the study is kept in memory.  The seed is drawn from the random stream
    of the run.  A failed training is told as a failed trial, which samplers ignore.  Constraints are set on the trial
    (`Trial.set_constraint`; what is missing is an infinite violation) for samplers that take them.  What runs on other
    workers stays a running trial, and a sampler treats it as it does any other.  A row that is invalid in the space is
    told as a failed trial at once, is not charged, and the sampler is asked anew, up to 1,000 times in a row; then the
    search is finished; a space where fewer than one coding in a hundred is valid (a partial table) is refused.
    Duplicates are proposed again, so a budget that forbids them is refused.  A sampler that can
    only draw each gene by itself, as a fallback, is refused: it would be random search under another name.  The version
    of the library is part of the digest of results.
    """

    paper: ClassVar[str] = "Akiba et al., KDD"
    year: ClassVar[int | None] = 2019
    library: ClassVar[str] = "Optuna"
    own: ClassVar[Mapping[str, Any]] = {"ordinal_genes": "categories"}
    explained: ClassVar[Mapping[str, str]] = {
        "ordinal_genes": '"categories", or "integers": then genes whose codes have an order (`SearchSpace.gene_kinds`) '
        "are integers, for samplers that make use of it."
    }
    given: ClassVar[tuple[str, ...]] = ("seed", "constraints_func")

    @classmethod
    def exported(cls) -> Mapping[str, Any]:
        """Return the samplers of Optuna."""
        found = ((name, getattr(optuna.samplers, name)) for name in optuna.samplers.__all__)
        return {name: item for name, item in found if isinstance(item, type) and not cls.refusal(item)}

    @classmethod
    def refusal(cls, factory: Any) -> str:
        """Say why a class is no sampler."""
        is_sampler = isinstance(factory, type) and issubclass(factory, BaseSampler)
        if not is_sampler or inspect.isabstract(factory):
            return "is no sampler: it must be a class that extends BaseSampler"
        return ""

    @classmethod
    def of(cls, factory: Any, libraries: tuple[str, ...]) -> type[OptunaSearch]:
        """Return the strategy that runs a sampler; see `Foreign.of`."""
        computes_with = _COMPUTES_WITH.get(getattr(factory, "__name__", ""), ())
        return super().of(factory, (*libraries, *computes_with))

    @classmethod
    def declared(cls, factory: Any) -> Mapping[str, Any]:
        """Return the paper of the method, or of the library, and what constraints and objectives a sampler takes."""
        paper, year = _PUBLISHED.get(factory.__name__, (cls.paper, cls.year))
        objectives = None if issubclass(factory, _SEVERAL) else cls.takes.objectives
        takes = replace(cls.takes, constraints=_takes_constraints(factory), objectives=objectives)
        return {"paper": paper, "year": year, "takes": takes}

    def __init__(self, problem: Problem, rng: np.random.Generator, **hyperparameters: Any) -> None:
        super().__init__(problem, rng, **hyperparameters)
        ordinal = choice("ordinal_genes", hyperparameters.get("ordinal_genes", _AS[0]), _AS)
        kinds = [kind if ordinal == "integers" else "categorical" for kind in problem.space.gene_kinds]
        self._distributions = _distributions(kinds, problem.space.cardinalities.tolist())
        try:
            start = hyperparameters.get("n_startup_trials", self.defaults.get("n_startup_trials", _START))
            given = tuple(sorted(self.hyperparameters.items()))
            why = _shortcoming(self.factory, given, tuple(sorted({*kinds})), start, len(problem.objectives))
        except Exception as error:  # a library checks what it is given when it is first used
            raise self.blame(error) from error
        if why:
            raise HarnessError(
                f"Optuna's {type(self).__name__} cannot search the genes of '{problem.space.name}': {why}"
            )
        with quiet("optuna"):
            self._study = _study(self.build(seed=self.seed()), len(problem.objectives))
        self._running: dict[int, Trial] = {}

    def draw(self, n: int) -> tuple[Sequence[int], Sequence[Sequence[int]]]:
        """Ask for `n` trials; none once the sampler has said that nothing is left."""
        if self._study.finished:
            return (), ()
        with quiet("optuna"):
            trials = [self._study.ask(self._distributions) for _ in range(n)]
        self._running.update((trial.number, trial) for trial in trials)
        rows = [[trial.params[name] for name in self._distributions] for trial in trials]
        return [trial.number for trial in trials], rows

    def reject(self, tags: Sequence[int]) -> None:
        """Tell what is invalid as failed."""
        with quiet("optuna"):
            for tag in tags:
                self._study.tell(self._running.pop(tag), state=TrialState.FAIL)

    def tell(self, evaluations: Evaluations) -> None:
        """Tell each trial its objectives and its constraints, or that it failed."""
        super().tell(evaluations)
        tags, constraints = evaluations.tag.tolist(), evaluations.constraints.tolist()
        with quiet("optuna"):
            for tag, values, violations in zip(tags, evaluations.objectives.tolist(), constraints, strict=True):
                trial = self._running.pop(tag)
                if not all(map(isfinite, values)):
                    self._study.tell(trial, state=TrialState.FAIL)
                    continue
                for index, violation in enumerate(violations):
                    trial.set_constraint(str(index), float("inf") if isnan(violation) else violation)
                self._study.tell(trial, values)


class _Study(optuna.Study):
    """A study that is asked and told, and notes when its sampler wants to end it."""

    finished = False

    def stop(self) -> None:
        """Note that the sampler has nothing more to propose."""
        self.finished = True


def _study(sampler: BaseSampler, objectives: int) -> _Study:
    storage = optuna.storages.InMemoryStorage()
    storage.create_new_study([StudyDirection.MINIMIZE] * objectives, "search")
    return _Study("search", storage, sampler, optuna.pruners.NopPruner())


def _distributions(kinds: Sequence[str], counts: Sequence[int]) -> dict[str, BaseDistribution]:
    """Return a distribution over the codes of each gene, in order, by a name for it."""
    width = len(str(len(counts)))
    return {
        f"gene {i:0{width}}": IntDistribution(0, count - 1) if kind == "ordinal" else _categories(count)
        for i, (kind, count) in enumerate(zip(kinds, counts, strict=True))
    }


@cache
def _categories(count: int) -> CategoricalDistribution:
    return CategoricalDistribution(range(count))


def _takes_constraints(factory: Any) -> bool:
    return "constraints_func" in inspect.signature(factory).parameters or issubclass(factory, _LEARNS_NOTHING)


@cache
def _shortcoming(
    factory: Any, hyperparameters: tuple[tuple[str, Any], ...], kinds: tuple[str, ...], start: int, objectives: int
) -> str:
    """Run a sampler for a few trials on three genes of each kind, past its random start; say why it cannot search them.

    It cannot where it leaves genes out of its joint distribution and has another sampler draw each of them by itself:
    as `CmaEsSampler`, which skips what is no number.  After a start of more than 100 trials nobody looks.
    """
    fallbacks = dict[str, str]()  # who drew a gene, by its name
    distributions = _distributions(3 * kinds, [3] * 3 * len(kinds))
    with quiet("optuna"):
        sampler = factory(**dict(hyperparameters), seed=0)
        for part in vars(sampler).values():
            if isinstance(part, BaseSampler):
                part.sample_independent = _noted(part, fallbacks)  # type: ignore[method-assign]  # it is thrown away
        study = _study(sampler, objectives)
        for told in range(min(start, _LONGEST_START) + 2):
            fallbacks.clear()
            trial = study.ask(distributions)
            study.tell(trial, [float(told) * (-1) ** place for place in range(objectives)])
    alone = [name for name in fallbacks if name not in (trial.relative_search_space or {})]
    if not alone or start > _LONGEST_START:
        return ""
    return (
        f"it has {fallbacks[alone[0]]} draw each of them by itself, which is random search under another name; choose "
        "a sampler that learns categories, such as optuna:TPESampler"
    )


def _noted(sampler: BaseSampler, fallbacks: dict[str, str]) -> Any:
    """Return the method of a sampler that draws one gene, which also notes that it did."""
    sample = sampler.sample_independent

    def noted(study: optuna.Study, trial: optuna.trial.FrozenTrial, name: str, distribution: BaseDistribution) -> Any:
        fallbacks[name] = type(sampler).__name__
        return sample(study, trial, name, distribution)

    return noted
