"""A live benchmark, which trains what it is asked, and its oracle, which knows what was trained.

Nothing else distinguishes it from a table: noise draws one of a fixed number of seeds, simulated seconds are
multiply-adds at a stored rate, and what was trained once is never trained again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import cached_property
from typing import Any

import numpy as np

from benchmarks_data.file.problem import objectives_of
from benchmarks_data.file.trainings import mean_over_trainings
from benchmarks_data.grown.oracle import Finished, GrownOracle
from benchmarks_data.importers.parts import cost, score
from benchmarks_data.live.entries import Live, live
from benchmarks_data.live.trained import TOLD, Trained
from benchmarks_data.predicted.answers import check_proposals, evaluations
from harness.benchmark import Column
from harness.checks import Archs, FloatArray, IntArray, UInt64Array, arch_matrix, integer
from harness.errors import HarnessError, TableError, must, typed, unknown
from harness.guard import refuse
from harness.problem import Constraint, Objective
from harness.records import Evaluations, Proposals
from harness.seeding import mix64
from harness.spaces import named
from harness.spaces.enumerated import EnumeratedSpace
from harness.training.ensemble import EnsembleResult

SECONDS, TEST = "train_seconds", "test_accuracy"
KNOWN = (SECONDS, "params_m", "macs_m")
"""Columns that need no training."""
MOST = 20_000
"""Trainings that one question may ask for: what wants more means to look at a whole space."""
_CPU_RATE = 3e10
"""Multiply-adds per second of a CPU core, for the estimate in a refusal."""
_HALF = np.uint64(32)


class LiveBenchmark:
    """Answers proposals by training them; see `harness.benchmark.Benchmark` for the protocol.

    A noise seed draws one of the seeds of a training: hash(noise seed, architecture, length of the schedule), the same
    for every epoch of that training; without one, all seeds are trained and their mean is told.

    Parameters
    ----------
    trained : Trained
    objectives : sequence of str or Objective, optional
        Columns to optimise; the default is the validation column.
    constraints : sequence of Constraint
    training : int, optional
        Always answer with this training, counted among the seeds, instead of drawing one.
    seed : int, optional
        Always answer with the training of this seed, one of the benchmark's or another.

    Attributes
    ----------
    trains : bool
        True: nobody asks it about architectures that no strategy proposed.
    """

    trains = True
    has_seconds = True
    libraries = ("torch",)

    def __init__(
        self,
        trained: Trained,
        *,
        objectives: Sequence[str | Objective] | None = None,
        constraints: Sequence[Constraint] = (),
        training: int | None = None,
        seed: int | None = None,
    ) -> None:
        entry = trained.live
        self._trained, self._live = trained, entry
        self.name = self.table_name = entry.name
        self.space = trained.space
        self.digest = entry.digest
        self.fidelities = entry.fidelities
        self._columns = {name: column for name, column in columns_of(entry).items() if not column.held_out}
        self.objectives: tuple[Objective, ...] = objectives_of(
            ("valid_accuracy",) if objectives is None else objectives, self._column
        )
        self.constraints: tuple[Constraint, ...] = tuple(constraints)
        for constraint in self.constraints:
            self._column(constraint.name)
        self._seeds = [np.array(offer.setup.seeds) for offer in entry.trainings]
        self._training_of = np.array(entry.training_of)
        self._schedules = mix64([fidelity.schedule for fidelity in entry.fidelities])
        if training is not None and seed is not None:
            raise HarnessError(must("seed", "be left out where `training` chooses", seed))
        if training is not None:
            fewest = min(map(len, self._seeds))
            place = integer("training", training, low=0, high=fewest - 1)
            self._seeds = [seeds[place : place + 1] for seeds in self._seeds]
        if seed is not None:
            self._seeds = [np.array([integer("seed", seed, low=0)])] * len(self._seeds)

    def _column(self, name: str) -> Column:
        if name == TEST:
            raise HarnessError(f"the column '{name}' of {self.name} is held out: only reports may look at it")
        if name not in self._columns:
            raise HarnessError(unknown(f"column of {self.name}", name, self._columns))
        return self._columns[name]

    def query(self, proposals: Proposals, *, noise_seed: UInt64Array | None) -> Evaluations:
        """Evaluate n proposals, training what was not trained before; see `harness.benchmark.Benchmark.query`.

        Raises
        ------
        HarnessError
            If an architecture is not of the space, a fidelity or a noise seed is not what it must be, or more than
            `MOST` trainings are asked for.
        """
        refuse(self.name)
        archs = check_proposals(self.name, self.space, proposals, len(self.fidelities))
        n, fidelity = len(archs), np.asarray(proposals.fidelity, dtype=np.int64)
        keys = self._trained.canonical(archs)[1]
        rows, seeds = self._asked(keys, fidelity, noise_seed)
        if len(rows) > MOST:
            rule = f"ask for at most {MOST:,} trainings at once"
            raise HarnessError(f"a question to {self.name} must {rule}, got {len(rows):,}: it trains what it is asked")
        told = self._trained.values(archs[rows], fidelity[rows], seeds)
        most = int(np.bincount(rows, minlength=1).max()) if n else 1
        apart = np.full((n, most, len(TOLD)), np.nan)
        apart[rows, np.arange(len(rows)) - np.searchsorted(rows, rows)] = told
        values = mean_over_trainings(apart)

        def column(name: str) -> FloatArray:
            if name == SECONDS:
                return self._trained.seconds(values[:, TOLD.index("macs_m")], fidelity)
            return values[:, TOLD.index(name)]

        return evaluations(proposals, column, self.objectives, self.constraints, SECONDS)

    def _asked(
        self, keys: UInt64Array, fidelity: IntArray, noise_seed: UInt64Array | None
    ) -> tuple[IntArray, IntArray]:
        """Return which row each training is for, rising, and its seed: (k,) each."""
        choices = [self._seeds[place] for place in self._training_of[fidelity].tolist()]
        if noise_seed is None:
            rows = np.repeat(np.arange(len(keys)), [len(seeds) for seeds in choices])
            return rows, np.concatenate([np.empty(0, dtype=np.int64), *choices])
        drawn = np.asarray(noise_seed)
        if drawn.shape != (len(keys),) or drawn.dtype != np.uint64:
            raise HarnessError(
                must("noise_seed", f"be uint64 of shape ({len(keys)},)", f"{drawn.dtype} of shape {drawn.shape}")
            )
        words = mix64(mix64(keys) + drawn + self._schedules[fidelity]) >> _HALF
        counts = np.array([len(seeds) for seeds in choices], dtype=np.uint64)
        places = (words * counts >> _HALF).astype(np.int64).tolist()
        seeds = np.array([seeds[place] for seeds, place in zip(choices, places, strict=True)], dtype=np.int64)
        return np.arange(len(keys)), seeds

    def violations(self, archs: Archs) -> FloatArray:
        """Return the violations of constraints that are known before training, (n, c); NaN of the others."""
        known = self._trained.costs(self._trained.canonical(archs)[0])
        unknown_yet = np.full(len(archs), np.nan)
        columns = [item.violation(known.get(item.name, unknown_yet)) for item in self.constraints]
        return np.stack(columns, axis=1) if columns else np.empty((len(archs), 0))

    def cheapest_seconds(self, fidelity: int) -> float:
        """Return the least seconds of an evaluation at a fidelity, of all of the space or of a thousand at random."""
        space, rng = self.space, np.random.default_rng(0)
        archs = space.all_codings if isinstance(space, EnumeratedSpace) else space.sample(1000, rng)
        macs = self._trained.costs(self._trained.canonical(archs[space.is_valid(archs)])[0])["macs_m"]
        return float(self._trained.seconds(macs.min(keepdims=True), np.array([fidelity]))[0])


class LiveOracle(GrownOracle):
    """Knows what a live benchmark has trained in full, and what any training costs; see `GrownOracle`."""

    test = TEST
    validation = "valid_accuracy"
    seconds = SECONDS
    has_seconds = True

    def __init__(self, trained: Trained) -> None:
        entry = trained.live
        self._trained = trained
        self.name = self.table_name = entry.name
        self.space, self.digest = trained.space, entry.digest
        self.columns = columns_of(entry)
        _ = self.finished  # what is not there is told now

    @cached_property
    def unit_seconds(self) -> float | None:
        """The mean of a full training over a thousand architectures at random; None where all can be listed."""
        if isinstance(self.space, EnumeratedSpace):
            return None
        archs = self.space.sample(1000, np.random.default_rng(0))
        return float(self._trained.known(archs)[SECONDS].mean())

    def _keys(self, archs: Archs) -> UInt64Array:
        return self._trained.canonical(archs)[1]

    def _load(self) -> Finished:
        trained = self._trained
        rows = trained.grown.rows(held_out=True) if (trained.folder / "identity.json").exists() else None
        rows = None if rows is None else rows.take(np.flatnonzero(rows.fidelities == len(trained.live.fidelities) - 1))
        if rows is None or not len(rows):
            raise TableError(
                f"no full training of {self.name} is kept in '{trained.folder}': a live benchmark is judged by what"
                f" was trained; run the spec again on this machine, `{typed('run', 'SPEC.toml')}`, or copy the folder"
            )
        told = np.concatenate([rows.values, rows.held_out], axis=1)
        columns = dict(zip((*TOLD, TEST), told.T, strict=True))
        return Finished.of(rows, columns | {SECONDS: trained.seconds(columns["macs_m"], rows.fidelities)})

    @property
    def reference(self) -> str:
        """What values are compared with."""
        return f"the best of {len(self.archs):,} architectures that were trained"

    def rows(self, archs: Archs) -> IntArray:
        """Return the row that answers for each architecture: (n, L) to (n,); raises HarnessError if there is none."""
        found = self._found(archs)
        if None in found:
            text = self.space.format(archs[found.index(None)][None])[0]
            raise HarnessError(f"{self.name} was never asked to train {text} in full")
        return np.array(found, dtype=np.int64)

    def mean(self, archs: Archs, column: str) -> FloatArray:
        """Return as `GrownOracle.mean`; what costs of time and size are is known of all, trained or not."""
        if column in KNOWN:
            refuse(self.name)
            return self._trained.known(arch_matrix("archs", archs, self.space.genes))[column]
        return super().mean(archs, column)

    def ensemble(self, archs: Archs) -> EnsembleResult | None:
        """Return the greedy ensemble of all full trainings of architectures, (n, L), beside the best single one.

        Its members are rows of `archs` of this oracle, and seeds.  None where predictions of fewer than two are kept.
        """
        found = self._found(archs)
        keys = self._keys(archs).tolist()
        rows = {key: row for key, row in zip(keys, found, strict=True) if row is not None}
        return self._trained.predictions.ensemble(rows)


def columns_of(entry: Live) -> dict[str, Column]:
    """Return the columns of a live benchmark, held-out ones included."""
    last = len(entry.fidelities) - 1
    columns = (
        score("valid_accuracy", "x-valid", "full", "Validation accuracy after each epoch."),
        score("train_accuracy", "train", "full", "Accuracy on the epoch's own batches, as they were trained on."),
        score(TEST, "x-test", "full", "Test accuracy of the same models after the last epoch.", (last,)),
        cost(SECONDS, "s", f"Multiply-adds at {entry.multiply_adds_per_second:g} a second, whatever it really took."),
        cost("params_m", "M", "Trainable parameters, in closed form."),
        cost("macs_m", "M", "Multiply-adds, in closed form."),
    )
    return {column.name: column for column in columns}


def open_benchmark(
    name: str,
    *,
    objectives: Sequence[str | Objective] | None = None,
    constraints: Sequence[Constraint] = (),
    training: int | None = None,
    seed: int | None = None,
) -> LiveBenchmark:
    """Open a live benchmark; the parameters are those of `benchmarks_data.provider.Tables.open`.

    Raises
    ------
    HarnessError
        If its trainings need a GPU that is not there.
    """
    refuse(name)
    entry = live(name)
    check_device(entry)
    opened = LiveBenchmark(Trained(entry), objectives=objectives, constraints=constraints, training=training, seed=seed)
    opened.name = name  # so that it can be opened again, by its path too
    return opened


def check_device(entry: Live) -> None:
    """Refuse trainings of hours on a CPU, with the estimate."""
    if entry.device == "cpu":
        return
    from harness.training.devices import choose_device  # brings torch

    with suppress(HarnessError):
        choose_device(entry.device)
        return
    space = named.space(entry.space)
    archs = space.sample(1000, np.random.default_rng(0))
    seconds = Trained(entry).known(archs)[SECONDS]
    hours = float(seconds.mean()) * entry.multiply_adds_per_second / _CPU_RATE / 3600
    raise HarnessError(
        f"{entry.name} trains on a CUDA device, and torch finds none: on a CPU core one of its networks would take"
        f" about {hours:.2g} hours; run it on a machine with a GPU, or search live-mnist1d-nb201, which takes about a"
        " second a network"
    )


def open_oracle(name: str) -> LiveOracle:
    """Open what a live benchmark has trained, held-out results included."""
    refuse(name)
    opened = LiveOracle(Trained(live(name)))
    opened.name = name
    return opened


def summary(name: str) -> dict[str, Any]:
    """Say of a live benchmark what a list of all shows, as `describe` does."""
    entry = live(name)
    return {
        "title": entry.title,
        "imported": True,
        "space": named.space(entry.space).name,
        "rows": None,
        "validation": "valid_accuracy",
        "test": TEST,
        "has_seconds": True,
    }


def describe(name: str) -> dict[str, Any]:
    """Say what a live benchmark is, and what of it is trained here, as plain data."""
    entry = live(name)
    trained = Trained(entry)
    rows = trained.grown.rows() if (trained.folder / "identity.json").exists() else None
    finished = 0 if rows is None else len(set(zip(rows.keys.tolist(), rows.seeds.tolist(), strict=True)))
    setup = entry.full.setup
    return {
        "kind": "benchmark",
        "name": name,
        "title": entry.title,
        "dataset": entry.dataset,
        "live": True,
        "level": entry.level,
        "device": entry.device,
        "rows": None,
        "trained_here": finished,
        "real_seconds": 0.0 if rows is None else float(rows.real_seconds.sum()),
        "replicates": f"noise draws one of the seeds {', '.join(map(str, setup.seeds))} for each architecture",
        "columns": [asdict(column) for column in columns_of(entry).values()],
        "fidelities": [fidelity.label for fidelity in entry.fidelities],
        "has_seconds": True,
        "validation": "valid_accuracy",
        "test": TEST,
        "licence": "your own measurements",
        "citation": "",
        "source": "trained when it is asked for",
        "training": setup.as_dict(),
        "imported": True,
        "sha256": entry.digest,
        "path": str(trained.folder),
        "space": named.describe(trained.space),
    }
