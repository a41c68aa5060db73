"""Figures inside of a page: the panels of an SVG of matplotlib, each alone, small, and in colours of the page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from html import escape
from itertools import groupby, pairwise
from xml.etree import ElementTree

from reports.figures.layout import Box
from reports.figures.night import by_night, shade_by_night
from reports.figures.style import GREY

_SVG = "{http://www.w3.org/2000/svg}"
_LINK = "{http://www.w3.org/1999/xlink}href"
UNIT = 5
"""Parts of a point that coordinates of a panel are counted in, as whole numbers: a third of a pixel."""
_LONG, _COARSE, _COARSER = 80, (5, 1), (8, 2)
"""Corners from which on a path is coarse, and its steps across and up in units: of a line, of what is pale."""
_MARK = 6
"""Letters of a path from which on it is a mark that many places refer to."""
_TOKEN = re.compile(r"[MLCQz]|-?\d+(?:\.\d*)?(?:e-?\d+)?")
_ARITY = {"M": 1, "L": 1, "Q": 2, "C": 3, "z": 0}
_COLOR = re.compile(r"#[0-9a-f]{6}\b")
_LENGTHS = ("font-size", "stroke-width", "stroke-dasharray", "stroke-dashoffset")
_NUMBER = re.compile(r"-?\d+(?:\.\d*)?(?:e-?\d+)?")
_TURN = re.compile(r"(\w+)\(([^)]*)\)")
_LETTER = 0.58
"""Mean width of a letter in its own height."""


@dataclass
class Sheet:
    """The style sheet that all figures of a page share: each style is written once, with its colours by night."""

    _names: dict[tuple[str, bool], str] = field(default_factory=dict)
    _marks: dict[tuple[str, str], str] = field(default_factory=dict)
    clips: int = 0

    def name(self, style: str, *, shaded: bool = False) -> str:
        """Return the class of a style, whose lengths are in points; shades have other colours by night than lines."""
        return self.named(_of_page(style), shaded=shaded)

    def named(self, style: str, *, shaded: bool = False) -> str:
        """Return the class of a style as it is."""
        return self._names.setdefault((style, shaded and "#" in style), f"g{len(self._names)}")

    def mark(self, path: str, said: str) -> str:
        """Return the class of lines on whose corners a mark stands, given its path and what it says of its style."""
        return self._marks.setdefault((path, said), f"m{len(self._marks)}")

    def marks(self) -> str:
        """Return the marks as definitions, which a page holds once."""
        return "".join(
            f'<marker id="{name}" markerUnits="userSpaceOnUse" overflow="visible"><path{said} d="{path}"/></marker>'
            for (path, said), name in self._marks.items()
        )

    def css(self) -> str:
        """Return the rules of all styles that were named, and of what bears marks."""
        rules = []
        for (style, shaded), name in self._names.items():
            pairs = _COLOR.sub(partial(_by_day_and_night, shaded), style)
            colored = [part for part in pairs.split("; ") if "light-dark" in part]
            rules.append(f".{name} {{ {'; '.join([style, *colored])} }}")
        rules += [f".{name} {{ marker: url(#{name}); fill: none }}" for name in self._marks.values()]
        return "\n".join(rules)


def _by_day_and_night(shaded: bool, found: re.Match[str]) -> str:
    night = shade_by_night if shaded else by_night
    return f"light-dark({found[0]}, {night(found[0])})"


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
        Whether shades say something: by night they are turned round, and so is what is written on them.
    """
    root = ElementTree.fromstring(text)  # noqa: S314  # our own drawing
    figure = next(part for part in root if part.get("id") == "figure_1")
    named = {str(part.get("id")): part for part in root.iter() if part.tag in (f"{_SVG}clipPath", f"{_SVG}path")}
    axes = [part for part in figure if str(part.get("id")).startswith("axes_")]
    rest = [part for part in figure if part.tag == f"{_SVG}g" and part not in axes and part.get("id") != "patch_1"]
    legend, drawn = "", list[str]()
    if rest and len(boxes) > 1:
        pen = _Pen(sheet, named, shaded=shaded)
        body = pen.all_of(rest)
        low, high = pen.reach
        legend = _element(Box("", low - 2, 0, high - low + 4, boxes[0].top), body, sheet)
        rest = []
    for place, box in enumerate(boxes):
        pen = _Pen(sheet, named, shaded=shaded)
        own = [axes[place], *(rest if len(boxes) == 1 else [])]
        whole = box if len(boxes) > 1 else Box(box.name, box.left, 0, box.width, box.top + box.height)
        drawn.append(_element(whole, pen.all_of(own), sheet))
    return legend, drawn


