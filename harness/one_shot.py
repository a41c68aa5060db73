"""The base class of one-shot methods: searches that train one network with the weights of all architectures in it.

A one-shot method holds no benchmark and proposes nothing: it trains by itself, epoch after epoch, and after each it
says which architecture it would hand over.  What that architecture is worth, a table of trainings from scratch says,
afterwards and elsewhere.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, is_dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from harness.checks import Archs, FloatArray, UInt64Array, integer, read_only, real
from harness.errors import HarnessError, UnfitError, must, unknown
from harness.problem import MOST_EPOCHS
from harness.space import SearchSpace

SPLITS = ("train", "valid")
"""What a one-shot method trains on: weights on the first, architecture parameters on the second."""


@dataclass(frozen=True, eq=False)
class SearchData:
    """What a one-shot method trains on, on which device: the data and the network of a table, without test items.

    Items and labels cannot be written to: copy what you want to change.

    Attributes
    ----------
    network : str
        Of the table's trainings, one of `harness.training.networks.KINDS`.
    recipe : mapping
        Of the table's trainings, as `harness.training.recipe.Recipe` takes it; of it the skeleton counts (channels,
        cells, reduction) and whether items are augmented, for the search has an optimiser of its own.
    images : mapping of str to (n, C, H, W) uint8 or float32
        Raw values, for each of `SPLITS`; signals have height 1.
    labels : mapping of str to (n,) int64
    classes : int
    mean, std : (C,) float32
    flip : bool
    padding : int
        As in `harness.training.data.dataset.Dataset`.
    device : str
        ``"cpu"`` or ``"cuda"``.
    """

    network: str
    recipe: Mapping[str, Any]
    images: Mapping[str, npt.NDArray[Any]]
    labels: Mapping[str, npt.NDArray[np.int64]]
    classes: int
    mean: npt.NDArray[np.float32]
    std: npt.NDArray[np.float32]
    flip: bool = False
    padding: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        if sorted(self.images) != sorted(SPLITS) or sorted(self.labels) != sorted(SPLITS):
            raise HarnessError(must("splits", "be 'train' and 'valid', no others", sorted(self.images)))
        for split in SPLITS:
            if not len(self.labels[split]) == len(self.images[split]) > 0:
                rule = f"be as many as its labels, {len(self.labels[split])}, and more than none"
                raise HarnessError(must(f"images[{split!r}]", rule, len(self.images[split])))
        for name in ("images", "labels"):  # other methods train on the same arrays
            object.__setattr__(self, name, {split: read_only(items) for split, items in getattr(self, name).items()})


class Spent(NamedTuple):
    """The cost of an epoch.

    Attributes
    ----------
    macs : float
        Multiply-adds of all forward and backward passes; a backward pass counts as two forward ones.
    seconds : float
        Real.
    """

    macs: float
    seconds: float


class OneShot(ABC):
    """Base class of one-shot methods.

    Parameters
    ----------
    space : SearchSpace
    data : SearchData
    rng : numpy.random.Generator
        The only source of randomness.
    epochs : int
        Passes over the training items that will be made, which schedules need to know.
    **hyperparameters
        Fields of `preset` that differ from its values.

    Attributes
    ----------
    settings : record
        `preset` with what was given.

    Raises
    ------
    UnfitError
        If the method cannot search the space.
    HarnessError
        If there is no such hyperparameter, or no such value of one.
    """

    version: ClassVar[int] = 1
    """Bump when behaviour changes: it is part of the digest of results."""
    libraries: ClassVar[tuple[str, ...]] = ("torch",)
    """Distributions on whose versions the results depend, besides numpy: their versions are part of the digest."""
    later_hyperparameters: ClassVar[Mapping[str, Any]] = {}
    """Defaults of hyperparameters that were added later: at them, the digest of results is what it was before."""
    preset: ClassVar[Any]
    """A frozen dataclass that holds all hyperparameters, at the values of the paper."""
    family: ClassVar[str] = "weight sharing"
    paper: ClassVar[str] = ""
    year: ClassVar[int | None] = None
    takes: ClassVar[tuple[str, ...]] = ("nb201",)
    """Names of the spaces that it searches."""
    derivations: tuple[str, ...] = ("chosen",)
    """How the rows of `recommend` are derived, in its order; the first is what the method hands over."""

    def __init__(
        self, space: SearchSpace, data: SearchData, rng: np.random.Generator, epochs: int, **hyperparameters: Any
    ) -> None:
        if space.name not in self.takes:
            rule = f"searches {' and '.join(self.takes)} alone, and the benchmark is of the space '{space.name}'"
            raise UnfitError(f"{type(self).__name__} {rule}")
        self.space, self.data, self.rng = space, data, rng
        self.epochs = integer("supernet_epochs", epochs, low=1, high=MOST_EPOCHS)
        self.settings = self.set_to(hyperparameters)

    @classmethod
    def set_to(cls, hyperparameters: Mapping[str, Any]) -> Any:
        """Return `preset` with some of its values changed; a whole number for a real one is made real.

        Raises
        ------
        HarnessError
            If there is no such hyperparameter (names the nearest), or no such value.
        """
        known = cls.known()
        for name in hyperparameters:
            if name not in known:
                raise HarnessError(unknown(f"parameter of {cls.__name__}", name, known))
        made = replace(cls.preset, **hyperparameters)
        reals = {name: value for name, value in hyperparameters.items() if isinstance(known[name], float)}
        return replace(made, **{name: real(name, value) for name, value in reals.items() if type(value) is int})

    @classmethod
    def known(cls) -> dict[str, Any]:
        """Return the hyperparameters and their defaults."""
        return dict(vars(cls.preset))

    @classmethod
    def too_few(cls, settings: Any, epochs: int) -> str:
        """Say why a method with some settings learns nothing of architectures in as few epochs; "" where it does.

        Parameters
        ----------
        settings : record
            `preset`, or what `set_to` made of it.
        epochs : int
        """
        return ""

    @property
    def finished(self) -> bool:
        """Whether the method stops before the epochs that it was given: an early stop."""
        return False

    @abstractmethod
    def epoch(self) -> Spent:
        """Train for one pass over the training items, and say what it cost."""

    @abstractmethod
    def recommend(self) -> Archs:
        """Return what the method would hand over now, a row for each of `derivations`; no rows while there is nothing.

        It trains nothing and draws nothing from the generator.
        """

    def observed(self) -> Mapping[str, FloatArray]:
        """Return numbers of the last epoch, by names of `harness.experiments.answers.OBSERVED`.

        The same names and shapes after every epoch; `valid_loss`, `eigenvalue` and `alpha_gradient` are NaN where they
        were not measured.
        """
        return {}

    @abstractmethod
    def inherited(self, archs: Archs) -> FloatArray:
        """Return the accuracy in percent of architectures on the validation items, with the weights that are shared.

        The answer for an architecture does not depend on the others, nor on what was asked before.  It is NaN where a
        method holds no weights for it, as those that grow one network do; never for what it recommends.

        Parameters
        ----------
        archs : (n, L) integers

        Returns
        -------
        (n,) float64
        """

    @abstractmethod
    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that the next epochs depend on, as plain arrays by name."""

    @abstractmethod
    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Continue from what `state` returned after some epoch, to the same bits."""


def check_declared(factory: type[OneShot]) -> None:
    """Refuse a class whose methods or class variables are not what those of a one-shot method must be.

    Raises
    ------
    HarnessError
        Names the class, the variable, the rule and what it is.
    """
    name = factory.__name__
    if lacking := sorted(factory.__abstractmethods__):
        raise HarnessError(f"{name} must define {', '.join(lacking)} to be a one-shot method")
    preset = getattr(factory, "preset", None)
    if not is_dataclass(preset) or isinstance(preset, type):
        raise HarnessError(
            must(f"{name}.preset", "be an instance of a frozen dataclass, with all hyperparameters", preset)
        )
    try:
        json.dumps(vars(preset), allow_nan=False)
    except (TypeError, ValueError):
        raise HarnessError(must(f"{name}.preset", "hold numbers, texts and lists of them alone", preset)) from None
    integer(f"{name}.version", factory.version, low=1)
    for variable, fewest in (("takes", 1), ("derivations", 1), ("libraries", 0)):
        texts = getattr(factory, variable)
        plain = isinstance(texts, tuple) and all(isinstance(text, str) and text for text in texts)
        if not plain or len(set(texts)) != len(texts) or len(texts) < fewest:
            raise HarnessError(must(f"{name}.{variable}", f"be a tuple of different texts, {fewest} or more", texts))
    for library in factory.libraries:
        try:
            version(library)
        except PackageNotFoundError:
            rule = "name installed distributions, as pip calls them"
            raise HarnessError(must(f"{name}.libraries", rule, library)) from None
    for later in factory.later_hyperparameters:
        if later not in factory.known():
            raise HarnessError(unknown(f"parameter in {name}.later_hyperparameters", later, factory.known()))


_WORD = 2**64


def generator_state(rng: np.random.Generator) -> UInt64Array:
    """Return where a PCG64 generator is, (6,) uint64.

    Examples
    --------
    >>> a, b = np.random.default_rng(1), np.random.default_rng(2)
    >>> restore_generator(b, generator_state(a))
    >>> bool(a.random() == b.random())
    True
    """
    facts: dict[str, Any] = dict(rng.bit_generator.state)
    if facts["bit_generator"] != "PCG64":
        raise HarnessError(must("rng", "be a PCG64 generator", facts["bit_generator"]))
    words = [part for name in ("state", "inc") for part in divmod(facts["state"][name], _WORD)]
    return np.array([*words, facts["has_uint32"], facts["uinteger"]], dtype=np.uint64)


def restore_generator(rng: np.random.Generator, words: UInt64Array) -> None:
    """Put a PCG64 generator where another was, in place."""
    high, low, inc_high, inc_low, has_uint32, uinteger = (int(word) for word in words)
    rng.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": high * _WORD + low, "inc": inc_high * _WORD + inc_low},
        "has_uint32": has_uint32,
        "uinteger": uinteger,
    }
