"""Tables of one's own, trained as a description says, `benchmarks_data.catalogue.described`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from benchmarks_data.catalogue import described
from benchmarks_data.catalogue.described import Own
from benchmarks_data.file import layout
from benchmarks_data.trained import importer
from benchmarks_data.trained.importer import MISSING
from harness.errors import HarnessError, must
from harness.files.whole import replacing


def read(path: Path | None) -> Own:
    """Read a description whose trainings can be kept in a table.

    Raises
    ------
    HarnessError
        As `described.read`; and if a split has more items than can be counted.
    """
    own = described.read(path)
    for split, labels in own.dataset.labels.items():
        if len(labels) >= MISSING:
            raise HarnessError(must(f"the {split} items", f"be fewer than {MISSING:,} to be counted", len(labels)))
    return own


def write(own: Own, trained: Path) -> Path:
    """Write the table of a finished build beside the file of its trainings, and return its path."""
    table = importer.read(own.plan.name, [trained], own.space, lambda what, fraction: None)
    about: Mapping[str, str] = {
        "title": own.title,
        "dataset": own.dataset.description,
        "replicates": f"training runs of each architecture, seeds {', '.join(map(str, own.plan.training.seeds))}",
        "licence": "",
        "citation": "",
        "source": "trained here by `nas-harness table build`",
        "source_sha256": "",
        "training": json.dumps(own.plan.training.as_dict()),
    }
    path = trained.with_suffix(".h5")
    with replacing(path) as temporary:
        layout.write(temporary, layout.Table(**{**vars(table), "about": {**table.about, **about}}))
    return path
