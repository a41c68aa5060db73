"""What a GPU is for, on a bare machine: checks of the trainer's levels, then what they are worth; one command.

    PYTHONPATH=. python3 -m tests.bench.gpu --data DIR [--stage NAME ...] [--minutes 9]

Needs python 3.11, torch and numpy; nothing is installed, nothing is downloaded.  CIFAR-10 is given as a folder, or as
one exported .npz file.  Prints a table and keeps the figures of each stage, with device and versions, in
tests/bench/gpu.json.  What cannot run here (no CUDA, no data, a package, no time left) is skipped with a line that says
why.  ``--device cpu --tiny`` runs everything as small as possible to see that it runs.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

# cuBLAS reads it when it starts; without it the reference level is not deterministic and refuses.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

import numpy as np
import torch

from harness.errors import HarnessError
from harness.training import data as datasets
from harness.training.data.dataset import Dataset
from tests.bench import gpu_supernets, gpu_training
from tests.bench.figures import Row
from tests.bench.gpu_training import Bench, skipped

JSON = Path(__file__).with_name("gpu.json")
LEVELS = ("R0", "R1", "R2", "R3", "R4")
KNOWN = range(10, 150, 10)


def _is_here(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ValueError:  # it is kept from being imported
        return False


def tests(bench: Bench) -> Iterator[Row]:
    """Run the tests marked gpu, where pytest and what they import are here."""
    missing = [name for name in ("pytest", "hypothesis", "h5py", "pydantic") if not _is_here(name)]
    if bench.tiny or missing:
        yield skipped("tests marked gpu", f"not here: {', '.join(missing)}" if missing else "tiny")
        return
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "tests"], capture_output=True, text=True, check=False
    )
    summary = run.stdout.strip().splitlines()[-1:] or [run.stderr.strip()[-200:]]
    yield {"what": f"tests marked gpu: {summary[0]}", "value": run.returncode, "unit": "exit code", "target": "0"}


def surrogates(bench: Bench) -> Iterator[Row]:
    """Measure the learning of 500 BANANAS trials of 150 evaluations in lockstep."""
    try:
        from harness.spaces.nb201.space import NB201Space
        from harness.surrogate import Fit, Predict
        from surrogates.neural.ensemble import MLPEnsemble
    except ImportError as error:
        yield skipped("BANANAS in lockstep", f"{error.name} is not here")
        return
    count = 2 if bench.tiny else 500
    known = KNOWN[:1] if bench.tiny else KNOWN
    learner = MLPEnsemble(NB201Space(), device=bench.device)
    rngs = [np.random.default_rng(replicate) for replicate in range(count)]
    archs = [learner.space.sample(150, rng) for rng in rngs]
    targets = [5 + (rows == 0).sum(axis=1) * 7 + rng.random(150) for rows, rng in zip(archs, rngs, strict=True)]

    def learn(trials: int, sizes: Iterable[int]) -> None:
        for n in sizes:
            models = learner.fit_many([Fit(learner, archs[r][:n], targets[r][:n], rngs[r]) for r in range(trials)])
            pools = [Predict(models[r], learner.space.sample(100, rngs[r])) for r in range(trials)]
            models[0].predict_many(pools)

    learn(2, known[:1])
    began = time.perf_counter()
    learn(count, known)
    what = f"BANANAS, {count} trials of 150 evaluations in lockstep, all learning"
    yield {"what": what, "value": time.perf_counter() - began, "unit": "s", "target": "<= 60 at 500"}


STAGES: dict[str, Callable[[Bench], Iterator[Row]]] = {"tests": tests, **gpu_training.STAGES, "bananas": surrogates}
STAGES["supernets"] = gpu_supernets.supernets


def machine(device: str) -> dict[str, Any]:
    """Return device and versions."""
    cuda = torch.device(device).type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device) if cuda else "cpu",
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version() if cuda else None,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def keep(path: Path, stage: str, record: dict[str, Any]) -> None:
    """Put a stage's record into the file, beside those of other stages."""
    stages = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    path.write_text(json.dumps(stages | {stage: record}, indent=1) + "\n", encoding="utf-8")


def say(text: str) -> None:
    """Write a line at once, whatever stdout is."""
    sys.stdout.write(f"{text.rstrip()}\n")
    sys.stdout.flush()


def run_stage(name: str, bench: Bench, path: Path | None) -> bool:
    """Run a stage, print its rows as they come and keep them; return whether it failed, which stops no other."""
    say(f"== {name}")
    rows: list[Row] = []
    began, failure = time.perf_counter(), None
    try:
        for row in STAGES[name](bench):
            rows.append(row)
            value = "" if row["value"] != row["value"] else f"{row['value']:.4g}"
            say(f"{row['what']:<86} {value:>10} {row['unit']:<13} {row['target']}")
    except Exception as error:  # noqa: BLE001 - the figures of the other stages are worth having
        failure = f"{type(error).__name__}: {error}"
        say(f"{name} failed: {failure}")
    if path is not None:
        shown = [row | {"value": None if row["value"] != row["value"] else row["value"]} for row in rows]
        data = None if bench.data is None else {"sha256": bench.data.sha256, "about": bench.data.description}
        record = {"machine": machine(bench.device), "data": data, "tiny": bench.tiny, "failure": failure}
        keep(path, name, record | {"seconds": round(time.perf_counter() - began, 1), "figures": shown})
    return failure is not None


def options() -> argparse.ArgumentParser:
    """Return what the command takes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder of CIFAR-10's official batches, or one exported .npz file")
    parser.add_argument("--micro", default="mnist1d-hard", help="dataset of the micro table: a name or an .npz file")
    parser.add_argument(
        "--stage", nargs="+", choices=STAGES, default=list(STAGES), metavar="NAME", help=", ".join(STAGES)
    )
    parser.add_argument("--levels", nargs="+", choices=LEVELS, default=LEVELS, metavar="LEVEL")
    parser.add_argument("--minutes", type=float, default=9.0, help="start nothing new after so many (default 9)")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="as small as possible, to see that it runs")
    parser.add_argument("--json", type=Path, help="where to keep the figures (default: tests/bench/gpu.json on CUDA)")
    return parser


def cifar10(where: str | None) -> Dataset | None:
    """Return the dataset, or None with a line that says why it is not here."""
    if where is None:
        say("CIFAR-10 is not given (--data DIR): speed is measured on noise of its shape, acceptance is skipped")
        return None
    try:
        return datasets.load(where) if where.endswith(".npz") else datasets.load("cifar10", where)
    except HarnessError as error:
        say(f"CIFAR-10 was not read, what needs it is skipped: {error}")
        return None


def main(arguments: list[str] | None = None) -> int:
    """Run the stages asked for; return the exit code, 1 if one failed."""
    given = options().parse_args(arguments)
    began = time.perf_counter()
    device = torch.device(given.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        say("torch finds no CUDA device here: nothing was run. (--device cpu --tiny shows that the code runs.)")
        return 0
    path = given.json or (JSON if device.type == "cuda" and not given.tiny else None)
    data = cifar10(given.data)
    if data is not None and given.tiny:
        data = gpu_training.cut(data, 96, 64, 64)
    levels = tuple(level for level in LEVELS if level in given.levels)
    bench = Bench(given.device, given.tiny, levels, data, given.micro, deadline=began + 60 * given.minutes)
    say(", ".join(f"{key} {value}" for key, value in machine(given.device).items() if value is not None))
    failed = False
    for name in given.stage:
        if bench.late(name):
            say(f"== {name}: skipped, out of minutes")
            continue
        failed |= run_stage(name, bench, path)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