def _element(box: Box, body: str, sheet: Sheet) -> str:
    edges = " ".join(str(_units(value)) for value in (box.left, box.top, box.width, box.height))
    wide = sheet.named(f"max-width: {box.width * 1.75:.0f}px")
    return f'<svg viewBox="{edges}" class="{wide}">{body}</svg>'


@dataclass(frozen=True)
class _Piece:
    """One connected part of a path: where it begins, the rest of it, and where the pen is then."""

    start: tuple[int, int]
    rest: str
    end: tuple[int, int]


@dataclass(frozen=True)
class _Part:
    """What is written of an element, inside of a clip: all of it, or a path or text without what its neighbours share.

    Attributes
    ----------
    tag : str
        "path", "text", "image", or "" of what is written as it is.
    said : str
        Class and transformation.
    body : str
        What is no path: what comes behind that, or all of it.
    pieces : sequence of _Piece
        Of a path.
    mark : str
        Path of a mark about the point that it stands at, "" of what is shorter than a reference to it.
    at : tuple of int
        Where that mark stands.
    clip : str
        Name of its clip, "" without one.
    """

    tag: str
    said: str = ""
    body: str = ""
    pieces: Sequence[_Piece] = ()
    mark: str = ""
    at: tuple[int, int] = (0, 0)
    clip: str = ""


class _Pen:
    """Writes the elements of one panel."""

    def __init__(self, sheet: Sheet, elements: Mapping[str, ElementTree.Element], *, shaded: bool) -> None:
        self.sheet, self._elements, self._shaded = sheet, elements, shaded
        self._clips: dict[str, str] = {}
        self._xs: list[float] = []

    def all_of(self, elements: Sequence[ElementTree.Element]) -> str:
        """Return elements with the clips that they use."""
        body = self._joined(part for element in elements for part in self._parts(element))
        return "".join(self._clip(old, new) for old, new in self._clips.items() if f"#{new})" in body) + body

    @property
    def reach(self) -> tuple[float, float]:
        """From where to where there is anything, in points."""
        return min(self._xs, default=0.0), max(self._xs, default=0.0)

    def _clip(self, old: str, new: str) -> str:
        sides = "".join(
            f' {key}="{_units(shape.get(key, "0"))}"'
            for shape in self._elements[old]
            for key in ("x", "y", "width", "height")
        )
        return f'<clipPath id="{new}"><rect{sides}/></clipPath>'

    def _parts(self, element: ElementTree.Element) -> Iterator[_Part]:
        tag = element.tag.removeprefix(_SVG)
        if tag == "g":
            yield from self._group(element)
        elif tag == "path" and element.get("style") != "fill: #ffffff":  # the page has paper of its own
            steps = _steps(element.get("d", ""))
            self._xs += [point[0] / UNIT for _, points in steps for point in points]
            style = element.get("style", "")
            yield self._path(element, style, _pieces(steps, _COARSER if f"stroke: {GREY}" in style else _COARSE))
        elif tag == "use":
            yield self._marked(element)
        elif tag in ("text", "image"):
            yield _Part(tag, *self._written(element, tag), clip=self._clip_of(element))

    def _group(self, element: ElementTree.Element) -> Iterator[_Part]:
        parts = [part for child in element for part in self._parts(child)]
        if str(element.get("id")).startswith(("matplotlib.axis", "QuadMesh")):  # whose marks or cells hide no others
            parts.sort(key=lambda part: (part.tag != "path", part.said if part.tag == "path" else ""))
        said, clip = self._attributes(element, element.get("style", "")), self._clip_of(element)
        if said or (clip and any(part.clip not in ("", clip) for part in parts)):
            yield _Part("", body=f"<g{said}>{self._joined(parts)}</g>", clip=clip)
        else:
            yield from (part if clip in ("", part.clip) else replace(part, clip=clip) for part in parts)

    def _attributes(self, element: ElementTree.Element, style: str) -> str:
        """Return class and transformation."""
        turned = element.get("transform", "")
        said = f' class="{self.sheet.name(style, shaded=self._shaded)}"' if style else ""
        if turned and not turned.startswith("rotate(-0 "):
            said += f' transform="{_TURN.sub(_moved, turned)}"'
        return said

    def _clip_of(self, element: ElementTree.Element) -> str:
        """Return the name of the clip of an element, "" where it has none."""
        clip = re.fullmatch(r"url\(#(.+)\)", element.get("clip-path", ""))
        if clip is None:
            return ""
        if clip[1] not in self._clips:
            self._clips[clip[1]] = f"c{self.sheet.clips}"
            self.sheet.clips += 1
        return self._clips[clip[1]]

    def _path(self, element: ElementTree.Element, style: str, pieces: Sequence[_Piece]) -> _Part:
        return _Part("path", self._attributes(element, style), pieces=pieces, clip=self._clip_of(element))

    def _marked(self, element: ElementTree.Element) -> _Part:
        """Return a mark where it stands; a round one is the end of a line without length."""
        link = str(element.get("href") or element.get(_LINK, ""))
        mark = self._elements[link.removeprefix("#")]
        style = _over(element.get("style", ""), mark.get("style", ""))
        x, y = (_units(element.get(key, "0")) for key in ("x", "y"))
        self._xs.append(x / UNIT)
        d = mark.get("d", "")
        if sum(map(d.count, _ARITY)) > _LONG:  # an area
            moved = [(letter, [(px + x, py + y) for px, py in points]) for letter, points in _steps(d)]
            return self._path(element, style, _pieces(moved, _COARSER))
        width, pieces = _mark(d)
        if width and "stroke:" not in style:
            color = style.replace("fill-opacity", "stroke-opacity").replace("fill:", "stroke:")
            style = f"{color}; stroke-width: {width:g}; stroke-linecap: round"
            return self._path(element, style, [_Piece((x, y), "z", (x, y))])
        part = self._path(
            element, style, [_Piece(_sum(one.start, (x, y)), one.rest, _sum(one.end, (x, y))) for one in pieces]
        )
        path = _joined_path(pieces)
        is_own = "transform" in part.said or len(path) < _MARK
        return part if is_own else replace(part, mark=path, at=(x, y))

    def _written(self, element: ElementTree.Element, tag: str) -> tuple[str, str]:
        """Return the attributes that neighbours may share, and the others with what stands in an element."""
        said = self._attributes(element, element.get("style", ""))
        own = "".join(
            f' {key}="{_units(element.get(key, "0"))}"'
            for key in ("x", "y", "width", "height")
            if key in element.attrib
        )
        link = element.get("href") or element.get(_LINK)
        own += f' href="{escape(link)}"' if link else ""
        if tag == "text":
            self._xs += _ends(element)
        inner = escape(element.text or "", quote=False)
        for child in element:
            inner += "<tspan" + "".join(self._written(child, "tspan")) + escape((child.tail or "").strip(), quote=False)
        return said, f"{own}>{inner}</{tag}>"

    def _joined(self, parts: Iterable[_Part]) -> str:
        """Return parts in their order; neighbours of one class and clip are one path, or one group."""
        texts = []
        for clip, inside in groupby(parts, key=lambda part: part.clip):
            alike = groupby(inside, key=lambda part: (part.tag, part.said, part.mark))
            written = [text for (tag, said, _), group in alike for text in self._alike(tag, said, [*group])]
            texts += _shared("g", f' clip-path="url(#{clip})"' if clip else "", written)
        return "".join(texts)

    def _alike(self, tag: str, said: str, parts: Sequence[_Part]) -> list[str]:
        """Return parts of one tag, class, transformation and mark."""
        if tag == "path":
            if parts[0].mark and len(parts) > 1:
                points = _through({part.at for part in parts})
                return [f'<path class="{self.sheet.mark(parts[0].mark, said)}" d="{points}"/>']
            d = _joined_path([piece for part in parts for piece in part.pieces])
            return [f'<path{said} d="{d}"/>'] if d else []
        if tag == "text":
            return _shared("g", said, [f"<text{part.body}" for part in parts])
        return [f"<{tag}{said}{part.body}" if tag else part.body for part in parts]


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


