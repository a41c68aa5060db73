"""The modules that a file of one's own imports from beside it, found by reading: nothing of them is run.

A module is a strategy's own where it is found in the folder of its file, or, for a file inside a package, in that
package; the standard library and this program come first, installed packages after it.  Imports are looked for in the
whole text: inside functions and conditions, relative ones, names given to `importlib.import_module` and `__import__`,
and what these modules import in turn, with the ``__init__`` of every package on the way.  Where a module is imported by
a name that only running would tell, every module of the folder counts as imported.

Data files that the code reads, and modules that lie elsewhere, are no part of it.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from importlib.machinery import BYTECODE_SUFFIXES, EXTENSION_SUFFIXES, SOURCE_SUFFIXES, PathFinder
from pathlib import Path

from harness.digests import sha256_of
from harness.errors import HarnessError
from harness.names import DISTRIBUTION

_SUFFIXES = (*EXTENSION_SUFFIXES, *SOURCE_SUFFIXES, *BYTECODE_SUFFIXES)
_MOST_MODULES = 2000
_BY_NAME = {"import_module", "__import__", "resolve_name", "run_module"}
"""Functions that import what their first argument names."""
_UNREADABLE = {"run_path", "spec_from_file_location", "SourceFileLoader", "exec_module", "load_module"}
"""What runs a file that the text need not name; an import in a text that is executed is refused when it happens."""


@dataclass(frozen=True)
class Module:
    """A module as it was when it was found.

    Attributes
    ----------
    path : pathlib.Path or None
        None for a package without ``__init__``.
    content : bytes
    is_package : bool
    """

    path: Path | None
    content: bytes
    is_package: bool

    @property
    def is_source(self) -> bool:
        """Whether it is Python text."""
        return self.path is not None and self.path.suffix in SOURCE_SUFFIXES


@dataclass(frozen=True)
class Imports:
    """What a text imports.

    Attributes
    ----------
    statements : tuple of (level, module, names)
        As in ``from ..module import names``: level 0 is absolute; names are empty for ``import module``.
    computed : bool
        Whether something is imported by a name that the text does not tell.
    prefixes : tuple of str
        Beginnings of names that the text tells in part.
    """

    statements: tuple[tuple[int, str, tuple[str, ...]], ...] = ()
    computed: bool = False
    prefixes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Own:
    """A file and the modules of its own.

    Attributes
    ----------
    folder : pathlib.Path
    name : str
        Of the file as a module.
    modules : dict of str to Module
        By dotted name as seen from the folder, the file itself among them.
    """

    folder: Path
    name: str
    modules: dict[str, Module]

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the file's content; of the content of all modules where it imports others of its own."""
        sums = {name: hashlib.sha256(module.content).hexdigest() for name, module in self.modules.items()}
        file = sums.pop(self.name)
        return sha256_of({"file": file, "modules": sums}) if sums else file

    @cached_property
    def tops(self) -> frozenset[str]:
        """Top-level names of its own modules."""
        return frozenset(name.partition(".")[0] for name in self.modules)


def find(path: Path) -> Own:
    """Return a file, whose path is absolute, with the modules of its own that it imports, directly or through others.

    Raises
    ------
    HarnessError
        If a file cannot be read, or the folder has too many modules to cover them all, where that is needed.
    """
    try:
        found = {path.stem: Module(path, path.read_bytes(), False)}
        waiting = [path.stem]
        while waiting:
            name = waiting.pop()
            for imported in _imported_by(name, found[name], path):
                if imported not in found and (module := locate(path.parent, imported)) is not None:
                    found[imported] = module
                    waiting.append(imported)
    except OSError as error:
        raise HarnessError(f"cannot read '{error.filename}', which '{path}' is or imports: {error.strerror}") from None
    return Own(path.parent, path.stem, found)


def _imported_by(name: str, module: Module, path: Path) -> Iterator[str]:
    """Yield the names of modules that may be imported by one of them, packages before what is in them."""
    if not module.is_source:
        return
    imports, folder = imports_of(module.content), path.parent
    package = name.split(".") if module.is_package else name.split(".")[:-1]
    for level, base, names in imports.statements:
        if level > len(package) + 1 or (not level and not is_own(folder, base.partition(".")[0])):
            continue
        parts = [*package[: len(package) - level + 1], *filter(None, base.split("."))] if level else base.split(".")
        yield from (".".join(parts[:length]) for length in range(1, len(parts) + 1))
        for imported in names:
            if imported == "*":
                yield from _inside(folder, parts)
            else:
                yield ".".join([*parts, imported])
    if imports.computed or any(
        "." not in prefix or prefix.startswith(".") or is_own(folder, prefix.partition(".")[0])
        for prefix in imports.prefixes
    ):
        yield from _all_of(path)


