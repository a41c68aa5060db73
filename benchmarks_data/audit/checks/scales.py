"""Checks of scales and directions: whether results can be what their unit, name and direction say."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks_data.audit.findings import Finding
from benchmarks_data.audit.subject import Subject
from benchmarks_data.plausibility import scales
from harness.checks import FloatArray


def scales_and_directions(subject: Subject) -> Iterator[Finding]:
    """Ask of every result whether its values contradict its unit, its name or its direction."""
    questions: list[scales.Question | None] = []
    for name in subject.results:
        column = subject.columns[name]
        questions += [scales.of_unit(column, subject.final(name).ravel()), scales.of_name(column)]
        questions.append(scales.of_curve(column, _curves(subject, name)))
    questions += scales.of_pairs({name: (subject.columns[name], subject.mean(name)) for name in subject.results})
    for question in filter(None, questions):
        remedy = f"If it is not as meant, {question.remedy}, and import it again."
        severity = "fault" if question.sure else "caution"
        yield Finding(severity, "scales", f"{question.column} {question.text}.", remedy)


def _curves(subject: Subject, name: str) -> FloatArray:
    """Return what a column has of the last schedule, in order of epochs: (N, R, A)."""
    meaning, values = subject.header.meaning, subject.values(name)
    places = meaning.places(subject.columns[name], values.shape[2])
    inside = [
        place for fidelity, place in sorted(places.items()) if meaning.schedule_of[fidelity] == meaning.schedule_of[-1]
    ]
    ends = sorted(set((inside[0], inside[-1]))) if inside else []
    curves: FloatArray = values[:, :, ends]
    return curves
