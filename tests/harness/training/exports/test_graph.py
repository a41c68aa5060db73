"""Networks as ONNX."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from harness.errors import HarnessError
from harness.training import recipe
from harness.training.exports import graph
from harness.training.exports.design import Design
from harness.training.exports.write import write
from tests.harness.training.support import CELL, DISCONNECTED

MICRO = recipe.load("micro")


@pytest.mark.parametrize("missing", ["onnxscript", "onnx", "onnxruntime"])
def test_without_the_extra_nothing_is_written_and_it_is_named(tmp_path, monkeypatch, missing):
    for name in ("onnxscript", "onnx", "onnxruntime"):
        monkeypatch.setitem(sys.modules, name, None if name == missing else sys)
    with pytest.raises(HarnessError, match=rf"ONNX needs {missing}.*nas-harness\[onnx\]"):
        write(tmp_path / "net.onnx", Design("nb201", CELL, MICRO, (1, 1, 16), 4), None, "a test")
    assert not list(tmp_path.iterdir())


def needs_the_extra():
    return [pytest.importorskip(name) for name in ("onnx", "onnxscript", "onnxruntime")]


def test_a_small_network_runs_without_torch(tmp_path):
    _, _, runtime = needs_the_extra()
    design = Design("nb201", (0, 0, 0, 1, 4, 0), MICRO.but(channels=2), (1, 1, 8), 3)
    write(tmp_path / "net.onnx", design, None, "a test")
    items = np.random.default_rng(0).normal(size=(5, *design.shape)).astype(np.float32)
    (logits,) = runtime.InferenceSession(tmp_path / "net.onnx").run(["logits"], {"items": items})
    with torch.no_grad():
        wanted = design.build(seed=0).eval()(torch.from_numpy(items)).numpy()
    assert np.allclose(logits, wanted, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    "design",
    [
        Design("nb201", CELL, MICRO, (1, 1, 16), 4),
        Design("nb201", DISCONNECTED, MICRO, (3, 8, 8), 4),
        Design("nats-size", (0, 1, 2, 0, 1), MICRO, (3, 8, 8), 4),
        Design("darts", (0, 1, 0, 2, 3, 0, 4, 5, 0, 6, 2) * 2, recipe.load("micro-darts"), (1, 1, 16), 4),
    ],
    ids=lambda design: f"{design.space}-{design.shape}",
)
def test_it_runs_without_torch_to_the_same_logits(design, tmp_path):
    onnx, _, runtime = needs_the_extra()
    path, again = tmp_path / "net.onnx", tmp_path / "again.onnx"
    for out in (path, again):
        write(out, design, None, "a test")
    assert path.read_bytes() == again.read_bytes()
    assert sorted(item.name for item in tmp_path.iterdir()) == ["again.onnx", "net.onnx"]
    items = np.random.default_rng(0).normal(size=(5, *design.shape)).astype(np.float32)
    (logits,) = runtime.InferenceSession(path).run(["logits"], {"items": items})
    with torch.no_grad():
        wanted = design.build(seed=0).eval()(torch.from_numpy(items)).numpy()
    assert np.allclose(logits, wanted, atol=1e-4)
    facts = {item.key: item.value for item in onnx.load(path).metadata_props}
    assert facts["architecture"] == design.text
    assert b"/exports/" not in path.read_bytes(), "paths of this machine"


@pytest.mark.slow
def test_a_file_that_computes_something_else_is_refused(tmp_path, monkeypatch):
    needs_the_extra()
    monkeypatch.setattr(graph, "_CLOSE", -1.0)
    with pytest.raises(HarnessError, match="other logits"):
        write(tmp_path / "net.onnx", Design("nb201", CELL, MICRO, (1, 1, 16), 4), None, "a test")
    assert not list(tmp_path.iterdir())
