"""Table files with damaged bytes: opened, queried, judged by; the numbers are the true ones, or the file is refused."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks_data.file import layout
from benchmarks_data.importers.own import table as own_table
from harness import registry
from harness.records import Proposals
from tests.fuzz.mutations import of_bytes
from tests.fuzz.runner import ChangedError, Draw, Kind
from tests.paths import ROOT

EXAMPLE = ROOT / "examples" / "own_table"


def digest(path: Path) -> str:
    """Return the SHA-256 of all that a table says: columns, architectures, numbers."""
    header = layout.read_header(path, held_out=True)
    said = hashlib.sha256(repr(sorted(header.columns.items())).encode())
    said.update(np.ascontiguousarray(header.array("archs")).tobytes())
    for name in sorted(header.columns):
        said.update(np.ascontiguousarray(header.values(name)).tobytes())
    return said.hexdigest()


def make(folder: Path) -> Path:
    """Write the table of the example; a table of one's own, with trainings, epochs, test and seconds."""
    return own_table.write(folder / "digits.h5", EXAMPLE / "digits.csv", EXAMPLE / "digits.toml")


def answers(path: Path) -> dict[str, Any]:
    """Return what searches, reports and people are told by a table, in the way in which they ask for it."""
    name = str(path)
    benchmark, oracle = registry.benchmark(name), registry.oracle(name)
    archs = oracle.archs
    told = {"archs": archs.tolist(), "name": benchmark.fidelities and [str(each) for each in benchmark.fidelities]}
    for seed in (0, 2**40):
        for fidelity in range(len(benchmark.fidelities)):
            proposals = Proposals.of(archs, fidelity=fidelity)
            evaluations = benchmark.query(proposals, noise_seed=np.arange(len(archs), dtype=np.uint64) + seed)
            told[f"{seed} {fidelity}"] = [evaluations.objectives.tolist(), evaluations.seconds.tolist()]
    for column in sorted(oracle.columns):
        told[column] = [repr(oracle.columns[column]), oracle.values(column).tolist(), repr(oracle.optimum(column))]
    return told


class Tables(Kind):
    """Damaged table files."""

    name = "tables"
    weight = 2.0

    def prepare(self, folder: Path) -> None:
        """Make a table, and what it answers."""
        self.path = make(folder)
        self.content = self.path.read_bytes()
        self.true = repr(answers(self.path))

    def run(self, draw: Draw, index: int, folder: Path) -> str:
        """Ask a damaged table everything."""
        path = folder / "digits.h5"
        path.write_bytes(of_bytes(draw, self.content))
        if repr(answers(path)) != self.true:
            raise ChangedError("the table was opened, and answers otherwise")
        return "the same answers"
