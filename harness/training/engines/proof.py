"""Proofs of levels: a small training of two networks at a level, compared with R0's tensor by tensor.

An evaluation, two steps, of a full batch and of a partial one, an evaluation, and one with drawn statistics.  Up to the
first update losses and running statistics are continuous functions of the initial weights, so that only rounding may
separate them from R0's.  What rounding does to each tensor is measured: R0 trains a second time from weights that are
moved by the level's precision.  Gradients, and what follows from them, may also jump where a feature map is within
rounding of ReLU's kink.  R0 trains on the CPU, whatever the device is.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from harness.checks import Archs
from harness.seeding import generator
from harness.training import networks
from harness.training.data.dataset import SPLITS, Dataset
from harness.training.engines.engine import Engine, Level, Task, never
from harness.training.engines.reference import ReferenceEngine, ReferenceLevel
from harness.training.schedule import Member

BATCH, CELLS = 32, 2
"""Images of a batch, and cells of a stage, that the small training has at most."""
ROUNDINGS = {torch.float32: 64.0, torch.bfloat16: 6.0}
"""How many times the measured rounding is allowed: in fp32 sums of many terms round at every addition, maps in bf16 are
rounded once and summed in fp32."""
KINK = 0.1
"""How far gradients may be off, in parts of their norm, because some feature maps are on the other side of zero."""
_GENTLY = 0.1
"""A small step passes on so much of that to statistics."""
FEW = 2
"""Images by which numbers of right answers may differ."""
_RICH = {"nb201": ((3, 3, 2, 4, 1, 3), (2, 1, 4, 2, 3, 2))}
"""Two cells with all operations between them, no dead edge, and two equal convolutions out of one node."""


@dataclass(frozen=True)
class _Seen:
    """A network at some moment, in flat float64 tensors on the CPU.

    Attributes
    ----------
    values : dict of str to (n,) Tensor
        Parameters and running statistics ("model.NAME"), momentum ("momentum.NAME").
    changes : dict of str to (n,) Tensor
        The same, less what they were at the start.
    losses, right : dict of str to float
        Cross-entropy of an image, and the share of right answers, in splits.
    """

    values: dict[str, Tensor]
    changes: dict[str, Tensor]
    losses: dict[str, float]
    right: dict[str, float]


_MOMENTS = ("before the first step", "after a step", "after two steps", "with drawn statistics")


class Trial:
    """A small task like a given one, two networks for it, and what R0 makes of them.

    Parameters
    ----------
    task : Task
        The result does not depend on its images, only on their shape and type.
    """

    def __init__(self, task: Task) -> None:
        recipe = task.recipe
        small = recipe.but(
            name="proof",
            epochs=1,
            batch_size=min(recipe.batch_size, BATCH),
            cells=min(recipe.cells, CELLS),
            learning_rate=0.02,
            weight_decay=0.1 if recipe.weight_decay else 0.0,  # so large that it shows
        )
        images = small.batch_size + (small.batch_size + 1) // 2
        self.task = replace(task, recipe=small, dataset=like(task.dataset, images))
        one, other = _RICH.get(task.network) or [tuple(arch.tolist()) for arch in drawn(task.network, 2)]
        self._pairs = [Member(one, 0), Member(other, 0)], [Member(one, 0), Member(one, 1)]
        self._references: dict[tuple[Member, float], list[_Seen]] = {}

    def fault(self, level: Level) -> str:
        """Say in a line what is wrong with a level; "" if it agrees with R0.

        Whatever is raised counts as a fault.  The networks are packed where the level packs any.
        """
        try:
            members = next((pair for pair in self._pairs if len(level.packs(pair, self.task)) == 1), self._pairs[0])
            found: dict[int, list[_Seen]] = {}
            with level.kernels():
                for pack in level.packs(members, self.task):
                    engine = level.engine([members[position] for position in pack], self.task)
                    starts = [self._start(members[position]) for position in pack]
                    found |= dict(zip(pack, _trained(engine, starts), strict=True))
        except Exception as error:  # noqa: BLE001 - a compiler, a driver or a kernel may raise anything
            return f"it raised {type(error).__name__}: {_first_line(error)}"
        finally:
            self.free()
        faults = [
            (excess, f"{text}, in network {position + 1} of {len(members)}")
            for position, member in enumerate(members)
            for excess, text in self._faults(level.precision(self.task), found[position], member)
        ]
        return max(faults)[1] if faults else ""

    def free(self) -> None:
        """Give back the device's memory."""
        gc.collect()  # a graph and its engine hold each other
        if self.task.device.type == "cuda":
            torch.cuda.empty_cache()

    def _start(self, member: Member) -> dict[str, Tensor]:
        return {f"model.{name}": _flat(value) for name, value in self.task.build(member).state_dict().items()}

    def _reference(self, member: Member, moved: float = 0.0) -> list[_Seen]:
        """Train a network at R0, from weights of which each is multiplied by a random factor within 1 +- `moved`."""
        if (member, moved) not in self._references:
            with ReferenceLevel().kernels():
                engine = ReferenceEngine(member, replace(self.task, device=torch.device("cpu")))
                with torch.no_grad():
                    rng = torch.Generator().manual_seed(0)
                    for parameter in engine.parameters if moved else ():
                        parameter.mul_(1 + moved * (2 * torch.rand(parameter.shape, generator=rng) - 1))
                start = {name: _flat(value) for name, value in engine.network(0).items() if name.startswith("model.")}
                self._references[member, moved] = _trained(engine, [start])[0]
        return self._references[member, moved]

    def _faults(self, precision: torch.dtype, found: list[_Seen], member: Member) -> Iterator[tuple[float, str]]:
        """Yield what is off by more than is allowed: how many times as much, and in words."""
        unit, times = torch.finfo(precision).eps / 2, ROUNDINGS[precision]
        exact, moved = self._reference(member), self._reference(member, unit)
        learns = {name[9:] for name, value in exact[-1].values.items() if name[:9] == "momentum." and value.any()}
        layers = {name.rpartition(".")[0] for name in learns}
        descent = abs(exact[-1].losses["valid"] - exact[0].losses["valid"])
        for moment, (seen, expected, near) in enumerate(zip(found, exact, moved, strict=True)):
            when, scales = _MOMENTS[moment], _scales(expected.changes)
            for name, change in expected.changes.items():
                kind, _, tensor = name.partition(".")
                if tensor.rpartition(".")[0] not in layers:
                    continue  # nothing reaches it; R0 does not even decay it
                got = seen.changes.get(name)
                if got is None or got.shape != change.shape:
                    yield math.inf, f"{when} there is no {_words(name)}"
                    continue
                size = float(change.norm()) + scales[_family(name)] * math.sqrt(len(change))
                rounding = float((near.changes[name] - change).norm()) + unit * (
                    size + float(expected.values[name].norm())
                )
                kink = KINK if kind == "momentum" or tensor in learns else (moment > 1) * KINK * _GENTLY
                allowed = times * rounding + kink * size
                off = float((got - change).norm())
                if not off <= allowed:
                    yield _excess(off, allowed), f"{when} {_words(name)} is off R0's by {_parts(off, allowed, size)}"
            for split, loss in expected.losses.items():
                allowed = times * (abs(near.losses[split] - loss) + 2 * unit * loss) + (moment == 2) * KINK * descent
                off = abs(seen.losses[split] - loss)
                if not off <= allowed:
                    parts = _parts(off, allowed, loss)
                    yield _excess(off, allowed), f"{when} the loss in '{split}' is off R0's by {parts}"
                few = FEW / len(self.task.dataset.labels[split]) + times * unit
                off = abs(seen.right[split] - expected.right[split])
                if not off <= few:
                    text = f"{when} {100 * off:.0f} % of the answers in '{split}' are judged otherwise"
                    yield _excess(off, few), text


