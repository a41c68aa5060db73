"""Libraries of optimisers as providers of strategies, by the names or the import paths of their own classes."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError, unknown
from harness.names import DISTRIBUTION
from harness.registry import Provider

if TYPE_CHECKING:
    from strategies.foreign.adapter import Foreign

EXTRA = f"{DISTRIBUTION}[foreign]"


class Library(Provider):
    """An installed library, or one that could be: its optimisers are strategies, ``NAME:Class``.

    A class is named as its library exports it, or by its import path: ``optuna:TPESampler``, or
    ``optuna:package.module:Class`` for one of another installed package, whose version then is part of the digest of
    results.

    Parameters
    ----------
    name : str
        Of the library: the top package, the distribution, and the provider.
    adapter : str
        ``"module:class"`` of the `Foreign` that runs its optimisers; it is imported only where the library is there.
    listed : sequence of str
        Classes that are listed.
    """

    def __init__(self, name: str, adapter: str, listed: Sequence[str]) -> None:
        self.name = name
        self.adapter = adapter
        self.listed = tuple(listed)
        self._made: dict[Any, type[Foreign]] = {}

    def names(self) -> Sequence[str]:
        """Return the listed classes where the library is installed, none elsewhere."""
        return self.listed if find_spec(self.name) else ()

    def load(self, name: str) -> type[Foreign]:
        """Return the strategy that runs a class of the library.

        Raises
        ------
        HarnessError
            If the library is not installed, there is no such class, or it cannot be run under the protocol.
        """
        if not find_spec(self.name):
            raise HarnessError(
                f"the strategy '{self.name}:{name}' needs {self.name}, which is not installed: pip install '{EXTRA}'"
            )
        adapter: type[Foreign] = resolve_name(self.adapter)
        if ":" not in name:
            exported = adapter.exported()
            if name not in exported:
                raise HarnessError(
                    f"{unknown(f'optimiser of {self.name}', name, exported)} A class of another package is written "
                    f"'{self.name}:package.module:Class'."
                )
            return self._adapted(adapter, exported[name], (self.name,))
        module, _, attribute = name.partition(":")
        try:
            factory = getattr(import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise HarnessError(f"the strategy '{self.name}:{name}' is not available: {error}") from error
        return self._adapted(adapter, factory, (self.name, *_distributions_of(module, self.name)))

    def _adapted(self, adapter: type[Foreign], factory: Any, libraries: tuple[str, ...]) -> type[Foreign]:
        """Return the strategy that runs a class of the library, always the same one."""
        if factory not in self._made:
            self._made[factory] = adapter.of(factory, libraries)
        return self._made[factory]


def _distributions_of(module: str, library: str) -> Sequence[str]:
    """Return what a module was installed with, besides the library itself.

    Raises
    ------
    HarnessError
        If it was not installed: no version says which code it is.
    """
    top = module.partition(".")[0]
    if top == library:
        return ()
    found = packages_distributions().get(top)
    if not found:
        raise HarnessError(
            f"'{module}' belongs to no installed package, so no version could be part of the digest of results; "
            "install it, or write a strategy of your own, 'path/to/file.py:Class'"
        )
    return sorted(set(found))