def is_own(folder: Path, top: str) -> bool:
    """Say whether a top-level name means a module of the folder, or of the package that the folder is in."""
    if not top.isidentifier() or top in sys.stdlib_module_names or top in _program():
        return False
    module = locate(folder, top)
    if module is None or module.path is not None:
        return module is not None
    elsewhere = PathFinder.find_spec(top)  # a bare folder is a package only where no real one has its name
    return elsewhere is None or elsewhere.origin is None


@cache
def _program() -> frozenset[str]:
    """Return the names of the packages of this program: beside them, in its own folder, they are not a strategy's."""
    try:
        listed = importlib.metadata.distribution(DISTRIBUTION).read_text("top_level.txt")
    except importlib.metadata.PackageNotFoundError:
        listed = None
    return frozenset((listed or "").split()) | {__name__.partition(".")[0]}


def locate(folder: Path, name: str) -> Module | None:
    """Read the module of a dotted name, as seen from a folder; None where there is none."""
    parts = name.split(".")
    places = [folder.joinpath(*parts)]
    outer = folder
    while (outer / "__init__.py").is_file() and outer.parent != outer:  # inside a package: as seen from above it, too
        outer = outer.parent
    if outer != folder and parts[0] == folder.relative_to(outer).parts[0]:
        places.append(outer.joinpath(*parts))
    for place in places:
        for is_package, stem in ((True, place / "__init__"), (False, place)):
            for suffix in _SUFFIXES:
                file = stem.with_name(stem.name + suffix)
                if file.is_file():
                    return Module(file.resolve(), file.read_bytes(), is_package)
    return next((Module(None, b"", True) for place in places if place.is_dir()), None)


def _inside(folder: Path, parts: list[str]) -> Iterator[str]:
    """Yield the names of the modules of a package, which ``import *`` may import."""
    package = locate(folder, ".".join(parts)) if parts else None
    if package is not None and package.is_package and package.path is not None:
        for entry in sorted(package.path.parent.iterdir()):
            if (stem := entry.name.partition(".")[0]).isidentifier() and stem != "__init__":
                yield ".".join([*parts, stem])


def _all_of(path: Path) -> list[str]:
    """Return the names of all modules below the folder of a file."""
    names: list[str] = []
    for place, folders, files in os.walk(path.parent):
        folders[:] = sorted(folder for folder in folders if folder.isidentifier() and folder != "__pycache__")
        parts = Path(place).relative_to(path.parent).parts
        stems = {file.partition(".")[0] for file in files if file.endswith(_SUFFIXES)}
        names += [".".join([*parts, stem]) for stem in sorted(stems) if stem.isidentifier() and stem != "__init__"]
        names += [".".join(parts)] * ("__init__" in stems and bool(parts))
        if len(names) > _MOST_MODULES:
            raise HarnessError(
                f"'{path}' or a module of its own imports by a name that its text does not tell, and the digest of "
                f"its results would have to cover more than {_MOST_MODULES} modules below '{path.parent}'; write "
                "`import NAME`, or move the file to a folder of its own"
            )
    every = {".".join(name.split(".")[:length]) for name in names for length in range(1, name.count(".") + 2)}
    return sorted(every)


@lru_cache(maxsize=256)
def imports_of(content: bytes) -> Imports:
    """Read what a Python text imports; nothing, where it is no Python: importing it will tell."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Imports()
    statements: list[tuple[int, str, tuple[str, ...]]] = []
    prefixes: list[str] = []
    by_name, called = set(_BY_NAME), set[int]()
    computed = False
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            statements += [(0, alias.name, ()) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            statements.append((node.level, node.module or "", tuple(alias.name for alias in node.names)))
            by_name |= {alias.asname for alias in node.names if alias.name in _BY_NAME and alias.asname}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) in by_name:
            called.add(id(node.func))
            text, whole = _text(node)
            if whole:
                name = text.partition(":")[0]
                statements.append((len(name) - len(name.lstrip(".")), name.lstrip("."), ()))
            else:
                prefixes.append(text)
        elif isinstance(node, ast.Name | ast.Attribute | ast.Constant) and id(node) not in called:
            mentioned = _name(node) if not isinstance(node, ast.Constant) else node.value
            computed |= isinstance(mentioned, str) and mentioned in by_name | _UNREADABLE
    return Imports(tuple(statements), computed, tuple(prefixes))


def _name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _text(call: ast.Call) -> tuple[str, bool]:
    """Return what the text tells of the name that a call imports, and whether that is the whole name."""
    given = [*call.args[:1], *(item.value for item in call.keywords if item.arg == "name")]
    node: ast.AST | None = given[0] if given else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        node = node.left
        whole = False
    elif isinstance(node, ast.JoinedStr):
        node = node.values[0] if node.values else None
        whole = False
    else:
        whole = True
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value, whole
    return "", False
