"""Colours by night: those of lines, which stay apart on dark paper, and shades of areas, turned round."""

from __future__ import annotations

from functools import cache

import numpy as np
from matplotlib.colors import to_hex, to_rgb

from harness.checks import FloatArray
from reports.figures.style import OKABE_ITO, TOL_MUTED, darker

_OKABE_ITO = ("#2680f2", "#e6a817", "#169172", "#e05a14", "#fbbdea", "#45c4f7", "#e0439b", "#f0e442")
_TOL_MUTED = (
    "#7d6ff0", "#9bd7f6", "#1fb0ac", "#1c9443", "#9aa51f", "#efe45a", "#ff7f8a", "#e0439b", "#c98bf0", "#ffb169",
)  # fmt: skip
"""In place of the colours of `style`: of the same hues, and apart on dark paper, where those would have to be made
lighter and would meet."""
_DIMMEST = 0.24
"""Relative luminance that another line on dark paper needs: five times that of the paper, as contrast is counted."""
_PAPER, _BRIGHTEST = 0.2, 1.0
"""Lightness of dark paper, and of what is black by day, in OKLab."""
_TO_CONES = np.array(
    [[0.4122214708, 0.5363325363, 0.0514459929],
     [0.2119034982, 0.6806995451, 0.1073969566],
     [0.0883024619, 0.2817188376, 0.6299787005]]
)  # fmt: skip
_TO_LAB = np.array(
    [[0.2104542553, 0.7936177850, -0.0040720468],
     [1.9779984951, -2.4285922050, 0.4505937099],
     [0.0259040371, 0.7827717662, -0.8086757660]]
)  # fmt: skip
"""OKLab (Björn Ottosson, 2020): linear sRGB to cones, and their cube roots to lightness and two hues."""


@cache
def by_night(color: str) -> str:
    """Return a colour for dark paper: palettes have one of their own, greys are turned round, others made lighter.

    >>> by_night("#000000"), by_night("#333333"), by_night("#0072B2"), by_night("#804000")
    ('#f0f0f0', '#c3c3c3', '#2680f2', '#ac8359')
    """
    own = _palettes().get(color.lower())
    if own is not None:
        return own
    red, green, blue = to_rgb(color)
    if max(red, green, blue) - min(red, green, blue) < 0.05:
        turned = round(255 * (0.94 - 0.94 * red + 0.07 * red))
        return f"#{turned:02x}{turned:02x}{turned:02x}"
    light = 0.0
    while luminance(*(part + light * (1 - part) for part in (red, green, blue))) < _DIMMEST:
        light += 0.05
    return "#" + "".join(f"{round(255 * (part + light * (1 - part))):02x}" for part in (red, green, blue))


@cache
def shade_by_night(color: str) -> str:
    """Return a shade of an area for dark paper: of the same hue, and as light there as it is dark by day.

    What is written on an area turns round with it, so that it can be read by night as by day.

    >>> shade_by_night("#ffffff"), shade_by_night("#000000"), shade_by_night("#08306b")
    ('#161616', '#ffffff', '#80adf2')
    """
    lightness, *hues = _TO_LAB @ np.cbrt(_TO_CONES @ _linear(to_rgb(color)))
    lightness = _PAPER + (1 - lightness) * (_BRIGHTEST - _PAPER)
    for strength in np.linspace(1, 0, 21):  # as much of the hue as a screen has
        cones = np.linalg.solve(_TO_LAB, [lightness, *(strength * hue for hue in hues)]) ** 3
        parts = np.linalg.solve(_TO_CONES, cones)
        if parts.min() >= -1e-6 and parts.max() <= 1 + 1e-6:
            break
    parts = np.clip(parts, 0, 1)
    red, green, blue = np.where(parts <= 0.0031308, 12.92 * parts, 1.055 * parts ** (1 / 2.4) - 0.055).tolist()
    return to_hex((red, green, blue))


def written_on(area: str) -> str:
    """Return the colour of numbers on an area: the one that can be read better on it, by day and by night.

    >>> written_on("#f7fbff"), written_on("#08306b")
    ('#000000', '#ffffff')
    """
    return max(
        ("#000000", "#ffffff"),
        key=lambda ink: min(contrast(area, ink), contrast(shade_by_night(area), shade_by_night(ink))),
    )


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21 (WCAG 2).

    >>> round(contrast("#000000", "#ffffff"), 9)
    21.0
    """
    low, high = sorted(luminance(*to_rgb(color)) for color in (one, other))
    return (high + 0.05) / (low + 0.05)


def luminance(*parts: float) -> float:
    """Return the relative luminance of a colour (WCAG 2, from sRGB)."""
    return float(_linear(parts) @ (0.2126, 0.7152, 0.0722))


def _linear(parts: tuple[float, ...]) -> FloatArray:
    values = np.array(parts, dtype=np.float64)
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


@cache
def _palettes() -> dict[str, str]:
    """Return the colours of palettes by night; what is darker than one by day, and outlines it, is the same."""
    pairs = [*zip(TOL_MUTED, _TOL_MUTED, strict=True), *zip(OKABE_ITO, _OKABE_ITO, strict=True)]
    return {to_hex(darker(day)): night for day, night in pairs} | {day.lower(): night for day, night in pairs}
