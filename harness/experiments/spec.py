"""The spec of an experiment: frozen dataclasses that hold its keys, defaults and rules; `schema` reads them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, is_dataclass, replace
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from harness.checks import choice, integer, real
from harness.digests import identity, later
from harness.errors import HarnessError, SpecError, must, unknown
from harness.experiments.families import ScalingSpec
from harness.experiments.prediction import PredictionSpec
from harness.judging.incumbent import RULES
from harness.names import read
from harness.printable import printable
from harness.problem import Budget, Constraint
from harness.search.mishaps import Mishaps

if TYPE_CHECKING:
    pass

STORED_KEY = "replicates_per_cell"
"""How manifests spell `replicates_per_shard`, and what specs may still write."""
CHARGES = ("free", "amortised", "charged")
"""What finished trainings of other tables cost: nothing (they are there); their share, each target paying as much as
every other; or all that they took."""
MOST = {"replicates": 10**6, "replicates_per_shard": 10**6, "n_workers": 10**5, "seed": 2**128 - 1}
"""The largest value of each count of a spec."""
MOST_IN_ALL = {"runs": 10**6, "shards": 10**5, "evaluations": 10**8, "simulated workers": 10**7}
"""Of a spec: runs and shards; of one shard: evaluations and simulated workers, all its replicates together."""
LONGEST_LABEL = 100
"""Letters of a strategy's label."""
SUPERNET = "supernet"
"""Name of the kind of work that trains supernets, of specs whose budget names `supernet_epochs`."""
KNOWN_CONSTRAINTS = ("kept", "told")
"""What becomes of constraints that are known before training: nothing that breaks them is trained; or it is told."""
DEVICES = ("cpu", "cuda")
"""Device classes on which learners compute; part of the digest."""


def plain_data(record: Any) -> dict[str, Any]:
    """Return a spec or a unit of work as what JSON can hold: lists for tuples, text for constraints."""
    texts: dict[str, Any] = {"constraints": [str(constraint) for constraint in record.constraints]}
    if getattr(record, "deployments", ()):
        texts["deployments"] = [plain_data(item) for item in record.deployments]
    plain: dict[str, Any] = json.loads(json.dumps(identity(record) | texts))
    return plain


@dataclass(frozen=True)
class WarmUp:
    """A beginning with the best architectures of a random pool by a column that is read before any training.

    Attributes
    ----------
    signal : str
        One of `Problem.signals`.
    pool : int
        Random architectures of which it is read; each costs the signal's seconds.
    keep : int
        How many of them take the place of the first architectures that the strategy would have drawn at random.
    best : {"", "highest", "lowest"}
        Which values are thought to be good; "" for what the signal's direction says.
    """

    signal: str
    pool: int = 1000
    keep: int = 10
    best: str = ""

    def __post_init__(self) -> None:
        integer("warm_up.pool", self.pool, low=1, high=MOST["replicates"])
        integer("warm_up.keep", self.keep, low=1, high=self.pool)
        choice("warm_up.best", self.best, ("", "highest", "lowest"))


@dataclass(frozen=True)
class StrategySpec:
    """A strategy as a spec names it.

    Attributes
    ----------
    name : str
        Registered name, or ``"path/to/file.py:Class"``.
    label : str
        How reports call it; one strategy may appear twice under two labels.  Where none is given, its name, and of a
        file the name of its class.
    hyperparameters : mapping
        Given ones; the others take the strategy's defaults.
    surrogate : mapping or None
        ``name``, ``encoding`` and hyperparameters of the learner, and `harness.learners.settings.SETTINGS`; None for
        the strategy's default.
    warm_up : WarmUp or None
        Where the strategy does not begin at random.
    """

    name: str
    label: str = ""
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    surrogate: Mapping[str, Any] | None = None
    warm_up: WarmUp | None = later(None)

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", self.label or read(self.name).own)


@dataclass(frozen=True)
class Deployment:
    """A place where the network is to run, and the bounds that it sets there.

    Attributes
    ----------
    name : str
        How pages call it: letters, digits, blanks, ``.``, ``_`` and ``-``.
    constraints : tuple of Constraint
        On columns of the benchmarks, for example ``latency_seconds <= 0.0148``, beside those of the whole spec; none
        for what is not bound.
    benchmarks : tuple of str
        Those of the spec that are searched for it; empty for all of them.
    """

    name: str
    constraints: tuple[Constraint, ...]
    benchmarks: tuple[str, ...] = later(())

    def __post_init__(self) -> None:
        object.__setattr__(self, "constraints", tuple(self.constraints))
        object.__setattr__(self, "benchmarks", tuple(self.benchmarks))
        if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9 ._-]*[A-Za-z0-9._-])?", self.name) or len(self.name) > 40:
            rule = "be at most 40 letters, digits, blanks, '.', '_' and '-', and begin with a letter or digit"
            raise HarnessError(must("name of a deployment", rule, self.name))


