"""Recorder of what Optuna's sampler makes of histories: ``python tests/peers/optuna_tpe.py`` writes the JSON beside it.

Optuna stays out of the tests: its answers are compared by `tests/strategies/parts/test_parzen.py`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CARDINALITIES = [5, 5, 3, 4, 5, 2]


def record(evaluations: int, seed: int) -> dict[str, Any]:
    """Return a history of so many random trials, Optuna's split of it, and both densities of its 24 draws."""
    import numpy as np
    import optuna
    from optuna.samplers._tpe.sampler import _split_trials, default_gamma

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    rng = np.random.default_rng(seed)
    archs = rng.integers(0, CARDINALITIES, size=(evaluations, len(CARDINALITIES)))
    values = rng.normal(size=evaluations).round(1)  # with ties
    space = {
        f"gene_{gene}": optuna.distributions.CategoricalDistribution([*range(count)])
        for gene, count in enumerate(CARDINALITIES)
    }
    sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True)
    study = optuna.create_study(sampler=sampler)
    for arch, value in zip(archs.tolist(), values.tolist(), strict=True):
        study.add_trial(
            optuna.trial.create_trial(params=dict(zip(space, arch, strict=True)), distributions=space, value=value)
        )
    seen: list[dict[str, Any]] = []
    plain = sampler._compute_acquisition_func

    def watched(samples: Any, below: Any, above: Any) -> Any:
        draws = np.stack([samples[name] for name in space], axis=1).astype(int)
        seen.append(
            {"draws": draws.tolist(), "l": below.log_pdf(samples).tolist(), "g": above.log_pdf(samples).tolist()}
        )
        return plain(samples, below, above)

    sampler._compute_acquisition_func = watched
    chosen = study.ask(space).params
    below, _ = _split_trials(study, study.trials[:evaluations], default_gamma(evaluations))
    return {
        "archs": archs.tolist(),
        "values": values.tolist(),
        "good": sorted(trial.number for trial in below),
        **seen[0],
        "chosen": [chosen[name] for name in space],
    }


def main() -> None:
    """Write the answers of the Optuna that is installed."""
    import optuna

    answers = {
        "optuna": optuna.__version__,
        "cardinalities": CARDINALITIES,
        "histories": [record(evaluations, seed) for seed, evaluations in enumerate((10, 24, 40, 150, 300))],
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(answers) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