def _trained(engine: Engine, starts: list[dict[str, Tensor]]) -> list[list[_Seen]]:
    """Train an epoch; return each network at every one of `_MOMENTS`."""
    moments = [_looked_at(engine, starts, {"valid": _evaluated(engine)})]
    engine.sums.zero_()
    engine.begin(0)
    engine.step(0, 0)
    moments.append(_looked_at(engine, starts, {"train": engine.sums.cpu()}))
    for step in range(1, engine.task.steps):
        engine.step(0, step)
    moments.append(_looked_at(engine, starts, {"train": engine.sums.cpu(), "valid": _evaluated(engine)}))
    for position, start in enumerate(starts):
        _draw(engine.network(position), start)
    moments.append(_looked_at(engine, starts, {"valid": _evaluated(engine)}))
    return [list(member) for member in zip(*moments, strict=True)]


@torch.no_grad()
def _draw(live: Mapping[str, Tensor], start: Mapping[str, Tensor]) -> None:
    """Give a network its first weights again, and normalisations that are no more alike."""
    for name, value in start.items():
        if name in live:
            drawn = value.clone()
            if name.endswith((".norm.weight", ".norm.bias", ".running_mean", ".running_var")):
                drawn += torch.from_numpy(generator(0, "proof", "drawn", name).uniform(-0.5, 0.5, len(value)))
            live[name].copy_(drawn.reshape(live[name].shape))


