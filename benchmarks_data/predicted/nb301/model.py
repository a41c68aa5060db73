"""The network of NAS-Bench-301's YAHPO surrogate: from genes and epochs to predictions."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks_data.predicted.nb301.files import NAME, Imported
from harness.checks import Archs, FloatArray, IntArray, read_only
from harness.errors import HarnessError, TableError, must, reason
from harness.spaces.darts.cells import EDGES, GENES, OPERATIONS, PAIR_GENES, PAIRS, on_edges

EPOCHS = 98
"""The last epoch that the surrogate was fitted to."""
EXTRA = "surrogate-benchmarks"
CHUNK = 512
"""Rows predicted at once: more are not faster."""
_CELLS = ("normal", "reduce")
_PREFIX = "NetworkSelectorDatasetInfo_COLON_darts_COLON_"
_INACTIVE = "#na#"


class Model:
    """Predicts validation accuracy, cross-entropy and runtime of DARTS architectures.

    Computes with one thread: a batch this small gains nothing from a second one, and worker processes share the
    machine.  The network's fourth output is undocumented and left out.

    Parameters
    ----------
    imported : Imported

    Raises
    ------
    HarnessError
        If onnxruntime is not installed.
    TableError
        If the encoding is not that of this space, or the model is not one that onnxruntime reads.
    """

    def __init__(self, imported: Imported) -> None:
        runtime = _onnxruntime()
        self._columns, self._codes = _encoding(imported.json("encoding.json"))
        _check_epochs(imported.json("config_space.json"))
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        path = imported.folder / "model.onnx"
        try:
            self._session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            named = [item.name for item in self._session.get_inputs()], self._session.get_outputs()[0].name
        except Exception as error:  # onnxruntime has many error classes and exports no common one
            raise TableError(f"{path} is not a model that onnxruntime reads: {reason(error)}") from error
        if named != (["x_cat", "x_cont"], "output"):
            raise TableError(f"{path} must map x_cat and x_cont to output, got {named}")

    def predict(self, archs: Archs, epochs: IntArray) -> FloatArray:
        """Predict at an epoch each: (n, 22), (n,) to (n, 3).

        Returns
        -------
        (n, 3) float64
            Validation accuracy as a fraction, validation cross-entropy in nats, seconds up to the epoch.

        Raises
        ------
        HarnessError
            If an epoch is outside 1 to 98.
        """
        if len(epochs) and not 1 <= epochs.min() <= epochs.max() <= EPOCHS:
            raise HarnessError(must("epochs", f"be 1 to {EPOCHS}", [int(epochs.min()), int(epochs.max())]))
        inputs = self.encode(archs)
        times = np.asarray(epochs, dtype=np.float32)[:, None]
        out = np.empty((len(archs), 3))
        for start in range(0, len(archs), CHUNK):
            part = slice(start, start + CHUNK)
            (outputs,) = self._session.run(None, {"x_cat": inputs[part], "x_cont": times[part]})
            out[part] = outputs[:, :3]
        return out

    def encode(self, archs: Archs) -> npt.NDArray[np.int32]:
        """Return the network's categorical inputs: (n, 22) to (n, 34) int32, in the order of the encoding file."""
        cells = [archs[:, :GENES], archs[:, GENES:]]
        parts = [on_edges(cell) for cell in cells]
        parts += [cell[:, list(PAIR_GENES.values())].astype(np.intp) + 1 for cell in cells]
        values = np.concatenate(parts, axis=1)[:, self._columns]
        return self._codes[np.arange(values.shape[1]), values]


def _onnxruntime() -> Any:
    try:
        return importlib.import_module("onnxruntime")
    except ImportError as error:
        raise HarnessError(f"{NAME} needs onnxruntime: pip install 'nas-harness[{EXTRA}]'") from error


def _encoding(encoding: Any) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int32]]:
    """Return which of our values each input shows, (34,), and its code for each value, (34, 11)."""
    meanings: dict[str, tuple[int, list[str]]] = {}
    for cell in _CELLS:
        for edge in range(len(EDGES)):
            meanings[f"{_PREFIX}edge_{cell}_{edge}"] = len(meanings), [_INACTIVE, *OPERATIONS]
    for cell in _CELLS:
        for node in PAIR_GENES:
            pairs = [f"{low}_{high}" for low, high in PAIRS[node]]
            meanings[f"{_PREFIX}inputs_node_{cell}_{node}"] = len(meanings), [_INACTIVE, *pairs]
    if not isinstance(encoding, dict) or set(encoding) != set(meanings):
        wrong = set(encoding) ^ set(meanings)
        raise TableError(f"the encoding must name the 34 choices of the DARTS space; {sorted(wrong)[:3]} differ")
    columns = np.array([meanings[name][0] for name in encoding], dtype=np.intp)
    codes = np.zeros((len(encoding), 1 + max(map(len, PAIRS.values()))), dtype=np.int32)
    for row, (name, known) in enumerate(encoding.items()):
        values = meanings[name][1]
        if set(known) != set(values):
            raise TableError(f"the encoding of {name} must name {', '.join(values)}, got {', '.join(known)}")
        codes[row, : len(values)] = [known[value] for value in values]
    return read_only(columns), read_only(codes)


def _check_epochs(config_space: Any) -> None:
    """Refuse a configuration space whose first and last epoch are not those of this benchmark."""
    parameters = [item for item in config_space["hyperparameters"] if item.get("name") == "epoch"]
    limits = [(int(item["lower"]), int(item["upper"])) for item in parameters]
    if limits != [(1, EPOCHS)]:
        raise TableError(f"the configuration space must have an epoch of 1 to {EPOCHS}, got {limits}")
