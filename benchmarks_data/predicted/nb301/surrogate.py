"""NAS-Bench-301 as a benchmark that predicts: the surrogate of YAHPO Gym, on the whole DARTS space.

A network trained on NAS-Bench-301's results answers for every architecture and epoch.  It was fitted to validation
results only and has no seed noise: there is no test column, and the same question has one answer.  The files are the
user's, imported once by `import_files`; predicting needs onnxruntime.

Pfisterer et al., "YAHPO Gym", AutoML 2022; Siems et al., "Surrogate NAS Benchmarks: Going Beyond the Limited Search
Spaces of Tabular NAS Benchmarks", ICLR 2022.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from benchmarks_data import files
from benchmarks_data.file.problem import epochs_of, objectives_of
from benchmarks_data.predicted.answers import check_proposals, evaluations
from benchmarks_data.predicted.nb301.columns import COLUMNS, Values, column_of
from benchmarks_data.predicted.nb301.files import NAME, Imported, import_files
from benchmarks_data.predicted.nb301.model import EPOCHS, Model
from benchmarks_data.predicted.nb301.oracle import SurrogateOracle
from harness.checks import UInt64Array, integer
from harness.errors import HarnessError, unknown
from harness.guard import refuse
from harness.problem import Constraint, Objective
from harness.records import Evaluations, Proposals
from harness.spaces.darts.space import DARTSSpace

__all__ = ["NAME", "SurrogateBenchmark", "SurrogateOracle", "describe", "import_files", "open_benchmark", "open_oracle"]

SCHEDULE = 100
"""Epochs of the training schedule; the published results end at epoch 98."""
FIDELITIES = epochs_of(SCHEDULE, range(1, EPOCHS + 1))


class SurrogateBenchmark:
    """Answers proposals with predictions; see `harness.benchmark.Benchmark` for the protocol.

    What is predicted belongs to the genotype as it is written: two genotypes that are the same network up to the names
    of their nodes may be told apart by the surrogate, as they were by the published one.

    Parameters
    ----------
    imported : Imported
        The user's files.
    objectives : sequence of str or Objective, optional
        Columns to optimise; the default is the validation accuracy.
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
        self.name = NAME
        self.space = DARTSSpace()
        self.digest = imported.digest
        self.fidelities = FIDELITIES
        self.has_seconds = True
        self.libraries = ("onnxruntime",)  # what predicts: another version may round otherwise
        chosen = ("valid_accuracy",) if objectives is None else objectives
        self.objectives: tuple[Objective, ...] = objectives_of(chosen, column_of)
        self.constraints: tuple[Constraint, ...] = tuple(constraints)
        for constraint in self.constraints:
            column_of(constraint.name)
        self._model = Model(imported)

    def query(self, proposals: Proposals, *, noise_seed: UInt64Array | None) -> Evaluations:
        """Evaluate n proposals; the noise seed changes nothing, see `harness.benchmark.Benchmark.query`.

        Raises
        ------
        HarnessError
            If an architecture is not of the space, or a fidelity is not offered.
        """
        archs = check_proposals(NAME, self.space, proposals, EPOCHS)
        values = Values(self._model, archs, proposals.fidelity + 1)
        return evaluations(proposals, values.column, self.objectives, self.constraints, "train_seconds")


def _imported(name: str, *, check_content: bool = False) -> Imported:
    if name != NAME:
        raise HarnessError(unknown("surrogate benchmark", name, (NAME,)))
    refuse(name)
    return Imported.open(files.cache_folder() / NAME, check_content=check_content)


def open_benchmark(
    name: str = NAME,
    *,
    objectives: Sequence[str | Objective] | None = None,
    constraints: Sequence[Constraint] = (),
    training: int | None = None,
    check_content: bool = False,
) -> SurrogateBenchmark:
    """Open the surrogate; the parameters are those of `benchmarks_data.provider.open_benchmark`.

    Raises
    ------
    HarnessError
        If onnxruntime is not installed; names the extra.
    TableError
        If the files were not imported, or are damaged.
    """
    imported = _imported(name, check_content=check_content)
    return SurrogateBenchmark(imported, objectives=objectives, constraints=constraints, training=training)


def open_oracle(name: str = NAME) -> SurrogateOracle:
    """Open the surrogate's predictions at the last epoch."""
    return SurrogateOracle(_imported(name))


def describe(name: str) -> dict[str, Any]:
    """Say what the surrogate is, as plain data, whether its files are there or not.

    Raises
    ------
    HarnessError
        If the name is another.
    """
    if name != NAME:
        raise HarnessError(unknown("surrogate benchmark", name, (NAME,)))
    space = DARTSSpace()
    folder = files.cache_folder() / NAME
    told = Imported.open(folder).about if Imported.exists(folder) else {}
    return {
        "kind": "benchmark",
        "name": NAME,
        "title": "NAS-Bench-301, surrogate (YAHPO Gym)",
        "dataset": "CIFAR-10: trained on 40,000 images, validated on the other 10,000 of the training set",
        "surrogate": True,
        "rows": None,
        "replicates": "none: every value is predicted by one network and has no seed noise",
        "columns": [asdict(column) for column in COLUMNS.values()],
        "fidelities": [fidelity.label for fidelity in FIDELITIES],
        "has_seconds": True,
        "validation": "valid_accuracy",
        "test": None,
        "licence": "Apache-2.0",
        "citation": 'Pfisterer et al., "YAHPO Gym", AutoML 2022; Siems et al., "Surrogate NAS Benchmarks", ICLR 2022',
        "source": "https://github.com/slds-lmu/yahpo_data (nb301)",
        "imported": bool(told),
        "source_sha256": told.get("sha256"),
        "path": str(folder),
        "space": {"kind": "space", "name": space.name, "description": space.description, **space.facts()},
    }
