"""Compound scaling: the depth, the width and the resolution of a network, made larger together or one at a time.

Tan & Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019, section 3.3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

from harness.checks import GREATEST, integer, real
from harness.errors import HarnessError, must

TARGET = 2.0
"""Of the product that multiply-adds grow by at phi = 1."""
LEAST_WIDTH = 0.9
"""No rounded width is below this share of what was asked for."""
LENGTH_MULTIPLE = 4
"""Of the sides of an item: a network halves them twice."""


@dataclass(frozen=True)
class Coefficients:
    """What depth, width and resolution are multiplied by at phi = 1: alpha, beta and gamma, none below 1.

    Examples
    --------
    >>> published = Coefficients(1.2, 1.1, 1.15)
    >>> round(published.product(2), 3), round(Coefficients(1.2, 1.1, 1.15**2).product(1), 3)
    (1.92, 1.92)
    """

    depth: float = 1.0
    width: float = 1.0
    resolution: float = 1.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            real(name, value, low=1.0, high=GREATEST)

    def product(self, dimensions: int) -> float:
        """Return alpha beta^2 gamma^dimensions: how multiply-adds grow, of signals (1) or images (2)."""
        return self.depth * self.width**2 * self.resolution**dimensions


@dataclass(frozen=True)
class Size:
    """The size of a network.

    Attributes
    ----------
    channels : int
        Of the first stage.
    cells : int
        In each stage.
    length : int
        Of a signal, or the sides of an image.
    """

    channels: int
    cells: int
    length: int

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            integer(name, value, low=1)


def published(dimensions: int) -> Coefficients:
    """Return the published coefficients, 1.2, 1.1 and 1.15.

    Of signals the resolution has its square: multiply-adds grow with gamma, so that the product is the same, 1.920.
    """
    return Coefficients(1.2, 1.1, 1.15 ** (2 / dimensions))


def alone(dimension: str, dimensions: int) -> Coefficients:
    """Return coefficients that put all of `TARGET` into ``"depth"``, ``"width"`` or ``"resolution"``."""
    power = {"depth": 1, "width": 2, "resolution": dimensions}[dimension]
    return Coefficients(**{dimension: TARGET ** (1 / power)})


def grid(step: float, tolerance: float, dimensions: int) -> list[Coefficients]:
    """Return the coefficients of a grid, each from 1 to 2, whose product is nearer to 2 than a tolerance.

    Parameters
    ----------
    step, tolerance : float
    dimensions : int
        1 for signals, 2 for images.

    Raises
    ------
    HarnessError
        If there are none.

    Examples
    --------
    >>> len(grid(0.05, 0.1, 2)), len(grid(0.1, 0.1, 1))
    (108, 35)
    """
    real("step", step, low=0.01, high=1.0)
    real("tolerance", tolerance, low=0.0, high=1.0, open_low=True)
    values = [round(1 + place * step, 9) for place in range(math.floor(1 / step + 1e-9) + 1)]
    points = (Coefficients(*each) for each in product(values, repeat=3))
    found = [point for point in points if round(abs(point.product(dimensions) - TARGET), 9) < tolerance]
    if not found:
        rule = f"have coefficients whose product is nearer to {TARGET:g} than {tolerance:g}, as 0.1 has"
        raise HarnessError(must("step", rule, step))
    return found


def rounded_width(width: float, multiple: int) -> int:
    """Return the multiple that is nearest to a width, the next above where that is below nine tenths of it.

    >>> [rounded_width(width, 8) for width in (8, 11.3, 16, 19.9, 22.6)]
    [8, 16, 16, 24, 24]
    """
    nearest = max(multiple, multiple * math.floor(width / multiple + 0.5))
    return nearest if nearest >= LEAST_WIDTH * width else nearest + multiple


def check_base(base: Size, multiple: int) -> None:
    """Refuse a smallest network whose channels or length are none of the multiples that sizes are rounded to."""
    for name, value, of in (("channels", base.channels, multiple), ("length", base.length, LENGTH_MULTIPLE)):
        if value % of:
            raise HarnessError(must(name, f"be a multiple of {of}, to which sizes are rounded", value))


def scaled(base: Size, coefficients: Coefficients, phi: float, multiple: int) -> Size:
    """Return a size made larger: widths are rounded to a multiple, cells up, lengths to a multiple of four.

    Parameters
    ----------
    base : Size
        At phi = 0, which gives it back as it is; see `check_base`.
    coefficients : Coefficients
    phi : float
        Not negative.
    multiple : int
        Of channels.

    Examples
    --------
    >>> scaled(Size(8, 1, 40), Coefficients(1.2, 1.1, 1.3225), 3, 4)
    Size(channels=12, cells=2, length=92)
    """
    real("phi", phi, low=0.0)
    near = 1e-9  # of a power that should be an integer
    length = base.length * coefficients.resolution**phi / LENGTH_MULTIPLE
    return Size(
        rounded_width(base.channels * coefficients.width**phi, multiple),
        math.ceil(base.cells * coefficients.depth**phi - near),
        LENGTH_MULTIPLE * math.floor(length + 0.5),
    )
