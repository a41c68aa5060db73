"""The parts of the page of an evaluation of learners."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from harness.experiments.prediction import FEWEST_TESTED
from harness.printable import counted, printable
from reports.predictors import cost, growth, loop, reliability, table, winners
from reports.predictors.first_screen import first_screen as first_screen
from reports.predictors.results import TEST_WORDS, Evaluated, Target
from reports.sections.section import Section
from reports.study.provenance import told_of
from reports.tables.numbers import NONE

_MOST_NAMED = 4
"""Learners that a sentence names beside the best, and blocks without a result."""
NO_CHECKLIST = "The checklist of best practices in NAS research is about searches; this report evaluates learners."
"""What stands where a report of searches has its checklist."""


def sections(results: Evaluated) -> list[Section]:
    """Return the figures, tables, sentences and methods of the page."""
    figures = (
        *(growth.of_kendall(results, test) for test in results.tests),
        growth.of_regret(results, 10),
        loop.exhibit(results),
        cost.exhibit(results, "fit"),
        cost.exhibit(results, "query"),
        winners.exhibit(results),
        reliability.exhibit(results),
    )
    tables = (table.agreement(results), *table.others(results), *filter(None, [table.paid(results)]))
    return [
        Section("Learners", tuple(headline(results)), tuple(filter(None, figures)), tables, tuple(methods(results)))
    ]


def headline(results: Evaluated) -> list[str]:
    """Say which learner agrees best, at the smallest and the largest size, what it costs, and who searches best."""
    said = []
    for target in results.targets:
        parts = [part for column in sorted({0, len(results.sizes) - 1}) if (part := _winner(results, target, column))]
        if np.isfinite(target.ceiling):
            parts.append(f"one training agrees with the mean of the others at {target.ceiling:.2f}")
        ends = {label: float(one.end.mean()) for label, one in target.learnt.items() if np.isfinite(one.end).all()}
        if ends:
            least = min(ends.values())
            first = [label for label in ends if ends[label] == least]
            few = first if len(first) <= _MOST_NAMED else [f"{len(first)} learners"]
            unit = f" {target.unit}" if target.unit else ""
            against = f", random search at {target.random:.3g}" if np.isfinite(target.random) else ""
            parts.append(
                f"of searches of {results.search} evaluations those that {', '.join(few)}"
                f" {'guides' if len(first) == 1 else 'guide'} end at the least mean regret, {least:.3g}{unit}{against}"
            )
        if parts:
            said.append(f"{target.name}: {'; '.join(parts)}.")
    return said


def _winner(results: Evaluated, target: Target, column: int) -> str:
    won = winners.best(target, list(target.learnt), column)
    if won is None:
        return ""
    one = target.learnt[won.winner]
    also = ""
    if won.tied:
        few = won.tied if len(won.tied) <= _MOST_NAMED else [f"{len(won.tied)} others"]
        also = f", and {', '.join(few)} {'is' if len(won.tied) == 1 else 'are'} not shown to be worse"
    seconds = float(np.median(one.fit_seconds[:, column]))
    after = "after" if column else "After"
    return (
        f"{after} {results.sizes[column]} architectures {won.winner} agrees best with the table"
        f" (tau {one.tau(column):.2f}, a fit of {seconds:.2g} s){also}"
    )


def warnings(results: Evaluated) -> list[str]:
    """Say what is missing: blocks without a result, and what learners refused."""
    refused: dict[tuple[str, str], list[str]] = {}
    for target in results.targets:
        for label, one in target.learnt.items():
            for key, reason in one.reasons.items():
                what = "a search" if key == "search" else f"{key} architectures"
                refused.setdefault((f"{label} on {target.name}", reason), []).append(what)
    first, rest = results.missing[:_MOST_NAMED], len(results.missing) - _MOST_NAMED
    missing = [f"Without a result: {'; '.join([*first, *[f'{rest} more'] * (rest > 0)])}."] if first else []
    return [*missing, *(f"{who} has no result of {', '.join(what)}: {why}." for (who, why), what in refused.items())]


def methods(results: Evaluated) -> list[str]:
    """Say how it was measured."""
    tests = ", ".join(TEST_WORDS[name] for name in results.tests)
    sizes = ", ".join(map(str, results.sizes))
    searches = [
        f"Searches. {results.search} evaluations of NPENAS-NP with each learner, once in each trial: ten random"
        " architectures, the same for all learners; then the ten of the best predicted means among 100 mutants of the"
        " best, again and again. What is found is judged by the mean over the table's trainings."
    ] * bool(results.search)
    seen = {f"{label} {words}": None for target in results.targets for label, words in _seen(target)}
    unsearched = " Searches give a learner genes alone, so that these guide none." if results.search else ""
    beside = [
        f"Covariates. {'; '.join(seen)}. Curves are those of one training, the same that a label is of.{unsearched}"
    ]
    return [
        f"Sets. {counted(results.spec.replicates, 'trial')}; in each, up to {results.sizes[-1]} architectures drawn at"
        f" random are learnt from, {sizes} at a time, each by one training of the table, the same for all learners. No"
        " architecture that is tested computes the same function as one that is learnt from: of each functional class"
        f" one is taken. Tested on: {tests}, by the mean over the table's trainings.",
        "Times. CPU seconds of one process. Learners that can are fitted for all trials of a block at once; a time is"
        " the share of one.",
        *(beside if seen else []),
        "Undefined. A prediction without two values has no tau: it counts as 0. A test set of fewer than"
        f" {FEWEST_TESTED} architectures has no scores, and of fewer than 10 or 50 none are chosen: {NONE}.",
        *searches,
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