@dataclass(frozen=True)
class Task:
    """What a search is for: a benchmark, under the bounds of a deployment where a spec has any.

    Attributes
    ----------
    benchmark : str
    constraints : tuple of Constraint
        Those of the spec, then those of the deployment.
    deployment : str
        Its name; "" where there is none.
    """

    benchmark: str
    constraints: tuple[Constraint, ...] = ()
    deployment: str = ""

    @property
    def name(self) -> str:
        """Name of the task in manifests and results; that of the benchmark where there is no deployment."""
        return task_name(self.benchmark, self.deployment)


def task_name(benchmark: str, deployment: str) -> str:
    """Return what a benchmark under a deployment is called.

    >>> task_name("nb201-cifar10", "phone"), task_name("nb201-cifar10", "")
    ('nb201-cifar10 (phone)', 'nb201-cifar10')
    """
    return f"{benchmark} ({deployment})" if deployment else benchmark


@dataclass(frozen=True)
class TransferSpec:
    """Finished trainings of other tables, told to the strategies that learn from them.

    Attributes
    ----------
    sources : tuple of str
        Benchmarks of the same space; written ``from`` in a spec.
    rows : int or "all"
        Trainings of each source, drawn at random by the space and the replicate, or all that its table has.
    charge : {"free", "amortised", "charged"}
        See `CHARGES`.
    leave_one_out : bool
        Whether a source that is the target is left out of its sources, so that every benchmark of a spec can be the
        target in its turn; without, it is an error.
    """

    sources: tuple[str, ...]
    rows: int | str = 100
    charge: str = "free"
    leave_one_out: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", tuple(self.sources))
        if not self.sources or len(set(self.sources)) < len(self.sources):
            raise HarnessError(must("transfer.from", "name at least one benchmark, each once", list(self.sources)))
        if self.rows != "all":
            given: Any = self.rows
            if isinstance(given, str):
                raise HarnessError(must("transfer.rows", 'be a number or "all"', given))
            integer("transfer.rows", given, low=1, high=MOST["replicates"])
        choice("transfer.charge", self.charge, CHARGES)


