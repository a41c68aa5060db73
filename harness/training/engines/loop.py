"""The training of a pack, the same at all levels: one loop over epochs, resuming, metrics, divergence, seconds."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from harness.checks import BoolArray, FloatArray
from harness.training.curves import DIVERGED, OK, UNFINISHED
from harness.training.data.dataset import Dataset
from harness.training.engines.engine import (
    PREDICTED,
    Engine,
    Interrupted,
    Level,
    OnEpoch,
    OnTrained,
    State,
    Task,
    never,
)
from harness.training.schedule import Member


def train_pack(
    level: Level,
    members: Sequence[Member],
    task: Task,
    *,
    state: State | None = None,
    on_epoch: OnEpoch = lambda state: False,
    interrupted: Interrupted = never,
    on_trained: OnTrained | None = None,
) -> State:
    """Train a pack at a level from the beginning, or from a state, to the end or to where it was asked to stop.

    Returns
    -------
    State
        Every status in it is something else than unfinished if and only if the pack is done.
    """
    with level.kernels():
        engine = level.engine(members, task)
        return run(engine, state=state, on_epoch=on_epoch, interrupted=interrupted, on_trained=on_trained)


def run(
    engine: Engine,
    *,
    state: State | None = None,
    on_epoch: OnEpoch = lambda state: False,
    interrupted: Interrupted = never,
    on_trained: OnTrained | None = None,
) -> State:
    """Train the engine's networks to the end, or until asked to stop.

    A network whose loss is not finite, in training or in validation, is frozen at the end of that epoch: its metrics
    from this epoch on stay NaN, its status says so, the others continue.  The device is waited for once an epoch.

    Parameters
    ----------
    engine : Engine
        M networks with their initial weights.
    state : State or None
        Where to continue; it is changed and returned.

    Raises
    ------
    UnfitError
        If the state is not one of these networks.
    """
    members, task, dataset = len(engine.sums), engine.task, engine.task.dataset
    if state is None:
        state = State.fresh(members, task.recipe.epochs)
    else:
        _check_fits(engine, state.tensors)
        engine.sums.copy_(state.tensors["sums"])
        engine.load(state.tensors)
        engine.freeze(np.flatnonzero(state.status == DIVERGED))
    while state.epoch < task.last and np.any(state.status == UNFINISHED):
        started = time.perf_counter()
        whole = _train_epoch(engine, state, interrupted)
        valid = engine.evaluate("valid", interrupted) if whole else None
        if valid is not None:
            means = _means(engine.sums, dataset, "train"), _means(valid, dataset, "valid")
            _close_epoch(engine, state, *means, validates=len(dataset.labels["valid"]) > 0)
        state.seconds += (time.perf_counter() - started) / members
        state.tensors = {**engine.tensors(), "sums": engine.sums}
        if on_epoch(state) or valid is None:
            return state
    return _finish(engine, state, on_epoch, interrupted, on_trained)


class UnfitError(Exception):
    """A state of other networks than those that shall continue from it."""


def _check_fits(engine: Engine, tensors: Mapping[str, torch.Tensor]) -> None:
    """Compare names, shapes and types; a copy would stretch what is too small."""
    live = {**engine.tensors(), "sums": engine.sums}
    wrong = [name for name in live.keys() ^ tensors.keys()]
    wrong += [
        name
        for name in live.keys() & tensors.keys()
        if (live[name].shape, live[name].dtype) != (tensors[name].shape, tensors[name].dtype)
    ]
    if wrong:
        raise UnfitError(f"{len(wrong)} tensor(s), for example '{min(wrong)}'")


def _train_epoch(engine: Engine, state: State, interrupted: Interrupted) -> bool:
    """Take the epoch's missing steps; False if interrupted before the last."""
    if state.step == 0:
        engine.sums.zero_()
    engine.begin(state.epoch)
    steps = engine.task.steps
    while state.step < steps:
        if interrupted():
            return False
        engine.step(state.epoch, state.step)
        state.step += 1
    return True


def _means(sums: torch.Tensor | FloatArray, dataset: Dataset, split: str) -> FloatArray:
    """Return (M, 2): mean loss, accuracy in percent; NaN for a split without images."""
    totals = sums.cpu().numpy() if isinstance(sums, torch.Tensor) else sums
    means: FloatArray = totals / (len(dataset.labels[split]) or np.nan) * np.array([1.0, 100.0])
    return means


def _close_epoch(engine: Engine, state: State, train: FloatArray, valid: FloatArray, *, validates: bool) -> None:
    """Write the epoch's metrics and freeze networks that diverged in it."""
    finite = np.isfinite(train[:, 0]) & (np.isfinite(valid[:, 0]) | (not validates))
    alive: BoolArray = (state.status == UNFINISHED) & finite
    diverged = np.flatnonzero((state.status == UNFINISHED) & ~finite)
    for split, means in (("train", train), ("valid", valid)):
        state.metrics[f"{split}_loss"][alive, state.epoch] = means[alive, 0]
        state.metrics[f"{split}_accuracy"][alive, state.epoch] = means[alive, 1]
    if len(diverged):
        state.status[diverged] = DIVERGED
        state.diverged_epoch[diverged] = state.epoch
        engine.freeze(diverged)
    state.epoch, state.step = state.epoch + 1, 0


def _finish(
    engine: Engine, state: State, on_epoch: OnEpoch, interrupted: Interrupted, on_trained: OnTrained | None
) -> State:
    """Evaluate the final models on the test split, those of a whole schedule, and close the pack."""
    alive = state.status == UNFINISHED
    if engine.task.last < engine.task.recipe.epochs:
        state.status[alive] = OK
    elif np.any(alive):
        predicted = None if on_trained is None else dict[str, list[torch.Tensor]]((split, []) for split in PREDICTED)
        valid = None if predicted is None else engine.evaluate("valid", interrupted, predicted["valid"])
        test = engine.evaluate("test", interrupted, None if predicted is None else predicted["test"])
        if test is None or (predicted is not None and valid is None):
            on_epoch(state)
            return state
        means = _means(test, engine.task.dataset, "test")
        state.metrics["test_loss"][alive] = means[alive, 0]
        state.metrics["test_accuracy"][alive] = means[alive, 1]
        if on_trained is not None and predicted is not None:
            nothing = torch.empty(len(alive), 0, engine.task.dataset.classes)
            whole = {split: torch.cat([nothing, *parts], dim=1).numpy() for split, parts in predicted.items()}
            for position in np.flatnonzero(alive).tolist():
                on_trained(position, engine.network(position), {split: part[position] for split, part in whole.items()})
        state.status[alive] = OK
    return state
