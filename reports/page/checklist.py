"""The checklist of best practices in NAS research, answered as far as results can."""

from __future__ import annotations

from dataclasses import dataclass

from harness.names import read
from harness.printable import counted
from reports.page.narrative import listed
from reports.study.align import AXIS_LABEL
from reports.study.provenance import budget_words, library_versions
from reports.study.study import Study
from reports.study.truth import LIVE, PROTOCOL, SURROGATE, TABLE
from reports.study.wording import as_sentence, by_kind
from reports.tuning.choice import tuned_of


def _over_time(study: Study) -> str:
    """Say against what performance is shown: what all benchmarks have, then what some have."""
    shared = [AXIS_LABEL[axis] for axis in AXIS_LABEL if all(axis in item.axes for item in study.aligned)]
    text = f"Against {' and '.join(shared)}" if shared else ""
    for axis, label in AXIS_LABEL.items():
        names = [item.name for item in study.aligned if axis in item.axes]
        if names and label not in shared:
            text += f"{', and against' if text else 'Against'} {label} on {', '.join(names)}"
    return f"{text}."


@dataclass(frozen=True)
class Item:
    """One item of the best-practice checklist: the demand, how it is met, and in words."""

    demand: str
    state: str
    answer: str


def checklist(study: Study) -> list[Item]:
    """Answer the NAS best-practice checklist (Lindauer and Hutter, JMLR 21, 2020) as far as results can.

    States: "yes", "no", or "author" where only the author knows.
    """
    spec = study.spec
    n = spec.replicates
    has_random = any(read(strategy.name).own == "random_search" for strategy in spec.strategies)
    digests = "; ".join(f"{item.name} {item.truth.facts.table_digest[:12]}" for item in study.aligned)
    what = by_kind(study, _SOURCES, between=" and ")
    return [
        Item("Code of the training pipeline and of the search", "author",
             f"Search: nas-harness {library_versions()['nas-harness']} with the spec of this experiment. Training: that"
             " of the benchmarks' authors."),
        Item("Same benchmark and training pipeline for all methods", "yes", f"The same {what}: {digests}."),
        Item("Confounders controlled", "yes",
             as_sentence(by_kind(study, _CONTROLLED))),
        Item("Ablations", "author", "Strategies may appear under several labels with other hyperparameters."),
        Item("Comparison with random search", "yes" if has_random else "no",
             "As a strategy, and exactly in closed form where that is known." if has_random
             else "Only the closed form is shown where it is known; add random_search to the spec."),
        Item("Several seeds", "yes" if n > 1 else "no", f"{counted(n, 'replicate')}, root seed {spec.seed}."),
        Item("Tabular benchmarks used for many repeats", "yes" if n >= 30 else "no",
             f"n = {n}; 30 or more are advised."),
        Item("Performance over time", "yes",
             _over_time(study)),
        _test_item(study),
        _tuning_item(study),
        Item("End-to-end time", "yes", "Simulated time and real overhead are in the table of costs."),
        Item("All details for reproduction", "yes",
             f"Budget {budget_words(spec)}; spec sha256 {study.resampler.digest[:12]}; the full spec is in"
             " experiment.json."),
    ]  # fmt: skip


def _tuning_item(study: Study) -> Item:
    """Answer how hyperparameters were chosen: known where this program chose them."""
    demand, tuned = "How hyperparameters were tuned, and at what cost", tuned_of(study.results.folder)
    if tuned is None:
        return Item(demand, "author", "The spec holds the values used; defaults are those of the papers.")
    return Item(demand, "yes", as_sentence(f"{tuned.sentence()}; other strategies have the values of the spec"))


_CONTROLLED = {
    TABLE: "values and seconds come from tables; noise is shared by all strategies of a replicate",
    PROTOCOL: "values and seconds come from tables; the signal has no noise, all strategies and replicates are told"
    " the same",
    SURROGATE: "values and seconds are predicted by one surrogate, the same for all strategies and replicates",
    LIVE: "values come from trainings that all strategies share; their seeds are drawn by noise that all strategies of"
    " a replicate share",
}
_SOURCES = {TABLE: "tables", PROTOCOL: "tables", SURROGATE: "surrogate", LIVE: "trainings"}


def _test_item(study: Study) -> Item:
    """Answer whether the search was kept from test data: not where a protocol tells test results."""
    demand = "Test data kept from the search"
    told = [f"{item.name}: {item.truth.protocol}" for item in study.aligned if item.truth.kind == PROTOCOL]
    others = [item for item in study.aligned if item.truth.kind != PROTOCOL]
    kept = ""
    if others:
        where = f"On {listed([item.name for item in others])} strategies" if told else "Strategies"
        tested = [item.name for item in others if "test" in item.truth.splits]
        judged = f" Test values: {', '.join(tested)}." if tested else " No test column."
        kept = f"{where} are told validation values only.{judged}"
    answer = f"Under a protocol, {'; '.join(told)}." if told else ""
    return Item(demand, "no" if told else "yes", f"{answer} {kept}".strip())


def checklist_markdown(study: Study) -> str:
    """Return the checklist as a Markdown document."""
    marks = {"yes": "[x]", "no": "[ ]", "author": "[author]"}
    lines = [f"- {marks[item.state]} **{item.demand}** {item.answer}" for item in checklist(study)]
    text = "\n".join([f"# Best-practice checklist: {study.spec.name}", "", *lines, ""])
    return text.replace("<", "&lt;")  # Markdown takes it for HTML
