"""Pages about the house, written from the tree when the site is built: one for each room, one for each module.

A Sphinx extension. A room is a folder of `harness`, the files at its root, or one of the other four packages; a folder
inside a room gets a page of its own where ``docs/rooms`` has a text for it. The text of a room is
``docs/rooms/ROOM.md`` or else the docstring of its ``__init__``; who may import it comes from the rules that
``tests/architecture`` enforces, its modules from the tree. So a new module or room needs no edit here.
"""

from __future__ import annotations

import ast
import inspect
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import gettempdir
from textwrap import indent
from types import GenericAlias
from typing import TYPE_CHECKING, Any

from tests.architecture import rules

if TYPE_CHECKING:
    from sphinx.application import Sphinx

DOCS = Path(__file__).parent
ROOT = DOCS.parent
GENERATED = DOCS / "generated"
TEXTS = DOCS / "rooms"

NOT_IMPORTABLE = ("harness.training.engines.packed.triton",)
"""Rooms whose modules import what is not installed everywhere: listed, and without pages of their own."""

AT_THE_ROOT = "harness"
"""The room of the files that lie in `harness` itself."""

_TABLE = "| | |\n|---|---|\n"


@dataclass(frozen=True)
class Room:
    """A room and what lies in it.

    Attributes
    ----------
    name : str
        Dotted name of its folder.
    modules : tuple of Module
        Its modules and its folders' ``__init__``, by name; those of rooms inside it are not among them.
    """

    name: str
    modules: tuple[rules.Module, ...]

    @property
    def title(self) -> str:
        """Path of the room as a heading."""
        return f"{self.name.replace('.', '/')}/"


def rooms(modules: Mapping[str, rules.Module], texts: Path = TEXTS) -> list[Room]:
    """Return all rooms, each module in one of them.

    Parameters
    ----------
    modules : mapping of str to Module
        As `tests.architecture.rules.read` gives them.
    texts : path
        Folder of the texts about rooms.
    """
    folders = {name for name, module in modules.items() if module.path.name == "__init__.py"}
    names = {name for name in folders if name in rules.PACKAGES or name.rpartition(".")[0] == rules.CENTRE}
    names |= {path.stem for path in texts.glob("*.md") if path.stem in folders}
    inside: dict[str, list[rules.Module]] = {name: [] for name in sorted(names, key=_floor)}
    for name, module in modules.items():
        if not name.endswith("__main__"):
            inside[max((room for room in names if f"{name}.".startswith(f"{room}.")), key=len)].append(module)
    return [Room(name, tuple(inside[name])) for name in inside]


def _floor(room: str) -> tuple[int, int, str]:
    """Order rooms by package, and from the roof down."""
    floor = rules.floor_of(room) if "." in room else None
    return (
        rules.PACKAGES.index(room.partition(".")[0]),
        -(len(rules.FLOORS["harness"]) if floor is None else floor),
        room,
    )


def room_page(room: Room, texts: Path = TEXTS) -> str:
    """Return the page of a room as MyST text: what it is, who may import it, its modules."""
    text = texts / f"{room.name}.md"
    about = text.read_text(encoding="utf-8") if text.is_file() else f"{docstring(room.modules[0])}\n"
    parts = [f"# {room.title}\n", about, f"## Who may import it\n\n{_TABLE}{''.join(_imports(room))}"]
    if room.name == AT_THE_ROOT:
        parts.append(f"## Public names\n\n{_TABLE}{''.join(_public_names(room.modules[0]))}")
    parts.append(f"## Modules\n\n{_TABLE}{''.join(_rows(room))}")
    pages = [f"../api/{module.name}.README" for module in room.modules if readme(module)]
    pages += [f"../api/{module.name}" for module in room.modules if has_page(module)]
    parts.append("\n".join(["```{toctree}", ":hidden:", ":maxdepth: 1", "", *pages, "```\n"]))
    return "\n".join(parts)


