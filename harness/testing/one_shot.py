"""The public check that one-shot methods keep the rules, on a search of a few signals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from harness import registry
from harness.errors import HarnessError, raised
from harness.experiments import answers
from harness.guard import refusals, running
from harness.one_shot import SPLITS, OneShot, SearchData, check_declared
from harness.spaces import named
from harness.testing.honesty import DRAWS_OWN, OPENS_NOTHING, global_generators
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
    rules = Rules(f"one-shot method {factory.__name__}")
    try:
        return _checked(rules, factory, dict(hyperparameters or {}))
    except HarnessError:
        raise
    except Exception as error:
        raise HarnessError(f"one-shot method {factory.__name__} fails; it raised\n{raised(error)}") from error


def _checked(rules: Rules, factory: type[OneShot], given: Mapping[str, Any]) -> list[str]:
    check_declared(factory)
    rules("its class says what it is: hyperparameters, spaces, derivations", True)
    space, data = named.space(factory.takes[0]), few_signals()
    before = global_generators()
    with refusals() as refused, running(f"the one-shot method {factory.__name__}"):
        method, twin = (factory(space, data, np.random.default_rng(1), EPOCHS, **given) for _ in range(2))
        rules("it is not finished before its first epoch", not method.finished)
        macs, told = list[float](), None
        while len(macs) < EPOCHS and not method.finished:
            macs.append(answers.trained(method)[0])
            told = answers.observed(method, told)
        rules("it tells known numbers, after every epoch the same ones", True)
        first, _ = answers.trained(twin)
        rules("costs are finite, above 0 and the same each time", first == macs[0])
        state = {name: np.array(value) for name, value in answers.state(twin).items()}
        archs, drawn = answers.recommended(method), method.rng.bit_generator.state
        rules("recommend gives a row for each derivation, of valid architectures", len(archs))
        rules("recommend and inherited draw nothing", same(answers.recommended(method), archs))
        sample = space.sample(3, np.random.default_rng(2))
        found = answers.inherited(method, sample)
        answers.inherited(method, archs, handed_over=True)
        rules("recommend and inherited draw nothing", method.rng.bit_generator.state == drawn)
        backwards = answers.inherited(method, sample[::-1])
        rules("inherited accuracies are percents, whatever else is asked", same(backwards, found[::-1]))
        again = factory(space, data, np.random.default_rng(9), EPOCHS, **given)
        again.restore(state)
        if len(macs) == EPOCHS:
            more, _ = answers.trained(again)
            rules("a state continues to the same cost", more == macs[1])
            rules("a state continues to the same recommendation", same(answers.recommended(again), archs))
            kept, other = answers.state(method), answers.state(again)
            rules("a state continues to the same bits", sorted(kept) == sorted(other))
            rules("a state continues to the same bits", all(same(value, other[name]) for name, value in kept.items()))
    rules(DRAWS_OWN, global_generators() == before)
    rules(OPENS_NOTHING, not refused, ", ".join(refused))
    return list(dict.fromkeys(rules.kept))


def check_named(name: str) -> list[str]:
    """Check a one-shot method by its name or as ``"path/to/file.py:Class"``."""
    return check_one_shot(registry.one_shot(name))
