"""The page about weight sharing: its table of methods is the registry's, and its parts of specs are understood."""

from __future__ import annotations

import re
import tomllib

from harness.experiments.kind import kind_of
from harness.experiments.schema import from_dict
from strategies import ONE_SHOT
from tests.paths import ROOT

TEXT = (ROOT / "docs" / "one-shot.md").read_text(encoding="utf-8")


def test_every_method_is_listed_in_the_order_of_the_mapping():
    assert re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE) == list(ONE_SHOT)


def test_parts_of_specs_name_methods_and_hyperparameters_that_there_are():
    parts = [tomllib.loads(part) for part in re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)]
    assert len(parts) >= 4
    around = {"name": "shared", "benchmarks": ["micro-mnist1d"], "budget": {"supernet_epochs": 64}}
    for part in parts:
        spec = from_dict({**around, **part})
        kind_of(spec.kind).check(spec)
