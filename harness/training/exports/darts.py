"""Networks of DARTS cells as torch code."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from harness.spaces.darts import costs
from harness.spaces.darts.cells import GENES, NODES, OPERATION_GENES, OPERATIONS, sources
from harness.training.exports.design import Design
from harness.training.exports.staged import Written, module_dict, module_list
from harness.training.networks.darts import STEM

_NAMES = {False: ("NormalCell", "Normal"), True: ("ReductionCell", "Reduction")}


def darts(design: Design) -> Written:
    """Return normal and reduction cells, those of them that the network has."""
    recipe = design.recipe
    order = costs.order(recipe.cells, recipe.reduction_cells)
    after = [False, *order[:-1]]
    follows = {
        reduces: {before for before, own in zip(after, order, strict=True) if own == reduces} for reduces in order
    }
    layers: set[str] = {"ConvBN", "Classifier", "ReLUConvBN"}
    classes = []
    for reduces in sorted(follows):
        edges, reads = _edges(design.arch[GENES:] if reduces else design.arch[:GENES], reduces=reduces)
        classes.append(_cell(reduces, follows[reduces], edges, reads))
        layers |= {call.partition("(")[0] for call in edges.values()}
        layers |= {"FactorizedReduce"} if True in follows[reduces] else set()
    told = [before and len(follows[own]) > 1 for before, own in zip(after, order, strict=True)]
    return Written(frozenset(layers), (*classes, _network(design, order, told)))


def _edges(genes: Sequence[int], *, reduces: bool) -> tuple[dict[str, str], list[int]]:
    """Return what makes the modules of a cell's edges, and the node that each edge reads."""
    reads: list[int] = sources(np.asarray(genes)[None])[0].tolist()
    edges = {}
    for edge, (source, gene) in enumerate(zip(reads, OPERATION_GENES, strict=True)):
        call = _operation(OPERATIONS[genes[gene]], strided=reduces and source < NODES[0])
        if call is not None:
            edges[str(edge)] = call
    return edges, reads


def _operation(name: str, *, strided: bool) -> str | None:
    """Return what makes an operation of the space; None for a skip that changes nothing."""
    family, kernel, stride = name[:-4], name[-1], ", stride=2" if strided else ""
    if name == "skip_connect":
        return "FactorizedReduce(channels, channels)" if strided else None
    if family == "sep_conv":
        return f"SepConv(channels, {kernel}{stride})"
    if family == "dil_conv":
        return f"SeparableConv(channels, {kernel}{stride}, dilation=2)"
    return f"{family}({stride.removeprefix(', ')})"


def _cell(reduces: bool, follows: Collection[bool], edges: dict[str, str], reads: Sequence[int]) -> str:
    """Return the class of a cell.

    Parameters
    ----------
    follows : set of bool
        Whether cells of this kind stand after a reduction.
    """
    name, kind = _NAMES[reduces]
    told = len(follows) > 1
    before = ["        self.before = ReLUConvBN(c_before, channels, 1)"]
    if told:
        before = [
            "        self.before = (",
            "            FactorizedReduce(c_before, channels)",
            "            if after_reduction",
            "            else ReLUConvBN(c_before, channels, 1)",
            "        )",
        ]
    elif True in follows:
        before = ["        self.before = FactorizedReduce(c_before, channels)"]
    lines = [
        f"class {name}(nn.Module):",
        f'    """{kind} cell: four nodes after two inputs, its output are all four."""',
        "",
        "    def __init__(",
        "        self,",
        "        c_before: int,",
        "        c_last: int,",
        "        channels: int,",
        *(["        after_reduction: bool = False,"] if told else []),
        "    ) -> None:",
        "        super().__init__()",
        *before,
        "        self.last = ReLUConvBN(c_last, channels, 1)",
        *(module_dict(edges) if edges else []),
        "",
        "    def forward(self, before: Tensor, last: Tensor) -> Tensor:",
        "        node0, node1 = self.before(before), self.last(last)",
    ]
    for place, node in enumerate(NODES):
        pair = (2 * place, 2 * place + 1)
        terms = (
            f'self.edges["{edge}"](node{reads[edge]})' if str(edge) in edges else f"node{reads[edge]}" for edge in pair
        )
        lines.append(f"        node{node} = {' + '.join(terms)}")
    nodes = ", ".join(f"node{node}" for node in NODES)
    return "\n".join([*lines, f"        return torch.cat([{nodes}], dim=1)", ""])


def _network(design: Design, order: Sequence[bool], told: Sequence[bool]) -> str:
    recipe = design.recipe
    before = last = STEM * recipe.channels
    width, calls = recipe.channels, []
    for reduces, after in zip(order, told, strict=True):
        width *= 2 if reduces else 1
        calls.append(f"{_NAMES[reduces][0]}({before}, {last}, {width}{', after_reduction=True' if after else ''})")
        before, last = last, len(NODES) * width
    stride = f", stride={recipe.stem_stride}" if recipe.stem_stride > 1 else ""
    lines = [
        "class Network(nn.Module):",
        '    """Stem, cells that each read the two before them, classifier."""',
        "",
        "    def __init__(self) -> None:",
        "        super().__init__()",
        f"        self.stem = ConvBN({design.shape[0]}, {STEM * recipe.channels}, 3{stride})",
        *module_list("cells", calls),
        f"        self.head = Classifier({last}, {design.classes})",
        "",
        "    def forward(self, x: Tensor) -> Tensor:",
        "        before = last = self.stem(x)",
        "        for cell in self.cells:",
        "            before, last = last, cell(before, last)",
        "        return self.head(last)",
        "",
    ]
    return "\n".join(lines)