@dataclass(frozen=True)
class ReportSpec:
    """How the report draws; not part of any digest.

    Attributes
    ----------
    centre : {"median", "iqm"}
        Centre line of curves.
    checkpoints : tuple of float
        At most three budgets, in the budget's unit, declared beforehand, at which tests are made; the default is the
        end.
    highlight : tuple of str
        Labels of strategies that are drawn in colour and named where a figure cannot do that with all.
    log : tuple of str
        Of several objectives, those that are judged by their logarithm: such as parameters, where halving a small
        network is to count as much as halving a large one.  The default is none.
    incumbent : {"full", "highest_fidelity", "recommended"}
        Which architecture a run would hand over, see `harness.judging.incumbent.RULES`.
    margin : float or None
        Difference of regret within which two strategies are equivalent; the default is the noise of one training.
    """

    centre: str = "median"
    checkpoints: tuple[float, ...] = ()
    highlight: tuple[str, ...] = later(())
    log: tuple[str, ...] = later(())
    incumbent: str = later("full")
    margin: float | None = later(None)

    def __post_init__(self) -> None:
        for name in ("checkpoints", "highlight", "log"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        choice("centre", self.centre, ("median", "iqm"))
        choice("incumbent", self.incumbent, RULES)
        if len(self.checkpoints) > 3:
            raise HarnessError(must("checkpoints", "name at most three budgets", list(self.checkpoints)))
        if self.margin is not None:
            real("report.margin", self.margin, low=0.0, open_low=True)


@dataclass(frozen=True)
class Spec:
    """An experiment: every benchmark with every strategy, under one budget.

    Attributes
    ----------
    name : str
        Folder of the results; letters, digits, ``.``, ``_`` and ``-``.
    benchmarks : tuple of str
    strategies : tuple of StrategySpec
    budget : Budget
    replicates : int
        Independent runs of each strategy on each benchmark.
    replicates_per_shard : int
        Replicates that run side by side in one unit of work and one result file.
    n_workers : int
        Simulated parallel workers.
    seed : int
        Root of all random streams.
    objectives : tuple of str or None
        Columns to optimise; None for the benchmark's validation metric.
    constraints : tuple of Constraint
    report : ReportSpec
    kind : str
        Kind of work, see `harness.experiments.kind`.
    transfer : TransferSpec or None
    report_on : tuple of str
        Further benchmarks of the same space by which the architectures found are judged too; nothing is searched there.
    free_signals : bool
        Whether columns that can be read before training may be read for nothing where nobody measured what they cost.
    simulate : Mishaps or None
        What goes wrong on the simulated cluster.
    deployments : tuple of Deployment
        Each benchmark is searched under each of them, side by side; none for the constraints of the spec alone.
    known_constraints : {"kept", "told"}
        Whether what is known before training to break a constraint (parameters, multiply-adds) is never trained, by any
        strategy; or may be proposed, is charged, and told like a measured column.
    auxiliary : tuple of str
        Columns that are told with every evaluation beside the objectives, to strategies that read them.
    prediction : PredictionSpec or None
        Of learners that are evaluated: the strategies of the spec are learners then.
    scaling : ScalingSpec or None
        Of networks of several sizes that are trained: the strategies of the spec are families of sizes then.
    """

    name: str
    benchmarks: tuple[str, ...]
    strategies: tuple[StrategySpec, ...]
    budget: Budget
    replicates: int = 50
    replicates_per_shard: int = 25
    n_workers: int = 1
    seed: int = 0
    objectives: tuple[str, ...] | None = None
    constraints: tuple[Constraint, ...] = ()
    report: ReportSpec = field(default_factory=ReportSpec)
    kind: str = later("search")
    transfer: TransferSpec | None = later(None)
    report_on: tuple[str, ...] = later(())
    free_signals: bool = later(False)
    simulate: Mishaps | None = later(None)
    deployments: tuple[Deployment, ...] = later(())
    known_constraints: str = later("kept")
    auxiliary: tuple[str, ...] = later(())
    prediction: PredictionSpec | None = later(None)
    scaling: ScalingSpec | None = later(None)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.name):
            raise HarnessError(must("name", "consist of letters, digits, '.', '_' and '-'", self.name))
        labels = tuple(strategy.label for strategy in self.strategies)
        named = {"benchmarks": self.benchmarks, "strategies": labels, "objectives": self.objectives}
        named |= {"auxiliary": self.auxiliary or None}
        if not all(labels):
            raise HarnessError(must("label", "not be empty", list(labels)))
        for name, values in named.items():
            if values is not None and not values:
                raise HarnessError(must(name, "name at least one", list(values)))
            twice = {value for value in values or () if (values or ()).count(value) > 1}
            if twice and name == "strategies":
                raise HarnessError(must("label", "be given once each; give one of them another `label`", sorted(twice)))
            if twice:
                raise HarnessError(must(name, "be given once each", sorted(twice)))
        if len(set(self.report_on)) < len(self.report_on):
            raise HarnessError(must("report_on", "be given once each", list(self.report_on)))
        if self.report_on and len(self.objectives or ()) > 1:
            rule = "be left out with several objectives: fronts are judged by the table that they were found on alone"
            raise HarnessError(must("report_on", rule, list(self.report_on)))
        for name, high in MOST.items():
            integer(name, getattr(self, name), low=0 if name == "seed" else 1, high=high)
        choice("known_constraints", self.known_constraints, KNOWN_CONSTRAINTS)
        self._check_deployments()
        self._check_size()
        end = self.budget.evaluations or self.budget.seconds or self.budget.epochs or 0.0
        if not all(0 < checkpoint <= end for checkpoint in self.report.checkpoints):
            rule = f"lie above 0 and within the budget of {end:g}"
            if not end:
                rule = "be left out: searches have budgets, and no strategy of the spec is asked"
            raise HarnessError(must("checkpoints", rule, list(self.report.checkpoints)))
        for label in self.report.highlight:
            if label not in labels:
                raise HarnessError(unknown("label in `report.highlight`", label, labels))
        if self.report.incumbent != "full" and len(self.objectives or ()) > 1:
            rule = "be 'full' where several `objectives` are judged by fronts"
            raise HarnessError(must("report.incumbent", rule, self.report.incumbent))
        if self.report.log and len(self.objectives or ()) < 2:
            raise HarnessError(must("report.log", "be empty without several `objectives`", list(self.report.log)))
        for objective in self.report.log:
            if objective not in (self.objectives or ()):
                raise HarnessError(unknown("objective in `report.log`", objective, self.objectives or ()))

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The benchmarks, each under each of its deployments, in the order of the spec."""
        if not self.deployments:
            return tuple(Task(name, self.constraints) for name in self.benchmarks)
        return tuple(
            Task(name, self.constraints + item.constraints, item.name)
            for name in self.benchmarks
            for item in self.deployments
            if not item.benchmarks or name in item.benchmarks
        )

    def posed(self, task: Task) -> Spec:
        """Return the spec of one task alone: its constraints, without deployments."""
        return replace(self, constraints=task.constraints, deployments=())

    def _check_deployments(self) -> None:
        """Refuse deployments of one name, of benchmarks that are not there, and those that ask for the same."""
        names = [item.name for item in self.deployments]
        if len(set(names)) < len(names):
            raise HarnessError(must("deployments", "have names of their own", names))
        for item in self.deployments:
            for name in item.benchmarks:
                if name not in self.benchmarks:
                    raise HarnessError(unknown(f"benchmark of deployment '{item.name}'", name, self.benchmarks))
        bounds: dict[tuple[str, tuple[Constraint, ...]], str] = {}
        for task in self.tasks:
            other = bounds.setdefault((task.benchmark, tuple(sorted(task.constraints, key=str))), task.deployment)
            if other != task.deployment:
                raise HarnessError(
                    f"the deployments '{other}' and '{task.deployment}' are the same bounds on '{task.benchmark}'; "
                    "remove one of them, or give each its own `benchmarks`"
                )
        if left := [name for name in self.benchmarks if all(task.benchmark != name for task in self.tasks)]:
            rule = f"be of every benchmark of the spec; none is of {', '.join(left)}"
            raise HarnessError(must("deployments", rule, names))

    def _check_size(self) -> None:
        """Refuse more work than a run can hold, before anything is made of it."""
        pairs = len(self.tasks) * len(self.strategies)
        block = min(self.replicates, self.replicates_per_shard)
        sizes = {
            "runs": (self.replicates * pairs, "replicates x strategies x benchmarks"),
            "shards": (-(-self.replicates // block) * pairs, "strategies x benchmarks x blocks of replicates"),
            "evaluations": ((self.budget.evaluations or 1) * block, "evaluations x replicates of a shard"),
            "simulated workers": (self.n_workers * block, "n_workers x replicates of a shard"),
        }
        for name, (size, product) in sizes.items():
            if size > MOST_IN_ALL[name]:
                rule = f"make at most {MOST_IN_ALL[name]:,} {name}"
                raise HarnessError(f"{product} must {rule}, got {size:,}; split the spec, or ask for less")

    def as_dict(self) -> dict[str, Any]:
        """Return the spec as plain JSON data, with the keys of stored manifests; `from_dict` reads it back."""
        return {STORED_KEY if key == "replicates_per_shard" else key: value for key, value in plain_data(self).items()}


def check_labels(spec: Spec, listed: str) -> None:
    """Refuse labels that no page and no terminal could show, before anything runs; stored ones are shown escaped.

    Parameters
    ----------
    spec : Spec
    listed : str
        The key under which they stand, see `harness.experiments.kind.Kind`.

    Raises
    ------
    SpecError
        Names the strategy or the learner, the rule and the label.
    """
    for index, strategy in enumerate(spec.strategies):
        label = strategy.label
        shows = printable(label) == label and not label.isspace()
        if not shows or len(label) > LONGEST_LABEL:
            rule = f"be one line of at most {LONGEST_LABEL} letters that can be printed"
            raise SpecError(f"`{listed}[{index}]`: {must('label', rule, label)}")


def held(values: Mapping[str, Any], record: type = Spec) -> dict[str, Any]:
    """Return plain data of a spec or a unit of work as the fields of its record; see `plain_data`."""
    hints = hints_of(record)
    return {key: _held(value, hints[key]) if key in hints else value for key, value in values.items()}


hints_of = cache(get_type_hints)
"""Types of the fields of a record, by name."""


def _held(value: Any, hint: Any) -> Any:
    """Return what is written as the type that holds it: tuples, constraints, and the records of tables."""
    if value is None:
        return None
    if get_origin(hint) is UnionType:
        (hint,) = (item for item in get_args(hint) if item is not NoneType) if NoneType in get_args(hint) else (None,)
    if get_origin(hint) is tuple:
        return tuple(_held(item, get_args(hint)[0]) for item in value)
    if hint is Constraint:
        return Constraint.parse(value)
    return hint(**held(value, hint)) if is_dataclass(hint) and isinstance(hint, type) else value
