"""Records of a verification: what was picked and what its training gave, raw, written as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.checks import Archs, BoolArray, FloatArray, IntArray, choice, integer, real
from harness.digests import sha256_of
from harness.errors import ResultError, must
from harness.files.reading import read_json, record_of
from harness.files.whole import replacing
from harness.training.curves import DIVERGED, OK
from harness.training.ensemble import EnsembleResult
from harness.training.recipe import TrainingSetup

FORMAT = "nas-harness verification 1"
FOLDER = "verification"
"""Below the folder of an experiment's results."""
_REMEDY = "delete it and verify again"
ROLES = ("top", "stratified")
_FACTS = ("benchmark", "table_digest", "column", "margin_percent", "margin_source")
_REAL = ("valid_accuracy", "test_accuracy", "seconds")
_WHOLE = ("status", "diverged_epoch")
_COSTS = ("params", "macs", "params_expected", "macs_expected")


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
        object.__setattr__(self, "arch", tuple(integer("arch", gene, low=0, high=255) for gene in self.arch))


@dataclass(frozen=True, eq=False)
class Measurements:
    """What real training of n picks with s seeds gave; raw, without a verdict.

    Attributes
    ----------
    benchmark, table_digest : str
        The table that is tested.
    column : str
        Its validation column, which `valid_accuracy` is compared with.
    training : TrainingSetup
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
        Level ("rung") and why it was that one, those that failed their proofs ("rungs_passed_over", where there are
        any), device, recipe, dataset with its SHA-256, versions.
    ensemble : EnsembleResult, optional
        Where predictions were kept; it is not among the data of a record without one.
    """

    benchmark: str
    table_digest: str
    column: str
    training: TrainingSetup
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
    ensemble: EnsembleResult | None = None

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
        return np.isin(self.status, (OK, DIVERGED))

    @property
    def costs_agree(self) -> BoolArray:
        """Which networks have the parameters and multiply-adds that the table says; (n,), True where it is silent."""
        agree = np.ones(len(self.picks), dtype=bool)
        for counted, expected in ((self.params, self.params_expected), (self.macs, self.macs_expected)):
            agree &= np.isnan(expected) | (np.abs(counted - expected) < 0.5)
        return agree

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON data; NaN becomes None."""
        return {
            "format": FORMAT,
            **{key: getattr(self, key) for key in _FACTS},
            "training": self.training.as_dict(),
            "seeds": list(self.seeds),
            "picks": [asdict(pick) | {"arch": list(pick.arch)} for pick in self.picks],
            **{name: _plain(getattr(self, name)) for name in (*_REAL, *_WHOLE, *_COSTS)},
            "provenance": dict(self.provenance),
            **({"ensemble": asdict(self.ensemble)} if self.ensemble is not None else {}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Measurements:
        """Read what `as_dict` gave."""
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            raise ResultError(f"not a verification of this version ('{FORMAT}')")
        for key in ("picks", "seeds", "provenance"):
            if not isinstance(data[key], Mapping if key == "provenance" else list):
                raise ResultError(must(key, "be there", data[key]))
        for key in ("benchmark", "table_digest", "column", "margin_source"):
            if not isinstance(data[key], str):
                raise ResultError(must(key, "be text", data[key]))
        real("margin_percent", data["margin_percent"], low=0.0, open_low=True)
        values = {key: data[key] for key in cls.__dataclass_fields__ if key != "ensemble"}
        shape = (len(data["picks"]), len(data["seeds"]))
        for name in (*_REAL, *_WHOLE, *_COSTS):
            whole = name in (*_WHOLE, "params", "macs")
            values[name] = np.array(data[name], dtype=np.int64 if whole else np.float64)  # None becomes NaN
            wanted = shape[:1] if name in _COSTS else shape
            if values[name].shape != wanted:
                raise ResultError(f"`{name}` has shape {values[name].shape}, not {wanted}")
        values |= {
            "training": record_of(TrainingSetup, data["training"], "training"),
            "picks": tuple(record_of(Pick, pick, "picks") for pick in data["picks"]),
            "seeds": tuple(integer("seeds", seed, low=0) for seed in data["seeds"]),
        }
        if data.get("ensemble") is not None:
            values["ensemble"] = record_of(EnsembleResult, data["ensemble"], "ensemble")
            if not all(pick < shape[0] and seed < shape[1] for pick, seed in values["ensemble"].members):
                raise ResultError(must("ensemble", "have members among the trainings", values["ensemble"].members))
        return cls(**values)


def _plain(values: FloatArray | IntArray) -> list[Any]:
    """Return nested lists with None for NaN, which JSON cannot hold."""
    return json.loads(json.dumps(values.tolist()).replace("NaN", "null"))  # type: ignore[no-any-return]  # json is untyped


def record_path(results: Path, benchmark: str, suffix: str = ".json") -> Path:
    """Return where a verification lies: its record, or with ``".h5"`` its table."""
    stem = benchmark.removesuffix(".h5").replace("\\", "/").rpartition("/")[2]
    return results / FOLDER / f"{stem}{suffix}"


def write(path: Path, measurements: Measurements) -> None:
    """Write a record with the SHA-256 of what it says, whole or not at all."""
    data = measurements.as_dict()
    text = json.dumps(data | {"sha256": sha256_of(data)}, indent=1, allow_nan=False)
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
        data = read_json(path, ResultError, remedy=_REMEDY)
    except FileNotFoundError:
        raise ResultError(f"no verification at '{path}': run `nas-harness verify` first") from None
    try:
        return _checked(data)
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise ResultError(f"{path}: damaged verification ({str(error)[:200]}); {_REMEDY}") from error


def _checked(data: Any) -> Measurements:
    """Compare what a record says with its SHA-256; those of 0.1.0 have none."""
    if not isinstance(data, dict):
        return Measurements.from_dict(data)
    sha256 = data.pop("sha256", None)
    if unknown := sorted(set(data) - {"format", *Measurements.__dataclass_fields__}):
        raise ResultError(f"it has unknown keys: {', '.join(unknown)[:200]}")
    if sha256 is not None and sha256 != sha256_of(data):
        raise ResultError("it does not say what was written")
    return Measurements.from_dict(data)


def read_all(results: Path) -> list[Measurements]:
    """Read every record of an experiment, by name; none where nothing was verified."""
    return [read(path) for path in sorted((results / FOLDER).glob("*.json")) if not path.stem.endswith("-verdicts")]
