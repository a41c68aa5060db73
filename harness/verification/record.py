"""What a verification knows beforehand and what it leaves behind, as plain data written as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from harness.checks import Archs, BoolArray, FloatArray, IntArray, choice, real
from harness.errors import HarnessError, ResultError, must, unknown
from harness.files import replacing
from harness.training.curves import DIVERGED, OK

FORMAT = "nas-harness verification 1"
FOLDER = "verification"
"""Below the folder of an experiment's results."""
ROLES = ("top", "stratified")
_REAL = ("valid_accuracy", "test_accuracy", "seconds")
_WHOLE = ("status", "diverged_epoch")
_COSTS = ("params", "macs", "params_expected", "macs_expected")


@dataclass(frozen=True)
class Training:
    """How the networks of a table were trained, so that it can be done again.

    Attributes
    ----------
    network, recipe, dataset : str
        Names of `harness.training`.
    seeds : tuple of int
        Those of the table; a verification takes others.
    margin_percent : float or None
        Difference of accuracies, in percentage points, below which two trainings count as equal; stored with the table
        before anything is verified.
    recipe_changes, dataset_options : mapping
        What differs from the recipe of that name, and the arguments of the dataset.
    """

    network: str
    recipe: str
    dataset: str
    seeds: tuple[int, ...] = ()
    margin_percent: float | None = None
    recipe_changes: Mapping[str, Any] = field(default_factory=dict)
    dataset_options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "seeds", tuple(int(seed) for seed in self.seeds))
        if self.margin_percent is not None:
            real("margin_percent", self.margin_percent, low=0.0, open_low=True)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON data; `from_dict` reads it back."""
        return asdict(self) | {"seeds": list(self.seeds)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Training:
        """Read plain data; an unknown or missing key is refused."""
        for key in data:
            if key not in cls.__dataclass_fields__:
                raise HarnessError(unknown("key of training", key, cls.__dataclass_fields__))
        for key in ("network", "recipe", "dataset"):
            if key not in data:
                raise HarnessError(must("training", f"name its {key}", dict(data)))
        return cls(**data)


@dataclass(frozen=True)
class Pick:
    """An architecture to be trained, and why.

    Attributes
    ----------
    arch : tuple of int
        Genes.
    text : str
        The field's own string.
    role : {"top", "stratified"}
        A final incumbent of the search, or a draw from a stratum of the table.
    runs : int
        Runs of the experiment that end with it; 0 for a stratified pick.
    stratum : int
        Which of the equal parts of the table, 0 = lowest validation; -1 for a top pick.
    """

    arch: tuple[int, ...]
    text: str
    role: str
    runs: int = 0
    stratum: int = -1

    def __post_init__(self) -> None:
        choice("role", self.role, ROLES)
        object.__setattr__(self, "arch", tuple(int(gene) for gene in self.arch))


@dataclass(frozen=True, eq=False)
class Measurements:
    """What real training of n picks with s seeds gave; raw, without a verdict.

    Attributes
    ----------
    benchmark, table_digest : str
        The table that is tested.
    column : str
        Its validation column, which `valid_accuracy` is compared with.
    training : Training
        Of the table.
    margin_percent : float
        Equivalence margin in percentage points.
    margin_source : {"table", "command line"}
        Whether it was stored with the table beforehand.
    picks : tuple of Pick
    seeds : tuple of int
        Fresh: none of them made the table.
    valid_accuracy, test_accuracy, seconds : (n, s) float64
        After the last epoch, in percent; NaN where the training did not finish.  `seconds` are real.
    status, diverged_epoch : (n, s) int64
        As in `harness.training.curves.Curves`.
    params, macs : (n,) int64
        Counted on the networks that were trained.
    params_expected, macs_expected : (n,) float64
        What the table says; NaN where it does not.
    provenance : mapping
        Level, device, recipe, dataset with its SHA-256, versions.
    """

    benchmark: str
    table_digest: str
    column: str
    training: Training
    margin_percent: float
    margin_source: str
    picks: tuple[Pick, ...]
    seeds: tuple[int, ...]
    valid_accuracy: FloatArray
    test_accuracy: FloatArray
    seconds: FloatArray
    status: IntArray
    diverged_epoch: IntArray
    params: IntArray
    macs: IntArray
    params_expected: FloatArray
    macs_expected: FloatArray
    provenance: Mapping[str, Any]

    @property
    def archs(self) -> Archs:
        """Architectures, (n, L) uint8."""
        return np.array([pick.arch for pick in self.picks], dtype=np.uint8)

    @property
    def finished(self) -> BoolArray:
        """Which trainings came to their end, (n, s)."""
        done: BoolArray = (self.status == OK) & np.isfinite(self.valid_accuracy)
        return done

    @property
    def made(self) -> BoolArray:
        """Which trainings there were, diverged ones too, (n, s); what was cut off or ran out of memory was not made."""
        there: BoolArray = np.isin(self.status, (OK, DIVERGED))
        return there

    @property
    def costs_agree(self) -> BoolArray:
        """Which networks have the parameters and multiply-adds that the table says; (n,), True where it is silent."""
        agree = np.ones(len(self.picks), dtype=bool)
        for counted, expected in ((self.params, self.params_expected), (self.macs, self.macs_expected)):
            agree &= np.isnan(expected) | (np.abs(counted - expected) < 0.5)
        return agree

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON data; NaN becomes None."""
        plain = {key: getattr(self, key) for key in ("benchmark", "table_digest", "column", "margin_percent")}
        return {
            "format": FORMAT,
            **plain,
            "margin_source": self.margin_source,
            "training": self.training.as_dict(),
            "seeds": list(self.seeds),
            "picks": [asdict(pick) | {"arch": list(pick.arch)} for pick in self.picks],
            **{name: _plain(getattr(self, name)) for name in (*_REAL, *_WHOLE, *_COSTS)},
            "provenance": dict(self.provenance),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Measurements:
        """Read what `as_dict` gave."""
        if data.get("format") != FORMAT:
            raise ResultError(f"not a verification of this version ('{FORMAT}')")
        told = {key: data[key] for key in cls.__dataclass_fields__}
        shape = (len(data["picks"]), len(data["seeds"]))
        for name in (*_REAL, "params_expected", "macs_expected"):
            told[name] = np.array(data[name], dtype=np.float64)  # None becomes NaN
        for name in (*_WHOLE, "params", "macs"):
            told[name] = np.array(data[name], dtype=np.int64)
        for name in (*_REAL, *_WHOLE, *_COSTS):
            wanted = shape[:1] if name in _COSTS else shape
            if told[name].shape != wanted:
                raise ResultError(f"`{name}` has shape {told[name].shape}, not {wanted}")
        told |= {
            "training": Training.from_dict(data["training"]),
            "picks": tuple(Pick(**pick) for pick in data["picks"]),
            "seeds": tuple(data["seeds"]),
        }
        return cls(**told)


def _plain(values: FloatArray | IntArray) -> list[Any]:
    """Return nested lists with None for NaN, which JSON cannot hold."""
    return json.loads(json.dumps(values.tolist()).replace("NaN", "null"))  # type: ignore[no-any-return]  # json is untyped


def record_path(results: Path, benchmark: str, suffix: str = ".json") -> Path:
    """Return where a verification lies: its record, or with ``".h5"`` its table."""
    stem = benchmark.removesuffix(".h5").replace("\\", "/").rpartition("/")[2]
    return results / FOLDER / f"{stem}{suffix}"


def write(path: Path, measurements: Measurements) -> None:
    """Write a record, whole or not at all."""
    text = json.dumps(measurements.as_dict(), indent=1, allow_nan=False)
    with replacing(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read(path: Path) -> Measurements:
    """Read a record.

    Raises
    ------
    ResultError
        If it is missing, damaged or of another version.
    """
    try:
        return Measurements.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise ResultError(f"no verification at '{path}': run `nas-harness verify` first") from None
    except (KeyError, TypeError, ValueError) as error:
        raise ResultError(f"{path}: damaged verification ({error}); delete it and verify again") from error


def read_all(results: Path) -> list[Measurements]:
    """Read every record of an experiment, by name; none where nothing was verified."""
    return [read(path) for path in sorted((results / FOLDER).glob("*.json")) if not path.stem.endswith("-verdicts")]
