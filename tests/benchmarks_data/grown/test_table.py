"""Growing tables: nothing is made twice, lost or doubled, whoever asks at once and whoever is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from benchmarks_data.grown import Grown, Rows, claims, table
from benchmarks_data.grown.rows import write
from harness.checks import IntArray
from harness.errors import HarnessError, TableError
from tests.paths import ROOT
from tests.patience import PATIENCE

IDENTITY = {"task": "toy", "epochs": 3}


def rows(keys: list[int], seeds: list[int] | None = None, *, shift: float = 0.0, reason: str = "") -> Rows:
    """Return rows whose values are told by their keys and seeds."""
    at, drawn = np.array(keys, dtype=np.uint64), np.array(seeds or [0] * len(keys))
    values = np.stack([at + shift, drawn], axis=1).astype(np.float64)
    archs = at[:, None].astype(np.uint8)
    held_out = -values[:, :1]
    return Rows(
        at, archs, np.zeros(len(at), dtype=np.int64), drawn, values, held_out, (reason,) * len(at), np.ones(len(at))
    )


def opened(folder: Path) -> Grown:
    return Grown(folder, IDENTITY, ["accuracy", "seed"], ["test"])


def asked(keys: list[int]) -> tuple[np.ndarray, IntArray, IntArray]:
    return np.array(keys, dtype=np.uint64), np.zeros(len(keys), dtype=np.int64), np.zeros(len(keys), dtype=np.int64)


def test_what_was_put_is_there_and_stays_as_it_was(tmp_path: Path) -> None:
    grown = opened(tmp_path)
    assert grown.put(rows([5, 2**63 + 9], [0, 1], reason="diverged")) == 2
    assert grown.put(rows([5, 7, 7], shift=0.5)) == 1, "5 is there, and 7 counts once"
    for again in (grown, opened(tmp_path)):
        keys = np.array([7, 5, 2**63 + 9, 5], dtype=np.uint64)
        found, values, reasons = again.get(keys, np.zeros(4, dtype=np.int64), np.array([0, 0, 1, 1]))
        assert found.tolist() == [True, True, True, False]
        assert values[:2, 0].tolist() == [7.5, 5.0]
        assert np.isnan(values[3]).all()
        assert reasons == ("", "diverged", "diverged", "")
        assert len(again) == 3


def test_what_is_held_out_lies_in_other_files_and_is_told_to_reports_alone(tmp_path: Path) -> None:
    grown = opened(tmp_path)
    grown.put(rows([5, 6]))
    known, told = grown.rows(held_out=True), grown.rows()
    assert known is not None
    assert told is not None
    assert known.held_out[:, 0].tolist() == [-5.0, -6.0]
    assert np.isnan(told.held_out).all()
    for path in tmp_path.glob("held-*"):
        path.unlink()
    assert opened(tmp_path).get(*asked([5]))[1].tolist() == [[5.0, 0.0]]
    with pytest.raises(TableError, match="is damaged"):
        grown.rows(held_out=True)


def test_many_batches_become_one_file_and_other_readers_follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MOST_FILES", 3)
    writer, reader = opened(tmp_path), opened(tmp_path)
    for key in range(10):
        writer.put(rows([key]))
        if key in (2, 6):
            assert reader.get(*asked([key]))[0].all()
    assert len(list(tmp_path.glob("rows-*"))) <= 3
    assert len(list(tmp_path.glob("held-*"))) == len(list(tmp_path.glob("rows-*")))
    for grown in (reader, opened(tmp_path)):
        assert grown.get(*asked(list(range(10))))[1][:, 0].tolist() == list(range(10))
        assert len(grown) == 10
    whole = opened(tmp_path).rows(held_out=True)
    assert whole is not None
    assert whole.held_out[:, 0].tolist() == [-key for key in range(10)]


def test_a_stop_while_batches_are_put_together_doubles_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MOST_FILES", 2)
    monkeypatch.setattr(Path, "unlink", lambda path, missing_ok=False: None)  # killed before anything was removed
    grown = opened(tmp_path)
    for key in range(4):
        grown.put(rows([key]))
    again = opened(tmp_path)
    whole = again.rows()
    assert whole is not None
    assert sorted(whole.keys.tolist()) == [0, 1, 2, 3]
    assert len(again) == 4


def test_another_task_is_refused(tmp_path: Path) -> None:
    opened(tmp_path).put(rows([1]))
    with pytest.raises(TableError, match=r"of another task: it was made with identity .*'epochs': 3.*another folder"):
        Grown(tmp_path, IDENTITY | {"epochs": 4}, ["accuracy", "seed"], ["test"])
    with pytest.raises(TableError, match="made with columns"):
        Grown(tmp_path, IDENTITY, ["accuracy"], ["test"])


def test_a_damaged_file_is_named_with_the_remedy(tmp_path: Path) -> None:
    grown = opened(tmp_path)
    for key in (1, 2):
        grown.put(rows([key]))
    first = min(tmp_path.glob("rows-*"))
    first.write_bytes(first.read_bytes()[:-40])
    with pytest.raises(TableError, match=r"is damaged: .*remove .*trained again"):
        opened(tmp_path)
    first.unlink()
    again = opened(tmp_path)
    assert again.get(*asked([1, 2]))[0].tolist() == [False, True]
    again.put(rows([1]))
    assert len(opened(tmp_path)) == 2


def test_a_damaged_identity_and_files_of_other_columns_are_told(tmp_path: Path) -> None:
    grown = opened(tmp_path)
    grown.put(rows([1]))
    path, other = tmp_path / "rows-000000002-000000002.npz", rows([2])
    wide = np.concatenate([other.archs] * 2, axis=1)
    genes = Rows(
        other.keys, wide, other.fidelities, other.seeds, other.values, other.held_out, ("",), other.real_seconds
    )
    columns = Rows(
        other.keys, other.archs, other.fidelities, other.seeds, other.held_out, other.held_out, ("",), other.seeds
    )
    for wrong, why in ((genes, "`genes` must be 1, got 2"), (columns, "`columns` must be 2, got 1")):
        write(path, tmp_path / "held-000000002-000000002.npz", wrong)
        with pytest.raises(TableError, match=rf"rows-.*2.npz is damaged: {why}; remove it"):
            opened(tmp_path)
    path.unlink()
    identity = tmp_path / "identity.json"
    identity.write_bytes(identity.read_bytes().replace(b"toy", b"t\xffy"))
    with pytest.raises(TableError, match=r"damaged, no whole JSON file: .*what it held is trained again"):
        opened(tmp_path)


def test_wrong_rows_are_refused(tmp_path: Path) -> None:
    grown = opened(tmp_path)
    few = rows([1])
    with pytest.raises(HarnessError, match="`values` must have 2 columns, got 1"):
        grown.put(
            Rows(few.keys, few.archs, few.fidelities, few.seeds, few.held_out, few.held_out, ("",), few.real_seconds)
        )
    with pytest.raises(HarnessError, match="`reasons` must have 1 rows"):
        Rows(few.keys, few.archs, few.fidelities, few.seeds, few.values, few.held_out, (), few.real_seconds)
    with pytest.raises(HarnessError, match="`rows` must be made as they are asked for; 1 of 2 were not"):
        grown.fetch(*asked([3, 4]), lambda places: rows([3]))
    assert len(grown) == 0
    assert not list((tmp_path / "claims").iterdir()), "what failed claims nothing"


def test_equal_requests_are_made_once_and_each_batch_is_kept(tmp_path: Path) -> None:
    grown = opened(tmp_path)
    made: list[list[int]] = []

    def make(places: IntArray) -> Rows:
        made.append(places.tolist())
        if len(made) == 2:
            raise KeyboardInterrupt
        return rows([wanted[place] for place in places])

    wanted = [4, 5, 4, 6, 5]
    with pytest.raises(KeyboardInterrupt):
        grown.fetch(*asked(wanted), make, at_once=2)
    assert made == [[0, 1], [3]]
    assert grown.fetch(*asked(wanted), make, at_once=2) == 1
    assert grown.fetch(*asked(wanted), make) == 0
    assert made == [[0, 1], [3], [3]]


def test_two_that_want_the_same_wait_for_each_other(tmp_path: Path) -> None:
    made: list[int] = []
    begun = threading.Barrier(2)

    def search(keys: list[int]) -> None:
        first = [True]

        def make(places: IntArray) -> Rows:
            if first.pop() if first else False:
                begun.wait(PATIENCE)  # both hold a claim now
            made.extend(keys[place] for place in places)
            return rows([keys[place] for place in places])

        opened(tmp_path).fetch(*asked(keys), make, at_once=1)

    ways = [list(range(8)), list(range(8))[::-1]]
    threads = [threading.Thread(target=search, args=(way,)) for way in ways]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(made) == list(range(8))
    assert len(opened(tmp_path)) == 8


SEARCH = """
import sys
from pathlib import Path
from tests.benchmarks_data.grown.test_table import asked, opened, rows

