"""The scores of a table's networks, in parts that survive a stop, and the compact file of them.

A part is some architectures from one seed of initial weights.  Proxies that are asked for later are added to it; those
that it has are not computed again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks_data import parted
from benchmarks_data.file.layout import Header
from benchmarks_data.importers.columns.own_scores import PREFIX
from benchmarks_data.importers.parts import layout
from harness import __version__
from harness.checks import Archs, FloatArray, IntArray
from harness.digests import sha256_of
from harness.errors import HarnessError, TableError, must, reason, unknown
from harness.files.arrays import ArraysError, read_npz
from harness.files.reading import parse_json
from harness.files.whole import replacing
from harness.training.data.dataset import Dataset
from harness.training.proxies import PROXIES, SIZES, UNTRAINED
from harness.training.proxies.setting import Setting
from harness.training.recipe import TrainingSetup

PART = 50
"""Architectures in a part."""
DIGITS = 4
"""Significant decimal digits that are kept of means: far below what initial weights move a score by."""


@dataclass(frozen=True)
class Plan:
    """How the architectures of a table are scored.

    Attributes
    ----------
    table_digest : str
    setting : Setting
    machine, torch : str
        Name of the processor, and version: seconds are theirs.
    """

    table_digest: str
    setting: Setting
    machine: str = ""
    torch: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 of what a part depends on, hexadecimal: seeds of initial weights have parts of their own."""
        told = {"table": self.table_digest, "machine": self.machine, "torch": self.torch}
        return sha256_of(told | self.setting.as_dict())


@dataclass(frozen=True, eq=False)
class Scored:
    """What came of a plan.

    Attributes
    ----------
    archs : (N, L)
    values, seconds : mapping of str to (N, inits) float64
        As `harness.training.proxies.score.Scores`.
    """

    archs: Archs
    values: dict[str, FloatArray]
    seconds: dict[str, FloatArray]


@dataclass(frozen=True, eq=False)
class Older:
    """A compact file of scores as it was read.

    Attributes
    ----------
    about : mapping
        How they were measured.
    values : mapping of str to (N,) float32
    """

    about: dict[str, Any]
    values: dict[str, Any]


def wanted(names: Sequence[str], header: Header) -> tuple[str, ...]:
    """Return proxies by name; where none is named all that are measured and do not train.

    Raises
    ------
    HarnessError
        If there is no such proxy, or the table has a column of it.
    """
    chosen = tuple(dict.fromkeys(names)) or tuple(name for name in UNTRAINED if name not in SIZES)
    for name in chosen:
        if name not in PROXIES:
            raise HarnessError(unknown("proxy", name, PROXIES))
        if PREFIX + name in header.columns:
            raise HarnessError(must("--proxies", f"name none that {header.meaning.name} has", PREFIX + name))
    return chosen


def score(
    header: Header,
    plan: Plan,
    folder: Path,
    names: Sequence[str],
    *,
    workers: int = 1,
    limit: int | None = None,
    on_progress: parted.Tell | None = None,
) -> Scored | None:
    """Score what is missing; None if parts are still missing.

    Parameters
    ----------
    header : Header
        Of the table.
    plan : Plan
    folder : Path
        Of the parts, which are kept.
    names : sequence of str
        Of proxies; see `wanted`.
    workers : int
        Processes of this machine, one compute thread each.
    limit : int, optional
        Do at most so many parts in this call.
    on_progress : callable, optional

    Raises
    ------
    HarnessError
        If a proxy can tell nothing from the batch, or another process scores in the same folder.
    """
    from harness.training import data

    setting = plan.setting
    shape, classes = data.shape_of(setting.training.dataset, **setting.training.dataset_options)
    setting.check(names, shape, classes)
    archs = np.asarray(header.array("archs"))
    order = np.random.default_rng(0).permutation(len(archs))  # so that parts cost about the same
    cut = [(seed, order[start : start + PART]) for seed in setting.inits for start in range(0, len(order), PART)]
    work = folder / f"{header.meaning.name}-scores-{plan.digest[:16]}"
    paths = [work / f"init-{seed}-part-{place % (len(cut) // len(setting.inits)):04d}.npz"
             for place, (seed, _) in enumerate(cut)]  # fmt: skip

    def lacking(number: int) -> list[str]:
        known = _part(paths[number], cut[number][1])
        return [name for name in names if name not in known]

    def jobs(numbers: Sequence[int]) -> list[parted.Job]:
        return [(_score, (setting, archs[cut[n][1]], cut[n][1], cut[n][0], lacking(n), str(paths[n]))) for n in numbers]

    whole = parted.complete(
        work,
        len(cut),
        lambda number: not lacking(number),
        jobs,
        doing="scoring",
        workers=workers,
        limit=limit,
        on_progress=on_progress,
    )
    return _together(archs, cut, paths, setting.inits, names) if whole else None


