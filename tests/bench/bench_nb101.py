"""How long NAS-Bench-101 takes to hash, to import and to answer; run as a program to see a table.  Nothing is asserted.

The import is of a file of the size of the official one, made here in a temporary folder: every cell of the space, three
runs each, with made-up values: about 500 MB, removed at the end.
"""

from __future__ import annotations

import base64
import json
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks_data.importers.safe.tfrecord import masked_crc32c
from harness.spaces.nb101.classes import all_classes
from harness.spaces.nb101.space import CLASSES, NB101Space
from harness.spaces.nb101.wiring import OPERATIONS, prune, reach
from tests.bench.figures import Row, parser, show

IMPORT_PROGRAM = """
import json, resource, sys, time
from pathlib import Path
import numpy
from benchmarks_data.file import layout
from benchmarks_data.importers.nas_bench_101.importer import convert
from benchmarks_data.catalogue.entries import Entry, Source
from harness.spaces.nb101.space import NB101Space
from benchmarks_data.file.table import TableBenchmark
from harness.records import Proposals
source, target, rows = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
entry = Entry(
    name="nb101", title="", dataset="", source=Source("nas_bench_101", "", "", "", ""), files=(source.name,), sha256=(),
    space="nb101", rows=rows, facts={}, protocols={},
)
space = NB101Space()
start = time.perf_counter()
table = convert(entry, [source], space, lambda what, fraction: None)
converted = time.perf_counter() - start
layout.write(target, table)
written = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
told = {"convert": converted, "write": written - converted, "peak": peak}
benchmark = TableBenchmark(layout.read_header(target), space)
rng = numpy.random.default_rng(0)
drawn = table.archs[rng.integers(0, rows, 10**6)]
for name, archs in (("of random cells", space.sample(10**6, rng)), ("of rows", drawn)):
    asked, noise = Proposals.of(archs), rng.integers(0, 2**64, 10**6, dtype=numpy.uint64)
    for turn in ("first", "again"):
        start = time.perf_counter()
        benchmark.query(asked, noise_seed=noise)
        told[f"look-ups {name}, {turn}"] = time.perf_counter() - start
asked, noise = asked.take([0]), noise[:1]
start = time.perf_counter()
for _ in range(300):
    benchmark.query(asked, noise_seed=noise)
told["one"] = (time.perf_counter() - start) / 300
print(json.dumps(told))
"""


def hashing() -> list[Row]:
    """Hash cells that were never asked before, in the space's own distribution and all of different classes."""
    reach()
    rng = np.random.default_rng(0)
    start = time.process_time()
    classes = np.concatenate(list(all_classes()))
    measured: list[Row] = [
        {"what": "list all classes, CPU", "value": time.process_time() - start, "unit": "s", "target": ""},
    ]
    distinct = classes[rng.permutation(len(classes))[:50_000]]
    for what, archs in (("random cells", NB101Space().sample(200_000, rng)), ("cells of different classes", distinct)):
        space = NB101Space()
        for turn in ("first time", "again"):
            start = time.process_time()
            space.key(archs)
            rate = len(archs) / (time.process_time() - start)
            target = ">= 20,000"
            told = f"keys of {what}, {turn}, CPU"
            measured.append({"what": told, "value": rate, "unit": "graphs/s", "target": target})
    return measured


def search_steps(repeats: int = 500) -> list[Row]:
    """Edit single architectures, as search loops do at each step."""
    space, rng = NB101Space(), np.random.default_rng(0)
    arch = space.sample(1, rng)
    calls = {
        "mutate one": lambda: space.mutate(arch, rng),
        "neighbours of one": lambda: space.neighbours(arch[0]),
        "key of one": lambda: space.key(arch),
    }
    measured: list[Row] = []
    for what, call in calls.items():
        call()
        start = time.perf_counter()
        for _ in range(repeats):
            call()
        value = 1e6 * (time.perf_counter() - start) / repeats
        measured.append({"what": f"{what}, nb101", "value": value, "unit": "µs", "target": ""})
    return measured


def importing() -> list[Row]:
    """Import all 1,270,872 records of the 108-epoch file, in a process of its own, then look up a million cells."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "only108.tfrecord", Path(folder) / "nb101.h5"
        write_synthetic(source)
        size = source.stat().st_size / 1e6
        command = [sys.executable, "-c", IMPORT_PROGRAM, str(source), str(target), str(CLASSES)]
        told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        stored = target.stat().st_size / 1e6
    measured: list[Row] = [
        {"what": f"read and check {3 * CLASSES:,} records", "value": told["convert"], "unit": "s", "target": "<= 240"},
        {"what": "write the table", "value": told["write"], "unit": "s", "target": ""},
        {"what": "peak memory of both", "value": told["peak"], "unit": "MB", "target": "<= 2000"},
        {"what": "size of the source", "value": size, "unit": "MB", "target": ""},
        {"what": "size of the table", "value": stored, "unit": "MB", "target": ""},
        {"what": "a query of one row", "value": 1e6 * told["one"], "unit": "µs", "target": ""},
    ]
    for what, seconds in told.items():
        if what.startswith("look-ups"):
            measured.append({"what": f"10^6 {what}", "value": 1.0 / seconds, "unit": "million/s", "target": ""})
    return measured


def write_synthetic(path: Path, schedules: tuple[int, ...] = (108,)) -> None:
    """Write every cell of the space with three made-up runs of each schedule, in the official format."""
    space, rng = NB101Space(), np.random.default_rng(0)
    with path.open("wb") as file:
        for archs in all_classes():
            hashes, pruned = space.module_hashes(archs), prune(archs)
            size = int(pruned.vertices[0])
            for row, module_hash in enumerate(hashes):
                adjacency = "".join(map(str, pruned.adjacency[row, :size, :size].ravel().tolist()))
                names = ",".join(["input", *(OPERATIONS[code] for code in pruned.labels[row, 1 : size - 1]), "output"])
                for epochs in schedules:
                    for accuracy in rng.random(3).tolist():
                        text = base64.encodebytes(message(epochs, accuracy)).decode()
                        file.write(framed(json.dumps([module_hash, epochs, adjacency, names, text]).encode()))


def message(epochs: int, accuracy: float) -> bytes:
    """Return a ModelMetrics message of one training run."""
    parts = []
    for epoch in (0.0, epochs / 2, float(epochs)):
        values = (epoch, 10.0 * epoch, accuracy, accuracy, accuracy)
        body = b"".join(struct.pack("<Bd", number << 3 | 1, value) for number, value in enumerate(values, start=1))
        parts.append(b"\x0a" + bytes([len(body)]) + body)
    return b"".join(parts) + b"\x10\x8a\xb9\xa4\x01" + struct.pack("<Bd", 3 << 3 | 1, 1200.0)


def framed(content: bytes) -> bytes:
    """Return a record of a TFRecord file."""
    head = struct.pack("<Q", len(content))
    return head + struct.pack("<I", masked_crc32c(head)) + content + struct.pack("<I", masked_crc32c(content))


if __name__ == "__main__":
    show((hashing, search_steps, importing), parser(__doc__).parse_args().json)
