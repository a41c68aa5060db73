"""The kind of work `prediction`: learners on benchmarks, trained on more and more of a table and tested on the rest."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version
from typing import Any, TypeVar

import numpy as np

from harness import registry
from harness.benchmark import Benchmark
from harness.digests import identity, later, sha256_of
from harness.errors import HarnessError, SpecError
from harness.experiments.kind import Kind, Output, at, open_benchmark, table_name
from harness.experiments.prediction import KIND, PredictionSpec
from harness.experiments.spec import Spec, StrategySpec, held, plain_data
from harness.names import read
from harness.own.classes import file_sha256
from harness.problem import Budget, Constraint
from harness.seeding import generator, noise_seed
from harness.surrogate import Fit, Predict, Surrogate
from surrogates.evaluation.observed import KEYS, Asked, Observed, given
from surrogates.evaluation.scores import BINS, NAMES, TOPS, histogram, regrets, scores
from surrogates.evaluation.sets import FEWEST, Pool, Trial

SCHEMA = 1
"""Version of what the digest of a unit covers."""
Request = TypeVar("Request")
Answer = TypeVar("Answer")


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


class Evaluation(Kind[Trials]):
    """Fits learners to more and more of a table and predicts the rest of it; see `surrogates.evaluation`."""

    columns = ("scores", "regrets", "seconds", "histograms", "counts")
    texts = ("names",)

    def check(self, spec: Spec) -> None:
        """Refuse learners that do not exist, and keys that only searches have."""
        if spec.prediction is None:
            raise SpecError("`prediction`: the kind of work 'prediction' needs the table [prediction] and [[learners]]")
        others = {"transfer": spec.transfer, "simulate": spec.simulate, "constraints": spec.constraints}
        for key, value in others.items():
            if value:
                raise SpecError(f"`{key}`: learners are evaluated without; leave it out")
        for index, item in enumerate(spec.strategies):
            with at(f"learners[{index}]"):
                learner = registry.load("surrogate", item.name)
                known = (*registry.settings_of(learner), *KEYS)
                registry.check_keywords(learner, f"learner '{item.name}'", item.hyperparameters, also=known)
                Asked.of(item.hyperparameters)

    def units(self, spec: Spec, benchmark: Benchmark, device: str) -> Iterator[tuple[int, Trials]]:
        """Yield the units of all learners, each after it was built once."""
        assert spec.prediction is not None  # noqa: S101  # `check` has seen to it
        pool = Pool.of(_of(benchmark.name, benchmark.objectives[0].name, spec.budget), np.random.default_rng(0))
        largest = spec.prediction.sizes[-1]
        if len(pool) < 2 * largest:
            with at("prediction.sizes"):
                raise HarnessError(
                    f"'{benchmark.name}' has {len(pool):,} different functions, of which at most half are learnt from:"
                    f" {len(pool) // 2:,}, got {largest:,}"
                )
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
                    yield index, self._unit(spec, item, settings, reader, one, observed, first)

    @staticmethod
    def _unit(
        spec: Spec,
        item: StrategySpec,
        settings: Mapping[str, Any],
        learner: Surrogate,
        benchmark: Benchmark,
        observed: Observed,
        first: int,
    ) -> Trials:
        assert spec.prediction is not None  # noqa: S101
        libraries = (*learner.libraries, *getattr(benchmark, "libraries", ()))
        return Trials(
            benchmark=benchmark.name,
            table_digest=benchmark.digest,
            learner=settings,
            signature=learner.signature,
            sha256=file_sha256(item.name),
            objective=benchmark.objectives[0].name,
            settings=spec.prediction,
            constraints=(),
            budget=spec.budget,
            seed=spec.seed,
            first=first,
            stop=min(first + spec.replicates_per_shard, spec.replicates),
            device=learner.device,
            versions={library: version(library) for library in libraries},
            signals=observed.signals,
            epochs=observed.epochs,
        )

    def unit(self, data: Mapping[str, Any]) -> Trials:
        """Read what `Trials.as_dict` wrote."""
        return Trials(**held(data, Trials))

    def small(self, unit: Trials) -> Trials:
        """Return the first trial of a unit."""
        return replace(unit, stop=unit.first + 1)

    def run(self, unit: Trials, on_step: Callable[[int], None] | None = None) -> Output:
        """Fit and test; the columns have an axis of trials, then of sizes.

        ``scores`` are (trials, sizes, tests, names), ``counts`` the sizes of the test sets, ``regrets`` (trials, sizes,
        tops) of the choice among all that was not learnt from, ``seconds`` (trials, sizes, 2) the CPU seconds of a fit
        and of one architecture predicted, ``histograms`` (trials, sizes, bins) on the first test set.
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
        learner = registry.surrogate(unit.learner, benchmark.space, device=unit.device)
        learner = unit.observed.reader(learner, benchmark)
        columns = [unit.observed.columns(benchmark, pool.archs, seed) for seed in seeds]
        shape = (len(trials), len(settings.sizes))
        found = {
            "scores": np.full((*shape, len(settings.tests), len(NAMES)), np.nan),
            "counts": np.zeros((*shape, len(settings.tests)), dtype=np.int64),
            "regrets": np.full((*shape, len(TOPS)), np.nan),
            "seconds": np.zeros((*shape, 2)),
            "histograms": np.full((*shape, BINS), np.nan),
        }
        for place, size in enumerate(settings.sizes):
            streams = [generator(unit.seed, "learner", read(unit.learner["name"]).own, table, t, size) for t in trials]
            sets = [one.order[:size] for one in drawn]
            seen = [given(learner, values, rows) for values, rows in zip(columns, sets, strict=True)]
            fits = [
                Fit(learner, pool.archs[rows], one.labels[:size], rng, None if extra is None else extra[rows])
                for one, rows, rng, extra in zip(drawn, sets, streams, seen, strict=True)
            ]
            models, fitting = _timed(learner.fit_many, fits)
            asked = [Predict(model, pool.archs, extra) for model, extra in zip(models, seen, strict=True)]
            predictions, predicting = _timed(learner.predict_many, asked)
            found["seconds"][:, place] = fitting / len(trials), predicting / len(trials) / len(pool)
            for row, (one, prediction, trial) in enumerate(zip(drawn, predictions, trials, strict=True)):
                tests = one.tests(
                    pool, benchmark.space, size, settings.test_size, generator(unit.seed, "test sets", table, trial)
                )
                for column, name in enumerate(settings.tests):
                    rows = tests[name]
                    found["counts"][row, place, column] = len(rows)
                    if len(rows) >= FEWEST:
                        found["scores"][row, place, column] = scores(
                            prediction, rows, pool.truth[rows], honest=learner.has_std
                        )
                first = tests[settings.tests[0]]
                found["histograms"][row, place] = histogram(
                    prediction, first, pool.truth[first], honest=learner.has_std
                )
                left = np.setdiff1d(np.arange(len(pool)), one.order[:size])
                found["regrets"][row, place] = regrets(prediction.mean[left], pool.truth[left])
            if on_step is not None:
                on_step((place + 1) * len(trials))
        names = {"scores": NAMES, "tops": TOPS} | unit.observed.facts(benchmark)
        return Output(found, {"names": json.dumps(names)})


def _of(benchmark: str, objective: str, budget: Budget) -> Benchmark:
    return open_benchmark(benchmark, (objective,), (), budget)


def _timed(
    work: Callable[[Sequence[Request]], Sequence[Answer]], requests: Sequence[Request]
) -> tuple[Sequence[Answer], float]:
    """Return the answers, and their CPU seconds."""
    began = time.process_time()
    answers = work(requests)
    return answers, time.process_time() - began
