"""Transfer: finished trainings of other tables, checked before a run and drawn anew for each replicate.

Strategies that say so (`Takes.prior`) find them in `Problem.prior`: validation results at the full fidelity, answered
under the seed policy of the budget, with the noise of the replicate on each source.  The target itself is never among
them, and neither are test results.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness import registry
from harness.benchmark import Benchmark
from harness.checks import Archs, FloatArray
from harness.errors import HarnessError, must
from harness.experiments.kind import open_benchmark, table_name
from harness.experiments.spec import TransferSpec
from harness.problem import Budget, Prior, Problem
from harness.records import Proposals
from harness.search.beginning import distinct
from harness.search.beside import Paid
from harness.seeding import generator, noise_seed


@dataclass(frozen=True)
class Transfer:
    """What a unit of work says of its sources.

    Attributes
    ----------
    sources, digests : tuple of str
        Names of the benchmarks, and of the content of each.
    rows : int or "all"
    charge : {"free", "amortised", "charged"}
    targets : int
        Among how many benchmarks the cost is shared where it is amortised; else 1.
    """

    sources: tuple[str, ...]
    digests: tuple[str, ...]
    rows: int | str
    charge: str
    targets: int = 1

    @property
    def share(self) -> float:
        """What part of the cost of the sources is taken from the budget."""
        return 0.0 if self.charge == "free" else 1.0 / self.targets


def transfer_to(spec: TransferSpec, target: Benchmark, targets: int, budget: Budget) -> Transfer:
    """Check the sources of a target, and return what its units of work say of them.

    Parameters
    ----------
    spec : TransferSpec
    target : Benchmark
    targets : int
        Benchmarks of the spec.
    budget : Budget

    Raises
    ------
    HarnessError
        If a source is the target, has another space or other objectives, tells test results, is given twice, or has no
        training seconds where these are charged.
    """
    names, digests = list[str](), list[str]()
    for name in spec.sources:
        source = _opened(name, target, budget)
        if source.digest == target.digest:
            if spec.leave_one_out:
                continue
            raise HarnessError(
                f"'{name}' is the target itself: name other tables, or set `leave_one_out = true`, which leaves a "
                "target out of its own sources"
            )
        if source.digest in digests:
            raise HarnessError(f"'{name}' and '{names[digests.index(source.digest)]}' are one table; name it once")
        _check(source, target, spec, budget)
        names.append(name)
        digests.append(source.digest)
    if not names:
        raise HarnessError(f"no source is left for '{target.name}': name at least one other table")
    shared = targets if spec.charge == "amortised" else 1
    return Transfer(tuple(names), tuple(digests), spec.rows, spec.charge, shared)


def _opened(name: str, target: Benchmark, budget: Budget) -> Benchmark:
    """Open a source as its target was; its constraints are those of the target's table and not asked for."""
    return open_benchmark(name, [objective.name for objective in target.objectives], (), budget)


def _check(source: Benchmark, target: Benchmark, spec: TransferSpec, budget: Budget) -> None:
    here, there = target.space, source.space
    if here.name != there.name or here.cardinalities.tolist() != there.cardinalities.tolist():
        providers = registry.providers("benchmark").values()
        fitting = [name for provider in providers for name in provider.searching(here.name)]
        raise HarnessError(
            f"'{source.name}' is of the space '{there.name}', and '{target.name}' of '{here.name}': transfer needs "
            f"tables of one space ({', '.join(fitting) or 'none is known'})"
        )
    ways = [[(item.name, item.direction, item.best) for item in one.objectives] for one in (source, target)]
    if ways[0] != ways[1]:
        raise HarnessError(f"'{source.name}' has other objectives than '{target.name}': {ways[0]}, not {ways[1]}")
    about = registry.describe_benchmark(source.name)
    if about.get("protocol"):
        raise HarnessError(f"'{source.name}' tells test results ({about['protocol']}): sources tell validation alone")
    if spec.charge != "free" and budget.seconds is not None and not source.has_seconds:
        raise HarnessError(
            f"the table '{source.name}' has no training seconds to charge; set `charge = \"free\"`, or give "
            "`budget.evaluations`"
        )
    known = rows_of(source)
    if spec.rows == "all" and known is None:
        raise HarnessError(f"'{source.name}' lists no architectures; give a number of `rows`")
    if isinstance(spec.rows, int) and known is not None and spec.rows > len(known):
        raise HarnessError(must("rows", f"be at most the {len(known):,} that '{source.name}' has", spec.rows))


