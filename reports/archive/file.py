"""The file of an archive: one ``.npz`` with a header, packed columns, and the SHA-256 of both."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness import __version__
from harness.errors import HarnessError, ResultError, reason, unknown
from harness.experiments.kind import Output
from harness.experiments.manifest import MANIFEST, Manifest, manifest_of
from harness.experiments.results import Results, results_of
from harness.experiments.shards import Search, Shard
from harness.experiments.store import content_sha256
from harness.files.arrays import ArraysError, read_npz
from harness.files.reading import parse_json, record_of
from harness.files.whole import replacing
from harness.names import read
from reports.archive.packing import pack, unpack

FAMILY = "nas-harness archive "
FORMAT = f"{FAMILY}1"
SHIPPED = Path(__file__).parent / "shipped"
"""Folder of the archives that come along."""
SUFFIX = ".npz"
_HEADER, _SEAL = "header", "sha256"
_REMEDY = "make it again with `nas-harness archive build`, or get it again"


@dataclass(frozen=True)
class Origin:
    """When and where a shard was run.

    Attributes
    ----------
    date : str
        Day, UTC, as ``2026-11-30``.
    machine : str
        In words: what seconds of overhead are of.
    """

    date: str
    machine: str


@dataclass(frozen=True)
class Unit:
    """A shard as an archive holds it, with its result."""

    shard: Shard
    output: Output
    origin: Origin


@dataclass(frozen=True)
class Archive:
    """Whole experiments of one protocol, as one.

    Attributes
    ----------
    manifest : Manifest
        Of all its strategies on all its benchmarks; its spec has the name of the archive.
    units : mapping of str to Unit
        By digest of the shard.
    results : Results
        Their folder is the file, None for what comes along.
    made_with : str
        Version of this program that wrote the file.
    digest : str
        SHA-256 of its content, hexadecimal.
    """

    manifest: Manifest
    units: Mapping[str, Unit]
    results: Results
    made_with: str
    digest: str

    @property
    def name(self) -> str:
        """What pages call it."""
        return self.manifest.spec.name

    @property
    def date(self) -> str:
        """Day on which the last of its shards was run."""
        return max(unit.origin.date for unit in self.units.values())

    @property
    def machines(self) -> tuple[str, ...]:
        """Where its shards were run."""
        return tuple(sorted({unit.origin.machine for unit in self.units.values()}))

    def of(self, label: str) -> tuple[Unit, ...]:
        """Return the shards of a strategy, in the order of the spec."""
        return tuple(self.units[entry.digest] for entry in self.manifest.entries if entry.label == label)


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
        raise HarnessError(f"{unknown('archive', text, shipped())} A file is named by its path, './{text}{SUFFIX}'.")
    return SHIPPED / f"{text}{SUFFIX}"


def write_archive(path: Path, manifest: Manifest, units: Mapping[str, Unit]) -> None:
    """Write an archive, whole or not at all.

    Parameters
    ----------
    path : Path
    manifest : Manifest
    units : mapping of str to Unit
        By digest; those that the manifest lists.
    """
    arrays: dict[str, npt.NDArray[Any]] = {}
    groups = []
    for place, task in enumerate(manifest.spec.tasks):
        group = [units[entry.digest] for entry in manifest.entries if entry.benchmark == task.name]
        groups.append(list(map(_plain, group)))
        arrays |= {f"{place}/{key}": array for key, array in pack([unit.output for unit in group]).items()}
    data = {"format": FORMAT, "made_with": __version__, "manifest": manifest.as_dict(), "groups": groups}
    header = json.dumps(data, sort_keys=True)
    seal = content_sha256(Output(arrays, {_HEADER: header}))
    with replacing(path) as temporary, temporary.open("wb") as file:
        texts = {_HEADER: np.array(header), _SEAL: np.array(seal)}
        np.savez_compressed(file, allow_pickle=False, **texts, **arrays)


def _plain(unit: Unit) -> dict[str, Any]:
    return {"shard": unit.shard.as_dict(), "texts": dict(unit.output.texts), "origin": asdict(unit.origin)}


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
        manifest = manifest_of(data["manifest"], str(path), _REMEDY)
        units = {unit.shard.digest: unit for unit in _units(data["groups"], arrays)}
        found = [(entry, (unit.shard, unit.output)) for entry in manifest.entries for unit in [units[entry.digest]]]
        results = results_of(manifest, found, str(path), None if path.parent == SHIPPED else path)
        return Archive(manifest, units, results, str(data["made_with"]), seal)
    except ResultError:
        raise
    except Exception as error:  # what another program has sealed can raise nearly anything
        raise ResultError(f"{path}: damaged archive ({reason(error)}); {_REMEDY}") from error


def _other(path: Path, format_: object) -> str:
    """Say why a file is not read."""
    text = str(format_)
    if text.startswith(FAMILY):
        return f"{path}: of another version ('{text[:40]}', and this program reads '{FORMAT}'); update the program"
    return f"{path}: no archive of results; `nas-harness archive build` makes one"


def _units(groups: Sequence[Any], arrays: Mapping[str, npt.NDArray[Any]]) -> Iterable[Unit]:
    for place, group in enumerate(groups):
        begin = f"{place}/"
        own = {key.removeprefix(begin): array for key, array in arrays.items() if key.startswith(begin)}
        for said, output in zip(group, unpack(own), strict=True):
            texts = {name: str(said["texts"][name]) for name in Search.texts}
            origin = record_of(Origin, said["origin"], "origin")
            yield Unit(Search().unit(said["shard"]), Output(output.columns, texts), origin)
