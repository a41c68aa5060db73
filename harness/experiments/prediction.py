"""The evaluation of learners in a spec: ``[prediction]``, and ``[[learners]]`` where searches name strategies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.checks import choice, integer
from harness.errors import HarnessError, must

KIND, SEARCH = "prediction", "search"
"""Names of the kind of work that evaluates learners, and of that of other specs."""
LISTED = {KIND: "learners", "scaling": "families"}
"""Under which key a spec lists what is compared, by the kind of work, where that is not `strategies`."""
_OF_LABELS = ("table_seed", "duplicates")
"""Keys of a budget that hold for learners: which training answers."""
TESTS = ("random", "best_tenth", "neighbourhood")
"""On what learners are tested: architectures drawn at random; those of the best tenth; single edits of the ten best
that were learnt from, where searches use a learner."""
FEWEST_TESTED = 5
"""Architectures without which a test set says nothing: it has no scores."""
BEGUN_AT_RANDOM = 10
"""Evaluations of a search before a learner guides it."""
FEWEST_LEARNT, MOST_LEARNT = 2, 10_000
"""The smallest and the largest training set."""


@dataclass(frozen=True)
class PredictionSpec:
    """How learners are evaluated.

    Attributes
    ----------
    sizes : tuple of int
        Sizes of the training sets, ascending; a larger set of a trial holds the smaller ones.
    tests : tuple of str
        See `TESTS`.
    test_size : int
        Architectures of a test set, at most.
    search : int
        Evaluations of a search that each learner guides, `replicates` times, the first ten at random; 0 for none.
    """

    sizes: tuple[int, ...] = (20, 50, 100, 200, 500)
    tests: tuple[str, ...] = TESTS
    test_size: int = 1000
    search: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", tuple(self.sizes))
        object.__setattr__(self, "tests", tuple(self.tests))
        for size in self.sizes:
            integer("prediction.sizes", size, low=FEWEST_LEARNT, high=MOST_LEARNT)
        if not self.sizes or sorted(set(self.sizes)) != list(self.sizes):
            raise HarnessError(must("prediction.sizes", "name at least one size, ascending", list(self.sizes)))
        if not self.tests or len(set(self.tests)) < len(self.tests):
            raise HarnessError(must("prediction.tests", "name at least one, each once", list(self.tests)))
        for name in self.tests:
            choice("prediction.tests", name, TESTS)
        integer("prediction.test_size", self.test_size, low=20, high=100_000)
        integer("prediction.search", self.search, low=0, high=100_000)
        if 0 < self.search <= BEGUN_AT_RANDOM:
            rule = f"be 0, or more than the {BEGUN_AT_RANDOM} evaluations at random with which each search begins"
            raise HarnessError(must("prediction.search", rule, self.search))


def as_spec(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return plain data that names ``[[learners]]`` with the keys that all kinds of work share; others as they are.

    Each learner is a table of its settings, with ``name`` and where two are alike ``label``, and with what it sees of
    an architecture beside its genes: ``covariates``, names of signals or ``"all"``, and ``curve_epochs``, the epochs of
    every curve (networks have ``epochs`` of their own); see `surrogates.evaluation.observed`.  The sizes of training
    sets take the place of a budget, and the kind of work is `KIND`.

    Examples
    --------
    >>> said = as_spec({"benchmarks": ["graph-cora"], "learners": [{"name": "knn", "neighbours": 3}]})
    >>> said["kind"], said["strategies"], said["budget"]
    ('prediction', [{'name': 'knn', 'hyperparameters': {'neighbours': 3}}], {'evaluations': 500})
    """
    if "learners" not in data:
        if data.get("prediction") is not None and data.get("kind", SEARCH) == SEARCH:
            raise HarnessError(must("prediction", "be given with [[learners]], which it is about", data["prediction"]))
        return data
    learners, budget = data["learners"], data.get("budget", {})
    if not isinstance(learners, list) or not learners or not all(isinstance(item, Mapping) for item in learners):
        raise HarnessError(must("learners", "be tables, [[learners]], at least one", learners))
    if "strategies" in data:
        raise HarnessError(must("learners", "be given without `strategies`: they are two kinds of work", "both"))
    for index, item in enumerate(learners):
        if not isinstance(item.get("name"), str):
            raise HarnessError(must(f"learners[{index}]", "have a `name`, a text", dict(item)))
    if not isinstance(budget, Mapping) or not set(budget) <= set(_OF_LABELS):
        rule = f"hold {' and '.join(_OF_LABELS)} alone with [[learners]]: what is learnt from, `sizes` says"
        raise HarnessError(must("budget", rule, budget))
    settings = data.get("prediction", {})
    sizes = settings.get("sizes", PredictionSpec.sizes) if isinstance(settings, Mapping) else ()
    sized = [size for size in sizes if isinstance(size, int)] if isinstance(sizes, list | tuple) else []
    largest = min(max(sized, default=1), MOST_LEARNT)
    shared = {"kind": KIND, "prediction": {}, "replicates": 10}
    kept = {key: value for key, value in data.items() if key != "learners"} | {
        "budget": {"evaluations": max(largest, 1), **budget}
    }
    return {**shared, **kept, "strategies": [item_of(item) for item in learners]}


def as_listed(data: Mapping[str, Any], text: str) -> str:
    """Return an error about what `as_spec` made of a spec, of any kind of work, as one about what the spec says.

    >>> as_listed({"kind": "prediction"}, "`strategies[0].label` must be text; name other strategies")
    '`learners[0].label` must be text; name other strategies'
    """
    listed = LISTED.get(str(data.get("kind")), "strategies")
    return re.sub(r"(?<=[`'])strategies(?=[`'\[.])", listed, text)


def item_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table of what is compared as one of ``[[strategies]]``: its other keys are hyperparameters."""
    own = {key: item[key] for key in ("name", "label") if key in item}
    return own | {"hyperparameters": {key: value for key, value in item.items() if key not in own}}
