"""Checks of costs: stored parameters and multiply-adds against closed forms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from benchmarks_data.audit.findings import LISTED, Finding
from benchmarks_data.audit.subject import Subject
from benchmarks_data.file.layout import AnyArray
from benchmarks_data.importers.nats_bench.importer import DATASETS
from harness.checks import FloatArray
from harness.spaces.layers import Cost
from harness.spaces.macro import costs as macro
from harness.spaces.nats_size import costs as nats_size
from harness.spaces.nb101 import costs as nb101
from harness.spaces.nb201 import costs as nb201

TOLERANCE = 1e-6
"""Millions: one parameter; what is published in millions is rounded there."""
STORED = {"params_m": "params", "params_reported_m": "params", "macs_m": "macs", "macs_reported_m": "macs"}
Closed = Mapping[str, FloatArray]


def _image_network(cost: Callable[..., Cost]) -> Callable[[Subject], Closed | None]:
    """Return the closed forms of a network on images, whose data set the catalogue tells."""

    def closed(subject: Subject) -> Closed | None:
        facts = subject.facts
        classes, image_size = facts.get("classes"), facts.get("image_size")
        if classes is None or image_size is None:
            if facts.get("official") not in DATASETS:
                return None
            classes, image_size = DATASETS[str(facts["official"])]
        counts = cost(subject.archs, classes=classes, shape=(3, image_size, image_size))
        return {"params": counts.params.astype(np.float64), "macs": counts.macs.astype(np.float64)}

    return closed


CLOSED_FORMS: Mapping[str, Callable[[Subject], Closed | None]] = {
    "nb201": _image_network(nb201.cost),
    "nats-size": _image_network(nats_size.cost),
    "nb101": lambda subject: {"params": nb101.params(subject.archs), "macs": nb101.macs(subject.archs)},
    "macro": lambda subject: {"params": macro.params(subject.archs), "macs": macro.macs(subject.archs)},
}
"""By name of the space: counts for every row, or None where the data set is not known."""


def costs(subject: Subject) -> Iterator[Finding]:
    """Compare stored parameters and multiply-adds with their closed forms."""
    names = [name for name in STORED if name in subject.columns]
    known = CLOSED_FORMS.get(subject.header.meaning.space)
    closed = known(subject) if known else None
    if closed is None:
        yield from _without_closed_form(subject, names)
        return
    right = []
    for name in names:
        expected = closed[STORED[name]] / 1e6
        stored = subject.values(name)[:, :, -1]
        differs = np.abs(stored - expected[:, None]) > TOLERANCE * 1.5
        wrong = np.flatnonzero(differs.any(axis=1))
        if not len(wrong):
            right.append(name)
            continue
        yield _differing(subject, name, expected, stored, wrong)
    if right:
        yield Finding("fact", "costs", f"{', '.join(right)}: equal to the closed form in all {subject.rows:,} rows.")


def _without_closed_form(subject: Subject, names: list[str]) -> Iterator[Finding]:
    """Compare what is reported with what the converter computed: they may differ by a part that all networks have."""
    pairs = [(name, name.replace("_reported", "")) for name in names if "_reported" in name]
    for reported, computed in (pair for pair in pairs if pair[1] in names):
        difference = subject.final(reported) - subject.final(computed)
        usual = float(np.nanmedian(difference))
        wrong = np.flatnonzero((np.abs(difference - usual) > 1.5 * TOLERANCE).any(axis=1))
        sentence_start = f"{reported} less {computed}, which is computed, is {usual:.6g} millions"
        if len(wrong):
            yield Finding(
                "fault",
                "costs",
                f"{sentence_start} in most rows and something else in {len(wrong):,} of {subject.rows:,}.",
                f"Use {computed}.",
                {"rows": len(wrong), "usual_difference_m": usual},
                tuple({"row": int(row), "architecture": subject.text(int(row))} for row in wrong[:LISTED]),
            )
        else:
            sentence = f"{sentence_start} in every row: a part that all networks have."
            yield Finding("fact", "costs", sentence, numbers={"rows": 0, "usual_difference_m": usual})
    if names and not pairs:
        sentence = f"{', '.join(names)}: no closed form is known here to compare them with; they are taken as they are."
        yield Finding("fact", "costs", sentence)


def _differing(subject: Subject, name: str, expected: FloatArray, stored: AnyArray, wrong: AnyArray) -> Finding:
    largest = float(np.nanmax(np.abs(stored[wrong] - expected[wrong, None])))
    listed = tuple(
        {
            "row": int(row),
            "architecture": subject.text(int(row)),
            "stored": sorted(set(stored[row][~np.isnan(stored[row])].tolist())),
            "closed form": float(expected[row]),
        }
        for row in wrong[:LISTED]
    )
    other = name.replace("_reported", "")
    remedy = f"Use {other}, which is computed." if other != name and other in subject.columns else "Recompute them."
    return Finding(
        "fault",
        "costs",
        f"{name} differs from the closed form in {len(wrong):,} of {subject.rows:,} rows, by up to {largest:.4g} "
        "millions.",
        remedy,
        {"rows": len(wrong), "largest_difference_m": largest},
        listed,
    )
