"""Benchmarks, which answer queries, oracles, which know the held-out truth, and providers, which open both by name.

A Benchmark can only tell validation results.  An Oracle is opened by `registry.oracle(name)`, which only reports and
verification may import.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from harness.checks import Archs, FloatArray, UInt64Array
from harness.digests import later
from harness.errors import HarnessError
from harness.problem import Constraint, Fidelity, Objective
from harness.records import Evaluations, Proposals
from harness.space import SearchSpace


class Common(Protocol):
    """What a benchmark and its oracle both say of themselves."""

    @property
    def name(self) -> str:
        """Registered name."""

    @property
    def space(self) -> SearchSpace:
        """What is searched."""

    @property
    def digest(self) -> str:
        """SHA-256 of the content."""

    @property
    def has_seconds(self) -> bool:
        """Whether training seconds exist."""


class Benchmark(Common, Protocol):
    """Answers proposals with validation results; pure: equal questions get equal answers, in any order or batch.

    Attributes
    ----------
    name : str
        Registered name, for example ``"nb201-cifar10"``.
    space : SearchSpace
    objectives : tuple of Objective
        What `Evaluations.objectives` holds, m columns.
    constraints : tuple of Constraint
        What `Evaluations.constraints` holds, c columns.
    fidelities : tuple of Fidelity
        From cheap to full.
    digest : str
        SHA-256 of the table's content, hexadecimal; part of the digest of results.
    has_seconds : bool
        Whether the table knows training seconds; without them a time budget is refused.
    table_name : str, optional
        The table's own name where `name` is the path of its file; random streams are addressed by it.
    validation_pass : bool, optional
        Whether `Evaluations.seconds` have a pass over the validation images in them, whose time the table records; set
        to False, before anything is asked, to be told the seconds of training alone.  Where it can be True there is a
        method ``pass_seconds(proposals)``, (n,) float64: what of the seconds is that pass, which a training that is
        continued takes anew.
    cheapest_seconds : callable, optional
        ``cheapest_seconds(fidelity)`` returns the least seconds of any evaluation at a fidelity, by its index.
    archs : (N, L) unsigned integers, optional
        The architectures that it lists; what predicts has none.
    signals : tuple of Signal, optional
        What can be read of architectures before any training; the default is what the space knows in closed form.
        With it comes a method ``look(signal, archs)``, (n,) float64: one of them, by its name, as it is published.
    auxiliary : tuple of Objective, optional
        What `Evaluations.auxiliary` holds, a columns; the default is none.
    libraries : tuple of str, optional
        Installed packages on which the answers depend, beyond numpy; their versions are part of the digest of results.
    trains : bool, optional
        Whether it trains what it is asked (default: no); then it is asked about what strategies propose and nothing
        else, and has a method ``violations(archs)``, (n, c) float64: those of constraints whose columns are known
        before training, NaN of the others.
    """

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """Columns to optimise, m."""

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        """Bounds to keep, c."""

    @property
    def fidelities(self) -> tuple[Fidelity, ...]:
        """From cheap to full."""

    def query(self, proposals: Proposals, *, noise_seed: UInt64Array | None) -> Evaluations:
        """Evaluate proposals.

        Parameters
        ----------
        proposals : Proposals
            n valid architectures of `space`; `Proposals.fidelity` indexes `fidelities`.
        noise_seed : (n,) uint64 or None
            For each row, the seed that draws the table's training run: hash(noise seed, table row, training schedule)
            picks among the runs present.  None: the mean over the runs.
        """


def trains(benchmark: Benchmark) -> bool:
    """Say whether a benchmark trains what it is asked, so that nothing but proposals may be asked."""
    return bool(getattr(benchmark, "trains", False))


@dataclass(frozen=True)
class Column:
    """What one column of a table is.

    Attributes
    ----------
    name : str
        For example ``"test_accuracy"``.
    unit : str
        For example ``"percent"``, ``"s"``, ``"M"``.
    direction : {"maximise", "minimise"}
        Which way is better.
    split : str
        What it was evaluated on: ``"train"``, ``"x-valid"``, ``"x-test"``, ``"ori-test"``, ``"valid+test"``, or ``""``
        for a cost.
    trained_on : str
        Which images the model saw: ``"train25k"``, ``"train50k"``, ``"full"``, or ``""`` for a cost.
    held_out : bool
        Whether strategies may never be told it.
    best : float or None
        The best value that can be thought of, in `unit`.
    description : str
        One sentence for `describe`.
    at : tuple of int
        Indices of the table's fidelities at which it was measured; empty for all of them, or where it does not change
        in training.
    device : str
        Of a latency, an energy or a throughput: where it was measured; "" where that does not matter or is not known.
    batch : int
        Images in one pass of that measurement; 0 where it is not known.
    """

    name: str
    unit: str
    direction: str
    split: str = ""
    trained_on: str = ""
    held_out: bool = False
    best: float | None = None
    description: str = ""
    at: tuple[int, ...] = ()
    device: str = later("")
    batch: int = later(0)


@dataclass(frozen=True)
class Optimum:
    """The best architecture of a table by the mean over its training runs.

    Attributes
    ----------
    value : float
        In the column's published unit and direction.
    arch : (L,) unsigned integers
    row : int
        Of the table.
    """

    value: float
    arch: Archs
    row: int


class Oracle(Common, Protocol):
    """Knows every column of a table, held-out ones included, at the full fidelity.

    All values are in the column's published unit and direction (accuracies in percent, higher is better).

    Attributes
    ----------
    name, space, digest
        As in `Benchmark`.
    columns : mapping of str to Column
    validation : str
        The column that the default objective reads.
    test : str or None
        The held-out column that reports judge by; None where the table has none.
    table_name : str, optional
        The table's own name where `name` is the path of its file.
    seconds : str, optional
        The column of what a training costs, where there is one.
    unit_seconds : float or None, optional
        The mean of that column over the space, where it is known of what has no row; see `harness.judging.ledger`.
    reference : str, optional
        Of a surrogate, whose space is not listed: how the architectures that `values` speaks of were found.
    """

    @property
    def columns(self) -> Mapping[str, Column]:
        """Every column by name."""

    @property
    def validation(self) -> str:
        """The column of the default objective."""

    @property
    def test(self) -> str | None:
        """The held-out column reports judge by."""

    def mean(self, archs: Archs, column: str) -> FloatArray:
        """Return the mean over the training runs that exist: (n, L) to (n,)."""

    def trainings(self, archs: Archs, column: str) -> FloatArray:
        """Return every training run, NaN where one was not made: (n, L) to (n, s)."""

    def values(self, column: str) -> FloatArray:
        """Return the mean of every row of the table, in table order: (N,)."""

    def optimum(self, column: str) -> Optimum:
        """Return the best row of the table by `values`; ties go to the first row."""


SUMMARY = ("title", "imported", "space", "rows", "validation", "test", "has_seconds")
"""What a list of benchmarks shows of each; the space by its name."""


def summarised(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return of the facts of a benchmark those of `SUMMARY`."""
    space = facts.get("space")
    named = {"space": space["name"]} if isinstance(space, Mapping) else {}
    return {key: facts[key] for key in SUMMARY if key in facts} | named


