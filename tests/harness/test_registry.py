from __future__ import annotations

import hashlib
import inspect
import json
from pathlib import Path

import numpy as np
import pytest

from harness import names, registry
from harness.benchmark import BenchmarkProvider
from harness.cli.app import Command
from harness.errors import HarnessError
from harness.experiments.shards import resolve
from harness.experiments.spec import Spec, StrategySpec
from harness.own import classes as own_classes
from harness.problem import Budget
from harness.strategy import Strategy
from harness.testing.toy import ToyBenchmark
from surrogates.linear.ridge import Ridge

OWN = """
from harness import Strategy

class Mine(Strategy):
    '''Takes one number.'''

    def __init__(self, problem, rng, *, step: int = 3):
        super().__init__(problem, rng)
        self.step = step

class Stranger:
    pass
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return path


@pytest.mark.parametrize(
    ("kind", "some"),
    [
        ("benchmark", {"nb201-cifar10", "nb201-cifar100", "nb201-imagenet16", "graph-cora", "graph-proteins"}),
        ("strategy", {"random_search", "regularized_evolution", "local_search", "bananas"}),
        ("surrogate", {"mlp_ensemble", "random_forest", "ridge"}),
        ("command", {"report"}),
        ("view", {"frame", "plot"}),
    ],
)
def test_built_ins_are_registered(kind, some):
    registered = registry.names(kind)
    assert some <= set(registered)
    assert registered == sorted(registered)


@pytest.mark.parametrize("kind", ["strategy", "surrogate", "command", "view"])
def test_every_registered_name_can_be_loaded(kind):
    assert registry.names(kind)
    for name in registry.names(kind):
        loaded = registry.load(kind, name)
        assert isinstance(loaded, Command) if kind == "command" else callable(loaded)


class Toys(BenchmarkProvider):
    """Offers the toy benchmark by name, and by files that begin with its name."""

    def names(self):
        return ("toy", "nb201-cifar10")

    def reads(self, path):
        return path.is_file() and path.read_bytes().startswith(b"toy")

    def open(self, name, *, objectives, constraints, training, check_content):
        made = ToyBenchmark(constraints=tuple(constraints))
        made.name = name
        return made

    def oracle(self, name):
        raise HarnessError("the toy has no oracle")

    def describe(self, name):
        return {"kind": "benchmark", "name": name, "title": "Toy", "space": "toy"}


def test_a_third_party_adds_benchmarks_with_one_provider(offered, tmp_path):
    offered("benchmark", "toys", Toys)
    assert "toy" in registry.names("benchmark")
    assert registry.benchmark("toy", constraints=["size <= 7"]).constraints[0].bound == 7
    assert registry.describe_benchmark("toys:toy")["title"] == "Toy"
    path = tmp_path / "my.table"
    path.write_text("toy, by its content")
    assert registry.benchmark(str(path)).name == str(path)


def test_what_is_built_in_keeps_its_name_whatever_others_call_theirs(offered):
    before = registry.benchmark("nb201-cifar10").digest
    offered("benchmark", "toys", Toys)
    assert registry.benchmark("nb201-cifar10").digest == before
    assert registry.benchmark("toys:nb201-cifar10").digest == "toy-1"
    assert registry.benchmark("built-in:nb201-cifar10").digest == before


def test_a_name_of_two_packages_must_say_which(offered):
    offered("benchmark", "toys", Toys)
    offered("benchmark", "more", Toys)
    with pytest.raises(HarnessError, match=r"several providers: write 'toys:toy' or 'more:toy'"):
        registry.benchmark("toy")


def test_a_second_provider_of_one_name_is_told_and_changes_nothing(offered):
    offered("strategy", "built-in", lambda: {"bananas": Strategy})
    assert registry.strategy("bananas") is not Strategy
    assert "another package has a provider of this name" in registry.unavailable("strategy")[0]


@pytest.mark.parametrize(
    "target", ["strategies.random_search:Nothing", "no.such.module:X", "harness.space:SearchSpace:x"]
)
def test_a_target_that_cannot_be_imported_is_told(target, offered):
    offered("strategy", "mine", lambda: {"mine": target})
    with pytest.raises(HarnessError, match="the strategy 'mine' is not available: "):
        registry.strategy("mine")


def test_a_learner_of_somebody_else_never_shares_the_identity_of_ours(offered):
    class Other(Ridge):
        pass

    space = ToyBenchmark().space
    assert json.loads(Ridge(space).signature)["class"] == "surrogates.ridge:Ridge"
    offered("surrogate", "mine", lambda: {"ridge": Other, "new": Other})
    for name in ("mine:ridge", "new"):
        identity = json.loads(registry.surrogate({"name": name}, space).signature)["class"]
        assert identity == f"{__name__}:{Other.__qualname__}"


def test_a_strategy_of_somebody_else_never_shares_a_digest_with_ours(offered):
    class Own(Strategy):
        def propose(self, n):
            return self.proposals(self.problem.space.sample(n, self.rng))

    offered("strategy", "mine", lambda: {"random_search": Own})
    specs = [StrategySpec(name) for name in ("random_search", "built-in:random_search", "mine:random_search")]
    spec, table = (
        Spec("x", ("nb201-cifar10",), tuple(specs[1:]), Budget(evaluations=3), 1),
        registry.benchmark("nb201-cifar10"),
    )
    ours, same, theirs = (resolve(spec, strategy, table, "cpu")[0] for strategy in specs)
    assert ours.digest == same.digest != theirs.digest
    assert specs[2].label == "mine:random_search"


def test_a_third_party_adds_strategies_and_learners_with_one_mapping(offered):
    class Own(Strategy):
        pass

    offered("strategy", "mine", lambda: {"own": Own, "other": "strategies.random_search:RandomSearch"})
    assert registry.strategy("own") is Own
    assert registry.strategy("mine:other") is registry.strategy("random_search")
    offered("surrogate", "mine", lambda: {"flat": "surrogates.linear.ridge:Ridge"})
    learner = registry.surrogate({"name": "flat", "encoding": "one_hot"}, ToyBenchmark().space)
    assert learner.fit(learner.space.sample(4, np.random.default_rng(0)), np.arange(4.0), np.random.default_rng(0))


def test_a_provider_makes_what_it_does_not_list(offered):
    class Own(Strategy):
        """Nothing."""

    class Maker(registry.Provider):
        def names(self):
            return ("one",)

        def load(self, name):
            if name == "bad":
                raise KeyError(name)
            return type(name.replace(":", "_"), (Own,), {})

    offered("strategy", "maker", Maker)
    assert "maker:one" in registry.names("strategy")
    assert registry.strategy("maker:two").__name__ == "two"
    assert registry.strategy("maker:a.b:C").__name__ == "a.b_C"
    assert registry.kind_of("maker:anything") == "strategy"
    with pytest.raises(HarnessError, match=r"unknown strategy 'one'\. Did you mean 'maker:one'"):
        registry.strategy("one")
    with pytest.raises(HarnessError, match="the strategy 'maker:bad' is not available: KeyError"):
        registry.strategy("maker:bad")


@pytest.mark.parametrize(
    ("kind", "provider", "why"),
    [
        ("benchmark", {"toy": ToyBenchmark}, "it must be a BenchmarkProvider"),
        ("strategy", [Strategy], "it must map names to what they stand for"),
        ("strategy", {"my.own": Strategy}, "a name must be without dots, slashes and colons, got 'my.own'"),
    ],
)
def test_what_is_no_provider_is_told_and_hides_nothing(kind, provider, why, offered):
    before = registry.names(kind)
    offered(kind, "odd", lambda: provider)
    assert registry.names(kind) == before
    with pytest.raises(HarnessError, match=rf"What 'odd' offers is not available: {why}"):
        registry.load("strategy", "nothing") if kind == "strategy" else registry.benchmark("nothing")


def test_a_file_that_nobody_reads_is_told_with_the_remedy(tmp_path):
    path = tmp_path / "digits.csv"
    with pytest.raises(HarnessError, match=r"digits.csv is missing: there is no such file"):
        registry.benchmark(str(path))
    path.write_text("a,b\n1,2\n")
    with pytest.raises(HarnessError, match=r"data of your own become a table by `nas-harness data import NAME"):
        registry.benchmark(str(path))
    (tmp_path / "experiment.json").touch()
    with pytest.raises(HarnessError, match="is a folder of results, not a table: `nas-harness report"):
        registry.benchmark(str(tmp_path))


@pytest.mark.parametrize("text", ["x" * 300, "a/" + "x" * 300 + ".h5", "a/" * 3000, "x" * 300 + ".py:Mine"])
def test_a_name_that_no_file_can_have_is_refused(text):
    with pytest.raises(HarnessError, match="no longer than a file"):
        names.read(text)


@pytest.mark.parametrize(
    ("text", "key", "path", "provider"),
    [
        ("nb201-cifar10", "nb201-cifar10", None, ""),
        ("macro-cifar10@run0-signal", "macro-cifar10@run0-signal", None, ""),
        ("built-in:nb201-cifar10", "nb201-cifar10", None, "built-in"),
        ("optuna:package.module:Class", "package.module:Class", None, "optuna"),
        ("optuna:module:Class", "module:Class", None, "optuna"),
        ("a:b.py:Mine", "Mine", "a:b.py", ""),
        ("a/table", "a/table", "a/table", ""),
        ("table.h5", "table.h5", "table.h5", ""),
        ("a/own.py:Mine", "Mine", "a/own.py", ""),
        ("own.py", "own.py", "own.py", ""),
        ("/runs/08:00/table.h5", "/runs/08:00/table.h5", "/runs/08:00/table.h5", ""),
        ("t:x.h5", "t:x.h5", "t:x.h5", ""),
        ("table.h5:X", "table.h5:X", "table.h5:X", ""),
        ("a.py:b/c.h5", "a.py:b/c.h5", "a.py:b/c.h5", ""),
        ("/08:00/own.py:Mine", "Mine", "/08:00/own.py", ""),
    ],
)
def test_names_are_read_by_one_rule(text, key, path, provider):
    assert names.read(text) == names.Name(text, key, None if path is None else Path(path), provider)


def test_a_path_is_made_absolute_and_a_name_is_not(tmp_path):
    assert names.absolute("nb201-cifar10", tmp_path) == "nb201-cifar10"
    assert names.absolute("./own.py:Mine", tmp_path) == f"{tmp_path}/own.py:Mine"
    assert names.absolute("/x/table.h5", tmp_path) == "/x/table.h5"


def test_an_unknown_name_names_the_nearest():
    with pytest.raises(HarnessError, match=r"unknown strategy 'banana'\. Did you mean 'bananas'\?"):
        registry.strategy("banana")
    with pytest.raises(
        HarnessError, match=r"unknown view 'fram'\. Did you mean 'frame'\? Known: frame, judge, plot, report\."
    ):
        registry.load("view", "fram")
    with pytest.raises(HarnessError, match=r"unknown benchmark 'nb201-cifr10'\. Did you mean 'nb201-cifar10'\?"):
        registry.benchmark("nb201-cifr10")


def test_a_strategy_of_ones_own_is_loaded_from_its_file(own):
    found = registry.strategy(f"{own}:Mine")
    assert issubclass(found, Strategy)
    assert registry.strategy(f"{own}:Mine") is found, "loaded once while the file stays as it is"
    assert own_classes.file_sha256(f"{own}:Mine") == hashlib.sha256(own.read_bytes()).hexdigest()


def test_a_changed_file_is_loaded_anew(own):
    before = registry.strategy(f"{own}:Mine")
    own.write_text(OWN.replace("= 3", "= 4"))
    after = registry.strategy(f"{own}:Mine")
    assert (registry.keywords(before)["step"], registry.keywords(after)["step"]) == (3, 4)


def test_a_registered_name_has_no_file():
    assert own_classes.file_sha256("bananas") is None


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        (":Mime", r"unknown class in own\.py 'Mime'\. Did you mean 'Mine'\?"),
        (":Stranger", r"must be a subclass of harness\.Strategy"),
    ],
)
def test_a_wrong_class_is_refused(own, tail, expected):
    with pytest.raises(HarnessError, match=expected):
        registry.strategy(f"{own}{tail}")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(HarnessError, match=r"there is no file .*gone\.py"):
        registry.strategy(f"{tmp_path}/gone.py:Mine")


def test_a_file_that_fails_leaves_no_half_module(tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("1 / 0")
    for _ in range(2):
        with pytest.raises(HarnessError, match=r"broken\.py' cannot be imported:\n(.*\n)*ZeroDivisionError") as caught:
            registry.strategy(f"{path}:Mine")
        assert "line 1" in str(caught.value)


def test_a_parameter_that_is_misspelt_is_answered_with_the_nearest(own):
    found = registry.strategy(f"{own}:Mine")
    with pytest.raises(HarnessError, match=r"unknown parameter of strategy Mine 'stp'\. Did you mean 'step'\?"):
        registry.build_strategy(found, None, np.random.default_rng(0), {"stp": 1}, None)


def test_a_parameter_without_default_is_asked_for():
    def factory(*, needed: int, other: int = 1) -> int:
        return needed + other

    assert registry.call(factory, "thing", needed=1) == 2
    with pytest.raises(HarnessError, match="thing needs the parameter 'needed'"):
        registry.call(factory, "thing")
    assert registry.keywords(factory) == {"needed": inspect.Parameter.empty, "other": 1}


def test_a_surrogate_without_a_name_is_refused():
    with pytest.raises(HarnessError, match="a surrogate must have a `name`"):
        registry.surrogate({"encoding": "path"}, None)
