"""The framing of TFRecord files: lengths and contents, each with its checksum.

A record is the length (uint64), the masked CRC-32C of these 8 bytes (uint32), the content, and the masked CRC-32C of
the content (uint32), all little-endian (``tensorflow/core/lib/io/record_writer.h``).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import google_crc32c

from harness.errors import TableError, reason

_HEAD = struct.Struct("<QI")
_TAIL = struct.Struct("<I")
_MASK = 0xA282EAD8
_BUFFER = 1 << 20


def masked_crc32c(data: bytes) -> int:
    """Return the CRC-32C of `data`, rotated right by 15 bits, plus a constant: what a TFRecord stores.

    >>> hex(masked_crc32c(b"123456789"))
    '0xc78ab0e5'
    """
    crc: int = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF


def records(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the offset just behind each record, and its content; the file is streamed.

    Raises
    ------
    TableError
        If the file cannot be read, ends within a record, or a checksum is wrong; names the offset.
    """
    try:
        with path.open("rb", buffering=_BUFFER) as file:
            yield from _records(path, file, os.fstat(file.fileno()).st_size)
    except OSError as error:
        raise TableError(f"{path} could not be read: {reason(error)}") from None


def _records(path: Path, file: BinaryIO, size: int) -> Iterator[tuple[int, bytes]]:
    offset = 0
    lengths: dict[bytes, int] = {}  # heads that were checked: most records share a few lengths
    while head := file.read(_HEAD.size):
        length = lengths.get(head, -1)
        if length < 0:
            length = lengths[head] = _checked_length(path, head, offset)
        missing = offset + _HEAD.size + length + _TAIL.size - size  # known before that many bytes are asked for
        if missing > 0:
            raise TableError(f"{path} is cut short: the record at byte {offset} lacks its last {missing} bytes")
        body = file.read(length + _TAIL.size)
        content = body[:length]
        if _TAIL.unpack_from(body, length)[0] != masked_crc32c(content):
            raise TableError(f"{path} is damaged: the content of the record at byte {offset} has another checksum")
        offset += len(head) + len(body)
        yield offset, content


def _checked_length(path: Path, head: bytes, offset: int) -> int:
    if len(head) != _HEAD.size:
        raise TableError(f"{path} is cut short: {len(head)} bytes of a record's head are left at byte {offset}")
    length, crc = _HEAD.unpack(head)
    if crc != masked_crc32c(head[:8]):
        raise TableError(f"{path} is damaged, or no TFRecord: the length at byte {offset} has another checksum")
    return int(length)