def _shared(tag: str, said: str, texts: Sequence[str]) -> list[str]:
    """Return elements that have attributes in common."""
    if len(texts) < 2 or not said:
        return [re.sub(r"^<\w+", rf"\g<0>{said}", text) for text in texts]
    return [f"<{tag}{said}>{''.join(texts)}</{tag}>"]


def _joined_path(pieces: Sequence[_Piece]) -> str:
    """Return pieces as one path, each from the end of the one before where that is shorter; dots from left to right."""
    if all(piece.rest == "z" for piece in pieces):
        pieces = sorted(set(pieces), key=lambda piece: piece.start)
    written, (x, y) = list[str](), (0, 0)
    for piece in pieces:
        if piece.rest:
            px, py = piece.start
            away = [f"M{_pair(px, py)}", f"m{_pair(px - x, py - y)}"]
            written += [min(away[: len(written) + 1], key=len), piece.rest]
            x, y = piece.end
    return "".join(written)


def _through(points: Iterable[tuple[int, int]]) -> str:
    """Return a line through points, from left to right."""
    corners = sorted(points)
    written = [f"M{_pair(*corners[0])}"]
    for (px, py), (x, y) in pairwise(corners):
        written.append(f"h{x - px}" if y == py else f"v{y - py}" if x == px else f"l{_pair(x - px, y - py)}")
    return "".join(written)


Step = tuple[str, list[tuple[int, int]]]


