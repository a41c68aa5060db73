"""The facts of a table, as plain data for `describe` and `data info`."""

from __future__ import annotations

from math import isnan
from typing import Any

import numpy as np

from benchmarks_data.catalogue.entries import Entry, Protocol
from benchmarks_data.file import layout, protocol, recorded
from benchmarks_data.file.meaning import records_pass
from benchmarks_data.file.oracle import TableOracle
from harness.errors import TableError
from harness.files.reading import parse_json
from harness.judging.ledger import unit_seconds
from harness.spaces import named

_CHARGED = (
    "charged with every evaluation, beside the seconds of training; `validation_pass = false` in [budget] leaves it out"
)


def of_table(
    header: layout.Header,
    name: str,
    entry: Entry | None = None,
    under: Protocol | None = None,
    *,
    repeats: bool = False,
) -> dict[str, Any]:
    """Say what a table is that is there.

    Parameters
    ----------
    header : Header
        Opened with its held-out columns, under the protocol.
    name : str
        By which it was asked for.
    entry : Entry, optional
        None for a table by its path.
    under : Protocol, optional
    repeats : bool
        Whether its fidelities are numbers of training runs, see `benchmarks_data.file.seeds`.
    """
    about = layout.read_about(header.path)
    checked = set() if entry is None else set(entry.sha256)
    training = parse_json(about["training"], str(header.path), TableError) if "training" in about else None
    space = (recorded.space_of if entry is None else recorded.whole_space_of)(header)
    rows, levels = len(header.array("archs")), len(header.meaning.fidelities)
    unit = unit_seconds(TableOracle(header, space))
    return {
        "kind": "benchmark",
        "name": name,
        **{key: about.get(key, "") for key in ("title", "dataset")},
        "rows": rows,
        "runs": {str(levels): rows} if repeats else recorded.run_counts(header),
        "replicates": about.get("replicates", ""),
        "columns": [_describe_column(header, column, levels if repeats else None) for column in header.columns],
        "fidelities": [fidelity.label for fidelity in header.meaning.fidelities],
        **({"repeats": levels} if repeats else {}),
        "has_seconds": header.meaning.seconds is not None,
        **({} if isnan(unit) else {"full_training_seconds": unit}),
        **({"validation_pass": _CHARGED} if records_pass(header.meaning, header.columns) else {}),
        "validation": header.meaning.validation or None,
        "test": header.meaning.test,
        **{key: about.get(key, "") for key in ("licence", "citation", "source", "source_sha256")},
        "training": entry.facts.get("training") if training is None and entry is not None else training,
        "source_as_checked": set(about["source_sha256"].split()) == checked if checked else None,
        "partial": header.meaning.partial,
        "protocol": None if under is None else under.text,
        "protocols": {} if entry is None else _protocols(entry),
        "sha256": header.digest,
        "path": str(header.path),
        "bytes": header.path.stat().st_size,
        "space": named.describe(space),
    }


def summary_of_table(header: layout.Header) -> dict[str, Any]:
    """Say of a table what a list of all shows, as `of_table` does."""
    return {
        "title": layout.read_about(header.path).get("title", ""),
        "space": recorded.whole_space_of(header).name,
        "rows": len(header.array("archs")),
        "validation": header.meaning.validation or None,
        "test": header.meaning.test,
        "has_seconds": header.meaning.seconds is not None,
    }


def _protocols(entry: Entry) -> dict[str, str]:
    return {f"{entry.name}{protocol.MARK}{key}": known.text for key, known in entry.protocols.items()}


def of_entry(entry: Entry, name: str, under: Protocol | None) -> dict[str, Any]:
    """Say what the catalogue knows of a table that is not there."""
    by_hand = f"{entry.manual or entry.source.url}; then `{entry.import_command}`"
    return {
        "kind": "benchmark",
        "name": name,
        "title": entry.title,
        "dataset": entry.dataset,
        "imported": False,
        "to_get": f"`nas-harness data get {entry.name}`" if entry.downloads else f"by hand: {by_hand}",
        "rows": entry.rows or None,
        "replicates": entry.source.replicates,
        "licence": entry.source.licence,
        "citation": entry.source.citation,
        "source": f"{', '.join(entry.files)} ({entry.source.url})",
        "protocol": None if under is None else under.text,
        "protocols": _protocols(entry),
        "space": entry.space,
    }


def _describe_column(header: layout.Header, name: str, repeats: int | None) -> dict[str, Any]:
    """Say what a column is; `repeats` are the runs of each row where they are stored in all their orders."""
    values = header.values(name)
    coverage = float(np.count_nonzero(~np.isnan(values)) / values.size)
    header.content.check_unchanged()
    column = recorded.described_column(header, name)
    description = column.pop("description")
    runs = values.shape[1] if repeats is None else min(values.shape[1], repeats)
    return column | {"runs": runs, "coverage": coverage, "description": description}
