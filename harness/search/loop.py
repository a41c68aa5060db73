"""The loop: ask, look up, simulate, tell; in lockstep over the replicates of a shard.

Everything that keeps results honest and is not the table's business happens here: budget, cost, duplicates, noise,
parallel workers, and the rules that proposals must keep.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from time import perf_counter
from typing import Any

import numpy as np

from harness.benchmark import Benchmark
from harness.checks import Archs, BoolArray, FloatArray, IntArray, UInt64Array
from harness.errors import HarnessError, StrategyError, must
from harness.guard import running
from harness.problem import Budget, Problem
from harness.records import Evaluations, Log, Proposals, Recommended, Run, Trace, immutable
from harness.search.beside import Beside, Paid, signals_of
from harness.search.charging import Charges
from harness.search.cluster import NOTHING, Completions, simulate
from harness.search.mishaps import Mishaps
from harness.seeding import mix64
from harness.strategy import Plan, Strategy
from harness.surrogate import Fit, Look, Predict, serve

_ROUNDING = 1e-12
"""Of a budget of epochs: by so much sums of shares may go beyond it."""
STALLED_AFTER = 10_000
"""Free duplicates in a row after which a run is stopped: it would never end."""


def make_problem(benchmark: Benchmark, budget: Budget, n_workers: int = 1, *, free_signals: bool = False) -> Problem:
    """Return the problem that a benchmark poses under a budget.

    Signals of which nobody knows the cost are free with `free_signals`; see `harness.search.beside.signals_of`.

    Raises
    ------
    HarnessError
        If simulated time is needed and the table has no training seconds; under a budget of epochs alone, several
        workers are timed in epochs there.
    """
    for key, needed, instead in (
        ("budget.seconds", budget.seconds is not None, "budget.evaluations` or `budget.epochs"),
        ("n_workers above 1", n_workers > 1 and budget.epochs is None, "n_workers = 1` or `budget.epochs"),
    ):
        if needed and not benchmark.has_seconds:
            raise HarnessError(
                f"`{key}` needs training seconds, and the table '{benchmark.name}' has none; give `{instead}` instead"
            )
    return Problem(
        benchmark.space,
        benchmark.objectives,
        budget,
        benchmark.constraints,
        benchmark.fidelities,
        n_workers,
        signals_of(benchmark, free=free_signals),
        auxiliary=getattr(benchmark, "auxiliary", ()),
    )


def run_block(
    benchmark: Benchmark,
    problem: Problem,
    strategies: Sequence[Strategy],
    noise_seeds: UInt64Array | None,
    on_step: Callable[[int], None] | None = None,
    mishaps: tuple[Mishaps, UInt64Array] | None = None,
    paid: Sequence[Paid] = (),
) -> tuple[Run, ...]:
    """Run replicates side by side until each has spent its budget.

    Parameters
    ----------
    benchmark : Benchmark
    problem : Problem
        Made by `make_problem` from the same benchmark.
    strategies : sequence of Strategy
        R fresh strategies, one for each replicate.
    noise_seeds : (R,) uint64 or None
        Which training runs of the table answer; None for the policies that draw none.
    on_step : callable, optional
        Called after each step with the evaluations told so far, all replicates together.
    paid : sequence of Paid, optional
        What each replicate has spent before its first evaluation.
    mishaps : (Mishaps, (R,) uint64), optional
        What goes wrong on the simulated cluster, and the noise seeds by which it is drawn.

    Returns
    -------
    tuple of Run
        One for each strategy, which is labelled by the name of its class; replicates are numbered from 0.

    Raises
    ------
    StrategyError
        If a strategy breaks a rule; names the strategy, the replicate, the rule and the value.
    """
    lockstep = _Lockstep(benchmark, problem, strategies, noise_seeds, mishaps, paid)
    while lockstep.active:
        lockstep.step()
        if on_step is not None:
            on_step(lockstep.evaluations)
    return lockstep.runs()


class _Lockstep:
    """State of all replicates; one `step` asks, looks up, simulates and tells."""

    def __init__(
        self,
        benchmark: Benchmark,
        problem: Problem,
        strategies: Sequence[Strategy],
        noise_seeds: UInt64Array | None,
        mishaps: tuple[Mishaps, UInt64Array] | None,
        paid: Sequence[Paid],
    ) -> None:
        count = len(strategies)
        self.benchmark, self.problem, self.strategies = benchmark, problem, strategies
        self.noise_seeds = noise_seeds
        self.guarded = running(f"the strategy {type(strategies[0]).__name__}" if count else "")
        self.cluster = simulate(count, problem.n_workers)
        self.charges = Charges(problem, mishaps)
        self.beside = {"epochs"} if problem.budget.epochs is not None else set[str]()
        self.beside |= {"wasted_seconds", "attempts"} if mishaps is not None else set()
        self.counts_epochs = not benchmark.has_seconds and problem.budget.epochs is not None  # on the simulated clock
        resumable = problem.budget.multi_fidelity == "resumable"
        self.takes_pass = resumable and bool(getattr(benchmark, "validation_pass", False))
        self.told_names = [name for name in Evaluations._names if name != "auxiliary" or problem.auxiliary]
        self.log = Log()
        self.completed: list[Completions] = []
        self.active = list(range(count))
        self.stopped = [""] * count
        self.overhead = [0.0] * count
        self.proposed = [False] * count
        self.free_in_a_row = [0] * count
        self.other = Beside(benchmark, problem, count, paid, in_epochs=self.counts_epochs)
        before = [item.epochs for item in paid] or [0.0] * count
        self.epochs_left = [(problem.budget.epochs or np.inf) - epochs for epochs in before]
        limit = problem.budget.evaluations or 1 << 62
        self.to_start = [max(0, limit - self.other.whole_trainings(replicate)) for replicate in range(count)]
        anew = problem.budget.table_seed == "one_draw_per_query"
        self.queries: IntArray | None = np.zeros(count, dtype=np.int64) if anew else None
        self.evaluations = 0
        self.told = [0] * count
        speaks = count > 0 and type(strategies[0]).recommend is not Strategy.recommend
        self.recommended: list[list[tuple[int, Archs]]] | None = [[] for _ in strategies] if speaks else None
        for strategy in strategies:
            strategy.remembers = speaks

    def step(self) -> None:
        """Advance every active replicate: by one completion, or by all that it has decided if it has one worker."""
        answers = self._ask()
        started = [(replicate, proposals) for replicate, proposals in answers if len(proposals)]
        begun = {replicate for replicate, _ in started}
        for replicate, _ in answers:
            if replicate not in begun and not self.cluster.running(replicate):
                if not self.to_start[replicate]:  # signals took what was left
                    self._stop(replicate, "budget")
                elif not self.proposed[replicate]:
                    self._blame(replicate, "must propose at least one architecture, got none")
                self._stop(replicate, "exhausted")
        for replicate in begun:
            self.proposed[replicate] = True
        if started:
            self._start(started)
        self._tell()
        self.active = [replicate for replicate in self.active if not self.stopped[replicate]]

    def _ask(self) -> list[tuple[int, Proposals]]:
        """Ask each active replicate for what it may start, again while it has more and a worker is idle.

        An empty answer ends the asking; it is the only one that says that the strategy waits.
        """
        answers: list[tuple[int, Proposals]] = []
        asked = {one: min(self.to_start[one], self.cluster.room(one)) for one in self.active}
        while asked := {replicate: room for replicate, room in asked.items() if room}:
            with self.guarded:
                new = self._ask_once(asked)
            answers += new
            if self.problem.n_workers == 1:  # told of each row, or of all that was decided, before it is asked again
                break
            asked = {replicate: asked[replicate] - len(proposals) for replicate, proposals in new if len(proposals)}
        return sorted(answers, key=lambda answer: answer[0])

    def _ask_once(self, asked: dict[int, int]) -> list[tuple[int, Proposals]]:
        """Ask replicates for so many rows each; requests to learn are served as one batch."""
        answers: list[tuple[int, Proposals]] = []
        learning: list[tuple[int, Plan, Fit | Predict | Look]] = []
        for replicate, room in asked.items():
            began = perf_counter()
            strategy = self.strategies[replicate]
            if strategy.decided:
                answers.append((replicate, strategy.take_decided(room)))
            else:
                # One worker runs one row at a time; what is decided beyond it follows in the next step.
                wanted = 1 if self.problem.n_workers == 1 else room
                self._resume(replicate, strategy.asking(wanted), None, answers, learning)
            self.overhead[replicate] += perf_counter() - began
        while learning:
            began = perf_counter()
            served = self._serve(learning)
            resumed, learning = learning, []
            for (replicate, plan, _), answer in zip(resumed, served, strict=True):
                self._resume(replicate, plan, answer, answers, learning)
            for replicate, _, _ in resumed:
                self.overhead[replicate] += (perf_counter() - began) / len(resumed)
        return answers

    def _resume(
        self,
        replicate: int,
        plan: Plan,
        answer: Any,
        answers: list[tuple[int, Proposals]],
        learning: list[tuple[int, Plan, Fit | Predict | Look]],
    ) -> None:
        """Send an answer to a plan: it asks for more learning, or returns proposals."""
        try:
            learning.append((replicate, plan, plan.send(answer)))
        except StopIteration as stop:
            proposals = stop.value
            if len(proposals) > self.to_start[replicate]:  # signals took what was left for them
                proposals = proposals.part(0, self.to_start[replicate])
            answers.append((replicate, proposals))

    def _serve(self, learning: Sequence[tuple[int, Plan, Fit | Predict | Look]]) -> list[Any]:
        """Answer requests: those to learn as one batch, those to read a signal from the benchmark."""
        served = iter(serve([request for _, _, request in learning if not isinstance(request, Look)]))
        answers = list[Any]()
        for replicate, _, request in learning:
            if not isinstance(request, Look):
                answers.append(next(served))
                continue
            before = self.other.whole_trainings(replicate)
            try:
                values, trainings = self.other.look(replicate, request)
            except HarnessError as error:
                self._blame(replicate, str(error))
            answers.append(values)
            now = self.other.whole_trainings(replicate)
            self.to_start[replicate] = max(0, self.to_start[replicate] - (now - before))
            self.epochs_left[replicate] -= trainings * self.problem.fidelities[-1].data_epochs
        return answers

    def _start(self, parts: list[tuple[int, Proposals]]) -> None:
        """Check proposals, look them up, charge them, and put them on the simulated workers."""
        for replicate, proposals in parts:
            self._check_columns(replicate, proposals)
        replicates = np.repeat([replicate for replicate, _ in parts], [len(proposals) for _, proposals in parts])
        batch = Proposals.concatenate([proposals for _, proposals in parts])
        self._check_rows(replicates, batch)
        noise = None if self.noise_seeds is None else self._noise(replicates)
        evaluations = self.benchmark.query(batch, noise_seed=noise)
        passes = self.benchmark.pass_seconds(batch) if self.takes_pass else None  # type: ignore[attr-defined]  # `takes_pass` says so
        waits, clock = self.other.due(replicates), self.cluster.clock(replicates)
        clock = None if clock is None else clock + waits
        bill = self.charges.of_rows(replicates, self._timed(evaluations), clock, passes)
        columns = {name: getattr(evaluations, name) for name in self.told_names}
        if bill.failed.any():
            columns |= {
                name: np.where(bill.failed[:, None], np.nan, columns[name])
                for name in ("objectives", "auxiliary")
                if name in columns
            }
        spent = np.full(len(batch), np.nan) if self.counts_epochs else bill.seconds
        columns |= {"replicate": replicates, "spent": spent, "charged": bill.charged}
        besides = {"epochs": bill.epochs, "wasted_seconds": bill.wasted, "attempts": bill.attempts}
        columns |= {name: besides[name] for name in self.beside}
        duration, charged = np.nan_to_num(bill.duration) + waits, bill.charged
        if self.problem.budget.epochs is not None:
            kept = self._within_epochs(replicates, bill.epochs)
            columns = {name: column[kept] for name, column in columns.items()}
            self._end_epochs(set(replicates[~kept].tolist()), set(replicates[kept].tolist()))
            replicates, duration, charged = replicates[kept], duration[kept], charged[kept]
        rows = self.log.append(columns)
        self.other.note(rows, replicates)
        self.cluster.start(rows, replicates, duration)
        for replicate, count in enumerate(np.bincount(replicates).tolist()):
            if count:
                self.to_start[replicate] = max(0, self.to_start[replicate] - count)
        if not charged.all():
            self._count_free(replicates, charged)

    def _noise(self, replicates: IntArray) -> UInt64Array:
        """Return the noise seed of each row: that of its replicate, or one more for each query of a replicate."""
        assert self.noise_seeds is not None  # noqa: S101  # asked where they are there
        seeds = self.noise_seeds[replicates]
        if self.queries is None:
            return seeds
        before = np.concatenate([np.arange(count) for count in np.unique(replicates, return_counts=True)[1].tolist()])
        seeds = mix64(seeds ^ mix64(self.queries[replicates] + before))
        self.queries += np.bincount(replicates, minlength=len(self.queries))
        return seeds

    def _timed(self, evaluations: Evaluations) -> Evaluations:
        """Return evaluations with the seconds by which the clock runs: epochs, where the table knows no seconds."""
        if not self.counts_epochs:
            return evaluations
        epochs = [item.data_epochs for item in self.problem.fidelities]
        return replace(evaluations, seconds=np.array(epochs)[evaluations.fidelity])

    def _within_epochs(self, replicates: IntArray, epochs: FloatArray) -> BoolArray:
        """Return which rows end within the budget of epochs; a replicate starts nothing after one that does not."""
        kept = np.ones(len(replicates), dtype=bool)
        rounding = _ROUNDING * (self.problem.budget.epochs or 0.0)
        for row, (replicate, cost) in enumerate(zip(replicates.tolist(), epochs.tolist(), strict=True)):
            self.epochs_left[replicate] -= cost
            if self.epochs_left[replicate] < -rounding:
                kept[row] = False
        return kept

    def _end_epochs(self, spent: set[int], starting: set[int]) -> None:
        """Let replicates whose epochs are spent start nothing more; those that nothing runs for are at their end."""
        for replicate in spent:
            self.to_start[replicate] = 0
            if replicate not in starting and not self.cluster.running(replicate):
                self._stop(replicate, "budget")

    def _count_free(self, replicates: IntArray, charged: BoolArray) -> None:
        """Give back the evaluations that free duplicates did not use, and stop runs that only repeat themselves."""
        for replicate, counts in zip(replicates.tolist(), charged.tolist(), strict=True):
            self.to_start[replicate] += not counts
            self.free_in_a_row[replicate] = 0 if counts else self.free_in_a_row[replicate] + 1
            if self.free_in_a_row[replicate] > STALLED_AFTER:
                self._stop(replicate, "stalled")

    def _tell(self) -> None:
        """Advance the simulated clocks and tell what completed within the budget."""
        done = self.cluster.finish()
        deadline = self.problem.budget.seconds
        if deadline is not None:
            in_time = done.finished_seconds <= deadline
            for replicate in np.unique(done.replicates[~in_time]).tolist():
                self._stop(replicate, "budget")
            done = done.take(in_time)
        if not len(done.rows):
            return
        self.completed.append(done)
        self.evaluations += len(done.rows)
        first = np.flatnonzero(np.diff(done.replicates, prepend=-1)).tolist()
        columns = [self.log.column(name, done.rows) for name in self.told_names]  # copies
        if len(first) > 1:  # what one strategy does with its part must not reach what the others are told
            columns = [immutable(column) for column in columns]
        evaluations = Evaluations(*columns)
        told = done.replicates[first].tolist()
        with self.guarded:
            for replicate, start, stop in zip(told, first, [*first[1:], len(done.rows)], strict=True):
                began = perf_counter()
                self.strategies[replicate].tell(evaluations.part(start, stop))
                self.told[replicate] += stop - start
                if self.recommended is not None:
                    self._ask_recommended(replicate, self.recommended[replicate])
                self.overhead[replicate] += perf_counter() - began
        for replicate in told:
            if not self.to_start[replicate] and not self.cluster.running(replicate):
                self._stop(replicate, "budget")

    def _ask_recommended(self, replicate: int, before: list[tuple[int, Archs]]) -> None:
        """Note what a strategy recommends after its last row, where that is something new."""
        space = self.problem.space
        archs = np.array(self.strategies[replicate].recommend(), ndmin=2)
        if not archs.size:
            return
        if archs.ndim != 2 or archs.shape[1] != space.genes or archs.dtype.kind not in "ui":
            rule = f"return integers of shape (k, {space.genes})"
            self._blame(replicate, must("recommend", rule, f"{archs.dtype} of shape {archs.shape}"))
        if not space.is_valid(archs).all():
            self._blame(
                replicate, must("recommend", f"return architectures of the space '{space.name}'", archs.tolist())
            )
        if not before or not np.array_equal(before[-1][1], archs):
            before.append((self.told[replicate] - 1, archs.astype(space.dtype)))

    def _recommended(self, replicate: int) -> Recommended | None:
        if self.recommended is None:
            return None
        said, space = self.recommended[replicate], self.problem.space
        after = np.repeat([row for row, _ in said], [len(archs) for _, archs in said]).astype(np.int64)
        none = np.empty((0, space.genes), dtype=space.dtype)
        return Recommended(after, np.concatenate([none, *[archs for _, archs in said]]))

    def _stop(self, replicate: int, reason: str) -> None:
        self.stopped[replicate] = self.stopped[replicate] or reason

    def _check_columns(self, replicate: int, proposals: Proposals) -> None:
        """Stop a strategy whose arrays cannot be architectures; what needs the values is checked for all at once."""
        archs, genes = proposals.archs, self.problem.space.genes
        if archs.ndim != 2 or archs.shape[1] != genes:
            self._blame(replicate, must("archs", f"have shape (n, {genes})", archs.shape))
        if archs.dtype.kind not in "ui":
            self._blame(replicate, must("archs", "be integers", f"{archs.dtype}: {archs[:1].tolist()}"))
        for name in ("fidelity", "tag"):
            column = getattr(proposals, name)
            if column.dtype.kind not in "ui" or column.ndim != 1:
                self._blame(replicate, must(name, "be an array of integers, (n,)", f"{column.dtype}, {column.shape}"))

    def _check_rows(self, replicates: IntArray, batch: Proposals) -> None:
        """Stop a strategy that proposes what does not exist."""
        count = len(self.problem.fidelities)
        for name, good in (
            ("archs", self.problem.space.is_valid(batch.archs)),
            ("fidelity", (batch.fidelity >= 0) & (batch.fidelity < count)),
        ):
            if not good.all():
                row = int(np.argmin(good))
                rule = (
                    f"be valid in the space '{self.problem.space.name}'" if name == "archs" else f"be in range({count})"
                )
                self._blame(int(replicates[row]), must(name, rule, getattr(batch, name)[row].tolist()))

    def _blame(self, replicate: int, message: str) -> None:
        raise StrategyError(f"strategy {type(self.strategies[replicate]).__name__}, replicate {replicate}: {message}")

    def _log_nothing(self) -> None:
        """Give the log its columns where no row was started: signals took the whole budget."""
        space, zero = self.problem.space, np.zeros(0)
        none = Proposals.of(np.zeros((0, space.genes), dtype=space.dtype), self.problem.full_fidelity)
        told = self.benchmark.query(none, noise_seed=None)
        columns = {name: getattr(told, name) for name in self.told_names}
        columns |= {"spent": zero, "charged": zero.astype(bool)} | dict.fromkeys(self.beside, zero)
        self.log.append(columns)

    def runs(self) -> tuple[Run, ...]:
        """Return what the replicates leave behind; the rows of a trace stand in the order in which they were told."""
        if not len(self.log):
            self._log_nothing()
        done = Completions.concatenate([NOTHING, *self.completed])
        done = done.take(np.argsort(done.replicates, kind="stable"))
        bounds = np.searchsorted(done.replicates, np.arange(len(self.strategies) + 1)).tolist()
        untimed = np.full(len(done), np.nan)
        beside = {name: self.log.column(name, done.rows) for name in sorted(self.beside)}
        beside |= self.other.columns(done.rows, done.replicates)
        whole = Trace(
            **{name: self.log.column(name, done.rows) for name in Proposals._names},
            objectives=self.log.column("objectives", done.rows),
            constraints=self.log.column("constraints", done.rows),
            seconds=self.log.column("spent", done.rows),
            started_seconds=done.started_seconds if self.benchmark.has_seconds else untimed,
            finished_seconds=done.finished_seconds if self.benchmark.has_seconds else untimed,
            worker=done.workers,
            charged=self.log.column("charged", done.rows),
        )
        return tuple(
            Run(
                self.benchmark.name,
                type(strategy).__name__,
                replicate,
                whole.part(start, stop),
                self.stopped[replicate],
                self.overhead[replicate],
                {name: column[start:stop] for name, column in beside.items()},
                self._recommended(replicate),
            )
            for replicate, (strategy, (start, stop)) in enumerate(zip(self.strategies, pairwise(bounds), strict=True))
        )
