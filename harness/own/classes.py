"""Classes from files of one's own, named ``"path/to/file.py:Class"``: imported once while the file stays as it is.

The file and the modules of its own are imported from the content that their digest covers, under a package name that
no other file shares: two files may have helpers of the same name, `sys.path` stays as it is, and what is imported while
the strategy runs is what was there when the digest was taken.
"""

from __future__ import annotations

import builtins
import hashlib
import importlib
import os
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ExtensionFileLoader, ModuleSpec, SourcelessFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.errors import HarnessError, unknown
from harness.guard import running
from harness.names import read
from harness.own.modules import Module, Own, find, is_own, locate

PACKAGE = "_strategy_"
"""What the names of the packages begin with under which files are imported."""
_ONE_AT_A_TIME = threading.RLock()
"""Held while a file is imported: another thread must not see half of it."""
_WIDTH = 300
"""Characters of a line of code that an error shows."""


def file_sha256(name: str) -> str | None:
    """Return the SHA-256 of the file of ``"path/to/file.py:Class"`` and of the modules of its own that it imports.

    Of a file that imports none of its own, that of its content; None for a registered name.
    """
    return None if read(name).path is None else find(_file_of(name)).sha256


def _file_of(name: str) -> Path:
    path = read(name).path
    if read(name).key == name:
        raise HarnessError(f"what a file holds is named by its class, 'path/to/file.py:Class', got '{name}'")
    if path is None or not path.is_file():
        raise HarnessError(f"there is no file '{path}' (from '{name}'); give 'path/to/file.py:Class'")
    return path.resolve()


def class_of(name: str) -> Any:
    """Import the class that ``"path/to/file.py:Class"`` names; raises HarnessError where that fails."""
    path, class_name = _file_of(name), read(name).key
    own = find(path)
    package = f"{PACKAGE}{hashlib.sha256(f'{path} {own.sha256}'.encode()).hexdigest()[:16]}"
    with _ONE_AT_A_TIME:
        module = sys.modules.get(f"{package}.{own.name}") or _imported(package, own, path)
    if not hasattr(module, class_name):
        own_names = {key: value for key, value in vars(module).items() if isinstance(value, type)}
        classes = [key for key, value in own_names.items() if value.__module__ == module.__name__]
        raise HarnessError(unknown(f"class in {path.name}", class_name, classes))
    return getattr(module, class_name)


def _imported(package: str, own: Own, path: Path) -> ModuleType:
    """Import a file under a package of its own; nothing of it stays where that fails."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    above = ModuleType(package, f"The modules of '{path}'.")
    above.__path__, above.__package__, above.__own__ = [str(own.folder)], package, own  # type: ignore[attr-defined]  # of this module, for our finder
    above.__paths__ = paths = tuple(sys.path)  # type: ignore[attr-defined]  # as above
    sys.modules[package] = above
    try:
        with running(f"the file {path.name}"):
            return importlib.import_module(f"{package}.{own.name}")
    except (Exception, SystemExit) as error:
        for name in [name for name in sys.modules if name == package or name.startswith(f"{package}.")]:
            del sys.modules[name]
        sys.path[:] = paths
        raise HarnessError(f"'{path}' cannot be imported:\n{_place(own, error)}") from error


def _place(own: Own, error: BaseException) -> str:
    """Return where in its own modules an error was raised, and the error."""
    files = {str(module.path) for module in own.modules.values()}
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
    lines = [*traceback.format_list(frames[-1:]), *traceback.format_exception_only(error)]
    if isinstance(error, ModuleNotFoundError):
        lines.append(f"Modules are looked for in '{own.folder}', then where Python finds them.")
    return "\n".join(line[:_WIDTH] for line in "".join(lines).strip().splitlines())


class _Finder(MetaPathFinder):
    """Finds the own modules of files, by their full names, in what was read when the digest was taken."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(PACKAGE):
            return None
        package, _, name = fullname.partition(".")
        own: Own | None = getattr(sys.modules.get(package), "__own__", None)
        if own is None:
            return None
        module = own.modules.get(name)
        if module is None:
            _refuse_new(own, name)
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
        if module.path is None:
            spec = ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = []
            return spec
        loader: Loader = _Content(own, module)
        if not module.is_source:
            kind = SourcelessFileLoader if module.path.suffix == ".pyc" else ExtensionFileLoader
            loader = kind(fullname, str(module.path))
        places = [str(module.path.parent)] if module.is_package else None
        return spec_from_file_location(fullname, module.path, loader=loader, submodule_search_locations=places)


def _refuse_new(own: Own, name: str) -> None:
    """Refuse a module that lies in the folder, and was not there, or not found, when the digest was taken."""
    if locate(own.folder, name) is not None:
        raise HarnessError(
            f"the module '{name}' of '{own.folder}' is not part of the digest of '{own.name}.py': it is new, or "
            f"imported in a way that its text does not show; write `import {name}`, and start again"
        )


def _refuse_on_path(own: Own, paths: Sequence[str], top: str) -> None:
    """Refuse a module below the folder that is found only because the strategy changed `sys.path`."""
    module = sys.modules.get(top)
    file = getattr(module, "__file__", None)
    if file is None:
        return
    place = Path(file).parent.parent if hasattr(module, "__path__") else Path(file).parent
    if str(place) not in paths and place.is_relative_to(own.folder):
        name = ".".join((*place.relative_to(own.folder).parts, top))
        raise HarnessError(
            f"the module '{top}' of '{place}' is found by a change of `sys.path` and is not part of the digest of "
            f"'{own.name}.py'; write `import {name}`"
        )


class _Content(Loader):
    """Runs a module from the content that was read, with an `import` that knows the modules beside it."""

    def __init__(self, own: Own, module: Module) -> None:
        self._own, self._module = own, module

    def exec_module(self, module: ModuleType) -> None:
        code = compile(self._module.content, str(self._module.path), "exec", dont_inherit=True)
        package = module.__name__.partition(".")[0]
        vars(module)["__builtins__"] = {**vars(builtins), "__import__": _importer(package, self._own)}
        exec(code, vars(module))  # noqa: S102  # this is what importing is


def _importer(package: str, own: Own) -> Callable[..., Any]:
    """Return what stands for `__import__` in own modules: names of its own mean the modules of the package."""
    belongs = cache(partial(is_own, own.folder))
    elsewhere = cache(
        partial(_refuse_on_path, own, [os.path.abspath(entry) for entry in sys.modules[package].__paths__])
    )

    def private(name: str) -> str | None:
        top = name.partition(".")[0]
        if not belongs(top):
            return None
        if top not in own.tops:
            _refuse_new(own, name)
        return f"{package}.{name}"

    def import_module(name: str, package: str | None = None) -> ModuleType:
        return importlib.import_module(private(name) or name, package)

    def import_(
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> ModuleType:
        known = private(name) if level == 0 else None
        if known is None:
            module = __import__(name, globals, locals, fromlist, level)
            if level == 0:
                elsewhere(name.partition(".")[0])
            return stand_in if module is importlib else module
        if fromlist:
            return __import__(known, globals, locals, fromlist, 0)
        importlib.import_module(known)
        return sys.modules[f"{package}.{name.partition('.')[0]}"]

    stand_in = ModuleType("importlib", importlib.__doc__)
    vars(stand_in).update({**vars(importlib), "import_module": import_module})
    return import_
