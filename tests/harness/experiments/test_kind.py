"""A kind of work from elsewhere: prepared, run, resumed, stored and read by the code that searches use."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import h5py
import numpy as np
import pytest

from harness import registry
from harness.digests import sha256_of
from harness.errors import HarnessError, ResultError, SpecError
from harness.experiments.execute import execute
from harness.experiments.kind import Kind, Output, at, kind_of
from harness.experiments.manifest import MANIFEST, read_manifest
from harness.experiments.prepare import prepare
from harness.experiments.results import read_results
from harness.experiments.schema import from_dict
from harness.experiments.spec import Spec, StrategySpec
from harness.experiments.store import SEAL, read_unit, read_units, unit_path
from harness.files import sealed
from harness.problem import Budget

SPEC = Spec(
    "draws",
    ("nb201-cifar10", "graph-cora"),
    (StrategySpec("normal", "N"), StrategySpec("uniform", "U", {"high": 2.0})),
    Budget(evaluations=4),
    replicates=3,
    replicates_per_shard=2,
    kind="draws",
)


@dataclass(frozen=True)
class Draw:
    """Numbers to draw, from a generator seeded by all of this."""

    benchmark: str
    law: str
    high: float
    count: int
    first: int
    stop: int

    @property
    def digest(self) -> str:
        return sha256_of(asdict(self) | {"kind": "draws"})

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Draws(Kind[Draw]):
    """Draws numbers and sums them."""

    columns = ("values", "sums/rows")
    texts = ("law", "note")
    computed: ClassVar[list[str]] = []
    broken: ClassVar[str] = ""

    def check(self, spec: Spec) -> None:
        for index, item in enumerate(spec.strategies):
            with at(f"strategies[{index}]"):
                if item.name not in ("normal", "uniform"):
                    raise HarnessError(f"unknown law '{item.name}'")

    def units(self, spec, benchmark, device):
        for index, item in enumerate(spec.strategies):
            for first in range(0, spec.replicates, spec.replicates_per_shard):
                stop = min(first + spec.replicates_per_shard, spec.replicates)
                high = item.hyperparameters.get("high", 1.0)
                yield index, Draw(benchmark.name, item.name, high, spec.budget.evaluations, first, stop)

    def unit(self, data: Mapping[str, Any]) -> Draw:
        return Draw(**data)

    def run(self, unit: Draw, on_step=None) -> Output:
        if unit.law == self.broken:
            raise ValueError("no such luck")
        self.computed.append(unit.digest)
        rng = np.random.default_rng(int(unit.digest[:15], 16))
        values = rng.uniform(0.0, unit.high, (unit.stop - unit.first, unit.count))
        return Output({"values": values, "sums/rows": values.sum(axis=1)}, {"law": unit.law, "note": "made up"})


def register(patch) -> None:
    """Register the kind, as an entry point of another package would."""
    load = registry.load
    patch(registry, "load", lambda kind, name: Draws if (kind, name) == ("kind", "draws") else load(kind, name))


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    register(monkeypatch.setattr)
    monkeypatch.setattr(Draws, "computed", [])


def columns(folder):
    """Return the numbers of all units by label, benchmark and first replicate; None where there is no result."""
    return {
        (entry.label, entry.benchmark, entry.first): stored and stored[1].columns["values"].tolist()
        for entry, stored in read_units(folder, read_manifest(folder), kind_of("draws"))
    }


def test_results_are_named_columns_and_are_read_back(tmp_path):
    outcome = execute(prepare(SPEC), tmp_path)
    assert (outcome.computed, outcome.reused, outcome.failed) == (8, 0, ())
    numbers = columns(tmp_path)
    assert list(numbers) == [(label, name, first) for name in SPEC.benchmarks for label in "NU" for first in (0, 2)]
    assert [len(rows) for rows in numbers.values()] == [2, 1] * 4
    for _, (unit, output) in read_units(tmp_path, read_manifest(tmp_path), Draws()):
        np.testing.assert_array_equal(output.columns["sums/rows"], output.columns["values"].sum(axis=1))
        assert output.texts == {"law": unit.law, "note": "made up"}


def test_a_deleted_and_a_damaged_result_are_computed_again_and_nothing_else(tmp_path):
    prepared = prepare(SPEC)
    execute(prepared, tmp_path)
    before = columns(tmp_path)
    gone, damaged, *_ = prepared.shards
    unit_path(tmp_path, gone).unlink()
    path = unit_path(tmp_path, damaged)
    path.write_bytes(path.read_bytes()[:500])
    assert list(columns(tmp_path).values())[:2] == [None, None]
    Draws.computed.clear()
    outcome = execute(prepare(SPEC), tmp_path)
    assert (outcome.computed, outcome.reused) == (2, 6)
    assert Draws.computed == [gone, damaged]
    assert columns(tmp_path) == before


def test_a_result_under_another_name_is_refused(tmp_path):
    one, two, *_ = prepare(SPEC).shards
    execute(prepare(SPEC), tmp_path)
    unit_path(tmp_path, one).rename(unit_path(tmp_path, two))
    with pytest.raises(ResultError, match="not the result its name says"):
        read_unit(unit_path(tmp_path, two), Draws())


def test_a_text_that_changed_is_a_damage(tmp_path):
    execute(prepare(SPEC), tmp_path)
    path = min(tmp_path.glob("*.h5"))
    with h5py.File(path, "r+") as file:
        file.attrs["note"] = "changed"
    sealed.seal(path, SEAL)
    with pytest.raises(ResultError, match="its numbers changed"):
        read_unit(path, Draws())


def test_an_executor_gives_the_same_columns(tmp_path):
    execute(prepare(SPEC), tmp_path / "here")
    with ThreadPoolExecutor(2) as executor:
        outcome = execute(prepare(SPEC), tmp_path / "there", executor=executor)
    assert outcome.computed == 8
    assert columns(tmp_path / "there") == columns(tmp_path / "here")


def test_a_failing_unit_does_not_lose_the_others_and_is_told_by_its_label(tmp_path, monkeypatch):
    monkeypatch.setattr(Draws, "broken", "uniform")
    outcome = execute(prepare(SPEC), tmp_path)
    assert (outcome.computed, len(outcome.failed)) == (4, 4)
    assert {(failure.label, str(failure.error)) for failure in outcome.failed} == {("U", "no such luck")}
    monkeypatch.setattr(Draws, "broken", "")
    assert execute(prepare(SPEC), tmp_path).computed == 4


def test_progress_names_label_benchmark_and_replicates(tmp_path):
    seen = []
    execute(prepare(SPEC), tmp_path, on_progress=seen.append)
    last = seen[-1]
    assert (last.done, last.label, last.benchmark, last.first, last.stop) == (8, "U", "graph-cora", 2, 3)


def test_a_killed_run_leaves_whole_results_only_and_goes_on(tmp_path):
    program = (
        "import os\n"
        "from pathlib import Path\n"
        "from tests.harness.experiments.test_kind import SPEC, execute, prepare, register\n"
        "register(setattr)\n"
        "def die(progress):\n"
        "    if progress.done == 3:\n"
        "        os.kill(os.getpid(), 9)\n"
        f"execute(prepare(SPEC), Path({str(tmp_path)!r}), on_progress=die)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -9
    assert sum(rows is not None for rows in columns(tmp_path).values()) == 3
    outcome = execute(prepare(SPEC), tmp_path)
    assert (outcome.computed, outcome.reused) == (5, 3)
    execute(prepare(SPEC), tmp_path.with_name("whole"))
    assert columns(tmp_path) == columns(tmp_path.with_name("whole"))


def test_mistakes_are_told_with_source_and_key():
    wrong = replace(SPEC, strategies=(StrategySpec("normal", "N"), StrategySpec("cauchy", "C")))
    with pytest.raises(SpecError, match=r"^a\.toml: `strategies\[1\]`: unknown law 'cauchy'$"):
        prepare(wrong, source="a.toml")
    with pytest.raises(SpecError, match=r"^a\.toml: `kind`: unknown kind 'serch'.*'search'"):
        prepare(replace(SPEC, kind="serch"), source="a.toml")
    twice = replace(SPEC, strategies=(StrategySpec("normal", "N"), StrategySpec("normal", "M")))
    with pytest.raises(SpecError, match=r"`strategies\[1\]`: 'M' is the same run as 'N'"):
        prepare(twice)


def test_the_kind_is_in_the_manifest_only_where_it_is_not_search(tmp_path):
    execute(prepare(SPEC), tmp_path)
    assert '"kind": "draws"' in (tmp_path / MANIFEST).read_text()
    assert read_manifest(tmp_path).spec == SPEC
    assert from_dict(SPEC.as_dict()).kind == "draws"
    assert "kind" not in replace(SPEC, kind="search").as_dict()
    with pytest.raises(ResultError, match="of the kind 'draws'"):
        read_results(tmp_path)


def test_what_is_registered_and_is_no_kind_is_refused(monkeypatch):
    monkeypatch.setattr(registry, "load", lambda kind, name: dict)
    with pytest.raises(HarnessError, match=r"'odd' must be a subclass of .*Kind with all its methods"):
        kind_of("odd")
