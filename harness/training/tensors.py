"""Files of tensors and numbers, as `torch.save` writes them, read without trust in what they claim."""

from __future__ import annotations

import io
import pickletools
import re
import zipfile
from typing import Any

import torch

_TENSORS = re.compile(r"collections OrderedDict|torch\._utils _rebuild_tensor_v2|torch (Double|Float|Long)Storage")
"""Globals in the pickle: all that numbers and tensors need."""
_FOREIGN = {"STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4", "BUILD"}
"""Opcodes of a pickle that make other objects; such a file has none."""


class DamagedError(Exception):
    """A file that is not whole, or holds something else."""


def read_tensors(payload: io.BytesIO) -> dict[str, Any]:
    """Return what `torch.save` wrote of a mapping; nothing is unpickled, or made larger, before it is looked at.

    Raises
    ------
    DamagedError
        If it is not whole, or names anything but tensors and numbers.
    """
    try:
        _look_through(payload)
        payload.seek(0)
        saved: object = torch.load(payload, map_location="cpu", weights_only=True)
    except DamagedError:
        raise
    except Exception as error:  # noqa: BLE001 - zipfile, pickle and torch raise whatever they stumble over
        raise DamagedError(f"it cannot be read: {type(error).__name__}") from None
    if not isinstance(saved, dict):
        raise DamagedError("its content is not a training's")
    return saved


def check_whole(tensors: dict[str, torch.Tensor]) -> None:
    """Refuse tensors that are larger than what is stored of them.

    Raises
    ------
    ValueError
        Names one.
    """
    for name, tensor in tensors.items():
        if tensor.numel() * tensor.itemsize > tensor.untyped_storage().nbytes():
            raise ValueError(f"its tensor '{name:.60}' claims more than is there")


def _look_through(payload: io.BytesIO) -> None:
    """Refuse an archive that unpacks to more than it is, or whose pickle names anything but tensors."""
    with zipfile.ZipFile(payload) as archive:
        parts = archive.infolist()
        if any(part.compress_type != zipfile.ZIP_STORED for part in parts):
            raise DamagedError("a part of it is compressed")
        if sum(part.file_size for part in parts) > len(payload.getbuffer()):
            raise DamagedError("its parts are larger than the file")
        if (damaged := archive.testzip()) is not None:  # torch itself looks at no checksum
            raise DamagedError(f"its part {damaged:.60} is damaged")
        (pickled,) = (part for part in parts if part.filename.endswith("/data.pkl"))
        for opcode, argument, _ in pickletools.genops(archive.read(pickled)):
            if opcode.name in _FOREIGN or (opcode.name == "GLOBAL" and not _TENSORS.fullmatch(str(argument))):
                raise DamagedError(f"it names {argument!r:.60}, where only tensors and numbers may stand")
