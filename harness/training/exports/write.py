"""Files of networks: code with its weights beside it, or ONNX."""

from __future__ import annotations

from pathlib import Path

import torch

from harness.files.whole import replacing
from harness.training.exports import graph
from harness.training.exports.design import Design
from harness.training.exports.source import fill, module_of, names, source
from harness.training.exports.trained import TrainedNetwork


def write(out: Path, design: Design, trained: TrainedNetwork | None, made: str) -> list[Path]:
    """Write a network as torch code (``.py``) or ONNX (``.onnx``); return the files.

    Code has its weights beside it, under its own name with ``.pt``; without a training it has none.  ONNX without a
    training has the initial weights of the trainer's seed 0.

    Parameters
    ----------
    made : str
        How, for the notes in the file.

    Raises
    ------
    HarnessError
        If ONNX lacks its packages.
    """
    beside, notes = out.with_suffix(".pt"), [f"Written by {made}"]
    if trained is not None:
        notes = [*_about(trained), *notes]
    if out.suffix == ".onnx":
        network = module_of(source(design))
        fill(network, design.build().state_dict() if trained is None else trained.weights)
        facts = {"architecture": design.text, "space": design.known.name, "notes": "\n".join(notes)}
        graph.write(out, network, design.shape, facts)
        return [out]
    if trained is not None:
        notes.insert(
            -1, f"With its weights: network = Network().eval(); network.load_state_dict(torch.load('{beside.name}'))"
        )
    text = source(design, notes)
    if trained is not None:
        weights = {name: trained.weights[name].contiguous() for name in names(module_of(text))}
        with replacing(beside) as temporary:
            torch.save(weights, temporary)
    with replacing(out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return [out] if trained is None else [out, beside]


def _about(trained: TrainedNetwork) -> list[str]:
    mean, std = (", ".join(f"{value:g}" for value in part) for part in (trained.mean, trained.std))
    return [
        f"Weights: a training on {trained.dataset}, seed {trained.seed}.",
        f"Items are normalised, (raw - mean) / std of each channel: mean {mean}; std {std}.",
    ]
