"""A small study of sizes: a few signals, one epoch, two families."""

from __future__ import annotations

from harness.experiments import scaling
from harness.experiments.schema import from_dict
from tests.harness.training.support import signals

ARCH = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|"


def spec(*families, **changes):
    scaled = {"arch": ARCH, "phis": [0, 1, 2], "channels": 4, "epochs": 1} | changes.pop("scaling", {})
    plain = {"name": "sizes", "benchmarks": ["micro-mnist1d"], "replicates": 3, "scaling": scaled, **changes}
    return from_dict({**plain, "families": [one if isinstance(one, dict) else {"name": one} for one in families]})


def small_data(monkeypatch):
    """Give a few signals of length 12 in place of the dataset, trained one network at a time, without proofs."""
    monkeypatch.setattr(scaling.datasets, "of", lambda setup: signals((40, 20, 20)))
    monkeypatch.setattr(scaling.datasets, "shape_of", lambda name, **options: ((1, 1, 12), 4))
    monkeypatch.setattr(scaling, "PACKED", "R0")
