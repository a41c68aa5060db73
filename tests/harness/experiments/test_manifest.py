"""Damaged manifests: hundreds of mutations, none of which leaves `read_results` otherwise than told in one sentence."""

from __future__ import annotations

import copy
import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.cli.__main__ import main
from harness.errors import ResultError
from harness.experiments.execute import execute
from harness.experiments.manifest import MANIFEST
from harness.experiments.prepare import prepare
from harness.experiments.results import read_results
from harness.experiments.spec import Spec, StrategySpec
from harness.problem import Budget

SPEC = Spec(
    "small",
    ("nb201-cifar10", "graph-cora"),
    (StrategySpec("random_search", "RS"), StrategySpec("regularized_evolution", "RE", {"population": 5, "sample": 2})),
    Budget(evaluations=8),
    replicates=4,
    replicates_per_shard=2,
)
JUNK: list[Any] = [
    None, True, -1, 0, 1.5, 1e308, float("nan"), float("inf"), 10**30, 2**200, "", "nb201-cifar10", "../../etc/passwd",
    "/etc/passwd", "\ud800", "\x1b[31m", [], {}, [[]], {"a": 1}, ["x"] * 3, "0" * 64, [[[[[[1]]]]]], "9" * 5000,
]  # fmt: skip


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Path:
    folder: Path = tmp_path_factory.mktemp("done")
    execute(prepare(SPEC), folder)
    return folder


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(deeper for key, item in inside for deeper in places(item, (*path, key)))]


def mutated(manifest: Any, rng: random.Random) -> str:
    """Return the text of a manifest with one fault: a value, a key, an item, or bytes."""
    text = json.dumps(manifest, indent=1)
    fault = rng.choice(
        ["value"] * 5 + ["delete", "double", "rename", "cut", "character", "depth", "digits", "key twice"]
    )
    if fault == "cut":
        return text[: rng.randrange(len(text))]
    if fault == "character":
        at = rng.randrange(len(text))
        return text[:at] + rng.choice('{}[]",:0e-\\x\x00é') + text[at + 1 :]
    if fault in ("depth", "digits"):
        at = text.index("8") if fault == "digits" else 1
        return text[:at] + ("9" * 5000 if fault == "digits" else f'"deep": {"[" * 5000}{"]" * 5000}, ') + text[at:]
    if fault == "key twice":
        return '{"spec": {}, ' + text[1:]
    manifest = copy.deepcopy(manifest)
    path = rng.choice(places(manifest)[1:])
    parent = manifest
    for key in path[:-1]:
        parent = parent[key]
    if fault == "value":
        parent[path[-1]] = rng.choice(JUNK)
    elif fault == "delete":
        del parent[path[-1]]
    elif fault == "double" and isinstance(parent, list):
        parent.append(parent[path[-1]])
    elif isinstance(parent, dict):
        parent["renamed"] = parent.pop(path[-1])
    return json.dumps(manifest)


def test_a_damaged_manifest_is_told_whatever_the_damage(done, tmp_path):
    folder = tmp_path / "damaged"
    shutil.copytree(done, folder)
    whole = json.loads((done / MANIFEST).read_text())
    before = read_results(done)
    rng, told = random.Random(0), 0  # noqa: S311  # no secret
    for number in range(700):
        (folder / MANIFEST).write_text(mutated(whole, rng), encoding="utf-8", errors="surrogatepass")
        try:
            after = read_results(folder)
        except ResultError as error:
            told += 1
            message = str(error)
            assert str(folder / MANIFEST) in message, (number, message)
            assert "run the spec again" in message, (number, message)
            assert len(message) < 1000, (number, message)
            message.encode()
        else:  # another label, a result that is missing under another name: the numbers are the same
            there = {(run.benchmark, run.replicate, run.trace.objectives.tobytes()) for run in before.runs}
            assert {(run.benchmark, run.replicate, run.trace.objectives.tobytes()) for run in after.runs} <= there
            assert len(after.runs) == len(before.runs) - 2 * len(after.missing), number
    assert told > 500


@pytest.mark.parametrize("content", ["[]", "3", "null", '"text"', "{}", "", "\x00" * 100, "[" * 100_000])
def test_a_manifest_that_is_something_else_is_told(content, tmp_path, capsys):
    (tmp_path / MANIFEST).write_text(content)
    assert main(["report", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {tmp_path / MANIFEST}"), error
    assert len(error.splitlines()) == 1


def test_a_manifest_that_claims_another_table_is_refused(done, tmp_path):
    shutil.copytree(done, tmp_path / "other")
    data = json.loads((done / MANIFEST).read_text())
    data["benchmarks"][0]["table_digest"] = "0" * 64
    (tmp_path / "other" / MANIFEST).write_text(json.dumps(data))
    with pytest.raises(ResultError, match="its `table_digest` is not that of the result"):
        read_results(tmp_path / "other")


def test_a_manifest_that_claims_another_strategy_or_other_hyperparameters_is_refused(done, tmp_path):
    shutil.copytree(done, tmp_path / "other")
    for key, value, named in (
        ("name", "local_search", "name of 'RE'"),
        ("hyperparameters", {"population": 5, "sample": 3}, "sample of 'RE'"),
    ):
        data = json.loads((done / MANIFEST).read_text())
        data["spec"]["strategies"][1][key] = value
        (tmp_path / "other" / MANIFEST).write_text(json.dumps(data))
        with pytest.raises(ResultError, match=f"its `{named}` is not that of the result"):
            read_results(tmp_path / "other")


def test_a_folder_of_experiments_names_them(tmp_path, capsys):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / MANIFEST).write_text("{}")
    assert main(["report", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "it holds 2 experiments, give one of them" in error
    assert str(tmp_path / "two") in error
