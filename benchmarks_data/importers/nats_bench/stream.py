"""One huge pickle of many architectures, read one architecture at a time.

The official whole files are one pickle ``{"meta_archs": …, "arch2infos": {index: record}, …}`` of some gigabytes, which
take tens of gigabytes as objects.  Here the opcodes are followed only as far as is needed to find where each record
begins and ends; each record is then loaded as a pickle of its own by the restricted unpickler, and forgotten.  What a
record takes from an earlier one, by the memo of the pickle, is text, tuples or globals; those are kept, each text once.
"""

from __future__ import annotations

import io
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks_data.importers.nats_bench import opcodes
from benchmarks_data.importers.safe import unpickle
from harness.errors import TableError

_RECENT = 256
"""Parts whose references are at hand; nearly all lead to the first ones."""
_UNIT = np.dtype([("opcode", "u1"), ("number", "<u4"), ("float", "V9")])
_KEPT = (str, bytes, tuple, type, np.generic, unpickle.Type)
_MEMOIZE = b"\x94"


def split(read: Callable[[int], bytes], *, name: str, allowed: frozenset[str]) -> Iterator[tuple[int, Any]]:
    """Yield index and record of each architecture of a whole file, in the order of the file.

    Parameters
    ----------
    read : callable
        Reads the file from the beginning of the pickle; see `opcodes.Reader`.
    name : str
        Of the file, for errors.
    allowed : frozenset of str
        Globals that the format uses, as ``module.name``; classes and functions of torch stand for nothing.

    Raises
    ------
    TableError
        If the pickle is cut (says at which byte), names another global, or is built in another way.
    """
    reader = opcodes.Reader(read, name)
    memo = _Memo(name, allowed)
    head = _head(reader, memo)
    memo.load(head)
    while True:
        opcode = reader.peek()
        if opcode == opcodes.MARK:
            reader.token()
            while reader.peek() != ord("u"):
                yield _entry(reader, memo)
            reader.token()
        elif opcode in opcodes.INTEGERS:
            yield _entry(reader, memo)
            reader.token()  # the last one of a batch of one is set alone
        else:
            break
    while reader.peek() != opcodes.STOP:
        reader.token()


def _entry(reader: opcodes.Reader, memo: _Memo) -> tuple[int, Any]:
    """Read one key and its record."""
    reader.begin()
    index = int.from_bytes(_integer(reader), "little", signed=True)
    out: list[bytes] = []
    height = 0
    while not (height == 1 and (reader.peek() in opcodes.INTEGERS or reader.peek() in b"us")):
        height += _copy(reader, memo, out)
    return index, memo.load(b"".join(out) + b".")


def _integer(reader: opcodes.Reader) -> bytes:
    token = reader.token()
    if token[0] not in opcodes.INTEGERS:
        raise TableError(f"{reader.where()}: an index of arch2infos must be an integer, got opcode {token[:1]!r}")
    return token[1:] if token[0] == ord("J") else token[1:] + b"\0"


def _copy(reader: opcodes.Reader, memo: _Memo, out: list[bytes]) -> int:
    """Copy one object, or all up to the end of a marked list of them; return by how much the stack grew."""
    token = reader.token()
    opcode = token[0]
    if opcode != opcodes.MARK:
        memo.rewrite(token, out)
        return opcodes.PUSHED.get(opcode, 0)
    out.append(token)
    depth = 1
    while depth:
        if run := reader.run(opcodes.PLAIN):
            out.append(run)
        elif run := reader.run(opcodes.REFERENCES):
            memo.rewrite_run(run, out)
        elif run := reader.run(opcodes.NAMES):
            out.append(opcodes.NAMED.sub(b"\\1\x94\\2", run))
        token = reader.token()
        opcode = token[0]
        depth += (opcode == opcodes.MARK) - (opcode in opcodes.CLOSERS)
        memo.rewrite(token, out)
    return int(opcode == ord("t"))


