"""The answers of one-shot methods: each is refused where it is not what a method must say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.checks import Archs, FloatArray, arch_matrix, real
from harness.errors import HarnessError, must, unknown
from harness.one_shot import OneShot, Spent
from harness.space import SearchSpace
from harness.spaces.darts.cells import WITH_NONE
from harness.spaces.nb201.operations import OPERATIONS
from harness.spaces.part import PartSpace

OBSERVED = ("train_loss", "valid_loss", "eigenvalue", "alpha_gradient", "weight_decay", "probabilities", "lineage")
"""Numbers of an epoch that methods may tell: mean losses, the largest eigenvalue of the Hessian in alpha, the mean norm
of the gradient of alpha, the decay of weights where it changes, the mean weights of operations on each edge, (E, K),
and of what grows the cell that weights came from and the one trained, (2, L)."""
MIXED = {"nb201": OPERATIONS, "darts": WITH_NONE}
"""Operations that supernets mix on every edge, in the order of their codes there, by the space."""
_PLAIN = "biufUS"
"""Kinds of arrays that a state may hold."""


def _whole(space: SearchSpace) -> SearchSpace:
    """Return the space of networks: those that a table of a part of it lacks can be trained and recommended too."""
    return space.whole if isinstance(space, PartSpace) else space


def _called(method: OneShot, what: str) -> str:
    return f"{type(method).__name__}.{what}"


def _numbers(name: str, value: object, rule: str) -> FloatArray:
    """Return numbers as an array, refused where they are none, or of uneven rows."""
    try:
        array = np.asarray(value)
    except ValueError:  # of rows that are not equally long
        array = np.empty((), dtype=object)
    if array.dtype.kind not in "fiu":
        raise HarnessError(must(name, rule, value))
    return array.astype(np.float64)


def trained(method: OneShot) -> tuple[float, float]:
    """Train a method for an epoch; return the multiply-adds and the seconds that it says it cost."""
    spent: object = method.epoch()
    if not isinstance(spent, tuple) or len(spent) != len(Spent._fields):
        raise HarnessError(must(_called(method, "epoch"), "return Spent(macs, seconds)", spent))
    macs, seconds = (
        real(f"{name} of {_called(method, 'epoch')}", value, low=0.0, open_low=True)
        for name, value in zip(Spent._fields, spent, strict=True)
    )
    return macs, seconds


def recommended(method: OneShot) -> Archs:
    """Return a copy of what a method recommends, a row for each derivation or none."""
    name, space, count = _called(method, "recommend"), method.space, len(method.derivations)
    given = arch_matrix(name, method.recommend(), space.genes)
    if len(given) not in (0, count):
        raise HarnessError(must(name, f"return no row or one for each of its {count} derivations", given.shape))
    if not ((given >= 0) & (given < space.cardinalities)).all():
        raise HarnessError(must(name, "return genes below the cardinalities of the space", given.tolist()))
    archs = np.array(given, dtype=space.dtype)
    if not _whole(space).is_valid(archs).all():
        raise HarnessError(must(name, f"return valid architectures of the space '{space.name}'", given.tolist()))
    return archs


def inherited(method: OneShot, archs: Archs, *, handed_over: bool = False) -> FloatArray:
    """Return what a method says that architectures are worth with its weights, (n,); it is told a copy of them.

    Parameters
    ----------
    method : OneShot
    archs : (n, L) integers
    handed_over : bool
        Whether it recommends them itself, and so must know.
    """
    name, rule = _called(method, "inherited"), f"return a number for each architecture, ({len(archs)},)"
    accuracies = _numbers(name, method.inherited(archs.copy()), rule)
    if accuracies.shape != (len(archs),):
        raise HarnessError(must(name, rule, accuracies.shape))
    missing = np.isnan(accuracies)
    if len(wrong := accuracies[~(((accuracies >= 0) & (accuracies <= 100)) | missing)]):
        raise HarnessError(must(name, "return percents, from 0 to 100 (NaN of what has no weights)", float(wrong[0])))
    if handed_over and missing.any():
        raise HarnessError(must(name, "know the accuracy of what the method recommends", float("nan")))
    return accuracies


def observed(method: OneShot, before: Mapping[str, npt.NDArray[Any]] | None = None) -> dict[str, FloatArray]:
    """Return the numbers of a method's last epoch.

    Parameters
    ----------
    method : OneShot
    before : mapping, optional
        Those of the epoch before: the same ones are told after every epoch, in the same shapes.
    """
    name, given = _called(method, "observed"), method.observed()
    if not isinstance(given, Mapping):
        raise HarnessError(must(name, f"return a mapping from names to numbers ({', '.join(OBSERVED)})", given))
    for key in given:
        if key not in OBSERVED:
            raise HarnessError(unknown(f"number in `{name}`", key, OBSERVED))
    may_diverge = "lineage" in given  # what grows goes on from another network
    found = {
        key: _observed(method, f"{key} of {name}", key, given[key], may_diverge=may_diverge)
        for key in OBSERVED
        if key in given
    }
    if before is not None:
        ours, theirs = ({key: values.shape for key, values in one.items()} for one in (found, before))
        if ours != theirs:
            rule = f"tell the same after every epoch (NaN of a loss that was not measured), at first {theirs}"
            raise HarnessError(must(name, rule, ours))
    return found


def _observed(method: OneShot, name: str, key: str, value: object, *, may_diverge: bool) -> FloatArray:
    if key == "probabilities":
        return _weights(method, name, value)
    if key == "lineage":
        return _lineage(method, name, value)
    number = _numbers(name, value, "be a number")
    if number.shape != ():
        raise HarnessError(must(name, "be one number", value))
    if key == "train_loss" and not may_diverge and not np.isfinite(number):
        rule = "be finite; a smaller learning rate keeps a training from diverging"
        raise HarnessError(must(name, rule, number.item()))
    if key != "train_loss" and np.isinf(number):
        raise HarnessError(must(name, "be finite, or NaN where it was not measured", number.item()))
    return number


def _weights(method: OneShot, name: str, value: object) -> FloatArray:
    """Return the weights of operations on each edge, (E, K)."""
    operations = MIXED.get(method.space.name)
    rule = "be weights of operations, (edges, operations)"
    if operations is not None:
        rule = f"be weights of {len(operations)} operations on each edge, (edges, {len(operations)})"
    weights = _numbers(name, value, rule)
    if weights.ndim != 2 or not weights.size or (operations is not None and weights.shape[1] != len(operations)):
        raise HarnessError(must(name, rule, weights.shape))
    if len(wrong := weights[~((weights >= 0) & (weights <= 1 + 1e-6))]):
        raise HarnessError(must(name, "be weights from 0 to 1", float(wrong[0])))
    return weights


def _lineage(method: OneShot, name: str, value: object) -> FloatArray:
    """Return two architectures, (2, L)."""
    rule = f"be two architectures of the space '{method.space.name}', (2, {method.space.genes})"
    cells = _numbers(name, value, rule)
    if cells.shape != (2, method.space.genes):
        raise HarnessError(must(name, rule, cells.shape))
    whole = (cells >= 0) & (cells < method.space.cardinalities) & (cells == np.floor(cells))
    if not whole.all() or not _whole(method.space).is_valid(cells.astype(method.space.dtype)).all():
        raise HarnessError(must(name, rule, value))
    return cells


def state(method: OneShot) -> dict[str, npt.NDArray[Any]]:
    """Return all that a method's next epochs depend on."""
    name, given = _called(method, "state"), method.state()
    rule = "return a mapping from names to arrays of numbers"
    if not isinstance(given, Mapping):
        raise HarnessError(must(name, rule, given))
    for key, value in given.items():
        if not isinstance(key, str) or not isinstance(value, np.ndarray) or value.dtype.kind not in _PLAIN:
            raise HarnessError(must(name, rule, {key: value}))
    return dict(given)
