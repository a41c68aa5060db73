"""The characters of a file: its encoding by mark, by rule or by what its letters are like; and that all of it is so."""

from __future__ import annotations

import codecs
from collections.abc import Callable

from benchmarks_data.importers.own.reading.content import Content, unpacking
from benchmarks_data.importers.own.reading.form import Form
from harness.errors import TableError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "utf-8 with a byte-order mark"),
    (codecs.BOM_UTF32_LE, "utf-32", "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "utf-16"),
)
_BLOCK = 2**20
_FEW = 0.15
"""Share of bytes that are not ASCII, in lines that have any, up to which they are single letters."""
_SAMPLE = 2**15
"""Bytes of lines with letters that are not ASCII from which an encoding is guessed."""


def encoding_of(content: Content, form: Form, progress: Callable[[int], None]) -> tuple[str, str]:
    """Return the encoding of a file, and what is to be said of it: "" where it is UTF-8.

    All of the file is looked at once.

    Parameters
    ----------
    content : Content
    form : Form
    progress : callable
        Told the bytes that were looked at.

    Raises
    ------
    TableError
        If no encoding fits; names the byte.
    """
    if form.encoding is not None:
        codec, words = form.encoding, f"{form.encoding} (as [file] says)"
    else:
        codec, words = next(
            ((codec, words) for mark, codec, words in _MARKS if content.head.startswith(mark)), _without_mark(content)
        )
    wrong = _first_wrong(content, codec, progress)
    if wrong is None:
        return codec, words
    if words:
        raise TableError(f"{content.path} is {words} and yet has a byte that is not, near byte {wrong[0]:,}")
    guessed = _guessed(wrong[1])
    if guessed is None or _first_wrong(content, guessed, progress) is not None:
        raise TableError(
            f"{content.path} is no UTF-8 near byte {wrong[0]:,}, and nothing else that is known: say `encoding` under "
            "[file], or save it as UTF-8"
        )
    return guessed, f"{guessed} (guessed; `encoding` under [file] says another)"


def _without_mark(content: Content) -> tuple[str, str]:
    """Return the encoding of a file without a mark: UTF-16 has a zero beside every letter of a header."""
    even, odd = content.head[:200:2], content.head[1:200:2]
    for zeros, letters, codec in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if zeros and not any(zeros) and all(letters):
            return codec, f"{codec} without a byte-order mark"
    return "utf-8", ""


def _first_wrong(content: Content, codec: str, progress: Callable[[int], None]) -> tuple[int, bytes] | None:
    """Return where the first block lies that is not so encoded, and its lines that are not ASCII."""
    try:
        decoder = codecs.getincrementaldecoder(codec)()
    except LookupError:
        raise TableError(f"{content.path}: `{codec}` is no encoding of text") from None
    done = 0
    with unpacking(content.path), content.open() as file:
        while block := file.read(_BLOCK):
            try:
                decoder.decode(block)
            except UnicodeError as error:
                lines = [line for line in block.splitlines() if not line.isascii()]
                return done + max(0, getattr(error, "start", 0)), b"\n".join(lines)[:_SAMPLE]
            done += len(block)
            progress(done)
    try:
        decoder.decode(b"", final=True)
    except UnicodeError:
        return done, b""
    return None


def _guessed(sample: bytes) -> str | None:
    """Return the encoding that the letters of a sample look like.

    Among ASCII a few letters, such as those of "Gerät" or "±", are western ones; where there are many,
    charset-normalizer tells languages apart.
    """
    others = sum(byte >= 128 for byte in sample)
    if others <= _FEW * len(sample) and _printable(sample, "cp1252"):
        return "cp1252"
    from charset_normalizer import from_bytes

    best = from_bytes(sample).best()
    return None if best is None else best.encoding


def _printable(sample: bytes, codec: str) -> bool:
    """Say whether a sample is so encoded, without control characters."""
    try:
        return sample.decode(codec).replace("\n", "").replace("\t", "").replace("\u00a0", "").isprintable()
    except UnicodeError:
        return False
