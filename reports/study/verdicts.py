"""Verdicts on measurements of a verification: one for each architecture, and what holds over all of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from harness import seeding
from harness.benchmark import Oracle
from harness.checks import FloatArray
from harness.errors import ResultError
from harness.names import read
from harness.training.curves import OK, STATUS
from harness.training.ensemble import EnsembleResult
from harness.verification.record import Measurements
from reports.statistics import agreement, equivalence
from reports.statistics.agreement import Ceiling, Mean
from reports.statistics.equivalence import Pooled
from reports.statistics.proportions import paired, percent, wilson
from reports.statistics.significance import ALPHA, holm
from reports.study.opening import own_name

CONFIRMED, DRIFTED, INCONCLUSIVE, FAILED = VERDICTS = ("confirmed", "drifted", "inconclusive", "failed")


@dataclass(frozen=True)
class Overall:
    """What holds over the architectures of one benchmark whose trainings finished.

    All in percentage points; differences are real training minus table.

    Attributes
    ----------
    counts : mapping of str to int
        Architectures by verdict.
    sd, df : float, int
        Spread of one training, pooled over architectures and over table and real training.
    table_sd : float
        The table's own spread of one training, on the same architectures.
    bias : Mean
        Signed difference on the stratified sample, which was not picked for being high.
    top_bias : Mean
        Signed difference of the top picks.
    expected_top_bias : float
        What selection alone is expected to make of it; NaN where values were predicted and have no noise.
    slope : Mean
        Of real training on table, stratified sample.
    absolute, expected_absolute : float
        Mean absolute difference of all, and what noise alone would make.
    tau : float
        Kendall's tau-b on the stratified sample.
    ceiling : Ceiling
        What tau a faultless re-training would reach.
    """

    counts: Mapping[str, int]
    sd: float
    df: int
    table_sd: float
    bias: Mean
    top_bias: Mean
    expected_top_bias: float
    slope: Mean
    absolute: float
    expected_absolute: float
    tau: float
    ceiling: Ceiling


@dataclass(frozen=True, eq=False)
class Verification:
    """Measurements with verdicts.

    Attributes
    ----------
    measurements : Measurements
    rows : pandas.DataFrame
        One for each pick; see `judge`.
    overall : Overall
    """

    measurements: Measurements
    rows: pd.DataFrame
    overall: Overall

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON data: what was asked, every row, what holds over all; NaN becomes None."""
        measurements = self.measurements
        data = {
            "benchmark": measurements.benchmark,
            "table_digest": measurements.table_digest,
            "margin_percent": measurements.margin_percent,
            "margin_source": measurements.margin_source,
            "seeds": list(measurements.seeds),
            "provenance": dict(measurements.provenance),
            "overall": asdict(self.overall),
            "architectures": self.rows.to_dict("records"),
            **({"ensemble": _told(ensemble_facts(measurements.ensemble))} if measurements.ensemble else {}),
        }
        plain: dict[str, Any] = _without_nan(data)
        return plain


def ensemble_facts(result: EnsembleResult) -> dict[str, Any]:
    """Return what is told of an ensemble: counts, accuracies in percent with their 95 % intervals over test items."""
    ours = wilson(result.test_right, result.test_items)
    alone = wilson(result.best_test_right, result.test_items)
    gain = paired(result.gained, result.lost, result.test_items)
    return {
        "members": len(result.members),
        "different": len(set(result.members)),
        "networks": result.networks,
        "valid_items": result.valid_items,
        "test_items": result.test_items,
        "test_accuracy": percent(ours),
        "best_test_accuracy": percent(alone),
        "gain": percent(gain),
    }


