"""Operations that the trainer knows, and what each costs on an edge of a cell."""

from __future__ import annotations

from dataclasses import dataclass

from harness.spaces.layers import Cost, Geometry, conv_norm, separable

NONE, SKIP = "none", "skip_connect"


@dataclass(frozen=True)
class Operation:
    """What stands on an edge.

    Attributes
    ----------
    family : {"none", "skip_connect", "nor_conv", "sep_conv", "dil_conv", "avg_pool", "max_pool"}
        ``nor_conv`` is ReLU, convolution, batch normalisation (Dong & Yang, "NAS-Bench-201", ICLR 2020); ``sep_conv``
        a depthwise separable convolution, twice, and ``dil_conv`` once with dilation 2 (Liu et al., "DARTS", ICLR
        2019), each behind a ReLU.
    kernel : int
        Side of the kernel; 0 for none and skip.
    """

    family: str
    kernel: int = 0

    def cost(self, width: int, geometry: Geometry, positions: int) -> Cost | None:
        """Count it at a width; None where it has no weights."""
        area = geometry.area(self.kernel) if self.kernel else 0
        if self.family == "nor_conv":
            return conv_norm(width, width, area, positions)
        if self.family in ("sep_conv", "dil_conv"):
            return separable(width, area, positions) * (2 if self.family == "sep_conv" else 1)
        return None


OPERATIONS = {
    NONE: Operation(NONE),
    SKIP: Operation(SKIP),
    "nor_conv_1x1": Operation("nor_conv", 1),
    "nor_conv_3x3": Operation("nor_conv", 3),
    "nor_conv_5x5": Operation("nor_conv", 5),
    "sep_conv_3x3": Operation("sep_conv", 3),
    "sep_conv_5x5": Operation("sep_conv", 5),
    "dil_conv_3x3": Operation("dil_conv", 3),
    "dil_conv_5x5": Operation("dil_conv", 5),
    "avg_pool_3x3": Operation("avg_pool", 3),
    "max_pool_3x3": Operation("max_pool", 3),
}
"""What a space of one's own may name and have networks."""
