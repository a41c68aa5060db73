"""The making of an archive, of folders of results and of other archives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from harness.errors import IncompleteError, ResultError, must
from harness.experiments.manifest import MANIFEST, Entry, Manifest, read_manifest
from harness.experiments.results import Results, results_of
from harness.experiments.shards import Search
from harness.experiments.spec import Spec, StrategySpec
from harness.experiments.store import read_units, unit_path
from harness.printable import counted
from reports.archive.file import Archive, Origin, Unit, find, read_archive, write_archive
from reports.study.joined import joined, named, only, settings_of


@dataclass(frozen=True)
class _Source:
    """What an archive is made of."""

    manifest: Manifest
    units: Mapping[str, Unit]
    results: Results


def build(sources: Sequence[str], out: Path, *, machine: str, name: str = "") -> Archive:
    """Write an archive and return it, read back.

    Parameters
    ----------
    sources : sequence of str
        Folders of results of `run`, whole, and archives, by name or path; all of one protocol.  A strategy that several
        have with the same settings is taken from the first, whatever its version: what was run again comes first.
    out : Path
        Of the file; an archive that is there is replaced.
    machine : str
        Where the runs of folders were made; archives say it themselves.
    name : str
        The default is that of the file.

    Raises
    ------
    IncompleteError
        If shards are missing.
    ResultError
        If protocols differ, a strategy lacks a benchmark of the others, or `out` is another file.
    """
    if not sources:
        raise ResultError(must("sources", "name at least one folder of results", []))
    if out.exists():
        try:
            read_archive(out)  # whatever else lies there stays
        except ResultError:
            raise ResultError(f"`out` must name a new file, or an archive to replace, got '{out}'") from None
    kept, known = list[tuple[_Source, Results]](), list[StrategySpec]()
    for text in sources:
        source = _source(text, machine)
        settings = {item.label: settings_of(source.results, item)[0] for item in source.results.spec.strategies}
        if labels := [label for label, own in settings.items() if own not in known]:
            kept.append((source, only(source.results, labels)))
        known += settings.values()
    whole = joined([part for _, part in kept])
    if whole.missing:
        task, label, *_ = whole.missing[0]
        raise ResultError(f"every strategy of an archive must have been run on every benchmark; '{label}' lacks {task}")
    spec = replace(whole.spec, name=name or out.stem)
    names = named([part for _, part in kept])
    listed: dict[tuple[str, str], list[Entry]] = {}
    units: dict[str, Unit] = {}
    for place, (source, _) in enumerate(kept):
        for entry in source.manifest.entries:
            if (place, entry.label) in names:
                label = names[place, entry.label]
                listed.setdefault((entry.benchmark, label), []).append(replace(entry, label=label))
                units.setdefault(entry.digest, source.units[entry.digest])
    entries = [entry for task in spec.tasks for item in spec.strategies for entry in listed[task.name, item.label]]
    write_archive(out, Manifest(spec, dict(whole.benchmarks), tuple(entries)), units)
    return read_archive(out)


def _source(text: str, machine: str) -> _Source:
    """Return a folder of results, or an archive."""
    folder = Path(text)
    if not folder.is_dir():
        archive = read_archive(find(text))
        return _Source(archive.manifest, archive.units, archive.results)
    manifest = read_manifest(folder)
    if manifest.spec.kind != Spec.kind:
        raise ResultError(f"'{folder}' holds results of the kind '{manifest.spec.kind}': archives are of searches")
    found = list(read_units(folder, manifest, Search()))
    if missing := sum(result is None for _, result in found):
        raise IncompleteError(
            f"'{folder}' lacks {counted(missing, 'shard')}, and an archive holds whole experiments; run the spec again"
            " to compute them"
        )
    units = {}
    for entry, result in found:
        if result is not None:
            day = datetime.fromtimestamp(unit_path(folder, entry.digest).stat().st_mtime, UTC).date().isoformat()
            units[entry.digest] = Unit(*result, Origin(day, machine))
    return _Source(manifest, units, results_of(manifest, found, str(folder / MANIFEST), folder))
