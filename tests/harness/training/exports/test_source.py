"""Written networks compute what the trainer's networks compute, import torch alone and are formatted."""

from __future__ import annotations

import ast
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from harness.errors import HarnessError
from harness.spaces import named
from harness.spaces.own.cells import CellSpace
from harness.spaces.own.operations import OPERATIONS
from harness.training import networks, recipe
from harness.training.exports.design import PUBLISHED, Design, design, shape_of, space_of
from harness.training.exports.source import fill, module_of, source
from harness.training.recipe import Recipe

MICRO, SMALL = recipe.load("micro"), Recipe("small", epochs=1, channels=4, cells=2)
SIGNAL, IMAGE = (1, 1, 16), (3, 8, 8)
FULL, ZERO, SKIPS, POOLS = (3, 3, 0, 1, 2, 4), (0,) * 6, (1,) * 6, (4,) * 6
DEAD, BIAS_ALONE = (3, 2, 3, 1, 0, 0), (0, 1, 0, 0, 3, 2)
"""Convolutions that lead nowhere; one that nothing reaches, whose bias is all that it gives."""
DARTS = [tuple(arch) for arch in named.space("darts").sample(3, np.random.default_rng(0)).tolist()]
OPERATIONS_OF_DARTS = ((0, 1, 0, 2, 3, 0, 4, 5, 0, 6, 2) * 2, (2, 2, 0, 2, 2, 0, 2, 2, 0, 2, 2) * 2)
"""All seven in each cell; nothing but skips."""
FOUR_CELLS = Recipe("four", epochs=1, channels=4, cells=4, reduction_cells=(1, 2), stem_stride=2)

OWN = CellSpace("own", list(OPERATIONS), nodes=6)
"""All operations, on fifteen edges."""
SPARSE = CellSpace(
    "sparse", ["skip_connect", "max_pool_3x3", "sep_conv_3x3"], nodes=4, edges=[[0, 1], [1, 2], [0, 3], [2, 3]]
)

DESIGNS = [
    *(Design("nb201", arch, MICRO, SIGNAL, 10) for arch in (FULL, ZERO, SKIPS, POOLS, DEAD, BIAS_ALONE)),
    *(Design("nb201", arch, SMALL, IMAGE, 10) for arch in (FULL, ZERO, SKIPS, POOLS, DEAD, BIAS_ALONE)),
    *(Design("nats-size", arch, SMALL, IMAGE, 7) for arch in ((0, 1, 2, 0, 1), (1,) * 5, (0, 0, 1, 1, 0))),
    Design("nats-size", (0, 1, 2, 0, 1), MICRO, SIGNAL, 7),
    *(
        Design(OWN.definition(), arch, *given, 5)
        for arch in ((2, 5, 3, 1, 7, 4, 9, 10, 6, 8, 1, 2, 0, 3, 5), (1,) * 15, (3,) + (0,) * 13 + (8,))
        for given in ((SMALL, IMAGE), (MICRO, SIGNAL))
    ),
    Design(SPARSE.definition(), (2, 1, 0, 2), MICRO, IMAGE, 5),
    *(Design("darts", arch, recipe.load("micro-darts"), SIGNAL, 5) for arch in (*DARTS, *OPERATIONS_OF_DARTS)),
    *(Design("darts", arch, FOUR_CELLS, (2, 16, 16), 5) for arch in (*DARTS[:1], *OPERATIONS_OF_DARTS)),
]


def trained(made: Design) -> nn.Module:
    """Return the trainer's network as if it had been trained: no statistic or factor is 0 or 1."""
    module, generator = made.build(seed=3), torch.Generator().manual_seed(0)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            for tensor in (part.running_mean, part.bias.data, part.weight.data):
                tensor.normal_(generator=generator)
            part.running_var.uniform_(0.5, 2, generator=generator)
    return module.double()


