"""The parts of the page of final values from elsewhere."""

from __future__ import annotations

from collections import Counter

import pandas as pd

from harness.printable import counted
from reports.given.read import Given
from reports.given.tables import PAIRED_TEST, UNPAIRED_TEST, final_table, pair_table, rank_table
from reports.sections.section import Section
from reports.statistics.significance import ALPHA
from reports.tables.matrix import FirstScreen

NO_CHECKLIST = "The checklist of best practices in NAS research asks for what a file of final values does not hold."
"""What stands where a report of searches has its checklist."""
_FEW, _SOME = 10, 30


def sections(given: Given, found: pd.DataFrame) -> list[Section]:
    """Return the tables, sentences and methods of the page, of the pairs of `comparisons`."""
    tables = [final_table(given, found)]
    if len(given.strategies) > 1:
        tables.append(pair_table(given, found))
        if len(given.benchmarks) > 1:
            tables.append(rank_table(given))
    return [Section("Final values", tuple(headline(given, found)), (), tuple(tables), tuple(methods(given)))]


def first_screen(given: Given, found: pd.DataFrame) -> FirstScreen:
    """Return the verdict: who has the best mean most often, and on how few it is shown to be better than all."""
    firsts, alone = Counter[str](), Counter[str]()
    for benchmark, budget in given.ends:
        best = _best(given, benchmark, budget)
        rows = found[(found["benchmark"] == benchmark) & (found["budget"] == budget) & (found["better"] == best)]
        firsts[best] += 1
        alone[best] += len(rows) == len(given.values[benchmark, budget]) - 1
    (leader, count), ends = firsts.most_common(1)[0], len(given.ends)
    where = f"on {count} of {counted(ends, 'benchmark')}" if ends > 1 else f"on {given.ends[0][0]}"
    shown = f"on {alone[leader]} of them" if count > 1 else "there"
    said = f"shown to be better than all others {shown}" if alone[leader] else "not shown to be better than all others"
    sure = f"It is {said} (Holm, {ALPHA:.0%})."
    return FirstScreen(f"{leader} has the best mean {where}.", (sure,) if len(given.strategies) > 1 else ())


def _best(given: Given, benchmark: str, budget: float) -> str:
    """Return the strategy of the best mean."""
    group = given.values[benchmark, budget]
    means = {name: sum(runs.values()) / len(runs) for name, runs in group.items()}
    return (max if given.direction == "maximise" else min)(means, key=lambda name: means[name])


def headline(given: Given, found: pd.DataFrame) -> list[str]:
    """Say of each benchmark, at its last budget, which strategy is best and against how many that is shown."""
    said = []
    for benchmark, budget in given.ends:
        group = given.values[benchmark, budget]
        best = _best(given, benchmark, budget)
        others, mean = len(group) - 1, sum(group[best].values()) / len(group[best])
        rows = found[(found["benchmark"] == benchmark) & (found["budget"] == budget) & (found["better"] == best)]
        shown = f"shown to be better than {len(rows)} of {others} others (Holm, {ALPHA:.0%})" if others else "alone"
        said.append(f"{benchmark}: {best} has the best mean, {mean:.6g}, {shown}.")
    return said


def warnings(given: Given) -> list[str]:
    """Say what is little: few runs, and unequal numbers of them."""
    counts = [len(runs) for group in given.values.values() for runs in group.values()]
    said = []
    if min(counts) < _FEW:
        said.append(f"Of fewer than {_FEW} runs a bootstrap interval is too narrow; the fewest here are {min(counts)}.")
    elif min(counts) < _SOME:
        said.append(f"{_SOME} runs of each strategy or more are advised on tables; the fewest here are {min(counts)}.")
    if len(set(counts)) > 1:
        said.append("Strategies have unequal numbers of runs: what became of the others, the file does not say.")
    return said


def facts_words(given: Given) -> list[str]:
    """Say what the file holds, under the title."""
    counts = [len(runs) for group in given.values.values() for runs in group.values()]
    least, most = min(counts), max(counts)
    runs = counted(most, "replicate") if least == most else f"{least} to {most} replicates"
    return [
        f"{runs} each, from {given.name}.csv (sha256 {given.sha256[:12]}).",
        f"Benchmarks: {', '.join(given.benchmarks)}.",
        f"Strategies: {', '.join(given.strategies)}.",
    ]


def methods(given: Given) -> list[str]:
    """Say how values were compared."""
    test = PAIRED_TEST if given.paired else UNPAIRED_TEST
    pairs = (
        "Replicates of one number were declared to be pairs."
        if given.paired
        else "Replicates were not declared to be pairs, and are independent samples."
    )
    return [
        f"Values. Final values as they stand in the file; nothing was run or looked up. {pairs} No running maximum, no"
        " value is imputed.",
        f"Tests. {test[0].upper()}{test[1:]}, one family with Holm's correction over benchmarks, budgets and pairs; a"
        " test that could not reject whatever the data is not made.",
    ]
