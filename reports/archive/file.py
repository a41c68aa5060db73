"""The file of an archive: one ``.npz`` with a header, packed columns, and the SHA-256 of both."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness import __version__
from harness.errors import HarnessError, IncompleteError, ResultError, must, reason, unknown
from harness.experiments.kind import Output
from harness.experiments.manifest import MANIFEST, Entry, Manifest, manifest_of, read_manifest
from harness.experiments.results import Results, results_of
from harness.experiments.shards import Search, Shard
from harness.experiments.spec import Spec
from harness.experiments.store import content_sha256, read_units, unit_path
from harness.files.arrays import ArraysError, read_npz
from harness.files.reading import parse_json
from harness.files.whole import replacing
from harness.names import read
from harness.printable import counted
from reports.archive.packing import pack, unpack
from reports.study.joined import joined, named

FAMILY = "nas-harness archive "
FORMAT = f"{FAMILY}1"
SHIPPED = Path(__file__).parent / "shipped"
"""Folder of the archives that come along."""
SUFFIX = ".npz"
_HEADER, _SEAL = "header", "sha256"
_REMEDY = "make it again with `nas-harness archive build`, or get it again"


@dataclass(frozen=True)
class Archive:
    """Whole experiments of one protocol, as one.

    Attributes
    ----------
    name : str
    date : str
        Day on which the last of its runs was written, UTC, as ``2026-11-30``.
    machine : str
        Where the runs were made, in words: what seconds of overhead are of.
    made_with : str
        Version of this program that wrote the file.
    digest : str
        SHA-256 of its content, hexadecimal.
    manifest : Manifest
        Of all its strategies on all its benchmarks.
    shards : mapping of str to Shard
        What was run, by digest.
    results : Results
        Their folder is the file, None for what comes along.
    """

    name: str
    date: str
    machine: str
    made_with: str
    digest: str
    manifest: Manifest
    shards: Mapping[str, Shard]
    results: Results

    def shards_of(self, label: str) -> tuple[Shard, ...]:
        """Return what was run of a strategy, in the order of the spec."""
        return tuple(self.shards[entry.digest] for entry in self.manifest.entries if entry.label == label)

    def version(self, label: str) -> int:
        """Return the version of a strategy that was run."""
        return self.shards_of(label)[0].strategy_version


def shipped() -> list[str]:
    """Return the names of the archives that come along."""
    return sorted(path.stem for path in SHIPPED.glob(f"*{SUFFIX}"))


def find(text: str) -> Path:
    """Return where an archive lies: one that comes along, by its name, or a file, by its path.

    Raises
    ------
    HarnessError
        If none of that name comes along.
    """
    path = read(text).path
    if path is not None:
        return path
    if text not in shipped():
        raise HarnessError(f"{unknown('archive', text, shipped())}; a file is named by its path, './{text}{SUFFIX}'")
    return SHIPPED / f"{text}{SUFFIX}"


def build(folders: Sequence[Path], out: Path, *, machine: str, name: str = "") -> Archive:
    """Write an archive of experiments and return it, read back.

    Parameters
    ----------
    folders : sequence of Path
        Results of `run`, whole, of one protocol; a strategy that several have is taken from the first.
    out : Path
        Of the file; an archive that is there is replaced.
    machine : str
        Where the runs were made.
    name : str
        The default is that of the file.

    Raises
    ------
    IncompleteError
        If shards are missing.
    ResultError
        If protocols differ, a strategy lacks a benchmark of the others, or `out` is another file.
    """
    if out.exists():
        read_archive(out)  # whatever else lies there stays
    units: dict[str, tuple[Shard, Output]] = {}
    manifests, parts, days = [], [], []
    for folder in folders:
        manifest = read_manifest(folder)
        if manifest.spec.kind != Spec.kind:
            raise ResultError(f"'{folder}' holds results of the kind '{manifest.spec.kind}': archives are of searches")
        found = list(read_units(folder, manifest, Search()))
        if missing := sum(result is None for _, result in found):
            raise IncompleteError(
                f"'{folder}' lacks {counted(missing, 'shard')}, and an archive holds whole experiments; run the spec"
                " again to compute them"
            )
        units = {entry.digest: result for entry, result in found if result is not None} | units
        days += [unit_path(folder, entry.digest).stat().st_mtime for entry in manifest.entries]
        parts.append(results_of(manifest, found, str(folder / MANIFEST), folder))
        manifests.append(manifest)
    whole = joined(parts)
    if whole.missing:
        task, label, *_ = whole.missing[0]
        raise ResultError(f"every strategy of an archive must have been run on every benchmark; '{label}' lacks {task}")
    spec = replace(whole.spec, name=name or out.stem)
    entries = _entries(spec, manifests, named(parts))
    header = {
        "format": FORMAT,
        "name": spec.name,
        "date": datetime.fromtimestamp(max(days), UTC).date().isoformat(),
        "machine": machine,
        "made_with": __version__,
        "manifest": Manifest(spec, dict(whole.benchmarks), entries).as_dict(),
    }
    arrays: dict[str, npt.NDArray[Any]] = {}
    groups = []
    for place, posed in enumerate(spec.tasks):
        group = [units[entry.digest] for entry in entries if entry.benchmark == posed.name]
        groups.append([{"shard": shard.as_dict(), "texts": dict(output.texts)} for shard, output in group])
        arrays |= {f"{place}/{key}": array for key, array in pack([output for _, output in group]).items()}
    _write(out, json.dumps(header | {"groups": groups}, sort_keys=True), arrays)
    return read_archive(out)


def _entries(spec: Spec, manifests: Sequence[Manifest], names: Mapping[tuple[int, str], str]) -> tuple[Entry, ...]:
    """Return the entries of all strategies under their names in the whole, each from the first that has it."""
    found: dict[tuple[str, str], list[Entry]] = {}
    for place, manifest in enumerate(manifests):
        own: dict[tuple[str, str], list[Entry]] = {}
        for entry in manifest.entries:
            label = names[place, entry.label]
            own.setdefault((entry.benchmark, label), []).append(replace(entry, label=label))
        found = own | found
    return tuple(entry for task in spec.tasks for item in spec.strategies for entry in found[task.name, item.label])


def _write(path: Path, header: str, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    seal = content_sha256(Output(arrays, {_HEADER: header}))
    with replacing(path) as temporary, temporary.open("wb") as file:
        texts = {_HEADER: np.array(header), _SEAL: np.array(seal)}
        np.savez_compressed(file, allow_pickle=False, **texts, **arrays)


def read_archive(path: Path) -> Archive:
    """Read an archive.

    Raises
    ------
    ResultError
        If there is none, or it is damaged, something else, or of a later version.
    """
    try:
        arrays = read_npz(path)
    except FileNotFoundError:
        raise ResultError(f"there is no archive '{path}'; `nas-harness archive build` makes one of results") from None
    except (ArraysError, OSError) as error:
        if (path / MANIFEST).exists():
            raise ResultError(
                f"'{path}' is a folder of results, not an archive: report it beside the others, `nas-harness report A"
                f" {path}`, or make an archive of it with `nas-harness archive build`"
            ) from None
        raise ResultError(f"{path}: damaged, or no archive ({error}); {_REMEDY}") from None
    header, seal = (str(arrays.pop(name, "")) for name in (_HEADER, _SEAL))
    try:
        data = parse_json(header, str(path), ResultError, remedy=_REMEDY) if header else {}
        format_ = data.get("format", "") if isinstance(data, dict) else ""
        if format_ != FORMAT:
            raise ResultError(_other(path, format_))
        if seal != content_sha256(Output(arrays, {_HEADER: header})):
            raise ResultError(f"{path}: damaged archive (its content is not what was written); {_REMEDY}")
        return _read(path, data, arrays, seal)
    except ResultError:
        raise
    except Exception as error:  # what was sealed by another program can raise nearly anything
        raise ResultError(f"{path}: damaged archive ({reason(error)}); {_REMEDY}") from error


def _other(path: Path, format_: object) -> str:
    """Say why a file is not read."""
    text = str(format_)
    if text.startswith(FAMILY):
        return f"{path}: of another version ('{text[:40]}', and this program reads '{FORMAT}'); update the program"
    return f"{path}: no archive of results; `nas-harness archive build` makes one"


def _read(path: Path, data: dict[str, Any], arrays: Mapping[str, npt.NDArray[Any]], digest: str) -> Archive:
    manifest = manifest_of(data["manifest"], str(path), _REMEDY)
    units: dict[str, tuple[Shard, Output]] = {}
    for place, group in enumerate(data["groups"]):
        begin = f"{place}/"
        own = {key.removeprefix(begin): array for key, array in arrays.items() if key.startswith(begin)}
        for unit, output in zip(group, unpack(own), strict=True):
            shard = Search().unit(unit["shard"])
            units[shard.digest] = (shard, Output(output.columns, unit["texts"]))
    found = [(entry, units[entry.digest]) for entry in manifest.entries]
    results = results_of(manifest, found, str(path), None if path.parent == SHIPPED else path)
    about = {key: str(data[key]) for key in ("name", "date", "machine", "made_with")}
    if about["name"] != manifest.spec.name:
        raise HarnessError(must("name", "be that of its spec", about["name"]))
    return Archive(**about, digest=digest, manifest=manifest, shards={k: s for k, (s, _) in units.items()},
                   results=results)  # fmt: skip
