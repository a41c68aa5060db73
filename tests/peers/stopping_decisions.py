"""Recorder of stopping decisions of syne-tune and Optuna: ``python tests/peers/stopping_decisions.py`` writes the JSON.

Both are fed the same values; `tests/strategies/multi_fidelity/test_peers.py` compares.  They stay out of the tests.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

ETA, POPULATION = 3, 5


def streams(seed: int) -> list[list[float]]:
    """Return streams of values that reach a rung one after the other, with ties."""
    import numpy as np

    rng = np.random.default_rng(seed)
    return [rng.normal(50, 10, size=40).round().tolist() for _ in range(6)]


def syne_tune_rung(values: list[float]) -> list[bool]:
    """Return which trials syne-tune's asynchronous successive halving lets go on at its first rung."""
    from syne_tune.optimizer.schedulers.asha import Bracket

    bracket = Bracket(1, 9, ETA, 0)
    decisions = [bracket.on_result(str(number), 1, {"error": value}) for number, value in enumerate(values)]
    return [str(decision).upper().endswith("CONTINUE") for decision in decisions]


def syne_tune_median(curves: list[list[float]]) -> list[list[bool]]:
    """Return which trials the median rule lets go on after each of their slices, trial after trial."""
    from syne_tune.optimizer.schedulers.median_stopping_rule import MedianStoppingRule

    class Going:
        metric = "error"

        def on_trial_result(self, trial: Any, result: Any) -> str:
            return "CONTINUE"

    class Numbered:
        def __init__(self, trial_id: int) -> None:
            self.trial_id = trial_id

    rule = MedianStoppingRule(Going(), time_attr="step", running_average=True, grace_population=POPULATION)
    told = []
    for number, curve in enumerate(curves):
        decisions = []
        for step, value in enumerate(curve, start=1):
            decision = rule.on_trial_result(Numbered(number), {"error": value, "step": step})
            decisions.append(decision == "CONTINUE")
            if not decisions[-1]:
                break
        told.append(decisions)
    return told


def optuna_halving(values: list[float]) -> list[bool]:
    """Return which trials Optuna's successive halving lets go on at its first rung."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=ETA, bootstrap_count=0)
    study = optuna.create_study(direction="minimize", pruner=pruner)
    decisions = []
    for value in values:
        trial = study.ask()
        trial.report(value, 1)
        decisions.append(not trial.should_prune())
    return decisions


def syne_tune_priority(seed: int) -> list[dict[str, Any]]:
    """Return the priorities that syne-tune gives to points of two objectives."""
    import numpy as np
    from syne_tune.optimizer.schedulers.multiobjective.multiobjective_priority import NonDominatedPriority

    rng = np.random.default_rng(seed)
    best_last = np.array([[0.5, 0.5], [0.9, 0.9], [0.1, 0.1]])
    return [
        {"points": points.tolist(), "priorities": NonDominatedPriority(dim=0)(points).tolist()}
        for points in (best_last, *(rng.random((count, 2)).round(3) for count in (6, 9, 12, 15)))
    ]


def main() -> None:
    """Write the decisions of what is installed."""
    import numpy as np

    rng = np.random.default_rng(5)
    curves = np.round(60 - np.cumsum(rng.gamma(2.0, 3.0, size=(30, 4)), axis=1) + rng.normal(0, 6, (30, 1)), 1).tolist()
    written = {
        "versions": {name: version(name) for name in ("syne-tune", "optuna")},
        "rung": [
            {"values": values, "syne_tune": syne_tune_rung(values), "optuna": optuna_halving(values)}
            for values in streams(3)
        ],
        "median": {"curves": curves, "syne_tune": syne_tune_median(curves)},
        "priority": syne_tune_priority(7),
    }
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(written) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
