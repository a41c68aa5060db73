"""Specs of work that trains, changed: one-shot methods, sizes of networks, live benchmarks."""

from __future__ import annotations

import signal
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks_data import provider
from benchmarks_data.file import recorded
from harness import registry
from harness.experiments import prepare as preparing
from harness.experiments import supernets
from harness.experiments.kind import kind_of
from harness.experiments.schema import from_dict, load
from harness.experiments.store import write_unit
from harness.spaces.named import NETWORKS
from harness.spaces.nb201.operations import OPERATIONS
from harness.training.supernets.subnets import STATISTICS
from strategies.one_shot.grid import FADINGS, TEMPERATURES
from strategies.one_shot.latency import LOSSES
from strategies.one_shot.paths import ANNEALING, CHOICES
from strategies.one_shot.samplers import SAMPLERS
from strategies.one_shot.smoothing import PERTURBATIONS
from strategies.one_shot.stopping import STOPS
from tests.fuzz.kinds.experiments import toml
from tests.fuzz.mutations import NASTY_NUMBERS, NASTY_VALUES, of_bytes, of_data, of_text
from tests.fuzz.runner import ChangedError, Draw, Kind

SUPERNETS = """benchmarks = ["{table}"]
replicates = 2

[budget]
supernet_epochs = 2
evaluations = 3

[[strategies]]
name = "gdas"
hyperparameters = {{ batch_size = 30, frozen_epochs = 0 }}

[[strategies]]
name = "nash_inherited"
hyperparameters = {{ batch_size = 30, first_epochs = 1, child_epochs = 1, children = 2, morphisms = 1 }}

[[strategies]]
name = "random_search"
"""
SIZES = """benchmarks = ["{table}"]
replicates = 2
replicates_per_shard = 1

[scaling]
arch = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|"
phis = [0, 1, 2]
channels = 4
cells = 1
multiple = 4
epochs = 1

[[families]]
name = "width"

[[families]]
name = "compound"
label = "all"
depth = 1.2
width = 1.1
resolution = 1.4

[[families]]
name = "grid"
step = 0.2
"""
LEARNERS = """benchmarks = ["{table}"]
replicates = 4
replicates_per_shard = 2

[prediction]
sizes = [5, 10]
test_size = 20
search = 12

[[learners]]
name = "ridge"
"""
LIVE = """benchmarks = ["live-mnist1d-nb201"]
replicates = 1
objectives = ["valid_accuracy"]
constraints = ["params_m <= 0.05"]

[budget]
evaluations = 2
table_seed = "mean"

[[strategies]]
name = "random_search"
"""
BATCH, EPOCHS, ITEMS = 30, 2, 60


_WORDS: Mapping[str, Sequence[str]] = {
    "annealing": ANNEALING,
    "auxiliary_schedule": tuple(FADINGS),
    "chosen_by": CHOICES,
    "early_stop": STOPS,
    "latency_loss": LOSSES,
    "paths": ("uniform", "fair", "controller"),
    "perturbed_by": PERTURBATIONS,
    "sampler": tuple(SAMPLERS),
    "statistics": STATISTICS,
    "temperature_schedule": TEMPERATURES,
    "without": OPERATIONS,
    "name": ("width", "depth", "resolution", "compound", "grid"),
}
"""Words of hyperparameters."""


class EnoughError(BaseException):
    """So much processor time was spent on what may be a lot of work that it is left off."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Leave work off that takes longer: sound inputs may ask for hours."""

    def stop(number: int, frame: object) -> None:
        raise EnoughError

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)
        signal.signal(signal.SIGVTALRM, before)


def make(folder: Path, space: str = "nb201", most: int = 5**6) -> Path:
    """Write a table of cells with random numbers, and the data that they would be trained on."""
    from harness.training.data import exported
    from harness.training.data.packaged import mnist1d

    if not (folder / "small.npz").exists():
        exported.save(mnist1d(train=ITEMS, valid=BATCH, test=BATCH), folder / "small.npz")
    known, rng = provider.space(space), np.random.default_rng(0)
    archs = known.decode(np.arange(most, dtype=np.uint64)) if most == 5**6 else known.sample(most, rng)
    values = rng.uniform(50.0, 90.0, (len(archs), 2))
    named = ("valid_accuracy", "test_accuracy", "train_seconds")
    recorded.write(
        folder / f"{space}.h5",
        name=f"tiny-{space}",
        space=space,
        epochs=EPOCHS,
        archs=archs,
        about={},
        values=dict.fromkeys(named, values) | dict.fromkeys(("params", "macs"), values[:, 0]),
        training={
            "network": NETWORKS[space],
            "recipe": "micro",
            "dataset": str(folder / "small.npz"),
            "seeds": [0, 1],
            "margin_percent": 1.0,
            "recipe_changes": {"epochs": EPOCHS, "channels": 4},
        },
    )
    return folder / f"{space}.h5"


