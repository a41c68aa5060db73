"""Results beside archives: what of both may be compared, replicate by replicate, and in words what is left out.

Archived runs met the same noise as later ones of the same protocol: the seed of a replicate is addressed by the root
seed, the table and the number of the replicate, whatever else is run.  So replicates that both have are pairs, and so
are benchmarks.  Budgets must be equal: a strategy may plan with its whole budget, and the first part of a longer run is
not the run that a smaller budget gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.errors import ResultError
from harness.experiments.results import Results
from harness.experiments.spec import ReportSpec
from harness.printable import counted
from reports.archive.file import Archive
from reports.study.joined import Settings, check_protocol, joined, named, only, reported, settings_of
from reports.study.study import DRAWN


@dataclass(frozen=True)
class Together:
    """Results with those of archives.

    Attributes
    ----------
    results : Results
        Of all strategies, as one experiment.
    archived : dict of str to (Archive, str)
        The archive of each strategy that is from one, and its label there, by its label in the whole.
    sentences : tuple of str
        What was left out, and why.
    """

    results: Results
    archived: dict[str, tuple[Archive, str]]
    sentences: tuple[str, ...]


def together(results: Results | None, archives: Sequence[Archive] = ()) -> Together:
    """Put results beside archives of the same protocol.

    Benchmarks and replicates that not all have are left out.  An archived strategy that was run again with the same
    settings and in the same version is taken from the results; in another version, both are shown.

    Parameters
    ----------
    results : Results or None
        None for the archives alone.
    archives : sequence of Archive
        At least one where there are no results; without any, results are what they are.

    Raises
    ------
    ResultError
        If protocols differ, or there is no benchmark that all have.
    """
    if results is not None and not archives:
        return Together(results, {}, ())
    sources = [*([None] if results is not None else []), *archives]
    everything = [results if archive is None else archive.results for archive in sources]
    whole = [one for one in everything if one is not None]
    shared = _shared(whole)
    replicates = min(one.spec.replicates for one in whole)
    cut = [_cut(one, shared, replicates, whole[0]) for one in whole]
    given = [
        one if archive is None else replace(one, reported=(f"--against={archive.name}",))
        for archive, one in zip(sources, cut, strict=True)
    ]
    check_protocol(cut)
    parts: list[tuple[Archive | None, Results]] = []
    known: list[Settings] = []
    for archive, part in zip(sources, cut, strict=True):
        settings = {item.label: settings_of(part, item) for item in part.spec.strategies}
        labels = [label for label, own in settings.items() if archive is None or own not in known]
        if archive is None:
            part = _highlighting(part, [label for label in labels if all(label not in one.labels for one in cut[1:])])
        parts += [(archive, only(part, labels))] if labels else []
        known += settings.values()
    names = named([part for _, part in parts])
    archived = {
        names[place, label]: (archive, label)
        for place, (archive, part) in enumerate(parts)
        if archive is not None
        for label in part.labels
    }
    both = replace(joined([part for _, part in parts]), reported=reported(given))
    if results is None and both.folder is not None:
        both = replace(both, folder=both.folder.parent)  # of a file: tables are looked for beside it
    return Together(both, archived, _left_out(whole, shared, replicates))


def _shared(experiments: Sequence[Results]) -> list[str]:
    """Return the benchmarks that all have."""
    first, *others = experiments
    shared = [name for name in first.spec.benchmarks if all(name in one.spec.benchmarks for one in others)]
    if not shared:
        each = "; ".join(f"{_called(one)} has {', '.join(one.spec.benchmarks)}" for one in experiments)
        raise ResultError(f"no benchmark is in all that is to be compared: {each}; run the strategy on one that is")
    return shared


def _called(results: Results) -> str:
    return f"'{results.spec.name}'"


def _highlighting(results: Results, labels: Sequence[str]) -> Results:
    """Return results whose pages draw some strategies in colour, where they do not say which."""
    report = results.spec.report
    wished = report.highlight or tuple(labels[:DRAWN])
    return replace(results, spec=replace(results.spec, report=replace(report, highlight=wished)))


def _cut(results: Results, benchmarks: Sequence[str], replicates: int, first: Results) -> Results:
    """Return the part of results that all have; what is judged, and how, as the first say."""
    spec = replace(
        results.spec,
        benchmarks=tuple(benchmarks),
        replicates=replicates,
        report_on=first.spec.report_on,
        report=first.spec.report if results is first else ReportSpec(),
    )
    names = {task.name for task in spec.tasks}
    judges = {name: first.benchmarks[name] for name in spec.report_on}
    return replace(
        results,
        spec=spec,
        benchmarks={name: facts for name, facts in results.benchmarks.items() if name in names} | judges,
        runs=tuple(run for run in results.runs if run.benchmark in names and run.replicate < replicates),
        missing=tuple(
            (task, label, start, min(stop, replicates))
            for task, label, start, stop in results.missing
            if task in names and start < replicates
        ),
    )


def _left_out(experiments: Sequence[Results], shared: Sequence[str], replicates: int) -> tuple[str, ...]:
    """Say which benchmarks and replicates are not compared."""
    said = []
    for one in experiments:
        if others := [name for name in one.spec.benchmarks if name not in shared]:
            said.append(f"{', '.join(others)} of {_called(one)} {'are' if len(others) > 1 else 'is'} left out")
        if (more := one.spec.replicates) > replicates:
            said.append(f"the first {counted(replicates, 'replicate')} of {more} of {_called(one)} are compared")
    return tuple(said)
