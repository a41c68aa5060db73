"""The kind of work `prediction`: learners on benchmarks, trained on more and more of a table and tested on the rest."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from functools import cached_property
from importlib.metadata import version
from typing import Any

import numpy as np

from harness import registry
from harness.benchmark import Benchmark
from harness.checks import FloatArray
from harness.digests import identity, later, sha256_of
from harness.errors import HarnessError, SpecError, must
from harness.experiments.columns import check_columns
from harness.experiments.kind import Kind, Output, at, open_benchmark, table_name
from harness.experiments.prediction import FEWEST_TESTED, KIND, PredictionSpec
from harness.experiments.spec import Spec, StrategySpec, held, plain_data
from harness.files.reading import parse_json
from harness.names import read
from harness.own.classes import file_sha256
from harness.printable import printable
from harness.problem import Budget, Constraint
from harness.seeding import generator, noise_seed
from harness.surrogate import Fit, Informed, Predict, Prediction, Surrogate, serve
from surrogates.evaluation.observed import KEYS, Asked, Observed, given
from surrogates.evaluation.scores import BINS, NAMES, TOPS, histogram, regrets, scores
from surrogates.evaluation.searching import search_version, searched
from surrogates.evaluation.sets import Pool, Trial

SCHEMA = 1
"""Version of what the digest of a unit covers."""
_OF_SEARCHES = (
    "n_workers", "constraints", "transfer", "report_on", "free_signals", "simulate", "deployments",
    "known_constraints", "auxiliary",
)  # fmt: skip
"""Keys of a spec that mean nothing to learners."""
REFUSALS = (HarnessError, ValueError, ArithmeticError)
"""Errors of a learner that is given too little, or what its arithmetic cannot bear: told, and the other sizes kept."""


@dataclass(frozen=True)
class Trials:
    """The unit of work of an evaluation: a learner on a benchmark, for one block of trials.

    Attributes
    ----------
    benchmark, table_digest : str
    learner : mapping
        ``name``, and settings as given.
    signature : str
        Of the learner, all settings filled in.
    sha256 : str or None
        Of the file, where the learner comes from one.
    objective : str
        The column that is predicted.
    settings : PredictionSpec
    constraints : tuple of Constraint
        Always none.
    budget : Budget
        Which training of the table answers.
    seed : int
    first, stop : int
        The block holds the trials ``range(first, stop)``.
    device : str
    versions : mapping
        Of the libraries on which the numbers depend.
    search : str
        The strategy of the searches and its version; "" without searches.
    signals : tuple of str
        Columns read before training that it is given as covariates.
    epochs : tuple of int
        At which it is given the beginning of every curve.
    """

    benchmark: str
    table_digest: str
    learner: Mapping[str, Any]
    signature: str
    sha256: str | None
    objective: str
    settings: PredictionSpec
    constraints: tuple[Constraint, ...]
    budget: Budget
    seed: int
    first: int
    stop: int
    device: str
    versions: Mapping[str, str]
    search: str = later("")
    signals: tuple[str, ...] = later(())
    epochs: tuple[int, ...] = later(())

    def as_dict(self) -> dict[str, Any]:
        """Return the unit as plain JSON data."""
        return plain_data(self)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over everything that the result depends on, hexadecimal."""
        facts = identity(self) | {"schema": SCHEMA, "kind": KIND, "constraints": []}
        facts["benchmark"] = read(self.benchmark).own
        if read(self.benchmark).path is not None:
            del facts["benchmark"]
        facts["learner"] = read(self.learner["name"]).own  # random streams are addressed by it
        del facts["budget"]["evaluations"]  # the largest training set, which the settings say
        return sha256_of(facts)

    @property
    def observed(self) -> Observed:
        """What the learner sees of an architecture beside its genes."""
        return Observed(self.signals, self.epochs)


_FORMS = {
    "scores": "f R Z K N",
    "regrets": "f R Z P",
    "seconds": "f R Z 2",
    "histograms": "f R Z H",
    "counts": "i R Z K",
    "search": "f R E",
}
"""Of the columns of R trials, Z sizes and K test sets; see `harness.experiments.columns`."""


