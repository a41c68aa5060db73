"""Designs of networks: everything that a network is built from, its weights apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import nn

from harness.checks import Archs, integer
from harness.errors import HarnessError, must, unknown
from harness.space import SearchSpace
from harness.spaces import four_nodes, named
from harness.spaces.layers import Geometry, Shape
from harness.spaces.nb201.operations import OPERATIONS
from harness.spaces.own import cells as own_cells
from harness.spaces.own import operations as own
from harness.spaces.own.cells import CellSpace
from harness.spaces.wiring import Wiring
from harness.training import data, networks
from harness.training.recipe import Recipe, TrainingSetup

PUBLISHED = {
    "nb201": Recipe("nb201", epochs=200),
    "nats-size": Recipe("nats-size", epochs=90),
    "darts": Recipe("darts", epochs=600, channels=36, cells=20),
}
"""Recipes with the width and depth of the network of a space's paper; of DARTS that of its evaluation on CIFAR-10 (Liu,
Simonyan & Yang, ICLR 2019, 3.2)."""


@dataclass(frozen=True)
class Design:
    """One network of a search space.

    Attributes
    ----------
    space : str
        A name of `harness.spaces.named.NETWORKS`, or the definition of cells of one's own, `named.content_of`.
    arch : tuple of int
        Genes.
    recipe : Recipe
        Its width, depth and reductions alone matter.
    shape : (C, H, W)
        Of an item; H = 1 for signals.
    classes : int
    """

    space: str
    arch: tuple[int, ...]
    recipe: Recipe
    shape: Shape
    classes: int

    def __post_init__(self) -> None:
        if self.space not in named.NETWORKS and not self.space.startswith("{"):  # and never a path, which runs code
            known = ", ".join(named.NETWORKS)
            raise HarnessError(f"networks are built of {known}, and cells of one's own: '{self.space}' has none")
        integer("classes", self.classes, low=2)
        networks.check_shape(self.shape)
        self.cost()  # looks at genes and shape

    @property
    def network(self) -> str:
        """A name that `harness.training.networks.kind` knows."""
        return named.network_of(self.known)

    @property
    def known(self) -> SearchSpace:
        """The search space."""
        return named.space(self.space)

    @property
    def archs(self) -> Archs:
        """The architecture as (1, L) uint8."""
        return np.array([self.arch], dtype=np.uint8)

    @property
    def text(self) -> str:
        """The field's own string of the architecture."""
        return self.known.format(self.archs)[0]

    @property
    def geometry(self) -> Geometry:
        """Kernels of images or of signals."""
        return Geometry.of(self.shape)

    @property
    def live(self) -> Design:
        """The design without operations that lead nowhere, which computes the same."""
        if (cells := self.cells) is None:
            return self  # every edge of the others is computed
        wiring, operations = cells
        if own.NONE not in operations:
            return self
        none = operations.index(own.NONE)
        live = wiring.live_edges(self.arch, none)
        return replace(self, arch=tuple(gene if edge in live else none for edge, gene in enumerate(self.arch)))

    @property
    def cells(self) -> tuple[Wiring, tuple[str, ...]] | None:
        """Wiring and operations of its cells, where they are all alike; None of other networks."""
        if self.space == "nb201":
            return four_nodes.WIRING, OPERATIONS
        known = self.known
        return (known.wiring, known.operations) if isinstance(known, CellSpace) else None

    def cost(self) -> tuple[int, int]:
        """Return parameters, and multiply-adds of an item."""
        cost = networks.cost(self.network, self.archs, self.recipe, self.shape, self.classes)
        return int(cost.params[0]), int(cost.macs[0])

    def build(self, seed: int = 0) -> nn.Module:
        """Return the trainer's network with the initial weights of a seed, on the CPU, in fp32."""
        return networks.build(self.network, self.arch, self.recipe, self.shape, self.classes, seed=seed)


def design(space: str, text: str, recipe: Recipe | None, shape: Shape, classes: int) -> Design:
    """Return the design of an architecture given as text.

    Parameters
    ----------
    space : str
        Of `harness.spaces.named`: a name, a file of one's own, or a definition.
    text : str
        In one of the forms that the space reads.
    recipe : Recipe or None
        None is the network of the space's paper; of cells of one's own that of NAS-Bench-201 with them.

    Raises
    ------
    HarnessError
        If the space has no networks, the text is no architecture of it, or the shape or the classes are none.
    """
    if space in named.SPACES and space not in named.NETWORKS:
        raise HarnessError(unknown("search space with networks", space, named.NETWORKS))
    known = named.space(space)
    named.network_of(known)  # looks whether it has any
    genes = tuple(int(gene) for gene in known.parse([text])[0])
    published = PUBLISHED.get(space, PUBLISHED["nb201"])
    return Design(named.content_of(known), genes, published if recipe is None else recipe, shape, classes)


def design_as(setup: TrainingSetup, text: str) -> Design:
    """Return the design of an architecture as the networks of a benchmark's table were built.

    Raises
    ------
    HarnessError
        As `design`.
    """
    shape, classes = data.shape_of(setup.dataset, **setup.dataset_options)
    return design(space_of(setup.network), text, setup.load_recipe(), shape, classes)


def space_of(network: str) -> str:
    """Return the search space whose networks have a name in records of training, as a `Design` has it.

    >>> space_of("nats_size")
    'nats-size'
    """
    if network.startswith(f"{own_cells.NETWORKS}:"):
        return own_cells.of_network(network).definition()
    spaces = {name: space for space, name in named.NETWORKS.items()}
    if network not in spaces:
        raise HarnessError(unknown("network of a search space", network, spaces))
    return spaces[network]


def shape_of(text: str) -> Shape:
    """Read the shape of an item.

    >>> shape_of("3x32x32"), shape_of("1x40")
    ((3, 32, 32), (1, 1, 40))
    """
    parts: Sequence[str] = text.lower().split("x")
    if len(parts) not in (2, 3) or not all(part.isascii() and part.isdigit() and int(part[:7]) for part in parts):
        rule = "be channels x height x width of an image (3x32x32), or channels x length of a signal (1x40)"
        raise HarnessError(must("--input", rule, text))
    numbers = [int(part) for part in parts]
    return (numbers[0], 1, numbers[1]) if len(numbers) == 2 else (numbers[0], numbers[1], numbers[2])
