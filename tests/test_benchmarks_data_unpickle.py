"""Third-party pickles are read, never executed."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from benchmarks_data import unpickle
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


@pytest.mark.parametrize("keep", [0, 10, 500])
def test_a_cut_pickle_is_named(tmp_path: Path, keep: int) -> None:
    path = _write(tmp_path / "cut.pkl", list(range(1000)))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(TableError, match=r"cut\.pkl is not a whole pickle"):
        unpickle.load(path, unpickle.NO_GLOBALS)