class Evaluation(Kind[Trials]):
    """Fits learners to more and more of a table and predicts the rest of it; see `surrogates.evaluation`."""

    columns = tuple(name for name in _FORMS if name != "search")
    optional = ("search",)
    texts = ("names", "reasons")
    listed = "learners"

    def check(self, spec: Spec) -> None:
        """Refuse learners that do not exist, and keys that only searches have."""
        if spec.prediction is None:
            raise SpecError("`prediction`: the kind of work 'prediction' needs the table [prediction] and [[learners]]")
        for key in fields(Spec):
            if key.name in _OF_SEARCHES and getattr(spec, key.name) != key.default:
                raise SpecError(f"`{key.name}`: learners are evaluated without; leave it out")
        for index, item in enumerate(spec.strategies):
            with at(f"learners[{index}]"):
                factory = registry.learner(item.name)
                if isinstance(factory, type) and issubclass(factory, Informed):
                    raise HarnessError(f"'{item.name}' is told what it would have to predict; leave it out")
                known = (*registry.settings_of(factory), *KEYS)
                registry.check_keywords(factory, f"learner '{item.name}'", item.hyperparameters, also=known)
                Asked.of(item.hyperparameters)

    def units(self, spec: Spec, benchmark: Benchmark, device: str) -> Iterator[tuple[int, Trials]]:
        """Yield the units of all learners, each after it was built once."""
        assert spec.prediction is not None  # noqa: S101  # `check` has seen to it
        for objective in benchmark.objectives:
            pool = Pool.of(_of(benchmark.name, objective.name, spec.budget), np.random.default_rng(0))
            with at("prediction.sizes"):
                pool.check(spec.prediction.sizes[-1], benchmark.name)
            for index, item in enumerate(spec.strategies):
                if item.hyperparameters.get("targets") == "log_error" and (pool.truth < 0).any():
                    with at(f"learners[{index}]"):
                        rule = f"be another on '{benchmark.name}': {objective.name}, lower is better, is below 0"
                        raise HarnessError(must("targets", f"{rule}, and has no logarithm", "log_error"))
        for index, item in enumerate(spec.strategies):
            own = {key: value for key, value in item.hyperparameters.items() if key not in KEYS}
            settings = {"name": item.name, **own}
            with at(f"learners[{index}]"):
                learner = registry.surrogate(settings, benchmark.space, device=device)
            for objective in benchmark.objectives:
                one = _of(benchmark.name, objective.name, spec.budget)
                with at(f"learners[{index}]"):
                    observed = Asked.of(item.hyperparameters).on(one, learner)
                reader = observed.reader(learner, one)
                for first in range(0, spec.replicates, spec.replicates_per_shard):
                    yield index, self._unit(spec, spec.prediction, item, settings, reader, one, observed, first)

    @staticmethod
    def _unit(
        spec: Spec,
        prediction: PredictionSpec,
        item: StrategySpec,
        settings: Mapping[str, Any],
        learner: Surrogate,
        benchmark: Benchmark,
        observed: Observed,
        first: int,
    ) -> Trials:
        libraries = (*learner.libraries, *getattr(benchmark, "libraries", ()))
        return Trials(
            benchmark=benchmark.name,
            table_digest=benchmark.digest,
            learner=settings,
            signature=learner.signature,
            sha256=file_sha256(item.name),
            objective=benchmark.objectives[0].name,
            settings=prediction,
            constraints=(),
            budget=spec.budget,
            seed=spec.seed,
            first=first,
            stop=min(first + spec.replicates_per_shard, spec.replicates),
            device=learner.device,
            versions={library: version(library) for library in libraries},
            search=search_version() if prediction.search else "",
            signals=observed.signals,
            epochs=observed.epochs,
        )

    def unit(self, data: Mapping[str, Any]) -> Trials:
        """Read what `Trials.as_dict` wrote."""
        return Trials(**held(data, Trials))

    def check_output(self, unit: Trials, output: Output) -> None:
        """Refuse what is not of the trials, sizes and test sets of a unit."""
        names, reasons = (parse_json(output.texts[key], f"`{key}`") for key in self.texts)
        for key, known in (("scores", NAMES), ("tops", TOPS)):
            listed = names.get(key) if isinstance(names, dict) else None
            if not isinstance(listed, list) or any(one not in listed for one in known):
                raise HarnessError(must("names", f"list the {key} {', '.join(map(str, known))}", listed))
        told = (names.get("signals", {}), names.get("epochs", 0), names.get("schedule", 1))
        if not isinstance(told[0], dict) or not all(isinstance(one, int) for one in told[1:]) or told[2] < 1:
            raise HarnessError(must("names", "say `signals`, `epochs` and `schedule`", told))
        if not isinstance(reasons, dict) or not all(isinstance(text, str) for text in reasons.values()):
            raise HarnessError(must("reasons", "be texts by name", reasons))
        lengths = {"R": unit.stop - unit.first, "Z": len(unit.settings.sizes), "K": len(unit.settings.tests)}
        lengths |= {"N": len(names["scores"]), "P": len(names["tops"]), "E": unit.settings.search, "H": BINS}
        check_columns(output.columns, _FORMS, lengths, (*self.columns, *(["search"] if unit.settings.search else [])))

    def small(self, unit: Trials) -> Trials:
        """Return the first trial of a unit."""
        return replace(unit, stop=unit.first + 1)

    def run(self, unit: Trials, on_step: Callable[[int], None] | None = None) -> Output:
        """Fit and test; the columns have an axis of trials, then of sizes.

        ``scores`` are (trials, sizes, tests, names), ``counts`` the sizes of the test sets, ``regrets`` (trials, sizes,
        tops) of the choice among all that was not learnt from, ``seconds`` (trials, sizes, 2) the CPU seconds of a fit
        and of one architecture predicted, ``histograms`` (trials, sizes, bins) on the first test set. With a search
        ``search`` is (trials, evaluations), see `surrogates.evaluation.searching`. Where a learner refuses what it is
        given, columns are NaN and the text ``reasons`` says why, by size or ``search``.
        """
        benchmark = _of(unit.benchmark, unit.objective, unit.budget)
        if benchmark.digest != unit.table_digest:
            raise HarnessError(f"the table '{unit.benchmark}' changed after the run was prepared; run again")
        if file_sha256(unit.learner["name"]) != unit.sha256:
            raise HarnessError(f"the file of '{unit.learner['name']}' changed after the run was prepared; run again")
        table, trials, settings = table_name(benchmark), range(unit.first, unit.stop), unit.settings
        pool = Pool.of(benchmark, generator(unit.seed, "pool", table))
        seeds = [noise_seed(unit.seed, table, trial) for trial in trials]
        drawn = [
            Trial.of(pool, benchmark, settings.sizes[-1], seed, generator(unit.seed, "training sets", table, trial))
            for seed, trial in zip(seeds, trials, strict=True)
        ]
        learner, another = (registry.surrogate(unit.learner, benchmark.space, device=unit.device) for _ in range(2))
        own = read(unit.learner["name"]).own
        steps = _Steps(settings, len(trials), on_step)
        learner, another = (unit.observed.reader(one, benchmark) for one in (learner, another))
        columns = [unit.observed.columns(benchmark, pool.archs, seed) for seed in seeds]
        shape = (len(trials), len(settings.sizes))
        found = {
            "scores": np.full((*shape, len(settings.tests), len(NAMES)), np.nan),
            "counts": np.zeros((*shape, len(settings.tests)), dtype=np.int64),
            "regrets": np.full((*shape, len(TOPS)), np.nan),
            "seconds": np.full((*shape, 2), np.nan),
            "histograms": np.full((*shape, BINS), np.nan),
        }
        reasons: dict[str, str] = {}
        for place, size in enumerate(settings.sizes):
            sets = [one.order[:size] for one in drawn]
            seen = [given(learner, values, rows) for values, rows in zip(columns, sets, strict=True)]
            fits = [
                Fit(
                    learner,
                    pool.archs[rows],
                    one.labels[:size],
                    generator(unit.seed, "learner", own, table, trial, size),
                    None if extra is None else extra[rows],
                )
                for one, rows, extra, trial in zip(drawn, sets, seen, trials, strict=True)
            ]
            if not place:
                _warm_up(replace(fits[0], learner=another, rng=np.random.default_rng(0)))
            try:
                predictions, found["seconds"][:, place] = _predicted(fits, pool, seen)
            except REFUSALS as error:
                reasons[str(size)] = _reason(error)
                predictions = []
            for row, (one, trial) in enumerate(zip(drawn, trials, strict=True)):
                rng = generator(unit.seed, "test sets", table, trial)
                tests = one.tests(pool, benchmark.space, size, settings.test_size, rng)
                found["counts"][row, place] = [len(tests[name]) for name in settings.tests]
                if predictions:
                    prediction, honest = predictions[row], learner.has_std
                    for column, name in enumerate(settings.tests):
                        rows = tests[name]
                        if len(rows) >= FEWEST_TESTED:
                            found["scores"][row, place, column] = scores(
                                prediction, rows, pool.truth[rows], honest=honest
                            )
                    first = tests[settings.tests[0]]
                    if len(first) >= FEWEST_TESTED:
                        found["histograms"][row, place] = histogram(prediction, first, pool.truth[first], honest=honest)
                    left = np.setdiff1d(np.arange(len(pool)), one.order[:size])
                    found["regrets"][row, place] = regrets(prediction.mean[left], pool.truth[left])
            steps.took(size)
        if settings.search and (unit.signals or unit.epochs):
            reasons["search"] = "it reads signals or curves, which the search does not give it"
            found["search"] = np.full((len(trials), settings.search), np.nan)
        elif settings.search:
            streams = [generator(unit.seed, "search", table, trial) for trial in trials]
            try:
                found["search"] = searched(
                    benchmark, learner, settings.search, unit.budget, seeds, streams, pool.best, steps.search
                )
            except REFUSALS as error:
                reasons["search"] = _reason(error)
                found["search"] = np.full((len(trials), settings.search), np.nan)
        names = {"scores": NAMES, "tops": TOPS} | unit.observed.facts(benchmark)
        return Output(found, {"names": json.dumps(names), "reasons": json.dumps(reasons)})


