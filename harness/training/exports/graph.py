"""Networks as ONNX, checked by running them."""

from __future__ import annotations

import importlib
import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from harness.errors import HarnessError
from harness.files.whole import replacing

EXTRA = "onnx"
_CLOSE = 1e-4
"""How far the logits of the file may be from the network's, in units of the largest: both add up in another order."""
_ITEMS = 3


def needed() -> tuple[Any, Any]:
    """Return onnx and onnxruntime.

    Raises
    ------
    HarnessError
        If a package of the extra is not installed.
    """
    try:
        importlib.import_module("onnxscript")  # torch exports with it
        return importlib.import_module("onnx"), importlib.import_module("onnxruntime")
    except ImportError as error:
        raise HarnessError(
            f"ONNX needs {error.name}: pip install 'nas-harness[{EXTRA}]', or write torch code: OUT.py"
        ) from error


def write(path: Path, network: nn.Module, shape: tuple[int, int, int], notes: dict[str, str]) -> None:
    """Write a network as one ONNX file, input ``items`` (batch, C, H, W) and output ``logits``, and run it once.

    Parameters
    ----------
    network : Module
        On the CPU.
    notes : dict
        Kept as the file's metadata.

    Raises
    ------
    HarnessError
        If packages are missing, or onnxruntime gives other logits than torch.
    """
    onnx, runtime = needed()
    items = torch.randn(_ITEMS, *shape, generator=torch.Generator().manual_seed(0))
    with replacing(path) as temporary, tempfile.TemporaryDirectory() as folder, _quiet():
        raw = Path(folder) / "raw.onnx"
        torch.onnx.export(
            network.eval(), (items,), raw, input_names=["items"], output_names=["logits"], verbose=False,
            dynamic_shapes=({0: torch.export.Dim("batch")},), external_data=False,
        )  # fmt: skip
        model = onnx.load(raw)
        for node in model.graph.node:
            del node.metadata_props[:]  # lines of the exporting program
        for key, value in sorted(notes.items()):
            model.metadata_props.add(key=key, value=value)
        onnx.checker.check_model(model)
        onnx.save(model, temporary)
        _check_runs(runtime, temporary.read_bytes(), network, items)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep to itself what torch's exporter says of packages that it does not need."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logging.disable(before)


@torch.no_grad()
def _check_runs(runtime: Any, content: bytes, network: nn.Module, items: Tensor) -> None:
    session = runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
    for batch in (items, items[:1]):
        wanted = network(batch).numpy()
        (logits,) = session.run(["logits"], {"items": batch.numpy()})
        if not np.allclose(logits, wanted, rtol=0, atol=_CLOSE * max(1.0, float(np.abs(wanted).max()))):
            raise HarnessError("onnxruntime gives other logits than torch for this network: it was not written")
