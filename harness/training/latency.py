"""The latency of networks on this machine: median of repeated forward passes, with its interval, threads stated."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import perf_counter_ns

import numpy as np
import torch

from harness.checks import Archs, FloatArray, integer
from harness.spaces.layers import Shape
from harness.training import networks
from harness.training.devices import compute_threads
from harness.training.recipe import Recipe

WARM_UP = 10
"""Passes of each network that are not timed: caches, and code that is chosen at first use."""
RESAMPLES = 1_000
_ROUNDS = 2  # every network is timed in each, so that a machine that becomes slower does so for all


@dataclass(frozen=True, eq=False)
class Latencies:
    """What was measured.

    Attributes
    ----------
    median_ms : (n,) float64
        Median over repeats, of one pass of a batch.
    low_ms, high_ms : (n,) float64
        95 % percentile bootstrap interval of the median.
    """

    median_ms: FloatArray
    low_ms: FloatArray
    high_ms: FloatArray


def machine() -> str:
    """Return what this machine calls its processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named and named[0] else platform.processor() or platform.machine()


def measure(
    archs: Archs,
    recipe: Recipe,
    shape: Shape,
    classes: int,
    *,
    network: str,
    batch: int = 1,
    repeats: int = 50,
    threads: int = 1,
    clock: Callable[[], int] = perf_counter_ns,
) -> Latencies:
    """Time the forward pass of networks on the CPU, in evaluation mode, with weights as they begin.

    Every network is warmed up by `WARM_UP` passes, then timed in two rounds over all of them.

    Parameters
    ----------
    archs : (n, L) integers
    recipe : Recipe
        Says how wide and how deep networks are.
    shape : (C, H, W)
        Of an item.
    classes : int
    network : str
        One of `harness.training.networks.KINDS`.
    batch : int
        Items in a pass.
    repeats : int
        Timed passes of each network, at least 2.
    threads : int
        CPU threads.
    clock : callable
        Nanoseconds; tests put their own in its place.
    """
    integer("batch", batch, low=1, high=4096)
    integer("repeats", repeats, low=2, high=100_000)
    integer("threads", threads, low=1, high=1024)
    generator = torch.Generator().manual_seed(0)
    items = torch.randn((batch, *shape), generator=generator)
    times = np.empty((len(archs), repeats))
    edges = np.linspace(0, repeats, _ROUNDS + 1).astype(int).tolist()
    with compute_threads(threads), torch.inference_mode():
        for start, stop in pairwise(edges):
            for row, arch in enumerate(np.asarray(archs).tolist()):
                module = networks.build(network, arch, recipe, shape, classes, seed=0).eval()
                for _ in range(WARM_UP):
                    module(items)
                for repeat in range(start, stop):
                    began = clock()
                    module(items)
                    times[row, repeat] = clock() - began
    return summary(times / 1e6)


def summary(times_ms: FloatArray) -> Latencies:
    """Return medians and their intervals of times: (n, repeats) milliseconds."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, times_ms.shape[1], size=(RESAMPLES, times_ms.shape[1]))
    bounds = np.array([np.quantile(np.median(row[drawn], axis=1), [0.025, 0.975]) for row in times_ms]).reshape(-1, 2)
    return Latencies(np.median(times_ms, axis=1), bounds[:, 0], bounds[:, 1])
