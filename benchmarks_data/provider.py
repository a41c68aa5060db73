"""The provider of tables: names of the catalogue and paths of table files, opened, judged and described.

A table is converted from its installed source package to the cache when it is first asked for, under an inter-process
lock; afterwards opening it takes milliseconds.  A cache file that is damaged, cut short or of another schema is made
again, or, where the source is gone, named in a TableError.  A table whose files the user has is imported first.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from benchmarks_data import facts, files
from benchmarks_data.cache import conversion
from benchmarks_data.catalogue.builds import Build
from benchmarks_data.catalogue.entries import Entry, Protocol, builds, carried, entries, others
from benchmarks_data.file import layout, protocol, recorded, seeds
from benchmarks_data.file.content import is_table
from benchmarks_data.file.oracle import TableOracle
from benchmarks_data.file.table import TableBenchmark
from benchmarks_data.files import Progress, on_terminal
from benchmarks_data.live.entries import is_live, live, lives
from benchmarks_data.predicted.fitted.file import is_fitted
from harness.benchmark import BenchmarkProvider, summarised
from harness.errors import HarnessError, IrregularError, TableError, nearest, typed, unknown
from harness.files.whole import opened
from harness.guard import refuse
from harness.names import read
from harness.problem import Constraint, Objective
from harness.space import SearchSpace
from harness.spaces import named

if TYPE_CHECKING:
    from harness.benchmark import Benchmark, Oracle

_FITTED = "predicted.fitted.benchmark"
"""The module of surrogate benchmarks that are opened by their path."""
_LIVE, _TASKS = "live.benchmark", "tasks"
"""The modules of live benchmarks, and of tasks of one's own, by the path of their class."""


