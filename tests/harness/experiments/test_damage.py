"""Damaged result files: no number leaves one, nothing crashes or hangs, and what is no file is not waited for."""

from __future__ import annotations

import os
import shutil
import warnings

import h5py
import numpy as np
import pytest

import harness as nh
from harness.cli.__main__ import main
from harness.errors import DamagedError, HarnessError, IrregularError, ResultError
from harness.experiments.execute import execute
from harness.experiments.kind import Output
from harness.experiments.manifest import read_manifest
from harness.experiments.prepare import prepare
from harness.experiments.shards import Search
from harness.experiments.store import SEAL, read_unit, unit_path, write_unit
from harness.files import sealed
from harness.files.confined import Confined
from tests.damage import outcomes
from tests.paths import ROOT

OLD = ROOT / "tests" / "harness" / "experiments" / "cell_1"
"""An experiment of format 1: one shard of two replicates, on NAS-Bench-201."""
DIGEST = "1b414dd39d35c09a2ba98e6b7716c4825f64741286e25afe8ed292ffa167c1b3"


@pytest.fixture
def old(tmp_path):
    return shutil.copytree(OLD, tmp_path / "old")


@pytest.fixture
def path(old):
    """Return a result file of this version."""
    file = unit_path(old, DIGEST)
    return write_unit(old, Search(), *read_unit(file, Search()))


def numbers(path, confined=None):
    """Return all that a result file says."""
    unit, output = read_unit(path, Search(), confined)
    return unit, {name: (column.dtype.str, column.tolist()) for name, column in output.columns.items()}, output.texts


def test_whatever_byte_of_a_result_is_damaged_it_is_refused(path):
    good = path.read_bytes()
    counts = outcomes(good, path.write_bytes, lambda: numbers(path), (DamagedError,), step=97)
    assert set(counts) == {"refused"}, counts
    assert counts["refused"] > len(good) // 97 - 5


