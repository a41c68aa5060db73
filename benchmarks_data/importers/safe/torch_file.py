"""Files of ``torch.save``, read without torch: the zip of torch 1.6 and later, and the sequence of pickles before it.

Tensors become numpy arrays.  A zip holds ``NAME/data.pkl``, the object, and ``NAME/data/KEY``, the bytes of each
storage.  The older form is five pickles (magic number, protocol, system, object, keys of the storages), then for each
key an int64 count of elements and their bytes.  Both were read from files that torch 2.13 wrote, and the zip from files
of HELP.
"""

from __future__ import annotations

import math
import pickle
import zipfile
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np
import numpy.typing as npt

from benchmarks_data.importers.safe import unpickle
from harness.errors import TableError, must, reason, shown

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
Array = npt.NDArray[Any]
_ZIP_START = b"PK\x03\x04"
_STORAGES: Mapping[str, str] = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
"""Element type of each kind of storage; bfloat16 and complex numbers do not occur in the tables of this field."""


def load(path: Path, allowed: frozenset[str] = unpickle.NO_GLOBALS) -> Any:
    """Return the object in a file of ``torch.save``, tensors as numpy arrays.

    Parameters
    ----------
    path : pathlib.Path
    allowed : frozenset of str
        Globals that the format uses besides those of tensors, as ``module.name``.

    Raises
    ------
    TableError
        If the file is none of the two forms, is cut (says at which byte), or names another global; nothing that it
        names is imported or called then.
    """
    with _explained(path):
        if zipfile.is_zipfile(path):
            return _load_zip(path, allowed)
        return _load_legacy(path, allowed)


