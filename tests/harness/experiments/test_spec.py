from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from pathlib import Path

import pytest

from harness.errors import SpecError
from harness.experiments import schema, spec
from harness.experiments.shards import Search, Shard
from harness.experiments.spec import WarmUp
from harness.experiments.transfer import Transfer
from harness.problem import Budget, Constraint
from harness.search.mishaps import Mishaps
from tests.paths import ROOT

SMALLEST = """
benchmarks = ["nb201-cifar10"]
{top}
[budget]
evaluations = 10
{budget}
[[strategies]]
name = "random_search"
{strategy}
{tail}
"""


def written(folder: Path, *, top: str = "", budget: str = "", strategy: str = "", tail: str = "") -> Path:
    path = folder / "small.toml"
    path.write_text(SMALLEST.format(top=top, budget=budget, strategy=strategy, tail=tail))
    return path


def test_a_small_spec_takes_the_documented_defaults(tmp_path):
    loaded = schema.load(written(tmp_path))
    assert loaded.name == "small", "the file's name, where the spec gives none"
    assert (loaded.replicates, loaded.replicates_per_shard, loaded.n_workers, loaded.seed) == (50, 25, 1, 0)
    assert loaded.budget == Budget(10, None, "charged", "from_scratch", "one_draw_per_arch")
    assert loaded.strategies[0].label == "random_search"
    assert (loaded.objectives, loaded.constraints) == (None, ())
    assert (loaded.report.centre, loaded.report.checkpoints) == ("median", ())


def test_every_key_reaches_the_spec(tmp_path):
    loaded = schema.load(
        written(
            tmp_path,
            top='name = "x.1"\nreplicates = 3\nreplicates_per_shard = 2\nn_workers = 4\nseed = 9\n'
            'objectives = ["valid_accuracy", "latency_ms"]\nconstraints = ["params_m <= 0.5"]',
            budget='seconds = 100\nduplicates = "free"\nmulti_fidelity = "resumable"\ntable_seed = "mean"',
            strategy='label = "RS"\nhyperparameters = { a = 1 }\nsurrogate = { name = "ridge" }',
            tail='[report]\ncentre = "iqm"\ncheckpoints = [5, 10]',
        )
    )
    assert (loaded.name, loaded.replicates, loaded.replicates_per_shard, loaded.n_workers, loaded.seed) == (
        "x.1",
        3,
        2,
        4,
        9,
    )
    assert loaded.budget == Budget(10, 100.0, "free", "resumable", "mean")
    assert loaded.objectives == ("valid_accuracy", "latency_ms")
    assert loaded.constraints == (Constraint("params_m", "<=", 0.5),)
    (strategy,) = loaded.strategies
    assert (strategy.label, strategy.hyperparameters, strategy.surrogate) == ("RS", {"a": 1}, {"name": "ridge"})
    assert (loaded.report.centre, loaded.report.checkpoints) == ("iqm", (5.0, 10.0))


def test_a_key_that_is_not_written_takes_the_default_of_the_dataclass(tmp_path):
    loaded = schema.load(written(tmp_path))
    for record in (loaded, loaded.report, *loaded.strategies):
        for item in dataclasses.fields(record):
            if item.default is not dataclasses.MISSING and item.name != "label":
                assert getattr(record, item.name) == item.default, item.name


def table_with(table, **more):
    """Return a small spec with more keys in one of its tables."""
    data = {"name": "x", "benchmarks": ["a"], "budget": {"evaluations": 1}, "strategies": [{"name": "b"}], "report": {}}
    place = data if table == "" else data[table][0] if table == "strategies" else data[table]
    place.update(more)
    return data


@pytest.mark.parametrize(
    ("table", "record"),
    [("", spec.Spec), ("budget", Budget), ("strategies", spec.StrategySpec), ("report", spec.ReportSpec)],
)
def test_the_keys_of_a_table_are_those_of_its_dataclass(table, record):
    keys = ", ".join(item.name for item in dataclasses.fields(record))
    with pytest.raises(
        SpecError, match=f"unknown key .*nothing'.* Known: {keys}{', learners, families' * (not table)}[.]$"
    ):
        schema.from_dict(table_with(table, nothing=1))


def test_where_no_label_is_given_the_name_is():
    assert spec.StrategySpec("bananas").label == "bananas"
    assert spec.StrategySpec("a/own.py:Mine").label == "Mine"
    assert spec.StrategySpec("a/own.py:Mine", "M").label == "M"


def test_a_spec_survives_json(tmp_path):
    loaded = schema.load(written(tmp_path, top='constraints = ["params_m <= 0.123456789"]'))
    assert schema.from_dict(json.loads(json.dumps(loaded.as_dict()))) == loaded


def test_the_earlier_spelling_of_replicates_per_shard_is_read_and_kept_in_manifests(tmp_path):
    loaded = schema.load(written(tmp_path, top="replicates_per_cell = 7"))
    assert loaded.replicates_per_shard == 7
    assert loaded.as_dict()["replicates_per_cell"] == 7
    with pytest.raises(SpecError, match="replicates_per_cell"):
        schema.load(written(tmp_path, top="replicates_per_cell = 7\nreplicates_per_shard = 7"))