@pytest.mark.parametrize("made", DESIGNS, ids=lambda made: f"{made.known.name}-{made.shape}-{made.text[:40]}")
def test_it_equals_the_trainers_network_in_evaluation_and_in_training(made):
    theirs, ours = trained(made), module_of(source(made)).double()
    fill(ours, theirs.state_dict())
    items = torch.randn(4, *made.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for mode in (False, True):
        wanted = theirs.train(mode)(items)
        assert torch.allclose(ours.train(mode)(items), wanted, rtol=1e-9, atol=1e-9), mode
        assert wanted.std() > 1e-3, "zeros would equal anything"
    assert networks.parameters(ours) == made.live.cost()[0] <= made.cost()[0]


@pytest.mark.parametrize("made", [DESIGNS[0], DESIGNS[6], DESIGNS[-1]], ids=lambda made: made.space)
def test_in_single_precision_it_agrees_to_a_millionth(made):
    theirs, ours = trained(made).float().eval(), module_of(source(made)).eval()
    fill(ours, theirs.state_dict())
    items = torch.randn(4, *made.shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wanted, given = (torch.softmax(network(items), 1) for network in (theirs, ours))
    assert (wanted - given).abs().max() < 1e-6


@pytest.mark.parametrize("made", [DESIGNS[0], DESIGNS[-1]], ids=lambda made: made.space)
def test_the_trainers_weights_load_as_they_are_where_nothing_is_left_out(made):
    assert made.live == made
    weights = dict(made.build(seed=1).state_dict())
    module_of(source(made)).load_state_dict(weights)  # strict


def test_operations_that_lead_nowhere_are_left_out_and_counted_apart():
    made = DESIGNS[4]
    text = source(made)
    kept, all_of_it = made.live.cost()[0], made.cost()[0]
    assert kept < all_of_it
    assert f"{kept:,} parameters" in text
    assert f"{all_of_it:,} parameters" in text
    assert "ReLUConvBN" not in text, "its convolutions all lead nowhere"
    assert "lead nowhere" not in source(DESIGNS[0])


def test_only_what_the_cell_uses_is_written():
    classes = {node.name for node in ast.walk(ast.parse(source(DESIGNS[2]))) if isinstance(node, ast.ClassDef)}
    assert classes == {"ConvBN", "PoolConvBN", "Head", "Cell", "Network"}
    assert "avg_pool" not in source(DESIGNS[0].live if 4 not in DESIGNS[0].arch else DESIGNS[2])
    assert "max_pool" not in source(DESIGNS[-1])


def test_all_texts_are_formatted_and_the_same_each_time(tmp_path):
    for number, made in enumerate(DESIGNS):
        text = source(made, ['Written by a test, with a path\\name and "quotes" that end no docstring.'])
        assert text == source(made, ['Written by a test, with a path\\name and "quotes" that end no docstring.'])
        (tmp_path / f"n{number}.py").write_text(text)
    ruff = [sys.executable, "-m", "ruff"]
    for command in (["format", "--check"], ["check", "--select", "E4,E7,E9,F,I"]):
        ended = subprocess.run(
            [*ruff, *command, "--isolated", "--no-cache", str(tmp_path)], capture_output=True, text=True
        )
        assert ended.returncode == 0, ended.stdout


def test_torch_alone_is_imported():
    for made in DESIGNS:
        names = {
            alias.name if isinstance(node, ast.Import) else node.module
            for node in ast.walk(ast.parse(source(made)))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        assert names == {"__future__", "torch"}


def test_the_published_networks_have_the_published_costs():
    best = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|"
    full = design("nb201", best.replace("skip_connect", "nor_conv_3x3"), None, (3, 32, 32), 10)
    assert full.cost() == (1531546, 220119690)
    assert full.recipe == PUBLISHED["nb201"]
    assert design("nats-size", "8:8:16:32:64", None, (3, 32, 32), 10).cost() == (179490, 16360074)


def test_a_file_of_cells_is_a_space_like_any_other(tmp_path):
    path = tmp_path / "space.toml"
    path.write_text('name = "row"\n[cells]\nnodes = 3\noperations = ["none", "skip_connect", "nor_conv_3x3"]\n')
    made = design(str(path), "|nor_conv_3x3~0|+|none~0|skip_connect~1|", None, (3, 8, 8), 4)
    assert made.recipe == PUBLISHED["nb201"]
    assert "Network of the row space." in source(made)
    assert design(made.space, made.text, None, (3, 8, 8), 4) == made
    assert space_of(made.network) == CellSpace("cells", ["none", "skip_connect", "nor_conv_3x3"], nodes=3).definition()
    path.write_text('name = "other"\n[cells]\noperations = ["none", "attention"]\n')
    with pytest.raises(HarnessError, match="the trainer does not know the operation 'attention'"):
        design(str(path), made.text, None, (3, 8, 8), 4)
    with pytest.raises(HarnessError, match=r"cells of one's own: '.*space.py:Mine' has none"):
        Design(str(tmp_path / "space.py:Mine"), made.arch, SMALL, (3, 8, 8), 4)


@pytest.mark.parametrize(("text", "shape"), [("3x32x32", (3, 32, 32)), ("1X40", (1, 1, 40)), ("2x1x16", (2, 1, 16))])
def test_shapes_are_read(text, shape):
    assert shape_of(text) == shape


@pytest.mark.parametrize("text", ["32", "3x0x32", "3x32x32x1", "axb", "-3x32x32", "3x32x", ""])
def test_other_shapes_are_refused(text):
    with pytest.raises(HarnessError, match=r"channels x height x width"):
        shape_of(text)


def test_what_has_no_network_is_refused():
    with pytest.raises(HarnessError, match=r"search space with networks 'nb101'"):
        design("nb101", "", None, (3, 32, 32), 10)
    with pytest.raises(HarnessError, match="divisible by 4"):
        design("nats-size", "8:8:16:32:64", None, (3, 30, 30), 10)
    with pytest.raises(HarnessError, match="classes"):
        design("nats-size", "8:8:16:32:64", None, (3, 32, 32), 1)
