"""Every strategy on the real NAS-Bench-201 table: CPU time of a trial in lockstep, alone, and with larger budgets.

Run by ``make bench``; prints a table and asserts nothing.  Samplers of other libraries stand beside ours where they are
installed.  Heavy strategies are measured with fewer replicates: their share in lockstep hardly depends on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from harness import registry
from harness.errors import HarnessError
from harness.experiments.spec import Spec, StrategySpec
from harness.problem import Budget
from strategies import STRATEGIES
from tests.bench.bench_search import timed, trial
from tests.bench.figures import Row, parser, show

GUIDED = (
    "npenas_bo",
    "npenas_np",
    "neural_predictor",
    "arch2vec_bo",
    "weaknas",
    "brp_nas",
    "bonas",
    "seminas",
    "graf_search",
)
"""Searches guided by predictors."""
TARGETS = {
    **dict.fromkeys(
        ("genetic_algorithm", "simulated_annealing", "differential_evolution", "reinforce", "nash"), "<= 15 ms"
    ),
    **dict.fromkeys(("tpe", "bore"), "<= 50 ms"),
    **dict.fromkeys(("gp_bo", "nasbot"), "<= 0.4 s"),
    **dict.fromkeys(("nas_bowl", "smac"), "<= 1.5 s"),
    "dngo": "<= 2 s",
    "bohamiann": "<= 6 s",
    **dict.fromkeys(("controller", "pnas", "lanas", *GUIDED), "<= 4 s"),
    "bananas": "<= 2.2 s",
    **dict.fromkeys(("asha", "hyperband", "successive_halving", "dehb"), "<= 40 ms"),
    "bohb": "<= 0.4 s",
    **dict.fromkeys(("parego", "ehvi"), "<= 2 s"),
}
"""CPU seconds of one trial of 150 evaluations, in lockstep of 50."""
RISING_SECONDS = 2.4
"""Simulated, on each of four workers: 94 full trainings, or 300 configurations of asynchronous halving."""
HEAVY = ("bananas", "bohamiann", "dngo", "pnas", "petridish", "smac", *GUIDED)
"""Strategies of which larger budgets are measured with five replicates."""
FOREIGN = ("optuna:TPESampler", "optuna:NSGAIISampler", "pymoo:MixedVariableGA")


def trials() -> Iterator[Row]:
    """Measure trials of every built-in strategy that can be used here."""
    for name in STRATEGIES:
        try:
            takes = registry.strategy(name).takes
            trial(name, 2, 1, 1)
        except (ImportError, HarnessError):  # an extra that is not installed, or what asks for more than a plain search
            continue
        if takes.fidelities or takes.fewest_objectives > 1:
            continue
        share, _ = trial(name, 150, 50, 1 if name in HEAVY else 2)
        alone, _ = trial(name, 150, 1, 1)
        yield _row(f"{name}, 150 evaluations, shard of 50", share, TARGETS.get(name, ""))
        yield _row(f"{name}, 150 evaluations, alone", alone, f"{alone / share:.1f} times its share")
        for evaluations in (300, 600):
            longer, _ = trial(name, evaluations, 5 if name in HEAVY else 20, 1)
            yield _row(f"{name}, {evaluations} evaluations", longer, f"{longer / share:.1f} times 150")


def rising() -> Iterator[Row]:
    """Measure strategies that train at lower fidelities on four workers; `asha` begins about 300 configurations."""
    budget = Budget(seconds=RISING_SECONDS, multi_fidelity="resumable")
    for name in STRATEGIES:
        try:
            kind = registry.strategy(name)
        except (ImportError, HarnessError):
            continue
        if not kind.takes.fidelities or kind.takes.fewest_objectives > 1:
            continue
        count = 10 if "surrogate" in registry.keywords(kind) else 50
        spec = Spec("bench", ("micro-mnist1d",), (StrategySpec(name, name),), budget, replicates=count, n_workers=4)
        share, _ = timed(replace(spec, replicates_per_shard=count), 1)
        yield _row(f"{name}, {RISING_SECONDS} s on 4 workers, shard of {count}", share, TARGETS.get(name, ""))


def several_objectives() -> Iterator[Row]:
    """Measure strategies with two objectives, in lockstep of 50."""
    for name in ("nsga2", "sms_emoa", "moead", "pareto_local_search", "lomonas", "scalarised"):
        share, _ = trial(name, 300, 50, 2)
        yield _row(
            f"{name}, two objectives, 300 evaluations, shard of 50", share, "<= 40 ms" if name == "nsga2" else ""
        )
    for name in ("parego", "ehvi", "nehvi", "ts_hv", "random_scalarisation", "mo_bananas"):
        share, _ = trial(name, 150, 50, 1)
        yield _row(f"{name}, two objectives, 150 evaluations, shard of 50", share, TARGETS.get(name, ""))


def peers() -> Iterator[Row]:
    """Measure samplers of other libraries under the same protocol."""
    for name in FOREIGN:
        if name in registry.names("strategy"):
            share, _ = trial(name, 150, 3, 1)
            yield _row(f"{name}, 150 evaluations, shard of 3", share, "")


def _row(what: str, seconds: float, target: str) -> Row:
    return {"what": f"{what}, CPU per trial", "value": seconds * 1e3, "unit": "ms", "target": target}


if __name__ == "__main__":
    show((trials, rising, several_objectives, peers), parser(__doc__).parse_args().json)
