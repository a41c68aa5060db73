"""Checkpoints that are cut, flipped or made by somebody else: none runs code, takes memory or enters a training."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import random
import time
import zipfile
from pathlib import Path

import pytest
import torch

from harness.errors import HarnessError
from harness.training.campaign import Campaign
from harness.training.checkpoint import _MAGIC, Checkpoint, _plain
from harness.training.choice import load_level
from harness.training.engines.engine import State, Task
from harness.training.schedule import Member
from harness.training.trainer import train
from tests.harness.training.test_checkpoint import ARCHS, CPU, MICRO, dataset, equal, stopped_halfway


def written(path: Path, **changes: object) -> bytes:
    """Write a checkpoint of two networks and four epochs, one of them in work, with other content; return its bytes."""
    whole, half = State.fresh(2, 4), State.fresh(1, 4)
    half.epoch, half.tensors = 2, {"a": torch.zeros(3), "sums": torch.zeros((1, 2), dtype=torch.float64)}
    plain = {"ledger": _plain(whole), "queue": [[1]], "pack": _plain(half), "run": "a"} | changes
    buffer = io.BytesIO()
    torch.save(plain, buffer)
    return sealed(path, buffer.getvalue())


def sealed(path: Path, payload: bytes) -> bytes:
    """Write a file that begins like a checkpoint, with the right SHA-256."""
    content = _MAGIC + hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload
    path.write_bytes(content)
    return content


def test_every_cut_and_every_flipped_bit_is_noticed(tmp_path):
    path = tmp_path / "run"
    content = written(path)
    assert Checkpoint(path, "a").load((2, 4)) is not None
    rng = random.Random(0)  # noqa: S311 - any moments will do
    damaged = [content[: rng.randrange(len(content))] for _ in range(100)]
    for _ in range(200):
        flipped = bytearray(content)
        flipped[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        damaged.append(bytes(flipped))
    damaged += [content + b"0", content[::-1], rng.randbytes(1000), b"\n" * 100, _MAGIC, content * 2]
    for bad in damaged:
        path.write_bytes(bad)
        with pytest.warns(UserWarning, match=r"checkpoint '.*run' is damaged .*: the training starts again"):
            assert Checkpoint(path, "a").load((2, 4)) is None
        assert Checkpoint(path, "a").written_by() is None


def bomb(path: Path) -> None:
    """Write an archive of a hundred thousand times its size."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"0" * 10**7)
    sealed(path, buffer.getvalue())


def foreign(path: Path, pickled: bytes) -> None:
    """Write an archive with a pickle of somebody else's."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/version", "3")
    sealed(path, buffer.getvalue())


class Touch:
    """Leaves a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


def sparse(path: Path) -> None:
    """Write a file that claims a terabyte and takes none."""
    written(path)
    with path.open("r+b") as file:
        file.truncate(2**40)


FORGED = {
    "a bomb": bomb,
    "a terabyte": sparse,
    "no archive": lambda path: sealed(path, b"nothing"),
    "an empty archive": lambda path: sealed(path, b"PK\x05\x06" + bytes(18)),
    "a plain pickle": lambda path: sealed(path, pickle.dumps({"run": "a"})),
    "code": lambda path: foreign(path, pickle.dumps(Touch(path.with_name("touched")), protocol=2)),
    "code by name": lambda path: foreign(path, pickle.dumps(Touch(path.with_name("touched")), protocol=4)),
    "a huge array": lambda path: foreign(path, b"\x80\x02cbuiltins\nbytearray\n\x8a\x05\x00\x00\x00\x00\x7f\x85R."),
    "no dictionary": lambda path: foreign(path, pickle.dumps([1], protocol=2)),
    "no ledger": lambda path: written(path, ledger=None),
    "other networks": lambda path: written(path, ledger=_plain(State.fresh(3, 4))),
    "other epochs": lambda path: written(path, ledger=_plain(State.fresh(2, 5))),
    "another pack": lambda path: written(path, queue=[[0, 1]]),
    "a queue of strangers": lambda path: written(path, queue=[[7]]),
    "a queue of twins": lambda path: written(path, queue=[[1], [1]]),
    "an empty queue": lambda path: written(path, queue=[]),
    "text for a queue": lambda path: written(path, queue=["x"]),
    "whole numbers": lambda path: written(path, ledger=_plain(State.fresh(2, 4)) | {"seconds": torch.zeros(2).int()}),
    "a status": lambda path: written(path, ledger=_plain(State.fresh(2, 4)) | {"status": torch.tensor([1, 9])}),
    "an epoch": lambda path: written(path, pack=_plain(State.fresh(1, 4)) | {"epoch": 5}),
    "a step": lambda path: written(path, pack=_plain(State.fresh(1, 4)) | {"step": -1}),
    "a tensor of nothing": lambda path: written(
        path, pack=_plain(State.fresh(1, 4)) | {"tensors": {"a": torch.zeros(1).expand(10**12)}}
    ),
    "no tensor": lambda path: written(path, pack=_plain(State.fresh(1, 4)) | {"tensors": {"a": 1}}),
}


@pytest.mark.parametrize("forged", FORGED)
def test_a_forged_checkpoint_is_damaged_too(tmp_path, forged):
    path = tmp_path / "run"
    FORGED[forged](path)
    began = time.process_time()
    with pytest.warns(UserWarning, match=r"checkpoint '.*run' is damaged .*: the training starts again"):
        assert Checkpoint(path, "a", most_bytes=2**26).load((2, 4)) is None
    assert time.process_time() - began < 5
    assert not (tmp_path / "touched").exists()


def test_a_checkpoint_path_that_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(HarnessError, match="is no regular file: give another path"):
            Checkpoint(path, "a").load()


def test_a_state_of_other_networks_starts_its_pack_again(tmp_path):
    """Everything about the file is right but the tensors of the pack in work."""
    options = {"archs": ARCHS, "seeds": [0], "recipe": MICRO, "dataset": dataset(), "level": "R0"}
    path = tmp_path / "run"
    stopped_halfway(path)
    buffer = io.BytesIO(path.read_bytes()[len(_MAGIC) + 65 :])
    saved = torch.load(buffer, weights_only=True)
    for change in ({"sums": torch.zeros((1, 1), dtype=torch.float64)}, {"strange": torch.zeros(1)}):
        buffer = io.BytesIO()
        torch.save(saved | {"pack": saved["pack"] | {"tensors": saved["pack"]["tensors"] | change}}, buffer)
        sealed(path, buffer.getvalue())
        with pytest.warns(UserWarning, match=r"does not fit its networks \(1 tensor.*\): they start again"):
            resumed = train(**options, checkpoint=path)
        assert equal(resumed, train(**options))


@pytest.mark.parametrize("level", ["R0", "R4"])
def test_a_checkpoint_of_any_pack_is_smaller_than_what_is_allowed(tmp_path, level):
    """R4 keeps many small tensors, R0 all parts of dead edges."""
    given, sizes, path = MICRO.but(epochs=1, channels=32), list[int](), tmp_path / "run"

    def tell(now) -> None:
        sizes.append(path.stat().st_size)

    train(ARCHS, [0], given, dataset(), level=level, checkpoint=path, checkpoint_seconds=0.0, on_progress=tell)
    members, task = [Member(arch, 0) for arch in ARCHS], Task("nb201", given, dataset(), CPU)
    assert max(sizes) < Campaign(members, task, load_level(level), None).checkpoint(path).most_bytes - 2**26
