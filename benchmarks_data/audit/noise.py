"""What a perfect optimiser can reach: noise between runs, the best row, and what validation tells about test."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks_data.audit.facts import Finding
from benchmarks_data.audit.subject import Subject
from benchmarks_data.file.runs import mean_over_runs
from harness.checks import BoolArray, FloatArray, IntArray

FEW = 30
"""Rows with several runs from which on their pooled noise is trusted by itself."""


def noise(subject: Subject) -> Iterator[Finding]:
    """Measure the spread between runs, of all rows and by quarters of quality, and the reliability of means."""
    for name in (subject.header.meaning.validation, subject.header.meaning.test):
        if name:
            yield from _noise_of(subject, name)


def _noise_of(subject: Subject, name: str) -> Iterator[Finding]:
    unit = subject.columns[name].unit
    final, at = _with_runs(subject, name)
    counts = np.count_nonzero(~np.isnan(final), axis=1)
    several = counts > 1
    if not several.any():
        yield Finding(
            "caution",
            "noise",
            f"{name} has one value for each row: how much another training would differ cannot be seen "
            "from this table.",
            "Do not read differences between good rows as real; repeat the best ones by training.",
        )
        return
    if at:
        yield Finding(
            "caution",
            "noise",
            f"{name} has one run for each row at the end; several there are {at}, and the noise below is of that.",
            "Do not read differences between good rows as real; repeat the best ones by training.",
        )
    means = mean_over_runs(final[:, :, None])[:, 0]
    sd = pooled_sd(final)
    quarters = by_quarter(final, means, maximised=subject.columns[name].direction == "maximise")
    share = reliability(means, sd, counts)
    good, poor = quarters[0], quarters[-1]
    parts = f"; {good:.3g} among the best quarter of rows, {poor:.3g} among the worst"
    if several.sum() < 4 * FEW or np.isnan([good, poor]).any():
        parts = f", over the {several.sum()} rows that have several"
    numbers = {
        "sd": sd,
        "sd_by_quarter_best_first": quarters,
        "rows_with_several_runs": int(several.sum()),
        "reliability_of_means": share,
        "reliability_of_one_run": reliability(means, sd, counts, single=True),
    }
    yield Finding(
        "fact",
        "noise",
        f"{name}: runs of one row have a standard deviation of {sd:.3g} {unit} (pooled){parts}. {share:.1%} of the "
        "variance of means is not noise.",
        numbers=numbers,
    )


def _with_runs(subject: Subject, name: str) -> tuple[FloatArray, str]:
    """Return the last values of a column that have several runs, (N, R), and where that is; "" for the end."""
    values, column, meaning = subject.values(name), subject.columns[name], subject.header.meaning
    places = sorted(meaning.places(column, values.shape[2]).items(), reverse=True)
    for fidelity, place in places:
        found = np.ascontiguousarray(values[:, :, place])
        if (np.count_nonzero(~np.isnan(found), axis=1) > 1).any():
            return found, "" if place == values.shape[2] - 1 else f"at {meaning.fidelities[fidelity].label}"
    return subject.final(name), ""


def pooled_sd(values: FloatArray) -> float:
    """Return the standard deviation between runs, pooled over rows: (N, R) with NaN for absent runs, to a number."""
    counts = np.count_nonzero(~np.isnan(values), axis=1)
    several = values[counts > 1]
    if not len(several):
        return float("nan")
    centred = several - np.nanmean(several, axis=1, keepdims=True)
    return float(np.sqrt(np.nansum(centred**2) / (counts[counts > 1] - 1).sum()))


def by_quarter(values: FloatArray, means: FloatArray, *, maximised: bool) -> list[float]:
    """Return the pooled standard deviation of each quarter of the rows, the best first; NaN where no row repeats."""
    known = np.flatnonzero(~np.isnan(means))
    order = known[np.argsort(-means[known] if maximised else means[known], kind="stable")]
    return [pooled_sd(values[part]) for part in np.array_split(order, 4)]


def reliability(means: FloatArray, sd: float, counts: IntArray, *, single: bool = False) -> float:
    """Return the share of the variance of row means that is not noise, in [0, 1]; with `single` of one run's values.

    ``s_b^2 / (s_b^2 + s_w^2 / n)`` with ``s_b^2 = max(0, var(means) - s_w^2 / n)``, n the harmonic mean of runs.
    """
    known = ~np.isnan(means) & (counts > 0)
    if np.count_nonzero(known) < 2:
        return float("nan")
    noise_of_means = sd**2 * float(np.mean(1.0 / counts[known]))
    between = max(0.0, float(np.var(means[known], ddof=1)) - noise_of_means)
    total = between + (sd**2 if single else noise_of_means)
    return between / total if total > 0 else 0.0


def optimum(subject: Subject) -> Iterator[Finding]:
    """Name the best row of the objective, and how many rows cannot be told from it."""
    for name in (subject.header.meaning.validation, subject.header.meaning.test):
        if not name or np.isnan(means := subject.mean(name)).all():
            continue
        column = subject.columns[name]
        sign = 1.0 if column.direction == "maximise" else -1.0
        row = int(np.nanargmax(sign * means))
        final = subject.final(name)
        counts = np.count_nonzero(~np.isnan(final), axis=1)
        sd, whose = _noise_of_good(final, sign * means)
        told = f"The best {name} is {means[row]:.6g} {column.unit}: row {row}, {subject.text(row)}"
        numbers = {"row": row, "value": float(means[row]), "runs": final[row][~np.isnan(final[row])].tolist()}
        if not np.isnan(sd):
            close = _near(sign * means, counts, row, sd)
            numbers |= {"rows_within_two_standard_errors": close}
            others = (
                f"{close - 1:,} further rows lie"
                if close > 2
                else ("no other row lies", "one other row lies")[close - 1]
            )
            told += f"; {others} within two standard errors of it (by the noise of {whose})"
        yield Finding("fact", "optimum", f"{told}.", numbers=numbers)


def _noise_of_good(values: FloatArray, means: FloatArray) -> tuple[float, str]:
    """Return the noise of the best quarter, or of all rows where too few of that quarter have several runs."""
    order = np.argsort(np.where(np.isnan(means), np.inf, -means), kind="stable")
    best = values[order[: -(-np.count_nonzero(~np.isnan(means)) // 4)]]
    enough = np.count_nonzero(np.count_nonzero(~np.isnan(best), axis=1) > 1) >= FEW
    return (pooled_sd(best), "good rows") if enough else (pooled_sd(values), "all rows")


def _near(means: FloatArray, counts: IntArray, row: int, sd: float) -> int:
    runs = np.maximum(counts, 1)
    error = sd * np.sqrt(1.0 / runs + 1.0 / runs[row])
    near: BoolArray = (means[row] - means) <= 2 * error
    return int(np.count_nonzero(near))


def floor(subject: Subject) -> Iterator[Finding]:
    """Compare validation with test over all rows: what choosing by validation costs on test, for any search."""
    validation, test = subject.header.meaning.validation, subject.header.meaning.test
    if not validation or not test:
        return
    valid, judged = subject.mean(validation), subject.mean(test)
    both = ~np.isnan(valid) & ~np.isnan(judged)
    if np.count_nonzero(both) < 3:
        return
    from scipy.stats import kendalltau  # dear to import, and needed here alone

    tau = float(kendalltau(valid[both], judged[both]).statistic)
    up, other = (1.0 if subject.columns[name].direction == "maximise" else -1.0 for name in (validation, test))
    chosen = int(np.argmax(np.where(both, up * valid, -np.inf)))
    best = int(np.argmax(np.where(both, other * judged, -np.inf)))
    regret = abs(float(judged[best] - judged[chosen]))
    unit = subject.columns[test].unit
    yield Finding(
        "fact",
        "floor",
        f"The row that is best by {validation} (row {chosen}) has {judged[chosen]:.6g} {unit} on {test}, the best "
        f"there is {judged[best]:.6g} (row {best}): a test regret of {regret:.3g} is the floor of every search by "
        f"validation. Kendall's tau between the two is {tau:.4f}.",
        "Give the floor beside test regrets.",
        {"kendall": tau, "regret": regret, "row_best_by_validation": chosen, "row_best_by_test": best},
    )
