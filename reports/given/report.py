"""The parts of the page of final values from elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pandas as pd

from harness.printable import counted
from reports.given.read import Given, sample
from reports.given.tables import PAIRED_TEST, UNPAIRED_TEST, final_table, mean_ranks, pair_table, rank_table, scale_of
from reports.sections.section import Section
from reports.statistics.significance import ALPHA
from reports.tables.matrix import FirstScreen
from reports.tables.numbers import value_words

NO_CHECKLIST = "The checklist of best practices in NAS research asks for what a file of final values does not hold."
"""What stands where a report of searches has its checklist."""
_FEW, _SOME = 10, 30
_HOLM = f"(Holm, {100 * ALPHA:g} %)"


def sections(given: Given, found: pd.DataFrame) -> list[Section]:
    """Return the tables, sentences and methods of the page, of the pairs of `comparisons`."""
    tables = [final_table(given, found)]
    if len(found):
        tables.append(pair_table(given, found))
    if len(given.strategies) > 1 and len(given.benchmarks) > 1 and mean_ranks(given)["benchmarks"].iloc[0]:
        tables.append(rank_table(given))
    return [Section("Final values", tuple(headline(given, found)), (), tuple(tables), tuple(methods(given)))]


def first_screen(given: Given, found: pd.DataFrame) -> FirstScreen:
    """Return the verdict: who alone has the best mean most often, and than whom it is shown to be better there."""
    ends = [end for end in given.ends if len(given.values[end]) > 1]
    if not ends:
        return FirstScreen("Nothing is compared: no benchmark has runs of two strategies.", ())
    best = {end: _best(given, *end) for end in ends}
    firsts = Counter(names[0] for names in best.values() if len(names) == 1)
    if not firsts:
        where = f"any of {len(ends)} benchmarks" if len(ends) > 1 else ends[0][0]
        return FirstScreen(f"No strategy alone has the best mean on {where}.", ())
    leader, count = firsts.most_common(1)[0]
    beaten = {end: _beaten(given, found, end, leader) for end in ends if best[end] == [leader]}
    where = f"on {count} of {len(ends)} benchmarks" if len(ends) > 1 else f"on {ends[0][0]}"
    return FirstScreen(f"{leader} has the best mean {where}.", (f"{_sure(given, beaten)}.",))


def _sure(given: Given, beaten: Mapping[tuple[str, float], int | None]) -> str:
    """Say of the strategy that has the best mean on some benchmarks how sure that is, by how many it beats on each."""
    others = {end: len(given.values[end]) - 1 for end in beaten}
    if len(beaten) == 1:
        (end, number), *_ = beaten.items()
        return f"It is {_shown(number, others[end])}"
    kinds = {
        "all others": sum(number == others[end] for end, number in beaten.items()),
        "some others": sum(0 < (number or 0) < others[end] for end, number in beaten.items()),
        "no other": sum(not number for number in beaten.values()),
    }
    each = [f"than {who} on {count}" for who, count in kinds.items() if count]
    return f"It is shown to be better {', '.join(each)} of these {_HOLM}"


def _shown(beaten: int | None, others: int) -> str:
    if beaten is None:
        return "not tested: there are too few runs"
    if others == 1:
        return f"{'' if beaten else 'not '}shown to be better than the other {_HOLM}"
    who = f"shown to be better than {beaten}" if beaten else "not shown to be better than any"
    return f"{who} of {others} others {_HOLM}"


def _beaten(given: Given, found: pd.DataFrame, end: tuple[str, float], best: str) -> int | None:
    """Return than how many others a strategy is shown to be better at an end; None where no pair of it is tested."""
    rows = found[(found["benchmark"] == end[0]) & (found["budget"] == end[1])]
    own = rows[(rows["a"] == best) | (rows["b"] == best)]
    return None if own["p_holm"].isna().all() else int((own["better"] == best).sum())


def _best(given: Given, benchmark: str, budget: float) -> list[str]:
    """Return the strategies of the best mean, as a table writes it with all its digits."""
    group = given.values[benchmark, budget]
    means = {name: float(sample(runs).mean()) for name, runs in group.items()}
    best = (max if given.direction == "maximise" else min)(means.values())
    return [name for name, mean in means.items() if abs(mean - best) <= scale_of(given, benchmark).resolution]


def headline(given: Given, found: pd.DataFrame) -> list[str]:
    """Say of each benchmark, at its last budget, which strategy is best and against how many that is shown."""
    said = []
    for end in given.ends:
        group, (best, *level) = given.values[end], _best(given, *end)
        mean = value_words(float(sample(group[best]).mean()), scale_of(given, end[0]))
        if level:
            text = f"{', '.join([best, *level[:-1]])} and {level[-1]} share the best mean, {mean}"
        elif len(group) == 1:
            text = f"{best} alone, with a mean of {mean}"
        else:
            text = f"{best} has the best mean, {mean}, {_shown(_beaten(given, found, end, best), len(group) - 1)}"
        said.append(f"{end[0]}: {text}.")
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
