"""The manifest of an experiment: its spec, what reports need of its benchmarks, and its units of work."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.benchmark import Benchmark
from harness.digests import identity
from harness.errors import HarnessError, ResultError, must
from harness.experiments.kind import Unit, charges_pass
from harness.experiments.schema import from_dict
from harness.experiments.spec import Spec, task_name
from harness.files.reading import read_json, record_of
from harness.files.whole import replacing
from harness.names import read
from harness.problem import Fidelity, Objective
from harness.search.known import known_constraints as known_of

FORMAT = "nas-harness cell 1"
MANIFEST = "experiment.json"
_REMEDY = "run the spec again to rewrite it"


@dataclass(frozen=True)
class BenchmarkFacts:
    """What a report needs to know of a benchmark without opening its table.

    Attributes
    ----------
    name, table_digest : str
    objectives : tuple of Objective
    has_seconds : bool
    fidelities : tuple of Fidelity
        The last is the full one.
    validation_pass : bool
        Whether its seconds have a pass over the validation images in them.
    deployment : str
        Whose bounds its runs kept; "" where the spec has none.
    known : tuple of str
        Columns of constraints that were known before training, so that nothing that breaks them was trained.
    """

    name: str
    table_digest: str
    objectives: tuple[Objective, ...]
    has_seconds: bool
    fidelities: tuple[Fidelity, ...] = (Fidelity("full", 1, 1),)
    validation_pass: bool = False
    deployment: str = ""
    known: tuple[str, ...] = ()

    @property
    def task(self) -> str:
        """Name of the task, see `harness.experiments.spec.Task`; that of the benchmark where there is no deployment."""
        return task_name(self.name, self.deployment)

    @classmethod
    def of(cls, benchmark: Benchmark, known_constraints: str = "kept", deployment: str = "") -> BenchmarkFacts:
        """Return the facts of an open benchmark; of a spec its `known_constraints`, and the name of a deployment."""
        known = known_of(benchmark) if known_constraints == "kept" else ()
        return cls(
            benchmark.name,
            benchmark.digest,
            benchmark.objectives,
            benchmark.has_seconds,
            benchmark.fidelities,
            charges_pass(benchmark),
            deployment,
            tuple(item.name for item in known),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the facts as plain JSON data; `record_of` reads them back."""
        return {
            "name": self.name,
            "table_digest": self.table_digest,
            "objectives": [vars(objective) for objective in self.objectives],
            "fidelities": [identity(fidelity) for fidelity in self.fidelities],
            "has_seconds": self.has_seconds,
            **({"validation_pass": True} if self.validation_pass else {}),
            **({"deployment": self.deployment} if self.deployment else {}),
            **({"known": list(self.known)} if self.known else {}),
        }


@dataclass(frozen=True)
class Entry:
    """A unit of work as a manifest lists it.

    Attributes
    ----------
    label, benchmark : str
        As the spec of the manifest calls them; another spec may have named the same result otherwise.
    first, stop : int
        Its replicates are ``range(first, stop)``.
    digest : str
        Names its file.
    """

    label: str
    benchmark: str
    first: int
    stop: int
    digest: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9a-f]{64}", self.digest):
            raise HarnessError(must("digest", "be a SHA-256, 64 hexadecimal digits", self.digest))