def rows_of(benchmark: Benchmark) -> Archs | None:
    """Return the architectures that a benchmark lists, (N, L); None where it predicts and lists none."""
    listed: Archs | None = getattr(benchmark, "archs", None)
    return listed


class Sources:
    """The opened sources of a unit of work, from which each replicate draws its prior.

    Parameters
    ----------
    transfer : Transfer
    target : Benchmark
    budget : Budget
        As the unit has it: the passes over validation images that it charges are charged for sources too.
    seed : int
        Root of all random streams.

    Raises
    ------
    HarnessError
        If a table is not the one that the unit names.
    """

    def __init__(self, transfer: Transfer, target: Benchmark, budget: Budget, seed: int) -> None:
        self._transfer, self._space, self._budget, self._seed = transfer, target.space, budget, seed
        self._sources = [_opened(name, target, budget) for name in transfer.sources]
        self._names = [table_name(source) for source in self._sources]
        self._last: dict[int, Prior] = {}
        for source, digest in zip(self._sources, transfer.digests, strict=True):
            if source.digest != digest:
                raise HarnessError(f"the table '{source.name}' changed after the run was prepared; run again")

    def priors(self, replicate: int) -> tuple[tuple[Prior, ...], Paid]:
        """Return what a replicate is told of each source, and what of its budget that cost.

        Trainings that failed, and architectures that the target's table lacks, are paid and not told.
        """
        priors, paid = list[Prior](), Paid()
        for place, source in enumerate(self._sources):
            archs = self._drawn(source, self._names[place], replicate)
            noise = None
            if self._budget.draws:
                noise = np.full(len(archs), noise_seed(self._seed, self._names[place], replicate))
            told = source.query(Proposals.of(archs, len(source.fidelities) - 1), noise_seed=noise)
            share, epochs = self._transfer.share, source.fidelities[-1].epoch
            paid = Paid(
                paid.trainings + share * len(archs),
                paid.seconds + share * float(np.nansum(told.seconds)),
                paid.epochs + share * len(archs) * epochs,
            )
            good = np.isfinite(told.objectives).all(axis=1) & self._space.is_valid(archs)
            new = Prior(self._names[place], archs[good], told.objectives[good], told.seconds[good])
            priors.append(self._shared(place, new))
        return tuple(priors), paid

    def _drawn(self, source: Benchmark, name: str, replicate: int) -> Archs:
        """Return the architectures trained on a source: distinct, the same of all that list the same architectures."""
        space, count, listed = source.space.name, self._transfer.rows, rows_of(source)
        rng = generator(self._seed, "transfer", space if listed is not None else name, replicate)
        if listed is not None:
            return listed if isinstance(count, str) else listed[rng.choice(len(listed), size=count, replace=False)]
        return distinct(source.space, int(count), rng)

    def _shared(self, place: int, new: Prior) -> Prior:
        """Return a prior that is read-only, the one of the replicate before where it is the same."""
        before = self._last.get(place)
        names = ("archs", "objectives", "seconds")
        if before is not None and all(_same(getattr(before, name), getattr(new, name)) for name in names):
            return before
        for name in names:
            getattr(new, name).flags.writeable = False
        self._last[place] = new
        return new


def _same(a: Archs | FloatArray, b: Archs | FloatArray) -> bool:
    return bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))


def informed(problem: Problem, priors: Sequence[Prior]) -> Problem:
    """Return a problem with finished trainings of other tables."""
    return replace(problem, prior=tuple(priors))
