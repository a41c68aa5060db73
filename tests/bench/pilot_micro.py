"""Pilot of the micro benchmarks: how well a recipe and a dataset tell random cells apart, and what a network costs.

    python -m tests.bench.pilot_micro --networks 100 --seeds 3 --train 1000 --valid 4000 --test 4000 --epochs 15
    python -m tests.bench.pilot_micro --space darts --networks 30 --hard --reduction-cells 0,2 --cells 3

Trains one cell of each of some functional classes of NAS-Bench-201, or pairs of DARTS cells, drawn at random, and
prints how far validation accuracies spread, how far seeds lie apart, and Kendall's tau-b between seeds, over all and
inside the better half.  The draw of cells does not depend on the variant, so variants are compared on the same cells.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import kendalltau

from harness.checks import Archs, FloatArray
from harness.seeding import generator
from harness.spaces import named
from harness.spaces.nb201.space import NB201Space
from harness.training import recipe as recipes
from harness.training.data.packaged import mnist1d, mnist1d_hard
from harness.training.trainer import train

CLASSES, MOST = 4930, 1000
DATA = ("train", "valid", "test", "corr_noise", "iid_noise", "shear", "scale", "translation")
RECIPE = ("epochs", "batch_size", "channels", "learning_rate", "weight_decay", "cells", "stem_stride")
INTEGERS = (*DATA[:3], "translation", "epochs", "batch_size", "channels", "cells", "stem_stride")
BASES = {"nb201": "micro", "darts": "micro-darts"}
"""The recipe of each space that a variant changes."""


def cells(count: int, space: str = "nb201") -> Archs:
    """Return cells of different functional classes, (count, L); the first of a larger draw are those of a smaller."""
    if space == "darts":  # so many that no two of a sample are of one class
        return named.space(space).sample(MOST, generator(0, "pilot", space))[:count]
    enumerated = NB201Space()
    representatives = np.unique(enumerated.key(enumerated.decode(np.arange(enumerated.codings)), "functional"))
    order = generator(0, "pilot", "micro").permutation(len(representatives))
    return enumerated.decode(representatives[order[:count]])


def kendall(accuracies: FloatArray) -> float:
    """Return the mean tau-b between the columns of (n, s)."""
    pairs = combinations(range(accuracies.shape[1]), 2)
    return float(np.mean([kendalltau(accuracies[:, a], accuracies[:, b]).statistic for a, b in pairs]))


def reliability(accuracies: FloatArray) -> float:
    """Return the intraclass correlation of (n, s): the share of a single value's variance that is between cells."""
    within = accuracies.var(1, ddof=1).mean()
    between = max(0.0, accuracies.mean(1).var(ddof=1) - within / accuracies.shape[1])
    return float(between / (between + within))


def summary(valid: FloatArray, test: FloatArray) -> dict[str, Any]:
    """Return what the pilot is after, from final accuracies in percent, (n, s) each."""
    means = valid.mean(1)
    better = means >= np.median(means)
    within = np.sqrt(valid.var(1, ddof=1).mean())
    within_better = np.sqrt(valid[better].var(1, ddof=1).mean())
    return {
        "quantiles 0/10/25/50/75/90/100": np.quantile(means, (0, 0.1, 0.25, 0.5, 0.75, 0.9, 1)).round(1).tolist(),
        "sd between": means.std(ddof=1),
        "sd between, better half": means[better].std(ddof=1),
        "sd within": within,
        "sd within, better half": within_better,
        "reliability of a seed": reliability(valid),
        "reliability of a seed, better half": reliability(valid[better]),
        "kendall seeds": kendall(valid),
        "kendall seeds, better half": kendall(valid[better]),
        "kendall valid-test": kendalltau(means, test.mean(1)).statistic,
        "kendall valid-test, better half": kendalltau(means[better], test.mean(1)[better]).statistic,
    }


def pilot(given: argparse.Namespace) -> dict[str, Any]:
    """Train and summarise one variant."""
    chosen = {key: value for key, value in vars(given).items() if value is not None}
    changes = {key: chosen[key] for key in RECIPE if key in chosen}
    if given.reduction_cells is not None:
        changes["reduction_cells"] = tuple(int(place) for place in given.reduction_cells.split(","))
    recipe = recipes.load(BASES[given.space]).but(**changes)
    data = {key: chosen[key] for key in DATA if key in chosen}
    dataset, archs = mnist1d_hard() if given.hard else mnist1d(**data), cells(given.networks, given.space)
    runs = given.networks * given.seeds
    cpu, wall = time.process_time(), time.perf_counter()
    network = named.NETWORKS[given.space]
    curves = train(archs, range(given.seeds), recipe, dataset, network=network, level=given.level)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    words = [f"{key}={chosen[key]}" for key in (*DATA, *RECIPE, "reduction_cells") if key in chosen]
    row: dict[str, Any] = {"variant": " ".join(words)}
    row |= {"networks": given.networks, "seeds": given.seeds, "rung": curves.level}
    row |= summary(curves.valid_accuracy[:, :, -1], curves.test_accuracy)
    row |= {
        "CPU s/network": cpu / runs,
        "wall s/network": wall / runs,
        "build min on 2 cores": cpu / runs * CLASSES * 3 / 120,
    }
    return row


def main() -> None:
    """Run one variant, print it, and append it to a file of JSON lines if asked."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--networks", type=int, default=100)
    options.add_argument("--seeds", type=int, default=2)
    options.add_argument("--level", default="auto")
    options.add_argument("--space", choices=BASES, default="nb201")
    options.add_argument("--hard", action="store_true", help="train on mnist1d-hard, the signals of the micro tables")
    options.add_argument("--reduction-cells", help="positions with commas between, of DARTS networks")
    options.add_argument("--json", type=Path, help="append the row to this file, one JSON object a line")
    for name in (*DATA, *RECIPE):
        options.add_argument(f"--{name.replace('_', '-')}", type=int if name in INTEGERS else float)
    given = options.parse_args()
    row = pilot(given)
    for key, value in row.items():
        sys.stdout.write(f"{key:<34} {value:.3f}\n" if isinstance(value, float) else f"{key:<34} {value}\n")
    if given.json is not None:
        with given.json.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
