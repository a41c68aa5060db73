"""Network morphisms with the weights: a larger network that starts at the function of a trained one.

Chen, Goodfellow & Shlens, "Net2Net: Accelerating Learning via Knowledge Transfer", ICLR 2016; Wei, Wang, Rui & Chen,
"Network Morphism", ICML 2016.  Networks are those of four-node cells (`harness.training.networks.cells`).  All keep the
function with running statistics of batch normalisation and with those of the batch, up to rounding: a new branch begins
with scale and shift 0, a 1x1 kernel is the centre of a 3x3, a channel that is doubled is read with half of its weight.
An identity in place of a convolution with its ReLU before it does not: it would lose what is negative.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from harness.checks import IntArray
from harness.errors import HarnessError, must
from harness.spaces.four_nodes import EDGES, NODES, NONE, SKIP, live_edges
from harness.spaces.layers import Shape
from harness.spaces.nb201.operations import CONV_1X1, CONV_3X3, KERNELS, stage_widths
from harness.training import networks
from harness.training.recipe import Recipe

_DIRECT = EDGES.index((0, 3))
"""The gene of the edge from the input of a cell to its output."""


@torch.no_grad()
def child(
    parent: nn.Module,
    before: Sequence[int],
    after: Sequence[int],
    recipe: Recipe,
    shape: Shape,
    classes: int,
    *,
    seed: int,
) -> nn.Module:
    """Return a network of another cell that computes what its parent does.

    Parameters
    ----------
    parent : Module
        Of the cell `before`.
    before, after : (6,) int
        Edges may change from none to a convolution, and from a 1x1 convolution to a 3x3: `SearchSpace.morphisms`, any
        number at once.
    recipe : Recipe
    shape : (C, H, W)
    classes : int
    seed : int
        Of new convolutions.

    Raises
    ------
    HarnessError
        If an edge changes otherwise.
    """
    for gene, (old, new) in enumerate(zip(before, after, strict=True)):
        if old != new and not (old == NONE and new in KERNELS) and (old, new) != (CONV_1X1, CONV_3X3):
            raise HarnessError(
                must(f"gene {gene}", "change from none to a convolution or from a 1x1 to a 3x3, to keep the function",
                     (int(old), int(new)))
            )  # fmt: skip
    made = networks.build("nb201", after, recipe, shape, classes, seed=seed).to(_device(parent))
    inherit(made, parent)
    silent = silenced(before, after)
    for _, edge, part in _edges(made):
        if edge in silent:
            _silence(part)
    return made


def silenced(before: Sequence[int], after: Sequence[int]) -> set[int]:
    """Return the edges whose convolutions begin silent, so that a grown cell starts as it was.

    They are those that were not computed before and lead into a node that was read (perhaps as zeros, where nothing
    enters it), or into one from which skips and pools lead there.  Convolutions before them are not: in a row of silent
    ones none would have a gradient.

    Examples
    --------
    >>> silenced((0, 0, 0, 1, 0, 0), (3, 0, 0, 1, 3, 0)), silenced((0, 0, 0, 1, 1, 0), (3, 0, 0, 1, 1, 0))
    ({4}, {0})
    """
    old, new = (set(live_edges([int(gene) for gene in arch])) for arch in (before, after))
    heard = {NODES - 1, *(node for gene in old for node in EDGES[gene])}
    for source in reversed(range(1, NODES - 1)):
        ends = (EDGES[gene][1] for gene in new if EDGES[gene][0] == source and after[gene] not in KERNELS)
        if heard.intersection(ends):
            heard.add(source)
    return {gene for gene in new - old if after[gene] in KERNELS and EDGES[gene][1] in heard}


@torch.no_grad()
def appended(
    parent: nn.Module, arch: Sequence[int], recipe: Recipe, shape: Shape, classes: int, *, seed: int
) -> nn.Module:
    """Return the network with one cell more at the end of each stage, ``recipe.cells + 1``, of the same function.

    Convolutions of the new cells begin silent, so that only what reaches their output without one is left of them.

    Raises
    ------
    HarnessError
        If that is anything but the skip from input to output.
    """
    quiet = [0 if gene in KERNELS else int(gene) for gene in arch]
    if arch[_DIRECT] != SKIP or [edge for edge in live_edges(quiet) if edge != _DIRECT]:
        rule = "have a skip from its input to its output, and a convolution on every other way"
        raise HarnessError(must("arch", rule, [int(gene) for gene in arch]))
    larger = recipe.but(cells=recipe.cells + 1)
    made = networks.build("nb201", arch, larger, shape, classes, seed=seed).to(_device(parent))
    inherit(made, parent)
    for cell, edge, part in _edges(made):
        if cell == recipe.cells and arch[edge] in KERNELS:
            _silence(part)
    return made


@torch.no_grad()
def widened(
    parent: nn.Module,
    arch: Sequence[int],
    recipe: Recipe,
    channels: int,
    shape: Shape,
    classes: int,
    rng: np.random.Generator,
    *,
    noise: float = 0.0,
) -> nn.Module:
    """Return the network with more channels, each new one a copy of an old one: Net2Net's wider operation.

    Nodes are sums, so that all layers of a stage copy the same channels; what reads a channel with m copies has its
    weight divided by m.

    Parameters
    ----------
    channels : int
        Of the first stage, at least those of `recipe`.
    rng : Generator
        Draws what is copied, and noise.
    noise : float
        Standard deviation of what is added to the weights of copies, as a share of that of their layer: copies without
        have equal gradients for ever.  Above 0 the function is kept approximately.

    Raises
    ------
    HarnessError
        If there are fewer channels than before.
    """
    if channels < recipe.channels:
        raise HarnessError(must("channels", f"be at least {recipe.channels}, those that are there", channels))
    old, new = stage_widths(recipe.channels), stage_widths(channels)
    maps = [
        np.concatenate([np.arange(few), rng.integers(few, size=many - few)]) for few, many in zip(old, new, strict=True)
    ]
    made = networks.build("nb201", arch, recipe.but(channels=channels), shape, classes, seed=0).to(_device(parent))
    sources = _tensors(parent)
    for name, target in _tensors(made).items():
        reads, writes = _stages_of(name)
        values = sources[name]
        if values.dim() and writes is not None:
            values = values[torch.from_numpy(maps[writes])]
        if values.dim() > 1 and reads is not None:
            places = maps[reads]
            times = torch.from_numpy(np.bincount(places)[places].astype(np.float32))
            values = values[:, torch.from_numpy(places)] / times.reshape(1, -1, *[1] * (values.dim() - 2))
        if noise and values.dim() > 1 and writes is not None:
            values = _noised(values, maps[writes], old[writes], noise, rng)
        target.copy_(values)
    return made


def _noised(values: Tensor, places: IntArray, first: int, noise: float, rng: np.random.Generator) -> Tensor:
    """Add noise to the rows of copies."""
    drawn = torch.from_numpy(rng.standard_normal(tuple(values.shape), dtype=np.float32))
    drawn[:first] = 0
    return values + noise * float(values.std()) * drawn


def _stages_of(name: str) -> tuple[int | None, int | None]:
    """Return the stages whose channels a tensor reads and writes; None where it has none, as of images and classes.

    >>> [_stages_of(name) for name in ("stem.conv.weight", "stages.1.0.edges.2.norm.bias", "reductions.0.conv.weight")]
    [(None, 0), (None, 1), (0, 1)]
    >>> [_stages_of(name) for name in ("reductions.1.b.conv.weight", "head.linear.weight", "head.linear.bias")]
    [(2, 2), (2, None), (None, None)]
    """
    parts = name.split(".")
    weight = parts[-1] == "weight" and parts[-2] != "norm"
    if parts[0] == "stem":
        return None, 0
    if parts[0] == "stages":
        return (int(parts[1]) if weight else None), int(parts[1])
    if parts[0] == "reductions":
        stage = int(parts[1])
        return (stage + (parts[2] == "b") if weight else None), stage + 1
    if parts[1] == "linear":
        return (2 if weight else None), None
    return None, 2


@torch.no_grad()
def inherit(network: nn.Module, parent: nn.Module) -> None:
    """Copy the parameters and running statistics that both have, a 1x1 kernel into the centre of a 3x3, in place."""
    sources = _tensors(parent)
    for name, target in _tensors(network).items():
        source = sources.get(name)
        if source is None:
            continue
        if source.shape != target.shape:  # 1x1 to 3x3, or (1, 1) to (1, 3) of signals
            target.zero_()
            middle = [(large - small) // 2 for large, small in zip(target.shape[2:], source.shape[2:], strict=True)]
            height, width = source.shape[2:]
            target[:, :, middle[0] : middle[0] + height, middle[1] : middle[1] + width] = source
        else:
            target.copy_(source)


def _tensors(network: nn.Module) -> dict[str, Tensor]:
    """Return live parameters and running statistics by name."""
    return {**dict(network.named_parameters()), **dict(network.named_buffers())}


def _edges(network: nn.Module) -> list[tuple[int, int, nn.Module]]:
    """Return the operations of a network that are modules, with their cell in its stage and their edge."""
    found = []
    for name, part in network.named_modules():
        words = name.split(".")
        if len(words) == 5 and words[0] == "stages" and words[3] == "edges":
            found.append((int(words[2]), int(words[4]), part))
    return found


def _silence(part: nn.Module) -> None:
    """Let a convolution with its normalisation give zeros, from which it learns from its second step on."""
    norm = part.get_submodule("norm")
    for name in ("weight", "bias"):
        norm.get_parameter(name).zero_()


def _device(network: nn.Module) -> torch.device:
    return next(network.parameters()).device
