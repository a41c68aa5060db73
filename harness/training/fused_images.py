"""Networks of NAS-Bench-201 cells on images for all members of a pack: grouped convolutions and autograd.

Activations are (B, M C, H, W), a block of C channels for each member: a convolution of all members is a grouped one,
batch normalisation over M C channels is that of every member.  In bf16 autocast on CUDA; parameters, statistics,
classifier and loss stay in fp32.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from harness.checks import IntArray
from harness.training.networks.nb201 import POOL
from harness.training.networks.operations import EPSILON, MOMENTUM, Geometry
from harness.training.pack_weights import PackWeights, Slots
from harness.training.wave_plan import KERNELS, NODES, Bucket, Plan, Problem


def image_slots(plan: Plan, problem: Problem) -> Slots:
    """Return what a pack of networks on images stores."""
    everybody = np.arange(plan.members, dtype=np.int64)
    slots, widths, geometry = Slots(), problem.widths, Geometry(signal=problem.shape[1] == 1)
    three = geometry.size(3)
    slots.conv_norm("stem", (widths[0], problem.shape[0], *three), widths[0], everybody, ["stem"])
    for stage, width in enumerate(widths):
        if stage:
            _reduction_slots(slots, problem, stage, three, everybody)
        for cell in range(problem.recipe.cells):
            prefix = f"stages.{stage}.{cell}"
            for bucket in plan.buckets:
                if bucket.is_convolution:
                    outputs = width * len(bucket.targets)  # siblings share their input: one convolution for all
                    shape = (outputs, width, *geometry.size(KERNELS[bucket.operation]))
                    names = [f"{prefix}.edges.{gene}" for gene in bucket.genes]
                    slots.conv_norm(f"{prefix}.{bucket.key}", shape, outputs, bucket.members, names)
    slots.head(widths[-1], problem.classes, everybody)
    return slots


def _reduction_slots(slots: Slots, problem: Problem, stage: int, three: tuple[int, int], everybody: IntArray) -> None:
    width, name = problem.widths[stage], f"reductions.{stage - 1}"
    if problem.recipe.reduction == "pool":
        slots.conv_norm(name, (width, width // 2, 1, 1), width, everybody, [name])
        return
    slots.conv_norm(f"{name}.a", (width, width // 2, *three), width, everybody, [f"{name}.a"])
    slots.conv_norm(f"{name}.b", (width, width, *three), width, everybody, [f"{name}.b"])
    slots.tensor(f"{name}.shortcut", (width, width // 2, 1, 1), everybody, [f"{name}.shortcut.weight"])


class ImageNetworks:
    """All members' networks, for batches of any size."""

    def __init__(self, plan: Plan, weights: PackWeights, problem: Problem, device: torch.device) -> None:
        self._plan, self._problem, self._weights, self._device = plan, problem, weights, device
        self._geometry = Geometry(signal=problem.shape[1] == 1)
        self._whole = {bucket.key: len(bucket.members) == plan.members for bucket in plan.buckets}
        self._index = {bucket.key: torch.from_numpy(bucket.members).to(device) for bucket in plan.buckets}
        self._values = {key: view.detach().requires_grad_() for key, view in weights.values.views.items()}
        for key, value in self._values.items():
            value.grad = weights.gradients.views[key]
        self._logits: Tensor | None = None

    def forward(self, images: Tensor, *, training: bool) -> Tensor:
        """Return logits (M, classes, B) float32 of normalised images (M or 1, B, C, H, W)."""
        members = self._plan.members
        block = images.expand(members, *images.shape[1:]).transpose(0, 1).flatten(1, 2)
        with (
            torch.set_grad_enabled(training),
            torch.autocast(self._device.type, torch.bfloat16, enabled=self._device.type == "cuda", cache_enabled=False),
        ):
            features = self._conv_norm("stem", block, training=training)
            for stage in range(len(self._problem.widths)):
                if stage:
                    features = self._reduce(f"reductions.{stage - 1}", features, training=training)
                for cell in range(self._problem.recipe.cells):
                    features = self._cell(f"stages.{stage}.{cell}", features, training=training)
            self._logits = self._classify(features, training=training)
        return self._logits.detach()

    def backward(self, logits_gradient: Tensor) -> None:
        """Write all gradients; once after a `forward` in training."""
        assert self._logits is not None, "the engine calls forward before"  # noqa: S101 - a fault of ours
        self._weights.gradients.flat.zero_()
        self._logits.backward(logits_gradient)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self._logits = None

    def _cell(self, key: str, features: Tensor, *, training: bool) -> Tensor:
        nodes = [features, *(torch.zeros_like(features) for _ in range(NODES - 1))]
        for wave in self._plan.waves:
            rectified: Tensor | None = None
            for bucket in wave:
                if bucket.is_convolution:
                    rectified = functional.relu(nodes[bucket.source]) if rectified is None else rectified
                    taken = self._take(rectified, bucket)
                    outputs = self._conv_norm(f"{key}.{bucket.key}", taken, training=training)
                    parts = outputs.view(len(outputs), len(bucket.members), len(bucket.targets), -1, *outputs.shape[2:])
                    terms = list(parts.unbind(2))
                else:
                    term = self._take(nodes[bucket.source], bucket)
                    if bucket.operation == POOL:
                        three, one = self._geometry.size(3), self._geometry.padding(3)
                        term = functional.avg_pool2d(term, three, 1, one, count_include_pad=False)
                    terms = [term.view(len(term), len(bucket.members), -1, *term.shape[2:])] * len(bucket.targets)
                for target, term in zip(bucket.targets, terms, strict=True):
                    nodes[target] = self._add(nodes[target], term, bucket)
        return nodes[-1]

    def _take(self, features: Tensor, bucket: Bucket) -> Tensor:
        """Return the members' blocks (B, E C, H, W)."""
        if self._whole[bucket.key]:
            return features
        return self._blocks(features).index_select(1, self._index[bucket.key]).flatten(1, 2)

    def _add(self, features: Tensor, term: Tensor, bucket: Bucket) -> Tensor:
        """Return features (B, M C, H, W) plus a term (B, E, C, H, W) in the members' blocks."""
        blocks = self._blocks(features)
        if self._whole[bucket.key]:
            return (blocks + term).flatten(1, 2)
        # In place: nothing of the sum so far was kept for the backward pass.
        return blocks.index_add_(1, self._index[bucket.key], term.to(blocks.dtype)).flatten(1, 2)

    def _blocks(self, features: Tensor) -> Tensor:
        return features.view(len(features), self._plan.members, -1, *features.shape[2:])

    def _conv_norm(self, key: str, features: Tensor, *, training: bool, stride: int = 1) -> Tensor:
        return self._norm(key, self._conv(f"{key}.conv", features, stride=stride), training=training)

    def _conv(self, key: str, features: Tensor, *, stride: int = 1) -> Tensor:
        """Convolve (B, E I, H, W) with the rows' own kernels to (B, E O, H, W)."""
        kernels = self._values[key]
        rows, kernel = len(kernels), kernels.shape[-1]
        if kernel == 1:  # a batched product: the libraries are slow at grouped 1x1 convolutions
            blocks = features.view(len(features), rows, -1, features.shape[2] * features.shape[3])
            out: Tensor = kernels.flatten(2) @ blocks
            return out.view(len(features), -1, *features.shape[2:])
        padding, strides = self._geometry.padding(kernel), self._geometry.size(stride)
        return functional.conv2d(features, kernels.flatten(0, 1), None, strides, padding, groups=rows)

    def _norm(self, key: str, features: Tensor, *, training: bool) -> Tensor:
        values, weights = self._values, self._weights
        mean, variance = weights.means.views[key].view(-1), weights.variances.views[key].view(-1)
        gain, bias = values[f"{key}.weight"].view(-1), values[f"{key}.bias"].view(-1)
        return functional.batch_norm(features, mean, variance, gain, bias, training, MOMENTUM, EPSILON)

    def _reduce(self, key: str, features: Tensor, *, training: bool) -> Tensor:
        two = self._geometry.size(2)
        halved = functional.avg_pool2d(features, two, two)
        if self._problem.recipe.reduction == "pool":
            return self._conv_norm(key, halved, training=training)
        deep = self._conv_norm(f"{key}.a", functional.relu(features), training=training, stride=2)
        deep = self._conv_norm(f"{key}.b", functional.relu(deep), training=training)
        return self._conv(f"{key}.shortcut", halved) + deep

    def _classify(self, features: Tensor, *, training: bool) -> Tensor:
        pooled = functional.relu(self._norm("head", features, training=training)).float().mean((2, 3))
        blocks = pooled.view(len(pooled), self._plan.members, -1).permute(1, 2, 0)
        with torch.autocast(self._device.type, enabled=False):
            bias = self._values["head.linear.bias"].unsqueeze(2)
            return torch.baddbmm(bias, self._values["head.linear.weight"], blocks)