class Tables(BenchmarkProvider):
    """Tables by name or path, what the catalogue has that predicts or trains, and tasks by the path of their class.

    A name may have ``@`` and a protocol behind it, for a table that has test results alone, or ``@seeds``, for a table
    whose fidelities are to be numbers of training runs (`benchmarks_data.file.seeds`).  That of a live benchmark may
    have ``@R0``, for its trainings to be bitwise reproducible.
    """

    def names(self) -> Sequence[str]:
        """Return the names of the catalogue, protocols included."""
        under = [f"{entry.name}{protocol.MARK}{key}" for entry in entries().values() for key in entry.protocols]
        return (*entries(), *under, *others(), *lives())

    def __contains__(self, name: object) -> bool:
        known = name in carried() or name in self.names() or is_live(name)
        return known or (isinstance(name, str) and self._repeats(name))

    @staticmethod
    def _repeats(name: str) -> bool:
        table, _, view = name.partition(protocol.MARK)
        return view == seeds.KEY and table in entries()

    def reads(self, path: Path) -> bool:
        """Say whether a file begins like a table or a surrogate benchmark; what else is wrong is told on opening."""
        return is_table(path) or is_fitted(path) or is_live(str(path))

    def refusal(self, path: Path) -> str:
        """Say how a path becomes that of a table: data of one's own are imported."""
        from harness.experiments.manifest import MANIFEST  # here, for it takes a while

        if path.is_file():
            return (
                f"the table {path} is damaged: it is no HDF5 file, or its beginning is lost; data of your own become a "
                f"table by `{typed('data', 'import', 'NAME', path, '--describe', 'TOML')}`, and a table is named by "
                "its path, 'NAME.h5'."
            )
        if (path / MANIFEST).is_file():
            return f"'{path}' is a folder of results, not a table: `{typed('report', path)}` shows them"
        if path.exists():
            try:
                with opened(path):
                    pass
            except IrregularError as error:
                return f"the table {path} is damaged: it is {str(error).removeprefix(f'{path} is ')}"
        out = path if path.suffix == recorded.SUFFIX or not path.name else path.with_suffix(recorded.SUFFIX)
        near = nearest(path.name, (other.name for other in path.parent.glob(f"*{recorded.SUFFIX}")))
        return (
            f"the table {path} is missing: there is no such file.{near} "
            f"`{typed('data', 'import', path.stem, 'FILE', '--describe', 'TOML', '--out', out)}` makes a table from "
            "data of your own."
        )

    def open(
        self,
        name: str,
        *,
        objectives: Sequence[str | Objective] | None = None,
        constraints: Sequence[Constraint] = (),
        training: int | None = None,
        check_content: bool = False,
        seed: int | None = None,
        auxiliary: Sequence[str | Objective] = (),
        schedule: int | None = None,
    ) -> Benchmark:
        """Open a table as a benchmark, converting it first where that was not done yet.

        Parameters
        ----------
        name : str
            Of the catalogue, or a path; a benchmark opened by its path is named after the path.
        objectives : sequence of str or Objective, optional
            Columns to optimise; the default is the validation column.
        constraints : sequence of Constraint
        training : int, optional
            Always answer with this training instead of drawing one.
        check_content : bool
            Compare the whole table with its SHA-256 again, whatever is remembered of its file.
        seed : int, optional
            Always answer with the training of this seed, at the schedules that were trained with it; there every row
            must have it.
        auxiliary : sequence of str or Objective
            Columns told beside the objectives.
        schedule : int, optional
            Offer the fidelities of the training schedule of so many epochs alone.
        """
        if _has_no_rows(name):
            return _open_without_rows(
                name,
                {"auxiliary": list(auxiliary) or None, "schedule": schedule, "seed": seed},
                objectives=objectives,
                constraints=constraints,
                training=training,
                check_content=check_content,
            )
        header = _header(name, held_out=False, check_content=check_content)
        if objectives is None and not header.meaning.validation:
            protocols = entries()[name].protocols if name in entries() else ()
            known = ", ".join(f"'{name}{protocol.MARK}{key}'" for key in protocols) or "none is known"
            raise HarnessError(
                f"the table {name} has no validation column to search by; open it under a protocol: {known}"
            )
        table = TableBenchmark(
            header,
            recorded.space_of(header),
            objectives=objectives,
            constraints=constraints,
            training=training,
            seed=seed,
            auxiliary=auxiliary,
            schedule=schedule,
        )
        table.name = name
        return table

    def oracle(self, name: str) -> Oracle:
        """Open a table with its held-out columns, converting it first where that was not done yet."""
        if _has_no_rows(name):
            answering: Oracle = _answering(name).open_oracle(name)
            return answering
        header = _header(name, held_out=True)
        truth = TableOracle(header, recorded.space_of(header))
        truth.name = name
        return truth

    def describe(self, name: str) -> dict[str, Any]:
        """Say what a benchmark is, as plain data.

        Returns
        -------
        dict
            kind, name, title, dataset, rows, runs (how many rows have how many trainings), replicates, columns (name,
            unit, direction, split, trained_on, held_out, best, measured_at, runs, coverage, description), fidelities,
            repeats (training runs of the highest fidelity, where fidelities are numbers of them), has_seconds,
            full_training_seconds (T1, see `harness.judging.ledger.unit_seconds`; where it has seconds), validation,
            test, licence, citation, source, source_sha256, source_as_checked, training, partial, protocol, protocols,
            sha256, path, bytes, space. Of a table whose files nobody imported yet: what the catalogue says of it,
            ``imported`` (False) and ``to_get``.
        """
        if _has_no_rows(name):
            description: dict[str, Any] = _answering(name).describe(name)
            return description
        if read(name).path is not None:
            return facts.of_table(_header(name, held_out=True), name)
        entry, under = _entry(name), protocol_of(name)
        if entry.imported and not files.table_path(entry.name).exists():
            return facts.of_entry(entry, name, under)
        return facts.of_table(_header(name, held_out=True), name, entry, under, repeats=_repeats(name))

    def summary(self, name: str) -> dict[str, Any]:
        """Say of a benchmark what a list of all shows: as `describe` does, but no array is read and no model made."""
        if _has_no_rows(name):
            answering = _answering(name)
            shown: dict[str, Any] = getattr(answering, "summary", answering.describe)(name)
            return summarised(shown)
        if read(name).path is None and (entry := _entry(name)).imported and not files.table_path(entry.name).exists():
            return summarised(facts.of_entry(entry, name, protocol_of(name)))
        return facts.summary_of_table(_header(name, held_out=False))

    def searching(self, space: str) -> Sequence[str]:
        """Return the names of the tables on a search space, in the order of the catalogue."""
        return tuple(entry.name for entry in (*entries().values(), *others().values()) if entry.space == space)

    def write(self, path: Path, **facts: Any) -> None:
        """Write trained architectures as a table; see `benchmarks_data.file.recorded.write`."""
        recorded.write(path, **facts)


