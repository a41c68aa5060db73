"""Third-party pickles, read without executing what they name."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from harness.errors import TableError

NO_GLOBALS: frozenset[str] = frozenset()
NUMPY_SCALARS = frozenset({"numpy._core.multiarray.scalar", "numpy.dtype"})
"""What a pickle of plain containers and numpy scalars needs."""


class Restricted(pickle.Unpickler):
    """An unpickler that knows nothing but an explicit list of globals."""

    allowed: frozenset[str] = NO_GLOBALS

    def find_class(self, module: str, name: str) -> Any:
        """Resolve a listed global; numpy 1 wrote `numpy.core` for what is `numpy._core` today."""
        if module == "numpy.core" or module.startswith("numpy.core."):
            module = "numpy._core" + module.removeprefix("numpy.core")
        if f"{module}.{name}" not in self.allowed:
            raise TableError(f"the pickle names the global '{module}.{name}', which this format does not use")
        return super().find_class(module, name)


def load(path: Path, allowed: frozenset[str]) -> Any:
    """Return the object in a pickle file.

    Parameters
    ----------
    path : pathlib.Path
    allowed : frozenset of str
        Globals that the format uses, as ``module.name``.

    Raises
    ------
    TableError
        If the file is no whole pickle or names another global; nothing that it names is imported or called then.
    """
    try:
        with path.open("rb") as file:
            unpickler = Restricted(file)
            unpickler.allowed = allowed
            return unpickler.load()
    except TableError as error:
        raise TableError(f"{path} was not read: {error}") from None
    except Exception as error:  # damaged bytes can raise nearly anything from the unpickler
        raise TableError(f"{path} is not a whole pickle: {type(error).__name__}: {error}") from error
