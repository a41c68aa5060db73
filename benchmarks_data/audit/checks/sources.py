"""Notes on sources: what is known of published tables from the code that made them, and cannot be seen in numbers."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from benchmarks_data.audit.findings import Finding
from benchmarks_data.audit.subject import Subject

_HALF = (
    "Its validation images are half of the official test set, and its test images are the other half: the source has "
    "no validation images of its own."
)
_HALF_REMEDY = "Do not compare its validation or test figures with results on the whole official test set."
_API = (
    "The official API answers a query for an earlier epoch of the 200-epoch schedule with validation and test images "
    "together, and calls it validation."
)
_TRANSNAS = (
    "The official API's mode 'best' takes the maximum over epochs of each metric by itself, of losses too: published "
    "figures made with it are optimistic on test, and show the worst epoch of a loss."
)

NOTES = (
    ("nb201-cifar100*", "caution", _HALF, _HALF_REMEDY),
    ("nb201-imagenet16*", "caution", _HALF, _HALF_REMEDY),
    ("nats-*-cifar100", "caution", _HALF, _HALF_REMEDY),
    ("nats-*-imagenet16", "caution", _HALF, _HALF_REMEDY),
    ("nats-tss-cifar100", "caution", _API, "Here validation is told only where it was measured."),
    ("nats-tss-imagenet16", "caution", _API, "Here validation is told only where it was measured."),
    (
        "nats-*-cifar10",
        "caution",
        "The official API reports the test accuracy of other models, trained on all 50,000 images, beside the "
        "validation of models trained on 25,000.",
        "test_accuracy_25k is that of the models that were validated.",
    ),
    (
        "macro-*",
        "fault",
        "Each accuracy is the best of its run's 50 epochs on the test set itself: it is optimistic, and there is no "
        "validation anywhere.",
        "Search it under a named protocol, and say so; the signal and the judge then differ in their runs, not in "
        "their images.",
    ),
    ("transnas-*", "caution", _TRANSNAS, "Here every epoch is stored; compare with figures made at the last."),
    (
        "accel-*",
        "caution",
        "Accuracy comes from a reduced training on ImageNet, measured on ImageNet's validation set: a proxy that "
        "ranks networks, not what they reach.",
        "There is no test; do not report its accuracies as those of the networks.",
    ),
    (
        "nb301",
        "caution",
        "The trainings were chosen by optimisers and by hand: good networks are over-represented, and rows are no "
        "sample of the space.",
        "Take statistics of the space from the surrogate, not from these rows.",
    ),
    (
        "nb101*",
        "caution",
        "The official query draws one of three runs for each question: published searches met that noise, and searches "
        "against the mean of three are an easier problem.",
        "Leave `training` out to draw a run as the official query does.",
    ),
    (
        "ecnas-*",
        "caution",
        "The halfway evaluation of EC-NAS is after epoch 1 or 2, whatever the schedule.",
        "Do not read halfway columns as half of a schedule.",
    ),
    (
        "nlp-*",
        "caution",
        "Diverged trainings ended early; where a recipe was trained under several numbers, each is a row.",
        "A diverged training answers NaN; a strategy must bear it.",
    ),
    (
        "micro-mnist1d*",
        "fact",
        "Trained by this project on its own hardware, every functional class with seeds 0, 1 and 2; how is recorded in "
        "the table and in docs/micro-pilot.md.",
        "",
    ),
)
"""Pattern of the table's name; severity, sentence and remedy of what is known of it."""


def notes(subject: Subject) -> Iterator[Finding]:
    """Tell what is known of a source and cannot be seen in its numbers."""
    name = subject.header.meaning.name
    for pattern, severity, sentence, remedy in NOTES:
        if fnmatchcase(name, pattern):
            yield Finding(severity, "source", sentence, remedy)