def _part(path: Path, rows: IntArray) -> Mapping[str, Any]:
    """Return scores and seconds of a part, (2, rows) for each proxy that it has; nothing of a damaged one."""
    try:
        found = read_npz(path)
    except (OSError, ArraysError):
        return {}
    if not np.array_equal(found.get("rows", ()), rows):
        return {}
    return {name: pair for name, pair in found.items() if pair.shape == (2, len(rows))}


def _dataset(training: TrainingSetup) -> Dataset:
    """Return the data set of a table, made once for all parts of a worker."""
    return _loaded(json.dumps(training.as_dict(), sort_keys=True))


@cache
def _loaded(training: str) -> Dataset:
    from harness.training import data

    return data.of(TrainingSetup.from_dict(json.loads(training)))


def _score(setting: Setting, archs: Archs, rows: IntArray, seed: int, names: Sequence[str], path: str) -> None:
    """Score a part and store it with what is there of it, in a worker."""
    from harness.training.proxies import score as scoring

    found = scoring.score(archs, setting, _dataset(setting.training), names=names, inits=(seed,))
    pairs = {name: np.stack([found.values[name][:, 0], found.seconds[name][:, 0]]) for name in names}
    with replacing(Path(path)) as temporary, temporary.open("wb") as file:
        np.savez(file, rows=rows, **{**_part(Path(path), rows), **pairs})


def _together(
    archs: Archs, cut: Sequence[tuple[int, IntArray]], paths: Sequence[Path], inits: Sequence[int], names: Sequence[str]
) -> Scored:
    whole = {name: np.full((2, len(archs), len(inits)), math.nan) for name in names}
    for (seed, rows), path in zip(cut, paths, strict=True):
        part = _part(path, rows)
        for name, into in whole.items():
            into[:, rows, inits.index(seed)] = part[name]
    values, seconds = ({name: pair[which] for name, pair in whole.items()} for which in range(2))
    return Scored(archs, values, seconds)


def save(path: Path, plan: Plan, scored: Scored, older: Older | None = None) -> None:
    """Write the compact file of scores that `benchmarks_data.importers.columns.own_scores` reads.

    It holds the mean over initial weights, its spread and what it took, and how the scores were measured.

    Parameters
    ----------
    path : pathlib.Path
    plan : Plan
    scored : Scored
    older : Older, optional
        What it has of other proxies is kept; where its machine or versions are others, each new proxy says its own.
    """
    from harness.training.proxies.score import LOWEST, over_inits

    names = list(scored.values)
    sound = {name: np.where(values > LOWEST, values, np.nan) for name, values in scored.values.items()}
    about = {
        **_shared(plan),
        "machine": plan.machine,
        "versions": {"nas-harness": __version__, "torch": plan.torch, "numpy": np.__version__},
        "proxies": {
            name: {
                "text": PROXIES[name].text,
                "seconds": float(f"{scored.seconds[name].sum(axis=1).mean():.3g}"),
                "spread_of_inits": spread(sound[name]),
                "lowest": int((scored.values[name] == LOWEST).sum()),
            }
            for name in names
        },
    }
    arrays = {name: rounded(over_inits(scored.values[name])).astype(np.float32) for name in names}
    if older is not None:
        own = {key: about[key] for key in ("machine", "versions") if about[key] != older.about[key]}
        new = {name: known | own for name, known in about["proxies"].items()}
        about = older.about | {"proxies": older.about["proxies"] | new}
        arrays = {**older.values, **arrays}
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, archs=scored.archs, about=np.array(json.dumps(about)), **arrays)


