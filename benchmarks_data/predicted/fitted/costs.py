"""Costs of architectures in closed form: those of the networks that the table is of, where a closed form gives them.

A space knows the costs of the network that its paper evaluates; a table may be of others, smaller or of more classes.
So a closed form is offered only where it gives what the table says of the rows that were learnt from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from benchmarks_data.file.layout import Header
from harness.benchmark import Column
from harness.checks import Archs, FloatArray, IntArray
from harness.errors import TableError, must
from harness.space import SearchSpace
from harness.training.recipe import TrainingSetup

COLUMNS = {
    "params_m": Column("params_m", "M", "minimise", description="Trainable parameters, in closed form."),
    "macs_m": Column("macs_m", "M", "minimise", description="Multiply-adds, in closed form."),
}
SPACE, TRAINED = "space", "trained"
"""Closed forms: of the space, and of the networks as they were trained."""
_NEAR = 1e-6
"""Relative difference below which counts are the same; tables keep millions in float32."""


@dataclass(frozen=True, eq=False)
class Costs:
    """Which closed form gives which cost.

    Attributes
    ----------
    forms : mapping
        `SPACE` or `TRAINED` by column, of those that are known.
    training : mapping or None
        How the networks were trained, as `TrainingSetup.as_dict` says it, where a form is `TRAINED`.
    """

    forms: Mapping[str, str] = field(default_factory=dict)
    training: Mapping[str, Any] | None = None

    @classmethod
    def of(
        cls, header: Header, space: SearchSpace, archs: Archs, rows: IntArray, training: Mapping[str, Any] | None
    ) -> Costs:
        """Return the closed forms that give what a table says of some rows.

        Parameters
        ----------
        header : Header
            Of the table.
        space : SearchSpace
        archs : (n, L) integers
            As they stand in these rows.
        rows : (n,) int64
        training : mapping or None
            How the networks of the table were trained, where it says so.
        """
        forms = {}
        for name in COLUMNS:
            if name not in header.columns or header.columns[name].held_out:
                continue
            stored = np.asarray(header.values(name), dtype=np.float64)
            stored = stored.reshape(len(stored), -1)[rows, 0]
            for form in (SPACE, TRAINED):
                counted = _counted(form, name, space, archs, training)
                if np.allclose(counted, stored, rtol=_NEAR, atol=0.0):
                    forms[name] = form
                    break
        return cls(forms, training if TRAINED in forms.values() else None)

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> Costs:
        """Read what `plain` gave; files of earlier versions have no costs.

        Raises
        ------
        TableError
            If it names what there is not.
        """
        forms, training = dict(facts.get("forms", {})), facts.get("training")
        if (
            set(forms) - set(COLUMNS)
            or set(forms.values()) - {SPACE, TRAINED}
            or (TRAINED in forms.values()) > bool(training)
        ):
            raise TableError(must("costs", f"be of {list(COLUMNS)}, by '{SPACE}' or '{TRAINED}'", dict(facts)))
        return cls(forms, training)

    def plain(self) -> dict[str, Any]:
        """Return plain data."""
        return {"forms": dict(self.forms), "training": self.training}

    @property
    def columns(self) -> list[Column]:
        """The columns of the costs that are known."""
        return [COLUMNS[name] for name in self.forms]

    def count(self, name: str, space: SearchSpace, archs: Archs) -> FloatArray:
        """Return a cost that is known, in millions: (n, L) to (n,)."""
        return _counted(self.forms[name], name, space, archs, self.training)


def _counted(form: str, name: str, space: SearchSpace, archs: Archs, training: Mapping[str, Any] | None) -> FloatArray:
    """Return a cost by a closed form, (n,); NaN where there is none."""
    unknown = np.full(len(archs), np.nan)
    if form == SPACE:
        return np.asarray(space.costs(archs).get(name, unknown), dtype=np.float64)
    if training is None:
        return unknown
    from harness.training import data, networks  # brings torch

    setup = TrainingSetup.from_dict(training)
    if setup.network not in networks.KINDS:
        return unknown
    shape, classes = data.shape_of(setup.dataset, **setup.dataset_options)
    cost = networks.cost(setup.network, archs, setup.load_recipe(), shape, classes)
    return np.asarray((cost.params if name == "params_m" else cost.macs) / 1e6, dtype=np.float64)
