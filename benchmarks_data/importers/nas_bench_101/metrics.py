"""The protobuf message of a NAS-Bench-101 record: what was measured in one training.

Fields are told by number and wire type (``model_metrics.proto`` of the official code).  Whatever else a message holds
is skipped: EC-NAS files add fields of energy and carbon dioxide, and give the number 6 another type.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

_VARINT, _DOUBLE, _BYTES, _FLOAT = 0, 1, 2, 5
_EVALUATION = 1 << 3 | _BYTES
_PARAMETERS = 2 << 3 | _VARINT
_TOTAL_SECONDS = 3 << 3 | _DOUBLE
_FIELDS = {number << 3 | _DOUBLE: number - 1 for number in range(1, 6)}
"""Place, by tag, of the doubles of an evaluation: epoch, training seconds, train, validation and test accuracy."""
_double = struct.Struct("<d").unpack_from
_NO_VALUE = float("nan")


class Metrics(NamedTuple):
    """What one record says.

    Attributes
    ----------
    parameters : int
        Trainable.
    total_seconds : float
        Training and evaluations.
    evaluations : list of list of float
        Before training, halfway, at the end; each epoch, training seconds so far, train, validation and test accuracy
        (fractions); NaN where a message lacks a field.
    """

    parameters: int
    total_seconds: float
    evaluations: list[list[float]]


def read_metrics(message: bytes) -> Metrics:
    """Decode a ModelMetrics message.

    Raises
    ------
    ValueError
        If the bytes are no such message.
    """
    parameters, total = -1, _NO_VALUE
    evaluations = []
    for tag, value, end in _fields(message, 0, len(message)):
        if tag == _EVALUATION:
            evaluations.append(_evaluation(message, value, end))
        elif tag == _PARAMETERS:
            parameters = value
        elif tag == _TOTAL_SECONDS:
            total = _double(message, value)[0]
    if parameters < 0:
        raise ValueError("it does not say how many parameters the model has")
    return Metrics(parameters, total, evaluations)


def _evaluation(message: bytes, start: int, end: int) -> list[float]:
    values = [_NO_VALUE] * len(_FIELDS)
    for tag, value, _ in _fields(message, start, end):
        place = _FIELDS.get(tag)
        if place is not None:
            values[place] = _double(message, value)[0]
    return values


def _fields(message: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield tag, start and end of each field's value; of a varint, the value itself instead of the start."""
    while at < end:
        tag, at = _varint(message, at, end)
        wire = tag & 7
        value = at
        if wire == _DOUBLE:
            at += 8
        elif wire == _VARINT:
            value, at = _varint(message, at, end)
        elif wire == _BYTES:
            length, value = _varint(message, at, end)
            at = value + length
        elif wire == _FLOAT:
            at += 4
        else:
            raise ValueError(f"it has a field of the unknown wire type {wire} before byte {at}")
        if at > end:
            raise ValueError(f"it is cut short: a field ends at byte {at}, the message at {end}")
        yield tag, value, at


def _varint(message: bytes, at: int, end: int) -> tuple[int, int]:
    """Return a base-128 number, and where the next byte lies."""
    value = shift = 0
    while at < end and shift < 64:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError(f"it has a number that does not end at byte {at}")
