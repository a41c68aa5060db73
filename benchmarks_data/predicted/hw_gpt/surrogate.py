"""HW-GPT-Bench as a benchmark that predicts: perplexity, parameters and memory of GPT-like networks, three scales.

Sukthanker, Zela, Staffler, Klein, Purucker, Franke & Hutter, "HW-GPT-Bench: Hardware-Aware Architecture Benchmark for
Language Models", arXiv 2405.10299, 2024.  Perplexity was measured on validation data of networks that inherit the
weights of the largest one of their scale; no network was trained by itself, there are no seconds of training and no
seeds.  The files are the user's, imported once by `import_files`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from benchmarks_data import files
from benchmarks_data.catalogue.entries import others
from benchmarks_data.file.problem import objectives_of
from benchmarks_data.predicted.answers import check_proposals, evaluations
from benchmarks_data.predicted.hw_gpt.files import Imported, import_files, scale_of
from benchmarks_data.predicted.hw_gpt.model import COLUMNS, Model
from benchmarks_data.predicted.oracle import PredictedOracle
from harness.benchmark import Column
from harness.checks import Archs, FloatArray, UInt64Array, integer
from harness.errors import HarnessError, unknown
from harness.guard import refuse
from harness.problem import Constraint, Fidelity, Objective
from harness.records import Evaluations, Proposals
from harness.spaces import named

__all__ = ["HWGPTBenchmark", "HWGPTOracle", "describe", "import_files", "open_benchmark", "open_oracle"]

FIDELITIES = (Fidelity("inherited weights", 1, 1),)


class HWGPTBenchmark:
    """Answers proposals with predictions; see `harness.benchmark.Benchmark` for the protocol.

    Until late the official reader of architectures took every bias for one that is there; networks fitted before that
    never saw an architecture without, and what they say of one was not learnt.

    Parameters
    ----------
    imported : Imported
        The user's files.
    objectives : sequence of str or Objective, optional
        Columns to optimise; the default is the perplexity.
    constraints : sequence of Constraint
    training : int, optional
        0 or None: there are no other trainings.
    """

    def __init__(
        self,
        imported: Imported,
        *,
        objectives: Sequence[str | Objective] | None = None,
        constraints: Sequence[Constraint] = (),
        training: int | None = None,
    ) -> None:
        if training is not None:
            integer("training", training, low=0, high=0)
        self.name = imported.name
        self.digest = imported.digest
        self.fidelities = FIDELITIES
        self.has_seconds = False
        self._model = Model(imported)
        self.space = self._model.space
        self.objectives: tuple[Objective, ...] = objectives_of(
            ("perplexity",) if objectives is None else objectives, self._column
        )
        self.constraints: tuple[Constraint, ...] = tuple(constraints)
        for constraint in self.constraints:
            self._column(constraint.name)

    def _column(self, name: str) -> Column:
        if name not in COLUMNS:
            raise HarnessError(unknown(f"column of {self.name}", name, COLUMNS))
        return COLUMNS[name]

    def query(self, proposals: Proposals, *, noise_seed: UInt64Array | None) -> Evaluations:
        """Evaluate n proposals; the noise seed changes nothing, see `harness.benchmark.Benchmark.query`.

        Raises
        ------
        HarnessError
            If an architecture is not of the space, or a fidelity is not offered.
        """
        archs = check_proposals(self.name, self.space, proposals, len(FIDELITIES))
        return evaluations(proposals, partial(self._model.column, archs), self.objectives, self.constraints, None)


class HWGPTOracle(PredictedOracle):
    """The same predictions; see `PredictedOracle`."""

    def __init__(self, imported: Imported) -> None:
        self._model = Model(imported)
        super().__init__(imported.name, self._model.space, imported.digest, COLUMNS, None)

    def predicted(self, archs: Archs, column: str) -> FloatArray:
        """Return the prediction: (n, L) to (n,)."""
        return self._model.column(archs, column)


def _imported(name: str, *, check_content: bool = False) -> Imported:
    scale_of(name)
    refuse(name)
    return Imported.open(name, files.cache_folder() / name, check_content=check_content)


def open_benchmark(
    name: str,
    *,
    objectives: Sequence[str | Objective] | None = None,
    constraints: Sequence[Constraint] = (),
    training: int | None = None,
    check_content: bool = False,
) -> HWGPTBenchmark:
    """Open a scale; the parameters are those of `benchmarks_data.provider.Tables.open`.

    Raises
    ------
    TableError
        If the files were not imported, or are damaged.
    """
    imported = _imported(name, check_content=check_content)
    return HWGPTBenchmark(imported, objectives=objectives, constraints=constraints, training=training)


def open_oracle(name: str) -> HWGPTOracle:
    """Open the predictions for reports."""
    return HWGPTOracle(_imported(name))


def describe(name: str) -> dict[str, Any]:
    """Say what a scale is, as plain data, whether its files are there or not.

    Raises
    ------
    HarnessError
        If the name is another.
    """
    space = named.space(f"hw-gpt-{scale_of(name)}")
    folder = files.cache_folder() / name
    told = Imported.open(name, folder).about if Imported.exists(folder) else {}
    entry = others()[name]
    return {
        "kind": "benchmark",
        "name": name,
        "title": entry.title,
        "dataset": entry.dataset,
        "surrogate": True,
        "rows": None,
        "replicates": entry.source.replicates,
        "columns": [asdict(column) for column in COLUMNS.values()],
        "fidelities": [fidelity.label for fidelity in FIDELITIES],
        "has_seconds": False,
        "validation": "perplexity",
        "test": None,
        "licence": entry.source.licence,
        "citation": entry.source.citation,
        "source": entry.source.url,
        "imported": bool(told),
        "source_sha256": told.get("sha256"),
        "path": str(folder),
        "space": named.describe(space),
    }
