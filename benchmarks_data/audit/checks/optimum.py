"""Checks of the optimum: the best row, what cannot be told from it, and what choosing by validation costs on test."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks_data.audit.checks.noise import FEW, pooled_sd
from benchmarks_data.audit.findings import Finding
from benchmarks_data.audit.subject import Subject
from harness.checks import FloatArray, IntArray


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
        sentence = f"The best {name} is {means[row]:.6g} {column.unit}: row {row}, {subject.text(row)}"
        numbers = {"row": row, "value": float(means[row]), "runs": final[row][~np.isnan(final[row])].tolist()}
        if not np.isnan(sd):
            close = _near(sign * means, counts, row, sd)
            numbers |= {"rows_within_two_standard_errors": close}
            others = (
                f"{close - 1:,} further rows lie"
                if close > 2
                else ("no other row lies", "one other row lies")[close - 1]
            )
            sentence += f"; {others} within two standard errors of it (by the noise of {whose})"
        yield Finding("fact", "optimum", f"{sentence}.", numbers=numbers)


def _noise_of_good(values: FloatArray, means: FloatArray) -> tuple[float, str]:
    """Return the noise of the best quarter, or of all rows where too few of that quarter have several trainings."""
    order = np.argsort(np.where(np.isnan(means), np.inf, -means), kind="stable")
    best = values[order[: -(-np.count_nonzero(~np.isnan(means)) // 4)]]
    enough = np.count_nonzero(np.count_nonzero(~np.isnan(best), axis=1) > 1) >= FEW
    return (pooled_sd(best), "good rows") if enough else (pooled_sd(values), "all rows")


def _near(means: FloatArray, counts: IntArray, row: int, sd: float) -> int:
    trainings = np.maximum(counts, 1)
    error = sd * np.sqrt(1.0 / trainings + 1.0 / trainings[row])
    return int(np.count_nonzero((means[row] - means) <= 2 * error))


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
