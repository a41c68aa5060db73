"""Deployments: the same strategies on the same benchmarks, under the bounds of each device."""

from __future__ import annotations

import dataclasses
import json

import pytest

import harness as nh
from harness.errors import SpecError
from harness.experiments.execute import execute
from harness.experiments.manifest import read_manifest
from harness.experiments.prepare import prepare
from harness.experiments.schema import from_dict
from harness.experiments.spec import Spec
from harness.problem import Constraint

PHONE, SERVER = "params_m <= 0.3", "latency_seconds <= 0.0148"


def data(**changes):
    return {
        "name": "devices",
        "benchmarks": ["nb201-cifar10", "micro-mnist1d"],
        "strategies": [{"name": "random_search"}, {"name": "local_search"}],
        "budget": {"evaluations": 12},
        "replicates": 2,
        "deployments": [
            {"name": "phone", "constraints": [PHONE]},
            {"name": "server", "constraints": [SERVER], "benchmarks": ["nb201-cifar10"]},
        ],
        **changes,
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("devices")
    execute(prepare(from_dict(data())), path)
    return path


def test_every_benchmark_is_a_task_under_each_of_its_deployments():
    spec = from_dict(data(constraints=["macs_m <= 90"]))
    assert [task.name for task in spec.tasks] == [
        "nb201-cifar10 (phone)",
        "nb201-cifar10 (server)",
        "micro-mnist1d (phone)",
    ]
    assert list(map(str, spec.tasks[1].constraints)) == ["macs_m <= 90.0", "latency_seconds <= 0.0148"]
    assert from_dict(json.loads(json.dumps(spec.as_dict()))) == spec
    assert "deployments" not in from_dict(data(deployments=[])).as_dict()


def test_results_go_by_the_names_of_the_tasks(folder):
    results = nh.read_results(folder)
    assert list(results.benchmarks) == ["nb201-cifar10 (phone)", "nb201-cifar10 (server)", "micro-mnist1d (phone)"]
    facts = results.benchmarks["nb201-cifar10 (phone)"]
    assert (facts.name, facts.deployment, facts.known) == ("nb201-cifar10", "phone", ("params_m",))
    assert results.benchmarks["nb201-cifar10 (server)"].known == ()
    assert len(results.runs) == 3 * 2 * 2
    for run in results.of("nb201-cifar10 (phone)", "random_search"):
        assert (run.trace.constraints <= 0).all()
    assert not all((run.trace.constraints <= 0).all() for run in results.of("nb201-cifar10 (server)", "random_search"))
    frame = nh.frame(results)
    assert set(frame["benchmark"]) == set(results.benchmarks)


def test_a_deployment_alone_is_the_search_under_its_constraints(folder):
    """The name is in no digest: what was computed without deployments is found again."""
    alone = Spec(**{**vars(from_dict(data(deployments=[]))), "constraints": (Constraint.parse(PHONE),)})
    digests = set(prepare(alone).shards)
    of_phone = {entry.digest for entry in read_manifest(folder).entries if entry.benchmark.endswith("(phone)")}
    assert digests == of_phone
    renamed = from_dict(json.loads(json.dumps(data()).replace('"phone"', '"watch"')))
    assert set(prepare(renamed).shards) == {entry.digest for entry in read_manifest(folder).entries}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"deployments": [{"name": "a", "constraints": [PHONE]}] * 2}, r"`deployments` must have names of their own"),
        ({"deployments": [{"name": "a"}]}, r"'deployments\[0\]\.constraints' is required"),
        ({"deployments": [{"name": "a", "constraints": [], "bound": 1}]}, r"unknown key 'deployments\[0\]\.bound'"),
        ({"deployments": [{"name": "a/b", "constraints": [PHONE]}]}, r"`name of a deployment` must be at most 40"),
        ({"deployments": [{"name": "a", "constraints": ["params_m < 1"]}]}, r"must read 'column <= number'"),
        (
            {"deployments": [{"name": "a", "constraints": [PHONE], "benchmarks": ["micro-mnist1"]}]},
            r"unknown benchmark of deployment 'a' 'micro-mnist1'.* Did you mean 'micro-mnist1d'",
        ),
        (
            {"deployments": [{"name": "a", "constraints": [PHONE], "benchmarks": ["micro-mnist1d"]}]},
            r"`deployments` must be of every benchmark of the spec; none is of nb201-cifar10",
        ),
        (
            {"deployments": [{"name": "a", "constraints": [PHONE]}, {"name": "b", "constraints": [PHONE]}]},
            r"the deployments 'a' and 'b' are the same bounds on 'nb201-cifar10'",
        ),
        ({"known_constraints": "ignored"}, r"`known_constraints` must be one of"),
    ],
)
def test_what_cannot_be_meant_is_refused(changes, message):
    with pytest.raises(SpecError, match=message):
        from_dict(data(**changes))


@pytest.mark.parametrize(
    ("constraint", "message"),
    [
        ("params_m <= 0.01", r"`deployments\[1\]\.constraints`: no architecture of nb201-cifar10 keeps"),
        ("latency <= 1", r"`deployments\[1\]\.constraints`: unknown column of nb201-cifar10 'latency'"),
        ("edgegpu_latency_ms <= 1", r"`deployments\[1\]\.constraints`: unknown column"),
    ],
)
def test_a_bound_that_nothing_keeps_and_a_device_that_is_not_there_are_named_by_their_key(constraint, message):
    deployments = [{"name": "phone", "constraints": [PHONE]}, {"name": "b", "constraints": [constraint]}]
    with pytest.raises(SpecError, match=message):
        prepare(from_dict(data(benchmarks=["nb201-cifar10"], deployments=deployments)))


def test_a_table_named_twice_is_still_refused():
    with pytest.raises(SpecError, match="are one table; name it once"):
        prepare(from_dict(data(benchmarks=["nb201-cifar10", "built-in:nb201-cifar10"], deployments=[])))


def test_a_manifest_that_contradicts_its_results_is_damaged(folder, tmp_path):
    for path in folder.glob("*.h5"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    text = (folder / "experiment.json").read_text()
    for old, new in (('"params_m <= 0.3"', '"params_m <= 0.4"'), ('"known": [\n    "params_m"', '"known": [\n    "x"')):
        assert old in text
        (tmp_path / "experiment.json").write_text(text.replace(old, new))
        with pytest.raises(nh.HarnessError, match="damaged manifest"):
            nh.read_results(tmp_path)


def test_what_is_known_can_be_told_instead():
    spec = dataclasses.replace(from_dict(data(benchmarks=["nb201-cifar10"])), known_constraints="told")
    prepared = prepare(spec)
    assert all(unit.known == () for _, unit in prepared.shards.values())
    assert prepared.benchmarks["nb201-cifar10 (phone)"].known == ()
