"""DARTS architectures as people write them: logs, programs, NAS-Bench-301's configurations, and eight operations."""

from __future__ import annotations

import json

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.spaces import named
from harness.spaces.darts import costs
from harness.spaces.darts.space import DARTSSpace
from harness.testing.conformance import check_space
from tests.harness.spaces.darts.genotypes import DARTS_V1, DARTS_V2, configuration

SPACE = DARTSSpace()
EIGHT = named.space("darts-none")


FORMS = {
    "assigned": lambda text: f"DARTS_V2 = {text}",
    "logged": lambda text: f"2019-05-12 03:14:10,531 genotype = {text}",
    "log with level": lambda text: f"05/12 03:14:10 PM INFO: {text}",
    "of a module": lambda text: f"genotypes.{text}",
    "ranges": lambda text: text.replace("[2, 3, 4, 5]", "range(2, 6)"),
    "lines": lambda text: text.replace(", reduce=", ",\n    reduce=").replace("Genotype(", "Genotype(\n    "),
    "in order": lambda text: (
        text.replace("normal=", "").replace("normal_concat=", "").replace("reduce=", "").replace("reduce_concat=", "")
    ),
    "lists": lambda text: text.replace("('", "['").replace("),", "],").replace(")]", "]]"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_genotype_is_read_as_logs_and_programs_have_it(form):
    for text in (DARTS_V1, DARTS_V2):
        assert np.array_equal(SPACE.parse([FORMS[form](text)]), SPACE.parse([text]))
    assert SPACE.notation(FORMS[form](DARTS_V2)) == ""


@pytest.mark.parametrize(
    "write",
    [
        str,
        json.dumps,
        lambda told: "Configuration(values={\n" + "".join(f"  {k!r}: {v!r},\n" for k, v in told.items()) + "})",
        lambda told: "Configuration:\n" + "".join(f"  {key}, Value: {value!r}\n" for key, value in told.items()),
    ],
)
@pytest.mark.parametrize("prefix", ["NetworkSelectorDatasetInfo:darts:", ""])
def test_configurations_of_nas_bench_301_are_read(write, prefix):
    archs = SPACE.sample(20, np.random.default_rng(0))
    texts = [write(configuration(arch, prefix)) for arch in archs]
    assert np.array_equal(SPACE.parse(texts), archs)
    assert SPACE.notation(texts[0]) == "configurations of NAS-Bench-301"


def test_a_configuration_that_lacks_something_is_told():
    told = configuration(SPACE.parse([DARTS_V2])[0], "")
    for key, value, message in (
        ("edge_normal_0", None, "`edge_normal_0` must be an operation, for node 2 of the normal cell reads 0"),
        ("inputs_node_reduce_4", None, "`inputs_node_reduce_4` must name the two earlier nodes"),
        ("inputs_node_reduce_4", "0_4", "`inputs_node_reduce_4` must name the two earlier nodes"),
        ("edge_normal_0", "none", "no operation 'none'; 'darts-none' has it"),
        ("edge_normal_0", "conv", "unknown operation 'conv'"),
    ):
        changed = {k: v for k, v in (told | {key: value}).items() if v is not None}
        with pytest.raises(HarnessError, match=message):
            SPACE.parse([str(changed)])


def test_the_eight_operations_of_darts_have_a_space_of_their_own():
    text = DARTS_V2.replace("('skip_connect', 0)", "('none', 0)", 1)
    assert "'none'" in text
    with pytest.raises(HarnessError, match="the space 'darts' has no operation 'none'; 'darts-none' has it"):
        SPACE.parse([text])
    arch = EIGHT.parse([text])
    assert EIGHT.parse(EIGHT.format(arch)).tolist() == arch.tolist()
    assert np.array_equal(EIGHT.parse([DARTS_V1, DARTS_V2]), SPACE.parse([DARTS_V1, DARTS_V2]))
    assert EIGHT.facts()["valid"] == (180 * 8**8) ** 2
    assert costs.params(EIGHT.parse([DARTS_V2])).tolist() == costs.params(SPACE.parse([DARTS_V2])).tolist()
    assert costs.params(arch)[0] == costs.params(SPACE.parse([text.replace("'none'", "'max_pool_3x3'")]))[0]
    check_space(EIGHT, np.random.default_rng(0))
    with pytest.raises(HarnessError, match="numbers do not say which of eight operations"):
        EIGHT.parse([str(SPACE.compact(SPACE.parse([DARTS_V2]))[0])])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Genotype()",
        "Genotype(normal=[], normal_concat=[], reduce=[], reduce_concat=[])",
        "Genotype(" * 50,
        "(" * 10_000,
        "((0, " + "9" * 5000 + "),)",
        DARTS_V2.replace("'sep_conv_3x3'", "__import__('os').system('true')", 1),
        DARTS_V2.replace("[2, 3, 4, 5]", "range(2, 10**9)"),
        DARTS_V2.replace("[2, 3, 4, 5]", "range(2)"),
        DARTS_V2 + "; import os",
        DARTS_V2 * 200,
        "x" * 100_000 + DARTS_V2,
        "lambda: 0",
        "{'edge_normal_0': 1}",
    ],
)
def test_what_is_no_architecture_is_refused_without_being_executed(text):
    with pytest.raises(HarnessError) as caught:
        SPACE.parse([text])
    assert len(str(caught.value)) < 1500
