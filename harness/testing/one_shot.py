"""The public check that one-shot methods keep the rules, on a search of a few signals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from harness import registry
from harness.guard import refusals, running
from harness.one_shot import SPLITS, OneShot, SearchData
from harness.spaces import named
from harness.testing.honesty import OPENS_NOTHING, global_generators
from harness.testing.rules import Rules, same
from harness.training import recipe

EPOCHS, ITEMS = 2, {"train": 40, "valid": 24}


def few_signals() -> SearchData:
    """Return noisy signals of four classes, for networks of four channels."""
    rng = np.random.default_rng(0)
    shapes = rng.normal(size=(4, 1, 1, 12))
    labels = {split: np.arange(ITEMS[split]) % 4 for split in SPLITS}
    images = {
        split: (shapes[label] + 0.5 * rng.normal(size=(len(label), 1, 1, 12))).astype(np.float32)
        for split, label in labels.items()
    }
    micro = recipe.load("micro").but(channels=4).as_dict()
    return SearchData("nb201", micro, images, labels, 4, np.zeros(1, np.float32), np.ones(1, np.float32))


def check_one_shot(factory: type[OneShot], hyperparameters: Mapping[str, Any] | None = None) -> list[str]:
    """Check a one-shot method on two epochs of a small search.

    Parameters
    ----------
    factory : type
    hyperparameters : mapping, optional
        In place of defaults.

    Returns
    -------
    list of str
        The rules that it keeps.

    Raises
    ------
    HarnessError
        Names the first rule that it breaks.
    """
    rules, given = Rules(f"one-shot method {factory.__name__}"), dict(hyperparameters or {})
    space, data = named.space(factory.takes[0]), few_signals()
    rules("hyperparameters are plain data", json.dumps(factory.known()))
    before = global_generators()
    with refusals() as refused, running(f"the one-shot method {factory.__name__}"):
        method, twin = (factory(space, data, np.random.default_rng(1), EPOCHS, **given) for _ in range(2))
        spent = [method.epoch() for _ in range(EPOCHS) if not method.finished]
        first = twin.epoch()
        state = {name: np.array(value) for name, value in twin.state().items()}
        archs, drawn = method.recommend(), method.rng.bit_generator.state
        rules("recommend and inherited draw nothing", same(method.recommend(), archs))
        sample = space.sample(3, np.random.default_rng(2))
        found = np.asarray(method.inherited(sample))
        rules("recommend and inherited draw nothing", method.rng.bit_generator.state == drawn)
        percents = found.shape == (3,) and bool((((found >= 0) & (found <= 100)) | np.isnan(found)).all())
        percents = percents and bool(np.isfinite(method.inherited(archs)).all())
        backwards = np.asarray(method.inherited(sample[::-1]))
        rules("inherited accuracies are percents, whatever else is asked", percents and same(backwards, found[::-1]))
        again = factory(space, data, np.random.default_rng(9), EPOCHS, **given)
        again.restore(state)
        if len(spent) == EPOCHS:
            more = again.epoch()
            rules("a state continues to the same cost", more.macs == spent[1].macs)
            rules("a state continues to the same recommendation", same(again.recommend(), archs))
            kept, other = method.state(), again.state()
            rules("a state continues to the same bits", all(same(value, other[name]) for name, value in kept.items()))
    rules("costs are finite, above 0 and the same each time", first.macs == spent[0].macs and 0 < first.macs < np.inf)
    rules("recommend gives a row for each derivation", archs.shape == (len(factory.derivations), space.genes))
    rules("recommend gives valid architectures", space.is_valid(archs))
    rules("it draws from the generator it is given alone", global_generators() == before)
    rules(OPENS_NOTHING, not refused, ", ".join(refused))
    return list(dict.fromkeys(rules.kept))


def check_named(name: str) -> list[str]:
    """Check a one-shot method by its name or as ``"path/to/file.py:Class"``."""
    return check_one_shot(registry.one_shot(name))
