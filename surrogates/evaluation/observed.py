"""Covariates of learners beside genes: signals that are read before training, and begun curves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from harness.benchmark import Benchmark
from harness.checks import Archs, FloatArray, IntArray, integer
from harness.errors import HarnessError, must, unknown
from harness.learners.wrapping import Wrapper
from harness.records import Proposals
from harness.search.beside import signals_of, values_of
from harness.surrogate import CurveSurrogate, Surrogate
from surrogates.inputs import Normalisation

ALL = "all"
"""In place of names: all signals."""
KEYS = ("covariates", "curve_epochs")
"""Of a learner in a spec, beside its own settings."""
_LOOKED_AT = 100
"""Architectures by which a column is seen to be recorded at an epoch."""


@dataclass(frozen=True)
class Asked:
    """What a spec asks that a learner sees.

    Attributes
    ----------
    covariates : tuple of str or None
        Names of signals; None for all.
    curve_epochs : int
        Of the curve of every architecture; 0 for none.
    """

    covariates: tuple[str, ...] | None = ()
    curve_epochs: int = 0

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Read `KEYS` of a learner's settings.

        Raises
        ------
        HarnessError
            If one has another form.
        """
        names, epochs = settings.get("covariates", []), settings.get("curve_epochs", 0)
        listed = isinstance(names, list | tuple) and all(isinstance(name, str) for name in names)
        if names != ALL and not (listed and len(set(names)) == len(names)):
            raise HarnessError(must("covariates", f"be '{ALL}', or name signals, each once", names))
        return cls(None if names == ALL else tuple(names), integer("curve_epochs", epochs, low=0))

    def on(self, benchmark: Benchmark, learner: Surrogate) -> Observed:
        """Return what is seen on a benchmark with one objective.

        Raises
        ------
        HarnessError
            If the benchmark has no such signal (names the nearest), records no such epoch, or the learner cannot take
            the columns.
        """
        reads_curves = isinstance(learner, CurveSurrogate)
        name = str(learner) if isinstance(learner, Wrapper) else type(learner).__name__
        if self.covariates != () and not learner.takes_covariates:
            instead = "; give `curve_epochs` instead" if reads_curves else ""
            raise HarnessError(f"`covariates`: {name} takes no covariates but those that it reads itself{instead}")
        if reads_curves and not self.curve_epochs:
            raise HarnessError(f"{name} reads learning curves: say how many epochs by `curve_epochs`")
        if self.curve_epochs and not (reads_curves or learner.takes_covariates):
            raise HarnessError(f"`curve_epochs`: {name} takes no covariates but those that it reads itself")
        return Observed(self._signals(benchmark), self._epochs(benchmark))

    def _signals(self, benchmark: Benchmark) -> tuple[str, ...]:
        """Return names but that of what is predicted, in the order of the table, whatever their order in a spec."""
        if self.covariates == ():
            return ()
        known = [item.name for item in signals_of(benchmark)]
        if not known:
            raise HarnessError(
                f"`covariates` must be left out on '{benchmark.name}', of which nothing can be read before training"
            )
        for name in self.covariates or ():
            if name not in known:
                raise HarnessError(unknown(f"signal of {benchmark.name}", name, known))
        told = [name for name in known if self.covariates is None or name in self.covariates]
        seen = tuple(name for name in told if name != benchmark.objectives[0].name)
        if not seen:
            rule = f"name more than '{told[0]}' on '{benchmark.name}', where that is what is predicted"
            raise HarnessError(must("covariates", rule, ALL if self.covariates is None else list(self.covariates)))
        return seen

    def _epochs(self, benchmark: Benchmark) -> tuple[int, ...]:
        if not self.curve_epochs:
            return ()
        full = benchmark.fidelities[-1]
        begun = [index for index in training(benchmark) if benchmark.fidelities[index].epoch <= self.curve_epochs]
        if not training(benchmark):
            raise HarnessError(
                f"`curve_epochs` must be left out on '{benchmark.name}', which records the end of trainings alone"
            )
        if self.curve_epochs >= full.epoch:
            rule = f"be less than {full.epoch}, where trainings of '{benchmark.name}' end"
            raise HarnessError(must("curve_epochs", rule, self.curve_epochs))
        archs = getattr(benchmark, "archs", None)
        if archs is None:
            archs = benchmark.space.sample(_LOOKED_AT, np.random.default_rng(0))
        seen = curves(benchmark, np.asarray(archs)[:_LOOKED_AT], begun, None)
        known = [index for index, column in zip(begun, seen.T, strict=True) if np.isfinite(column).any()]
        if not known:
            first = benchmark.fidelities[training(benchmark)[0]].epoch
            rule = f"reach an epoch at which '{benchmark.name}' records the column, of which the first is {first}"
            raise HarnessError(must("curve_epochs", rule, self.curve_epochs))
        return tuple(benchmark.fidelities[index].epoch for index in known)


