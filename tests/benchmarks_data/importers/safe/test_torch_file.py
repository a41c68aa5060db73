"""Files of torch.save are read without torch, in both forms, and never execute what they name."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks_data.importers.safe import torch_file, unpickle
from harness.errors import TableError

torch = pytest.importorskip("torch")
FORMS = pytest.mark.parametrize("zipped", [True, False])


def save(path: Path, content: Any, zipped: bool) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


@FORMS
def test_plain_objects_and_tensors_are_read(tmp_path: Path, zipped: bool) -> None:
    kinds = [
        torch.float64,
        torch.float32,
        torch.float16,
        torch.int64,
        torch.int32,
        torch.int16,
        torch.int8,
        torch.uint8,
    ]
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    content = {
        "plain": [1, 2.5, "text", None, (True,)],
        "size": base.shape,
        "kinds": [torch.tensor([3, 0, 1]).to(kind) for kind in kinds] + [torch.tensor([True, False])],
        "views": [base, base[1:3, ::2], base.T, torch.empty(0, 3), torch.tensor(7.0)],
        "weights": OrderedDict(w=torch.nn.Parameter(torch.ones(2))),
    }
    read = torch_file.load(save(tmp_path / "x.pt", content, zipped))
    assert read["plain"] == content["plain"]
    assert read["size"] == (4, 6)
    for found, given in zip([*read["kinds"], *read["views"]], [*content["kinds"], *content["views"]], strict=True):
        expected = given.numpy()
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(read["weights"]["w"], [1.0, 1.0])


def test_torch_is_not_imported(tmp_path: Path) -> None:
    path = save(tmp_path / "x.pt", [torch.ones(3)], True)
    program = (
        "import sys; from pathlib import Path; from benchmarks_data.importers.safe import torch_file;"
        f"print(torch_file.load(Path({str(path)!r}))[0].sum(), 'torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["3.0", "False"]


@pytest.mark.data
def test_the_official_latencies_are_read(shared_data: Path) -> None:
    values = torch_file.load(shared_data / "official_samples" / "help" / "raspi4.pt")
    assert len(values) == 15_625
    assert values[0] == 10.481976820010459


class _Payload:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.path}",)


@FORMS
def test_a_forbidden_global_is_named_and_never_runs(tmp_path: Path, zipped: bool) -> None:
    path = save(tmp_path / "evil.pt", {"a": _Payload(tmp_path / "ran")}, zipped)
    with pytest.raises(TableError, match=r"evil\.pt was not read: .* names the global '\w+\.system'"):
        torch_file.load(path)
    assert not (tmp_path / "ran").exists()


@FORMS
def test_globals_of_a_format_must_be_listed(tmp_path: Path, zipped: bool) -> None:
    path = save(tmp_path / "x.pt", {"a": np.float64(2.5)}, zipped)
    with pytest.raises(TableError, match=r"multiarray\.scalar"):
        torch_file.load(path)
    assert torch_file.load(path, unpickle.NUMPY_SCALARS | {"_codecs.encode"}) == {"a": 2.5}


@FORMS
@pytest.mark.parametrize("part", [0.0, 0.02, 0.3, 0.6, 0.98])
def test_a_cut_file_says_where(tmp_path: Path, zipped: bool, part: float) -> None:
    path = save(tmp_path / "cut.pt", {"numbers": list(range(100)), "t": torch.ones(500)}, zipped)
    data = path.read_bytes()
    path.write_bytes(data[: int(part * len(data))])
    with pytest.raises(TableError, match=r"cut\.pt.*(cut.* byte \d+|does not begin)"):
        torch_file.load(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    with pytest.raises(TableError, match="is missing"):
        torch_file.load(path)
    path.write_bytes(b"version https://git-lfs")
    with pytest.raises(TableError, match="does not begin as a file of torch"):
        torch_file.load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/other", b"")
    with pytest.raises(TableError, match=r"must hold one data\.pkl, it holds 0"):
        torch_file.load(path)


def test_a_tensor_that_reaches_beyond_its_storage_is_refused(tmp_path: Path) -> None:
    source = save(tmp_path / "x.pt", torch.arange(6.0), True)
    with zipfile.ZipFile(source) as archive:
        parts = {info.filename: archive.read(info) for info in archive.infolist()}
    for name, data in parts.items():
        if name.endswith("data.pkl"):
            assert data.count(b"K\x06\x85") == 1
            parts[name] = data.replace(b"K\x06\x85", b"K\x60\x85")
    with zipfile.ZipFile(source, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    with pytest.raises(TableError, match="reaches element 95 of a storage of 6"):
        torch_file.load(source)


def test_big_endian_files_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "x.pt", [1], True)
    with zipfile.ZipFile(path) as archive:
        parts = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, b"big" if name.endswith("byteorder") else data)
    with pytest.raises(TableError, match="big-endian"):
        torch_file.load(path)


def test_a_compressed_archive_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "x.pt", torch.zeros(1_000_000), True)
    with zipfile.ZipFile(path) as archive:
        parts = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    assert path.stat().st_size < 20_000
    with pytest.raises(TableError, match=r"x\.pt was not read: the zip must not be compressed"):
        torch_file.load(path)
    with pytest.raises(TableError, match="must not be compressed"), torch_file.object_pickle(path):
        pass
