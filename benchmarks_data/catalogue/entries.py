"""Entries of the catalogue: what the TOML file of a source says about the source and each of its tables.

Files in ``carried`` are of tables that come with the program, those in ``imported`` of tables that are made from files
which the user gets.  A file has one ``[source]`` and for each table ``[tables.NAME]``; ``[imports.NAME]`` for what is
imported and is no table, ``[fitted.NAME]`` for a surrogate benchmark of this project's own that comes with the program,
``[builds.NAME]`` for how a table of this project's own is trained.  ``sha256`` is that of the source file on which the
known answers were checked; the one converted is recorded in the table.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks_data import files
from benchmarks_data.catalogue.builds import Build, Sample
from harness.errors import TableError
from harness.training.recipe import TrainingSetup

_CARRIED, _IMPORTED = "carried", "imported"
"""Folders of what comes with the program, and of what is made from files that the user gets."""


@dataclass(frozen=True)
class Source:
    """Where tables come from: a package that carries them, or files that the user has.

    Attributes
    ----------
    converter : str
        Module of `benchmarks_data`, with ``convert(entry, paths, space, progress)`` or, where one pass over
        the files gives several tables, ``convert_all(entries, paths, spaces, progress)``, which yields one for each
        entry.
    url, licence, citation, replicates : str
        For people; `replicates` says what the runs of a row are.
    module, distribution : str
        What is imported, and what is installed; the module is located, never imported.  "" for files that the user has.
    importer : str
        "module:function" of what is imported and is no table: ``function(paths, folder) -> folder``.  "" for tables.
    answers : str
        Module of `benchmarks_data` that opens and describes what is no table: ``open_benchmark``, ``open_oracle``,
        ``describe``.  "" for tables.
    requires, extra : str
        The module that computes with what is imported, and the extra of this project that installs it; "" for none.
    manual : str
        Which file to take from which page, where no program may fetch it.
    download : mapping
        Where a program may fetch the files, if all tables of the source are made from the same; see `Download`.
    """

    converter: str
    url: str
    licence: str
    citation: str
    replicates: str
    module: str = ""
    distribution: str = ""
    importer: str = ""
    answers: str = ""
    requires: str = ""
    extra: str = ""
    manual: str = ""
    download: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Download:
    """A file that a program may fetch.

    Attributes
    ----------
    name : str
        As in `Entry.files`.
    url : str
        Fixed to one version where its host can.
    sha256 : str
        That it must have; "" where none is pinned.
    bytes : int
        How long it is; 0 where that is not known.
    size : str
        In words, where it is not known exactly.
    """

    name: str
    url: str
    sha256: str = ""
    bytes: int = 0
    size: str = ""


@dataclass(frozen=True)
class Protocol:
    """How a table that has test results alone may be searched: some runs are told, the others judge.

    Attributes
    ----------
    objective : str
        The column whose runs are divided.
    signal_runs, held_out_runs : tuple of int
        Positions of the runs whose mean is told, and of those whose mean judges.
    text : str
        What this means, for people.
    """

    objective: str
    signal_runs: tuple[int, ...]
    held_out_runs: tuple[int, ...]
    text: str


@dataclass(frozen=True)
class Entry:
    """A table of the catalogue.

    Attributes
    ----------
    name : str
        Registered name of the benchmark.
    title, dataset : str
        For people.
    source : Source
    files : tuple of str
        Inside the folder of the source's package, or as the user knows them: what to import, folders included.
    sha256 : tuple of str
        Of the files on which the known answers were checked; empty where none is pinned.
    space : str
        Name of the search space, or the kind of one that the table itself defines.
    rows : int
        That the table must have; 0 where that depends on what the user has.
    facts : mapping
        What else is known: what the converter of the source needs, and ``partial`` where rows are fewer than the
        architectures of the space.
    protocols : mapping of str to Protocol
        Under which it may be opened, as ``name@protocol``.
    downloads : tuple of Download
        Where each of `files` can be fetched; empty where nobody but the user can.
    manual : str
        Which files to take from which page, where nobody but the user can.
    """

    name: str
    title: str
    dataset: str
    source: Source
    files: tuple[str, ...]
    sha256: tuple[str, ...]
    space: str
    rows: int
    facts: Mapping[str, Any]
    protocols: Mapping[str, Protocol]
    downloads: tuple[Download, ...] = ()
    manual: str = ""

    @property
    def imported(self) -> bool:
        """Whether the table is made from files that the user has."""
        return not self.source.module

    @property
    def import_command(self) -> str:
        """What imports the files once they are there."""
        return " ".join(["nas-harness data import", self.name, *self.files])

    def paths(self) -> tuple[Path, ...]:
        """Locate the source files; raises TableError if their package is not installed, or nobody but the user can."""
        if self.imported:
            listed = ", ".join(self.files)
            raise TableError(
                f"the table {self.name} is made from files that do not come with this program: {listed} "
                f"({self.source.url}); get them with `nas-harness data get {self.name}`, or, where they lie already: "
                f"`{self.import_command}`"
            )
        source = self.source
        return tuple(files.package_file(source.module, file, source.distribution) for file in self.files)


@cache
def builds() -> Mapping[str, Build]:
    """Return how each table is trained that this project trains itself, by name."""
    return {
        name: Build(
            name,
            fields["space"],
            TrainingSetup.from_dict(fields["training"]),
            fields["part_size"],
            Sample.from_dict(fields["sample"]) if "sample" in fields else None,
        )
        for file in _files(_CARRIED)
        for name, fields in file.get("builds", {}).items()
    }


@cache
def _files(folder: str) -> tuple[dict[str, Any], ...]:
    """Read the files of a folder, one for each source, in the order of their names."""
    paths = sorted((Path(__file__).parent / folder).glob("*.toml"))
    return tuple(tomllib.loads(path.read_text(encoding="utf-8")) for path in paths)


@cache
def carried() -> Mapping[str, Entry]:
    """Return the tables that come with the program by name; reading the others takes as long as opening a table."""
    return _entries(_CARRIED, "tables")


@cache
def entries() -> Mapping[str, Entry]:
    """Return every table of the catalogue by name."""
    return {**carried(), **_entries(_IMPORTED, "tables")}


@cache
def others() -> Mapping[str, Entry]:
    """Return what predicts and is no table, by name: what comes with the program, then what is imported."""
    return {**_entries(_CARRIED, "fitted"), **_entries(_IMPORTED, "imports")}


def _entries(folder: str, part: str) -> dict[str, Entry]:
    return {
        name: entry(name, fields, source)
        for file in _files(folder)
        for source in [Source(**file["source"])]
        for name, fields in file.get(part, {}).items()
    }


def entry(name: str, fields: Mapping[str, Any], source: Source) -> Entry:
    """Read one table of the catalogue: ``file``, ``sha256`` and, in ``download``, ``url`` are one text or a list."""
    given = dict(fields)
    names, sums = _listed(given.pop("file")), _listed(given.pop("sha256", []))
    download = given.pop("download", source.download)
    protocols = {
        key: Protocol(told["objective"], tuple(told["signal_runs"]), tuple(told["held_out_runs"]), told["text"])
        for key, told in given.pop("protocols", {}).items()
    }
    return Entry(
        name=name,
        source=source,
        protocols=protocols,
        files=names,
        sha256=sums,
        downloads=_downloads(names, sums, download) if download else (),
        manual=given.pop("manual", source.manual),
        title=given.pop("title"),
        dataset=given.pop("dataset"),
        space=given.pop("space"),
        rows=given.pop("rows", 0),
        facts=given,
    )


def _downloads(names: Sequence[str], sums: Sequence[str], told: Mapping[str, Any]) -> tuple[Download, ...]:
    lengths = told.get("bytes", 0)
    lengths = [lengths] * len(names) if isinstance(lengths, int) else lengths
    sums = sums or [""] * len(names)
    each = zip(names, _listed(told["url"]), sums, lengths, strict=True)
    return tuple(Download(*fields, size=told.get("size", "")) for fields in each)


def _listed(text: str | Sequence[str]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)
