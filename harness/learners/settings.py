"""The settings that a spec may give to any learner, beside the hyperparameters of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from harness.checks import choice
from harness.learners.transformed import TransformedTargets
from harness.learners.transforms import TRANSFORMS
from harness.surrogate import Surrogate


class Setting(NamedTuple):
    """A setting of any learner.

    Attributes
    ----------
    choices : tuple of str
        The first is the default, at which a learner is what it is without the setting, its digest too.
    meaning : str
        In a few words, for descriptions.
    wrapped : callable
        Called with a learner and another choice than the first.
    """

    choices: tuple[str, ...]
    meaning: str
    wrapped: Callable[[Surrogate, str], Surrogate]


SETTINGS: Mapping[str, Setting] = {
    "targets": Setting(
        TRANSFORMS,
        "what it is fitted to; predictions are in the unit of the results all the same",
        lambda learner, chosen: TransformedTargets(learner, targets=chosen),
    ),
}
"""By name, in the order in which they are put around a learner, whatever the order in a spec.

A learner that has a keyword of the same name gets that itself.
"""


def wrapped(learner: Surrogate, settings: Mapping[str, str]) -> Surrogate:
    """Return a learner with settings, itself where all are at their default.

    Raises
    ------
    HarnessError
        If a value is none of the choices, or the learner cannot have the setting.
    """
    for name, setting in SETTINGS.items():
        chosen = choice(name, settings.get(name, setting.choices[0]), setting.choices)
        if chosen != setting.choices[0]:
            learner = setting.wrapped(learner, chosen)
    return learner
