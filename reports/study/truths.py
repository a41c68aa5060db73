"""The truths and references of an experiment: its tables opened, each to judge one objective or several."""

from __future__ import annotations

from dataclasses import replace

from harness import registry
from harness.errors import ResultError
from harness.experiments.results import Results
from harness.experiments.spec import Spec, task_name
from reports.study.front_reference import FrontReference, front_reference
from reports.study.front_truth import FrontTruth
from reports.study.naming import titles
from reports.study.opening import OpenOracle, open_truth, own_name
from reports.study.reference import Reference, reference
from reports.study.truth import Truth


def truths(results: Results, open_oracle: OpenOracle = registry.oracle) -> dict[str, Truth]:
    """Open the truth behind every benchmark of an experiment.

    Raises
    ------
    ResultError
        If a table is not there, is not the one that the runs were made on, or lacks the column of an objective.
    """
    opened: dict[str, Truth] = {}
    constraints = {task.name: task.constraints for task in results.spec.tasks}
    for name, facts in results.benchmarks.items():
        oracle, address = open_truth(facts.name, facts.table_digest, results.folder, open_oracle)
        for objective in facts.objectives:
            if objective.name not in oracle.columns:
                raise ResultError(f"the table of '{name}' has no column '{objective.name}'")
        if len(facts.objectives) > 1:
            log = results.spec.report.log
            opened[name] = FrontTruth(
                facts, oracle, constraints.get(name, results.spec.constraints), address=address, log=log
            )
        else:
            opened[name] = Truth(facts, oracle, constraints.get(name, results.spec.constraints), address=address)
    shown = titles({truth.facts.name: own_name(truth.facts.name, truth.oracle) for truth in opened.values()})
    return {
        name: replace(truth, title=task_name(shown[truth.facts.name], truth.facts.deployment))
        for name, truth in opened.items()
    }


def reference_of(truth: Truth, spec: Spec) -> Reference | FrontReference | None:
    """Return the random-search reference of a benchmark; None where it cannot be known."""
    return front_reference(truth, spec) if isinstance(truth, FrontTruth) else reference(truth, spec)
