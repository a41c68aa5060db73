"""Descriptions of each column and each schedule of a table, in words and in counts."""

from __future__ import annotations

from benchmarks_data.audit.findings import ColumnFacts, ScheduleFacts, facts_of, ranges
from benchmarks_data.audit.subject import Subject
from benchmarks_data.file.layout import AnyArray
from benchmarks_data.file.trainings import counted
from harness.benchmark import Column

SPLITS = {
    "train": "on training images",
    "x-valid": "on the validation images",
    "x-test": "on the test images that are not used for validation",
    "ori-test": "on the whole test set",
    "valid+test": "on validation and test images together",
}
SAW = {
    "train25k": "of models trained on 25,000 images",
    "train40k": "of models trained on 40,000 images",
    "train50k": "of models trained on 50,000 images",
    "full": "of models trained on the whole training set",
}


def words_of(column: Column, trainings: int, named: str = "") -> str:
    """Say what a column really is.

    Parameters
    ----------
    column : Column
    trainings : int
        Along it.
    named : str
        What the table uses it for: "default objective", "judge of reports", "cost of an evaluation"; "" for nothing.
    """
    kind = "cost"
    if column.split:
        quantity = column.name.replace("_", " ")
        saw = SAW.get(column.trained_on, f"of models trained on {column.trained_on}" if column.trained_on else "")
        kind = f"{quantity}: measured {SPLITS.get(column.split, column.split)} ({column.split}) {saw}".rstrip()
    by = f"{trainings} runs" if trainings > 1 else "one value for each row"
    secret = "held out: strategies are never told it" if column.held_out else "may be told to strategies"
    return "; ".join(part for part in (kind, by, f"{column.direction} {column.unit}".strip(), secret, named) if part)


def column_facts(subject: Subject, name: str) -> ColumnFacts:
    """Look at all values of a column."""
    column, values = subject.columns[name], subject.values(name)
    missing, infinite, _ = subject.gaps(name)
    words, measured = words_of(column, values.shape[1], _use(subject, name)), _measured(subject, column, values)
    return facts_of(column, words, values.shape[1], measured, missing, infinite, subject.final(name))


def _use(subject: Subject, name: str) -> str:
    meaning = subject.header.meaning
    uses = {meaning.validation: "the default objective", meaning.seconds: "what an evaluation costs"}
    return uses.get(name, "what reports judge by" if name == meaning.test else "")


def _measured(subject: Subject, column: Column, values: AnyArray) -> tuple[str, ...]:
    meaning = subject.header.meaning
    if values.shape[2] == 1 and not column.at and (len(meaning.fidelities) > 1 or not column.split):
        return ("unchanging",) * len(meaning.schedules)
    places = meaning.places(column, values.shape[2])
    return tuple(_epochs(subject, schedule, set(places)) for schedule in range(len(meaning.schedules)))


def _epochs(subject: Subject, schedule: int, among: set[int]) -> str:
    meaning = subject.header.meaning
    inside = [index for index in among if meaning.schedule_of[index] == schedule]
    return ranges(sorted(meaning.fidelities[index].epoch for index in inside))


def schedule_facts(subject: Subject) -> tuple[ScheduleFacts, ...]:
    """Count trainings and seeds of each schedule."""
    header, meaning = subject.header, subject.header.meaning
    counts = header.array("index/runs")
    labelled = header.array("index/seeds") if "index/seeds" in header.places else None
    facts = []
    for place, epochs in enumerate(meaning.schedules):
        seeds = {} if labelled is None else counted(labelled[:, place][labelled[:, place] >= 0])
        label = f"{epochs} epoch{'s' if epochs != 1 else ''}"
        if len(meaning.fidelities) == 1 and "epoch" not in meaning.fidelities[0].label:
            label = meaning.fidelities[0].label
        every = _epochs(subject, place, set(range(len(meaning.fidelities))))
        facts.append(ScheduleFacts(label, every, counted(counts[:, place]), seeds))
    return tuple(facts)
