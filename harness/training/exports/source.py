"""Networks as torch code: one file that imports torch alone, readable, the same text each time."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from harness.printable import printable
from harness.training.exports.darts import darts
from harness.training.exports.design import Design
from harness.training.exports.layers import written
from harness.training.exports.staged import WIDTH, size, stacked

_WRITERS = {"nats-size": size, "darts": darts}
"""By space; networks of others are stacks of equal cells."""
_IMPORTS = """\
from __future__ import annotations

import torch
from torch import Tensor, nn
"""


def source(design: Design, notes: Sequence[str] = ()) -> str:
    """Return a module with the class ``Network``, which computes what the trainer's network computes.

    Operations that lead nowhere are left out, and so are their weights; all other parameters and statistics have the
    names and shapes of the trainer's network, so that a mapping of its weights can be given to ``load_state_dict``.
    The text is formatted as ruff does it.

    Parameters
    ----------
    design : Design
    notes : sequence of str
        Paragraphs that end the docstring, for example how the file was made.
    """
    live = design.live
    network = _WRITERS.get(design.space, stacked)(live)
    parts = (*written(network.layers, design.geometry), *network.classes)
    return f'"""{_docstring(design, live, notes)}"""\n\n{_IMPORTS}' + "".join(f"\n\n{text}" for text in parts)


def _docstring(design: Design, live: Design, notes: Sequence[str]) -> str:
    recipe = design.recipe
    params, macs = live.cost()
    about = [
        f"Architecture: {design.text}",
        f"Space: {design.known.name}. Skeleton: {skeleton(design)} (recipe {recipe.name}).",
        f"Input: (batch, {', '.join(map(str, design.shape))}), normalised. Output: logits of {design.classes} classes.",
        f"{params:,} parameters, {macs:,} multiply-adds of an item.",
    ]
    if live != design:
        counted = "{:,} parameters and {:,} multiply-adds".format(*design.cost())
        about.append(f"Operations that lead nowhere are left out; with them, as tables count, {counted}.")
    lines = "\n".join(map(_filled, about))
    return "\n\n".join([f"Network of the {design.known.name} space.", lines, *map(_filled, notes)]) + "\n"


def _filled(text: str) -> str:
    """Return text of several lines that can stand in a docstring; an architecture keeps its own together."""
    plain = printable(text).replace("\\", "\\\\").replace('"', "'")
    return textwrap.fill(plain, WIDTH, break_long_words=False, break_on_hyphens=False)


def skeleton(design: Design) -> str:
    """Say how the cells are stacked.

    Examples
    --------
    >>> from harness.training.exports.design import PUBLISHED
    >>> skeleton(Design("nb201", (3, 3, 3, 3, 3, 3), PUBLISHED["nb201"], (3, 32, 32), 10))
    '5 cells in each of 3 stages, 16 channels in the first'
    """
    recipe = design.recipe
    if design.space == "nats-size":
        return "a cell in each of 3 stages"
    if design.space == "darts":
        return f"{recipe.cells} cells, {recipe.channels} channels in the first"
    cells = f"{recipe.cells} cells" if recipe.cells > 1 else "a cell"
    return f"{cells} in each of 3 stages, {recipe.channels} channels in the first"


def module_of(text: str) -> nn.Module:
    """Return the network of a file's text, with the initial weights that torch gives it."""
    namespace: dict[str, Any] = {"__name__": "network"}
    exec(compile(text, "network.py", "exec"), namespace)  # noqa: S102 - of our own making
    network: nn.Module = namespace["Network"]()
    return network


def fill(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Give a network of `source` the trainer's weights, in place, but for those of operations that are left out.

    Raises
    ------
    RuntimeError
        If any are missing or of another shape.
    """
    network.load_state_dict({name: weights[name] for name in names(network)})


def names(network: nn.Module) -> list[str]:
    """Return the names of parameters and statistics that a network of `source` shares with the trainer's."""
    return [name for name in network.state_dict() if not name.endswith(".num_batches_tracked")]
