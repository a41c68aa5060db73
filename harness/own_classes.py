"""Classes from files of one's own, named ``"path/to/file.py:Class"``: imported once while the file stays as it is."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import traceback
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, unknown
from harness.names import read


def file_sha256(name: str) -> str | None:
    """Return the SHA-256 of the file of ``"path/to/file.py:Class"``, None for a registered name."""
    return None if read(name).path is None else hashlib.sha256(_file_of(name).read_bytes()).hexdigest()


def _file_of(name: str) -> Path:
    path = read(name).path
    if read(name).key == name:
        raise HarnessError(f"a strategy is named by its class, 'path/to/file.py:Class', got '{name}'")
    if path is None or not path.is_file():
        raise HarnessError(f"no such strategy file: '{path}' (from '{name}'); give 'path/to/file.py:Class'")
    return path.resolve()


def class_of(name: str) -> Any:
    """Import the class that ``"path/to/file.py:Class"`` names; raises HarnessError where that fails."""
    path, class_name = _file_of(name), read(name).key
    module_name = f"_strategy_{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"
    if module_name not in sys.modules:
        spec = importlib.util.spec_from_file_location(module_name, path)
        if spec is None or spec.loader is None:
            raise HarnessError(f"'{path}' cannot be imported as a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            del sys.modules[module_name]
            place = "".join(traceback.format_exception(error, limit=-1)).strip()
            raise HarnessError(f"'{path}' cannot be imported:\n{place}") from error
    module = sys.modules[module_name]
    if not hasattr(module, class_name):
        own = {key: value for key, value in vars(module).items() if isinstance(value, type)}
        classes = [key for key, value in own.items() if value.__module__ == module_name]
        raise HarnessError(unknown(f"class in {path.name}", class_name, classes))
    return getattr(module, class_name)
