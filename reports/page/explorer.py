"""The explorer of a page: its style, its numbers and its script in one piece, for a page that works without it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

import pandas as pd
from markupsafe import Markup

from reports.page.data import page_data
from reports.page.packed import pack
from reports.study.study import Study

_SCRIPTS = ("numbers.js", "plot.js", "views.js", "explorer.js")


def explorer(study: Study, comparisons: pd.DataFrame, frames: Mapping[str, pd.DataFrame]) -> Markup:
    """Return what a page holds besides ``<div data-explorer></div>``, which the script fills; see `page_data`.

    A page holds ``inflate.js`` before it.

    No external resource is named in it, and nothing is shown where scripts do not run.  Nothing where no run found
    anything.
    """
    if not any(item.has_incumbent for item in study.aligned):
        return Markup()
    folder = files("reports.page") / "script"
    read = {name: (folder / name).read_text(encoding="utf-8") for name in (*_SCRIPTS, "explorer.css")}
    start = 'const DATA = JSON.parse(await inflated(document.getElementById("explorer-data")));'
    body = "\n".join(["(async () => {", '"use strict";', start, *(read[name] for name in _SCRIPTS), "})();"])
    data = pack(page_data(study, comparisons, frames))
    return Markup(  # noqa: S704  # our own files, and base64
        f"<style>\n{read['explorer.css']}</style>\n"
        f'<script type="application/octet-stream" id="explorer-data">{data}</script>\n'
        f"<script>\n{body}\n</script>"
    )
