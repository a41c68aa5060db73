"""The GPU bench runs from end to end; here as small as possible and on the CPU, so its figures mean nothing."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from harness.training.data import exported
from tests.bench import gpu, gpu_training
from tests.bench.gpu_plain import OneByOne


@pytest.fixture
def cifar_like(tmp_path):
    dataset = gpu_training.random_dataset("cifar10", (3, 32, 32), (96, 64, 64), signal=False)
    exported.save(dataset, tmp_path / "cifar.npz")
    return tmp_path / "cifar.npz"


def run(tmp_path, *arguments):
    path = tmp_path / "gpu.json"
    code = gpu.main(["--device", "cpu", "--tiny", "--json", str(path), *arguments])
    return code, json.loads(path.read_text()) if path.is_file() else {}


def test_every_stage_runs_and_keeps_its_figures(tmp_path, cifar_like):
    code, stages = run(tmp_path, "--data", str(cifar_like), "--micro", "none.npz", "--levels", "R1", "R2", "R4")
    assert code == 0
    assert list(stages) == list(gpu.STAGES)
    assert {stage["failure"] for stage in stages.values()} == {None}
    rows = {row["what"]: row for stage in stages.values() for row in stage["figures"]}
    assert rows["R2 against R0, images"]["value"] is None
    assert "CUDA" in rows["R2 against R0, images"]["target"], "R2 needs it, and says so"
    for case in ("R1 against R0, images", "R4 against R0, signals"):
        assert rows[f"{case}, 4 cells, training loss of epoch 2, largest difference"]["value"] < 0.05
    assert rows["R1, index 284, seed 777, validation"]["target"] == "70 to 76: OUTSIDE", "noise is not learnt"
    assert rows["R1, 3 networks, times the plain loop"]["value"] > 0
    machine = stages["speed"]["machine"]
    assert machine["device"] == "cpu"
    assert machine["torch"]
    assert stages["speed"]["data"]["about"] == "noise"


def test_a_stage_alone_leaves_the_others_figures(tmp_path):
    (tmp_path / "gpu.json").write_text('{"speed": {"figures": []}}')
    code, stages = run(tmp_path, "--stage", "acceptance")
    assert code == 0
    assert list(stages) == ["speed", "acceptance"]
    assert "--data" in stages["acceptance"]["figures"][0]["target"], "without CIFAR-10 there is nothing to accept"


def test_a_stage_that_fails_is_recorded_and_the_next_one_runs(tmp_path, monkeypatch):
    def broken(bench):
        yield gpu.skipped("before", "")
        raise RuntimeError("no such kernel")

    monkeypatch.setitem(gpu.STAGES, "agreement", broken)
    code, stages = run(tmp_path, "--stage", "agreement", "acceptance")
    assert code == 1
    assert stages["agreement"]["failure"] == "RuntimeError: no such kernel"
    assert [row["what"] for row in stages["agreement"]["figures"]] == ["before"]
    assert stages["acceptance"]["failure"] is None


def test_nothing_is_started_when_the_minutes_are_over(tmp_path, capsys):
    code, stages = run(tmp_path, "--minutes", "0")
    assert (code, stages) == (0, {})
    assert "== speed: skipped, out of minutes" in capsys.readouterr().out


def test_data_that_cannot_be_read_are_told_not_fatal(tmp_path, capsys):
    code, _ = run(tmp_path, "--data", str(tmp_path / "nowhere"), "--stage", "acceptance")
    assert code == 0
    assert "there is no folder" in capsys.readouterr().out


def test_the_plain_loop_normalises_and_pads_with_raw_zeros():
    dataset = gpu_training.random_dataset("cifar10", (3, 32, 32), (3, 1, 1), signal=False)
    dataset.images["train"][:] = 255
    plain, label = OneByOne(dataset, augment=False)[1]
    assert plain.shape == (3, 32, 32)
    assert label == dataset.labels["train"][1]
    np.testing.assert_allclose(plain, 1.0)
    values = {float(value) for _ in range(5) for value in OneByOne(dataset, augment=True)[0][0].unique()}
    assert values <= {-1.0, 1.0}


def test_cells_are_those_of_the_table():
    from harness.spaces.nb201.space import NB201Space

    assert NB201Space().format(np.array(list(gpu_training.INDEX.values()))) == [
        "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|none~0|nor_conv_3x3~1|avg_pool_3x3~2|",
        "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|none~0|nor_conv_1x1~1|none~2|",
    ]


def test_a_bare_machine_is_enough():
    code = """
import sys
for name in ("sklearn", "mnist1d", "scipy", "h5py", "matplotlib", "pandas", "pydantic", "typer", "rich", "pytest"):
    sys.modules[name] = None
from tests.bench import gpu
sys.exit(gpu.main(["--device", "cpu", "--tiny", "--stage", "tests", "micro", "--levels", "R0"]))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "micro table on 'noise like mnist1d'" in run.stdout
