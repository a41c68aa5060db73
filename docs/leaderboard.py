"""The leaderboard, written from an archive: ranks, regrets, groups and costs of all its strategies.

``python -m docs.leaderboard`` writes what stands between the marks of the page ``docs/leaderboard.md``, from the
archive that comes along; ``python -m docs.leaderboard FILE`` from another.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from docs.strategies import ROOT, replaced, table
from harness import registry
from harness.checks import FloatArray
from harness.printable import counted
from reports.archive.file import Archive, find, read_archive
from reports.archive.standing import outdated
from reports.statistics.bootstrap import interval
from reports.statistics.ranks import average_ranks
from reports.study.comparisons import OPEN, pairwise, scores, standings
from reports.study.finals import finals
from reports.study.joined import only
from reports.study.opening import OpenOracle
from reports.study.provenance import budget_words
from reports.study.study import TABLE_REPETITIONS, Study, prepare
from reports.tables.numbers import MINUS, NONE, bracket, regret_words, three_digits

PAGE = ROOT / "docs" / "leaderboard.md"
BEGIN, END = "<!-- leaderboard: written by python -m docs.leaderboard -->\n", "<!-- end of leaderboard -->\n"
SHIPPED = "zoo"


@dataclass(frozen=True, eq=False)
class Board:
    """What a leaderboard is written from.

    Attributes
    ----------
    archive : Archive
    study : Study
        Of the strategies that are still what was run.
    outdated : mapping of str to str
        Why the others are left out, by label.
    """

    archive: Archive
    study: Study
    outdated: Mapping[str, str]


def board(archive: Archive, open_oracle: OpenOracle = registry.oracle) -> Board:
    """Judge the strategies of an archive; those of another version than is installed are left out."""
    old = outdated(archive)
    kept = [label for label in archive.results.labels if label not in old]
    return Board(archive, prepare(only(archive.results, kept), open_oracle), old)


def ranks_of(study: Study) -> dict[str, FloatArray]:
    """Return the ranks of all strategies within each replicate by final validation regret: (R, k) by benchmark."""
    values = finals(study)
    values = values[values["split"] == "validation"]
    found = {}
    for item in study.aligned:
        rows = values[values["benchmark"] == item.name]
        wide = rows.pivot_table(index="replicate", columns="label", values="regret")[list(study.labels)]
        found[item.name] = average_ranks(wide.to_numpy(dtype=np.float64))
    return found


def behind(study: Study, ranks: Mapping[str, FloatArray], first: str) -> dict[str, tuple[float, float, float]]:
    """Return by how much the mean rank of every strategy is above that of the first, with its 95 % interval, by label.

    The difference itself is resampled: replicates within benchmarks, jointly for all strategies.
    """
    samples = [
        study.resampler.counts(name, len(block), TABLE_REPETITIONS).T.astype(np.float64) @ block / len(block)
        for name, block in ranks.items()
    ]
    mean, sample = np.mean([block.mean(axis=0) for block in ranks.values()], axis=0), np.mean(samples, axis=0)
    place = study.labels.index(first)
    ends = interval(sample - sample[:, [place]], axis=0)
    numbers = np.stack([mean - mean[place], *ends], axis=1).tolist()
    return {label: (middle, low, high) for label, (middle, low, high) in zip(study.labels, numbers, strict=True)}


def first_group(study: Study, comparisons: pd.DataFrame, benchmark: str, ranks: Mapping[str, float]) -> set[str]:
    """Return the strategy of the lowest mean rank on a benchmark, and those not shown to differ from it."""
    best = min(ranks, key=lambda label: ranks[label])
    known = standings(comparisons, benchmark, "validation", best, study.checkpoints[-1])
    return {best, *(label for label, one in known.items() if one.state == OPEN)}


def overhead(study: Study, label: str) -> float:
    """Return the real seconds that a strategy spends for each trial, the mean over all of its runs."""
    runs = [steps.run for item in study.aligned for steps in item.steps[label]]
    return float(np.mean([run.overhead_seconds / run.evaluations[-1] for run in runs]))


def overall(study: Study, comparisons: pd.DataFrame) -> str:
    """Return a Markdown table: mean ranks over all benchmarks and on each, normalised regret, and cost."""
    ranks = ranks_of(study)
    by_benchmark = {
        name: dict(zip(study.labels, block.mean(axis=0).tolist(), strict=True)) for name, block in ranks.items()
    }
    groups = {name: first_group(study, comparisons, name, means) for name, means in by_benchmark.items()}
    ordered = scores(study, "validation").sort_values("rank", kind="stable")
    gaps = behind(study, ranks, str(ordered.iloc[0]["label"]))
    rows = []
    for place, row in enumerate(ordered.to_dict("records"), start=1):
        label = str(row["label"])
        each = [
            f"**{means[label]:.1f}**" if label in groups[name] else f"{means[label]:.1f}"
            for name, means in by_benchmark.items()
        ]
        mean = bracket(*[f"{row[key]:.2f}" for key in ("rank", "rank_low", "rank_high")])
        gap = bracket(*[f"{value:.2f}".replace("-", MINUS) for value in gaps[label]]) if place > 1 else NONE
        regret = bracket(*[f"{row[key]:.3f}" for key in ("gap", "gap_low", "gap_high")])
        rows.append((str(place), f"`{label}`", mean, gap, regret, *each, three_digits(overhead(study, label), 1e-6)))
    headers = (
        "", "strategy", "mean rank [95 % CI]", "behind the first [95 % CI]", "normalised regret [95 % CI]",
        *by_benchmark, "s a trial",
    )  # fmt: skip
    return table(headers, rows)


def regrets(study: Study, split: str) -> str:
    """Return a Markdown table: the mean final regret of every strategy on every benchmark by one split."""
    values = finals(study)
    values = values[values["split"] == split]
    shown = [item for item in study.aligned if split in item.truth.splits]
    means = values.groupby(["benchmark", "label"])["regret"].mean()
    order = scores(study, "validation").sort_values("rank", kind="stable")["label"]
    rows = [
        (f"`{label}`", *(regret_words(float(means[item.name, label]), item.truth.scales[split]) for item in shown))
        for label in order
    ]
    units = [f"{item.name}, {unit}" if (unit := item.truth.unit(split)) else item.name for item in shown]
    return table(("strategy", *units), rows)


def origins(archive: Archive, labels: Sequence[str]) -> str:
    """Return a Markdown table: which version of every strategy was run, with what, when, and where if not all there."""
    rows, several = [], len(archive.machines) > 1
    for label in labels:
        units = archive.of(label)
        shard = units[0].shard
        libraries = ", ".join(f"{name} {version}" for name, version in shard.versions.items())
        where = ["; ".join(sorted({unit.origin.machine for unit in units}))] * several
        rows.append((f"`{label}`", shard.version, libraries, max(unit.origin.date for unit in units), *where))
    return table(("strategy", "version", "libraries", "run until", *(["on"] * several)), rows)


def said(found: Board) -> str:
    """Return what stands between the marks of the page."""
    archive, study = found.archive, found.study
    spec, comparisons = study.spec, pairwise(study)
    pairs = int(comparisons["split"].eq("validation").sum())
    tables = ", ".join(f"{name} (`{facts.table_digest[:12]}`)" for name, facts in study.results.benchmarks.items())
    left = "; ".join(f"`{label}` ({why})" for label, why in found.outdated.items())
    tested = "test" in study.splits
    return "\n".join(
        [
            f"Archive `{archive.name}` of {archive.date}, SHA-256 `{archive.digest}`:",
            f"{counted(len(study.labels), 'strategy', 'strategies')}, {counted(spec.replicates, 'run')} of"
            f" {budget_words(spec)} each, seed {spec.seed}, on {tables}.",
            *([f"Left out until they are run again: {left}."] if left else []),
            "",
            "## Ranks and cost\n",
            "Strategies are ranked within each replicate by the validation regret of the final incumbent, judged by",
            "the mean over all trainings of the table; ranks are averaged over replicates, then over benchmarks.",
            "Normalised regret: 0 is the best of the table, 1 the mean of a uniform draw from it. Brackets: 95 %",
            "stratified bootstrap intervals, replicates resampled within benchmarks, that of a difference directly;",
            "where it holds 0, the order of the two may be luck; intervals are not adjusted for their number.",
            "**Bold**: the lowest mean rank of a benchmark, and",
            "what is not shown to differ from it (signed-rank tests of replicates, Holm-adjusted over",
            f"{pairs:,} comparisons, at 5 %); that no difference is shown does not say that there is none. Seconds a",
            "trial are real ones, of the wall clock, that the strategy itself spent, in equal shares where runs were",
            f"served as one batch; on {' and '.join(archive.machines)}.\n",
            overall(study, comparisons),
            "## Regret\n",
            "Mean over runs of the regret by validation of what was found.\n",
            regrets(study, "validation"),
            *(
                [
                    "By test, of the same choice: what is best by validation is not best by test, so that no search",
                    "comes down to 0.\n",
                    regrets(study, "test"),
                ]
                * tested
            ),
            "## What was run\n",
            origins(archive, study.labels),
        ]
    )


def page(written: str, found: Board) -> str:
    """Return the page with what stands between its marks written anew."""
    return replaced(written, BEGIN, END, said(found))


def main(given: Sequence[str]) -> None:
    """Write the page from an archive."""
    found = board(read_archive(find(given[0] if given else SHIPPED)))
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
