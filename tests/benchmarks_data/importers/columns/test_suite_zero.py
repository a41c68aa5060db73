"""Zero-cost scores: keys of every space, missing values, and files that are not what they should be."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks_data.importers.columns import suite_zero
from benchmarks_data.importers.columns.naslib_keys import archs_of
from harness.errors import TableError
from harness.spaces.darts.space import DARTSSpace
from harness.spaces.nb101.space import NB101Space
from harness.spaces.nb201.space import NB201Space
from harness.spaces.transnas.macro import TransNASMacroSpace
from harness.spaces.transnas.micro import TransNASMicroSpace

NB201 = NB201Space()
SPACES: dict[str, Any] = {
    "nasbench201": NB201,
    "nasbench101": NB101Space(),
    "nasbench301": DARTSSpace(),
    "transbench101_micro": TransNASMicroSpace(),
    "transbench101_macro": TransNASMacroSpace(),
}


def quiet(*_: object) -> None:
    pass


def write(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("key", "text"),
    [
        # known_answers, section 1.1
        (
            "(4, 3, 3, 0, 0, 0)",
            "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
        ),
        # formats, section 4.2
        (
            "(4, 0, 3, 1, 4, 3)",
            "|avg_pool_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|avg_pool_3x3~1|nor_conv_1x1~2|",
        ),
    ],
)
def test_published_keys_of_nas_bench_201(key: str, text: str) -> None:
    assert NB201.format(archs_of(NB201, [key], "x")) == [text]


@given(st.lists(st.tuples(*[st.integers(0, 4)] * 6), min_size=1, max_size=20))
def test_different_keys_are_different_cells(keys: list[tuple[int, ...]]) -> None:
    archs = archs_of(NB201, [str(key) for key in keys], "x")
    assert len(np.unique(archs, axis=0)) == len(set(keys))


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("nasbench201", "(4, 3, 3, 0, 0)"),
        ("nasbench201", "(4, 3, 3, 0, 0, 5)"),
        ("nasbench201", "__import__('os').getcwd()"),
        ("nasbench101", "(0, 1)"),
        ("nasbench301", "(((0, 1),), ())"),
        ("transbench101_micro", "(0, 0, 0, 0, 0, 4)"),
        ("transbench101_macro", "(5, 0, 0, 0, 0, 0)"),
    ],
)
def test_a_key_of_another_form_is_named(name: str, key: str) -> None:
    with pytest.raises(TableError, match=r"x: the key .* is n"):
        archs_of(SPACES[name], [key], "x")


def test_scores_are_matched_by_key_and_what_is_not_finite_is_missing(tmp_path: Path) -> None:
    first, second = "(4, 3, 3, 0, 0, 0)", "(4, 0, 3, 1, 4, 3)"
    text = json.dumps(
        {
            "cifar10": {
                first: {
                    "idx": "0",
                    "nwot": {"score": 1.5, "time": 0.25},
                    "params": {"score": 2, "time": 0.5},
                    "val_accuracy": 81.9,
                },
                second: {"nwot": {"score": float("nan"), "time": 0.75}, "snip": {"score": float("inf"), "time": None}},
            },
            "ImageNet16-120": {second: {"nwot": 3.5, "snip": None}},
        }
    )
    assert "NaN" in text
    path = write(tmp_path / "zc.json", text)
    archs, columns = suite_zero.read_columns([path], NB201, quiet)
    assert archs.tolist() == archs_of(NB201, [first, second], "x").tolist()
    values = {name: values[:, 0, 0] for name, (_, values) in columns.items()}
    assert set(values) == {
        "zc_nwot_cifar10", "zc_nwot_seconds_cifar10", "zc_params_cifar10", "zc_params_seconds_cifar10",
        "zc_nwot_imagenet16_120",
    }  # fmt: skip
    np.testing.assert_array_equal(values["zc_nwot_cifar10"], [1.5, np.nan])
    np.testing.assert_array_equal(values["zc_nwot_imagenet16_120"], [np.nan, 3.5])
    np.testing.assert_array_equal(values["zc_nwot_seconds_cifar10"], [0.25, 0.75])
    assert all(values.shape == (2, 1, 1) for _, values in columns.values())
    assert columns["zc_params_cifar10"][0].direction == "minimise"
    _, one = suite_zero.read_columns([path], NB201, quiet, dataset="ImageNet16-120")
    assert set(one) == {"zc_nwot"}
    with pytest.raises(TableError, match="Did you mean 'cifar10'"):
        suite_zero.read_columns([path], NB201, quiet, dataset="cifar")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"cifar10": {"(4, 3', "no whole JSON file"),
        ([1], "must map data sets"),
        ({"cifar10": {}}, "must map data sets"),
        ({"cifar10": {"(4, 3, 3, 0, 0, 0)": 3}}, "must be a mapping"),
        ({"cifar10": {"(4, 3, 3, 0, 0, 0)": {"nwot": "high"}}}, "nwot of .* must be a number or null"),
        ({"cifar10": {"(4, 3, 3, 0, 0, 0)": {"nwot": 1}, "(4,3,3,0,0,0)": {"nwot": 2}}}, "under two keys"),
    ],
)
def test_files_of_another_layout_are_refused(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(TableError, match=message):
        suite_zero.read_columns([write(tmp_path / "zc.json", content)], NB201, quiet)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"no\.json is missing"):
        suite_zero.read_columns([tmp_path / "no.json"], NB201, quiet)
    with pytest.raises(TableError, match="must be one file"):
        suite_zero.read_columns([], NB201, quiet)


@pytest.mark.data
def test_every_published_early_score_is_read(shared_data: Path, tmp_path: Path) -> None:
    with gzip.open(shared_data / "nbsuitezero_early_zc.json.gz") as file:
        published = json.load(file)
    for name, space in SPACES.items():
        archs, columns = suite_zero.read_columns([write(tmp_path / "zc.json", published[name])], space, quiet)
        for dataset, scores in published[name].items():
            suffix = "" if len(published[name]) == 1 else "_" + dataset.lower().replace("-", "_")
            assert len(scores) <= len(archs)
            for proxy in ("nwot", "snip", "flops") if name != "nasbench101" else ("snip", "flops"):
                known = [told[proxy] for told in scores.values() if told.get(proxy) is not None]
                found = columns[f"zc_{proxy}{suffix}"][1]
                assert np.nansum(found) == pytest.approx(sum(known))
        assert not any("val_accuracy" in column for column in columns)


@pytest.mark.data
def test_parameters_of_the_proxies_are_those_of_the_cells(shared_data: Path, tmp_path: Path) -> None:
    """The keys are decoded rightly: the published counts are the closed form."""
    from harness.spaces.nb201.costs import cost

    with gzip.open(shared_data / "nbsuitezero_early_zc.json.gz") as file:
        path = write(tmp_path / "zc.json", json.load(file)["nasbench201"])
    archs, columns = suite_zero.read_columns([path], NB201, quiet, dataset="cifar10")
    np.testing.assert_allclose(columns["zc_params"][1][:, 0, 0], cost(archs, classes=10).params / 1e6, atol=1e-6)


@pytest.mark.data
def test_the_official_file_of_nas_bench_301(shared_data: Path) -> None:
    path = shared_data / "official_samples" / "nas_bench_suite_zero" / "zc_nasbench301_early.json"
    archs, columns = suite_zero.read_columns([path], DARTSSpace(), quiet)
    assert archs.shape == (725, 22)
    assert columns["zc_synflow"][1][0, 0, 0] == 52.796010658657906
    assert columns["zc_nwot_seconds"][1][0, 0, 0] == 0.9062579369638115
