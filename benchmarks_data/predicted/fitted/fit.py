"""The fit of a surrogate benchmark to a sample: results, noise and seconds, and evidence of how well it does.

Siems et al., "Surrogate NAS Benchmarks", ICLR 2022.  Departs from it: noise is fitted to repeats (`noise`), and what
the model says of its own sample is never replaced by what was measured there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from importlib.metadata import version
from typing import Any

import numpy as np

from benchmarks_data.predicted.fitted import noise as noises
from benchmarks_data.predicted.fitted.file import Fitted
from benchmarks_data.predicted.fitted.model import Curves, Model, Seconds, costs_of, pairs_of, schedules_of
from benchmarks_data.predicted.fitted.sample import FEWEST, Sample
from harness import __version__, registry
from harness.checks import FloatArray, IntArray
from harness.digests import identity
from harness.learners.folds import FOLDS, grouped_folds
from harness.seeding import generator
from harness.surrogate import Surrogate

DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "mlp_ensemble": {
        "encoding": "one_hot",
        "members": 10,
        "layers": 3,
        "width": 48,
        "epochs": 60,
        "batch_size": 256,
        "loss": "mse",
    },
    "xgboost": {"members": 10, "learning_rate": 0.05, "max_features": 0.4},
    "lightgbm": {"members": 10},
}
"""Hyperparameters that suit many rows and standardised targets, by learner; what is given overrides them."""
DEFAULT, SECONDS = "mlp_ensemble", {"name": "ridge", "encoding": "one_hot"}
"""The learner of results, and that of seconds: these are nearly sums over operations."""
MOST_DIRECTIONS, EXPLAINED = 5, 0.999
LEAST_STEPS = 3000
"""Mini-batches that networks are trained with at least, where no epochs are given: few rows are seen more often."""
JUDGED = 1000
"""Rows that are predicted out of fold, at least, where there are so many."""
Tell = Callable[[str], None]


def fit(
    sample: Sample, settings: Mapping[str, Any], *, name: str, seed: int = 0, tell: Tell = lambda what: None
) -> Fitted:
    """Fit a surrogate benchmark.

    Parameters
    ----------
    sample : Sample
    settings : mapping
        Of the learner, as in a spec: ``name`` and hyperparameters; see `DEFAULTS`.
    name : str
        Of the benchmark.
    seed : int
        Of all that is random.
    tell : callable
        Told what is done now.

    Raises
    ------
    HarnessError
        If the learner cannot be kept in a file, reads curves, or refuses what it is given.
    """
    chosen = {**DEFAULTS.get(str(settings.get("name")), {}), **settings}
    if chosen["name"] == "mlp_ensemble" and "epochs" not in settings:
        batches = -(-len(sample.archs) // int(chosen["batch_size"]))
        chosen["epochs"] = max(int(chosen["epochs"]), -(-LEAST_STEPS // batches))
    learner = registry.surrogate(chosen, sample.space)
    _check_kept(learner, sample)
    everything = np.arange(len(sample.archs))
    tell(f"fitting {chosen['name']} to {len(everything):,} architectures")
    model = _model(sample, everything, learner, seed, "all")
    evidence = _evidence(sample, learner, seed, tell)
    settings_of = {key: value for key, value in chosen.items() if key != "name"}
    facts = {
        "name": name,
        "space": sample.space.name,
        "space_definition": definition() if (definition := getattr(sample.space, "definition", None)) else "",
        "objective": asdict(sample.objective),
        "column": asdict(sample.column),
        "fidelities": [identity(fidelity) for fidelity in sample.fidelities],
        "learner": {"name": chosen["name"], **settings_of},
        "seconds": SECONDS if sample.seconds is not None else None,
        "transform": model.curves.transform,
        "shared": model.noise.shared,
        "trainings": model.noise.trainings,
        "canonical": sample.canonical,
        "costs": sample.costs.plain(),
    }
    libraries = {library: version(library) for library in learner.libraries}
    about = {
        **sample.about,
        "origins": list(sample.origin_names),
        "seed": seed,
        "program": __version__,
        "libraries": libraries,
    }
    return Fitted(model, facts, about, evidence)


def _check_kept(learner: Surrogate, sample: Sample) -> None:
    """Refuse a learner that cannot be kept in a file before anything is fitted that takes long."""
    few = slice(0, 2 * FEWEST)
    quick = learner.fit(sample.archs[few], np.arange(len(sample.archs[few])) / FEWEST, generator(0, "table fit", "try"))
    learner.restored(quick.state())


def _model(sample: Sample, rows: IntArray, learner: Surrogate, seed: int, what: str) -> Model:
    """Fit everything to some rows of the sample."""
    archs, means = sample.archs[rows], sample.means[rows]
    curves, targets = Curves.of(means, sample.objective, most=MOST_DIRECTIONS, explained=EXPLAINED)
    told = targets if targets.shape[1] > 1 else targets[:, 0]
    fitted = learner.fit(archs, told, generator(seed, "table fit", "learner", what))
    fitted = learner.restored(fitted.state())  # what answers is what a file gives
    width = len(sample.fidelities)
    silent = noises.Noise.silent(width)
    model = Model(sample.space, sample.objective, fitted, curves, silent, _seconds(sample, rows), _seen(sample, rows))
    levels = [model.predict(archs, np.full(len(archs), level)) for level in range(width)]
    schedules = schedules_of(sample.fidelities)
    noise = noises.fit(sample.results[rows], np.stack(levels, axis=1), schedules)
    return replace(model, noise=noise, canonical=sample.canonical)


def _seen(sample: Sample, rows: IntArray) -> Any:
    return pairs_of(sample.space, sample.archs[rows])


def _seconds(sample: Sample, rows: IntArray) -> Seconds | None:
    if sample.seconds is None:
        return None
    seconds, archs = sample.seconds[rows], sample.archs[rows]
    full = np.maximum(seconds[:, -1], 1e-12)
    learner = registry.surrogate(SECONDS, sample.space)
    learner = learner.fit(archs, full, generator(0, "table fit", "seconds"), costs_of(sample.space, archs))
    shares = np.median(seconds / full[:, None], axis=0)
    schedules = schedules_of(sample.fidelities)
    for schedule in range(schedules.max() + 1):  # a training that goes on can only cost more
        shares[schedules == schedule] = np.maximum.accumulate(shares[schedules == schedule])
    return Seconds(learner.restored(learner.state()), shares, float(full.min()), float(full.max()))


def _evidence(sample: Sample, learner: Surrogate, seed: int, tell: Tell) -> dict[str, Any]:
    """Return the sample, and what models that were not told of it say of parts of it; see `Fitted`."""
    n, last = len(sample.archs), len(sample.fidelities) - 1
    results = sample.results[:, :, -1]
    counts = np.isfinite(results).sum(axis=1)
    observed = sample.means[:, -1]
    first = np.take_along_axis(results, np.isfinite(results).argmax(axis=1)[:, None], axis=1)[:, 0]
    names = ("predicted", "doubt", "elsewhere", "seconds_predicted")
    said: dict[str, FloatArray] = {key: np.full(n, np.nan) for key in names}
    folds = grouped_folds(sample.space, sample.archs, generator(seed, "table fit", "folds"))
    count = int(folds.max()) + 1
    if count > 1:
        asked = min(count, max(1, -(-JUDGED * FOLDS // n)))
        for fold in range(asked):
            out = np.flatnonzero(folds == fold)
            tell(f"fitting without fold {fold + 1} of {count}, which judges")
            model = _model(sample, np.flatnonzero(folds != fold), learner, seed, f"fold {fold}")
            said["predicted"][out] = model.predict(sample.archs[out], np.full(len(out), last))
            if learner.has_std:
                said["doubt"][out] = model.doubts(sample.archs[out])
            said["seconds_predicted"][out] = model.predict_seconds(sample.archs[out], np.full(len(out), last))
    for origin, label in enumerate(sample.origin_names):
        inside, others = np.flatnonzero(sample.origins == origin), np.flatnonzero(sample.origins != origin)
        if min(len(inside), len(others)) >= FEWEST:
            tell(f"fitting without what comes from {label}")
            model = _model(sample, others, learner, seed, f"without {label}")
            said["elsewhere"][inside] = model.predict(sample.archs[inside], np.full(len(inside), last))
    full = np.full(n, np.nan) if sample.seconds is None else sample.seconds[:, -1]
    squares = np.nansum(np.square(results - observed[:, None]), axis=1)
    known = {"observed": observed, "first": first, "runs": counts, "squares": squares, "seconds": full}
    return {"archs": sample.archs, "origin": sample.origins, **known, **said}


def summary(evidence: Mapping[str, Any]) -> dict[str, float]:
    """Return R2 and root mean squared error of what was predicted out of fold; NaN where nothing was."""
    known = np.isfinite(evidence["predicted"])
    observed, errors = evidence["observed"][known], (evidence["predicted"] - evidence["observed"])[known]
    if not known.any() or not observed.std() > 0:
        return {"judged_by": int(known.sum()), "r2": float("nan"), "rmse": float("nan")}
    mean = float(np.square(errors).mean())
    return {"judged_by": int(known.sum()), "r2": 1 - mean / float(observed.var()), "rmse": mean**0.5}
