"""Short runs whose integers are kept in `tests/golden/*.json`; a change without a `version` bump makes the test fail.

Model-based strategies learn with the deterministic ridge regression, so that a library update does not move them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.experiments.shards import resolve, run_shard
from harness.experiments.spec import Spec, StrategySpec, TransferSpec
from harness.problem import Budget
from harness.registry import benchmark, strategy

FOLDER = Path(__file__).parent
BENCHMARK = "nb201-cifar10"
WITH_EPOCHS, OF_SECONDS = "micro-mnist1d", Budget(seconds=1.0, multi_fidelity="resumable")
"""For strategies that train at lower fidelities: about ten full trainings on each of two workers."""
SEVERAL = ("valid_accuracy", "params_m")
"""For strategies of several objectives."""
SOURCES = TransferSpec(("nb201-cifar100", "nb201-imagenet16"), rows=40)
RIDGE = {"name": "ridge", "encoding": "path"}
SHORT = {"name": "ridge", "encoding": "one_hot"}
RIDGE_OF_GENES = {"name": "ridge", "encoding": "one_hot"}

CASES: dict[str, StrategySpec] = {
    "random_search": StrategySpec("random_search", "rs"),
    "regularized_evolution": StrategySpec("regularized_evolution", "re", {"population": 12, "sample": 4}),
    "genetic_algorithm": StrategySpec("genetic_algorithm", "ga", {"population": 8, "offspring": 8}),
    "genetic_algorithm_comma": StrategySpec(
        "genetic_algorithm", "ga", {"population": 4, "offspring": 8, "plus": False, "distinct": False}
    ),
    "genetic_algorithm_ofa": StrategySpec("genetic_algorithm", "ga", {"preset": "ofa", "initial": 12, "population": 4}),
    "differential_evolution": StrategySpec("differential_evolution", "de", {"population": 8}),
    "simulated_annealing": StrategySpec("simulated_annealing", "sa", {"first": 1.0, "last": 0.05}),
    "cma_es": StrategySpec("cma_es", "cma", {"population": 8}),
    "local_search": StrategySpec("local_search", "ls"),
    "local_search_best": StrategySpec("local_search", "ls", {"improvement": "best"}),
    "reinforce": StrategySpec("reinforce", "r", {"preset": "fast"}),
    "controller": StrategySpec("controller", "c", {"preset": "fast"}),
    "controller_ppo": StrategySpec("controller", "c", {"preset": "nasnet", "batch": 10}),
    "local_search_gene": StrategySpec("local_search", "ls", {"improvement": "gene", "starts": 3}),
    "local_search_continue": StrategySpec("local_search", "ls", {"at_minimum": "continue"}),
    "nash": StrategySpec("nash", "n"),
    "nash_smallest": StrategySpec("nash", "n", {"children": 4, "morphisms": 2, "start": "smallest"}),
    "autokeras": StrategySpec("autokeras", "ak", {}, RIDGE),
    "pnas": StrategySpec("pnas", "p", {}, RIDGE),
    "petridish": StrategySpec("petridish", "pd", {}, RIDGE),
    "lanas": StrategySpec("lanas", "la", {"initial": 15, "batch": 5}),
    "bananas": StrategySpec("bananas", "b", {}, RIDGE),
    "bore": StrategySpec("bore", "b", {"candidates": 100}, RIDGE),
    "bore_improvement": StrategySpec("bore", "b", {"candidates": 100, "weights": "improvement"}, RIDGE),
    "smac": StrategySpec("smac", "s", {"candidates": 200}, RIDGE),
    "tpe": StrategySpec("tpe", "t"),
    "tpe_per_gene": StrategySpec("tpe", "t", {"form": "per_gene", "split": "hyperopt"}),
    "bananas_ucb": StrategySpec("bananas", "b", {"acquisition": "ucb"}, RIDGE),
    "bohamiann": StrategySpec("bohamiann", "bo", {"initial": 10}, RIDGE),
    "dngo": StrategySpec("dngo", "d", {"initial": 10}, RIDGE),
    "gp_bo": StrategySpec("gp_bo", "gp", {}, RIDGE),
    "nas_bowl": StrategySpec("nas_bowl", "nb", {}, RIDGE),
    "nasbot": StrategySpec("nasbot", "n", {"acquisition": "ucb"}, RIDGE),
    "npenas_bo": StrategySpec("npenas_bo", "nb", {}, RIDGE),
    "npenas_np": StrategySpec("npenas_np", "nn", {}, RIDGE),
    "neural_predictor": StrategySpec("neural_predictor", "np", {}, RIDGE),
    "weaknas": StrategySpec("weaknas", "w", {}, RIDGE),
    "brp_nas": StrategySpec("brp_nas", "br", {"batch": 8, "rounds": 3}, RIDGE),
    "bonas": StrategySpec("bonas", "bn", {}, RIDGE),
    "arch2vec_bo": StrategySpec("arch2vec_bo", "a2v", {}, RIDGE),
    "seminas": StrategySpec("seminas", "sn", {"initial": 10, "batch": 10}, RIDGE),
    "graf_search": StrategySpec("graf_search", "gs", {}, RIDGE),
    "successive_halving": StrategySpec("successive_halving", "sh"),
    "hyperband": StrategySpec("hyperband", "hb"),
    "hyperband_barrier": StrategySpec("hyperband", "hb", {"rounding": "code", "barrier": True}),
    "median_stopping": StrategySpec("median_stopping", "m"),
    "median_stopping_average": StrategySpec("median_stopping", "m", {"rule": "running_average"}),
    "asha": StrategySpec("asha", "a"),
    "asha_stopping": StrategySpec("asha", "a", {"rule": "stopping"}),
    "curve_stopping": StrategySpec("curve_stopping", "cs", {"inner": "regularized_evolution"}, RIDGE_OF_GENES),
    "dyhpo": StrategySpec("dyhpo", "dy", {}, RIDGE_OF_GENES),
    "freeze_thaw": StrategySpec("freeze_thaw", "ft", {}, RIDGE_OF_GENES),
    "pasha": StrategySpec("pasha", "p"),
    "bohb": StrategySpec("bohb", "b", {"rungs": [4]}),
    "bohb_published": StrategySpec("bohb", "b", {"preset": "nats", "kernel": "published", "distinct": False}),
    "dehb": StrategySpec("dehb", "d"),
    "dehb_edges": StrategySpec("dehb", "d", {"encoding": "edges", "look_up": False, "repair": "clip"}),
    "mobster": StrategySpec("mobster", "m", {"candidates": 100}, RIDGE_OF_GENES),
    "hyper_tune": StrategySpec("hyper_tune", "h", {"candidates": 100}, RIDGE_OF_GENES),
    "nsga2": StrategySpec("nsga2", "n", {"population": 8}),
    "nsga2_generations": StrategySpec("nsga2", "n", {"population": 8, "offspring": 6, "distinct": False}),
    "sms_emoa": StrategySpec("sms_emoa", "s", {"population": 8}),
    "moead": StrategySpec("moead", "m", {"population": 8}),
    "moead_pbi": StrategySpec("moead", "m", {"population": 8, "decomposition": "pbi", "neighbours": 3}),
    "pareto_local_search": StrategySpec("pareto_local_search", "p"),
    "lomonas": StrategySpec("lomonas", "l"),
    "mo_asha": StrategySpec("mo_asha", "m"),
    "scalarised": StrategySpec("scalarised", "s", {"initial": 8, "searches": 3}),
    "scalarised_mnasnet": StrategySpec(
        "scalarised",
        "s",
        {
            "inner": {"name": "regularized_evolution", "population": 6, "sample": 3},
            "reward": "mnasnet",
            "target": [0.4],
        },
    ),
    "warm_start": StrategySpec("warm_start", "ws", {"count": 6, "inner": "local_search"}),
    "warm_start_each": StrategySpec("warm_start", "ws", {"rule": "each", "inner": "genetic_algorithm"}),
    "portfolio": StrategySpec("portfolio", "p", {"count": 30}),
    "box": StrategySpec("box", "b", {"top": 2, "inner": "random_search"}),
    "rgpe": StrategySpec("rgpe", "r", {"source_rows": 20, "samples": 16, "folds": 3, "candidates": 100}, SHORT),
    "multi_task": StrategySpec("multi_task", "m", {"candidates": 100}, SHORT),
    "rush": StrategySpec("rush", "ru"),
    "asha_brackets": StrategySpec("asha", "a", {"brackets": 3, "cost_aware": True}),
    "parego": StrategySpec("parego", "p", {}, RIDGE),
    "ehvi": StrategySpec("ehvi", "e", {}, RIDGE),
    "nehvi": StrategySpec("nehvi", "ne", {}, RIDGE),
    "ts_hv": StrategySpec("ts_hv", "ts", {}, RIDGE),
    "random_scalarisation": StrategySpec("random_scalarisation", "rs", {}, RIDGE),
    "random_scalarisation_hypervolume": StrategySpec(
        "random_scalarisation", "rs", {"scalarisation": "hypervolume", "acquisition": "its", "batch": 3}, RIDGE
    ),
    "mo_bananas": StrategySpec("mo_bananas", "mb", {}, RIDGE),
}


def trace_of(name: str) -> dict[str, Any]:
    """Run a case on two simulated workers and return its integers."""
    case = CASES[name]
    rises = strategy(case.name).takes.fidelities
    table, budget = (WITH_EPOCHS, OF_SECONDS) if rises else (BENCHMARK, Budget(evaluations=40))
    several = SEVERAL if strategy(case.name).family == "several objectives" else None
    transfer = SOURCES if strategy(case.name).takes.prior else None
    spec = Spec("golden", (table,), (case,), budget, replicates=2, n_workers=2, objectives=several, transfer=transfer)
    (shard,) = resolve(spec, case, benchmark(table, objectives=several), "cpu")
    traces = [run.trace for run in run_shard(shard)]
    fidelities = {"fidelities": [" ".join(map(str, trace.fidelity.tolist())) for trace in traces]} if rises else {}
    return {
        "version": strategy(case.name).version,
        "rows": [["".join(map(str, arch)) for arch in trace.archs.tolist()] for trace in traces],
        "workers": ["".join(map(str, trace.worker.tolist())) for trace in traces],
        **fidelities,
    }


def path_of(name: str) -> Path:
    """Return where the golden trace of a case lies."""
    return FOLDER / f"{name}.json"


def read(name: str) -> dict[str, Any]:
    """Read a golden trace."""
    golden: dict[str, Any] = json.loads(path_of(name).read_text(encoding="utf-8"))
    return golden
