"""GenNAS: how well a network, trained for a hundred steps, regresses made-up maps; no labels, but training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.checks import FloatArray
from harness.training.proxies.subject import Subject, staged
from harness.training.proxies.taps import outputs_of

ITEMS, MAPS, STEPS = 16, 64, 100
"""Items of the one minibatch, maps that each stage regresses, and steps of training."""
WEIGHTS = (0.25, 0.5, 1.0)
"""Of the stages' errors, the last being the deepest."""
HIGH = tuple(np.linspace(0.375, 0.4875, 10))
LOW = tuple(np.linspace(0.125, 0.35, 10))
"""Frequencies of waves, in periods of a place."""
_PHASES, _RATE, _MOMENTUM, _DECAY = 32, 0.1, 0.9, 4e-5


def gennas(subject: Subject) -> dict[str, float]:
    """Return gennas, the error of regressing made-up maps after a hundred steps, negative.

    Li, Hao, Li, Xiong & Chen, "Generic Neural Architecture Search via Regression", NeurIPS 2021, with the task of
    GenNAS-combo in the authors' code, the one that was not searched: from what each of three stages gives, a
    normalisation and a 1x1 convolution regress 64 maps of each of 16 items, by squared errors that weigh 1/4, 1/2 and
    1; see `targets`.  SGD on this one minibatch, rate 0.1, momentum 0.9, decay 4e-5 of convolutions.  Training makes
    it some hundred times as slow as others.

    Departs from that code: maps are as large as the last stage's features, which there is the same for images of 32
    (8 x 8), and on signals run along their one axis; normalisations have scale and shift, as networks have here, and
    batch statistics where the error is read, as cells have there; -inf where the error is no number, in place of a
    random one of about 1,000.
    """
    module = staged(subject.fresh(), "gennas")
    items = subject.minibatch()[0][:ITEMS]
    with outputs_of(list(module.stages)) as found, torch.no_grad():
        module(items)
    features = [answer for _, answer in found]
    wanted = targets(items, features[-1].shape[2:], subject.common("gennas"))
    rng = subject.stream("gennas")
    heads = nn.ModuleList(_head(each.shape[1], rng) for each in features)
    trained = [*module.parameters(), *heads.parameters()]
    decayed, others = ([part for part in trained if (part.ndim > 1) == decays] for decays in (True, False))
    groups: list[dict[str, Any]] = [{"params": decayed, "weight_decay": _DECAY}, {"params": others}]
    optimiser = torch.optim.SGD(groups, lr=_RATE, momentum=_MOMENTUM)
    for step in range(STEPS + 1):
        with outputs_of(list(module.stages)) as found:
            module(items)
        error = _error(heads, [answer for _, answer in found], wanted)
        if step == STEPS or not bool(error.isfinite()):
            break
        optimiser.zero_grad()
        error.backward()  # type: ignore[no-untyped-call]  # torch has no types of it
        optimiser.step()
    value = float(error.detach())
    return {"gennas": -value if math.isfinite(value) else -math.inf}


def _head(channels: int, rng: np.random.Generator) -> nn.Sequential:
    """Return a normalisation and a 1x1 convolution that starts as torch's default does."""
    with torch.device("meta"):  # torch's own initialisation would touch its global generator
        convolution = nn.Conv2d(channels, MAPS, 1)
    convolution.to_empty(device="cpu")
    bound = 1 / math.sqrt(channels)
    with torch.no_grad():
        for parameter in convolution.parameters():
            parameter.copy_(torch.from_numpy(rng.uniform(-bound, bound, tuple(parameter.shape))))
    return nn.Sequential(nn.BatchNorm2d(channels), convolution)


def _error(heads: nn.ModuleList, features: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """Return the weighted sum over stages of mean squared errors, of maps made as large as what is wanted."""
    total = features[0].new_zeros(())
    for head, given, maps, weight in zip(heads, features, wanted, WEIGHTS, strict=True):
        near = given if given.shape[2:] == maps.shape[2:] else functional.interpolate(given, maps.shape[2:])
        total = total + weight * functional.mse_loss(head(near), maps)
    return total


def targets(items: Tensor, size: Sequence[int], rng: np.random.Generator) -> list[Tensor]:
    """Return the maps that each stage regresses, of B items.

    All have waves along one axis, at high frequencies.  The first stage's have waves along both axes at high
    frequencies, and random signs, beside; the second's waves along both at low ones, and the items; the third's the
    items, and random signs.

    Parameters
    ----------
    items : (B, C, H, W) Tensor
    size : (int, int)
        Of a map.
    rng : numpy.random.Generator

    Returns
    -------
    list of (B, 64, H, W) float32 Tensor
        For each of three stages.
    """
    count = len(items)
    made: list[FloatArray] = []
    for crossed, has_signs, has_items in ((HIGH, True, False), (LOW, False, True), ((), True, True)):
        maps = np.stack([waves(HIGH, size, rng) for _ in range(count)])
        if crossed:
            maps += np.stack([crossed_waves(crossed, size, rng) for _ in range(count)])
        if has_signs:
            maps += rng.choice([-1.0, 1.0], maps.shape)
        if has_items:
            maps += _shrunk(items, size, rng)
        made.append(maps)
    return [torch.from_numpy(maps.astype(np.float32)) for maps in made]


def waves(frequencies: Sequence[float], size: Sequence[int], rng: np.random.Generator) -> FloatArray:
    """Return sines along one axis, of random axes, frequencies and phases: ``(64, *size)``.

    An axis of one place has none.  All are different: 32 phases of each frequency, along each axis.
    """
    axes = [axis for axis, places in enumerate(size) if places > 1]
    phases = rng.uniform(0, 2 * np.pi, (len(frequencies), _PHASES))
    frequency, axis, phase = np.unravel_index(
        rng.permutation(len(frequencies) * len(axes) * _PHASES)[:MAPS], (len(frequencies), len(axes), _PHASES)
    )
    steps = 2 * np.pi * np.asarray(frequencies)[frequency]
    places = np.stack([np.indices(tuple(size))[each] + 1 for each in axes])[axis]
    return np.asarray(np.sin(steps[:, None, None] * places + phases[frequency, phase][:, None, None]))


def crossed_waves(frequencies: Sequence[float], size: Sequence[int], rng: np.random.Generator) -> FloatArray:
    """Return sines of a sum along both axes, half of them turned upside down: ``(64, *size)``.

    All pairs of frequencies have 32 phases each.
    """
    count = len(frequencies)
    phases = rng.uniform(0, 2 * np.pi, (count, count, _PHASES))
    down, right, phase, turned = np.unravel_index(
        rng.permutation(count * count * _PHASES * 2)[:MAPS], (count, count, _PHASES, 2)
    )
    rows, columns = np.indices(tuple(size)) + 1
    rows = np.where(turned[:, None, None] == 1, rows[::-1], rows)
    steps = 2 * np.pi * np.asarray(frequencies)
    angles = steps[down][:, None, None] * rows + steps[right][:, None, None] * columns
    return np.asarray(np.sin(angles + 2 * phases[down, right, phase][:, None, None]))


def _shrunk(items: Tensor, size: Sequence[int], rng: np.random.Generator) -> FloatArray:
    """Return the items at the size of maps, in [-1, 1] over all of them, a random channel for each of 64 maps."""
    small = functional.interpolate(items, tuple(size)).double().numpy()
    small = 2 * (small - small.min()) / (small.max() - small.min()) - 1
    chosen: FloatArray = small[:, rng.integers(small.shape[1], size=MAPS)]
    return chosen