keys = list(range(30))
def make(places):
    for place in places:
        print(keys[place], flush=True)
    if sys.argv[2] == "hangs" and places[0] == 4:
        sys.stdin.read()
    return rows([keys[place] for place in places])
opened(Path(sys.argv[1])).fetch(*asked(keys), make, at_once=2)
"""


def test_a_killed_process_frees_what_it_claimed_and_loses_only_that(tmp_path: Path) -> None:
    def search(way: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", SEARCH, str(tmp_path), way],
            cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    hanging = search("hangs")
    assert hanging.stdout is not None
    began = [int(hanging.stdout.readline()) for _ in range(6)]
    assert began == list(range(6))
    other = search("goes on")  # makes all but 4 and 5, and waits for them
    assert other.stdout is not None
    made = [int(other.stdout.readline()) for _ in range(24)]
    with pytest.raises(subprocess.TimeoutExpired):
        other.wait(0.05)
    os.kill(hanging.pid, signal.SIGKILL)
    hanging.communicate()
    rest, _ = other.communicate(timeout=PATIENCE)
    assert [*made, *map(int, rest.split())] == [*range(6, 30), 4, 5]
    whole = opened(tmp_path).rows()
    assert whole is not None
    assert sorted(whole.keys.tolist()) == list(range(30))


def test_claims_of_the_dead_are_removed(tmp_path: Path) -> None:
    grown = opened(tmp_path)
    left = tmp_path / "claims" / "1-old.claim"
    left.parent.mkdir()
    left.write_bytes(b"cut")
    with grown.claim(*asked([1, 2])) as mine:
        assert mine.all()
        assert not left.exists()
        assert set(claims.held(left.parent)) == {(1, 0, 0), (2, 0, 0)}
        with opened(tmp_path).claim(*asked([2, 3])) as others:
            assert others.tolist() == [False, True]
    assert claims.held(left.parent) == {}
