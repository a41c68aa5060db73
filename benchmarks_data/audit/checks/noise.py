"""Checks of noise: the spread between trainings of a row, and how far means can be relied on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks_data.audit.findings import Finding
from benchmarks_data.audit.subject import Subject
from benchmarks_data.file.trainings import mean_over_trainings
from harness.checks import FloatArray, IntArray

FEW = 30
"""Rows with several trainings from which on their pooled noise is trusted by itself."""


def noise(subject: Subject) -> Iterator[Finding]:
    """Measure the spread between trainings, of all rows and by quarters of quality, and the reliability of means."""
    for name in (subject.header.meaning.validation, subject.header.meaning.test):
        if name:
            yield from _noise_of(subject, name)


def _noise_of(subject: Subject, name: str) -> Iterator[Finding]:
    unit = subject.columns[name].unit
    final, at = _with_trainings(subject, name)
    counts = np.count_nonzero(~np.isnan(final), axis=1)
    several = counts > 1
    remedy = "Do not read differences between good rows as real; repeat the best ones by training."
    if not several.any():
        sentence = "how much another training would differ cannot be seen from this table."
        yield Finding("caution", "noise", f"{name} has one value for each row: {sentence}", remedy)
        return
    if at:
        sentence = f"several there are {at}, and the noise below is of that."
        yield Finding("caution", "noise", f"{name} has one run for each row at the end; {sentence}", remedy)
    means = mean_over_trainings(final[:, :, None])[:, 0]
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


def _with_trainings(subject: Subject, name: str) -> tuple[FloatArray, str]:
    """Return the last values of a column that have several trainings, (N, R), and where that is; "" for the end."""
    values, column, meaning = subject.values(name), subject.columns[name], subject.header.meaning
    places = sorted(meaning.places(column, values.shape[2]).items(), reverse=True)
    for fidelity, place in places:
        last = np.ascontiguousarray(values[:, :, place])
        if (np.count_nonzero(~np.isnan(last), axis=1) > 1).any():
            return last, "" if place == values.shape[2] - 1 else f"at {meaning.fidelities[fidelity].label}"
    return subject.final(name), ""


def pooled_sd(values: FloatArray) -> float:
    """Return the standard deviation between trainings, pooled over rows: (N, R), NaN for absent ones, to a number."""
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
    """Return the share of the variance of row means that is not noise, in [0, 1]; with `single` of single values.

    ``s_b^2 / (s_b^2 + s_w^2 / n)`` with ``s_b^2 = max(0, var(means) - s_w^2 / n)``, n the harmonic mean of trainings.
    """
    known = ~np.isnan(means) & (counts > 0)
    if np.count_nonzero(known) < 2:
        return float("nan")
    noise_of_means = sd**2 * float(np.mean(1.0 / counts[known]))
    between = max(0.0, float(np.var(means[known], ddof=1)) - noise_of_means)
    total = between + (sd**2 if single else noise_of_means)
    return between / total if total > 0 else 0.0
