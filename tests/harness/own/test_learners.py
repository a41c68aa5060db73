"""Learners from files of one's own: found, named in specs, known by their content and not by their path."""

from __future__ import annotations

import json

import pytest

from harness import registry
from harness.cli.__main__ import main
from harness.errors import HarnessError
from harness.experiments.kind import kind_of
from harness.experiments.prepare import prepare
from harness.experiments.schema import from_dict, load
from harness.experiments.shards import run_shard
from harness.testing.toy import ToyBenchmark
from tests.paths import ROOT

SHIPPED = (ROOT / "examples" / "my_learner.py").read_text(encoding="utf-8")
SPACE = ToyBenchmark().space


def placed(folder, text=SHIPPED):
    folder.mkdir(exist_ok=True)
    (folder / "own.py").write_text(text, encoding="utf-8")
    return f"{folder / 'own.py'}:MyLearner"


def search(name):
    data = {"name": "own", "benchmarks": ["micro-mnist1d"], "budget": {"evaluations": 14}, "replicates": 2}
    return prepare(from_dict(data | {"strategies": [{"name": "npenas_np", "surrogate": {"name": name}}]}))


def evaluation(name):
    data = {"name": "own", "benchmarks": ["micro-mnist1d"], "replicates": 2}
    return prepare(from_dict(data | {"prediction": {"sizes": [20]}, "learners": [{"name": name}]}))


@pytest.mark.parametrize("prepared", [search, evaluation])
def test_a_digest_knows_the_content_of_the_file_and_not_its_path(tmp_path, prepared):
    first, same = (list(prepared(placed(tmp_path / folder)).shards) for folder in ("a", "b"))
    other = list(prepared(placed(tmp_path / "c", SHIPPED + "\n")).shards)
    assert first == same != other


def test_a_file_that_changes_after_the_run_was_prepared_is_refused(tmp_path):
    searches, trials = search(placed(tmp_path)), evaluation(placed(tmp_path))
    ((_, shard),), ((_, unit),) = searches.shards.values(), trials.shards.values()
    assert len(run_shard(shard)) == 2
    placed(tmp_path, SHIPPED + "\n")
    with pytest.raises(HarnessError, match="MyLearner changed after the run was prepared"):
        run_shard(shard)
    with pytest.raises(HarnessError, match=r"own.py:MyLearner' changed after the run was prepared"):
        kind_of("prediction").run(unit)


def test_paths_are_relative_to_the_spec_wherever_a_learner_is_named(tmp_path):
    name = placed(tmp_path)
    (tmp_path / "s.toml").write_text(
        'benchmarks = ["micro-mnist1d"]\nbudget = { evaluations = 14 }\n[[strategies]]\nname = "npenas_np"\n'
        'surrogate = { name = "stacking", learners = ["knn", "own.py:MyLearner", { name = "own.py:MyLearner" }] }\n'
        '[[strategies]]\nname = "scalarised"\nlabel = "inside"\n'
        'hyperparameters = { inner = { name = "npenas_np", surrogate = { name = "own.py:MyLearner" } } }\n'
    )
    (tmp_path / "p.toml").write_text(
        'benchmarks = ["micro-mnist1d"]\n[[learners]]\nname = "own.py:MyLearner"\n[[learners]]\nname = "stacking"\n'
        'learners = ["own.py:MyLearner"]\n'
    )
    stacked, inside = load(tmp_path / "s.toml").strategies
    assert stacked.surrogate["learners"] == ["knn", name, {"name": name}]
    assert inside.hyperparameters["inner"]["surrogate"]["name"] == name
    own, stacking = load(tmp_path / "p.toml").strategies
    assert (own.name, stacking.hyperparameters["learners"]) == (name, [name])


def test_it_takes_the_settings_of_any_learner_and_stands_in_a_stack(tmp_path):
    name = placed(tmp_path)
    learner = registry.surrogate({"name": name, "drawn": 5, "targets": "normal_scores"}, SPACE)
    assert json.loads(json.loads(learner.signature)["learner"])["hyperparameters"] == {"drawn": 5}
    assert "own.py" not in registry.surrogate({"name": "stacking", "learners": [name]}, SPACE).signature
    with pytest.raises(HarnessError, match=r"unknown parameter of surrogate .* 'drwan'.*'drawn'"):
        registry.surrogate({"name": name, "drwan": 5}, SPACE)


def test_it_is_described_and_checked_by_its_path(tmp_path, capsys):
    name = placed(tmp_path)
    assert main(["describe", name, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["kind"], told["has_std"]) == ("surrogate", False)
    assert main(["check", name]) == 0
    careless = placed(tmp_path, SHIPPED.replace('raise HarnessError("fit MyLearner before it predicts")', "pass"))
    capsys.readouterr()
    assert main(["check", careless]) == 2
    assert "breaks the rule: predict before fit is refused; found ValueError in place of" in capsys.readouterr().err


def test_what_is_no_learner_is_refused(tmp_path):
    (tmp_path / "s.py").write_text("class S: pass\n")
    with pytest.raises(HarnessError, match=r"s.py:S' must be a subclass of harness.Surrogate"):
        registry.surrogate({"name": f"{tmp_path / 's.py'}:S"}, SPACE)
    with pytest.raises(HarnessError, match="is named by its class"):
        registry.surrogate({"name": f"{tmp_path / 's.py'}"}, SPACE)
