"""Records in the official layout of NATS-Bench with made-up numbers, for tests and for the bench."""

from __future__ import annotations

import bz2
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

MODELS = ("cifar10-valid", "cifar10", "cifar100", "ImageNet16-120")
SEEDS = {
    "tss": {"12": {"cifar10-valid": (111, 777)}, "200": {}},
    "sss": {"01": {}, "12": {}, "90": {}},
}
DEFAULT_SEEDS = {
    ("tss", "12"): (111,),
    ("tss", "200"): (777, 888, 999),
    ("sss", "01"): (777,),
    ("sss", "12"): (777, 888, 999),
    ("sss", "90"): (777,),
}


def covered(family: str, hp: str, model: str) -> dict[str, range]:
    """Return the epochs, from 0, after which each set was evaluated."""
    epochs = int(hp)
    every, last = range(epochs), range(epochs - 1, epochs)
    if model == "cifar10":
        return {"ori-test": every}
    if (family, hp) == ("tss", "200"):
        if model == "cifar10-valid":
            return {"x-valid": every, "ori-test": last}
        return {"ori-test": every, "x-valid": last, "x-test": last}
    if model == "cifar10-valid":
        return {"x-valid": every, "ori-test": every}
    return {"x-valid": every, "x-test": every, "ori-test": every}


def drawn(rng: np.random.Generator, scale: float) -> float:
    """Return a number as the files have them: a float32 that became a float."""
    return float(np.float32(scale * rng.random()))


def result(rng: np.random.Generator, family: str, hp: str, model: str, seed: int, text: str) -> dict[str, Any]:
    """Return one training run; every key of an evaluation is a text of its own, as in the files."""
    epochs = int(hp)
    sets = covered(family, hp, model)

    def evaluated(scale: float) -> dict[str, float]:
        return {f"{name}@{epoch}": drawn(rng, scale) for name, at in sets.items() for epoch in at}

    second = 5.0 + float(rng.random())
    return {
        "name": "infer.tiny",
        "net_state_dict": None,
        "train_acc1es": {epoch: drawn(rng, 100.0) for epoch in range(epochs)},
        "train_acc5es": None if hp == "200" else {epoch: drawn(rng, 100.0) for epoch in range(epochs)},
        "train_losses": {epoch: drawn(rng, 3.0) for epoch in range(epochs)},
        "train_times": OrderedDict((epoch, second) for epoch in range(epochs)),
        "arch_config": {"channel": 16, "num_cells": 5, "arch_str": text, "class_num": 10},
        "params": np.float64(rng.random()),
        "flop": float(rng.random()),
        "seed": f"{seed:04d}",
        "epochs": epochs,
        "latency": [np.float64(0.01 + 0.01 * rng.random())],
        "eval_names": list(sets),
        "eval_acc1es": evaluated(100.0),
        "eval_times": {f"{name}@{epoch}": 1.5 for name in sets for epoch in range(epochs)},
        "eval_losses": evaluated(3.0),
    }


def record(rng: np.random.Generator, family: str, index: int, text: str) -> OrderedDict[str, Any]:
    """Return the record of one architecture; `family` is "tss" or "sss"."""
    made: OrderedDict[str, Any] = OrderedDict()
    for hp, special in SEEDS[family].items():
        seeds = {model: special.get(model, DEFAULT_SEEDS[family, hp]) for model in MODELS}
        made[hp] = {
            "arch_index": index,
            "arch_str": text,
            "all_results": {
                (model, seed): result(rng, family, hp, model, seed, text)
                for model in MODELS
                for seed in reversed(seeds[model])
            },
            "dataset_seed": {model: list(listed) for model, listed in seeds.items()},
            "clear_net_done": True,
        }
    return made


def whole(records: dict[int, Any], names: list[str]) -> dict[str, Any]:
    """Return the content of a whole file."""
    return {
        "meta_archs": names,
        "total_archs": len(names),
        "arch2infos": records,
        "evaluated_indexes": set(records),
    }


def write_folder(folder: Path, records: dict[int, Any], names: list[str]) -> Path:
    """Write the folder of one file for each architecture."""
    folder.mkdir()
    write(folder / "meta.pickle.pbz2", whole({}, names) | {"arch2infos": None, "evaluated_indexes": set()})
    for index, content in records.items():
        write(folder / f"{index:06d}.pickle.pbz2", content)
    return folder


def write(path: Path, content: Any) -> Path:
    """Write a compressed pickle."""
    path.write_bytes(bz2.compress(pickle.dumps(content, protocol=4)))
    return path