PROVIDER = Tables()


def _has_no_rows(name: str) -> bool:
    """Say whether a name or a path is of no table; reading all of the catalogue takes as long as opening a table."""
    path = read(name).path
    if path is not None:
        return read(name).is_python or is_fitted(path) or is_live(name)
    return name not in carried() and (name in others() or is_live(name))


def _answering(name: str) -> ModuleType:
    """Return the module that answers for what is no table: a name of the catalogue, or a path."""
    if is_live(name):
        return importlib.import_module(f"benchmarks_data.{_LIVE}")
    known = read(name)
    answers = _TASKS if known.is_python else _FITTED if known.path is not None else others()[name].source.answers
    return importlib.import_module(f"benchmarks_data.{answers}")


def _open_without_rows(name: str, asked: Mapping[str, Any], **given: Any) -> Benchmark:
    """Open what predicts or trains; what is asked beyond that, and not None, is refused, but for a training's seed.

    Raises
    ------
    HarnessError
        If something else is asked.
    """
    trains = is_live(name) or read(name).is_python
    said = {"schedule": " and has one schedule, got", "auxiliary": ", and tells no other columns, got"}
    said |= {} if trains else {"seed": " and has no trainings, got the seed"}
    for key, why in said.items():
        if asked[key] is not None:
            raise HarnessError(f"'{name}' {'trains' if trains else 'predicts'}{why} {asked[key]}; leave it out")
    if trains:
        del given["check_content"]
        given["seed"] = asked["seed"]
    benchmark: Benchmark = _answering(name).open_benchmark(name, **given)
    return benchmark


def space(name: str) -> SearchSpace:
    """Return the search space of a benchmark, or the space of that name.

    Nothing is converted, but for a space that its table defines.
    """
    if name in named.SPACES:
        return named.space(name)
    if is_live(name):
        return named.space(live(name).space)
    entry = _entry(name)
    if entry.space in named.DEFINED:
        return recorded.whole_space_of(_header(name, held_out=False))
    return named.space(entry.space)


def _entry(name: str) -> Entry:
    name = name.partition(protocol.MARK)[0]
    known = carried() if name in carried() else entries()
    if name not in known:
        raise HarnessError(unknown("benchmark", name, (*known, *named.SPACES)))
    return known[name]


def protocol_of(name: str) -> Protocol | None:
    """Return the protocol that a name asks for, None if it asks for none.

    Raises
    ------
    HarnessError
        If the name is unknown, or the protocol; lists those that the table has.
    """
    entry, chosen = _entry(name), name.partition(protocol.MARK)[2]
    if not chosen or chosen == seeds.KEY:
        return None
    if chosen not in entry.protocols:
        raise HarnessError(unknown(f"protocol of {entry.name}", chosen, entry.protocols))
    return entry.protocols[chosen]


def ensure(name: str, *, progress: Progress = on_terminal) -> Path:
    """Convert a table if needed, check the SHA-256 of all its content, and return where it lies.

    Raises
    ------
    TableError
        If it must be converted and cannot be: the source is not installed, or is not what it should be.
    """
    if _has_no_rows(name) and not is_live(name):
        return others()[name].paths()[0]
    entry = _entry(name)
    path = files.table_path(entry.name)
    try:
        conversion.read(entry, path)
        layout.check_content(path)
    except TableError as error:
        conversion.convert(entry, path, progress, because=error)
        layout.check_content(path)
    return path