@contextmanager
def object_pickle(path: Path) -> Iterator[IO[bytes]]:
    """Open the pickle of the object alone, to be read as a stream; the storages are not reached.

    Raises
    ------
    TableError
        If the file is none of the two forms, or is cut before the object.
    """
    with _explained(path):
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive, archive.open(_folder(archive) + "data.pkl") as stream:
                yield stream
        else:
            with path.open("rb") as file:
                _legacy_header(file)
                yield file


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Let whatever damaged bytes raise become a TableError that names the file."""
    try:
        yield
    except TableError as error:
        if str(path) in str(error):
            raise
        raise TableError(f"{path} was not read: {reason(error)}") from None
    except FileNotFoundError:
        raise TableError(f"{path} is missing") from None
    except Exception as error:  # damaged bytes can raise nearly anything from the unpickler and from zipfile
        raise TableError(f"{path} is no whole file of torch.save: {type(error).__name__}: {reason(error)}") from error


def _tensor(storage: Array, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: object) -> Array:
    """Return a view of a storage, as ``torch._utils._rebuild_tensor`` does, its bounds checked."""
    if min((offset, *size, *stride), default=0) < 0 or len(size) != len(stride):
        where = ", ".join(map(shown, (offset, size, stride)))
        raise TableError(f"a tensor has offset, size and stride {where}")
    if 0 in size:
        return np.empty(0, dtype=storage.dtype).reshape(size)
    last = offset + sum((extent - 1) * step for extent, step in zip(size, stride, strict=True))
    if last >= len(storage):
        raise TableError(f"a tensor reaches element {last} of a storage of {len(storage)}")
    if (count := math.prod(size)) > len(storage):
        raise TableError(f"a tensor repeats the {len(storage)} elements of a storage, it claims {count}")
    steps = [step * storage.itemsize for step in stride]
    view: Array = np.lib.stride_tricks.as_strided(storage[offset:], size, steps, writeable=False)
    return view


class _Unpickler(unpickle.Restricted, ABC):
    """The restricted unpickler, and what stands for tensors."""

    stand_ins: ClassVar[Mapping[str, Any]] = {
        **{f"torch.{kind}": code for kind, code in _STORAGES.items()},
        "torch._utils._rebuild_tensor_v2": _tensor,
        "torch._utils._rebuild_tensor": _tensor,
        "torch._utils._rebuild_parameter": lambda tensor, *_: tensor,
        "torch.Size": tuple,
        "collections.OrderedDict": OrderedDict,
    }

    def persistent_load(self, identity: Any) -> Array:
        """Return the storage that a tensor of the pickle names, as a flat array."""
        kind, dtype, key, _, count, *view = identity
        if kind != "storage" or not isinstance(dtype, str) or any(part is not None for part in view):
            raise TableError(must("persistent identity", "be a whole storage of a known element type", identity))
        return self.storage(str(key), np.dtype(dtype), int(count))

    @abstractmethod
    def storage(self, key: str, dtype: np.dtype[Any], count: int) -> Array:
        """Return `count` elements, (count,)."""


def _load_zip(path: Path, allowed: frozenset[str]) -> Any:
    with zipfile.ZipFile(path) as archive:
        folder = _folder(archive)
        if folder + "byteorder" in archive.namelist() and archive.read(folder + "byteorder") != b"little":
            raise TableError("it was written on a big-endian machine; save it again on a little-endian one")
        storages: dict[str, bytes] = {}

        class Unpickler(_Unpickler):
            def storage(self, key: str, dtype: np.dtype[Any], count: int) -> Array:
                data = storages.get(key)
                if data is None:
                    data = storages[key] = archive.read(f"{folder}data/{key}")
                if len(data) != count * dtype.itemsize:
                    raise TableError(f"storage {key} has {len(data)} bytes instead of {count * dtype.itemsize}")
                return np.frombuffer(data, dtype=dtype)

        with archive.open(folder + "data.pkl") as stream:
            return Unpickler(stream, allowed).load()


def _folder(archive: zipfile.ZipFile) -> str:
    if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
        raise TableError("the zip must not be compressed: torch.save never does, and it could unpack to any size")
    names = [name for name in archive.namelist() if name.rpartition("/")[2] == "data.pkl"]
    if len(names) != 1:
        raise TableError(f"the zip must hold one data.pkl, it holds {len(names)}")
    return names[0].removesuffix("data.pkl")


def _load_legacy(path: Path, allowed: frozenset[str]) -> Any:
    size = path.stat().st_size
    storages: dict[str, Array] = {}

    class Unpickler(_Unpickler):
        def storage(self, key: str, dtype: np.dtype[Any], count: int) -> Array:
            if key not in storages:
                claimed = count * dtype.itemsize + sum(storage.nbytes for storage in storages.values())
                if not 0 <= count * dtype.itemsize <= claimed <= size:
                    raise TableError(f"storage {key} has {count} elements, and the file is cut at byte {size}")
                # filled when its bytes are reached, after the whole object
                storages[key] = np.zeros(count, dtype=dtype)
            return storages[key]

    with path.open("rb") as file:
        _legacy_header(file)
        loaded = _at(file, Unpickler(file, allowed))
        for key in _plain(file):
            _fill(file, str(key), storages)
    return loaded


def _legacy_header(file: IO[bytes]) -> None:
    start = file.read(4)
    file.seek(0)
    if start == _ZIP_START:
        size = file.seek(0, 2)
        raise TableError(f"the zip is cut: its directory is not at the end, byte {size}; fetch it again")
    if start[:1] != b"\x80" or _plain(file) != MAGIC:
        raise TableError("it does not begin as a file of torch.save does")
    if (protocol := _plain(file)) != PROTOCOL:
        raise TableError(must("protocol", f"be {PROTOCOL}", protocol))
    if not _plain(file).get("little_endian", True):
        raise TableError("it was written on a big-endian machine; save it again on a little-endian one")


def _plain(file: IO[bytes]) -> Any:
    return _at(file, unpickle.Restricted(file))


def _at(file: IO[bytes], unpickler: pickle.Unpickler) -> Any:
    """Load one pickle; where the file ends inside it, say so with the offsets."""
    start = file.tell()
    try:
        return unpickler.load()
    except (EOFError, pickle.UnpicklingError) as error:
        raise TableError(
            f"the pickle that begins at byte {start} is cut at byte {file.tell()}: {reason(error)}"
        ) from None


def _fill(file: IO[bytes], key: str, storages: Mapping[str, Array]) -> None:
    if key not in storages:
        raise TableError(f"it holds a storage {key} that no tensor of the object names")
    start, storage = file.tell(), storages[key]
    data = file.read(8 + storage.nbytes)
    if len(data) != 8 + storage.nbytes:
        raise TableError(f"storage {key} begins at byte {start} and is cut at byte {file.tell()}")
    if (count := int.from_bytes(data[:8], "little", signed=True)) != storage.size:
        raise TableError(f"storage {key} at byte {start} has {count} elements instead of {storage.size}")
    storage[:] = np.frombuffer(data, dtype=storage.dtype, offset=8)
