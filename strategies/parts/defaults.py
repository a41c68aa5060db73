"""Classes that take what their base takes, with other defaults."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

Class = TypeVar("Class", bound=type)


def defaults(**changed: Any) -> Callable[[Class], Class]:
    """Return a decorator that gives the constructor of a class other defaults than that of its base.

    A paper that is a choice of settings is a class with its name, its docstring, and these.  They are read as those of
    any other class, from its signature.

    Raises
    ------
    TypeError
        If the base does not take what is changed; says what.

    Examples
    --------
    >>> class Base:
    ...     def __init__(self, *, batch: int = 10, parents: int = 5) -> None:
    ...         self.settings = batch, parents
    >>> @defaults(batch=1)
    ... class Small(Base):
    ...     pass
    >>> Small().settings, Small(parents=7).settings, inspect.signature(Small).parameters["batch"].default
    ((1, 5), (1, 7), 1)
    """

    def decorated(made: Class) -> Class:
        of_base = made.__init__  # type: ignore[misc]  # the one that the class has from its base
        signature = inspect.signature(of_base)
        if foreign := sorted(set(changed) - set(signature.parameters)):
            raise TypeError(f"defaults must be of what the base of {made.__name__} takes, got {', '.join(foreign)}")

        @wraps(of_base)
        def constructor(self: Any, *args: Any, **given: Any) -> None:
            of_base(self, *args, **changed | given)

        own = (item.replace(default=changed.get(name, item.default)) for name, item in signature.parameters.items())
        constructor.__signature__ = signature.replace(parameters=[*own])  # type: ignore[attr-defined]  # read by inspect
        made.__init__ = constructor  # type: ignore[misc]  # as above
        return made

    return decorated
