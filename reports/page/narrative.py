"""Sentences of the page, computed from the data: headline, warnings, methods, what is left out and why."""

from __future__ import annotations

import pandas as pd

from harness.printable import counted
from reports.study.align import Aligned
from reports.study.comparisons import NOT_TESTED, OPEN, WORSE, omnibus, scores, standings
from reports.study.finals import LEFT_OUT, best_first, summary
from reports.study.front_reference import RUNS, FrontReference
from reports.study.provenance import budget_sentence, budget_words, library_versions
from reports.study.study import CURVE_REPETITIONS, DRAWN, MOST_DRAWN, TABLE_REPETITIONS, Study
from reports.study.truth import PROTOCOL
from reports.study.wording import (
    CENTRE_WORDS,
    a_holder,
    constraint_words,
    incumbent_words,
    is_constrained,
    lead,
    noise_sentence,
    regret_sentence,
    split_word,
    split_words,
    told_sentence,
    worst_label,
)
from reports.tables.numbers import bracket, p_value, regret_words, three_digits

_TOLD = 4
"""Strategies that a sentence names where there are very many."""
_CENTRE = {"median": "median", "iqm": "interquartile-mean"}


def headline(study: Study, comparisons: pd.DataFrame) -> list[str]:
    """Return who wins where, by how much, how sure: one sentence or two for each benchmark, then over all."""
    sentences = []
    for split in study.splits:
        data = summary(study, split)
        for item in study.aligned:
            if split in item.truth.splits and not item.has_incumbent:
                sentences.append(no_winner(study, item, split))
            elif split in item.truth.splits:
                rows = data[(data["benchmark"] == item.name) & (data["missing"] == LEFT_OUT)]
                sentences.append(_benchmark_sentence(study, comparisons, item, split, rows))
    if len(study.aligned) > 1 and len(study.labels) > 1:
        table = scores(study, "validation").sort_values("rank")
        if len(table) and not table["rank"].isna().any():
            ranked = table.to_dict("records")
            places = [
                f"{row['label']} {row['rank']:.2f} [{row['rank_low']:.2f}, {row['rank_high']:.2f}]"
                for row in ranked[: len(ranked) if len(ranked) <= MOST_DRAWN else DRAWN]
            ]
            places += [f"and {len(ranked) - len(places)} others behind"] if len(places) < len(ranked) else []
            over = counted(int(table["benchmarks"].iloc[0]), "benchmark")
            sentences.append(f"Mean rank over {over}, 1 is best: {', '.join(places)}.")
    return sentences


def no_winner(study: Study, item: Aligned, split: str) -> str:
    """Say of a benchmark on which no run found anything why there is no winner."""
    what = "a feasible architecture" if item.truth.constraints else "an architecture"
    text = f"{lead(item, split)}: No run ends with {what} within {budget_words(study.spec)}, so there is no winner"
    cheapest, budget = item.truth.cheapest_seconds, study.spec.budget.seconds
    if budget is not None and cheapest > budget:
        text += f"; the cheapest training of the table takes {three_digits(cheapest)} simulated seconds"
    return text + "."


