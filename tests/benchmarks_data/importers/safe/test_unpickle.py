"""Third-party pickles are read, never executed."""

from __future__ import annotations

import os
import pickle
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks_data.importers.safe import unpickle
from harness.errors import TableError


class _Payload:
    """A pickle that runs a command when it is loaded by the plain unpickler."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.path}",)


def _write(path: Path, content: object, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


@pytest.mark.parametrize("allowed", [unpickle.NO_GLOBALS, unpickle.NUMPY_SCALARS])
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_forbidden_global_is_named_and_never_runs(tmp_path: Path, allowed: frozenset[str], protocol: int) -> None:
    ran = tmp_path / "ran"
    path = _write(tmp_path / "evil.pkl", {"0": [_Payload(ran)]}, protocol)
    with pytest.raises(TableError, match=r"names the global '\w+\.system'"):
        unpickle.load(path, allowed)
    assert not ran.exists()
    pickle.loads(path.read_bytes())  # noqa: S301  # the same bytes do run where nothing stops them
    assert ran.exists()


@pytest.mark.parametrize("name", ["builtins\neval", "numpy\nload", "numpy._core.multiarray\nfromfile"])
def test_neighbours_of_allowed_names_are_forbidden(tmp_path: Path, name: str) -> None:
    path = tmp_path / "near.pkl"
    path.write_bytes(f"c{name}\n.".encode())
    with pytest.raises(TableError, match=name.replace("\n", r"\.")):
        unpickle.load(path, unpickle.NUMPY_SCALARS)


def test_numpy_scalars_of_numpy_1_and_2_are_read(tmp_path: Path) -> None:
    content = {1111: {"para": np.float64(0.5)}}
    new = pickle.dumps(content, protocol=3)
    assert b"numpy._core.multiarray" in new
    path = tmp_path / "scalars.pkl"
    for data in (new, new.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")):
        path.write_bytes(data)
        assert unpickle.load(path, unpickle.NUMPY_SCALARS) == content
        with pytest.raises(TableError, match=r"multiarray\.scalar"):
            unpickle.load(path, unpickle.NO_GLOBALS)


def _named(name: str) -> bytes:
    module, _, attribute = name.rpartition(".")
    return f"c{module}\n{attribute}\n".encode()


def _text(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text)) + text.encode()


def _integer(number: int) -> bytes:
    return b"J" + struct.pack("<i", number)


def _type(code: str) -> bytes:
    return _named("numpy.dtype") + b"(" + _text(code) + b"\x89\x88tR"


def _state(flags: int) -> bytes:
    """Return what numpy takes on trust: a type that holds objects, and flags that say it does not."""
    return b"(" + _integer(3) + _text("|") + b"NNN" + _integer(-1) + _integer(-1) + _integer(flags) + b"tb"


def _fields(flags: int) -> bytes:
    inner = b"(" + _type("O8") + _integer(0) + b"t"
    fields = b"(" + _text("a") + b"t}" + _text("a") + inner + b"s"
    return b"(" + _integer(3) + _text("|") + b"N" + fields + _integer(8) + _integer(1) + _integer(flags) + b"tb"


ADDRESS = b"B" + struct.pack("<I", 8) + b"A" * 8
SCALAR = _named("numpy._core.multiarray.scalar") + b"("
FROM_BUFFER = _named("numpy._core.numeric._frombuffer") + b"("
EMPTY = _named("numpy._core.multiarray._reconstruct") + b"(" + _named("numpy.ndarray") + b"K\0\x85C\x01btR"


@pytest.mark.parametrize(
    "content",
    [
        SCALAR + _type("O8") + ADDRESS + b"tR",
        SCALAR + _type("O8") + _state(0) + ADDRESS + b"tR",
        SCALAR + _type("f8") + _fields(0) + ADDRESS + b"tR",
        SCALAR + _type("V8") + _fields(0) + ADDRESS + b"tR",
        SCALAR + _type("V2000000000") + b"tR",
        SCALAR + _type("f8") + b"tR",
        SCALAR + _type("f8") + b"C\x04aaaatR",
        SCALAR + _type("U9999") + b"C\x04aaaatR",
        FROM_BUFFER + ADDRESS + _type("O8") + _state(0) + b"K\x01\x85" + _text("C") + b"tR",
        FROM_BUFFER + ADDRESS + _type("f8") + b"K\x02\x85" + _text("C") + b"tR",
        EMPTY + b"(K\x01K\x01\x85" + _type("O8") + _state(0) + b"\x89" + ADDRESS + b"tb",
        EMPTY + b"(K\x01K\x02\x85" + _type("f8") + b"\x89" + ADDRESS + b"tb",
        EMPTY + b"(K\x01" + _integer(-1) + b"\x85" + _type("f8") + b"\x89" + ADDRESS + b"tb",
        EMPTY + b"(K\x01" + _integer(2**31 - 1) + b"\x85" + _type("f8") + b"\x89" + ADDRESS + b"tb",
    ],
)
def test_bytes_are_never_taken_for_addresses_nor_sizes_on_trust(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "evil.pkl"
    path.write_bytes(b"\x80\x04" + content + b".")
    program = (
        "import sys; from pathlib import Path; from benchmarks_data.importers.safe import unpickle\n"
        "try: found = unpickle.load(Path(sys.argv[1]), unpickle.NUMPY_ARRAYS)\n"
        "except ValueError as error: print(type(error).__name__)\n"
        "else: print('read', getattr(found, 'values', found))"
    )
    run = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, "TableError\n"), "a process that dies says nothing"


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("code", ["b1", "i1", "u1", "<i4", ">i4", "<u8", "<f2", ">f4", "<f8", "<U3", ">U3", "S2"])
def test_scalars_and_arrays_are_those_that_were_written(tmp_path: Path, code: str, protocol: int) -> None:
    values = np.array([[1, 0, 2], [3, 4, 5]]).astype(code)
    content = {"scalar": values[0, 2], "arrays": [values, np.asfortranarray(values), values[:, ::2]]}
    if protocol > 2:  # before, the bytes of nothing are written as a call of the class
        content["arrays"].append(values[:0])
    path = _write(tmp_path / "arrays.pkl", content, protocol)
    read = unpickle.load(path, unpickle.NUMPY_ARRAYS | {"_codecs.encode"})
    assert read["scalar"] == values[0, 2]
    assert type(read["scalar"]) is type(values[0, 2])
    for found, given in zip(read["arrays"], content["arrays"], strict=True):
        assert found.values.dtype == given.dtype
        np.testing.assert_array_equal(found.values, given)


def test_arrays_of_objects_hold_what_the_pickle_holds(tmp_path: Path) -> None:
    given = np.array(["a", [1, 2], None], dtype=object)
    found = unpickle.load(_write(tmp_path / "objects.pkl", given), unpickle.NUMPY_ARRAYS)
    assert list(found) == given.tolist()


def test_bytes_written_as_text_are_latin1(tmp_path: Path) -> None:
    path = tmp_path / "x.pkl"
    path.write_bytes(b"\x80\x02c_codecs\nencode\nX\x01\0\0\0aX\x05\0\0\0rot13\x86R.")
    with pytest.raises(TableError, match="must be latin1, got 'rot13'"):
        unpickle.load(path, frozenset({"_codecs.encode"}))


@pytest.mark.parametrize("keep", [0, 10, 500])
def test_a_cut_pickle_is_named(tmp_path: Path, keep: int) -> None:
    path = _write(tmp_path / "cut.pkl", list(range(1000)))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(TableError, match=r"cut\.pkl is not a whole pickle"):
        unpickle.load(path, unpickle.NO_GLOBALS)
