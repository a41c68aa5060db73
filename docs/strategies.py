"""Tables of strategies, written from the registry and from results: the one in README and the one of the tournament.

``python -m docs.strategies`` writes README's and that of the page ``docs/strategies.md``; with folders of results,
``python -m docs.strategies results/zoo results/pareto``, also the page's sections of these, in which strategies stand
side by side.  Folders of one protocol (benchmarks, budget, replicates, seed, all but the strategies) are one section,
under the name of the first: ``results/zoo results/zoo-guided`` is one table, with ranks over all.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from harness import registry
from harness.checks import FloatArray
from harness.digests import sha256_of
from harness.errors import ResultError
from harness.experiments.results import Results, read_results
from harness.experiments.spec import StrategySpec
from harness.names import BUILT_IN
from harness.printable import counted
from harness.strategy import Strategy
from reports.study.align import Steps
from reports.study.comparisons import scores
from reports.study.finals import regrets_of
from reports.study.provenance import budget_words
from reports.study.study import Study, prepare
from reports.tables.numbers import bracket, regret_words, three_digits

ROOT = Path(__file__).parent.parent
README, PAGE = ROOT / "README.md", ROOT / "docs" / "strategies.md"
BEGIN, END = "<!-- strategies: written by python -m docs.strategies -->\n", "<!-- end of strategies -->\n"


def built_in() -> dict[str, type[Strategy]]:
    """Return the strategies that come along, by name, in the order of families."""
    found = {name: registry.strategy(name) for name in registry.providers("strategy")[BUILT_IN]}
    families = list(dict.fromkeys(found[name].family for name in found))
    return dict(sorted(found.items(), key=lambda item: families.index(item[1].family)))


def overview(*, takes: bool = True) -> str:
    """Return a Markdown table: what every strategy is and, unless the page is narrow, what problems it takes."""
    rows = [
        (
            f"`{name}`",
            strategy.family,
            strategy.paper,
            str(strategy.year or ""),
            (strategy.default_surrogate or {}).get("name", ""),
            *([str(strategy.takes)] if takes else []),
        )
        for name, strategy in built_in().items()
    ]
    return table(("name", "family", "paper", "year", "learns with", *(["takes"] if takes else [])), rows)


def side_by_side(study: Study) -> str:
    """Return a Markdown table: regrets at thirds of the budget on every benchmark, cost and rank of every strategy."""
    budget = study.aligned[0].final_budget
    thirds = [budget / 3, 2 * budget / 3]
    checkpoints = (*(map(round, thirds) if budget > 3 else thirds), budget)
    ranks = {row["label"]: row for row in scores(study, "validation").to_dict("records")}
    parts = []
    for item in study.aligned:
        scale = item.truth.scales["validation"]
        rows = []
        for label in study.labels:
            cells = [label]
            for checkpoint in checkpoints:
                regrets = regrets_of(item, "validation", label, checkpoint)
                cells += [regret_words(float(middle), scale) for middle in (np.median(regrets), np.mean(regrets))]
            rows.append((*cells, three_digits(_seconds(item.steps[label]))))
        heads = [f"{word} at {checkpoint:.3g}" for checkpoint in checkpoints for word in ("median", "mean")]
        headers = ("strategy", *heads, "seconds")
        unit = "" if study.several else f" ({item.truth.unit('validation')})"
        parts.append(f"### {item.name}{unit}\n\n{table(headers, rows)}")
    overall = [
        (
            label,
            bracket(*[f"{ranks[label][key]:.2f}" for key in ("rank", "rank_low", "rank_high")]),
            three_digits(float(np.mean([_seconds(item.steps[label]) for item in study.aligned]))),
        )
        for label in sorted(study.labels, key=lambda label: ranks[label]["rank"])
    ]
    ranked = table(("strategy", "mean rank [95 % CI]", "seconds a run"), overall)
    return "\n".join([f"### All benchmarks\n\n{ranked}", *parts])


def fraction(random: FloatArray, reached: FloatArray, ceiling: FloatArray) -> float:
    """Return which part of the way from random search to its ceiling a search went: regrets of runs, (n,) each.

    0 is as good as random search, 1 as good as a predictor that is always right; by means.  NaN where both are equal.
    """
    way = float(random.mean() - ceiling.mean())
    return float(random.mean() - reached.mean()) / way if way else float("nan")


def ceilings(study: Study) -> str:
    """Return a Markdown table for each benchmark: regrets of strategies, their ceilings, and how near they come."""
    chosen = {item.label: item for item in study.spec.strategies}
    perfect = {label: item for label, item in chosen.items() if (item.surrogate or {}).get("name") == "perfect"}
    pairs = [(label, top) for top, item in perfect.items() for label in chosen.keys() - perfect if label == item.name]
    if study.several or "random_search" not in chosen or not pairs:
        return ""
    budget, parts = study.aligned[0].final_budget, []
    points = [round(budget / 3), round(2 * budget / 3), round(budget)]
    for item in study.aligned:
        rows, scale = [], item.truth.scales["validation"]
        for label, top in pairs:
            cells = [label]
            for point in points:
                random, reached, best = (
                    regrets_of(item, "validation", one, point) for one in ("random_search", label, top)
                )
                cells += [regret_words(float(np.mean(best)), scale), f"{fraction(random, reached, best):.2f}"]
            rows.append(cells)
        heads = [f"{word} at {point}" for point in points for word in ("ceiling", "fraction")]
        parts.append(
            f"### How near to the ceiling: {item.name}\n\nMean regret with the learner `perfect`, and which part of the"
            f" way from random search to it was gone.\n\n{table(('strategy', *heads), rows)}"
        )
    return "\n".join(parts)


def _seconds(steps: Sequence[Steps]) -> float:
    return float(np.mean([step.run.overhead_seconds for step in steps]))


def by_protocol(given: Sequence[Results]) -> list[list[Results]]:
    """Return results grouped by what their strategies were run on and how, each group in the order given."""
    groups: dict[str, list[Results]] = {}
    for results in given:
        apart = ("name", "strategies", "report")
        protocol = {key: value for key, value in results.spec.as_dict().items() if key not in apart}
        tables = {name: facts.table_digest for name, facts in results.benchmarks.items()}
        groups.setdefault(sha256_of({"protocol": protocol, "tables": tables}), []).append(results)
    return list(groups.values())


def joined(parts: Sequence[Results]) -> Results:
    """Return results of one protocol as those of one experiment, which has the name of the first.

    A strategy that several have, under one label, is taken from the first that has it.

    Raises
    ------
    ResultError
        If one label is that of different strategies.
    """
    chosen: dict[str, StrategySpec] = {}
    runs, missing = [], []
    for part in parts:
        new = {item.label: item for item in part.spec.strategies if chosen.get(item.label) != item}
        if twice := sorted(new.keys() & chosen):
            raise ResultError(f"the label '{twice[0]}' is that of different strategies; give one another `label`")
        chosen |= new
        runs += [run for run in part.runs if run.label in new]
        missing += [shard for shard in part.missing if shard[1] in new]
    first, places = parts[0], list(parts[0].benchmarks)
    runs.sort(key=lambda run: places.index(run.benchmark))
    spec = replace(first.spec, strategies=tuple(chosen.values()))
    return Results(spec, first.benchmarks, tuple(runs), tuple(missing), first.folder)


def section(study: Study, names: Sequence[str]) -> str:
    """Return what examples say of their strategies, as a section of the page: the results of specs of some names."""
    spec = study.spec
    measure = "Hypervolume gap of the front" if study.several else "Validation regret of the incumbent"
    workers = f", {spec.n_workers} simulated workers" if spec.n_workers > 1 else ""
    examples = " and ".join(f"`examples/{name}.toml`" for name in names)
    sources = "that spec; its report has" if len(names) == 1 else "these specs; their reports have"
    return "\n".join(
        [
            f"{HEAD}{spec.name}\n",
            f"{examples}: {spec.replicates} runs of {budget_words(spec)}{workers} on"
            f" {counted(len(study.aligned), 'benchmark')}. {measure}, judged by the mean of the",
            "table; seconds are real ones, of the wall clock, that a run's strategy spent, in equal shares where runs",
            "were served as one batch; other work on the machine lengthens them. Made by `python -m docs.strategies`",
            f"from the results of {sources} figures, intervals and tests. Where many",
            "strategies end within the noise of one training, compare means and ranks, not medians.\n",
            side_by_side(study),
            *filter(None, [ceilings(study)]),
        ]
    )


HEAD = "## Side by side: "
"""Begin of the section of an example."""


def page(written: str, studies: Mapping[tuple[str, ...], Study]) -> str:
    """Return the page of strategies as MyST text: what it says of other examples than those given stays.

    Parameters
    ----------
    written : str
        The page as it is.
    studies : mapping of tuple of str to Study
        By the names of the examples that each has joined; the first is that of its section.
    """
    parts = {part.partition("\n")[0]: HEAD + part for part in written.split(HEAD)[1:]}
    for names, study in studies.items():
        parts[study.spec.name] = section(study, names)
        for name in names[1:]:
            parts.pop(name, None)
    return "\n".join(
        [
            "# Strategies\n",
            "What comes along, with the paper of each and the learner that it uses unless a spec names another. What",
            "problems each takes says `nas-harness list strategies`; defaults, departures and hyperparameters",
            "`nas-harness describe NAME`.\n",
            overview(takes=False),
            *(part.rstrip("\n") + "\n" for part in parts.values()),
        ]
    )


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [headers, ["---"] * len(headers), *rows]
    return "".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |\n" for line in lines)


def with_overview(readme: str) -> str:
    """Return README's text with the table of strategies as it is now."""
    return replaced(readme, BEGIN, END, overview())


def replaced(text: str, begin: str, end: str, part: str) -> str:
    """Return a text with another part between two marks."""
    before, _, rest = text.partition(begin)
    return f"{before}{begin}\n{part}\n{end}{rest.partition(end)[2]}"


def main(given: Sequence[str]) -> None:
    """Write README's table and the page, with what folders of results say of their strategies."""
    README.write_text(with_overview(README.read_text(encoding="utf-8")), encoding="utf-8")
    groups = by_protocol([read_results(folder) for folder in given])
    studies = {tuple(results.spec.name for results in parts): prepare(joined(parts)) for parts in groups}
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), studies), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