def _told(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {key: asdict(value) if isinstance(value, Mean) else value for key, value in facts.items()}


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def judge(measurements: Measurements, oracle: Oracle) -> Verification:
    """Compare real training with the table that promised it.

    The rows have: ``benchmark``, ``pick`` ("top 1"), ``architecture``, ``role``, ``runs`` (that ended with it),
    ``table_mean``, ``table_sd``, ``table_n`` (infinite of a prediction: it has no noise), ``real_mean``,
    ``real_sd``, ``real_n``, ``difference``, ``low`` and ``high`` (its 90 % interval), ``p_equivalent``,
    ``p_drift``, ``p_drift_holm``, ``predicted`` (whether the new mean lies in the 95 % prediction interval),
    ``verdict``, ``reason``, ``seeds_needed`` (None where not inconclusive or where none suffice), ``table_too``
    (whether the table needs as many), ``test_mean``, ``seconds``, ``params``, ``params_expected``, ``macs``,
    ``macs_expected``.

    Parameters
    ----------
    measurements : Measurements
    oracle : Oracle
        Of the table that is tested.

    Raises
    ------
    ResultError
        If the table is another one than at the time of training.
    """
    if oracle.digest != measurements.table_digest:
        raise ResultError(
            f"the verification of '{measurements.benchmark}' was made for another table (digest"
            f" {measurements.table_digest[:12]}, now {oracle.digest[:12]}); run `nas-harness verify` again"
        )
    table = oracle.trainings(measurements.archs, measurements.column)
    real = np.where(measurements.finished, measurements.valid_accuracy, np.nan)
    pooled = equivalence.pooled_sd(table, real)
    rows = pd.DataFrame(
        [
            _row(
                measurements,
                index,
                name,
                table[index],
                real[index],
                pooled,
                predicts=getattr(oracle, "predicts", False),
            )
            for index, name in enumerate(_names(measurements))
        ]
    )
    rows["p_drift_holm"] = holm(rows["p_drift"].to_numpy(dtype=np.float64))
    drifted = (rows["p_drift_holm"] < ALPHA) & (rows["verdict"] != FAILED)
    rows.loc[drifted, "verdict"] = DRIFTED
    rows["seeds_needed"], rows["table_too"] = _needed(rows, pooled, measurements.margin_percent)
    return Verification(measurements, rows, _overall(measurements, oracle, rows, pooled, table))


def _names(measurements: Measurements) -> list[str]:
    """Return "top 1", "top 2", "stratified 1" …, one for each pick."""
    roles = pd.Series([pick.role for pick in measurements.picks], dtype=object)
    return [f"{role} {place + 1}" for role, place in zip(roles, roles.groupby(roles).cumcount(), strict=True)]


def _row(
    measured: Measurements,
    index: int,
    name: str,
    table: FloatArray,
    real: FloatArray,
    pooled: Pooled,
    *,
    predicts: bool,
) -> dict[str, Any]:
    table, real = table[~np.isnan(table)], real[~np.isnan(real)]
    pick, n, m = measured.picks[index], len(real), math.inf if predicts and len(table) else len(table)
    row: dict[str, Any] = {
        "benchmark": measured.benchmark, "pick": name, "architecture": pick.text, "role": pick.role, "runs": pick.runs,
        "table_mean": _mean(table), "table_sd": _sd(table), "table_n": m,
        "real_mean": _mean(real), "real_sd": _sd(real), "real_n": n, "difference": _mean(real) - _mean(table),
        "low": math.nan, "high": math.nan, "p_equivalent": math.nan, "p_drift": math.nan, "p_drift_holm": math.nan,
        "predicted": False, "verdict": INCONCLUSIVE, "reason": "",
    }  # fmt: skip
    if n and m and pooled.df:
        test = equivalence.tost(
            row["difference"], equivalence.standard_error(pooled.sd, n, m), pooled.df, measured.margin_percent
        )
        row |= asdict(test)
        row["predicted"] = equivalence.is_predicted(row["difference"], pooled, n, m)
        row["verdict"] = CONFIRMED if test.p_equivalent < ALPHA else INCONCLUSIVE
    if reason := _failure(measured, index):
        row |= {"verdict": FAILED, "reason": reason, "p_drift": math.nan}  # not one of Holm's family
    finished = measured.finished[index]
    return row | {
        "test_mean": _mean(measured.test_accuracy[index][finished]),
        "seconds": _mean(measured.seconds[index][finished]),
        **{key: float(getattr(measured, key)[index]) for key in ("params", "params_expected", "macs", "macs_expected")},
    }


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if len(values) else math.nan


def _sd(values: FloatArray) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else math.nan


def _failure(measured: Measurements, index: int) -> str:
    """Say why an architecture failed, or nothing."""
    reasons = []
    for seed, status, epoch, done in zip(
        measured.seeds, measured.status[index], measured.diverged_epoch[index], measured.finished[index], strict=True
    ):
        if not done:
            word = STATUS[status] if status != OK else "no validation accuracy"
            reasons.append(f"seed {seed}: {word}" + (f" in epoch {epoch + 1}" if epoch >= 0 else ""))
    if not measured.costs_agree[index]:
        reasons.append(
            f"{measured.params[index]:,} parameters and {measured.macs[index]:,} multiply-adds where the table says"
            f" {measured.params_expected[index]:,.0f} and {measured.macs_expected[index]:,.0f}"
        )
    return "; ".join(reasons)


def _needed(rows: pd.DataFrame, pooled: Pooled, margin: float) -> tuple[list[int | None], list[bool]]:
    """Return the seeds that inconclusive rows need."""
    needed = [
        equivalence.seeds_needed(row["difference"], pooled, row["table_n"], margin)
        if row["verdict"] == INCONCLUSIVE and row["table_n"] and pooled.df and math.isfinite(row["difference"])
        else equivalence.Needed(None)
        for row in rows.to_dict("records")
    ]
    return [item.seeds for item in needed], [item.both for item in needed]


def _overall(measured: Measurements, oracle: Oracle, rows: pd.DataFrame, pooled: Pooled, table: FloatArray) -> Overall:
    known = rows[(rows["verdict"] != FAILED) & (rows["table_n"] > 0)]
    spread, picked = known[known["role"] == "stratified"], known[known["role"] == "top"]
    x, y = (spread[name].to_numpy(dtype=np.float64) for name in ("table_mean", "real_mean"))
    runs = {name: spread[name].to_numpy(dtype=np.float64) for name in ("table_n", "real_n")}
    name = measured.benchmark if read(measured.benchmark).path is None else own_name(measured.benchmark, oracle)
    rng = seeding.generator(0, "verification", name, measured.table_digest, *measured.seeds)
    everything = oracle.values(measured.column)
    everything = everything[~np.isnan(everything)]
    usual_runs = np.maximum(rows["table_n"].to_numpy(dtype=np.float64), 1)
    rel = agreement.reliability(everything, pooled.sd, usual_runs)
    curse = agreement.shrinkage(picked["table_mean"].to_numpy(dtype=np.float64), rel, float(everything.mean()))
    return Overall(
        counts={verdict: int((rows["verdict"] == verdict).sum()) for verdict in VERDICTS},
        sd=pooled.sd,
        df=pooled.df,
        table_sd=equivalence.pooled_sd(table).sd,
        bias=agreement.mean_interval(y - x),
        top_bias=agreement.mean_interval(picked["difference"].to_numpy(dtype=np.float64)),
        expected_top_bias=float(curse.mean()) if len(curse) and np.isfinite(usual_runs).all() else math.nan,
        slope=agreement.slope(x, y),
        absolute=float(known["difference"].abs().mean()) if len(known) else math.nan,
        expected_absolute=agreement.expected_absolute(
            pooled.sd, known["real_n"].to_numpy(dtype=np.float64), known["table_n"].to_numpy(dtype=np.float64)
        ),
        tau=agreement.kendall(x, y),
        ceiling=agreement.noise_ceiling(x, pooled.sd, runs["table_n"], runs["real_n"], rng),
    )
