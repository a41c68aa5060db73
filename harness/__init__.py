"""The NAS harness: compare search strategies on tabular benchmarks, and verify what they find.

Names are imported when they are first used, so that ``import harness`` stays fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.api import frame, open_benchmark, plot, run
    from harness.benchmark import Benchmark, Column, Oracle
    from harness.errors import HarnessError
    from harness.experiments.results import Results, read_results
    from harness.experiments.schema import load as load_spec
    from harness.experiments.spec import Spec, StrategySpec
    from harness.graphs import GraphBatch
    from harness.problem import Budget, Constraint, Fidelity, Objective, Problem
    from harness.records import Evaluations, Proposals, Trace
    from harness.space import SearchSpace
    from harness.spaces.categorical import CategoricalSpace
    from harness.spaces.own.cells import CellSpace
    from harness.spaces.own.conditional import ConditionalSpace
    from harness.spaces.own.genes import Genes, When
    from harness.strategy import Plan, Strategy
    from harness.surrogate import CurveSurrogate, Fit, Predict, Prediction, Surrogate
    from harness.task import Task
    from harness.training.data.own import dataset

__version__ = "0.1.0"

__all__ = [
    "open_benchmark",
    "run",
    "frame",
    "plot",
    "report",
    "load_spec",
    "read_results",
    "Strategy",
    "Plan",
    "Proposals",
    "Evaluations",
    "Trace",
    "Problem",
    "Objective",
    "Constraint",
    "Fidelity",
    "Budget",
    "SearchSpace",
    "CategoricalSpace",
    "ConditionalSpace",
    "CellSpace",
    "dataset",
    "GraphBatch",
    "Task",
    "Genes",
    "When",
    "Column",
    "Benchmark",
    "Oracle",
    "Surrogate",
    "CurveSurrogate",
    "Prediction",
    "Fit",
    "Predict",
    "Spec",
    "StrategySpec",
    "Results",
    "HarnessError",
]

_HOME = {
    "api": ("open_benchmark", "run", "frame", "plot", "report"),
    "benchmark": ("Benchmark", "Column", "Oracle"),
    "errors": ("HarnessError",),
    "graphs": ("GraphBatch",),
    "problem": ("Budget", "Constraint", "Fidelity", "Objective", "Problem"),
    "records": ("Evaluations", "Proposals", "Trace"),
    "space": ("SearchSpace",),
    "spaces.own.genes": ("Genes", "When"),
    "task": ("Task",),
    "spaces.categorical": ("CategoricalSpace",),
    "spaces.own.conditional": ("ConditionalSpace",),
    "spaces.own.cells": ("CellSpace",),
    "training.data.own": ("dataset",),
    "experiments.results": ("Results", "read_results"),
    "experiments.spec": ("Spec", "StrategySpec"),
    "strategy": ("Plan", "Strategy"),
    "surrogate": ("Fit", "Predict", "Prediction", "Surrogate", "CurveSurrogate"),
}


def __getattr__(name: str) -> Any:
    if name == "load_spec":
        return import_module("harness.experiments.schema").load
    for module, names in _HOME.items():
        if name in names:
            return getattr(import_module(f"harness.{module}"), name)
    raise AttributeError(f"module 'harness' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
