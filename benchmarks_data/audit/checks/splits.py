"""Checks of splits: what is lacking, curves that exist on test images only, columns of different models."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks_data.audit.findings import Finding, ranges
from benchmarks_data.audit.subject import Subject


def named(subject: Subject) -> Iterator[Finding]:
    """Say what is lacking: a validation column, a test column."""
    meaning = subject.header.meaning
    if not meaning.validation:
        protocols = ", ".join(f"{subject.entry.name}@{key}" for key in subject.entry.protocols) if subject.entry else ""
        yield Finding(
            "caution",
            "splits",
            "It has no validation column: nothing in it may be told to a strategy as an objective of quality.",
            f"Open it under a protocol: {protocols}." if protocols else "",
        )
    if not meaning.test:
        yield Finding(
            "caution",
            "splits",
            "It has no test column: reports can judge by validation only, which is what the search has chosen by.",
            "Say so where results are given; join a table that has test results, if there is one.",
        )
    if meaning.validation and meaning.test:
        signal, judged = subject.columns[meaning.validation], subject.columns[meaning.test]
        if signal.trained_on != judged.trained_on:
            yield Finding(
                "caution",
                "splits",
                f"{signal.name} and {judged.name} are of different models: trained on {signal.trained_on} and on "
                f"{judged.trained_on} images.",
                "Part of the test regret is the other training; no search by validation can remove it.",
            )


def curves(subject: Subject) -> Iterator[Finding]:
    """Find schedules in which test images were looked at more often than validation images."""
    meaning = subject.header.meaning
    if not meaning.validation:
        return
    valid = _fidelities(subject, meaning.validation)
    for place, epochs in enumerate(meaning.schedules):
        epochs_alone: dict[tuple[int, ...], list[str]] = {}
        for name in subject.results:
            only = sorted(_fidelities(subject, name) - valid) if subject.columns[name].held_out else []
            inside = [meaning.fidelities[item].epoch for item in only if meaning.schedule_of[item] == place]
            if inside:
                epochs_alone.setdefault(tuple(inside), []).append(name)
        for at, names in epochs_alone.items():
            splits = " and ".join(sorted({subject.columns[name].split for name in names}))
            yield Finding(
                "caution",
                "splits",
                f"In the schedule of {epochs} epochs, epochs {ranges(list(at))} have {' and '.join(names)} ({splits}) "
                f"and no {meaning.validation}: who reads a curve there reads test images.",
                "Here it is held out. For several fidelities use those at which validation was measured.",
                {"schedule": epochs, "columns": names, "epochs": len(at)},
            )


def _fidelities(subject: Subject, name: str) -> set[int]:
    return set(subject.header.meaning.places(subject.columns[name], subject.values(name).shape[2]))
