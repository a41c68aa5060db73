"""Spaces, items and tasks of one's own in files that are changed: read and used as searches and trainings use them."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import numpy as np

from harness import registry
from harness.files.whole import HOME_VARIABLE
from harness.records import Proposals
from harness.spaces import named
from harness.training import data as datasets
from tests.fuzz.kinds.experiments import toml
from tests.fuzz.kinds.trainings import EnoughError, at_most
from tests.fuzz.mutations import NASTY_VALUES, of_array, of_bytes, of_data, of_text
from tests.fuzz.runner import ChangedError, Draw, Kind, command

GENES = """name = "layers"

[genes]
layers = [1, 2, 3]
width_1 = { values = [8, 16, 32], ordinal = true }
width_2 = { from = 8, to = 32, step = 8, when = { layers = [2, 3] } }
activation = ["relu", "tanh"]
bias = { values = [true, false], when = { activation = "relu", layers = 3 } }
"""
CELLS = """name = "three-nodes"

[cells]
nodes = 3
operations = ["none", "skip_connect", "nor_conv_3x3", "max_pool_3x3"]
edges = [[0, 1], [0, 2], [1, 2]]
"""
TABLE = """name = "mine"
title = "Cells of three nodes"
space = "space.toml"
dataset = "items.npz"
architectures = 4
seeds = [0, 1]
margin_percent = 2.0
recipe_changes = { epochs = 2, channels = 4, batch_size = 20 }
dataset_options = { valid = 0.2, test = 0.2 }
"""


class Spaces(Kind):
    """Search spaces in TOML files, and descriptions of tables that are trained in them."""

    name = "spaces"
    weight = 1.0

    def prepare(self, folder: Path) -> None:
        """Make items."""
        self.items = _items()

    def run(self, draw: Draw, index: int, folder: Path) -> str:
        """Read a space, draw of it, and write and read what was drawn; or read the description of a table."""
        text = draw.choice((GENES, CELLS, TABLE))
        path = folder / ("table.toml" if text == TABLE else "space.toml")
        (folder / "space.toml").write_text(CELLS)
        np.savez(folder / "items.npz", **self.items)
        path.write_bytes(_changed(draw, text))
        os.environ[HOME_VARIABLE] = str(folder / "home")
        try:
            with at_most(6.0):
                if text == TABLE:
                    benchmark = registry.benchmark(str(path))
                    return f"a table of {benchmark.space.name}: {command('describe', str(path))}"
                return self._used(named.space(str(path)))
        except EnoughError:
            return "left off"

    @staticmethod
    def _used(space: Any) -> str:
        rng = np.random.default_rng(0)
        archs = space.sample(8, rng)
        if archs.shape != (8, space.genes) or not space.is_valid(archs).all():
            raise ChangedError("what a space draws is none of it")
        again = space.parse(space.format(archs))
        if not np.array_equal(space.key(again, "exact"), space.key(archs, "exact")):
            raise ChangedError(f"{space.format(archs)[0]!r} is another architecture when it is read again")
        for other in (space.mutate(archs, rng), space.crossover(archs, archs[::-1], rng), space.neighbours(archs[0])):
            if not space.is_valid(other).all():
                raise ChangedError("what a space changes an architecture to is none of it")
        space.features(archs, "one_hot")
        named.describe(space)
        if named.content_of(named.space(named.content_of(space))) != named.content_of(space):
            raise ChangedError("a space is another one when its content is read again")
        return f"a space of {space.genes} genes"


def _items() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    labels = np.array(["a", "b", "c"])[np.arange(60) % 3]
    return {"X": rng.integers(0, 255, (60, 8, 8)).astype(np.uint8), "y": labels}


def _changed(draw: Draw, text: str) -> bytes:
    way = draw.random()
    if way < 0.15:
        return of_bytes(draw, text.encode())
    if way < 0.4:
        return of_text(draw, text).encode("utf-8", "surrogatepass")
    return toml(of_data(draw, tomllib.loads(text))).encode("utf-8", "surrogatepass")


class Items(Kind):
    """Items and labels in files of arrays and in folders of images."""

    name = "items"
    weight = 1.0

    def prepare(self, folder: Path) -> None:
        """Make items as arrays and as images."""
        from PIL import Image

        self.arrays = [_items()]
        whole = self.arrays[0]
        splits = np.array(["train", "train", "valid", "test"])[np.arange(60) % 4]
        self.arrays.append(whole | {"split": splits})
        parts = {"train": whole["X"][:30], "val": whole["X"][30:40], "test": whole["X"][40:]}
        labels = {"train": np.arange(30) % 2, "val": np.arange(10) % 2, "test": np.arange(20) % 2}
        self.arrays.append(
            {f"X_{split}": items / 255.0 for split, items in parts.items()}
            | {f"y_{split}": labels[split] for split in parts}
        )
        self.images = {}
        for number in range(24):
            kind, mode = ("png", "bmp", "gif", "jpeg")[number % 4], ("L", "RGB")[number % 2]
            path = folder / f"{number}.{kind}"
            Image.fromarray(whole["X"][number]).convert(mode).save(path)
            self.images[f"{'abc'[number % 3]}/{path.name}"] = path.read_bytes()

    def run(self, draw: Draw, index: int, folder: Path) -> str:
        """Read a dataset; what is accepted has finite items and labels of its classes."""
        options: dict[str, Any] = {}
        if draw.random() < 0.2:
            name = draw.choice(("layout", "shape", "size", "valid", "test", "seed", "flip", "padding", "other"))
            nice = {"layout": "NHW", "shape": [8, 8], "size": [8, 8], "valid": 0.3, "test": 0.1, "padding": 2}
            options[name] = draw.choice((nice.get(name, 1), draw.choice(NASTY_VALUES), [4, 4], 0.5))
        if draw.random() < 0.6:
            path = folder / "items.npz"
            arrays = dict(draw.choice(self.arrays))
            for _ in range(draw.edits(1, 2)):
                key = draw.choice(sorted(arrays))
                if draw.random() < 0.15:
                    arrays[draw.choice(("labels", "x", "split", "a", "y_test"))] = arrays.pop(key)
                else:
                    arrays[key] = of_array(draw, arrays[key])
            np.savez(path, **arrays)
            if draw.random() < 0.2:
                path.write_bytes(of_bytes(draw, path.read_bytes()))
        else:
            path = folder / "pictures"
            changed = draw.choice(list(self.images))
            for name, content in self.images.items():
                place = path / (of_text(draw, name).replace("\0", "")[:60] if draw.random() < 0.03 else name)
                if not place.resolve().is_relative_to(path.resolve()) or place.is_dir():
                    continue
                try:
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.write_bytes(of_bytes(draw, content) if name == changed else content)
                except (OSError, UnicodeError):
                    continue  # no name of a file
        made = datasets.load(str(path), **options)
        for split, items in made.images.items():
            labels = made.labels[split]
            if len(items) != len(labels) or not np.isfinite(items.astype(float)).all():
                raise ChangedError(f"the {split} items are not finite, or not as many as their labels")
            if len(labels) and not 0 <= labels.min() <= labels.max() < made.classes:
                raise ChangedError(f"labels from {labels.min()} to {labels.max()} of {made.classes} classes")
        again = datasets.load(str(path), **options)
        if again.sha256 != made.sha256:
            raise ChangedError("the same data are another dataset when they are read again")
        return made.description


TASK = {
    "space": "Genes(width=[1, 2, 4, 8], rate=np.geomspace(1e-4, 1e-1, 4), depth=When(range(1, 5), width=[4, 8]))",
    "columns": '(Column("valid_accuracy", "percent", "maximise", "validation", best=100.0),'
    ' Column("test_accuracy", "percent", "maximise", "test"))',
    "fidelities": "(1, 3)",
    "continues": "True",
    "seeds": "2",
    "timeout_seconds": "5",
    "processes": "1",
    "batch": "1",
    "libraries": '("numpy",)',
    "title": '"A task"',
    "fidelity_unit": '"epochs"',
}
RETURNED = '{"valid_accuracy": 50.0 + config["width"], "test_accuracy": 40.0}'
_WORDS = (
    "None",
    "[]",
    "()",
    "0",
    "-1",
    "1.5",
    "True",
    "'a'",
    "float('nan')",
    "1e9",
    "2**40",
    "[3, 1]",
    "(1, 1)",
    "{}",
    "'nb201'",
    "range(0)",
    "np.arange(3)",
    "np.zeros((2, 2))",
    "Genes()",
    "Genes(a=[])",
    "Genes(a=[1, 1])",
    "Genes(a=[1, 'b', None])",
    "Genes(a=When([1, 2], b=1), b=[1])",
    "Genes(a=[1], b=When([1, 2], a=2))",
    "Genes(**{'a b': [1, 2]})",
    "Genes(a=range(10**6))",
    "Genes(a=[float('nan'), 1.0])",
    "(Column('a', 'percent', 'up', 'validation'),)",
    "[Column('a', '', 'maximise', '')] * 2",
    "(Column('a', 1, 'maximise', 'validation'),)",
    "(Column('test', 'percent', 'maximise', 'test'),)",
    "(Column('a', 'percent', 'maximise', 'validation', best='b'),)",
    "lambda: 1",
    "print",
    "1 / 0",
)
_RESULTS = (
    "None",
    "1.0",
    "{}",
    "{'valid_accuracy': 1.0}",
    "{'valid_accuracy': float('nan'), 'test_accuracy': 1.0}",
    "config",
    "{'valid_accuracy': np.ones(3), 'test_accuracy': 'a'}",
    "1 / 0",
    "__import__('os')._exit(3)",
    "'a' * 10**7",
    "lambda: 1",
    "{'valid_accuracy': 10**400, 'test_accuracy': 1j}",
    "{1: 2}",
    "print('x' * 10**6)",
    "(_ for _ in ())",
    "exit()",
    "__import__('os').write(1, b'junk' * 100)",
    "__import__('os').kill(__import__('os').getpid(), 11)",
    RETURNED,
)


class Tasks(Kind):
    """Classes of tasks with other settings, which train what nobody expects."""

    name = "tasks"
    weight = 0.05

    def run(self, draw: Draw, index: int, folder: Path) -> str:
        """Open a task and have two choices trained."""
        said, returned = dict(TASK), RETURNED
        trains = draw.random() < 0.25
        for _ in range(draw.edits(1, 2)):
            if trains and draw.random() < 0.7:
                returned = draw.choice(_RESULTS)
            else:
                key = draw.choice(list(said))
                said[key] = draw.choice(_WORDS) if draw.random() < 0.8 else of_text(draw, said[key]).replace("\0", "")
        if draw.random() < 0.2:
            del said[draw.choice(list(said))]
        lines = "\n".join(f"    {key} = {value}" for key, value in said.items())
        head = "import numpy as np\nfrom harness import Column, Genes, Task, When\n\n\nclass Tiny(Task):\n"
        body = f"    def train(self, config, seed, fidelity):\n        return {returned}\n"
        (folder / "task.py").write_text(f"{head}{lines}\n\n{body}", encoding="utf-8", errors="replace")
        os.environ[HOME_VARIABLE] = str(folder / "home")
        name = f"{folder / 'task.py'}:Tiny"
        benchmark = registry.benchmark(name)
        archs = benchmark.space.sample(2, np.random.default_rng(0))
        benchmark.space.parse(benchmark.space.format(archs))
        if not trains:
            return command("describe", name)
        full = len(benchmark.fidelities) - 1
        told = benchmark.query(Proposals.of(archs, full), noise_seed=np.zeros(2, dtype=np.uint64))
        return f"{told.objectives.tolist()}"
