"""Every registered name keeps the public rules, and the checks can fail."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks_data.catalogue.entries import entries, others
from benchmarks_data.live.entries import lives
from harness import registry
from harness.errors import HarnessError
from harness.problem import Constraint
from harness.strategy import Strategy, Takes
from harness.testing.conformance import check, check_benchmark, check_space, check_strategy, check_surrogate
from harness.testing.toy import ToyBenchmark, ToySpace
from tests.strategies.quick import QUICK

SLOW = {"optuna:GPSampler", *lives()}
"""Names that take a minute; live benchmarks train what a check asks."""
SHORT = {
    **{name: {"epochs": 20} for name in ("bonas_gcn", "gates", "gcn", "gin", "graph_transformer", "pairwise_ranker")},
    **{name: {"rounds": 50} for name in ("gradient_boosting", "lightgbm", "ngboost", "omni", "xgboost")},
    "arch2vec": {"epochs": 20, "embedding_epochs": 3},
    "bohamiann_network": {"steps": 1300, "burn_in": 300},
    "dngo_network": {"epochs": 100},
    "seminas_network": {"epochs": 10},
}
"""Hyperparameters of learners that take long with their defaults."""


def _to_get(name: str) -> bool:
    """Say whether a benchmark is made from files that do not come with the program."""
    known = {**entries(), **others()}.get(name.partition("@")[0])
    return known is not None and known.imported


def _needs_a_gpu(name: str) -> bool:
    return name in lives() and lives()[name].device == "cuda"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW))
        for kind in ("benchmark", "strategy", "surrogate")
        for name in registry.names(kind)
        if not (kind == "benchmark" and (_to_get(name) or _needs_a_gpu(name)))
    ],
)
def test_every_registered_name_keeps_the_rules(name):
    if name in SHORT:
        learner = registry.surrogate({"name": name, "encoding": "one_hot", **SHORT[name]}, ToyBenchmark().space)
        kept = check_surrogate(learner, np.random.default_rng(0))
    elif name in QUICK:
        kept = check_strategy(registry.strategy(name), QUICK[name])
    else:
        kept = check(name)
    assert len(kept) >= 5


@pytest.mark.parametrize("name", [name for name in registry.names("benchmark") if _to_get(name)])
def test_a_table_that_is_not_here_says_how_to_get_it(name, tmp_path, monkeypatch):
    monkeypatch.setenv("NAS_HARNESS_HOME", str(tmp_path))
    with pytest.raises(HarnessError, match=f"nas-harness data (get|import) {name.partition('@')[0]}"):
        registry.benchmark(name)


def test_the_toy_benchmark_keeps_the_rules():
    rng = np.random.default_rng(0)
    check_space(ToySpace(), rng)
    check_benchmark(ToyBenchmark(), rng)
    check_benchmark(ToyBenchmark(failing=True, has_seconds=False, constraints=(Constraint("size", ">=", 3),)), rng)


def test_a_space_whose_mutation_does_nothing_is_found():
    class Lazy(ToySpace):
        def mutate(self, archs, rng):
            return archs.copy()

    with pytest.raises(HarnessError, match="mutate changes every row"):
        check_space(Lazy(), np.random.default_rng(0))


def test_a_benchmark_that_depends_on_order_is_found():
    class Moody(ToyBenchmark):
        def query(self, proposals, *, noise_seed):
            told = super().query(proposals, noise_seed=noise_seed)
            return type(told)(
                **{name: getattr(told, name) for name in told._names if name != "objectives"},
                objectives=told.objectives + np.arange(len(told))[:, None],
            )

    with pytest.raises(HarnessError, match="do not depend on the order"):
        check_benchmark(Moody(), np.random.default_rng(0))


def test_a_strategy_that_uses_the_global_generator_is_found():
    class Global(Strategy):
        def propose(self, n):
            np.random.random()  # noqa: NPY002  # what the check is there to find
            return self.proposals(self.problem.space.sample(n, self.rng))

    with pytest.raises(HarnessError, match="only from the generator it is given"):
        check_strategy(Global)


def test_a_strategy_that_ignores_its_generator_is_found():
    class Fixed(Strategy):
        def propose(self, n):
            return self.proposals(self.problem.space.sample(n, np.random.default_rng(0)))

    with pytest.raises(HarnessError, match="another generator gives another run"):
        check_strategy(Fixed)


def test_a_strategy_with_a_generator_of_its_own_is_told_of_it():
    class Own(Strategy):
        def propose(self, n):
            return self.proposals(self.problem.space.sample(n, np.random.default_rng()))

    with pytest.raises(HarnessError, match=r"same generator gives the same run; found .*a generator of its own"):
        check_strategy(Own)


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(HarnessError, match="random_search"):
        check("random_serach")


def test_a_strategy_file_without_its_class_is_told_the_class(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("raise ValueError\nclass Mine: ...\n")
    with pytest.raises(HarnessError, match=r"name its class, '.*mine\.py:Mine'"):
        check(str(path))
    with pytest.raises(HarnessError, match=r"nowhere\.py:Class'"):
        check("nowhere.py")


def test_an_exception_of_a_strategy_is_told_with_the_rule_that_it_breaks():
    class Fragile(Strategy):
        def propose(self, n):
            return self.proposals(self.problem.space.sample(n, self.rng))

        def tell(self, evaluations):
            assert not np.isnan(evaluations.objectives).any()

    with pytest.raises(HarnessError, match=r"Fragile breaks the rule: survives failed trainings(.|\n)*AssertionError"):
        check_strategy(Fragile)


def test_a_strategy_of_several_objectives_is_checked_on_a_table_with_costs_that_its_space_knows():
    assert "works under constraints" in check("moead", benchmark="micro-mnist1d")
    with pytest.raises(
        HarnessError, match="this strategy needs 2 objectives, and of 'graph-cora' a check knows valid_acc"
    ):
        check("moead", benchmark="graph-cora")


@pytest.mark.parametrize("count", [2, 3])
def test_several_objectives_are_part_of_the_check_of_whoever_takes_them(count):
    class Random(Strategy):
        takes = Takes(objectives=count)

        def propose(self, n):
            return self.proposals(self.problem.space.sample(n, self.rng))

    kept = check_strategy(Random)
    assert f"works with {count} objectives, parallel workers, failed trainings and constraints" in kept
    assert (f"works with {count + 1} objectives" in kept) is False
