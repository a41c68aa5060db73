"""Figures inside of a page: the panels of an SVG of matplotlib, each alone, small, and in colours of the page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape
from itertools import groupby
from xml.etree import ElementTree

from reports.figures.layout import Box
from reports.figures.style import by_night

_SVG = "{http://www.w3.org/2000/svg}"
_LINK = "{http://www.w3.org/1999/xlink}href"
_UNIT = 10
"""Parts of a point that coordinates are counted in."""
_LONG, _COARSE, _COARSER = 80, (10, 2), (16, 4)
"""Corners from which on a path is coarse, and its steps across and up in units, of a line and of a pale area."""
_TOKEN = re.compile(r"[MLCQz]|-?\d+(?:\.\d*)?(?:e-?\d+)?")
_ARITY = {"M": 1, "L": 1, "Q": 2, "C": 3, "z": 0}
_COLOR = re.compile(r"#[0-9a-f]{6}\b")
_HUNDREDTHS, _FIRST = re.compile(r"(\.\d\d)\d+"), r"\1"
_LETTER = 0.58
"""Mean width of a letter in its own height."""


@dataclass
class Sheet:
    """The style sheet that all figures of a page share: each style is written once, with its colours by night."""

    _names: dict[str, str] = field(default_factory=dict)
    clips: int = 0

    def name(self, style: str) -> str:
        """Return the class of a style."""
        style = "; ".join(part.strip() for part in style.split(";") if "font-family" not in part)
        return self._names.setdefault(style, f"g{len(self._names)}")

    def css(self) -> str:
        """Return the rules of all styles that were named."""
        rules = []
        for style, name in self._names.items():
            pairs = _COLOR.sub(lambda found: f"light-dark({found[0]}, {by_night(found[0])})", style)
            colored = [part for part in pairs.split("; ") if "light-dark" in part]
            rules.append(f".{name} {{ {'; '.join([style, *colored])} }}")
        return "\n".join(rules)


def panels_of(text: str, boxes: Sequence[Box], sheet: Sheet, *, shaded: bool = False) -> tuple[str, list[str]]:
    """Return the legend above several panels, "" where there is none, and the panels, as SVG elements.

    Parameters
    ----------
    text : str
        The SVG of the whole figure.
    boxes : sequence of Box
        Where its panels lie.
    sheet : Sheet
        Takes the styles.
    shaded : bool
        Whether shades say something: such a figure keeps its white paper by night.
    """
    root = ElementTree.fromstring(text)  # noqa: S314  # our own drawing
    figure = next(part for part in root if part.get("id") == "figure_1")
    named = {str(part.get("id")): part for part in root.iter() if part.tag in (f"{_SVG}clipPath", f"{_SVG}path")}
    axes = [part for part in figure if str(part.get("id")).startswith("axes_")]
    rest = [part for part in figure if part.tag == f"{_SVG}g" and part not in axes and part.get("id") != "patch_1"]
    legend, drawn = "", list[str]()
    if rest and len(boxes) > 1:
        pen = _Pen(sheet, named)
        body = pen.all_of(rest)
        low, high = pen.reach
        legend = _element(Box("", low - 2, 0, high - low + 4, boxes[0].top), body, shaded=shaded)
        rest = []
    for place, box in enumerate(boxes):
        pen = _Pen(sheet, named)
        own = [axes[place], *(rest if len(boxes) == 1 else [])]
        whole = box if len(boxes) > 1 else Box(box.name, box.left, 0, box.width, box.top + box.height)
        drawn.append(_element(whole, pen.all_of(own), shaded=shaded))
    return legend, drawn


def _element(box: Box, body: str, *, shaded: bool) -> str:
    edges = " ".join(f"{value:.1f}" for value in (box.left, box.top, box.width, box.height))
    paper = ' class="paper"' if shaded else ""
    return f'<svg viewBox="{edges}"{paper} style="max-width:{box.width * 1.75:.0f}px" aria-hidden="true">{body}</svg>'


@dataclass
class _Part:
    """What is written of an element: a path or a dot, which may go on in others of its class and clip, or all of it."""

    head: str
    path: str = ""
    dot: tuple[int, int] | None = None

    @property
    def text(self) -> str:
        return f'{self.head} d="{self.path}"/>' if self.path else self.head


class _Pen:
    """Writes the elements of one panel."""

    def __init__(self, sheet: Sheet, elements: Mapping[str, ElementTree.Element]) -> None:
        self.sheet, self._elements = sheet, elements
        self._clips: dict[str, str] = {}
        self._xs: list[float] = []

    def all_of(self, elements: Sequence[ElementTree.Element]) -> str:
        """Return elements with the clips that they use."""
        body = _joined(part for element in elements for part in self._parts(element))
        return "".join(self._clip(old, new) for old, new in self._clips.items()) + body

    @property
    def reach(self) -> tuple[float, float]:
        """From where to where there is anything, in points."""
        return min(self._xs, default=0.0), max(self._xs, default=0.0)

    def _clip(self, old: str, new: str) -> str:
        sides = "".join(
            f' {key}="{_short(round(float(shape.get(key, 0)) * _UNIT))}"'
            for shape in self._elements[old]
            for key in ("x", "y", "width", "height")
        )
        return f'<clipPath id="{new}"><rect{sides}/></clipPath>'

    def _parts(self, element: ElementTree.Element) -> Iterator[_Part]:
        tag = element.tag.removeprefix(_SVG)
        if tag == "g":
            yield from self._group(element)
        elif tag == "path" and element.get("style") != "fill: #ffffff":  # the page has paper of its own
            yield self._path(element, element.get("d", ""), element.get("style", ""))
        elif tag == "use":
            yield self._marked(element)
        elif tag in ("text", "tspan", "image"):
            yield _Part(self._written(element, tag))

    def _group(self, element: ElementTree.Element) -> Iterator[_Part]:
        parts = [part for child in element for part in self._parts(child)]
        if str(element.get("id")).startswith("matplotlib.axis"):  # marks of an axis hide none of its others
            parts.sort(key=lambda part: part.head if part.path else "~")
        attributes = self._attributes(element)
        if attributes:
            yield _Part(f"<g{attributes}>{_joined(parts)}</g>")
        else:
            yield from parts

    def _attributes(self, element: ElementTree.Element, style: str | None = None) -> str:
        """Return class, clip and transformation."""
        style = element.get("style") if style is None else style
        clip = re.fullmatch(r"url\(#(.+)\)", element.get("clip-path", ""))
        turned = element.get("transform", "")
        said = f' class="{self.sheet.name(style)}"' if style else ""
        if clip:
            if clip[1] not in self._clips:
                self._clips[clip[1]] = f"c{self.sheet.clips}"
                self.sheet.clips += 1
            said += f' clip-path="url(#{self._clips[clip[1]]})"'
        if turned and not turned.startswith("rotate(-0 "):
            said += f' transform="{_HUNDREDTHS.sub(_FIRST, turned)}"'
        return said

    def _path(self, element: ElementTree.Element, d: str, style: str) -> _Part:
        steps = _steps(d)
        self._xs += [point[0] / _UNIT for _, points in steps for point in points]
        return _Part(f"<path{self._attributes(element, style)}", _shortened(steps))

    def _marked(self, element: ElementTree.Element) -> _Part:
        """Return a mark where it stands; a round one is the end of a line without length."""
        link = str(element.get("href") or element.get(_LINK, ""))
        mark = self._elements[link.removeprefix("#")]
        style = _over(element.get("style", ""), mark.get("style", ""))
        x, y = (round(float(element.get(key, 0)) * _UNIT) for key in ("x", "y"))
        self._xs.append(x / _UNIT)
        d = mark.get("d", "")
        if sum(map(d.count, _ARITY)) > _LONG:  # an area
            moved = [(letter, [(px + x, py + y) for px, py in points]) for letter, points in _steps(d)]
            return _Part(f"<path{self._attributes(element, style)}", _shortened(moved, _COARSER))
        width, pieces = _mark(d)
        if width and "stroke:" not in style:
            color = style.replace("fill-opacity", "stroke-opacity").replace("fill:", "stroke:")
            style = f"{color}; stroke-width: {width:g}; stroke-linecap: round"
            return _Part(f"<path{self._attributes(element, style)}", "z", (x, y))
        path = "".join(f"M{_pair(px + x, py + y)}{rest}" for (px, py), rest in pieces)
        return _Part(f"<path{self._attributes(element, style)}", path)

    def _written(self, element: ElementTree.Element, tag: str) -> str:
        said = self._attributes(element)
        for key in ("x", "y", "width", "height"):
            if key in element.attrib:
                said += f' {key}="{_short(round(float(element.get(key, 0)) * _UNIT))}"'
        link = element.get("href") or element.get(_LINK)
        said += f' href="{escape(link)}"' if link else ""
        if tag == "text":
            self._xs += _ends(element)
        inner = escape(element.text or "", quote=False)
        inner += "".join(
            self._written(child, "tspan") + escape((child.tail or "").strip(), quote=False) for child in element
        )
        return f"<{tag}{said}>{inner}</{tag}>"


def _ends(element: ElementTree.Element) -> list[float]:
    """Return about where a text begins and ends."""
    style = element.get("style", "")
    size = re.search(r"([\d.]+)px", style)
    width = _LETTER * float(size[1] if size else 7.0) * len("".join(element.itertext()))
    place = element.get("x")
    if place is None:
        found = re.search(r"translate\(([-\d.]+)", element.get("transform", ""))
        place = found[1] if found else "0"
    start = float(place) - {"middle": width / 2, "end": width}.get(
        (re.findall(r"text-anchor: (\w+)", style) or [""])[0], 0
    )
    return [start, start + width]


def _joined(parts: Iterator[_Part] | Sequence[_Part]) -> str:
    """Return parts in their order; neighbours of one class and clip are one path."""
    texts = []
    for (head, is_path), group in groupby(parts, key=lambda part: (part.head, bool(part.path))):
        same = list(group)
        dots = [part.dot for part in same if part.dot is not None]
        path = _dotted(dots) + "".join(part.path for part in same if part.dot is None)
        texts += [_Part(head, path).text] if is_path else [part.text for part in same]
    return "".join(texts)


def _dotted(dots: Sequence[tuple[int, int]]) -> str:
    """Return lines without length, from left to right."""
    written, (x, y) = list[str](), (0, 0)
    for px, py in sorted(dots):
        written.append(f"{'m' if written else 'M'}{_pair(px - x, py - y)}z")
        x, y = px, py
    return "".join(written)


Step = tuple[str, list[tuple[int, int]]]


def _steps(d: str) -> list[Step]:
    """Return the steps of a path: letter and points, in units."""
    tokens, steps = iter(_TOKEN.findall(d)), list[Step]()
    for letter in tokens:
        numbers = [round(float(next(tokens)) * _UNIT) for _ in range(2 * _ARITY[letter])]
        steps.append((letter, list(zip(numbers[::2], numbers[1::2], strict=True))))
    return steps


def _over(below: str, above: str) -> str:
    """Return two styles as one: what both name is that of the second, as SVG has it for a mark and its use.

    >>> _over("fill: #fff; stroke: #e69f00", "stroke: #000")
    'fill: #fff; stroke: #000'
    """
    named = dict(part.strip().split(":", 1) for style in (below, above) for part in style.split(";") if part.strip())
    return "; ".join(f"{name}:{value}" for name, value in named.items())


@cache
def _mark(d: str) -> tuple[float, tuple[tuple[tuple[int, int], str], ...]]:
    """Return the width of a round mark in points, 0 of another, and where each piece begins, with the rest of it.

    Of a path that is not `_LONG`, so that the rest is the same wherever it stands.
    """
    steps = _steps(d)
    is_round = sum(letter == "C" for letter, _ in steps) == 8
    width = 2 * max(point[0] for _, points in steps for point in points) / _UNIT if is_round else 0.0
    starts = [place for place, (letter, _) in enumerate(steps) if letter == "M"]
    pieces = []
    for start, end in zip(starts, [*starts[1:], len(steps)], strict=True):
        first = steps[start][1][0]
        pieces.append((first, _shortened(steps[start:end]).removeprefix(f"M{_pair(*first)}")))
    return width, tuple(pieces)


def _shortened(steps: Sequence[Step], coarse: tuple[int, int] = _COARSE) -> str:
    """Return a path by differences; what is long is a little coarser, and corners on one line are left out."""
    across, up = coarse if len(steps) > _LONG else (1, 1)
    written, (x, y) = list[str](), (0, 0)
    run: list[tuple[int, int]] = []
    for letter, points in steps:
        if letter == "L":
            px, py = points[0]
            run.append((px // across * across, py // up * up))
            continue
        x, y = _lines(written, run, x, y)
        run = []
        if letter == "M":
            px, py = points[0]
            x, y = px // across * across, py // up * up
            written.append(f"M{_pair(x, y)}")
        elif letter == "z":
            written.append("z")
        else:
            written.append(letter.lower() + "".join(_relative(points, x, y)))
            x, y = points[-1]
    _lines(written, run, x, y)
    return "".join(written)


def _lines(written: list[str], run: Sequence[tuple[int, int]], x: int, y: int) -> tuple[int, int]:
    """Write lines through points; of those above one another the ends and what lies beyond them."""
    level = 0  # how far the line goes on at its height
    for place, group in groupby(run, key=lambda point: point[0]):
        ys = [py for _, py in group]
        beyond = [part for part in (min(ys), max(ys)) if not min(ys[0], ys[-1]) <= part <= max(ys[0], ys[-1])]
        level += (place - x) if ys[0] == y else 0
        if place != x and ys[0] != y:
            written += [f"h{_short(level)}"] * (level != 0) + [f"l{_pair(place - x, ys[0] - y)}"]
            level, y = 0, ys[0]
        x = place
        for part in [ys[0], *beyond, ys[-1]]:
            if part != y:
                written += [f"h{_short(level)}"] * (level != 0) + [f"v{_short(part - y)}"]
                level, y = 0, part
    written += [f"h{_short(level)}"] * (level != 0)
    return x, y


def _relative(points: Sequence[tuple[int, int]], x: int, y: int) -> Iterator[str]:
    for place, (px, py) in enumerate(points):
        text = _pair(px - x, py - y)
        yield text if place == 0 or text[0] == "-" else f" {text}"


def _pair(x: int, y: int) -> str:
    second = _short(y)
    return _short(x) + (second if second[0] == "-" else f" {second}")


def _short(units: int) -> str:
    text = f"{units / _UNIT:.1f}".removesuffix(".0")
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text
