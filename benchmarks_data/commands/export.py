"""The command `nas-harness data export`: a table, or the best of it, as CSV or Parquet; a live benchmark as a table."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

ENDINGS = (".csv", ".csv.gz", ".parquet")
TABLE = ".h5"
"""What a live benchmark is written as."""


def export(
    name: Annotated[str, typer.Argument(help="A table by name, or the path of one (.h5); a live benchmark.")],
    columns: Annotated[
        Optional[str],  # noqa: UP045  # typer reads the annotation at run time
        typer.Option(help="Columns, joined by commas; the default is all of them, test results included."),
    ] = None,
    top: Annotated[
        Optional[int],  # noqa: UP045  # as above
        typer.Option(min=1, help="Only the K best architectures, best first.", metavar="K"),
    ] = None,
    by: Annotated[
        Optional[str],  # noqa: UP045  # as above
        typer.Option(help="Column that says which are best; the default is the validation column."),
    ] = None,
    fidelity: Annotated[
        Optional[str],  # noqa: UP045  # as above
        typer.Option(help="A fidelity, as `data info` writes it, or all; the default is the last of each column."),
    ] = None,
    trainings: Annotated[
        bool, typer.Option("--trainings", help="A line for each training, not the mean over them.")
    ] = False,
    out: Annotated[
        Optional[Path],  # noqa: UP045  # as above
        typer.Option(
            help="A file to write, .csv, .csv.gz or .parquet; the default is CSV to stdout. Of a live benchmark .h5, a"
            " table of what was trained."
        ),
    ] = None,
) -> None:
    """Write a table with its architectures in the field's own strings, as CSV or Parquet.

    What a live benchmark has trained is written as a table (.h5), which is exported like any other.
    """
    from pandas.api.types import is_numeric_dtype

    from benchmarks_data import provider
    from benchmarks_data.file.lines import lines
    from benchmarks_data.live.entries import is_live
    from harness.cli.output import complain
    from harness.errors import HarnessError, must
    from harness.files.whole import replacing
    from harness.printable import counted, guarded

    trains = is_live(name)
    endings = (TABLE,) if trains else ENDINGS
    if out is None and trains:
        raise HarnessError(must("--out", f"name a file that ends in {TABLE}: '{name}' is no table yet", out))
    if out is not None and not out.name.endswith(endings):
        raise HarnessError(must("--out", f"end in {', '.join(endings)}", str(out)))
    if out is not None and not out.parent.is_dir():
        raise HarnessError(must("--out", "name a file in a folder that exists", str(out)))
    if trains and out is not None:
        from benchmarks_data.live.export import export as write

        complain(f"{out}: {counted(write(name, out), 'architecture')} that {name} has trained")
        return
    wanted = None if columns is None else [part.strip() for part in columns.split(",")]
    frame = lines(provider.whole(name), columns=wanted, top=top, by=by, fidelity=fidelity, trainings=trainings)
    if out is None or out.suffix != ".parquet":  # a spreadsheet takes some texts for formulas
        frame = frame.rename(columns=guarded)
        frame = frame.apply(lambda column: column if is_numeric_dtype(column) else column.map(guarded))
    if out is None:
        frame.to_csv(sys.stdout, index=False)
        return
    with replacing(out) as temporary:
        if out.suffix == ".parquet":
            try:
                frame.to_parquet(temporary, index=False)
            except ImportError:
                raise HarnessError("Parquet needs pyarrow, which is not installed: pip install pyarrow") from None
        else:
            frame.to_csv(temporary, index=False, compression="gzip" if out.suffix == ".gz" else None)
    complain(f"{out}: {counted(len(frame), 'line')} of {', '.join(frame.columns)}")
