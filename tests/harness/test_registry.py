from __future__ import annotations

import hashlib
import inspect

import numpy as np
import pytest

from harness import registry
from harness.errors import HarnessError
from harness.strategy import Strategy

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
        ("oracle", {"nb201-cifar10", "graph-cora"}),
        ("strategy", {"random_search", "regularized_evolution", "local_search", "bananas"}),
        ("surrogate", {"mlp_ensemble", "random_forest", "ridge"}),
        ("command", {"report"}),
        ("view", {"frame", "plot"}),
    ],
)
def test_built_ins_are_registered(kind, some):
    names = registry.names(kind)
    assert some <= set(names)
    assert names == sorted(names)


def test_every_benchmark_has_an_oracle():
    assert registry.names("benchmark") == registry.names("oracle")


@pytest.mark.parametrize("kind", ["strategy", "surrogate", "command", "view", "description"])
def test_every_registered_name_can_be_loaded(kind):
    assert registry.names(kind)
    for name in registry.names(kind):
        assert callable(registry.load(kind, name))


def test_an_unknown_name_names_the_nearest():
    with pytest.raises(HarnessError, match=r"unknown strategy 'banana'\. Did you mean 'bananas'\? Known: "):
        registry.strategy("banana")
    with pytest.raises(HarnessError, match=r"unknown benchmark 'nb201-cifr10'\. Did you mean 'nb201-cifar10'\?"):
        registry.benchmark("nb201-cifr10")


def test_a_strategy_of_ones_own_is_loaded_from_its_file(own):
    found = registry.strategy(f"{own}:Mine")
    assert issubclass(found, Strategy)
    assert registry.strategy(f"{own}:Mine") is found, "loaded once while the file stays as it is"
    assert registry.file_sha256(f"{own}:Mine") == hashlib.sha256(own.read_bytes()).hexdigest()


def test_a_changed_file_is_loaded_anew(own):
    before = registry.strategy(f"{own}:Mine")
    own.write_text(OWN.replace("= 3", "= 4"))
    after = registry.strategy(f"{own}:Mine")
    assert (registry.keywords(before)["step"], registry.keywords(after)["step"]) == (3, 4)


def test_a_registered_name_has_no_file():
    assert registry.file_sha256("bananas") is None


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
    with pytest.raises(HarnessError, match=r"no such strategy file: .*gone\.py"):
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