def _head(reader: opcodes.Reader, memo: _Memo) -> bytes:
    """Return a pickle of what stands before the first architecture, with an empty ``arch2infos``."""
    out: list[bytes] = []
    last = b""
    while True:
        token = reader.token()
        if token[:1] == b"}" and last.endswith(b"arch2infos"):
            break
        if token[0] == opcodes.STOP or (token[:1] == b"N" and last.endswith(b"arch2infos")):
            raise TableError(f"{reader.where()}: the file has no architectures (arch2infos)")
        if token[0] not in (0x94, ord("q"), ord("r")):
            last = token
        memo.rewrite(token, out)
    memo.rewrite(token, out)
    while reader.peek() in (0x94, ord("q"), ord("r")):
        memo.rewrite(reader.token(), out)
    return b"".join(out) + b"u."


class _Memo:
    """What earlier parts of the pickle left to refer to."""

    def __init__(self, name: str, allowed: frozenset[str]) -> None:
        self._name = name
        self._allowed = allowed
        # for each part, which of `_objects` each number of its memo is, 0 for what is not kept; compressed, because a
        # file has 10^8 of them and they repeat from part to part
        self._kept: list[bytes] = []
        self._starts: list[int] = []
        self._recent: dict[int, array[int]] = {}
        self._objects: list[Any] = [None]
        self._numbers: dict[Any, int] = {}
        self._begins = 0

    def rewrite(self, token: bytes, out: list[bytes]) -> None:
        """Copy a token so that its part of the pickle can be loaded alone."""
        opcode = token[0]
        if opcode in b"hj":
            number = int.from_bytes(token[1:], "little") - self._begins
            if number >= 0:
                out.append(b"j" + number.to_bytes(4, "little"))
            else:
                out.append(b"J" + self._known(number + self._begins).to_bytes(4, "little") + b"Q")
        elif opcode in b"qr":
            out.append(_MEMOIZE)  # the pickler numbers in order, and so does this opcode
        else:
            out.append(token)

    def rewrite_run(self, run: bytes, out: list[bytes]) -> None:
        """Copy a run of `opcodes.REFERENCES`; all at once where they refer to this part."""
        units = np.frombuffer(bytearray(run), dtype=_UNIT)
        if int(units["number"].min()) >= self._begins:
            units["number"] -= self._begins
            out.append(units.tobytes())
            return
        for begin in range(0, len(run), _UNIT.itemsize):
            self.rewrite(run[begin : begin + 5], out)
            out.append(run[begin + 5 : begin + _UNIT.itemsize])

    def _known(self, number: int) -> int:
        part = bisect_right(self._starts, number) - 1
        if part not in self._recent:
            if len(self._recent) >= _RECENT:
                del self._recent[next(iter(self._recent))]
            self._recent[part] = array("I", zlib.decompress(self._kept[part]))
        known = self._recent[part][number - self._starts[part]]
        if not known:
            raise TableError(
                f"{self._name}: an architecture refers to an object of an earlier one (memo {number}) that is no text; "
                "this file cannot be streamed"
            )
        return known

    def load(self, data: bytes) -> Any:
        """Load one part, and keep what later ones may refer to."""
        unpickler = _Part(io.BytesIO(data), self._allowed)
        unpickler.objects = self._objects
        with unpickle.explained(self._name, "has a damaged record"):
            loaded = unpickler.load()
        made = unpickler.memo.copy()
        self._kept.append(zlib.compress(array("I", map(self._number, made.values())).tobytes(), 1))
        self._starts.append(self._begins)
        self._begins += len(made)
        return loaded

    def _number(self, thing: Any) -> int:
        if not isinstance(thing, _KEPT) and not callable(thing):
            return 0
        try:
            number = self._numbers.setdefault(thing, len(self._objects))
        except TypeError:  # a tuple with something that cannot be hashed
            return 0
        if number == len(self._objects):
            self._objects.append(thing)
        return number


class _Part(unpickle.Restricted):
    """Loads one part: what refers to an earlier one is a persistent identity."""

    objects: list[Any]

    def find_class(self, module: str, name: str) -> Any:
        """Resolve a listed global; let weights, which some files hold, stand for nothing."""
        if f"{module}.{name}" in self.allowed or module.partition(".")[0] != "torch":
            return super().find_class(module, name)
        return _nothing

    def persistent_load(self, identity: Any) -> Any:
        """Return what an earlier part left; storages of weights are nothing."""
        return self.objects[identity] if isinstance(identity, int) else None


def _nothing(*_: object) -> None:
    return None