def _evaluated(engine: Engine) -> Tensor:
    sums = engine.evaluate("valid", never)
    assert sums is not None, "never interrupted"  # noqa: S101 - a fault of ours
    return torch.from_numpy(sums)


def _looked_at(engine: Engine, starts: list[dict[str, Tensor]], sums: Mapping[str, Tensor]) -> list[_Seen]:
    seen = []
    for position, start in enumerate(starts):
        values = {name: _flat(value) for name, value in engine.network(position).items()}
        changes = {name: value - start[name] if name in start else value for name, value in values.items()}
        images = {split: len(engine.task.dataset.labels[split]) for split in sums}
        losses = {split: float(each[position, 0]) / images[split] for split, each in sums.items()}
        right = {split: float(each[position, 1]) / images[split] for split, each in sums.items()}
        seen.append(_Seen(values, changes, losses, right))
    return seen


def _scales(changes: Mapping[str, Tensor]) -> dict[str, float]:
    """Return the root mean squares of the tensors of each family: what cancels to nothing still rounds like these."""
    families: dict[str, list[Tensor]] = {}
    for name, change in changes.items():
        families.setdefault(_family(name), []).append(change)
    return {family: float(torch.cat(parts).square().mean().sqrt()) for family, parts in families.items()}


def _family(name: str) -> str:
    """Return what a tensor is in any layer, for example "momentum norm.weight"."""
    return f"{name.partition('.')[0]} {'.'.join(name.rsplit('.', 2)[-2:])}"


def _words(name: str) -> str:
    kind, _, rest = name.partition(".")
    return f"the momentum of '{rest}'" if kind == "momentum" else f"'{rest}'"


def _excess(off: float, allowed: float) -> float:
    return off / allowed if math.isfinite(off) and allowed > 0 else math.inf


def _parts(off: float, allowed: float, size: float) -> str:
    if not math.isfinite(off):
        return "an infinite amount or NaN"
    share = 100 / size if size else math.inf
    return f"{off * share:.3g} % (rounding explains {allowed * share:.2g} %)"


def _first_line(error: BaseException) -> str:
    line = next(iter(str(error).strip().splitlines()), "")
    return line if len(line) <= 120 else line[:117] + "..."


def _flat(value: Tensor) -> Tensor:
    return value.detach().to("cpu", torch.float64).reshape(-1).clone()


def like(dataset: Dataset, images: int) -> Dataset:
    """Return made-up images of a dataset's shape and type: `images` to train on, and a few more to validate on."""
    rng = generator(0, "proof", "images", *dataset.shape)
    sizes = dict(zip(SPLITS, (images, images + 3, 1), strict=True))
    made = {}
    for split, size in sizes.items():
        pixels = dataset.mean[:, None, None] + dataset.std[:, None, None] * rng.standard_normal((size, *dataset.shape))
        dtype = dataset.images["train"].dtype
        made[split] = np.clip(np.rint(pixels), 0, 255).astype(dtype) if dtype == np.uint8 else pixels.astype(dtype)
    labels = {split: rng.integers(0, dataset.classes, size) for split, size in sizes.items()}
    return replace(dataset, name="proof", images=made, labels=labels)


def drawn(network: str, count: int) -> Archs:
    """Return architectures of a kind of network, the same ones every time: (count, L)."""
    cardinalities = networks.kind(network).cardinalities
    archs: Archs = generator(0, "proof", "cells", network).integers(0, cardinalities, (count, len(cardinalities)))
    return archs