def training(benchmark: Benchmark) -> list[int]:
    """Return the fidelities that the full training goes through before its end, by their indices."""
    full = benchmark.fidelities[-1]
    return [
        index
        for index, one in enumerate(benchmark.fidelities)
        if one.training == full.training and one.epoch < full.epoch
    ]


def curves(benchmark: Benchmark, archs: Archs, fidelities: list[int], seeds: np.uint64 | None) -> FloatArray:
    """Return results at fidelities, lower is better, NaN where a training has none: (n, L) to (n, e)."""
    noise = None if seeds is None else np.full(len(archs), seeds)
    columns = [
        benchmark.query(Proposals.of(archs, fidelity), noise_seed=noise).objectives[:, 0] for fidelity in fidelities
    ]
    return np.stack(columns, axis=1) if columns else np.zeros((len(archs), 0))


@dataclass(frozen=True)
class Observed:
    """What a learner sees on a benchmark beside genes.

    Attributes
    ----------
    signals : tuple of str
    epochs : tuple of int
        Epochs of the curve, ascending.
    """

    signals: tuple[str, ...] = ()
    epochs: tuple[int, ...] = ()

    def reader(self, learner: Surrogate, benchmark: Benchmark) -> Surrogate:
        """Return the learner that reads what is seen: one of curves knows their epochs and bounds."""
        if not isinstance(learner, CurveSurrogate):
            return learner
        end = benchmark.fidelities[-1].epoch
        return learner.over(np.array([*self.epochs, end], dtype=np.float64), benchmark.objectives[0].bounds)

    def columns(self, benchmark: Benchmark, archs: Archs, noise_seed: np.uint64) -> FloatArray | None:
        """Return signals, then the curve of one training of each architecture: (n, L) to (n, e); None without any.

        Values are such that lower is better, or thought to be, and NaN where the table lacks them.

        Parameters
        ----------
        archs : (n, L) unsigned integers
        noise_seed : uint64
            Draws the trainings: those of labels where it is theirs.
        """
        if not self.signals and not self.epochs:
            return None
        known = {item.name: item for item in signals_of(benchmark)}
        read = [values_of(benchmark, known[name], archs) for name in self.signals]
        at = [index for index in training(benchmark) if benchmark.fidelities[index].epoch in self.epochs]
        begun = curves(benchmark, archs, at, noise_seed)
        return np.concatenate([np.array(read, dtype=np.float64).reshape(-1, len(archs)).T, begun], axis=1)

    def facts(self, benchmark: Benchmark) -> dict[str, Any]:
        """Return what is seen and what it costs for each architecture, as plain data; empty without any.

        ``signals`` are seconds by name, None where nobody measured them; ``epochs`` those trained, ``schedule`` those
        of a full training.
        """
        seconds = {item.name: item.seconds for item in signals_of(benchmark)}
        facts: dict[str, Any] = {}
        if self.signals:
            facts["signals"] = {name: seconds[name] for name in self.signals}
        if self.epochs:
            facts |= {"epochs": self.epochs[-1], "schedule": benchmark.fidelities[-1].epoch}
        return facts


def given(learner: Surrogate, columns: FloatArray | None, rows: IntArray) -> FloatArray | None:
    """Return columns as a learner takes them, (n, e): made alike by the rows learnt from, if it does not do that."""
    if columns is None or learner.normalises or isinstance(learner, CurveSurrogate):
        return columns
    return Normalisation.of(columns[rows]).apply(columns)
