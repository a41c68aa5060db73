"""Strategies inside others: how a spec names them, how they are made, and what of them a digest covers."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from harness import registry
from harness.errors import HarnessError
from harness.experiments.building import inner_settings, make_inner
from harness.experiments.prepare import prepare
from harness.experiments.schema import load
from harness.experiments.shards import Search, resolve, run_shard
from harness.experiments.spec import Spec, StrategySpec
from harness.problem import Budget
from harness.search.loop import make_problem, run_block
from harness.strategy import Strategy, Takes
from harness.testing.conformance import check_strategy
from harness.testing.toy import ToyBenchmark

TABLE = "nb201-cifar10"
BANANAS = {"name": "bananas", "initial": 5, "candidates": 20, "surrogate": {"name": "ridge", "encoding": "one_hot"}}


class Through(Strategy):
    """Hands on what another strategy asks and is told."""

    takes = Takes(objectives=1)
    default_inner = {"name": "genetic_algorithm", "population": 5}  # noqa: RUF012  # as authors write

    def __init__(self, problem, rng, *, inner, again=False):
        super().__init__(problem, rng)
        self.inner = inner(problem, rng)

    def plan(self, n):
        return (yield from self.inner.asking(n))

    def tell(self, evaluations):
        self.inner.tell(evaluations)


def shards(inner=None, **changes):
    given = {} if inner is None else {"inner": inner}
    item = StrategySpec("through", "t", given | changes)
    spec = Spec("inner", (TABLE,), (item,), Budget(evaluations=30), replicates=3)
    return resolve(spec, item, registry.benchmark(TABLE), "cpu", factory=Through)


def rows(shard):
    return [run.trace.archs.tolist() for run in run_shard(shard, factory=Through)]


class TestSettings:
    def test_defaults_are_filled_in(self):
        (shard,) = shards()
        inner = shard.hyperparameters["inner"]
        assert (inner["name"], inner["version"]) == ("genetic_algorithm", 1)
        assert inner["hyperparameters"]["population"] == 5
        assert inner["hyperparameters"]["offspring"] == 20
        assert shards({"name": "genetic_algorithm", "population": 5, "offspring": 20})[0].digest == shard.digest

    def test_a_name_alone_is_enough(self):
        assert shards("random_search")[0].digest == shards({"name": "random_search"})[0].digest

    def test_what_the_inner_strategy_does_is_covered_by_the_digest(self):
        learner = BANANAS | {"surrogate": {"name": "ridge", "encoding": "one_hot", "penalty": 3.0}}
        cases = [None, "random_search", {"name": "genetic_algorithm", "population": 6}, BANANAS, learner]
        assert len({shards(case)[0].digest for case in cases}) == len(cases)
        assert "surrogate" in shards(BANANAS)[0].hyperparameters["inner"]

    @pytest.mark.parametrize(
        ("inner", "message"),
        [
            ("genetic_algoritm", "'genetic_algorithm'"),
            ({"name": "genetic_algorithm", "populaton": 5}, "'population'"),
            ({"name": "genetic_algorithm", "population": 0}, "`population` must be at least 1"),
            ({"population": 5}, "`inner` must be the name of a strategy, or a table with it"),
            (7, "`inner` must be the name of a strategy, or a table with it"),
            ({"name": "random_search", "surrogate": {"name": "ridge"}}, "takes no `surrogate`"),
            ({"name": "random_search", "inner": "random_search"}, "parameter of strategy RandomSearch.*'inner'"),
        ],
    )
    def test_what_cannot_be_is_told(self, inner, message):
        with pytest.raises(HarnessError, match=message):
            shards(inner)

    def test_a_strategy_that_runs_none_takes_none(self):
        with pytest.raises(HarnessError, match="takes no `inner` strategy, got 'random_search'"):
            inner_settings(registry.strategy("random_search"), "random_search", ToyBenchmark())

    def test_one_within_one_within_one(self):
        (shard,) = shards({"name": f"{__file__}:Through", "inner": {"name": "random_search", "distinct": True}})
        inner = shard.hyperparameters["inner"]
        assert inner["hyperparameters"]["inner"]["hyperparameters"] == {"distinct": True}
        assert len(inner["sha256"]) == 64
        assert all(len(archs) == len(np.unique(archs, axis=0)) == 30 for archs in rows(shard))


class TestRuns:
    @pytest.mark.parametrize("inner", [{"name": "local_search"}, BANANAS])
    def test_a_strategy_handed_on_does_what_it_does_alone(self, inner):
        (shard,) = shards(inner)
        benchmark = registry.benchmark(TABLE)
        made = make_inner(shard.hyperparameters["inner"], benchmark)
        assert made is not None
        assert len(made.learners) == ("surrogate" in inner)
        own = {key: value for key, value in inner.items() if key not in ("name", "surrogate")}
        item = StrategySpec(inner["name"], "alone", own, inner.get("surrogate"))
        spec = Spec("inner", (TABLE,), (item,), Budget(evaluations=30), replicates=3)
        (alone,) = resolve(spec, item, benchmark, "cpu")
        seeds = [np.random.default_rng(seed) for seed in range(2)]
        problem = make_problem(benchmark, Budget(evaluations=30), 1)
        noise = np.arange(2, dtype=np.uint64)
        inside = run_block(benchmark, problem, [Through(problem, rng, inner=made) for rng in seeds], noise)
        itself = run_block(benchmark, problem, [made(problem, np.random.default_rng(seed)) for seed in range(2)], noise)
        for one, other in zip(inside, itself, strict=True):
            assert np.array_equal(one.trace.archs, other.trace.archs)
        assert shard.versions.keys() == alone.versions.keys()

    def test_a_shard_is_the_same_after_it_was_written_and_read(self):
        (shard,) = shards(BANANAS)
        again = Search().unit(json.loads(json.dumps(shard.as_dict())))
        assert again.digest == shard.digest
        assert rows(again) == rows(shard)

    def test_it_keeps_the_rules_that_all_keep(self):
        assert "works with parallel workers and results in any order" in check_strategy(Through)


class TestFiles:
    SOURCE = '''"""Mine."""
import harness as nh


class Mine(nh.Strategy):
    def propose(self, n):
        return self.proposals(self.problem.space.sample(n, self.rng))
'''

    def digest(self, folder):
        folder.mkdir()
        (folder / "mine.py").write_text(self.SOURCE)
        return shards(f"{folder / 'mine.py'}:Mine")[0].digest

    def test_the_path_of_a_file_is_not_in_the_digest_and_its_content_is(self, tmp_path):
        assert self.digest(tmp_path / "here") == self.digest(tmp_path / "there")
        path = tmp_path / "here" / "mine.py"
        (before,) = shards(f"{path}:Mine")
        path.write_text(self.SOURCE + "\n\nx = 1\n")
        assert shards(f"{path}:Mine")[0].digest != before.digest
        with pytest.raises(HarnessError, match=re.escape("mine.py:Mine' changed after the run was prepared")):
            rows(before)

    def test_a_path_in_a_spec_is_relative_to_it(self, tmp_path):
        (tmp_path / "mine.py").write_text(self.SOURCE)
        spec = tmp_path / "spec.toml"
        head = f'benchmarks = ["{TABLE}"]\nbudget = {{ evaluations = 5 }}\nreplicates = 1\n'
        through = f'[[strategies]]\nname = "{__file__}:Through"\n'
        for line in ('inner = "mine.py:Mine"', 'inner = { name = "mine.py:Mine" }'):
            spec.write_text(f"{head}{through}[strategies.hyperparameters]\n{line}\n")
            assert len(prepare(load(spec)).shards) == 1
