"""Changes of inputs: of bytes, of text, and of plain data as JSON and TOML hold it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.fuzz.runner import Draw

NASTY_BYTES = (
    b"\x00",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\n",
    b"\r",
    b"\x1b",
    b"\xff\xff\xff\xff",
    b"\x00" * 8,
    b"\x7f" + b"\xff" * 3,
)
NASTY_TEXTS = (
    "",
    " ",
    "\x00",
    "\x1b[31mred\x1b[0m",
    "\u202eabc",
    "\ud7ff",
    "ä" * 3,
    "a" * 10_000,
    "$\\frac{",
    "$x_{$",
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "<script>alert(1)</script>",
    "&amp;",
    "'\"`",
    "../../../etc/passwd",
    "/dev/zero",
    "a/b.h5",
    "a.py:B",
    "nan",
    "inf",
    "1e999",
    "0x10",
    "\uff11\uff12",
    "{0}",
    "%s%n",
    "#",
    "\\",
    "\r\n",
    "nb201-cifar10",
    "nb201",
    "built-in:",
    ":a",
    "@",
)
NASTY_NUMBERS = (
    0,
    -1,
    1,
    2,
    255,
    256,
    2**31 - 1,
    2**31,
    2**32,
    2**53 + 1,
    2**63 - 1,
    2**63,
    -(2**63),
    10**30,
    0.0,
    -0.0,
    1e-300,
    1e300,
    float("nan"),
    float("inf"),
    -float("inf"),
    True,
    False,
    0.1,
)
NASTY_VALUES = (*NASTY_NUMBERS, *NASTY_TEXTS[:12], None, [], {}, [[]], {"a": 1}, [None], [0] * 100, ["a"])


def of_bytes(draw: Draw, data: bytes) -> bytes:
    """Return bytes of which some are changed, cut, doubled or put elsewhere."""
    changed = bytearray(data)
    for _ in range(draw.edits(1, 4)):
        size = len(changed)
        at, length = draw.randrange(size + 1), min(draw.choice((1, 2, 4, 8, 64, 512)), size)
        match draw.randrange(8):
            case 0 | 1 if size:
                changed[min(at, size - 1)] ^= 1 << draw.randrange(8)
            case 2 if size:
                changed[min(at, size - 1)] = draw.randrange(256)
            case 3:
                nasty = draw.choice(NASTY_BYTES)
                changed[at : at + len(nasty)] = nasty
            case 4:
                del changed[at : at + length]
            case 5:
                changed[at:at] = changed[draw.randrange(size + 1) :][:length]
            case 6 if draw.random() < 0.3:
                del changed[at:]
            case _:
                changed[at : at + length] = draw.randbytes(length)
    return bytes(changed)


def of_text(draw: Draw, text: str) -> str:
    """Return a text of which some characters, words or lines are changed."""
    for _ in range(draw.edits(1, 4)):
        lines = text.split("\n")
        at = draw.randrange(len(text) + 1)
        match draw.randrange(7):
            case 0:
                text = text[:at] + draw.choice(NASTY_TEXTS) + text[at:]
            case 1:
                text = text[:at] + text[at + draw.choice((1, 2, 8)) :]
            case 2:
                del lines[draw.randrange(len(lines))]
                text = "\n".join(lines)
            case 3:
                lines.insert(draw.randrange(len(lines) + 1), draw.choice(lines))
                text = "\n".join(lines)
            case 4:
                text = text[:at] + draw.choice('"[]{}=.,#\\\n\t;:()0-') + text[at + 1 :]
            case 5:
                words = text.split(" ")
                words[draw.randrange(len(words))] = str(draw.choice(NASTY_VALUES))
                text = " ".join(words)
            case _:
                place = draw.randrange(len(lines))
                head, mark, _ = lines[place].partition("=")
                lines[place] = f"{head}{mark}{draw.choice(NASTY_VALUES)!r}" if mark else lines[place]
                text = "\n".join(lines)
    return text


def _places(data: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each container with each of its keys."""
    pairs = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in list(pairs):
        yield data, key
        yield from _places(value)


def of_data(draw: Draw, data: Any, most_places: int = 3000) -> Any:
    """Return plain data of which some values, keys or branches are changed."""
    data = copy.deepcopy(data)
    for _ in range(draw.edits(1, 3)):
        places = [place for place, _ in zip(_places(data), range(most_places), strict=False)]
        if not places:
            return draw.choice(NASTY_VALUES)
        holder, key = draw.choice(places)
        value = holder[key]
        match draw.randrange(8):
            case 0:
                del holder[key]
            case 1 | 2:
                holder[key] = draw.choice(NASTY_VALUES)
            case 3 if isinstance(holder, dict):
                holder[draw.choice(NASTY_TEXTS)] = value
            case 4 if isinstance(value, int | float) and not isinstance(value, bool):
                holder[key] = draw.choice((value + 1, -value, value * 1e3, str(value), [value]))
            case 5:
                other, place = draw.choice(places)
                holder[key] = copy.deepcopy(other[place])
            case 6 if isinstance(value, str) and value:
                holder[key] = of_text(draw, value)
            case 7:
                deep: Any = value
                for _ in range(draw.choice((1, 10, 150))):
                    deep = [deep]
                holder[key] = deep
            case _:
                holder[key] = [value, value] if isinstance(holder, list) else {key: value}
    return data


def of_array(draw: Draw, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return an array that is cut, longer, of another shape or type, or holds other numbers."""
    changed = np.array(array)
    for _ in range(draw.edits(1, 2)):
        match draw.randrange(9):
            case 0:
                changed = changed[: draw.randrange(len(changed) + 1)] if changed.ndim else changed.reshape(1)
            case 1:
                changed = np.concatenate([changed, changed[: draw.choice((1, 2, None))]]) if changed.ndim else changed
            case 2:
                changed = changed[..., None] if draw.random() < 0.5 else changed[None]
            case 3:
                changed = changed.ravel() if draw.random() < 0.5 else changed.T
            case 4:
                kind = draw.choice(("f8", "f4", "i8", "u1", "i1", "u8", "bool", "c16", "U3", "S2"))
                with np.errstate(all="ignore"):
                    changed = (
                        np.nan_to_num(changed).astype(kind) if changed.dtype.kind in "fiub" else changed.astype("U9")
                    )
            case 5 if changed.dtype.kind == "f":
                changed = np.full_like(changed, draw.choice((np.nan, np.inf, -np.inf, 1e300, -1.0, 0.0)))
            case 6 if changed.ndim and len(changed):
                changed = changed[..., :-1] if draw.random() < 0.5 else changed[::-1]
            case _ if changed.size and changed.dtype.kind in "fiu":
                flat = changed.ravel().copy()
                nasty = draw.choice((np.nan, np.inf, -1.0, 0.0, 1e300, 255.0, 1e6, -(2.0**62)))
                with np.errstate(all="ignore"):
                    flat[draw.randrange(flat.size)] = np.array(nasty).astype(flat.dtype)
                changed = flat.reshape(changed.shape)
    return changed