def told(name: str) -> layout.Header:
    """Return the header of a table, by name or path, without what is held out: for whoever learns from it.

    Raises
    ------
    HarnessError
        If the name is unknown, or of what predicts and has no rows.
    """
    check_rows(name)
    return _header(name, held_out=False)


def whole(name: str) -> layout.Header:
    """Return the header of a table, by name or path, held-out columns included, for those who may look.

    Raises
    ------
    HarnessError
        If the name is unknown, or of what predicts and has no rows.
    """
    check_rows(name)
    return _header(name, held_out=True)


def check_rows(name: str) -> None:
    """Refuse what has no rows to be looked at: what trains when it is asked, and what predicts.

    Raises
    ------
    HarnessError
    """
    if is_live(name) or read(name).is_python:
        raise HarnessError(f"{name} trains what it is asked, and has no rows; give a table")
    if _has_no_rows(name):
        raise HarnessError(
            f"{name} predicts, and has no rows; `nas-harness data info {name}` says what it is made from"
        )


def _header(
    name: str, *, held_out: bool, check_content: bool = False, progress: Progress = on_terminal
) -> layout.Header:
    """Read the header of a table by its path, or of the catalogue under the protocol that the name asks for."""
    refuse(name)
    path = read(name).path
    if path is not None:
        if not PROVIDER.reads(path):
            raise TableError(PROVIDER.refusal(path))
        try:
            if check_content:
                layout.check_content(path)
            return layout.read_header(path, held_out=held_out)
        except TableError as error:
            error.add_note("put a sound copy in its place, or make it again from what it was made of")
            raise
    entry = _entry(name)
    chosen = protocol_of(name)
    if check_content:
        ensure(name, progress=progress)
    path = files.table_path(entry.name)
    known = held_out or chosen is not None
    try:
        header = conversion.read(entry, path, held_out=known)
    except TableError as error:
        conversion.convert(entry, path, progress, because=error)
        header = conversion.read(entry, path, held_out=known)
    if _repeats(name):
        return seeds.repeated(name, header)
    return header if chosen is None else protocol.under(chosen, name, header, held_out=held_out)


def _repeats(name: str) -> bool:
    """Say whether a name asks for numbers of training runs as fidelities."""
    return name.endswith(f"{protocol.MARK}{seeds.KEY}")


def import_tables(names: Sequence[str], paths: Sequence[Path], *, progress: Progress = on_terminal) -> dict[str, Path]:
    """Convert files of the user's into the cache, several tables in one pass over them.

    Parameters
    ----------
    names : sequence of str
        Tables made from the same files; see `made_together`.  That of a protocol is the table itself.
    paths : sequence of Path
        The files or folders, in the order of the catalogue's; their own names do not matter.
    progress : callable

    Returns
    -------
    dict of str to Path
        Where each table lies, by the names given.

    Raises
    ------
    HarnessError
        If a name is unknown, or its protocol.
    TableError
        If files are missing or are not what they should be; tables that were there before stay as they were.
    """
    asked = {name: _entry(name) for name in names}
    for name in asked:
        protocol_of(name)
    wanted = {entry.name: entry for entry in asked.values()}
    lying = conversion.import_tables(list(wanted.values()), [Path(path) for path in paths], progress)
    return {name: lying[entry.name] for name, entry in asked.items()}


def made_together(name: str) -> tuple[str, ...]:
    """Return the names of all tables that are made from the same files as one, itself included."""
    asked = _entry(name)
    return tuple(key for key, entry in entries().items() if (entry.source, entry.files) == (asked.source, asked.files))


def plan(name: str) -> Build:
    """Return what to train for a table that this project trains itself."""
    if name not in builds():
        raise HarnessError(unknown("table to build", name, builds()))
    return builds()[name]