class _Steps:
    """Tells how much is done in the budget's unit: the largest training set, for each trial, is all."""

    def __init__(self, settings: PredictionSpec, trials: int, tell: Callable[[int], None] | None) -> None:
        self._whole = sum(settings.sizes) + _search_work(settings.search)
        self._per_work = trials * settings.sizes[-1] / self._whole
        self._work, self._tell, self._trials = 0.0, tell, trials

    def took(self, work: float) -> None:
        """Count architectures that were learnt from, in each trial."""
        self._work += work
        if self._tell is not None:
            self._tell(round(self._work * self._per_work))

    def search(self, evaluations: int) -> None:
        """Tell the evaluations of the searches of all trials so far."""
        if self._tell is not None:
            self._tell(round((self._work + _search_work(evaluations / self._trials)) * self._per_work))


def _search_work(evaluations: float) -> float:
    """Return how many architectures the models of a search learn from, all of them together: one after each ten."""
    return evaluations**2 / 20


def _predicted(
    fits: Sequence[Fit], pool: Pool, seen: Sequence[FloatArray | None]
) -> tuple[list[Prediction], FloatArray]:
    """Return what each model says of the pool, and the CPU seconds of a fit and of one architecture, (2,)."""
    models, fitting = _timed(serve, fits)
    asked = [Predict(model, pool.archs, extra) for model, extra in zip(models, seen, strict=True)]
    predictions, predicting = _timed(serve, asked)
    return predictions, np.array([fitting, predicting / len(pool)]) / len(fits)


def _warm_up(fit: Fit) -> None:
    """Serve a fit and a prediction by a learner that is not asked again: imports of a process are no cost of a fit."""
    with suppress(*REFUSALS):
        (model,) = serve([fit])
        assert isinstance(model, Surrogate)  # noqa: S101  # a fit is answered by a model
        serve([Predict(model, fit.archs[:1], None if fit.covariates is None else fit.covariates[:1])])


def _reason(error: Exception) -> str:
    return printable(f"{error}" if isinstance(error, HarnessError) else f"{type(error).__name__}: {error}")


def _of(benchmark: str, objective: str, budget: Budget) -> Benchmark:
    return open_benchmark(benchmark, (objective,), (), budget)


def _timed(work: Callable[[Sequence[Any]], list[Any]], requests: Sequence[Any]) -> tuple[list[Any], float]:
    """Return the answers, and their CPU seconds."""
    began = time.process_time()
    answers = work(requests)
    return answers, time.process_time() - began