MISTAKES = {
    "unknown key": (
        {"top": "replicate = 3"},
        r"small\.toml: unknown key 'replicate'\. Did you mean 'replicates'\? Known: ",
    ),
    "unknown key of the budget": (
        {"budget": "second = 3"},
        r"small\.toml: unknown key 'budget\.second'\. Did you mean 'seconds'\?",
    ),
    "unknown key of a strategy": (
        {"strategy": "hyperparamters = {}"},
        r"small\.toml: unknown key 'strategies\[0\]\.hyperparamters'\. Did you mean 'hyperparameters'\?",
    ),
    "unknown table": ({"tail": "[reports]\ncentre = 'iqm'"}, r"unknown key 'reports'\. Did you mean 'report'\?"),
    "text for a number": ({"top": "replicates = '3'"}, r"small\.toml: `replicates`.* integer, got '3'"),
    "fraction": ({"top": "n_workers = 1.5"}, r"`n_workers`.* integer, got 1\.5"),
    "truth for a number": ({"top": "seed = true"}, r"`seed`.* integer, got True"),
    "no replicates": ({"top": "replicates = 0"}, r"small\.toml: `replicates` must be at least 1, got 0"),
    "negative seed": ({"top": "seed = -1"}, r"`seed` must be at least 0, got -1"),
    "policy": (
        {"budget": "duplicates = 'chargd'"},
        r"`duplicates` must be one of 'charged', 'free', 'forbidden', got 'chargd'",
    ),
    "no time": ({"budget": "seconds = 0"}, r"`seconds` must be greater than 0, got 0"),
    "constraint": ({"top": "constraints = ['params < 3']"}, r"`constraint` must read 'column <= number'"),
    "folder in the name": ({"top": "name = 'a/b'"}, r"`name` must consist of letters, digits"),
    "same label": (
        {"tail": "[[strategies]]\nname = 'random_search'"},
        r"`label` must be given once each; give one of them another `label`",
    ),
    "centre": ({"tail": "[report]\ncentre = 'mean'"}, r"`centre` must be one of 'median', 'iqm', got 'mean'"),
    "checkpoints": ({"tail": "[report]\ncheckpoints = [1, 2, 3, 4]"}, r"`checkpoints` must name at most three"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_told_with_file_key_rule_and_value(case, tmp_path):
    change, expected = MISTAKES[case]
    with pytest.raises(SpecError, match=expected) as caught:
        schema.load(written(tmp_path, **change))
    assert "\n" not in str(caught.value), "one mistake, one line"


def test_all_unknown_keys_are_told_at_once(tmp_path):
    with pytest.raises(SpecError) as caught:
        schema.load(written(tmp_path, top="replicate = 3\nsed = 4"))
    assert [line.partition("'")[2].partition("'")[0] for line in str(caught.value).splitlines()] == ["replicate", "sed"]


REST = '\nstrategies = [{name = "b"}]\nbudget = {evaluations = 1}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("benchmarks = nb201", r"bad\.toml: not valid TOML: .*line 1"),
        ('benchmarks = ["a"]\nbudget = {evaluations = 1}', r"bad\.toml: the key 'strategies' is required"),
        ('benchmarks = ["a"]\nstrategies = [{name = "b"}]', r"bad\.toml: the key 'budget' is required"),
        (
            'benchmarks = ["a"]\nstrategies = [{name = "b"}]\nbudget = {}',
            r"must name `evaluations`, `seconds` or `epochs`",
        ),
        ("benchmarks = []" + REST, r"`benchmarks` must name at least one"),
        ('benchmarks = ["a", "a"]' + REST, r"`benchmarks` must be given once each"),
        ('benchmarks = "a"' + REST, r"`benchmarks`.* list, got 'a'"),
        ('benchmarks = ["a"]\nstrategies = ["b"]\nbudget = {evaluations = 1}', r"`strategies\[0\]`.* got 'b'"),
        ('benchmarks = ["a"]\nobjectives = []' + REST, r"`objectives` must name at least one"),
        ('benchmarks = ["a"]\nobjectives = ["x", "x"]' + REST, r"`objectives` must be given once each"),
    ],
)
def test_a_file_that_is_no_spec_is_refused(text, expected, tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(SpecError, match=expected) as caught:
        schema.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("checkpoints", ["[0]", "[-5, 5]", "[5, 11]"])
def test_a_checkpoint_outside_the_budget_is_refused(checkpoints, tmp_path):
    with pytest.raises(SpecError, match="`checkpoints` must lie above 0 and within the budget"):
        schema.load(written(tmp_path, tail=f"[report]\ncheckpoints = {checkpoints}"))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SpecError, match=r"no such spec file: .*nowhere"):
        schema.load(tmp_path / "nowhere.toml")


