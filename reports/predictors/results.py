"""The results of an evaluation of learners, as its page reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from harness.checks import FloatArray, IntArray
from harness.errors import ResultError, typed
from harness.experiments.kind import kind_of
from harness.experiments.manifest import MANIFEST, BenchmarkFacts, Manifest, check_chosen, check_same, read_manifest
from harness.experiments.prediction import FEWEST_TESTED, KIND
from harness.experiments.spec import Spec
from harness.experiments.store import read_units
from harness.printable import printable
from reports.figures.style import style_map
from reports.predictors.ceiling import ceiling, random_regret
from reports.statistics.scale import power_of_ten
from reports.statistics.significance import ALPHA
from reports.study.naming import titles
from reports.study.opening import OpenOracle, open_truth, own_name
from reports.study.provenance import library_versions
from reports.study.study import foremost
from reports.study.truth import describe_benchmark

TEST_WORDS = {
    "random": "random architectures",
    "best_tenth": "the best tenth",
    "neighbourhood": "edits of the ten best learnt from",
}
PERCENT = "percentage points"
"""The unit of regrets and errors of targets in percent."""


@dataclass(frozen=True, eq=False)
class Learnt:
    """What was measured of one learner on one target, over n trials and the sizes of the spec.

    Attributes
    ----------
    scores : mapping of str to (n, S, K) float64
        By the name of the score; on each test set.
    counts : (n, S, K) int64
        Architectures of each test set.
    regrets : mapping of int to (n, S) float64
        By how many of the best predicted are looked at; in the target's unit.
    fit_seconds, query_seconds : (n, S) float64
        CPU seconds of a fit, and of one architecture predicted among many.
    histograms : (n, S, B) float64
    search : (n, E) float64 or None
        Regret of the incumbent of a search with the learner after each evaluation; None without searches.
    reasons : mapping of str to str
        Why the learner has no results, by size or ``"search"``.
    signals : mapping of str to float or None
        Seconds for each architecture of what it reads before training, by name; None where nobody measured them.
    epochs, schedule : int
        Epochs of every curve that it reads, 0 for none, and those of a full training.
    """

    scores: Mapping[str, FloatArray]
    counts: IntArray
    regrets: Mapping[int, FloatArray]
    fit_seconds: FloatArray
    query_seconds: FloatArray
    histograms: FloatArray
    search: FloatArray | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)
    signals: Mapping[str, float | None] = field(default_factory=dict)
    epochs: int = 0
    schedule: int = 1

    @property
    def signal_seconds(self) -> float:
        """Seconds of its signals for each architecture, those that were measured."""
        return sum(seconds or 0.0 for seconds in self.signals.values())

    @property
    def begun(self) -> float:
        """What is trained of every architecture, in units of one full training."""
        return self.epochs / self.schedule

    @property
    def trials(self) -> int:
        """How many trials there are."""
        return len(self.fit_seconds)

    def taus(self, column: int, test: int = 0) -> FloatArray:
        """Return Kendall's tau at a size on a test set, (n,).

        What is undefined, of a prediction without two values, counts as 0; NaN is a learner that was not fitted, or a
        test set of too few architectures.
        """
        found = self.scores["kendall"][:, column, test]
        tested = np.isfinite(self.fit_seconds[:, column]) & (self.counts[:, column, test] >= FEWEST_TESTED)
        return np.where(tested, np.nan_to_num(found), np.nan)

    def tau(self, column: int) -> float:
        """Return the mean tau at a size on the first test set; NaN where the learner was not fitted in all trials."""
        return float(self.taus(column).mean())

    @property
    def end(self) -> FloatArray:
        """Regrets at the end of the searches, (n,); NaN where there are none."""
        return np.full(self.trials, np.nan) if self.search is None else self.search[:, -1]


@dataclass(frozen=True, eq=False)
class Target:
    """A column of a benchmark that was predicted.

    Attributes
    ----------
    name : str
        Of the panel: the benchmark, with the column where there are several.
    facts : BenchmarkFacts
    objective, unit : str
    learnt : mapping of str to Learnt
        By the label of the learner, in the order of the spec.
    ceiling : float
        Kendall's tau between one training and the mean of the others; NaN where no architecture has two.
    about : mapping
        What is registered about the benchmark.
    random : float
        Mean regret of random search after as many evaluations as the searches have; NaN where it is not known.
    """

    name: str
    facts: BenchmarkFacts
    objective: str
    unit: str
    learnt: Mapping[str, Learnt]
    ceiling: float
    about: Mapping[str, Any]
    random: float = np.nan

    @property
    def least(self) -> float:
        """A power of ten about a thousandth of what learners err by: numbers in the unit that are less are told so."""
        errors = np.concatenate([one.scores["rmse"].ravel() for one in self.learnt.values()])
        errors = errors[errors > 0]
        return min(power_of_ten(float(np.median(errors)) / 1000), 0.001) if len(errors) else 0.001


@dataclass(frozen=True, eq=False)
class Evaluated:
    """The results of an evaluation of learners.

    Attributes
    ----------
    spec : Spec
    targets : tuple of Target
    missing : tuple of str
        Blocks of trials without a result, in words.
    """

    spec: Spec
    targets: tuple[Target, ...]
    missing: tuple[str, ...] = ()

    @property
    def facts(self) -> Mapping[str, BenchmarkFacts]:
        """Facts of the benchmarks, by name."""
        return {target.facts.name: target.facts for target in self.targets}

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sizes of the training sets."""
        return self.spec.prediction.sizes if self.spec.prediction else ()

    @property
    def tests(self) -> tuple[str, ...]:
        """Names of the test sets."""
        return self.spec.prediction.tests if self.spec.prediction else ()

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the learners."""
        return tuple(item.label for item in self.spec.strategies)

    @property
    def search(self) -> int:
        """Evaluations of the searches; 0 without."""
        return self.spec.prediction.search if self.spec.prediction else 0

    @cached_property
    def drawn(self) -> tuple[str, ...]:
        """Labels that figures draw in colour and name: all, where they are few; see `reports.study.study.foremost`.

        The best are those of the largest mean tau of a benchmark at a size, most often first, and then by mean tau over
        all.
        """
        firsts = [self._best(target, column) for target in self.targets for column in range(len(self.sizes))]
        bests = sorted({label for label in firsts if label}, key=lambda label: (-firsts.count(label), label))
        return foremost(self.labels, self.spec.report.highlight, bests, sorted(self.labels, key=self._worseness))

    @staticmethod
    def _best(target: Target, column: int) -> str:
        taus = {label: one.tau(column) for label, one in target.learnt.items() if np.isfinite(one.tau(column))}
        return max(taus, key=lambda label: taus[label], default="")

    def _worseness(self, label: str) -> float:
        learnt = [target.learnt[label] for target in self.targets if label in target.learnt]
        taus = np.array([one.tau(column) for one in learnt for column in range(len(self.sizes))])
        return -float(np.nan_to_num(taus).mean()) if len(taus) else np.inf

    def common(self) -> dict[str, Any]:
        """Return the metadata that all figures share: styles, what is grey, and provenance."""
        background = [label for label in self.labels if label not in self.drawn]
        grey = {"background": background} if background else {}
        return {
            "styles": style_map(self.labels, background),
            "left_out": {},
            **grey,
            "provenance": self.provenance(),
        }

    @property
    def background_words(self) -> str:
        """Say which learners are drawn in colour, where not all are, for captions."""
        if len(self.drawn) == len(self.labels):
            return ""
        wished = " those that the spec highlights," if self.spec.report.highlight else ""
        return (
            f" In colour:{wished} the best at a size and the best by mean tau, {len(self.drawn)} of"
            f" {len(self.labels)}; the others are grey, and in the tables."
        )

    def provenance(self) -> dict[str, Any]:
        """Return what stands beside every figure as JSON."""
        return {
            "experiment": self.spec.name,
            "command": typed("report", f"results/{self.spec.name}"),
            "table_sha256": {target.name: target.facts.table_digest for target in self.targets},
            "versions": library_versions(),
            "root_seed": self.spec.seed,
            "trials": {
                target.name: {label: one.trials for label, one in target.learnt.items()} for target in self.targets
            },
            "alpha": ALPHA,
        }


def read_evaluated(folder: Path, open_oracle: OpenOracle, *, allow_missing: bool = False) -> Evaluated:
    """Read the results of an evaluation of learners, and open its tables for their noise.

    Raises
    ------
    ResultError
        If results are missing, damaged or of another table.
    """
    manifest = read_manifest(folder)
    if manifest.spec.kind != KIND:
        raise ResultError(f"'{folder}' holds results of the kind '{manifest.spec.kind}', not of learners")
    found: dict[tuple[str, str, str], list[Any]] = {}
    missing = []
    for entry, result in read_units(folder, manifest, kind_of(KIND)):
        if result is None:
            missing.append(f"{entry.label} on {entry.benchmark}, trials {entry.first} to {entry.stop - 1}")
        else:
            unit, output = result
            digest = manifest.benchmarks[entry.benchmark].table_digest
            said = {"seed": manifest.spec.seed, "settings": manifest.spec.prediction, "table_digest": digest}
            check_same(str(folder / MANIFEST), entry, unit, **said)
            check_chosen(str(folder / MANIFEST), entry, manifest.spec, unit.learner["name"], unit.learner)
            found.setdefault((entry.benchmark, unit.objective, entry.label), []).append((unit.first, output))
    if missing and not allow_missing:
        raise ResultError(
            f"'{folder}' is incomplete: {'; '.join(missing[:3])}{' ...' if len(missing) > 3 else ''}; run the spec"
            " again, or report what is there with --allow-missing"
        )
    if not found:
        raise ResultError(f"'{folder}' has no result yet; run the spec")
    return Evaluated(manifest.spec, tuple(_targets(manifest, found, folder, open_oracle)), tuple(missing))


def _targets(
    manifest: Manifest, found: Mapping[tuple[str, str, str], list[Any]], folder: Path, open_oracle: OpenOracle
) -> Iterator[Target]:
    opened = {
        name: open_truth(facts.name, facts.table_digest, folder, open_oracle)
        for name, facts in manifest.benchmarks.items()
    }
    shown = titles({name: own_name(name, oracle) for name, (oracle, _) in opened.items()})
    for name, facts in manifest.benchmarks.items():
        oracle, address = opened[name]
        for objective in facts.objectives:
            learnt = {
                item.label: _joined(found[name, objective.name, item.label])
                for item in manifest.spec.strategies
                if (name, objective.name, item.label) in found
            }
            if not learnt:
                continue
            evaluations = manifest.spec.prediction.search if manifest.spec.prediction else 0
            unit = oracle.columns[objective.name].unit if objective.name in oracle.columns else ""
            yield Target(
                shown[name] if len(facts.objectives) == 1 else f"{shown[name]}: {objective.name}",
                facts,
                objective.name,
                {"percent": PERCENT}.get(unit, printable(unit)),
                learnt,
                ceiling(oracle, objective.name),
                describe_benchmark(address),
                random_regret(oracle, objective, evaluations, manifest.spec.budget) if evaluations else np.nan,
            )


def _joined(parts: list[tuple[int, Any]]) -> Learnt:
    outputs = [output for _, output in sorted(parts, key=lambda part: part[0])]
    names = json.loads(outputs[0].texts["names"])
    columns = {name: np.concatenate([output.columns[name] for output in outputs]) for name in outputs[0].columns}
    return Learnt(
        {name: columns["scores"][..., place] for place, name in enumerate(names["scores"])},
        columns["counts"],
        {top: columns["regrets"][..., place] for place, top in enumerate(names["tops"])},
        columns["seconds"][..., 0],
        columns["seconds"][..., 1],
        columns["histograms"],
        columns.get("search"),
        {key: text for output in outputs for key, text in json.loads(output.texts["reasons"]).items()},
        names.get("signals", {}),
        names.get("epochs", 0),
        names.get("schedule", 1),
    )