def test_damages_of_format_1_end_a_child_at_most(old):
    file = unit_path(old, DIGEST)
    good, children = file.read_bytes(), {}

    def use():
        return numbers(file, children.setdefault(os.getpid(), Confined()))

    counts = outcomes(good, file.write_bytes, use, (DamagedError,), step=len(good) // 150)
    children[os.getpid()].close()
    assert set(counts) <= {"refused", "same"}, counts


def test_a_reader_that_crashes_makes_a_damaged_file(old, monkeypatch):
    monkeypatch.setattr("harness.experiments.store._CHILD", "tests.harness.faults:crash")
    with pytest.raises(DamagedError, match=rf"{DIGEST}\.h5: damaged result file \(reading it crashes"):
        read_unit(unit_path(old, DIGEST), Search())


def test_run_computes_a_damaged_result_again_and_report_lists_it_as_missing_both_naming_it(path):
    execute(prepare(read_manifest(path.parent).spec), path.parent)  # by this version of numpy
    mine = unit_path(path.parent, read_manifest(path.parent).entries[0].digest)
    right, content = numbers(mine), mine.read_bytes()
    mine.write_bytes(content[:3000] + bytes([content[3000] ^ 1]) + content[3001:])
    with pytest.warns(UserWarning, match=rf"{mine.name}: damaged result file .*; delete it and run again"):
        assert nh.read_results(path.parent).missing == (("nb201-cifar10", "RE", 0, 2),)
    with pytest.warns(UserWarning, match=rf"{mine.name}: damaged result file .*; it is computed again"):
        assert execute(prepare(read_manifest(path.parent).spec), path.parent).computed == 1
    again = numbers(mine)
    assert {name: column for name, column in again[1].items() if name != "overhead_seconds"} == {
        name: column for name, column in right[1].items() if name != "overhead_seconds"
    }


def irregular(path, what):
    """Put something that is no file in the place of a result."""
    good = path.with_suffix(".good")
    path.rename(good)
    if what == "pipe":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    else:
        path.symlink_to({"link": good, "gone": "nothing", "loop": path.name, "device": "/dev/zero"}[what])


@pytest.mark.parametrize("what", ["pipe", "folder", "link", "gone", "loop", "device"])
def test_what_is_no_file_is_refused_by_name_without_waiting(path, what):
    execute(prepare(read_manifest(path.parent).spec), path.parent)
    mine = unit_path(path.parent, read_manifest(path.parent).entries[0].digest)
    irregular(mine, what)
    word = what if what in ("pipe", "folder") else "link"
    with pytest.raises(IrregularError, match=rf"{mine.name} is a {word}, not a file"):
        read_unit(mine, Search())
    with pytest.warns(UserWarning, match=rf"{mine.name} is a {word}"):
        assert nh.read_results(path.parent).missing
    with pytest.raises(ResultError, match=rf"{mine.name} is a {word}.*move it away and run again"):
        execute(prepare(read_manifest(path.parent).spec), path.parent)
    assert mine.is_symlink() or mine.exists(), "nothing is removed that this program did not write"


def test_the_command_tells_a_damage_in_one_line(path, capsys):
    spec = path.parent / "spec.toml"
    spec.write_text(
        'name = "one"\nbenchmarks = ["nb201-cifar10"]\nreplicates = 1\n[budget]\nevaluations = 3\n'
        '[[strategies]]\nname = "random_search"\n'
    )
    assert main(["run", str(spec), "--out", str(path.parent)]) == 0
    (mine,) = (path.parent / "one").glob("*.h5")
    mine.write_bytes(mine.read_bytes()[:-1])
    capsys.readouterr()
    assert main(["run", str(spec), "--out", str(path.parent)]) == 0
    size = mine.stat().st_size
    assert capsys.readouterr().err.splitlines()[0] == (
        f"warning: {mine}: damaged result file (it is cut short: {size - 1} bytes instead of {size}); "
        "it is computed again"
    )


def _external_link(file):
    del file["trace/archs"]
    file["trace/archs"] = h5py.ExternalLink("other.h5", "/archs")


def _soft_link_of_a_group(file):
    file.move("trace", "elsewhere")
    file["trace"] = h5py.SoftLink("/elsewhere")


def _virtual(file):
    layout = h5py.VirtualLayout((6,), "i8")
    layout[:] = h5py.VirtualSource("other.h5", "x", (6,))
    del file["offsets"]
    file.create_virtual_dataset("offsets", layout)


def _bomb(file):
    del file["offsets"]
    file.create_dataset("offsets", (10**12,), "i8", chunks=(10**6,), compression="gzip")


def _claim(file):
    del file["offsets"]
    file.create_dataset("offsets", (10**12,), "i8")


def _objects(file):
    del file["offsets"]
    file.create_dataset("offsets", data=["a", "b"])


def _elsewhere(file):
    del file["offsets"]
    file.create_dataset("offsets", (6,), "i8", external=[("raw", 0, 48)])


def _group(file):
    del file["offsets"]
    file.create_group("offsets")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_external_link, "trace/archs is a link"),
        (_soft_link_of_a_group, "trace is a link"),
        (_virtual, "offsets does not lie in the file as one piece"),
        (_bomb, "offsets does not lie in the file as one piece"),
        (_claim, "offsets claims 8000000000000 bytes, more than the whole file has"),
        (_objects, "offsets is not one of plain numbers"),
        (_elsewhere, "offsets does not lie in the file as one piece"),
        (_group, "offsets is no dataset"),
    ],
)
def test_what_a_result_never_holds_is_refused_in_either_format(path, change, why):
    unsealed = shutil.copy(unit_path(OLD, DIGEST), path.with_suffix(".old"))
    with h5py.File(unsealed, "r+") as file:
        change(file)
    with h5py.File(path, "r+") as file:
        change(file)
    sealed.seal(path, SEAL)
    for content in (path.read_bytes(), unsealed.read_bytes()):
        path.write_bytes(content)
        with pytest.raises(DamagedError, match=rf"{DIGEST}\.h5: damaged result file \(.*{why}"):
            read_unit(path, Search())


def test_objects_are_not_written(path):
    unit, output = read_unit(path, Search())
    wrong = Output({**output.columns, "offsets": np.array(["a", None])}, output.texts)
    with pytest.raises(HarnessError, match="plain numbers, got objects in offsets"):
        write_unit(path.parent, Search(), unit, wrong)


def test_a_whole_folder_of_format_1_takes_one_child(old, monkeypatch):
    started = []
    real = Confined._started
    monkeypatch.setattr(Confined, "_started", lambda self: started.append(self._child is None) or real(self))
    with Confined() as confined:
        for _ in range(3):
            read_unit(unit_path(old, DIGEST), Search(), confined)
    assert started == [True, False, False]


def test_a_sound_folder_is_read_without_a_word(old):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not nh.read_results(old).missing
