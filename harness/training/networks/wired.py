"""Cells of any wiring, with an operation of any known family on each edge."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from harness.spaces.layers import Geometry
from harness.spaces.own.operations import NONE, OPERATIONS, SKIP
from harness.spaces.wiring import ABSENT, Wiring
from harness.training.networks.operations import ConvNorm, MaxPool3, Pool3, ReLUConvNorm, Separable, SeparableTwice


class ReLUSeparable(Separable):
    """ReLU before it."""

    def forward(self, features: Tensor, taps: Tensor | None = None) -> Tensor:
        """(B, C, H, W) to the same."""
        return super().forward(functional.relu(features), taps)


class ReLUSeparableTwice(SeparableTwice):
    """ReLU before it."""

    def forward(self, features: Tensor, taps: Tensor | None = None) -> Tensor:
        """(B, C, H, W) to the same."""
        return super().forward(functional.relu(features), taps)


def operation(name: str, inputs: int, outputs: int, geometry: Geometry) -> nn.Module | None:
    """Return what computes an operation; None for none, and for a skip that changes nothing.

    Parameters
    ----------
    name : str
        Of `harness.spaces.own.operations.OPERATIONS`.
    inputs, outputs : int
        Channels; unequal ones are for convolutions and skips.
    """
    known = OPERATIONS[name]
    if known.family == "nor_conv":
        return ReLUConvNorm(inputs, outputs, known.kernel, geometry)
    if known.family == "sep_conv":
        return ReLUSeparableTwice(outputs, known.kernel, geometry)
    if known.family == "dil_conv":
        return ReLUSeparable(outputs, known.kernel, geometry, dilation=2)
    if known.family in ("avg_pool", "max_pool"):
        return (Pool3 if known.family == "avg_pool" else MaxPool3)(geometry)
    return ConvNorm(inputs, outputs, 1, geometry) if name == SKIP and inputs != outputs else None


class WiredCell(nn.Module):
    """Nodes that sum the operations on their edges; the last one is the output.

    Operations of dead edges exist, so that they are counted, but are not computed: their weights change nothing.

    Parameters
    ----------
    arch : sequence of int
        Operation on each edge of the wiring.
    inputs, outputs : int
        Width of node 0, and of the others; where they differ, convolutions and skips that leave node 0 change it.
    geometry : Geometry
    wiring : Wiring
    operations : sequence of str
        Name of each code.
    """

    def __init__(
        self,
        arch: Sequence[int],
        inputs: int,
        outputs: int,
        geometry: Geometry,
        *,
        wiring: Wiring,
        operations: Sequence[str],
    ) -> None:
        super().__init__()
        self.edges = nn.ModuleDict()
        for gene, ((source, _), code) in enumerate(zip(wiring.edges, arch, strict=True)):
            module = operation(operations[code], outputs if source else inputs, outputs, geometry)
            if module is not None:
                self.edges[str(gene)] = module
        self.into: list[list[tuple[int, str]]] = [[] for _ in range(wiring.nodes)]
        for gene in wiring.live_edges(arch, operations.index(NONE) if NONE in operations else ABSENT):
            source, target = wiring.edges[gene]
            self.into[target].append((source, str(gene) if str(gene) in self.edges else ""))

    def forward(self, features: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H, W)."""
        nodes = [features]
        for edges in self.into[1:]:
            total: Tensor | None = None
            for source, key in edges:  # sources ascend
                term: Tensor = self.edges[key](nodes[source]) if key else nodes[source]
                total = term if total is None else total + term
            # True zeros: a product with zero would keep NaN.
            nodes.append(features.new_zeros(features.shape) if total is None else total)
        return nodes[-1]