def _imports(room: Room) -> Iterator[str]:
    """Yield rows that say what a room imports and who may import it, by floors and by third-party packages."""
    package, _, _ = room.name.partition(".")
    floors = rules.FLOORS[package]
    if room.name == AT_THE_ROOT:
        yield "| may be imported by | every room; `api` by the command line alone |\n"
    elif package == rules.CENTRE:
        own = rules.floor_of(room.name)
        yield f"| may be imported by | {_folders(room, floors[(own or 0) + 1 :])}, and the other packages |\n"
        yield f"| may import | {_folders(room, floors[: own or 0])}, and the files at the root |\n"
    else:
        yield "| may be imported by | no other package: they meet by name, through entry points |\n"
        yield "| may import | `harness` |\n"
        yield f"| floors, from the ground | {', '.join(f'`{floor}`' for floor in floors)} |\n"
    heavy = [
        name
        for name, where in rules.ALLOWED_IN.items()
        if any(pattern.removesuffix(".*").removesuffix("*").startswith(room.name) for pattern in where)
        or any(f"{room.name}.".startswith(pattern.removesuffix("*")) for pattern in where)
    ]
    if heavy:
        yield f"| third-party packages, in all or part of it | {', '.join(f'`{name}`' for name in heavy)} |\n"


def _folders(room: Room, floors: tuple[str, ...]) -> str:
    """Return the floors that are folders outside a room, as text."""
    package, _, inside = room.name.partition(".")
    folders = [
        floor
        for floor in floors
        if (ROOT / package / floor.replace(".", "/")).is_dir() and not f"{floor}.".startswith(f"{inside}.")
    ]
    return ", ".join(f"`{folder}`" for folder in folders) or "no folder"


def _public_names(module: rules.Module) -> Iterator[str]:
    """Yield a row for each name that a package's ``__init__`` gives."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{rules.CENTRE}."):
            for alias in node.names:
                yield f"| `{alias.asname or alias.name}` | {{py:obj}}`{node.module}.{alias.name}` |\n"


def _rows(room: Room) -> Iterator[str]:
    """Yield a row for each module: its name below the room, with a link, and the first line of its docstring."""
    for module in room.modules:
        inside = module.name.removeprefix(f"{room.name}.")
        if module.path.name == "__init__.py":
            inside = f"{inside}/" if module.name != room.name else "`__init__`"
        if has_page(module):
            inside = f"[{inside}](../api/{module.name})"
        elif module.name == room.name and readme(module) is None:
            continue
        more = f" [Read this first](../api/{module.name}.README)." if readme(module) else ""
        yield f"| {inside} | {summary(module)}{more} |\n"


def readme(module: rules.Module) -> Path | None:
    """Return the README of a folder, given its ``__init__``; None where there is none."""
    path = module.path.with_name("README.md")
    return path if module.path.name == "__init__.py" and path.is_file() else None


def has_page(module: rules.Module) -> bool:
    """Whether a module gets a page: all that can be imported and hold more than a docstring."""
    importable = not any(f"{module.name}.".startswith(f"{name}.") for name in NOT_IMPORTABLE)
    return importable and any(
        isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Assign) for node in module.tree.body
    )


def docstring(module: rules.Module) -> str:
    """Return a module's docstring, or nothing."""
    return inspect.cleandoc(ast.get_docstring(module.tree) or "")


def summary(module: rules.Module) -> str:
    """Return the first paragraph of a module's docstring in one line, as Markdown."""
    return " ".join(docstring(module).partition("\n\n")[0].split()).replace("``", "`").replace("|", r"\|")


def module_page(module: rules.Module) -> str:
    """Return the page of a module as reStructuredText: its docstring, the API, and its documented type aliases."""
    page = f"{module.name}\n{'=' * len(module.name)}\n\n.. automodule:: {module.name}\n"
    page += "   :members:\n   :ignore-module-all:\n"
    for node, following in pairwise(module.tree.body):
        match node, following:
            case (
                ast.Assign(targets=[ast.Name(name)], value=ast.Subscript() as value),
                ast.Expr(ast.Constant(str(about))),
            ):
                about = indent(inspect.cleandoc(about), "   ")
                page += f"\n.. py:data:: {module.name}.{name}\n   :value: {ast.unparse(value)}\n\n{about}\n"
    return page


