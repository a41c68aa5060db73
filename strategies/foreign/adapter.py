"""The adapter of foreign optimisers: what the protocol asks of them, whatever library they come from."""

from __future__ import annotations

import inspect
import logging
import re
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Self

import numpy as np

from harness.checks import MOST, integer, real
from harness.errors import HarnessError, must
from harness.problem import Problem
from harness.records import Proposals
from harness.strategy import Strategy, Takes
from strategies.parts.candidates import no_archs, require_free_genes

PATIENCE = 1000
"""Times in a row that an optimiser is asked anew when all that it proposes is invalid in the space."""
_SEEDS = 2**31
_ONE_AT_A_TIME = threading.RLock()
_PLAIN = {"int", "float", "bool", "str", "None", "Optional", "Union"}
_WORD = re.compile(r"[A-Za-z_]\w*")
_MARKUP = re.compile(r":\w+:`~?(?:[\w.]*\.)?(\w+)[^`]*`|`([^`<]*) <[^`]*>`_*")


@contextmanager
def quiet(library: str) -> Iterator[None]:
    """Keep what a library logs and warns of to itself; its settings are the user's, and are left as they were.

    They belong to the whole process, so one thread at a time works with a library.
    """
    logger = logging.getLogger(library)
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        handlers, propagates = logger.handlers, logger.propagate
        logger.handlers, logger.propagate = [logging.NullHandler()], False
        try:
            yield
        finally:
            logger.handlers, logger.propagate = handlers, propagates


class Foreign(Strategy):
    """Base class of the adapters of libraries: a class of a library becomes a strategy by `of`.

    Hyperparameters are those of the library's class that are plain values.
    """

    family: ClassVar[str] = "foreign"
    takes: ClassVar[Takes] = Takes(objectives=1, forbidden_duplicates=False)
    library: ClassVar[str]
    """Its name, for people."""
    factory: ClassVar[Any]
    """The class of the library that is run."""
    given: ClassVar[tuple[str, ...]] = ("seed",)
    """Parameters of it that the adapter gives itself."""
    own: ClassVar[Mapping[str, Any]] = {}
    """Hyperparameters of the adapter, with their defaults; the library never sees them."""
    explained: ClassVar[Mapping[str, str]] = {}
    """What the adapter's own hyperparameters mean, and those whose library does not say so in the docstring."""
    defaults: ClassVar[Mapping[str, Any]] = {}
    """All hyperparameters; `inspect.Parameter.empty` where one has no default."""

    @classmethod
    def exported(cls) -> Mapping[str, Any]:
        """Return the classes that the library exports, by name."""
        raise NotImplementedError(f"{cls.__name__} must define exported")

    @classmethod
    def refusal(cls, factory: Any) -> str:
        """Say why a class cannot be run, "" if it can; completes "LIBRARY's NAME ..."."""
        raise NotImplementedError(f"{cls.__name__} must define refusal")

    @classmethod
    def declared(cls, factory: Any) -> Mapping[str, Any]:
        """Return what the strategy of a class declares beyond the adapter: `paper`, `year`, `takes`."""
        return {}

    @classmethod
    def of(cls, factory: Any, libraries: tuple[str, ...]) -> type[Self]:
        """Return the strategy that runs a class of the library.

        Parameters
        ----------
        factory : type
            Of the library.
        libraries : tuple of str
            Distributions on which its numbers depend.

        Raises
        ------
        HarnessError
            If it cannot be run under the protocol.
        """
        name = getattr(factory, "__name__", repr(factory))
        why = cls.refusal(factory) or _needs(inspect.signature(factory).parameters.values(), cls.given)
        if why:
            raise HarnessError(f"{cls.library}'s {name} {why}")
        parameters = inspect.signature(factory).parameters
        plain = {item.name: item.default for item in parameters.values() if _is_plain(item, cls.given)} | dict(cls.own)
        keywords = [inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=plain[key]) for key in plain]
        positional = [inspect.Parameter(key, inspect.Parameter.POSITIONAL_OR_KEYWORD) for key in ("problem", "rng")]
        body = {
            "__module__": cls.__module__,
            "__qualname__": name,
            "__doc__": _documented(cls, factory, plain),
            "__signature__": inspect.Signature([*positional, *keywords]),
            "factory": factory,
            "defaults": plain,
            "libraries": libraries,
            **cls.declared(factory),
        }
        made: type[Self] = type(name, (cls,), body)
        return made

    def __init__(self, problem: Problem, rng: np.random.Generator, **hyperparameters: Any) -> None:
        super().__init__(problem, rng)
        require_free_genes(type(self).__name__, problem.space)
        given = {
            key: _checked(key, value, self.defaults[key])
            for key, value in hyperparameters.items()
            if key not in self.own
        }
        # of the library, and not at their defaults
        self.hyperparameters = {key: value for key, value in given.items() if value != self.defaults[key]}

    def seed(self) -> int:
        """Draw a seed for the library."""
        return int(self.rng.integers(_SEEDS))

    def build(self, **more: Any) -> Any:
        """Return a new optimiser of the library, with a seed of ours.

        Raises
        ------
        HarnessError
            If the library refuses the hyperparameters.
        """
        try:
            return self.factory(**self.hyperparameters, **more)
        except Exception as error:  # a library checks what it is given in its own way
            raise self.blame(error) from error

    def blame(self, error: Exception) -> HarnessError:
        """Word an error of the library as one of the hyperparameters."""
        shown = ", ".join(f"{key} = {value!r}" for key, value in self.hyperparameters.items()) or "its defaults"
        return HarnessError(
            f"{self.library}'s {type(self).__name__} cannot be run with {shown}: {type(error).__name__}: {error}"
        )

    def propose(self, n: int) -> Proposals:
        """Return what the library proposes; it is told what is invalid in the space, and asked anew."""
        space = self.problem.space
        for _ in range(PATIENCE):
            tags, rows = self.draw(n)
            if not tags:
                break
            archs = np.array(rows, dtype=space.dtype)
            valid = space.is_valid(archs)
            self.reject([tag for tag, good in zip(tags, valid.tolist(), strict=True) if not good])
            if valid.any():
                return self.proposals(archs[valid], np.array(tags)[valid])
        return self.proposals(no_archs(space))

    def draw(self, n: int) -> tuple[Sequence[int], Sequence[Sequence[int]]]:
        """Ask the library: tags of at least `n` proposals and their L genes each; none to wait or to finish."""
        raise NotImplementedError(f"{type(self).__name__} must define draw")

    def reject(self, tags: Sequence[int]) -> None:
        """Tell the library that proposals are invalid."""
        raise NotImplementedError(f"{type(self).__name__} must define reject")


