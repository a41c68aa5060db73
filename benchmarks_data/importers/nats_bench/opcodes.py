"""Opcodes of a pickle, taken from a stream one by one or many at once, as far as they must be told apart.

Those of protocols 2 to 5 that Python's own pickler writes for plain data (PEP 307, PEP 3154).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from harness.errors import TableError

BLOCK = 2**20
"""Bytes that are read at once."""
MAX_PART = 2**28
"""Bytes that one architecture may take: published ones have some 10^5, and a small file can unpack to any number."""
_LOOK_AHEAD = 2**12
_TEXTS = b"|".join(rb"\x%02x.{%d}" % (length, length) for length in sorted(range(48), key=lambda n: abs(n - 11)))
PLAIN = re.compile(rb"(?s)(?:G.{8}|K.|M..|[)\]}NRsab\x81\x85-\x89\x93\x94]|J.{4}|\x8c(?:%s))++" % _TEXTS)
"""Runs of what is copied as it is: numbers, short texts, and what neither marks nor refers to anything."""
REFERENCES = re.compile(rb"(?s)(?:j.{4}G.{8}){2,}+")
"""Runs of (text named before, float): most of a record where its curves share the texts of their keys."""
_LONG_TEXTS = b"|".join(rb"\x%02x\0\0\0.{%d}" % (length, length) for length in range(8, 16))
NAMED = re.compile(rb"(?s)(X(?:%s))(?:q.|r.{4})(G.{8})" % _LONG_TEXTS)
NAMES = re.compile(rb"(?s)(?:X(?:%s)(?:q.|r.{4})G.{8}){2,}+" % _LONG_TEXTS)
"""The same where each key is a text of its own, as protocol 2 writes it."""
_ARGUMENT = {
    **dict.fromkeys(b"N()]}Rsuaetb0Q\x81\x85\x86\x87\x88\x89\x8f\x90\x93\x94", 0),
    **{ord("K"): 1, ord("M"): 2, ord("J"): 4, ord("G"): 8, 0x80: 1, 0x95: 8},
    **{ord("h"): 1, ord("j"): 4, ord("q"): 1, ord("r"): 4},
}
"""Bytes that follow an opcode, where their number is fixed."""
_COUNTED = {0x8C: 1, ord("X"): 4, ord("C"): 1, ord("B"): 4, 0x8A: 1, ord("U"): 1, ord("T"): 4}
"""Bytes of the count that follows an opcode and says how many follow it."""
PUSHED = {
    **dict.fromkeys(b"N)]}KMJGhjcXCBUT\x8a\x8c\x88\x89\x8f", 1),
    **dict.fromkeys(b"RbaQ0\x81\x86\x93", -1),
    **{ord("Q"): 0, ord("s"): -2, 0x87: -2},
}
"""By how many objects an opcode changes the height of the stack, 0 where not listed."""
INTEGERS = set(b"KMJ")
CLOSERS = set(b"uet\x90")
"""What takes all up to the last mark."""
MARK, STOP = ord("("), ord(".")
_GLOBAL = ord("c")
_SKIPPED = {0x80: 2, 0x95: 9}
"""Protocol and frame with their lengths: they mean nothing to what is loaded."""


class Reader:
    """Opcodes with their arguments, one after the other, from a stream that is read in blocks.

    Parameters
    ----------
    read : callable
        Returns some bytes of the stream, for example as many as are asked for; none at the end.
    name : str
        Of the file, for errors.
    """

    def __init__(self, read: Callable[[int], bytes], name: str) -> None:
        self._read = read
        self._name = name
        self._data = b""
        self._at = 0
        self._begins = 0  # offset of the buffer in the stream
        self._part = 0  # offset at which the part that is read began

    def where(self) -> str:
        """Say where the reader is."""
        return f"{self._name}, byte {self._begins + self._at} of the pickle"

    def begin(self) -> None:
        """Begin a part, of which no more than `MAX_PART` bytes are read."""
        self._part = self._begins + self._at

    def _need(self, count: int) -> None:
        """Have `count` more bytes in the buffer, if the stream has them."""
        have = len(self._data) - self._at
        if have >= count:
            return
        parts = [self._data[self._at :]]
        while have < count and (block := self._read(max(BLOCK, count - have))):
            parts.append(block)
            have += len(block)
        self._begins += self._at
        self._at = 0
        self._data = b"".join(parts)

    def peek(self) -> int:
        """Return the next opcode without taking it; protocol and frames are passed over."""
        while True:
            if self._at >= len(self._data):
                self._need(1)
                if not self._data:
                    raise TableError(f"{self.where()}: the file is cut here")
            opcode = self._data[self._at]
            if opcode not in _SKIPPED:
                return opcode
            self._take(_SKIPPED[opcode])

    def run(self, pattern: re.Pattern[bytes]) -> bytes:
        """Take what matches, or nothing."""
        self._need(_LOOK_AHEAD)
        match = pattern.match(self._data, self._at)
        if match is None:
            return b""
        self._at = match.end()
        return match.group()

    def token(self) -> bytes:
        """Take one opcode with its argument."""
        opcode = self.peek()
        length = 1 + _ARGUMENT.get(opcode, -2)
        if length < 0:
            length = self._length(opcode)
        return self._take(length)

    def _take(self, length: int) -> bytes:
        """Take that many bytes."""
        if self._begins + self._at + length - self._part > MAX_PART:
            raise TableError(f"{self.where()}: one architecture must not take more than {MAX_PART} bytes")
        self._need(length)
        end = self._at + length
        if end > len(self._data):
            self._at = len(self._data)
            raise TableError(f"{self.where()}: the file is cut here")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def _length(self, opcode: int) -> int:
        """Return the length of an opcode whose argument is counted, or ends a line."""
        if opcode in _COUNTED:
            width = _COUNTED[opcode]
            self._need(1 + width)
            return 1 + width + int.from_bytes(self._data[self._at + 1 : self._at + 1 + width], "little")
        if opcode == _GLOBAL:
            self._need(_LOOK_AHEAD)
            first = self._data.find(b"\n", self._at)
            last = self._data.find(b"\n", first + 1)
            if first >= 0 and last >= 0:
                return last + 1 - self._at
        if opcode == STOP:
            return 1
        raise TableError(f"{self.where()}: the opcode {bytes([opcode])!r} is none that these files use")
