"""Pages about search spaces, written from the spaces themselves when the site is built: one for each name.

A Sphinx extension. What a page says of strings, genes, edges, classes and costs is what the code answers.
"""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Iterator
from shlex import quote
from typing import TYPE_CHECKING, Any

import numpy as np

from docs.house import GENERATED
from harness import registry
from harness.space import SearchSpace
from harness.spaces import named

if TYPE_CHECKING:
    from sphinx.application import Sphinx

FOLDER = GENERATED / "spaces"
EXAMPLES = 3
"""Architectures that a page shows as strings and as genes."""
_MANY = 24
"""Labels of nodes that a page names."""


def page(name: str) -> str:
    """Return the page of a search space as MyST text."""
    space = named.space(name)
    parts = [
        f"# {name}\n",
        f"{space.description}\n",
        "## How architectures are written\n",
        *_forms(space),
        f"## Genes\n\nAn architecture is a row of {space.genes} integers; each is the code of a value, from 0.\n",
        "\n".join(_genes(space)) + "\n",
        "## Counts\n",
        "\n".join(_counts(space)) + "\n",
        "## More\n",
        f"{_markdown(inspect.getdoc(type(space)) or '')}\n",
    ]
    benchmarks = [key for provider in registry.providers("benchmark").values() for key in provider.searching(name)]
    if benchmarks:
        parts.append(f"## Benchmarks\n\n{', '.join(f'`{key}`' for key in benchmarks)}\n")
    return "\n".join(parts)


def _markdown(text: str) -> str:
    """Return a docstring as Markdown: code in single marks, parameters as a list of definitions left out."""
    return text.partition("\nParameters\n---")[0].replace("``", "`").strip()


def _forms(space: SearchSpace) -> Iterator[str]:
    archs = space.sample(EXAMPLES, np.random.default_rng(0))
    pairs = zip(space.format(archs), archs.tolist(), strict=True)
    yield "| as a string | as genes |\n|---|---|\n" + "".join(
        f"| `{text.replace('|', chr(92) + '|')}` | `{', '.join(map(str, genes))}` |\n" for text, genes in pairs
    )
    reading = inspect.getdoc(type(space).parse if "parse" in vars(type(space)) else type(space)._genes) or ""
    yield f"{_markdown(inspect.getdoc(type(space).format) or '').partition(chr(10))[0]}\n"
    yield f"{_markdown(reading).partition(chr(10) + chr(10) + 'Raises')[0]}\n"
    yield f"```console\n$ nas-harness describe --space {space.name} --arch {quote(space.format(archs[:1])[0])}\n```\n"


def _genes(space: SearchSpace) -> Iterator[str]:
    yield "| gene | what it is | values, in the order of their codes | kind | node |\n|---|---|---|---|---|"
    told = zip(space.legend().items(), space.gene_kinds, space.gene_nodes.tolist(), strict=True)
    for gene, ((name, values), kind, node) in enumerate(told):
        listed = ", ".join(f"`{value}`" for value in values)
        yield f"| {gene} | {name.replace('<', '&lt;')} | {listed} | {kind} | {node} |"


def _counts(space: SearchSpace) -> Iterator[str]:
    facts = space.facts()
    yield "| | |\n|---|---|"
    for key in ("codings", "valid", "constant_zero"):
        if key in facts:
            number = facts[key]
            yield f"| {key.replace('_', ' ')} | {number if isinstance(number, str) else f'{number:,}'} |"
    classes = facts.get("classes")
    if isinstance(classes, dict):
        yield f"| classes | {', '.join(f'{count:,} {identity}' for identity, count in classes.items())} |"
    archs = space.sample(1, np.random.default_rng(0))
    widths = {encoding: space.features(archs, encoding).shape[1] for encoding in space.encodings}
    yield f"| encodings, and their widths | {', '.join(f'`{key}` {width:,}' for key, width in widths.items())} |"
    graph = space.graph(archs)
    what = ", ".join(f"`{label}`" for label in graph.labels[:_MANY]) + ", …" * (len(graph.labels) > _MANY)
    yield f"| graph | {graph.mask.shape[1]} places for nodes, each {what} |"
    yield f"| edits that can keep the function | {'`morphisms`' if space.has_morphisms else 'none are known'} |"
    costs = space.costs(archs)
    yield f"| costs in closed form | {', '.join(f'`{key}`' for key in costs) or 'none are known'} |"


def write_pages() -> None:
    """Write the pages of all spaces; what lay there goes."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    for name in named.SPACES:
        (FOLDER / f"{name}.md").write_text(page(name), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before Sphinx looks for them, after those of the house, which clear the folder."""
    app.connect("config-inited", lambda app, config: write_pages(), priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
