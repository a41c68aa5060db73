"""The parts of the page of an evaluation of learners."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from harness.printable import counted, printable
from reports.predictors import cost, growth, reliability, table, winners
from reports.predictors.results import TEST_WORDS, Evaluated, Target
from reports.sections.section import Section
from reports.study.provenance import told_of

NO_CHECKLIST = "The checklist of best practices in NAS research is about searches; this report evaluates learners."
"""What stands where a report of searches has its checklist."""


def sections(results: Evaluated) -> list[Section]:
    """Return the figures, tables, sentences and methods of the page."""
    honest = reliability.exhibit(results)
    figures = (
        *(growth.of_kendall(results, test) for test in results.tests),
        growth.of_regret(results, 10),
        cost.exhibit(results, "fit"),
        cost.exhibit(results, "query"),
        winners.exhibit(results),
        *([] if honest is None else [honest]),
    )
    tables = (table.agreement(results), table.details(results))
    return [Section("Learners", tuple(headline(results)), figures, tables, tuple(methods(results)))]


def headline(results: Evaluated) -> list[str]:
    """Say which learner agrees best, at the smallest and the largest size, and what it costs."""
    said = []
    for target in results.targets:
        labels, parts = list(target.learnt), []
        for column in sorted({0, len(results.sizes) - 1}):
            winner, tied = winners.best(target, labels, column)
            one = target.learnt[winner]
            tau = growth.interval(one.scores["kendall"][:, column, 0])[0]
            also = f", and {', '.join(tied)} {'is' if len(tied) == 1 else 'are'} not shown to be worse" if tied else ""
            seconds = float(np.median(one.fit_seconds[:, column]))
            parts.append(
                f"after {results.sizes[column]} architectures {winner} agrees best with the table (tau {tau:.2f}, a fit"
                f" of {seconds:.2g} s){also}"
            )
        top = (
            f"; one training agrees with the mean of the others at {target.ceiling:.2f}"
            if target.ceiling == target.ceiling
            else ""
        )
        said.append(f"{target.name}: {'; '.join(parts)}{top}.")
    return said


def methods(results: Evaluated) -> list[str]:
    """Say how it was measured."""
    tests = ", ".join(TEST_WORDS[name] for name in results.tests)
    sizes = ", ".join(map(str, results.sizes))
    seen = {f"{label} {words}": None for target in results.targets for label, words in _seen(target)}
    beside = [f"Covariates. {'; '.join(seen)}. Curves are those of one training, the same that a label is of."]
    return [
        f"Sets. {counted(results.spec.replicates, 'trial')}; in each, up to {results.sizes[-1]} architectures drawn at"
        f" random are learnt from, {sizes} at a time, each by one training of the table, the same for all learners. No"
        " architecture that is tested computes the same function as one that is learnt from: of each functional class"
        f" one is taken. Tested on: {tests}, by the mean over the table's trainings.",
        "Times. CPU seconds of one process. Learners that can are fitted for all trials of a block at once; a time is"
        " the share of one.",
        *(beside if seen else []),
        "Undefined. A prediction without two values has no tau: it counts as 0.",
    ]


def _seen(target: Target) -> Iterator[tuple[str, str]]:
    """Yield the label of each learner that sees something of an architecture beside its genes, and what."""
    for label, one in target.learnt.items():
        parts = []
        if one.signals:
            names = ", ".join(map(printable, one.signals))
            unknown = [printable(name) for name, seconds in one.signals.items() if seconds is None]
            cost = f"{one.signal_seconds:.3g} s for each candidate of {target.name}"
            cost += f", without what nobody measured ({', '.join(unknown)})" if unknown else ""
            parts.append(f"{names} ({cost})")
        if one.epochs:
            cost = f"{one.begun:.3g} of a full training for each candidate of {target.name}"
            parts.append(f"the first {one.epochs} of {one.schedule} epochs of the curve ({cost})")
        if parts:
            yield label, f"reads {' and '.join(parts)}"


def facts_words(results: Evaluated) -> list[str]:
    """Say what was evaluated on what, under the title."""
    sizes = ", ".join(map(str, results.sizes))
    return [
        f"{counted(results.spec.replicates, 'trial')}, {sizes} architectures learnt from.",
        f"Benchmarks: {', '.join(target.name for target in results.targets)}.",
        f"Learners: {', '.join(results.labels)}.",
    ]


def sources(results: Evaluated) -> list[dict[str, str]]:
    """Return sha256, and where they are known title, licence and citation of every benchmark."""
    about = {target.facts.name: target for target in results.targets}
    return [
        {"benchmark": target.name, "sha256": target.facts.table_digest} | told_of(target.about)
        for target in about.values()
    ]