def _needs(parameters: Iterable[inspect.Parameter], given: Sequence[str]) -> str:
    """Say what keeps a class with these parameters from being run, "" if nothing does."""
    known = {item.name: item for item in parameters}
    if "seed" not in known and not any(item.kind is item.VAR_KEYWORD for item in known.values()):
        return "takes no `seed`, so that its draws could not come from the random stream of a run"
    for name, item in known.items():
        needed = item.default is item.empty and item.kind not in (item.VAR_KEYWORD, item.VAR_POSITIONAL)
        if needed and not _is_plain(item, given):
            return f"needs `{name}`, which is no plain value that a spec could give"
    return ""


def _is_plain(parameter: inspect.Parameter, given: Sequence[str]) -> bool:
    """Say whether a parameter is a hyperparameter: its default, and its type where it is written, are plain values."""
    if parameter.name in given or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
        return False
    plain = parameter.default is parameter.empty or isinstance(parameter.default, bool | int | float | str | None)
    written = parameter.annotation
    if written is parameter.empty:
        return plain
    words = _WORD.findall(written if isinstance(written, str) else getattr(written, "__name__", repr(written)))
    return plain and set(words) <= _PLAIN


def _checked(name: str, value: Any, default: Any) -> Any:
    """Return a hyperparameter of the kind of its default."""
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise HarnessError(must(name, "be true or false", value))
        return value
    if isinstance(default, int):
        return integer(name, value, low=min(0, default), high=MOST)
    if isinstance(default, float):
        return real(name, value)
    return value


def _documented(adapter: type[Foreign], factory: Any, plain: Mapping[str, Any]) -> str:
    """Return the docstring of a strategy: the library's first sentence, what the adapter does, every hyperparameter."""
    said = inspect.getdoc(factory) or ""
    path = f"{factory.__module__}.{factory.__name__}"
    first = " ".join(said.partition("\n\n")[0].split()) or f"{factory.__name__} of {adapter.library}."
    explained = {**_arguments(said), **adapter.explained}
    lines = [
        f"{first}\n",
        f"This is `{path}` of {adapter.library}, run under the protocol of this program.\n",
        f"{inspect.getdoc(adapter)}\n",
        *(["Parameters", "----------"] if plain else []),
        *(f"{name}\n    {explained.get(name, f'See the documentation of {adapter.library}.')}" for name in plain),
    ]
    return "\n".join(lines)


def _arguments(docstring: str) -> dict[str, str]:
    r"""Return the first paragraph on each argument of a docstring in Google's style, without markup.

    >>> _arguments("Title.\n\nArgs:\n    seed:\n        The :class:`~x.Seed`.\n\n        More.\n    n: Number.\n")
    {'seed': 'The Seed.', 'n': 'Number.'}
    """
    _, found, block = docstring.partition("\nArgs:\n")
    block = re.split(r"\n(?=\S)", block)[0] if found else ""
    entries = re.split(r"(?m)^    (\w+):", block)
    texts = (re.split(r"\n\s*\n", text.strip())[0] for text in entries[2::2])
    plain = (re.sub(_MARKUP, r"\1\2", " ".join(text.split())) for text in texts)
    return dict(zip(entries[1::2], plain, strict=True))