@dataclass(frozen=True)
class Manifest:
    """The content of an experiment.

    Attributes
    ----------
    spec : Spec
    benchmarks : dict of str to BenchmarkFacts
        By the name of the task.
    entries : tuple of Entry
        In the order of the spec.

    Raises
    ------
    HarnessError
        If the parts contradict each other.
    """

    spec: Spec
    benchmarks: dict[str, BenchmarkFacts]
    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        spec = self.spec
        tasks = [task.name for task in spec.tasks]
        named = list(dict.fromkeys([*tasks, *spec.report_on]))
        if sorted(self.benchmarks) != sorted(named):
            raise HarnessError(must("benchmarks", f"be those of its spec, {named}", [*self.benchmarks]))
        for facts in self.benchmarks.values():
            self._check_facts(facts)
        if len({entry.digest for entry in self.entries}) < len(self.entries):
            raise HarnessError("`cells` must list each digest once")
        blocks: dict[tuple[str, str], list[tuple[int, int]]] = {}
        for entry in self.entries:
            blocks.setdefault((entry.benchmark, entry.label), []).append((entry.first, entry.stop))
        labels = [strategy.label for strategy in spec.strategies]
        for benchmark in (task.name for task in spec.tasks):
            for label in labels:
                _check_blocks(f"cells of '{label}' on '{benchmark}'", blocks.pop((benchmark, label), []), spec)
        for benchmark, label in blocks:
            raise HarnessError(f"`cells` must be of its spec, got '{label[:80]}' on '{benchmark[:80]}'")

    def as_dict(self) -> dict[str, Any]:
        """Return the manifest as plain JSON data; `manifest_of` reads it back."""
        return _plain(self.spec, self.benchmarks, self.entries)

    def _check_facts(self, facts: BenchmarkFacts) -> None:
        where = f"of '{facts.name}'"
        if not facts.objectives or not facts.fidelities or not facts.table_digest:
            raise HarnessError(f"`benchmarks` must say the objectives, the fidelities and the digest {where}")
        names = tuple(objective.name for objective in facts.objectives)
        if self.spec.objectives is not None and names != self.spec.objectives:
            raise HarnessError(must(f"objectives {where}", f"be {list(self.spec.objectives)}", list(names)))
        if self.spec.budget.seconds is not None and not facts.has_seconds:
            raise HarnessError(must(f"has_seconds {where}", "be true under a budget of seconds", facts.has_seconds))
        for place, fidelity in enumerate(facts.fidelities):
            if fidelity.continues is not None and not 0 <= fidelity.continues < place:
                raise HarnessError(must(f"continues {where}", "name an earlier fidelity", fidelity.continues))


def _check_blocks(name: str, blocks: list[tuple[int, int]], spec: Spec) -> None:
    """Refuse blocks of replicates that are not the whole range, each replicate once; a kind may have none or more."""
    if spec.kind != Spec.kind:
        return
    ends = [0]
    for first, stop in blocks:
        if first != ends[-1] or stop <= first:
            raise HarnessError(must(name, "follow each other", [first, stop]))
        ends.append(stop)
    if ends[-1] != spec.replicates:
        raise HarnessError(must(name, f"be of {spec.replicates} replicates", ends[-1]))


def _plain(spec: Spec, benchmarks: Mapping[str, BenchmarkFacts], entries: Iterable[Entry]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "spec": spec.as_dict(),
        "benchmarks": [facts.as_dict() for facts in benchmarks.values()],
        "cells": list(map(asdict, entries)),
    }


def check_same(where: str, entry: Entry, unit: Unit, **said: object) -> None:
    """Refuse a manifest that says of a unit of work what its result does not say.

    Parameters
    ----------
    where : str
        Begins the message of an error.
    entry : Entry
    unit : unit
        As its result has it.
    **said
        Attributes of the unit as the manifest has them.

    Raises
    ------
    ResultError
        Names the first that differs.
    """
    for key, value in {"first": entry.first, "stop": entry.stop, **said}.items():
        if getattr(unit, key) != value:
            raise otherwise(where, entry, key)


def otherwise(where: str, entry: Entry, key: str) -> ResultError:
    """Return the error about a manifest whose `key` is not that of a result; the others are as in `check_same`."""
    return ResultError(
        f"{where}: damaged manifest (its `{key}` is not that of the result {entry.digest[:12]}.h5); {_REMEDY}"
    )


def check_chosen(where: str, entry: Entry, spec: Spec, name: str, settings: Mapping[str, Any]) -> None:
    """Refuse a manifest in which the label of a result is that of another strategy, or has other hyperparameters.

    Where the class of a strategy lies is free, and so is whether a default is written out.

    Parameters
    ----------
    where : str
    entry : Entry
    spec : Spec
        Of the manifest.
    name : str
        Of the strategy, the one-shot method or the learner, as the result has it.
    settings : mapping
        Its hyperparameters, as the result has them; values that it does not hold are not compared.

    Raises
    ------
    ResultError
        Names what differs.
    """
    item = next(item for item in spec.strategies if item.label == entry.label)
    if _class_of(item.name) != _class_of(name):
        raise otherwise(where, entry, f"name of '{entry.label}'")
    for key, value in item.hyperparameters.items():
        if key in settings and _listed(settings[key]) != _listed(value):
            raise otherwise(where, entry, f"{key} of '{entry.label}'")