def _benchmark_sentence(study: Study, comparisons: pd.DataFrame, item: Aligned, split: str, rows: pd.DataFrame) -> str:
    unit = item.truth.unit(split)
    first, *others = best_first(rows).to_dict("records")
    best, value = str(first["label"]), first["regret"]
    level = [str(row["label"]) for row in others if row["regret"] == value]
    scale = item.truth.scales[split]
    shown = bracket(*[regret_words(first[key], scale) for key in ("regret", "regret_low", "regret_high")])
    measured = "points" if unit == "percentage points" else unit
    what = f"{_CENTRE[study.centre]} {split_word(item.truth, split)} {study.measure}"
    finding = f"the lowest {what}, {shown} {measured}".strip()
    if level:
        text = f"{lead(item, split)}: {listed([best, *level])} share {finding} (interval of {best})"
    else:
        text = f"{lead(item, split)}: {best} ends with {finding}"
    if not others:
        return text + "."
    behind = [row for row in others if row["regret"] != value]
    told = [f"{row['label']} with {regret_words(row['regret'], scale)}" for row in behind]
    if len(told) > MOST_DRAWN:
        told = [
            *told[:_TOLD],
            f"{len(told) - _TOLD} others with {regret_words(behind[_TOLD]['regret'], scale)} or more",
        ]
    rest = ", ".join(told)
    text += f"; {rest}. " if rest else ". "
    known = standings(comparisons, item.name, split, best, study.checkpoints[-1])
    beaten = [name for name, standing in known.items() if standing.state == WORSE]
    still = [name for name, standing in known.items() if standing.state == OPEN]
    parts = []
    if beaten:
        largest = p_value(max(known[name].p_holm for name in beaten))
        sign = "p " if largest.startswith("<") else ("p = " if len(beaten) == 1 else "p up to ")
        sure = f"Holm-adjusted {sign}{largest}".replace("<", "< ")
        parts.append(f"{best if level else 'it'} is better than {listed(beaten)} ({sure})")
    if still:
        parts.append(f"no difference{f' of {best}' if level else ''} from {listed(still, 'or')} is shown")
    if not parts:
        parts.append("too few replicates to test")
    joined = "; ".join(parts)
    return text + (joined if level and beaten else joined[0].upper() + joined[1:]) + "."


