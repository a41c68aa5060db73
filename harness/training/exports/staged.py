"""Networks of equal cells as torch code: those of NAS-Bench-201, of the size space, and of cells of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from harness.errors import HarnessError
from harness.spaces.four_nodes import EDGES, SKIP, WIRING
from harness.spaces.nats_size.skeleton import CELL, CELLS, REDUCTIONS, channels
from harness.spaces.nb201.operations import OPERATIONS, stage_widths
from harness.spaces.own import operations as own
from harness.spaces.wiring import Wiring
from harness.training.exports.design import Design

WIDTH = 88
"""Of lines: what formatters take for the default."""
_BLOCKS = {"residual": "ResNetBasicblock", "pool": "PoolConvBN"}


@dataclass(frozen=True)
class Written:
    """Classes of a network as code, the network's own last, and the layers that they name."""

    layers: frozenset[str]
    classes: tuple[str, ...]


def stacked(design: Design) -> Written:
    """Return equal cells in stages of doubling width, those of NAS-Bench-201 or of one's own; the design is live."""
    if design.cells is None:
        raise HarnessError(f"the networks of '{design.known.name}' cannot be written as code")
    wiring, operations = design.cells
    names = [operations[code] for code in design.arch]
    edges = {str(edge): call for edge, name in enumerate(names) if (call := _call(name, "channels", "channels"))}
    has_width = any("channels" in call for call in edges.values())
    widths, count = stage_widths(design.recipe.channels), design.recipe.cells
    calls = [f"Cell({width})" if has_width else "Cell()" for width in widths]
    stages = [f"nn.Sequential({call if count == 1 else f'*({call} for _ in range({count}))'})" for call in calls]
    cell = _cell(wiring, names, edges, "channels: int" if has_width else "")
    return _network(design, (cell, edges), stages, list(pairwise(widths)), (widths[0], widths[-1]))


def size(design: Design) -> Written:
    """Return one fixed cell in each stage, between the layers of the size space."""
    widths = channels(np.asarray(design.arch)).tolist()
    ends = [(widths[before], widths[after]) for before, after in CELLS]
    equal = {before == after for before, after in ends}
    edges = {}
    for edge, ((source, _), operation) in enumerate(zip(EDGES, CELL, strict=True)):
        c_in = "c_out" if source else "c_in"
        if operation != SKIP:
            edges[str(edge)] = _call(OPERATIONS[operation], c_in, "c_out")
        elif not source and equal != {True}:
            wider = f"ConvBN({c_in}, c_out, 1)"
            edges[str(edge)] = wider if equal == {False} else f"{wider} if c_in != c_out else nn.Identity()"
    cell = _cell(WIRING, [OPERATIONS[code] for code in CELL], edges, "c_in: int, c_out: int")
    stages = [f"Cell({before}, {after})" for before, after in ends]
    reductions = [(widths[before], widths[after]) for before, after in REDUCTIONS]
    return _network(design, (cell, edges), stages, reductions, (widths[0], widths[-1]))


def _call(name: str, c_in: str, c_out: str) -> str:
    """Return what makes the module of an operation; "" for none, and for a skip that changes nothing."""
    known = own.OPERATIONS[name]
    return {
        "nor_conv": f"ReLUConvBN({c_in}, {c_out}, {known.kernel})",
        "sep_conv": f"SepConv({c_out}, {known.kernel})",
        "dil_conv": f"SeparableConv({c_out}, {known.kernel}, dilation=2)",
        "avg_pool": "avg_pool()",
        "max_pool": "max_pool()",
    }.get(known.family, "")


_NUMBERS = dict(enumerate(("Two", "Three", "Four", "Five", "Six", "Seven", "Eight"), start=2))


def _cell(wiring: Wiring, names: Sequence[str], edges: dict[str, str], parameters: str) -> str:
    """Return the class of a cell, of which the edges in `edges` have modules and other skips none."""
    nodes = wiring.nodes
    what = f"{_NUMBERS[nodes]} nodes; each sums what leads to it, the last is the output."
    lines = ["class Cell(nn.Module):", f'    """{what}"""', ""]
    if edges:
        signature = f"self, {parameters}" if parameters else "self"
        lines += [f"    def __init__({signature}) -> None:", "        super().__init__()", *module_dict(edges), ""]
    lines += ["    def forward(self, node0: Tensor) -> Tensor:"]
    read = {source for (source, _), name in zip(wiring.edges, names, strict=True) if name != own.NONE} | {nodes - 1}
    for target in range(1, nodes):
        if target not in read:
            continue
        into = [(edge, source) for source, edge in wiring.into[target] if names[edge] != own.NONE]
        terms = [f'self.edges["{edge}"](node{source})' if str(edge) in edges else f"node{source}"
                 for edge, source in into]  # fmt: skip
        total = " + ".join(terms) or "torch.zeros_like(node0)"
        lines += _statement("return " if target == nodes - 1 else f"node{target} = ", total)
    return "\n".join([*lines, ""])


def _statement(head: str, total: str) -> list[str]:
    """Return a statement in a method, in brackets where it would be too long for a line."""
    line = f"        {head}{total}"
    if len(line) <= WIDTH:
        return [line]
    first, *others = total.split(" + ")
    return [f"        {head}(", f"            {first}", *(f"            + {term}" for term in others), "        )"]


def module_dict(edges: dict[str, str]) -> list[str]:
    """Return the lines that make the modules of a cell's edges."""
    inner = [f'                "{edge}": {call},' for edge, call in edges.items()]
    return ["        self.edges = nn.ModuleDict(", "            {", *inner, "            }", "        )"]


def module_list(name: str, calls: Sequence[str]) -> list[str]:
    """Return the lines that make a list of modules."""
    inner = [f"                {call}," for call in calls]
    return [f"        self.{name} = nn.ModuleList(", "            [", *inner, "            ]", "        )"]


def _network(
    design: Design,
    cell: tuple[str, dict[str, str]],
    stages: Sequence[str],
    reductions: Sequence[tuple[int, int]],
    widths: tuple[int, int],
) -> Written:
    block = _BLOCKS[design.recipe.reduction]
    calls = [f"{block}({before}, {after})" for before, after in reductions]
    lines = [
        "class Network(nn.Module):",
        '    """Stem, three stages of cells with a reduction between them, head."""',
        "",
        "    def __init__(self) -> None:",
        "        super().__init__()",
        f"        self.stem = ConvBN({design.shape[0]}, {widths[0]}, 3)",
        *module_list("stages", stages),
        *module_list("reductions", calls),
        f"        self.head = Head({widths[1]}, {design.classes})",
        "",
        "    def forward(self, x: Tensor) -> Tensor:",
        "        x = self.stages[0](self.stem(x))",
        "        x = self.stages[1](self.reductions[0](x))",
        "        x = self.stages[2](self.reductions[1](x))",
        "        return self.head(x)",
        "",
    ]
    text, edges = cell
    layers = {call.partition("(")[0] for call in edges.values()} | {"ConvBN", "Head", block}
    return Written(frozenset(layers), (text, "\n".join(lines)))
