"""Digests are for good: results and tables made by an earlier version of the program are found again by this one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest

from harness import registry
from harness.digests import identity, later, sha256_of
from harness.experiments import shards
from harness.experiments.shards import resolve, run_shard
from harness.experiments.spec import Spec, StrategySpec
from harness.problem import Budget, Constraint
from harness.strategy import Strategy
from harness.testing.toy import ToyBenchmark
from surrogates.linear.ridge import Ridge

TABLES = {
    "nb201-cifar10": "b923bebf047a10e58018a805edc9e9a1a2c2cd314b262ef0ad5d8da041e5cee4",
    "graph-cora": "de6919b3540959c399f3d744c6a4919c774bbe00ff1839bbc5c49e04eacc4540",
    "micro-mnist1d": "4585b432f7a1f6c148f59c0311d819c88684c926274ba60cbb3cee85400641e5",
}

OWN = """
from harness import Strategy


class Own(Strategy):
    def propose(self, n):
        return self.proposals(self.problem.space.sample(n, self.rng))
"""

SHARDS = {
    "evaluations": (
        Spec("pinned", ("nb201-cifar10",), (StrategySpec("random_search", "rs"),), Budget(evaluations=40), 60),
        "5fb342cdcec88769f45365476b8ae4c3fe4f803d6f9b4efae984d96442f535d6",
    ),
    "seconds and workers": (
        Spec(
            "pinned",
            ("nb201-cifar10",),
            (StrategySpec("regularized_evolution", "re", {"population": 12, "sample": 4}),),
            Budget(seconds=1e6, duplicates="free", table_seed="mean"),
            10,
            n_workers=4,
            seed=7,
        ),
        "0a30bf41be87ff995f6932ca2f8e8ff1540361f02f0b0b9f794254ca39a4069d",
    ),
    "objectives and constraints": (
        Spec(
            "pinned",
            ("graph-cora",),
            (StrategySpec("local_search", "ls", {"improvement": "best"}),),
            Budget(evaluations=30),
            5,
            objectives=("valid_accuracy",),
            constraints=(Constraint("params_m", "<=", 0.5),),
        ),
        "85ee7498123c3fb021539de2711338ea0ccf4f83f52a477063585a236dfc6bbf",
    ),
    "neural ensemble": (
        Spec("pinned", ("micro-mnist1d",), (StrategySpec("bananas", "b"),), Budget(evaluations=30), 5),
        "b19150ed32591253745dc89d0371d8f9c6b03023484961b2bb4b0d8302178461",
    ),
    "forest": (
        Spec(
            "pinned",
            ("nb201-cifar10",),
            (StrategySpec("bananas", "b", {}, {"name": "random_forest", "encoding": "one_hot"}),),
            Budget(evaluations=30),
            5,
        ),
        "64f9f2a342cc0d0dc191f53a1280907ec7748688a82a4d8056913796969f5df0",
    ),
    "ridge": (
        Spec(
            "pinned",
            ("nb201-cifar10",),
            (StrategySpec("bananas", "b", {"acquisition": "ucb"}, {"name": "ridge", "encoding": "path"}),),
            Budget(evaluations=30),
            5,
        ),
        "822ee42a8ba787d0ec56417083bc22860ff672872c0112b4a0b87da8c4c9208a",
    ),
    "own file": (
        Spec("pinned", ("nb201-cifar10",), (StrategySpec("own.py:Own", "own"),), Budget(evaluations=30), 5),
        "34d0bd6bc812ec3be7d3d93615cd1c83a827ae808fcb263a4a7f5f6e5ab60bc4",
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_the_digest_of_a_table_is_what_it_was(name):
    assert registry.benchmark(name).digest == TABLES[name]


@pytest.mark.parametrize("case", SHARDS)
def test_the_digest_of_a_shard_is_what_it_was(case, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "version", lambda library: "1.0")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(OWN)
    spec, digest = SHARDS[case]
    first, *_ = resolve(spec, spec.strategies[0], registry.benchmark(spec.benchmarks[0]), "cpu")
    assert first.digest == digest


def test_a_name_with_its_provider_is_the_same_run(monkeypatch):
    spec, digest = SHARDS["evaluations"]
    monkeypatch.setattr(shards, "version", lambda library: "1.0")
    table = registry.benchmark("built-in:nb201-cifar10")
    assert table.name == "built-in:nb201-cifar10"
    first, *_ = resolve(spec, StrategySpec("built-in:random_search", "rs"), table, "cpu")
    assert first.digest == digest
    few = replace(spec, replicates=2)
    plain, qualified = (
        run_shard(resolve(few, StrategySpec(name, "rs"), registry.benchmark(benchmark), "cpu")[0])
        for name, benchmark in (("random_search", "nb201-cifar10"), ("built-in:random_search", table.name))
    )
    assert [run.trace.archs.tobytes() for run in plain] == [run.trace.archs.tobytes() for run in qualified]
    assert [run.trace.objectives.tobytes() for run in plain] == [run.trace.objectives.tobytes() for run in qualified]


@dataclass(frozen=True)
class Before:
    name: str
    numbers: tuple[int, ...] = (1, 2)


@dataclass(frozen=True)
class After(Before):
    epochs: int | None = later(None)


@dataclass(frozen=True)
class Holder:
    record: Before


def test_a_later_field_moves_no_digest_until_it_is_used():
    assert sha256_of(identity(After("x"))) == sha256_of(identity(Before("x")))
    assert sha256_of(identity(After("x", epochs=5))) != sha256_of(identity(Before("x")))
    assert identity(Holder(After("x"))) == identity(Holder(Before("x"))), "in records inside records too"


def test_a_later_hyperparameter_of_a_learner_moves_no_digest_until_it_is_used():
    class Later(Ridge):
        later_hyperparameters: ClassVar[Mapping[str, Any]] = {"penalty": 1.0}

    space = ToyBenchmark().space
    assert "penalty" not in Later(space).signature
    assert '"penalty": 2.0' in Later(space, penalty=2.0).signature


def test_a_later_hyperparameter_of_a_strategy_moves_no_digest_and_reaches_the_strategy():
    built = []

    class Earlier(Strategy):
        def propose(self, n):
            return self.proposals(self.problem.space.sample(n, self.rng))

    class Later(Earlier):
        later_hyperparameters: ClassVar[Mapping[str, Any]] = {"pause": 3}

        def __init__(self, problem, rng, *, pause=4):
            super().__init__(problem, rng)
            built.append(pause)

    spec = Spec("x", ("nb201-cifar10",), (StrategySpec("S", "s"),), Budget(evaluations=3), 1)
    table = registry.benchmark("nb201-cifar10")

    def shard(factory, **given):
        (one,) = resolve(spec, StrategySpec("S", "s", given), table, "cpu", factory)
        return one

    assert shard(Later, pause=3).digest == shard(Earlier).digest, "3 is what results without it were made with"
    assert shard(Later).digest != shard(Earlier).digest, "the default is another one by now"
    built.clear()
    run_shard(shard(Later, pause=3), factory=Later)
    assert set(built) == {3}, "not today's default"


OLD_LEARNERS = {
    "mlp_ensemble": "surrogates.neural_ensemble:MLPEnsemble",
    "random_forest": "surrogates.forest:RandomForest",
    "ridge": "surrogates.ridge:Ridge",
}


@pytest.mark.parametrize("name", registry.names("surrogate"))
def test_a_learner_is_known_by_a_name_that_does_not_move(name):
    learner = registry.surrogate({"name": name, "encoding": "one_hot"}, ToyBenchmark().space)
    assert json.loads(learner.signature)["class"] == OLD_LEARNERS.get(name, name)
