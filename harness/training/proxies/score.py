"""The scores of architectures: each network is built once and measured from several initial weights."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from time import process_time

import numpy as np
import torch
from torch import nn

from harness.checks import Archs, FloatArray
from harness.errors import HarnessError, unknown
from harness.seeding import generator
from harness.spaces.layers import Cost, Shape
from harness.training import networks
from harness.training.data.augment import DevicePlan, EpochPlan, resident
from harness.training.data.dataset import Dataset
from harness.training.devices import compute_threads
from harness.training.networks.operations import laid_out
from harness.training.proxies import PROXIES, UNTRAINED
from harness.training.proxies.setting import Setting
from harness.training.proxies.subject import Subject
from harness.training.recipe import Recipe
from harness.training.schedule import Member

LOWEST = -1e8
"""Stands for a score that its definition sends to minus infinity, as in NAS-Bench-Suite-Zero."""
THIN = 4
"""Values along a side of the items of thin networks: the fewest that can be halved twice."""

_CPU = torch.device("cpu")
Measure = Callable[[Subject], dict[str, float]]


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores by proxy.

    Attributes
    ----------
    values : mapping of str to (n, inits) float64
        Higher is meant to be better; `LOWEST` where the definition says minus infinity, NaN where it says nothing.
    seconds : mapping of str to (n, inits) float64
        CPU time of the pass that gives it, which others may share; building the network is not in it.
    """

    values: dict[str, FloatArray]
    seconds: dict[str, FloatArray]


def check_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return names of proxies, each once, or refuse them."""
    for name in names:
        if name not in PROXIES:
            raise HarnessError(unknown("proxy", name, PROXIES))
    return tuple(dict.fromkeys(names))


def score(
    archs: Archs,
    setting: Setting,
    dataset: Dataset,
    *,
    names: Sequence[str] = UNTRAINED,
    inits: Sequence[int] = (),
) -> Scores:
    """Score architectures without training, on one CPU thread.

    A score depends on the architecture, the setting and the seed of the initial weights alone: not on the other
    architectures, nor on the other proxies.

    Parameters
    ----------
    archs : (n, L) integers
    setting : Setting
    dataset : Dataset
        The one that the setting names.
    names : sequence of str
        Of `harness.training.proxies.PROXIES`; all but those that train by default.
    inits : sequence of int, optional
        Instead of the setting's.

    Raises
    ------
    HarnessError
        If there is no such proxy, an architecture is none of the network, or a proxy cannot tell anything from the
        batch.
    """
    names, seeds = check_names(names), tuple(inits) or setting.inits
    setting.check(names, dataset.shape, dataset.classes)
    checked = networks.check_archs(setting.training.network, archs)
    measures = [
        measure(text) for text in dict.fromkeys(each.measure for name, each in PROXIES.items() if name in names)
    ]
    shape = (len(checked), len(seeds))
    values, seconds = ({name: np.full(shape, math.nan) for name in names} for _ in range(2))
    with compute_threads():
        for row, subjects in enumerate(_subjects(checked, setting, dataset, seeds)):
            for place, subject in enumerate(subjects):
                for compute in measures:
                    began = process_time()
                    found = compute(subject)
                    spent = process_time() - began
                    for name in found.keys() & values.keys():
                        values[name][row, place] = LOWEST if math.isinf(found[name]) else found[name]
                        seconds[name][row, place] = spent
    return Scores(values, seconds)


def measure(text: str) -> Measure:
    """Return the function that a proxy names."""
    module, _, function = text.partition(":")
    found: Measure = getattr(importlib.import_module(module), function)
    return found


def over_inits(values: FloatArray) -> FloatArray:
    """Return the mean over initial weights of finite scores: (n, inits) to (n,).

    `LOWEST` where that is the score from every one of them, NaN where there is none.
    """
    sound = np.where(values > LOWEST, values, np.nan)
    counts = np.isfinite(sound).sum(axis=1)
    means = np.nansum(sound, axis=1) / np.maximum(counts, 1)
    lowest = (values == LOWEST).any(axis=1)
    found: FloatArray = np.where(counts > 0, means, np.where(lowest, LOWEST, np.nan))
    return found


def _subjects(archs: Archs, setting: Setting, dataset: Dataset, seeds: Sequence[int]) -> Iterator[Iterator[Subject]]:
    """Yield the subjects of each architecture, one for each seed; one at a time, for they share a module."""
    recipe, network = setting.training.load_recipe(), setting.training.network
    images = resident(dataset, _CPU, augment=False)["train"]
    order = setting.order(dataset)
    items = images.augmented(DevicePlan.of(EpochPlan(order, None, None, None), _CPU)).contiguous()
    labels = images.labels[torch.from_numpy(order)]
    costs = networks.cost(network, archs, recipe, dataset.shape, dataset.classes)
    thin_shape = (1, 1 if dataset.is_signal else THIN, THIN)

    def built(arch: Sequence[int], recipe: Recipe, shape: Shape) -> nn.Module:
        module = networks.build(network, arch, recipe, shape, dataset.classes, seed=seeds[0])
        return laid_out(module, _CPU, torch.channels_last)

    def of(arch: Sequence[int], cost: Cost) -> Iterator[Subject]:
        module = built(arch, recipe, dataset.shape)
        thin = cache(lambda: built(arch, recipe.but(channels=1, cells=1), thin_shape))
        for seed in seeds:
            member = Member(tuple(arch), seed)
            if seed != seeds[0]:
                networks.initialise(module.float(), member, network)
            streams = _Streams(seed, network, member.text), _Streams(seed, "noise")
            yield Subject(module, items, labels, setting.batch, *streams, lambda: (thin(), thin_shape), cost)

    for row, arch in enumerate(archs.tolist()):
        yield of(arch, Cost(costs.params[row], costs.macs[row]))


@dataclass(frozen=True)
class _Streams:
    """Random streams below a path."""

    seed: int
    path: str
    arch: str = ""

    def __call__(self, name: str) -> np.random.Generator:
        return generator(self.seed, "proxies", self.path, self.arch, name)