def write_pages(folder: Path = GENERATED) -> None:
    """Write the pages of all rooms and modules below a folder; what lay there goes."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "rooms").mkdir(parents=True)
    (folder / "api").mkdir()
    built = rooms(rules.project())
    lines = [f"| [{room.title}](generated/rooms/{room.name}.md) | {summary(room.modules[0])} |\n" for room in built]
    (folder / "map.md").write_text(f"{_TABLE}{''.join(lines)}", encoding="utf-8")
    for room in built:
        (folder / "rooms" / f"{room.name}.md").write_text(room_page(room), encoding="utf-8")
        for module, text in ((module, readme(module)) for module in room.modules):
            if text:
                shutil.copyfile(text, folder / "api" / f"{module.name}.README.md")
        for module in filter(has_page, room.modules):
            (folder / "api" / f"{module.name}.rst").write_text(module_page(module), encoding="utf-8")


_LOADED = re.compile(
    r"<(?:script|img|iframe|audio|video|source|embed|input|track)\b[^>]*?\bsrc\s*=\s*[\"']?((?:https?:)?//[^\"'\s>]+)"
    r"|<link\b(?=[^>]*\brel\s*=\s*[\"']?(?:stylesheet|preload|icon|shortcut|modulepreload|prefetch|preconnect))"
    r"[^>]*?\bhref\s*=\s*[\"']?((?:https?:)?//[^\"'\s>]+)"
    r"|url\(\s*[\"']?((?:https?:)?//[^\"')\s]+)"
    r"|@import\s+[\"']((?:https?:)?//[^\"']+)",
    re.IGNORECASE,
)


def loads_from_the_net(text: str) -> list[str]:
    """Return the addresses that a browser would fetch from elsewhere to show a page or style sheet; links are none.

    >>> loads_from_the_net('<a href="https://a.org">a</a> <script src="https://b.org/c.js"></script>')
    ['https://b.org/c.js']
    """
    return [next(filter(None, groups)) for groups in _LOADED.findall(text)]


def complaints(site: Path) -> list[str]:
    """Return what is wrong with a built site: what it loads from the net, and paths of this machine in its pages."""
    wrong, secrets = [], (str(ROOT), str(Path(gettempdir()) / "tmp"))
    for path in sorted(site.rglob("*")):
        if path.suffix in (".html", ".css"):
            text = path.read_text(encoding="utf-8")
            wrong += [f"{path.relative_to(site)} loads {address}" for address in loads_from_the_net(text)]
            if path.suffix == ".html":
                wrong += [
                    f"{path.relative_to(site)} names a path of this machine: {secret}"
                    for secret in secrets
                    if secret in text
                ]
    return wrong


def _inspect_site(app: Sphinx, failure: Exception | None) -> None:
    from sphinx.errors import SphinxError

    wrong = complaints(Path(app.outdir)) if failure is None and app.builder.format == "html" else []
    if wrong:
        raise SphinxError("the site is not whole without a network:\n" + "\n".join(wrong))


def _skip(app: Sphinx, what: str, name: str, member: object, skip: bool, options: Any) -> bool | None:
    """Leave out what other packages put into our classes, and aliases, which autodoc takes for classes."""
    home = (getattr(member, "__module__", None) or rules.CENTRE).partition(".")[0]
    return True if isinstance(member, GenericAlias) or home not in (*rules.PACKAGES, "builtins") else None


def _without_typer(app: Sphinx, what: str, name: str, obj: object, options: Any, signature: str, returns: str) -> Any:
    """Leave out the options of a command: `--help` says them, and typer shows them as objects of this process."""
    return ("(…)", returns) if signature and "typer.models" in signature else None


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before Sphinx looks for them, and inspect the site when it is built."""
    app.connect("config-inited", lambda app, config: write_pages())
    app.connect("autodoc-skip-member", _skip)
    app.connect("autodoc-process-signature", _without_typer)
    app.connect("build-finished", _inspect_site)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
