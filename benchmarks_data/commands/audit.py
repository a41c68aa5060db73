"""The command `nas-harness data audit`: what a table or a public extract really is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.output import complain, print_json, say


def audit(
    name: Annotated[str, typer.Argument(help="A table by name, the path of one (.h5), or a public extract.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print everything found as JSON.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write it as one page, too.")] = None,
) -> None:
    """Look at all of a table: splits, coverage, costs, duplicates, noise, and what is wrong with it.

    Exit code 0 whatever is found: an audit states, it does not judge.
    """
    from benchmarks_data.audit import page as audit_page
    from benchmarks_data.audit import text
    from benchmarks_data.audit.audit import audit as looked_at
    from harness.errors import HarnessError, must

    if html is not None and not html.parent.is_dir():
        raise HarnessError(must("--html", "name a file in a folder that exists", str(html)))
    found = looked_at(name)
    if as_json:
        print_json(found.to_dict())
    else:
        say(text.text(found).removesuffix("\n"))
    if html is not None:
        audit_page.write(found, html)
        complain(f"written: {html}")
