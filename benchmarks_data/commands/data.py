"""The commands `nas-harness data …`: what tables there are, and getting them."""

from __future__ import annotations

import json
import shutil
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from benchmarks_data.commands.audit import audit
from benchmarks_data.commands.export import export
from harness.cli.app import Command
from harness.cli.exit import INCOMPLETE, guarded
from harness.cli.output import complain, print_facts, print_json, say
from harness.errors import HarnessError, must, nearest, typed, unknown

if TYPE_CHECKING:
    from benchmarks_data.catalogue.entries import Entry
    from benchmarks_data.commands.inventory import Item

_NARROW, _WIDE = 80, 120
"""Columns of the list: where it is no terminal, and at most."""
_ROWS_END, _SIZE = 43, 12
"""Where the column of rows ends, and how wide that of sizes is."""

data = typer.Typer(no_args_is_help=True, help="List, fetch, import and audit published tables.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Only = Annotated[bool, typer.Option("--only", help="Make this table alone, not all that are made from the same files.")]


def _complete(incomplete: str) -> list[str]:
    from benchmarks_data.commands import inventory

    return [name for name in inventory.names() if name.startswith(incomplete)]


Name = Annotated[str, typer.Argument(help="A table of `nas-harness data list`.", autocompletion=_complete)]


@data.command("list")
@guarded
def list_tables(as_json: AsJson = False) -> None:
    """List every table: those that are here, those that can be fetched, those that must be fetched by hand."""
    from benchmarks_data.commands import inventory

    items = [inventory.item(inventory.known(name)) for name in inventory.names()]
    if as_json:
        print_json([_facts(item) for item in items])
        return
    headings = {
        inventory.State.READY: "Ready",
        inventory.State.COMES: "Come with the program",
        inventory.State.GET: "To fetch: nas-harness data get NAME",
        inventory.State.IMPORT: "By hand: data get NAME says where",
    }
    for state, heading in headings.items():
        chosen = [item for item in items if item.state is state]
        if chosen:
            size = "size" if state in (inventory.State.READY, inventory.State.GET) else ""
            say(f"{heading:<{_ROWS_END - 9}}{'rows':>9}{size:>{_SIZE}}", "bold")
            _print_group(chosen)
            say()
    say("`nas-harness data info NAME` says what a table is, and how to cite it.")


def _facts(item: Item) -> dict[str, Any]:
    entry = item.entry
    return {
        "name": entry.name,
        "title": entry.title,
        "state": str(item.state),
        "rows": item.rows,
        "bytes": item.bytes,
        "size": item.size,
        "licence": entry.source.licence,
        "files": list(entry.files),
        "urls": [download.url for download in entry.downloads],
        "manual": entry.manual,
        "remark": item.remark,
    }


def _print_group(items: list[Item]) -> None:
    """Print tables below the common beginning of their titles; title and licence are said once."""
    ordered = sorted(items, key=_family)
    for (family, licence), members in groupby(ordered, key=_family):
        _print_wrapped(f"{family} ({licence})", 2)
        for item in members:
            rows = "" if item.rows is None else f"{item.rows:,}"
            size = item.size.removeprefix("about ") if item.bytes is None else _bytes(item.bytes)
            line = f"    {item.entry.name:<{_ROWS_END - 13}}{rows:>9}{size:>{_SIZE}}  "
            _print_wrapped(item.entry.title.partition(", ")[2], len(line), first=line)
            if item.remark:
                _print_wrapped(item.remark, 6)


def _family(item: Item) -> tuple[str, str]:
    return item.entry.title.partition(", ")[0], item.entry.source.licence


def _print_wrapped(text: str, indent: int, first: str = "") -> None:
    pad = " " * indent
    width = max(_NARROW, min(_WIDE, shutil.get_terminal_size((_NARROW, 24)).columns))
    for line in wrap(text, width, initial_indent=first or pad, subsequent_indent=pad) or [first.rstrip()]:
        say(line.rstrip())


def _bytes(count: int) -> str:
    """Return bytes as people say them.

    >>> _bytes(298), _bytes(1178821), _bytes(1_950_000_000)
    ('0.3 kB', '1.2 MB', '1.95 GB')
    """
    if count < 1e5:
        return f"{count / 1e3:.1f} kB"
    return f"{count / 1e6:.1f} MB" if count < 1e9 else f"{count / 1e9:.2f} GB"


data.command("audit")(guarded(audit))
data.command("export")(guarded(export))


@data.command("info")
@guarded
def info(name: Name, as_json: AsJson = False) -> None:
    """Say what a table is: licence, citation, source, columns and what each was evaluated on, fidelities, protocols."""
    from harness.cli.describe import describe, readable

    facts = describe(name)
    if as_json:
        print_json(facts)
    else:
        print_facts(readable(facts))


@data.command("get")
@guarded
def get(
    name: Name,
    only: Only = False,
    no_import: Annotated[bool, typer.Option("--no-import", help="Fetch the files and leave it at that.")] = False,
    discard: Annotated[
        bool, typer.Option("--discard", help="Delete the fetched files once they are imported.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Import it even if the table is there.")] = False,
) -> None:
    """Fetch the official files of a table and import them; the same command continues after an interruption."""
    from benchmarks_data import files, provider
    from benchmarks_data.cache import download
    from benchmarks_data.commands import inventory

    entry = inventory.known(name)
    if not entry.imported:
        say(f"{entry.name} comes with the program: {provider.ensure(entry.name)}")
        return
    if inventory.item(entry).state is inventory.State.READY and not (again or no_import):
        say(
            f"{entry.name} is there already; `--again` imports it again, `nas-harness data info {entry.name}` says more"
        )
        return
    if not entry.downloads:
        _print_by_hand(entry)
        raise typer.Exit(INCOMPLETE)
    _announce(entry)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # a server that hangs up is an error to be told, not an end
    folder = files.downloads_folder() / inventory.made_together(name)[0]
    fetched = download.fetch_all(entry, folder)
    for path, told in zip(fetched, entry.downloads, strict=True):
        say(f"fetched {path}{'' if told.sha256 else f'; no sha256 is pinned, it has {files.sha256(path)}'}")
    if no_import:
        say(f"next: {typed('data', 'import', entry.name, *fetched)}")
        return
    try:
        _import(entry.name, fetched, only)
    except HarnessError as error:
        if not all(told.sha256 for told in entry.downloads):
            error.add_note(
                f"its sha256 is not pinned: if the download itself is wrong, delete {folder} and get it again"
            )
        raise
    if discard:
        shutil.rmtree(folder)


def _print_terms(entry: Entry, heading: str) -> None:
    say(heading, "bold")
    for label, text in (("licence", entry.source.licence), ("citation", entry.source.citation.strip())):
        _print_wrapped(text, 12, first=f"  {label:<10}")


def _announce(entry: Entry) -> None:
    """Say what is going to be fetched, under which licence, and whom to cite."""
    _print_terms(entry, entry.title)
    for told in entry.downloads:
        size = _bytes(told.bytes) if told.bytes else told.size or "size unknown"
        say(f"  {'from':<10}{told.url} ({size})")


def _print_by_hand(entry: Entry) -> None:
    _print_terms(entry, f"{entry.title}: its files must be fetched by hand")
    where = entry.manual or f"{', '.join(entry.files)} from {entry.source.url}"
    say(f"  {'get':<10}{where.strip()}")
    say(f"  {'then':<10}{entry.import_command}")


@data.command("import")
@guarded
def import_(
    name: Annotated[
        str,
        typer.Argument(
            help="A table of `nas-harness data list`, or a new name for your own.", autocompletion=_complete
        ),
    ],
    paths: Annotated[list[Path], typer.Argument(metavar="FILE…", help="The files or folders it is made from.")],
    only: Only = False,
    describe: Annotated[
        Optional[Path],  # noqa: UP045  # typer reads the annotation at run time
        typer.Option(help="A table of your own: the TOML that says what the columns of the data are."),
    ] = None,
    out: Annotated[
        Optional[Path],  # noqa: UP045  # as above
        typer.Option(help="Where a table of your own is written; the default is NAME.h5."),
    ] = None,
) -> None:
    """Import official files that you have, or, with --describe, data of your own (CSV, Excel, JSON, Parquet)."""
    from benchmarks_data.commands import inventory

    if describe is None and out is not None:
        raise HarnessError("`--out` is for a table of your own; it needs `--describe TOML`")
    try:
        if describe is not None:
            _import_own(name, paths, describe, out or Path(f"{name}.h5"))
        elif not inventory.is_known(name):
            raise HarnessError(
                f"{unknown('table', name, inventory.names())} If the data are your own, write what their columns are "
                f"into a TOML file, as examples/own_table/digits.toml does, and give it: "
                f"`{typed('data', 'import', name, *paths, '--describe', 'TOML')}`"
            )
        else:
            _import(name, paths, only)
    except FileNotFoundError as error:
        missing = Path(str(error.filename))
        beside = [path.name for path in missing.parent.iterdir()] if missing.parent.is_dir() else []
        raise HarnessError(f"there is no file '{missing}'.{nearest(missing.name, beside)}") from error
    except OSError as error:
        raise HarnessError(f"cannot import {name}: {error}") from error


def _import(name: str, paths: list[Path], only: bool) -> None:
    from benchmarks_data.commands import inventory

    entry = inventory.known(name)
    chosen = [entry.name] if only else list(inventory.made_together(entry.name))
    with _told_warnings():
        made = inventory.take(chosen, paths)
    for each, path in made.items():
        item = inventory.item(inventory.known(each))
        rows = "" if item.rows is None else f"{item.rows:,} rows, "
        say(f"{each}: {rows}{_bytes(item.bytes or 0)}, {path}")
    listed = ", ".join(f'"{each}"' for each in inventory.searched_as(entry.name))
    if listed:
        say(f"search it with: benchmarks = [{listed}]; what it is: nas-harness data info {entry.name}")


def _import_own(name: str, paths: list[Path], description: Path, out: Path) -> None:
    from benchmarks_data.commands import inventory
    from benchmarks_data.file import recorded
    from benchmarks_data.file.layout import read_header
    from benchmarks_data.files import Progress, on_terminal
    from benchmarks_data.importers.own import table as own_table
    from benchmarks_data.importers.own.description import read_description
    from benchmarks_data.importers.safe.confined import confined
    from harness.files.whole import check_place

    if len(paths) != 1:
        raise HarnessError(must("FILE", "be one file for a table of your own", [str(path) for path in paths]))
    source = paths[0]
    if source.exists() and not source.is_file():
        raise HarnessError(must("FILE", "be a file: a folder, a device or a pipe is none", str(source)))
    if out.suffix != ".h5":
        raise HarnessError(must("--out", "end in .h5, so that its name is read as a path", str(out)))
    check_place(out)
    for given in (name, read_description(description).name):
        if given in inventory.names():
            raise HarnessError(must("name", f"be your own: {given} is published, and `data list` has it", given))

    def convert(progress: Progress) -> list[str]:
        sentences: list[str] = []
        own_table.write(out, source, description, progress=progress, say=sentences.append)
        return sentences

    size = source.stat().st_size if source.is_file() else 0
    try:
        with _told_warnings():
            sentences = confined(convert, what=str(source), size=size, progress=on_terminal)
    finally:
        on_terminal("", 1.0)
    for sentence in sentences:
        say(sentence)
    header = read_header(out)
    if header.meaning.name != name:
        complain(f"warning: {description} calls it '{header.meaning.name}', and so does the table")
    rows, whole = len(header.array("archs")), recorded.whole_space_of(header).facts().get("valid")
    part = f"{rows:,}{f' of {whole:,}' if isinstance(whole, int) else ''} architectures of the space have results"
    say(f"{out}: {part if header.meaning.partial else f'{rows:,} rows'}, {_bytes(out.stat().st_size)}")
    named = json.dumps(str(out), ensure_ascii=False)
    say(f"search it with: benchmarks = [{named}]; what it is: {typed('describe', out)}")


@contextmanager
def _told_warnings() -> Iterator[None]:
    """Tell warnings in the way of the commands, without the place in the code."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            yield
        finally:
            for warning in caught:
                if issubclass(warning.category, UserWarning):
                    complain(f"warning: {warning.message}")


COMMAND = Command(
    data,
    (
        "nas-harness data list",
        "nas-harness data get macro-cifar10",
        "nas-harness data export nb201-cifar10 --top 10 --columns valid_accuracy,params_m",
        "nas-harness data import nats-tss-cifar10 NATS-tss-v1_0-3ffb9-simple.tar",
    ),
)
