"""Provenance of the numbers, in words and as data: versions, digests, seeds, budget semantics."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from harness import __version__
from harness.digests import identity
from harness.errors import HarnessError, typed
from harness.experiments.spec import Spec
from harness.names import read
from harness.printable import counted, printable
from reports.statistics.significance import ALPHA
from reports.study.opening import digest_of
from reports.study.study import CURVE_REPETITIONS, TABLE_REPETITIONS, Study
from reports.study.truth import describe_benchmark
from reports.study.wording import answers, cost_words

_LIBRARIES = ("numpy", "scipy", "pandas", "matplotlib")
_DUPLICATES = {
    "charged": "an architecture proposed again is charged again",
    "free": "an architecture proposed again is free",
    "forbidden": "no architecture may be proposed again",
}


def budget_words(spec: Spec) -> str:
    """Return the budget, for example "150 evaluations"."""
    parts = []
    if spec.budget.evaluations is not None:
        parts.append(counted(spec.budget.evaluations, "evaluation"))
    if spec.budget.seconds is not None:
        seconds = spec.budget.seconds
        parts.append(f"{seconds:,.0f} simulated seconds" if seconds >= 100 else f"{seconds:.3g} simulated seconds")
    if spec.budget.epochs is not None:
        parts.append(f"{spec.budget.epochs:,g} epochs")
    return " and ".join(parts)


def budget_sentence(study: Study) -> str:
    """Return the budget and its semantics in one sentence."""
    spec = study.spec
    workers = f", {spec.n_workers} simulated workers" if spec.n_workers > 1 else ""
    told = f"strategies that read it are told {', '.join(spec.auxiliary)} too" if spec.auxiliary else ""
    said = [f"{budget_words(spec)}{workers}", _DUPLICATES[spec.budget.duplicates], answers(study), cost_words(study)]
    said.append(told)
    return f"Budget: {'; '.join(filter(None, said))}."


def library_versions() -> dict[str, str]:
    """Return the versions of what the numbers and figures depend on."""
    found = {name: _installed(name) for name in _LIBRARIES}
    return {"nas-harness": __version__, "python": platform.python_version(), **found}


@cache
def _installed(name: str) -> str:
    """Return the version of a library; each figure names it, and looking it up takes milliseconds."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


def provenance(study: Study) -> dict[str, Any]:
    """Return what stands beside every figure as JSON."""
    spec = study.spec
    names = {name: name for name in study.results.benchmarks}
    names |= {item.truth.facts.task: item.name for item in study.aligned}
    return {
        "experiment": spec.name,
        "command": _command(study),
        "spec_sha256": study.resampler.digest,
        "table_sha256": {item.name: item.truth.facts.table_digest for item in study.aligned},
        "versions": library_versions(),
        "root_seed": spec.seed,
        "replicates": spec.replicates,
        "runs": {item.name: {label: len(s) for label, s in item.steps.items()} for item in study.aligned},
        "budget": {
            "evaluations": spec.budget.evaluations,
            "seconds": spec.budget.seconds,
            "duplicates": spec.budget.duplicates,
            "multi_fidelity": spec.budget.multi_fidelity,
            "table_seed_policy": spec.budget.table_seed,
            "validation_pass": {item.name: item.truth.facts.validation_pass for item in study.aligned},
            "n_workers": spec.n_workers,
            **({} if spec.budget.epochs is None else {"epochs": spec.budget.epochs}),
            **({} if spec.budget.schedule is None else {"schedule": spec.budget.schedule}),
        },
        **({} if spec.simulate is None else {"simulate": identity(spec.simulate)}),
        **({"auxiliary": list(spec.auxiliary)} if spec.auxiliary else {}),
        **({} if spec.report.incumbent == "full" else {"incumbent": spec.report.incumbent}),
        "bootstrap": {
            "method": "percentile; replicates resampled within benchmarks, jointly for all strategies",
            "repetitions_curves": CURVE_REPETITIONS,
            "repetitions_tables": TABLE_REPETITIONS,
            "seed": "SeedSequence of the root seed and the spec's digest, by name",
        },
        "test": f"Wilcoxon signed-rank (Pratt), paired by replicate, Holm over benchmarks x pairs x checkpoints,"
        f" alpha = {ALPHA}",
        "missing": [[names[shard[0]], *shard[1:]] for shard in study.results.missing],
    }


def _command(study: Study) -> str:
    """Return the command that writes the page; it must say where, unless there is one folder of results."""
    given = study.results.reported or (f"results/{study.spec.name}",)
    folders = [part for part in given if not part.startswith("--")]
    out = [] if len(folders) == 1 else ["--out", f"results/{study.spec.name}"]
    return typed("report", *given, *out)


_TOLD = ("title", "protocol", "source", "licence", "citation")
SOURCE_FACTS = ("path", *_TOLD)
"""What a page says of a table besides its name and content."""


def sources(study: Study) -> list[dict[str, str]]:
    """Return sha256, and where they are known title, path, protocol, source, licence and citation of every benchmark.

    Tables that only told finished trainings, or only judged, come last.  Nowhere else does a page name the path of a
    table.
    """
    searched = [
        {"benchmark": item.name, "sha256": item.truth.facts.table_digest}
        | ({} if item.truth.path is None else {"path": printable(str(item.truth.path))})
        | told_of(item.truth.about)
        for item in study.aligned
    ]
    spec = study.spec
    others = {name: "judges what was found" for name in spec.report_on}
    others |= {name: "finished trainings" for name in ([] if spec.transfer is None else spec.transfer.sources)}
    return searched + [
        {"benchmark": f"{printable(read(name).own)} ({use})"} | _digest_of(study, name) | _known_of(name)
        for name, use in others.items()
        if name not in spec.benchmarks
    ]


def told_of(about: Mapping[str, Any]) -> dict[str, str]:
    """Return what of the registered facts of a benchmark pages tell of their sources."""
    return {key: str(about[key]) for key in _TOLD if about.get(key)}


def _digest_of(study: Study, name: str) -> dict[str, str]:
    """Return the sha256 of a table that was not searched, where results or the table itself tell it."""
    if name in study.results.benchmarks:
        return {"sha256": study.results.benchmarks[name].table_digest}
    return {"sha256": digest_of(name) or "unknown: the table is not here"}


def _known_of(name: str) -> dict[str, str]:
    try:
        return told_of({key: printable(str(value)) for key, value in describe_benchmark(name).items() if value})
    except HarnessError:
        return {}