def test_a_folder_is_no_spec(tmp_path):
    with pytest.raises(SpecError, match=re.escape(str(tmp_path))):
        schema.load(tmp_path)


def test_a_strategy_file_is_found_beside_the_spec(tmp_path):
    loaded = schema.load(written(tmp_path, tail='[[strategies]]\nname = "mine/own.py:Mine"'))
    assert loaded.strategies[1].name == f"{tmp_path}/mine/own.py:Mine"
    assert loaded.strategies[1].label == "Mine"


SHARD = Shard(
    benchmark="nb201-cifar10",
    table_digest="0" * 64,
    strategy="random_search",
    strategy_version=1,
    strategy_sha256=None,
    hyperparameters={"population": 100},
    surrogate=None,
    learner=None,
    objectives=("valid_accuracy",),
    constraints=(Constraint("params_m", "<=", 0.5),),
    budget=Budget(evaluations=150),
    n_workers=1,
    seed=0,
    first=0,
    stop=25,
    device="cpu",
    versions={"numpy": "2.4.6"},
)

CHANGES = {
    "benchmark": "nb201-cifar100",
    "table_digest": "1" * 64,
    "strategy": "local_search",
    "strategy_version": 2,
    "strategy_sha256": "a" * 64,
    "hyperparameters": {"population": 101},
    "learner": "{}",
    "objectives": ("latency_ms",),
    "constraints": (),
    "budget": Budget(evaluations=150, duplicates="free"),
    "n_workers": 2,
    "seed": 1,
    "first": 1,
    "stop": 26,
    "device": "cuda",
    "versions": {"numpy": "2.4.7"},
    "validation_pass": True,
    "simulate": Mishaps(failures=0.1),
    "known": ("params_m",),
    "transfer": Transfer(("a",), ("2" * 64,), 10, "free"),
    "warm_up": WarmUp("params_m"),
    "free_signals": True,
    "auxiliary": ("train_loss",),
}


@pytest.mark.parametrize("field", CHANGES)
def test_the_digest_of_a_shard_covers(field):
    assert dataclasses.replace(SHARD, **{field: CHANGES[field]}).digest != SHARD.digest


def test_no_field_of_a_shard_was_forgotten_above():
    left_out = {"surrogate"}  # the learner's signature says it, defaults filled in
    assert {field.name for field in dataclasses.fields(Shard)} == set(CHANGES) | left_out


def test_a_seed_and_a_pass_are_read_and_kept(tmp_path):
    loaded = schema.load(written(tmp_path, budget="table_seed = 777\nvalidation_pass = false"))
    assert (loaded.budget.table_seed, loaded.budget.validation_pass) == (777, False)
    assert schema.from_dict(loaded.as_dict()) == loaded
    assert "validation_pass" not in schema.load(written(tmp_path)).as_dict()["budget"]
    for line, message in (
        (
            'table_seed = "means"',
            r"^[^\n]*must be one of 'one_draw_per_arch', 'one_draw_per_query', 'mean', 'fixed', or the seed[^\n]*$",
        ),
        ("table_seed = -1", "`table_seed` must be one of .* or the seed of a training, at least 0, got -1"),
        (
            'table_seed = "one_draw_per_query"\nduplicates = "free"',
            "a repeat that is drawn anew is trained anew, got 'one_draw_per_query'",
        ),
        ("schedule = 0", "`schedule` must"),
        ("table_seed = true", "`table_seed` must be one of .*, got True"),
        ("table_seed = [7]", r"`table_seed` must be one of .*, got \[7\]"),
        ('validation_pass = "no"', "validation_pass"),
    ):
        with pytest.raises(SpecError, match=message):
            schema.load(written(tmp_path, budget=line))


def test_the_digest_does_not_know_where_a_strategy_file_lies():
    here = dataclasses.replace(SHARD, strategy="/a/own.py:Mine", strategy_sha256="b" * 64)
    there = dataclasses.replace(SHARD, strategy="/c/d/own.py:Mine", strategy_sha256="b" * 64)
    assert here.digest == there.digest


def test_the_digest_does_not_depend_on_the_order_of_keys():
    one = dataclasses.replace(SHARD, hyperparameters={"a": 1, "b": 2})
    two = dataclasses.replace(SHARD, hyperparameters={"b": 2, "a": 1})
    assert one.digest == two.digest


def test_a_shard_survives_json():
    again = Search().unit(json.loads(json.dumps(SHARD.as_dict())))
    assert again == SHARD
    assert again.digest == SHARD.digest


def test_constraints_that_differ_in_a_late_digit_are_different_shards():
    near = dataclasses.replace(SHARD, constraints=(Constraint("params_m", "<=", 0.50000001),))
    assert near.digest != SHARD.digest
    assert Search().unit(near.as_dict()).constraints == near.constraints


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.toml")), ids=lambda path: path.name)
def test_shipped_specs_load(path):
    assert schema.load(path).name == tomllib.loads(path.read_text()).get("name", path.stem)
