"""What learning costs: CPU and wall seconds of one BANANAS trial's fits and predictions, by learner.

A trial of 150 evaluations asks 14 times, with 10, 20, ..., 140 architectures known; each time a model is fitted and 100
candidates are predicted.  Run as ``python tests/bench/bench_surrogates.py [--device cuda] [--json PATH]``.
"""

from __future__ import annotations

import time
from functools import partial

import numpy as np

from harness import registry
from harness.spaces.nb201.space import NB201Space
from harness.surrogate import Fit, Predict, Surrogate
from surrogates.linear.ridge import Ridge
from surrogates.neural.ensemble import MLPEnsemble
from surrogates.trees.forest import RandomForest
from tests.bench.figures import Row, parser, show

KNOWN = range(10, 150, 10)
CANDIDATES = 100
REPEATS = 3
WHOLE_SPACE = {
    "ridge": "<= 0.05 in all",
    "knn": "<= 0.05 in all",
    "svr": "<= 0.5 in all",
    "random_forest": "<= 0.5 in all",
    "extra_trees": "<= 0.5 in all",
    "gradient_boosting": "",
    "ngboost": "",
    "lightgbm": "",
    "xgboost": "",
    "gp": "<= 1.5 in all",
    "sparse_gp": "",
    "mlp_ensemble": "<= 2 in all",
    "bonas_gcn": "<= 8 in all",
    "gates": "<= 8 in all",
    "gcn": "<= 8 in all",
    "gin": "<= 8 in all",
    "graph_transformer": "<= 8 in all",
    "pairwise_ranker": "<= 8 in all",
    "seminas_network": "<= 8 in all",
}
"""Learners of the whole space, and what they may take."""


def trials(learner: Surrogate, count: int) -> tuple[float, float]:
    """Run the learning of `count` trials in lockstep; return CPU and wall seconds per trial."""
    space = learner.space
    rngs = [np.random.default_rng(replicate) for replicate in range(count)]
    archs = [space.sample(150, rng) for rng in rngs]
    targets = [5 + (rows == 0).sum(axis=1) * 7 + rng.random(150) for rows, rng in zip(archs, rngs, strict=True)]
    cpu, wall = time.process_time(), time.perf_counter()
    for n in KNOWN:
        fits = [Fit(learner, archs[r][:n], targets[r][:n], rngs[r]) for r in range(count)]
        models = learner.fit_many(fits)
        models[0].predict_many([Predict(models[r], space.sample(CANDIDATES, rngs[r])) for r in range(count)])
    return (time.process_time() - cpu) / count, (time.perf_counter() - wall) / count


def best(learner: Surrogate, count: int) -> tuple[float, float]:
    """Return the least CPU and wall seconds per trial of some repeats: other programs only ever add."""
    runs = [trials(learner, count) for _ in range(REPEATS)]
    return min(cpu for cpu, _ in runs), min(wall for _, wall in runs)


def rows(what: str, learner: Surrogate, count: int, target: str) -> list[Row]:
    """Measure, and return one row for CPU and one for wall seconds."""
    cpu, wall = best(learner, count)
    return [
        {"what": f"{what}, CPU", "value": cpu, "unit": "s/trial", "target": target},
        {"what": f"{what}, wall", "value": wall, "unit": "s/trial", "target": ""},
    ]


def ensemble_in_lockstep(device: str) -> list[Row]:
    """Measure the neural ensemble over a shard of 25 replicates."""
    return rows(
        "mlp_ensemble, 25 trials in lockstep", MLPEnsemble(NB201Space(), device=device), 25, "<= 2.2 (goal 1.8)"
    )


def ensemble_alone(device: str) -> list[Row]:
    """Measure the neural ensemble of one trial."""
    return rows("mlp_ensemble, alone", MLPEnsemble(NB201Space(), device=device), 1, "<= 3.2")


def other_learners(device: str) -> list[Row]:
    """Measure the learners that have no use for a device."""
    space = NB201Space()
    found = rows("random_forest, alone", RandomForest(space), 1, "")
    return found + rows("ridge, alone", Ridge(space, encoding="path_truncated"), 1, "")


def whole_space(device: str) -> list[Row]:
    """Measure CPU seconds to learn from a thousand cells and predict all 15,625, by learner, on one_hot."""
    space = NB201Space()
    archs, rng = space.all_codings, np.random.default_rng(0)
    targets = 5 + (archs == 0).sum(axis=1) * 7 + rng.random(len(archs))
    known = rng.choice(len(archs), 1000, replace=False)
    found: list[Row] = []
    for name, target in WHOLE_SPACE.items():
        learner = registry.surrogate({"name": name}, space)
        begin = time.process_time()
        model = learner.fit(archs[known], targets[known], rng)
        fitted = time.process_time()
        model.predict(archs)
        parts = {"fit 1,000": fitted - begin, "predict 15,625": time.process_time() - fitted}
        found += [
            {"what": f"{name}, {what}", "value": cpu, "unit": "s", "target": target} for what, cpu in parts.items()
        ]
    return found


def five_hundred_trials(device: str) -> list[Row]:
    """Measure 500 trials of the neural ensemble at once, after a warm-up; nothing on a CPU."""
    if device == "cpu":
        return []
    learner = MLPEnsemble(NB201Space(), device=device)
    trials(learner, 2)
    cpu, wall = trials(learner, 500)
    return [
        {"what": "mlp_ensemble, 500 trials at once, wall", "value": 500 * wall, "unit": "s", "target": "<= 60"},
        {"what": "mlp_ensemble, 500 trials at once, CPU", "value": 500 * cpu, "unit": "s", "target": ""},
    ]


def main() -> None:
    """Measure on the device asked for."""
    options = parser(__doc__)
    options.add_argument("--device", default="cpu", help="where the neural ensemble computes: cpu, cuda")
    given = options.parse_args()
    device = given.device
    benches = (ensemble_in_lockstep, ensemble_alone, other_learners, whole_space, five_hundred_trials)
    show([partial(bench, device) for bench in benches], given.json)


if __name__ == "__main__":
    main()
