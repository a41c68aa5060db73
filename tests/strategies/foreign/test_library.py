"""Libraries as providers: what is listed, what is read, what is missing."""

from __future__ import annotations

import inspect

import pytest

from harness import registry
from harness.cli import exit as cli_exit
from harness.cli.__main__ import main
from harness.errors import HarnessError, SpecError
from harness.experiments import shards
from harness.experiments.prepare import prepare
from harness.experiments.schema import from_dict
from harness.experiments.shards import resolve
from harness.experiments.spec import Spec, StrategySpec
from harness.problem import Budget
from strategies.foreign import library

SPEC = {"name": "try", "benchmarks": ["nb201-cifar10"], "budget": {"evaluations": 5}, "replicates": 1}


def test_a_library_that_is_not_installed_is_not_listed_and_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setattr(library, "find_spec", lambda name: None)
    assert not [name for name in registry.names("strategy") if ":" in name]
    with pytest.raises(HarnessError, match=r"pip install 'nas-harness\[foreign\]'"):
        registry.strategy("optuna:TPESampler")
    with pytest.raises(SpecError, match=r"pymoo, which is not installed: pip install"):
        prepare(from_dict(SPEC | {"strategies": [{"name": "pymoo:MixedVariableGA"}]}))
    assert main(["check", "optuna:TPESampler"]) == cli_exit.MISTAKE
    assert "nas-harness[foreign]" in capsys.readouterr().err


def test_the_version_of_the_library_is_part_of_the_digest(monkeypatch):
    pytest.importorskip("optuna", reason="the extra [foreign] is not installed")
    spec = Spec("x", ("nb201-cifar10",), (StrategySpec("optuna:TPESampler"),), Budget(evaluations=3), 1)
    table = registry.benchmark("nb201-cifar10")
    digests = set()
    for number in ("5.0.0", "5.0.1"):
        monkeypatch.setattr(shards, "version", lambda name, number=number: number if name == "optuna" else "1.0")
        (shard,) = resolve(spec, spec.strategies[0], table, "cpu")
        assert shard.versions == {"numpy": "1.0", "optuna": number}
        digests.add(shard.digest)
    assert len(digests) == 2


def test_a_spec_with_a_wrong_argument_is_refused_when_it_is_prepared():
    pytest.importorskip("optuna", reason="the extra [foreign] is not installed")
    for key, why in (("multivariat", r"Did you mean 'multivariate'\?"), ("seed", "Known: ")):
        strategy = {"name": "optuna:TPESampler", "hyperparameters": {key: 1}}
        with pytest.raises(SpecError, match=rf"`strategies\[0\]`.*unknown parameter.*'{key}'.*{why}"):
            prepare(from_dict(SPEC | {"strategies": [strategy]}))


@pytest.mark.parametrize("name", [name for name in registry.names("strategy") if ":" in name])
def test_the_docstring_has_a_paragraph_on_each_hyperparameter_without_markup(name):
    found = registry.strategy(name)
    text = inspect.getdoc(found) or ""
    _, _, explained = text.partition("Parameters\n----------\n")
    for key in registry.keywords(found):
        (line,) = [
            below
            for above, below in zip(explained.split("\n"), explained.split("\n")[1:], strict=False)
            if above == key
        ]
        assert line.startswith("    ")
        assert ":class:" not in line
        assert "See the documentation" not in line
