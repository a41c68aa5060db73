"""Trained networks and items in files that are changed, and what `build` is told."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import torch

from harness.training.exports import trained
from harness.training.exports.design import Design
from harness.training.exports.trained import TrainedNetwork
from tests.fuzz.kinds.trainings import at_most
from tests.fuzz.mutations import NASTY_NUMBERS, NASTY_TEXTS, of_array, of_bytes, of_data, of_text
from tests.fuzz.runner import ChangedError, Draw, Kind, command
from tests.harness.training.support import CELL, MICRO, pictures

CELL_TEXT = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|"
OPTIONS = {
    "--space": ("nb201", "nats-size", "darts", "micro-mnist1d", "elastic", "nb101", "asr", "live-mnist1d-nb201"),
    "--arch": (CELL_TEXT, "8:8:16:32:64", "8:8:8:8:8", "|none~0|"),
    "--classes": ("10", "2", "1", "100"),
    "--input": ("3x32x32", "1x40", "3x8x8", "1x1x40", "3x1x1", "3x4x4"),
    "--recipe": ("micro", "nb201", "a.toml"),
}


class Networks(Kind):
    """Trained networks and items, changed."""

    name = "networks"
    weight = 0.2

    def prepare(self, folder: Path) -> None:
        """Write a network, and items that it predicts."""
        data = pictures()
        design = Design("nb201", CELL, MICRO, data.shape, data.classes)
        weights = {f"model.{name}": value for name, value in design.build(seed=5).state_dict().items()}
        trained.save(folder / "net.pt", TrainedNetwork.of(design, 5, data, weights))
        self.content = (folder / "net.pt").read_bytes()
        self.items = {"images": data.images["test"], "labels": data.labels["test"]}
        self.true = trained.load(folder / "net.pt").predict(self.items["images"])

    def run(self, draw: Draw, index: int, folder: Path) -> str:
        """Build or predict; a network whose bytes changed is refused, or predicts the same."""
        (folder / "net.pt").write_bytes(self.content)
        np.savez(folder / "items.npz", **self.items)
        way = draw.random()
        if way < 0.25:
            (folder / "net.pt").write_bytes(of_bytes(draw, self.content))
            if not np.array_equal(trained.load(folder / "net.pt").predict(self.items["images"]), self.true):
                raise ChangedError("a damaged network was read, and predicts otherwise")
        elif way < 0.5:
            self._resave(draw, folder / "net.pt")
        elif way < 0.7:
            changed = {name: of_array(draw, array) for name, array in self.items.items() if draw.random() < 0.9}
            np.savez(folder / "items.npz", **changed)
            if draw.random() < 0.3:
                (folder / "items.npz").write_bytes(of_bytes(draw, (folder / "items.npz").read_bytes()))
        else:
            return self._build(draw)
        with at_most(8.0):
            if draw.random() < 0.3:
                return f"built: {command('build', '--weights', 'net.pt', 'network.py')}"
            return f"predicted: {command('predict', 'net.pt', 'items.npz', '--out', 'a.csv')}"

    def _resave(self, draw: Draw, path: Path) -> None:
        """Write the network with other weights, or other words about it."""
        saved = torch.load(io.BytesIO(self.content), weights_only=True)
        if draw.random() < 0.6:
            about = of_data(draw, json.loads(saved["about"]))
            saved["about"] = json.dumps(about)
        else:
            name = draw.choice(sorted(saved["weights"]))
            array = of_array(draw, saved["weights"][name].numpy())
            if array.dtype.kind in "fiub" and array.dtype != np.uint64:
                saved["weights"][name] = torch.from_numpy(array.copy())
        torch.save(saved, path)

    @staticmethod
    def _build(draw: Draw) -> str:
        told = {"--space": "nb201", "--arch": CELL_TEXT, "--classes": "10"}
        Path("a.toml").write_text("epochs = 2\nchannels = 4\ncells = 1\n", encoding="utf-8")
        for _ in range(draw.edits(1, 2)):
            option = draw.choice(list(OPTIONS))
            told[option] = draw.choice(OPTIONS[option])
            if draw.random() < 0.3:
                told[option] = of_text(draw, told[option])
            elif draw.random() < 0.2:
                told[option] = str(draw.choice((*NASTY_TEXTS[:12], *NASTY_NUMBERS)))
        if draw.random() < 0.2:
            told.pop(draw.choice(list(told)))
        words = [word.replace("\0", "") for option, value in told.items() for word in (option, value)]
        return f"built: {command('build', *words, draw.choice(('a.py', 'a.py', 'a')))}"