class Methods(Kind):
    """Specs of one-shot methods, of sizes and of live benchmarks: read, checked, and run where that is little work."""

    name = "methods"
    weight = 0.2

    def prepare(self, folder: Path) -> None:
        """Make a table and specs of it, and have each method built."""
        table = make(folder)
        self.tables = {space: str(make(folder, space, 20)) for space in ("darts", "elastic", "nats-size")}
        self.tables["nb201"] = str(table)
        self.texts = [text.format(table=table) for text in (SUPERNETS, SIZES, LIVE)]
        for text in self.texts[:2]:
            preparing.prepare(from_dict({"name": "fuzz", **tomllib.loads(text)}))
        self.methods = {name: registry.one_shot(name) for name in registry.names("one_shot")}
        registry.benchmark("live-mnist1d-nb201")

    def run(self, draw: Draw, index: int, folder: Path) -> str:
        """Read, check and run one spec."""
        path = folder / "spec.toml"
        path.write_bytes(self._content(draw))
        spec = load(path)
        if from_dict(spec.as_dict()) != spec and "nan" not in repr(spec):
            raise ChangedError("a spec that is written and read back is another one")
        if spec.replicates > 100 or len(spec.benchmarks) * len(spec.strategies) > 10:
            return "read"
        try:
            with at_most(5.0):
                ready = preparing.prepare(spec)
                units = [unit for _, unit in ready.shards.values()] if spec.kind != "search" else []
                chosen = [unit for unit in units if isinstance(unit, supernets.Training)] or units
                kind = kind_of(spec.kind)
                for unit in chosen[:1]:
                    if isinstance(unit, supernets.Training):
                        unit = replace(unit, epochs=min(unit.epochs, 3))
                    output = kind.run(unit)
                    write_unit(folder, kind, unit, output)
        except EnoughError:
            return f"left off: {spec.kind}"
        return f"{len(units)} units of {spec.kind}"

    def _content(self, draw: Draw) -> bytes:
        way, text = draw.random(), draw.choice(self.texts)
        if way < 0.05:
            return of_bytes(draw, text.encode())
        if way < 0.15:
            return of_text(draw, text).encode("utf-8", "surrogatepass")
        data = tomllib.loads(text)
        if way < 0.3:
            return toml(of_data(draw, data)).encode("utf-8", "surrogatepass")
        return toml(self._set(draw, data)).encode("utf-8", "surrogatepass")

    def _set(self, draw: Draw, data: dict[str, Any]) -> dict[str, Any]:
        """Change numbers of the keys that the kind of work knows, and methods."""
        if "budget" in data and "supernet_epochs" in data["budget"]:
            name = draw.choice(list(self.methods))
            known = self.methods[name].known()
            chosen = {"batch_size": BATCH} if "batch_size" in known else {}
            for _ in range(draw.edits(0, 4)):
                key = draw.choice(list(known))
                chosen[key] = _near(draw, known[key], _WORDS.get(key, ()))
            data["benchmarks"] = [self.tables[draw.choice(self.methods[name].takes)]]
            data["strategies"] = [{"name": name, "hyperparameters": chosen}]
            data["budget"] = {"supernet_epochs": draw.choice(NASTY_NUMBERS) if draw.random() < 0.1 else EPOCHS}
            return data
        for _ in range(draw.edits(0, 2)):
            if "scaling" in data:
                table = draw.choice([data["scaling"], *data["families"]])
            else:
                table = draw.choice([data, data["budget"]])
            if not table:
                continue
            key = draw.choice(list(table))
            table[key] = _near(draw, table[key], _WORDS.get(key, ()))
        return data


def _near(draw: Draw, value: Any, words: Sequence[str] = ()) -> Any:
    """Return another value, of the same type most of the time."""
    if draw.random() < 0.1:
        return draw.choice(NASTY_VALUES)
    match value:
        case bool():
            return not value
        case int():
            return draw.choice((0, 1, 2, 3, 5, 7, 29, 31, 60, 61, 1000, 10**6))
        case float():
            return draw.choice((0.0, 1e-300, 1e-12, 1e-3, 0.1, 0.5, 0.999, 1.0, 1.5, 10.0, 1e4, 1e30, 1e300))
        case list() | tuple() if words:
            return draw.sample(words, draw.randrange(len(words)))
        case list() | tuple():
            return [draw.choice((0, 1, 2, 3, 4, *value)) for _ in range(draw.choice((len(value), len(value), 0, 1, 7)))]
    return draw.choice(words or ("",))
