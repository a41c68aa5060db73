"""The catalogue as data: what `catalog.toml` says about each table and its source."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks_data import files
from benchmarks_data.plan import Plan
from harness.training.verify_record import Training


@dataclass(frozen=True)
class Source:
    """The package that carries tables.

    Attributes
    ----------
    module, distribution : str
        What is imported, and what is installed; the module is located, never imported.
    converter : str
        Module of `benchmarks_data.convert`.
    url, licence, citation, replicates : str
        For people; `replicates` says what the runs of a row are.
    """

    module: str
    distribution: str
    converter: str
    url: str
    licence: str
    citation: str
    replicates: str


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
    file : str
        Inside the folder of the source's package.
    sha256 : str
        Of the file on which the known answers were checked.
    space : str
        Name of the search space.
    rows : int
        That the table must have.
    facts : mapping
        What else the converter of the source needs to know.
    """

    name: str
    title: str
    dataset: str
    source: Source
    file: str
    sha256: str
    space: str
    rows: int
    facts: Mapping[str, Any]

    def path(self) -> Path:
        """Locate the source file; raises TableError if its package is not installed."""
        return files.package_file(self.source.module, self.file, self.source.distribution)


@cache
def builds() -> Mapping[str, Plan]:
    """Return what to train for each table that this project trains itself, by name."""
    plans = _catalogue().get("builds", {})
    return {
        name: Plan(name, fields["space"], Training.from_dict(fields["training"]), fields["part_size"])
        for name, fields in plans.items()
    }


def _catalogue() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("catalog.toml").read_text(encoding="utf-8"))


@cache
def entries() -> Mapping[str, Entry]:
    """Return every table of the catalogue by name."""
    catalogue = _catalogue()
    sources = {name: Source(**fields) for name, fields in catalogue["sources"].items()}
    common = [field for field in Entry.__dataclass_fields__ if field not in ("name", "source", "facts")]
    return {
        name: Entry(
            name=name,
            source=sources[fields["source"]],
            facts={key: value for key, value in fields.items() if key not in (*common, "source")},
            **{key: fields[key] for key in common},
        )
        for name, fields in catalogue["tables"].items()
    }