def _class_of(name: str) -> str:
    return read(name).own.rpartition("/")[2]


def _listed(value: Any) -> Any:
    """Return a value as JSON holds it: lists, and texts of what equals nothing, not even itself."""
    if isinstance(value, list | tuple):
        return [_listed(each) for each in value]
    if isinstance(value, Mapping):
        return {key: _listed(each) for key, each in value.items()}
    return value if value == value else repr(value)


def write_manifest(
    folder: Path,
    spec: Spec,
    benchmarks: Mapping[str, BenchmarkFacts],
    units: Mapping[str, tuple[str, Unit]],
    tasks: Mapping[str, str],
) -> None:
    """Write which units of work make up an experiment.

    Parameters
    ----------
    folder : Path
    spec : Spec
    benchmarks : mapping of str to BenchmarkFacts
    units : mapping of (label, unit) pairs by digest
        In the order of the spec.
    tasks : mapping of str to str
        Name of the task of each unit, by digest.
    """
    entries = (
        Entry(label, tasks.get(digest, unit.benchmark), unit.first, unit.stop, digest)
        for digest, (label, unit) in units.items()
    )
    data = _plain(spec, benchmarks, entries)
    with replacing(folder / MANIFEST) as temporary:
        temporary.write_text(json.dumps(data, indent=1), encoding="utf-8")


def refuse_file(folder: Path) -> None:
    """Refuse what is a file, such as a spec, where results are asked for."""
    if folder.is_file():
        raise ResultError(f"no results in '{folder}': it is a file; give a folder made by `run`")


def read_manifest(folder: Path) -> Manifest:
    """Read which units of work make up an experiment.

    Raises
    ------
    ResultError
        If there is no manifest, or one that is damaged or of another version.
    """
    path = folder / MANIFEST
    refuse_file(folder)
    try:
        data = read_json(path, ResultError, remedy=_REMEDY)
    except FileNotFoundError:
        raise ResultError(f"no results in '{folder}': '{MANIFEST}' is missing; {_instead(folder)}") from None
    return manifest_of(data, str(path), _REMEDY)


def manifest_of(data: Any, where: str, remedy: str) -> Manifest:
    """Read what `Manifest.as_dict` wrote.

    Parameters
    ----------
    data : object
        As JSON holds it.
    where, remedy : str
        Begin and end of the message of an error.

    Raises
    ------
    ResultError
        If it is damaged or of another version.
    """
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ResultError(f"{where}: not of this version ('{FORMAT}'); {remedy}")
    try:
        for key in ("spec", "benchmarks", "cells"):
            if not isinstance(data.get(key), dict if key == "spec" else list):
                raise HarnessError(must(key, "be there", data.get(key)))
        facts = [record_of(BenchmarkFacts, item, "benchmarks") for item in data["benchmarks"]]
        if len({item.task for item in facts}) < len(facts):
            raise HarnessError("`benchmarks` must be given once each")
        entries = tuple(record_of(Entry, item, "cells") for item in data["cells"])
        return Manifest(from_dict(data["spec"], "spec"), {item.task: item for item in facts}, entries)
    except HarnessError as error:
        first = str(error).splitlines()[0]
        raise ResultError(f"{where}: damaged manifest ({first}); {remedy}") from None


def _instead(folder: Path) -> str:
    """Return what to give in place of a folder without a manifest: experiments that lie in it, where there are any."""
    try:
        inside = sorted(path.parent.name for path in folder.glob(f"*/{MANIFEST}"))
    except OSError:
        inside = []
    if not inside:
        return "give a folder made by `run`"
    few = ", ".join(str(folder / name) for name in inside[:5]) + (" ..." if len(inside) > 5 else "")
    return f"it holds {len(inside)} experiment{'s' * (len(inside) > 1)}, give one of them: {few}"