def read_older(path: Path, plan: Plan, archs: Archs) -> Older:
    """Read a compact file of other proxies, which must have been measured by this plan but for machine and versions.

    Raises
    ------
    TableError
        If the file is damaged, or of scores that were measured otherwise.
    """
    try:
        arrays = read_npz(path)
    except (OSError, ArraysError) as error:
        raise TableError(f"{path} is damaged: {reason(error)}") from error
    with layout(f"{path} must be a file of `nas-harness table score`"):
        about = parse_json(str(arrays.pop("about")), str(path), TableError)
        same = np.array_equal(arrays.pop("archs"), archs)
        apart = [key for key, value in _shared(plan).items() if about[key] != value]
        known = {name: about["proxies"][name] for name in arrays}
    if apart or not same:
        differs = ", ".join(apart) or "architectures"
        raise TableError(must("--join", f"be of scores that were measured alike (its {differs} differ)", str(path)))
    return Older(about | {"proxies": known}, arrays)


def _shared(plan: Plan) -> dict[str, Any]:
    """Return what is said of a compact file that those of other proxies must say too, to be put into one."""
    return {
        "setting": plan.setting.as_dict(),
        "inits": list(plan.setting.inits),
        "dataset_sha256": _dataset(plan.setting.training).sha256,
        "table_sha256": plan.table_digest,
    }


def spread(values: FloatArray) -> float | None:
    """Return the pooled standard deviation between initial weights: (n, inits) to a number, None for one of them."""
    if values.shape[1] < 2:
        return None
    counts = np.isfinite(values).sum(axis=1)
    kept = values[counts > 1]
    return float(f"{np.sqrt(np.nanvar(kept, axis=1, ddof=1).mean()):.4g}") if len(kept) else None


def rounded(values: FloatArray) -> FloatArray:
    """Keep so many significant digits; nothing of what single precision takes for 0.

    >>> rounded(np.array([123.456, -0.000123456, 0.0, 1e-320]))
    array([ 1.235e+02, -1.235e-04,  0.000e+00,  0.000e+00])
    """
    values = np.where(np.abs(values) < np.finfo(np.float32).smallest_subnormal, 0.0, values)
    magnitude = np.floor(np.log10(np.where(values == 0.0, 1.0, np.abs(values))))
    unit = 10.0 ** (magnitude - (DIGITS - 1))
    kept: FloatArray = np.rint(values / unit) * unit
    return kept


def plan_of(header: Header, setting: Setting) -> Plan:
    """Return the plan of a table on this machine."""
    from harness.training import latency

    return Plan(header.digest, setting, machine=latency.machine(), torch=version("torch"))


def agreement(values: FloatArray, truth: FloatArray) -> dict[str, float]:
    """Return the rank correlations of a score with what it is meant to say, over rows that have both: (n,), (n,).

    NaN where either is the same everywhere, or less than two rows have both.
    """
    from scipy.stats import kendalltau, spearmanr

    both = np.isfinite(values) & np.isfinite(truth)
    if min(len(np.unique(each[both])) for each in (values, truth)) < 2:
        return {"spearman": math.nan, "kendall": math.nan}
    return {
        "spearman": float(spearmanr(values[both], truth[both]).statistic),
        "kendall": float(kendalltau(values[both], truth[both]).statistic),
    }
