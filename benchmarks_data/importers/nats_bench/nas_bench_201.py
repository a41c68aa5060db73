"""NAS-Bench-201 from its own files, v1.0 and v1.1 (``NAS-Bench-201-v1_?-??????.pth``).

Dong & Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search", ICLR 2020.  The records
are those of NATS-Bench under other names: ``less`` is the schedule of 12 epochs (v1.0 has it for CIFAR-10 only) and
``full`` that of 200.  Where a file has no times, seconds are NaN; weights, where a file has them, are passed over.  The
file is one pickle of 2.2 or 4.7 GB: it is streamed, one architecture in memory at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks_data.catalogue.entries import Entry
from benchmarks_data.file.layout import Table
from benchmarks_data.files import Progress
from benchmarks_data.importers.nats_bench import importer
from benchmarks_data.importers.nats_bench.files import GLOBALS
from benchmarks_data.importers.nats_bench.records import TOPOLOGY
from benchmarks_data.importers.nats_bench.stream import split
from benchmarks_data.importers.parts import single
from benchmarks_data.importers.safe import torch_file
from harness.space import SearchSpace

SCHEDULES = (replace(TOPOLOGY[0], key="less"), replace(TOPOLOGY[1], key="full"))
ALLOWED = GLOBALS | {"_codecs.encode"}
"""Protocol 2, which ``torch.save`` uses, writes the bytes of numpy scalars as text."""


def convert_all(
    entries: Sequence[Entry], paths: Sequence[Path], spaces: Sequence[SearchSpace], progress: Progress
) -> Iterator[Table]:
    """Read the tables of several data sets in one pass over the one file; see `importer.convert_all`."""
    path = single(paths, "`paths` must be one file 'NAS-Bench-201-v1_….pth'")
    yield from importer.tables(entries, records(path), spaces[0], SCHEDULES, progress)


def records(path: Path) -> Iterator[tuple[str, int, Any]]:
    """Yield file name, official index and record of every architecture of a file."""
    with torch_file.object_pickle(path) as stream:
        for index, record in split(stream.read, name=str(path), allowed=ALLOWED):
            yield str(path), index, record
