"""A verification made ready for one benchmark: everything that can be refused is looked at before anything trains."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness import seeding
from harness.benchmark import Oracle
from harness.checks import Archs, IntArray, choice, integer, real
from harness.errors import HarnessError, ResultError
from harness.experiments.manifest import BenchmarkFacts
from harness.experiments.results import Results
from harness.names import read
from harness.training.data.dataset import Dataset
from harness.training.levels import check_level
from harness.training.recipe import Recipe, TrainingSetup
from harness.verification import picks as verify_picks
from harness.verification.record import Pick
from harness.verification.tools import Tools

DEVICES = ("auto", "cpu", "cuda")
MOST_BYTES = 2**28
"""Of predictions; where there would be more, none are kept, and there is no ensemble."""


@dataclass(frozen=True)
class Request:
    """What the user asked for.

    Attributes
    ----------
    top, stratified, seeds : int
        Final incumbents (of several objectives members of final fronts), strata of the table, and trainings of each
        architecture.
    benchmarks : tuple of str
        Which benchmarks of the experiment; none means all.
    device : {"auto", "cpu", "cuda"}
    data : Path or None
        Folder of the user's dataset files.
    margin_percent : float or None
        For tables that have none of their own.
    level : str
        Of the trainer; ``"auto"`` leaves the choice to it.
    threads : int
        CPU threads.
    force : bool
        Train on a CPU however long it takes.
    ensemble : bool
        Whether the greedy ensemble of the trained networks is selected.
    keep_weights : bool
        Whether the weights of the top picks are kept.
    """

    top: int = 3
    stratified: int = 6
    seeds: int = 3
    benchmarks: tuple[str, ...] = ()
    device: str = "auto"
    data: Path | None = None
    margin_percent: float | None = None
    level: str = "auto"
    threads: int = 1
    force: bool = False
    ensemble: bool = True
    keep_weights: bool = False

    def __post_init__(self) -> None:
        integer("top", self.top, low=0)
        integer("stratified", self.stratified, low=0)
        integer("top + stratified", self.top + self.stratified, low=1)
        integer("seeds", self.seeds, low=2)  # one training has no spread, so no verdict
        integer("threads", self.threads, low=1)
        choice("device", self.device, DEVICES)
        check_level(self.level)
        if self.keep_weights and not self.top:
            raise HarnessError("the weights of top picks cannot be kept where none are trained: give --top 1 or more")
        if self.margin_percent is not None:
            real("margin_percent", self.margin_percent, low=0.0, open_low=True)


@dataclass(frozen=True)
class Job:
    """A benchmark made ready: everything that can be refused has been looked at.

    ``left_out`` counts the recommendations that break the bounds of the spec, and so are no picks.
    """

    facts: BenchmarkFacts
    oracle: Oracle
    training: TrainingSetup
    margin: tuple[float, str]
    picks: tuple[Pick, ...]
    seeds: tuple[int, ...]
    recipe: Recipe
    dataset: Dataset
    costs: tuple[IntArray, IntArray]
    left_out: int = 0

    @property
    def name(self) -> str:
        """What messages call the benchmark: of a path, its last part."""
        return self.facts.task if read(self.facts.task).path is None else Path(self.facts.task).name

    @property
    def archs(self) -> Archs:
        """What is trained, (n, L) uint8."""
        return np.array([pick.arch for pick in self.picks], dtype=np.uint8)

    @property
    def digest(self) -> str:
        """SHA-256 of what is trained, hexadecimal."""
        facts = [self.archs.tolist(), self.seeds, self.training.network, self.recipe.as_dict(), self.dataset.sha256]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def prepare(results: Results, name: str, training: TrainingSetup, request: Request, tools: Tools) -> Job:
    """Pick, load and count for one benchmark.

    Raises
    ------
    HarnessError
        If the table changed since the search, was searched by something else than its validation, carries no margin, or
        the recipe or the dataset is not there.
    """
    facts = results.benchmarks[name]
    oracle = tools.open_oracle(facts.name)
    if oracle.digest != facts.table_digest:
        raise ResultError(
            f"the table of '{name}' is not the one these runs were made on (digest {oracle.digest[:12]}, results have"
            f" {facts.table_digest[:12]}); run the experiment again, or restore the table"
        )
    searched = [objective.name for objective in facts.objectives]
    if oracle.validation not in searched:
        raise ResultError(
            f"'{name}' was searched by '{', '.join(searched)}'; real training can only be compared with"
            f" '{oracle.validation}'"
        )
    picks, left_out = list[Pick](), 0
    if request.top:
        if len(searched) > 1:
            finals = verify_picks.front_members(results, name, oracle)
        else:
            finals, left_out = verify_picks.incumbents(results, name, oracle)
        picks = verify_picks.top(finals, request.top, oracle)
    rng = seeding.generator(results.spec.seed, "verify", name, "stratified", request.stratified)
    picks += verify_picks.stratified(request.stratified, oracle, rng, picks)
    recipe = training.load_recipe()
    dataset = tools.load_dataset(training, request.data)
    archs = np.array([pick.arch for pick in picks], dtype=np.uint8)
    costs = tools.count(training.network, archs, recipe, dataset)
    seeds = verify_picks.fresh_seeds(request.seeds, training.seeds)
    margin = _margin(name, training, request.margin_percent)
    return Job(facts, oracle, training, margin, tuple(picks), seeds, recipe, dataset, costs, left_out)


def _margin(name: str, training: TrainingSetup, margin_percent: float | None) -> tuple[float, str]:
    """Return the margin and where it comes from; one that was stored beforehand cannot be replaced."""
    if training.margin_percent is not None:
        if margin_percent is not None and margin_percent != training.margin_percent:
            raise HarnessError(
                f"the table of '{name}' carries the margin {training.margin_percent:g} points, set before anything was"
                f" verified; it cannot be replaced by {margin_percent:g}"
            )
        return training.margin_percent, "table"
    if margin_percent is None:
        raise HarnessError(f"the table of '{name}' carries no equivalence margin: give one in points, --margin 0.5")
    return margin_percent, "command line"


def device_of(wanted: str, say: Callable[[str], None]) -> str:
    """Return "cpu" or "cuda"; ``"auto"`` takes CUDA where there is it, and says so where not."""
    if wanted == "cpu":
        return wanted
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if wanted == "cuda":
        raise HarnessError(
            "`--device cuda` needs a CUDA device and a torch built for it; torch finds none: use --device cpu"
        )
    say("torch finds no CUDA device: training on the CPU")
    return "cpu"


def predictions_bytes(job: Job) -> int:
    """Return how much the predictions of all networks take."""
    items = sum(len(job.dataset.labels[split]) for split in ("valid", "test"))
    return 4 * len(job.picks) * len(job.seeds) * items * job.dataset.classes


def weights_paths(folder: Path, job: Job) -> dict[int, Path]:
    """Return where the weights of the top picks' trainings are kept, by number of the training.

    Parameters
    ----------
    folder : Path
        Of the verification's networks.
    """
    tops = [place for place, pick in enumerate(job.picks) if pick.role == "top"]
    return {
        place * len(job.seeds) + number: folder / f"top-{rank}-seed-{seed}.pt"
        for rank, place in enumerate(tops, start=1)
        for number, seed in enumerate(job.seeds)
    }
