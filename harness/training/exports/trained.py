"""Trained networks as files: a design with the weights of one training, ready to predict and to be written as code."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from harness.checks import integer
from harness.errors import HarnessError, must
from harness.files.reading import parse_json, record_of
from harness.files.whole import opened, replacing
from harness.training.data.dataset import Dataset
from harness.training.exports.design import Design
from harness.training.networks.wired import WiredCell
from harness.training.recipe import Recipe
from harness.training.tensors import DamagedError, check_whole, read_tensors

FORMAT = "nas-harness network 1"
MOST_BYTES = 2**31
"""A larger file is not read."""
_BATCH = 256


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A network with the weights of one training.

    Attributes
    ----------
    design : Design
    seed : int
        Of the training.
    dataset : str
    mean, std : tuple of float
        Of the raw values of each channel; the network sees ``(raw - mean) / std``.
    weights : mapping of str to Tensor
        Parameters and running statistics, by the names of the trainer's network.
    """

    design: Design
    seed: int
    dataset: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    weights: Mapping[str, Tensor]

    @classmethod
    def of(cls, design: Design, seed: int, dataset: Dataset, tensors: Mapping[str, Tensor]) -> TrainedNetwork:
        """Return the network that an engine gives of a member, copied; see `with_weights`."""
        weights = with_weights(design.build(seed), tensors).state_dict()
        mean, std = (tuple(float(value) for value in part) for part in (dataset.mean, dataset.std))
        return cls(design, seed, dataset.name, mean, std, dict(weights))

    def build(self) -> nn.Module:
        """Return the trainer's network with these weights, on the CPU, in evaluation mode."""
        return with_weights(self.design.build(), {f"model.{name}": value for name, value in self.weights.items()})

    @torch.no_grad()
    def predict(self, items: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Return the probabilities of classes, (n, K), for raw items.

        Parameters
        ----------
        items : (n, C, H, W)
            Raw values, as the training's data has them; axes of length 1 may be missing or more.
        """
        raw = self._shaped(np.asarray(items))
        mean, std = (np.array(part, dtype=np.float32)[:, None, None] for part in (self.mean, self.std))
        module, parts = self.build(), [np.zeros((0, self.design.classes), dtype=np.float32)]
        for start in range(0, len(raw), _BATCH):
            seen = (raw[start : start + _BATCH].astype(np.float32) - mean) / std
            parts.append(torch.softmax(module(torch.from_numpy(seen)), dim=1).numpy())
        return np.concatenate(parts)

    def _shaped(self, items: npt.NDArray[Any]) -> npt.NDArray[Any]:
        def long(shape: tuple[int, ...]) -> list[int]:
            return [length for length in shape if length != 1]

        if items.dtype.kind not in "uif" or long(items.shape[1:]) != long(self.design.shape):
            rule = f"be numbers of shape (n, {', '.join(map(str, self.design.shape))})"
            raise HarnessError(must("items", rule, f"{items.shape} {items.dtype}"))
        return items.reshape(len(items), *self.design.shape)


@torch.no_grad()
def with_weights(module: nn.Module, tensors: Mapping[str, Tensor]) -> nn.Module:
    """Return the trainer's network with the weights that an engine gives of a member, in evaluation mode; in place.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        As `Engine.network` gives them: ``"model.NAME"``, of its own shape but for axes of length 1; others are passed
        over.  Packed engines have none of edges that are not computed: there the network keeps its own.
    """
    idle = {
        f"{prefix}.edges.{key}"
        for prefix, part in module.named_modules()
        if isinstance(part, WiredCell)
        for key in part.edges.keys() - {key for edges in part.into for _, key in edges}
    }
    for name, value in module.state_dict().items():
        if f"model.{name}" in tensors or not any(name.startswith(f"{edge}.") for edge in idle):
            value.copy_(tensors[f"model.{name}"].reshape(value.shape))
    return module.eval()


def save(path: Path, trained: TrainedNetwork) -> None:
    """Write a network, whole or not at all; ``torch.load(path)["weights"]`` are its weights."""
    design = trained.design
    about = {
        "space": design.space,
        "arch": list(design.arch),
        "recipe": design.recipe.as_dict(),
        "shape": list(design.shape),
        "classes": design.classes,
        "seed": trained.seed,
        "dataset": trained.dataset,
        "mean": list(trained.mean),
        "std": list(trained.std),
    }
    with replacing(path) as temporary:
        weights = {name: tensor.contiguous() for name, tensor in trained.weights.items()}
        torch.save({"format": FORMAT, "about": json.dumps(about), "weights": weights}, temporary)


def load(path: Path) -> TrainedNetwork:
    """Read what `save` wrote, without trust: nothing but tensors and texts is made of it.

    Raises
    ------
    HarnessError
        If it is missing, damaged, something else, or its weights are not those of its network.
    """
    try:
        with opened(path) as file:
            if path.stat().st_size > MOST_BYTES:
                raise DamagedError(f"it has more than {MOST_BYTES} bytes")
            saved = read_tensors(io.BytesIO(file.read()))
        return _checked(saved)
    except FileNotFoundError:
        raise HarnessError(
            f"there is no file '{path}': `nas-harness verify RESULTS --keep-weights` writes some"
        ) from None
    except (DamagedError, KeyError, TypeError, AttributeError, ValueError, OSError) as error:
        raise HarnessError(f"'{path}' is no trained network of this program: {error}; train it again with"
                           " `nas-harness verify RESULTS --keep-weights`") from None  # fmt: skip


def _checked(saved: dict[str, Any]) -> TrainedNetwork:
    if saved.get("format") != FORMAT:
        raise DamagedError(f"it must be of the format '{FORMAT}'")
    about = parse_json(saved["about"], "what it says of itself")
    shape = tuple(integer("shape", length, low=1, high=2**16) for length in about["shape"])
    if len(shape) != 3:
        raise DamagedError("its items have no shape of channels, height and width")
    recipe = record_of(Recipe, about["recipe"], "recipe")
    arch = tuple(integer("arch", gene, low=0, high=255) for gene in about["arch"])
    design = Design(about["space"], arch, recipe, (shape[0], shape[1], shape[2]), about["classes"])
    weights = dict(saved["weights"])
    wanted = {name: tuple(value.shape) for name, value in design.build().state_dict().items()}
    if {name: tuple(value.shape) for name, value in weights.items()} != wanted:
        raise DamagedError("its weights are not those of its network")
    check_whole(weights)
    mean, std = (tuple(float(value) for value in about[part]) for part in ("mean", "std"))
    if not (len(mean) == len(std) == shape[0]):
        raise DamagedError("its mean and deviation are not those of its channels")
    return TrainedNetwork(design, int(about["seed"]), str(about["dataset"]), mean, std, weights)