def _steps(d: str) -> list[Step]:
    """Return the steps of a path: letter and points, in units."""
    tokens, steps = iter(_TOKEN.findall(d)), list[Step]()
    for letter in tokens:
        numbers = [_units(next(tokens)) for _ in range(2 * _ARITY[letter])]
        steps.append((letter, list(zip(numbers[::2], numbers[1::2], strict=True))))
    return steps


@cache
def _over(below: str, above: str) -> str:
    """Return two styles as one: what both name is that of the second, as SVG has it for a mark and its use.

    >>> _over("fill: #fff; stroke: #e69f00", "stroke: #000")
    'fill: #fff; stroke: #000'
    """
    named = dict(part.strip().split(":", 1) for style in (below, above) for part in style.split(";") if part.strip())
    return "; ".join(f"{name}:{value}" for name, value in named.items())


@cache
def _mark(d: str) -> tuple[float, tuple[_Piece, ...]]:
    """Return the width of a round mark in points, 0 of another, and its pieces about the point that it stands at.

    Of a path that is not `_LONG`, so that the rest is the same wherever it stands.
    """
    is_round = d.count("C") == 8
    width = 2 * max(map(float, _NUMBER.findall(d))) if is_round else 0.0
    return width, tuple(_pieces(_steps(d)))


def _pieces(steps: Sequence[Step], coarse: tuple[int, int] = _COARSE) -> list[_Piece]:
    """Return a path by differences; what is long is a little coarser, and corners on one line are left out."""
    across, up = coarse if len(steps) > _LONG else (1, 1)
    starts = [place for place, (letter, _) in enumerate(steps) if letter == "M"]
    pieces = []
    for start, end in pairwise([*starts, len(steps)]):
        written, run = list[str](), list[tuple[int, int]]()
        x, y = first = _near(steps[start][1][0], across, up)
        for letter, points in steps[start + 1 : end]:
            if letter == "L":
                run.append(_near(points[0], across, up))
                continue
            x, y = _lines(written, run, x, y)
            run = []
            written.append(letter.lower() + "".join(_relative(points, x, y)))
            x, y = points[-1] if points else first
        last = _lines(written, run, x, y)
        pieces.append(_Piece(first, "".join(written), last))
    return pieces


def _near(point: tuple[int, int], across: int, up: int) -> tuple[int, int]:
    return round(point[0] / across) * across, round(point[1] / up) * up


def _sum(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    return a[0] + b[0], a[1] + b[1]


def _lines(written: list[str], run: Sequence[tuple[int, int]], x: int, y: int) -> tuple[int, int]:
    """Write lines through points; of those above one another the ends and what lies beyond them."""
    level = 0  # how far the line goes on at its height
    for place, group in groupby(run, key=lambda point: point[0]):
        ys = [py for _, py in group]
        beyond = [part for part in (min(ys), max(ys)) if not min(ys[0], ys[-1]) <= part <= max(ys[0], ys[-1])]
        level += (place - x) if ys[0] == y else 0
        if place != x and ys[0] != y:
            written += [f"h{level}"] * (level != 0) + [f"l{_pair(place - x, ys[0] - y)}"]
            level, y = 0, ys[0]
        x = place
        for part in [ys[0], *beyond, ys[-1]]:
            if part != y:
                written += [f"h{level}"] * (level != 0) + [f"v{part - y}"]
                level, y = 0, part
    written += [f"h{level}"] * (level != 0)
    return x, y


def _relative(points: Sequence[tuple[int, int]], x: int, y: int) -> Iterator[str]:
    for place, (px, py) in enumerate(points):
        text = _pair(px - x, py - y)
        yield text if place == 0 or text[0] == "-" else f" {text}"


def _pair(x: int, y: int) -> str:
    return f"{x}{y}" if y < 0 else f"{x} {y}"


def _units(points: str | float) -> int:
    return round(float(points) * UNIT)


@cache
def _of_page(style: str) -> str:
    """Return a style in points as one in units, in the font of the page."""
    pairs = (part.strip().split(":", 1) for part in style.split(";") if part.strip())
    parts = (f"{key}: {_in_units(key, value.strip())}" for key, value in pairs if key != "font-family")
    return "; ".join(parts)


def _in_units(key: str, value: str) -> str:
    """Return the value of a style in units."""
    return _NUMBER.sub(lambda found: f"{float(found[0]) * UNIT:g}", value) if key in _LENGTHS else value


def _moved(turn: re.Match[str]) -> str:
    """Return a part of a transformation in units.

    >>> _TURN.sub(_moved, "rotate(-90 8.25 99.7) translate(1 2)")
    'rotate(-90 41 498) translate(5 10)'
    """
    numbers = re.split(r"[ ,]+", turn[2].strip())
    plain = {"rotate": 1, "translate": 0, "matrix": 4}.get(turn[1], len(numbers))
    return f"{turn[1]}({' '.join([*numbers[:plain], *(str(_units(number)) for number in numbers[plain:])])})"