def listed(names: list[str], word: str = "and") -> str:
    """Return names as a sentence lists them: "a, b and c"; of very many the first, and how many others."""
    if len(names) > MOST_DRAWN:
        names = [*names[:_TOLD], f"{len(names) - _TOLD} others"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"


def warnings(study: Study, comparisons: pd.DataFrame) -> list[str]:
    """Return what a reader must know before believing the numbers."""
    sentences = []
    if study.results.missing:
        runs = sum(stop - first for _, _, first, stop in study.results.missing)
        sentences.append(
            f"{counted(runs, 'run')} {'is' if runs == 1 else 'are'} missing. Figures show what exists; tables and tests"
            f" are given twice: with the missing runs left out, and with {worst_label(study)} in their place."
        )
    n = study.spec.replicates
    if n == 1:
        sentences.append("Of 1 replicate no spread is known: an interval is the value itself, not how sure it is.")
    elif n < 10:
        sentences.append(f"With {counted(n, 'replicate')} the bootstrap intervals are too narrow.")
    elif n < 30:
        sentences.append(f"{n} replicates are few where evaluations are look-ups; 30 or more are advised.")
    refused = comparisons[comparisons["verdict"].str.startswith(NOT_TESTED)] if len(comparisons) else comparisons
    for split, rows in refused.groupby("split", sort=False):
        refused_words = f"{'is' if len(rows) == 1 else 'are'} {rows['verdict'].iloc[0]}"
        word = split_words(study, str(split))
        sentences.append(f"{counted(len(rows), 'comparison')} by {word} {study.measure} {refused_words}.")
    for item in study.aligned:
        without = {label: sum(len(steps.rows) == 0 for steps in group) for label, group in item.steps.items()}
        if any(without.values()):
            what = "feasible architecture" if item.truth.constraints else study.holder
            total = sum(map(len, item.steps.values()))
            each = ", ".join(f"{label} {k} of {len(item.steps[label])}" for label, k in without.items() if k)
            sentences.append(
                f"{item.name}: no {what} in {sum(without.values())} of {counted(total, 'run')} ({each})."
                + (f" These runs count as {worst_label(study)}." if item.has_incumbent else "")
            )
    return sentences


def methods(study: Study) -> list[str]:
    """Return the methods in paragraphs."""
    centre = CENTRE_WORDS[study.centre]
    constraints = constraint_words(study)
    feasible = f" Only architectures that keep {constraints} are eligible." if constraints else ""
    protocols = [item for item in study.aligned if item.truth.kind == PROTOCOL]
    policy = "with replacement" if any(law and law.replacement for law in study.references.values()) else "distinct"
    unknown = [name for name, law in study.references.items() if law is None]
    known = len(unknown) < len(study.references)
    exact = (
        f"Reference. The dotted line is {_random_search(study, centre)} for"
        f" uniform draws from the space ({policy}) that are told what strategies are told; {_needs(study)}shows"
        " where the random search of this experiment must lie"
    )
    exact += (
        " at the end: before it, parallel workers bring short trainings first." if study.spec.n_workers > 1 else "."
    )
    if not any(item.has_incumbent for item in study.aligned):
        exact = f"Reference. No exact random search is drawn: no run has {a_holder(study)}."
    elif not known:
        where = "under constraints" if is_constrained(study) else "here"
        exact = f"Reference. No exact random search is drawn: it is not known in closed form {where}."
    elif unknown:
        exact += f" It is not drawn for {', '.join(unknown)}, where it is not known in closed form."
    versions = ", ".join(f"{name} {number}" for name, number in library_versions().items())
    declared = "; ".join(f"{item.name}: {item.truth.protocol}" for item in protocols)
    return [
        f"Runs. {counted(study.spec.replicates, 'replicate')} of {counted(len(study.labels), 'strategy', 'strategies')}"
        f" on {counted(len(study.aligned), 'benchmark')}, root seed {study.spec.seed}. {budget_sentence(study)}"
        f" {noise_sentence(study)} {told_sentence(study)}",
        *([f"Protocols. Tables without validation data were searched by agreement. {declared}."] if declared else []),
        f"Measures. {incumbent_words(study)}; ties go to the"
        f" earliest and failed evaluations never count.{feasible} {regret_sentence(study)}"
        " Curves are right-continuous steps, without interpolation or a running maximum of values the strategy did not"
        " see.",
        f"Statistics. Lines are the {centre} over replicates with 95 % percentile bootstrap intervals"
        f" ({CURVE_REPETITIONS:,} resamples for curves, {TABLE_REPETITIONS:,} for tables; replicates resampled within"
        " benchmarks, jointly for all strategies). Pairs are compared with the Wilcoxon signed-rank test (Pratt's"
        " treatment of zeros), Holm-adjusted over benchmarks, pairs and checkpoints together; effect sizes are the"
        f" matched-pairs rank-biserial correlation and the probability of improvement. {omnibus(study)}",
        exact,
        f"Versions. {versions}. Spec sha256 {study.resampler.digest}.",
    ]


def _random_search(study: Study, centre: str) -> str:
    """Return what of random search is drawn, and how it is known."""
    if not study.several:
        return f"the {centre} of random search, computed from the table in closed form"
    laws = [law for law in study.references.values() if isinstance(law, FrontReference)]
    exact = "the mean of random search, the integral of the probability that the front reaches a point,"
    simulated = f"the {centre} of {RUNS} simulated runs"
    known = {law.is_exact(split) for law in laws for split in law.truth.splits}
    if known == {True}:
        return exact
    if known == {False}:
        return f"{simulated} of random search, made for this page,"
    return f"{exact} where two objectives are told without noise and judged by validation, and else {simulated},"


def _needs(study: Study) -> str:
    """Say of the dotted line that nothing is simulated for it, where that is so."""
    laws = [law for law in study.references.values() if isinstance(law, FrontReference)]
    drawn = any(not law.is_exact(split) for law in laws for split in law.truth.splits)
    return "it " if drawn else "it needs no runs, and "


def missing_reasons(study: Study) -> list[str]:
    """Return which figures are left out for which benchmarks, and why."""
    reasons: dict[str, list[str]] = {}
    for item in study.aligned:
        if not item.has_incumbent:
            reason = f"No figures and comparisons for {{}}: no run has {a_holder(study)}."
            reasons.setdefault(reason, []).append(item.name)
        if item.truth.why_no_test:
            reasons.setdefault(f"No test figures for {{}}: {item.truth.why_no_test}.", []).append(item.name)
        if "seconds" not in item.axes:
            reason = "No figures against simulated time for {}: the table has no training seconds."
            reasons.setdefault(reason, []).append(item.name)
    sentences = [reason.format(listed(names)) for reason, names in reasons.items()]
    if len(study.labels) < 2:
        sentences.append("No ranks and no comparisons: there is one strategy only.")
    return sentences
