"""The files of HW-GPT-Bench's perceptrons: state dictionaries of torch, imported by copy, read without running them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks_data.importers.safe import torch_file
from benchmarks_data.predicted.imported import Kept, keep, official, opened
from harness.checks import FloatArray
from harness.errors import HarnessError, TableError, must, reason, unknown
from harness.spaces.hw_gpt.scales import SCALES

NAMES = {f"hw-gpt-{scale}-surrogate": scale for scale in SCALES}
"""Names of the benchmarks, and the scale of each."""
LAYERS = 5
_KINDS = {"perplexity": "pt", "bfloat16_memory": "pth"}
"""Official names before the scale, and their endings."""
_WEIGHTS = tuple(f"fc{layer}.{part}" for layer in range(1, LAYERS + 1) for part in ("weight", "bias"))
_MOST_BYTES = 2**24
"""Of a file; the official ones have less than 1 MB."""
_WIDEST = 4096

Network = tuple[tuple[FloatArray, FloatArray], ...]
"""Weights (outputs, inputs) and biases (outputs,) of each layer."""


def scale_of(name: str) -> str:
    """Return the scale of a benchmark; raises HarnessError for an unknown name."""
    if name not in NAMES:
        raise HarnessError(unknown("surrogate benchmark", name, NAMES))
    return NAMES[name]


def official_names(scale: str) -> dict[str, str]:
    """Return how the files of a scale are called where they are published, by what each predicts."""
    return {kind: f"{kind}_{scale}.{ending}" for kind, ending in _KINDS.items()}


def inputs_of(scale: str) -> dict[str, int]:
    """Return how many inputs each network has: indicators of every choice, and one number for each."""
    most = SCALES[scale].most
    return {"perplexity": 6 + 6 * most + 2, "bfloat16_memory": 3 + 2 * most}


def remedy(name: str) -> str:
    """Return the command that imports the files of a benchmark."""
    return f"`nas-harness data import {name} {' '.join(official_names(scale_of(name)).values())}`"


def import_files(paths: Sequence[Path], folder: Path) -> Path:
    """Copy the two networks of a scale into `folder`, and record where they came from.

    Networks of memory, latency and energy have one shape, so that files must keep their official names; that the
    network in a file is one of its name and scale is checked before anything is copied.  Other files, such as the
    licence, are passed over.  No SHA-256 of an official file is known to this project: each is taken with a warning.

    Parameters
    ----------
    paths : sequence of Path
        The two files, in any order, or a folder that they lie in.
    folder : Path
        Made if needed, of the name of the benchmark; what it held before stays until both are copied.

    Raises
    ------
    TableError
        If a file is missing, given twice, or no network of its name; or the folder cannot be written.
    """
    name = folder.name
    scale = scale_of(name)
    wanted = official_names(scale)
    given = [file for path in paths for file in _files_of(Path(path), [*wanted.values()])]
    sources: dict[str, Path] = {}
    for kind, called in wanted.items():
        found = [path for path in given if path.name == called]
        if not found:
            others = ", ".join(str(path) for path in given) or "nothing"
            raise TableError(f"{name} needs {' and '.join(wanted.values())}; given was {others}: {remedy(name)}")
        if len(found) > 1:
            raise TableError(f"{found[0]} and {found[1]} both are {called}; give one")
        network(found[0], scale, kind)
        sources[called] = found[0]
    return keep(name, sources, folder, pinned={})


def _files_of(path: Path, names: Sequence[str]) -> list[Path]:
    """Return the files of a folder that may be meant, or the path itself."""
    if not path.exists():
        raise TableError(f"there is no file {path}")
    try:
        return official(path, names)
    except OSError as error:
        raise TableError(f"{path} cannot be read ({reason(error)})") from error


def network(path: Path, scale: str, kind: str) -> Network:
    """Read the layers of a network from a file of ``torch.save``; nothing that it names is imported or called.

    Parameters
    ----------
    path : Path
    scale : {"s", "m", "l"}
    kind : {"perplexity", "bfloat16_memory"}

    Raises
    ------
    TableError
        If the file is no whole state dictionary of five layers, or has another number of inputs.
    """
    if not path.is_file():
        raise TableError(f"there is no file {path}")
    if path.stat().st_size > _MOST_BYTES:
        raise TableError(must(str(path), f"be the state of a small network, at most {_MOST_BYTES:,} bytes", "more"))
    state = torch_file.load(path)
    if not isinstance(state, Mapping) or set(state) != set(_WEIGHTS):
        found = sorted(map(str, state)) if isinstance(state, Mapping) else type(state).__name__
        raise TableError(must(str(path), f"be a state dictionary of fc1 to fc{LAYERS}, weight and bias", found))
    arrays = [_real(path, name, state[name]) for name in _WEIGHTS]
    layers = tuple(zip(arrays[::2], arrays[1::2], strict=True))
    inputs = inputs_of(scale)[kind]
    width = layers[0][0].shape[0] if layers[0][0].ndim == 2 else 0
    shapes = [(width, inputs), *[(width, width)] * (LAYERS - 2), (1, width)]
    if not 1 <= width <= _WIDEST or [(weight.shape, bias.shape) for weight, bias in layers] != [
        (shape, shape[:1]) for shape in shapes
    ]:
        meant = [other for other in SCALES if layers[0][0].shape[1:] == (inputs_of(other)[kind],)]
        hint = f": it is of scale {meant[0]}" if meant and meant[0] != scale else ""
        rule = f"be a network of {inputs} inputs, {LAYERS - 1} layers of equal width, one output{hint}"
        raise TableError(must(str(path), rule, [weight.shape for weight, _ in layers]))
    return layers


def _real(path: Path, name: str, values: Any) -> FloatArray:
    if not isinstance(values, np.ndarray) or values.dtype.kind != "f" or not np.isfinite(values).all():
        kind = values.dtype if isinstance(values, np.ndarray) else type(values).__name__
        raise TableError(must(f"{name} of {path}", "be finite numbers", kind))
    return np.ascontiguousarray(values, dtype=np.float64)


class Imported(Kept):
    """A folder that `import_files` filled; see `Kept`."""

    @classmethod
    def open(cls, name: str, folder: Path, *, check_content: bool = False) -> Imported:
        """Open an import: compare every file with the SHA-256 that was recorded.

        Parameters
        ----------
        name : str
            Of the benchmark.
        folder : Path
        check_content : bool
            Hash them again, whatever is remembered.

        Raises
        ------
        TableError
            If the folder holds none, or a file is not what was imported.
        """
        keys = [*official_names(scale_of(name)).values()]
        return cls(name, folder, opened(name, keys, folder, remedy=remedy(name), check_content=check_content))

    def network(self, kind: str) -> Network:
        """Return the layers of one of the two networks."""
        scale = scale_of(self.name)
        return network(self.folder / official_names(scale)[kind], scale, kind)
