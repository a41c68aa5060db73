"""The plan of a tuning: a strategy, the values to try, where they are tried, and where the choice is reported."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from harness import registry
from harness.checks import integer
from harness.errors import HarnessError, SpecError, must
from harness.experiments.schema import from_dict
from harness.experiments.spec import Spec
from harness.files.reading import read_toml, record_of
from harness.names import absolute
from harness.seeding import generator

MOST = 1_000
"""Configurations of one plan."""
DEFAULT, TUNED = "default", "tuned"
"""What the strategy is called as it stands, and as it was chosen."""


@dataclass(frozen=True)
class Plan:
    """A tuning, as a TOML file says it.

    Attributes
    ----------
    name : str
        Of the folders of its results.
    strategy : mapping
        As an entry of ``[[strategies]]`` of a spec; its hyperparameters hold for every configuration.
    on, report_on : tuple of str
        Benchmarks on which configurations are tried, and others on which the chosen one is reported.
    budget : mapping
        Of every run, as in a spec.
    values : mapping of str to list
        Hyperparameters and the values to try: every combination is a configuration.
    configurations : tuple of mapping
        Or these, one by one.
    trials : int
        So many of the configurations, drawn at random; 0 for all.
    replicates : int
        Of each configuration on each benchmark.
    report_replicates : int
        Of what is reported.
    seed : int
    """

    name: str
    strategy: Mapping[str, Any]
    on: tuple[str, ...]
    report_on: tuple[str, ...]
    budget: Mapping[str, Any]
    values: Mapping[str, Any] = field(default_factory=dict)
    configurations: tuple[Mapping[str, Any], ...] = ()
    trials: int = 0
    replicates: int = 20
    report_replicates: int = 50
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.on or not self.report_on:
            raise HarnessError("`on` and `report_on` must name at least one benchmark each")
        if shared := [name for name in self.report_on if name in self.on]:
            rule = (
                "be others than those on which configurations are tried: what was chosen there would be praised there"
            )
            raise HarnessError(must("report_on", rule, shared))
        if bool(self.values) == bool(self.configurations):
            raise HarnessError("give `values`, of which every combination is tried, or `configurations`, and not both")
        for key, listed in self.values.items():
            if not isinstance(listed, list) or not listed:
                raise HarnessError(must(f"values.{key}", "be a list of values to try", listed))
        integer("trials", self.trials, low=0, high=MOST)
        if not 2 <= (count := len(self.chosen())) <= MOST:
            rule = f"be 2 to {MOST:,}; set `trials` to try some of them, drawn at random"
            raise HarnessError(must("configurations", rule, count))

    def chosen(self) -> list[dict[str, Any]]:
        """Return the configurations that are tried, in the order of the file, those of `trials` drawn by the seed."""
        if not self.values:
            listed = [dict(configuration) for configuration in self.configurations]
        elif prod(len(values) for values in self.values.values()) > MOST and not self.trials:
            rule = f"make at most {MOST:,} combinations; set `trials` to try some of them, drawn at random"
            raise HarnessError(must("values", rule, prod(len(values) for values in self.values.values())))
        else:
            listed = [
                dict(zip(self.values, combination, strict=True)) for combination in product(*self.values.values())
            ]
        if not self.trials or self.trials >= len(listed):
            return listed
        kept = generator(self.seed, "tuning", self.name).choice(len(listed), self.trials, replace=False)
        return [listed[place] for place in np.sort(kept).tolist()]

    def search(self) -> Spec:
        """Return the spec of all configurations, and of the strategy as it stands, on the benchmarks of `on`."""
        own = registry.keywords(registry.strategy(str(self.strategy.get("name"))))
        own |= self.strategy.get("hyperparameters", {})
        strategies = [self._strategy(DEFAULT, {})]
        strategies += [
            self._strategy(label_of(configuration), configuration)
            for configuration in self.chosen()
            if any(own.get(key) != value for key, value in configuration.items())
        ]
        return self._spec(f"{self.name}-tuning", self.on, strategies, self.replicates)

    def report(self, configuration: Mapping[str, Any]) -> Spec:
        """Return the spec of the chosen configuration beside the strategy as it stands, and random search."""
        strategies = [self._strategy(DEFAULT, {})]
        strategies += [self._strategy(TUNED, configuration)] if configuration else []
        if self.strategy.get("name") != "random_search":
            strategies.append({"name": "random_search", "label": "random_search"})
        return self._spec(self.name, self.report_on, strategies, self.report_replicates)

    def _strategy(self, label: str, configuration: Mapping[str, Any]) -> dict[str, Any]:
        own = dict(self.strategy.get("hyperparameters", {}))
        return {**self.strategy, "label": label, "hyperparameters": own | dict(configuration)}

    def _spec(self, name: str, benchmarks: tuple[str, ...], strategies: list[dict[str, Any]], replicates: int) -> Spec:
        data = {
            "benchmarks": list(benchmarks),
            "strategies": strategies,
            "budget": dict(self.budget),
            "seed": self.seed,
        }
        return from_dict({"name": name, "replicates": replicates, **data}, name)


def label_of(configuration: Mapping[str, Any]) -> str:
    """Return what a configuration is called.

    >>> label_of({"population": 10, "preset": "nats"})
    'population=10, preset=nats'
    """
    words = (value if isinstance(value, str) else json.dumps(value) for value in configuration.values())
    return ", ".join(f"{key}={word}" for key, word in zip(configuration, words, strict=True))


def load(path: Path) -> Plan:
    """Read a plan from a TOML file; paths in it are relative to the file.

    Raises
    ------
    SpecError
        Names the file, the key and the rule.
    """
    try:
        data = read_toml(path, SpecError)
    except FileNotFoundError:
        raise SpecError(f"no such plan: '{path}'") from None
    for key in ("on", "report_on"):
        if isinstance(data.get(key), list):
            data[key] = [absolute(name, path.parent) if isinstance(name, str) else name for name in data[key]]
    strategy = data.get("strategy")
    if isinstance(strategy, dict) and isinstance(strategy.get("name"), str):
        data["strategy"] = strategy | {"name": absolute(strategy["name"], path.parent)}
    try:
        return record_of(Plan, {"name": path.stem, **data}, path.name)
    except HarnessError as error:
        raise SpecError(f"{path}: {error}") from None


def in_plan(message: str, spec: Spec) -> str:
    """Return what is wrong with a spec that a plan made, with configurations called as in the plan.

    Parameters
    ----------
    message : str
        Of a `SpecError`.
    spec : Spec
        Of `Plan.search` or `Plan.report`.
    """
    labels = [item.label for item in spec.strategies]
    return re.sub(r"`strategies\[(\d+)\]`", lambda found: f"configuration '{labels[int(found[1])]}'", message)


def check_apart(plan: Plan) -> None:
    """Refuse benchmarks that are one table under two names: by their content, or by the results that they hold.

    Raises
    ------
    SpecError
    """
    tried = {name: registry.oracle(name) for name in plan.on}
    for name in plan.report_on:
        reported = registry.oracle(name)
        for other, oracle in tried.items():
            ours, theirs = (one.values(one.validation) for one in (oracle, reported))
            if oracle.digest == reported.digest or np.array_equal(ours, theirs, equal_nan=True):
                raise SpecError(
                    f"`report_on`: '{name}' holds the same results as '{other}', on which configurations are tried:"
                    " report on another benchmark"
                )