class BenchmarkProvider(ABC):
    """Opens benchmarks by name, or by the path of a file: an object of the entry-point group ``harness.benchmarks``.

    A provider is asked for its names often and opens seldom: what is slow to import belongs into `open` and `oracle`.
    """

    @abstractmethod
    def names(self) -> Sequence[str]:
        """Return every name that can be opened or described; without dots, slashes and colons."""

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def reads(self, path: Path) -> bool:
        """Say by its content whether a file is for this provider; then its path is a name like any other."""
        return False

    def refusal(self, path: Path) -> str:
        """Return what to say of a path that no provider reads, where this one knows a remedy; else ""."""
        return ""

    @abstractmethod
    def open(
        self,
        name: str,
        *,
        objectives: Sequence[str] | None,
        constraints: Sequence[Constraint],
        training: int | None,
        check_content: bool,
    ) -> Benchmark:
        """Open a benchmark, whose `name` can be set; the parameters are those of `harness.registry.benchmark`.

        One that can tell columns beside the objectives takes ``auxiliary`` too, one whose trainings have seeds
        ``seed``, and one with several schedules of training ``schedule``.
        """

    @abstractmethod
    def oracle(self, name: str) -> Oracle:
        """Open the held-out truth of a benchmark."""

    @abstractmethod
    def describe(self, name: str) -> dict[str, Any]:
        """Say what a benchmark is, as plain data.

        At least ``kind`` ("benchmark"), ``name``, ``title`` and ``space`` (its name, or a mapping that holds ``name``);
        ``imported`` is False where its files are not there, ``surrogate`` True where it predicts, ``protocol`` the text
        of the protocol it is searched under, ``training`` how its networks are trained.
        """

    def summary(self, name: str) -> dict[str, Any]:
        """Say of a benchmark what a list of all shows: those of `SUMMARY` that `describe` has, as it says them.

        Of `describe` by itself; a provider of many benchmarks works out no more than this.
        """
        return summarised(self.describe(name))

    def searching(self, space: str) -> Sequence[str]:
        """Return the names of the benchmarks on a search space; opens none."""
        return ()

    def write(self, path: Path, **facts: Any) -> None:
        """Write trained architectures as a table that it reads; see `benchmarks_data.file.recorded.write`."""
        raise HarnessError(f"{type(self).__name__} writes no tables")
