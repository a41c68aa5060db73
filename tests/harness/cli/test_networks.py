"""The commands `build` and `predict`, as they are typed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from harness.cli.__main__ import main
from harness.training import recipe
from harness.training.data import exported
from harness.training.exports import trained
from harness.training.exports.design import Design
from harness.training.exports.trained import TrainedNetwork
from tests.harness.training.support import pictures

CELL = "|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|nor_conv_1x1~1|none~2|"


def test_a_network_of_the_paper_is_written(tmp_path, capsys):
    out = tmp_path / "net.py"
    words = ["build", "--arch", "8:8:16:32:64", "--space", "nats-size", "--classes", "10", str(out)]
    assert main(words) == 0
    assert "179,490 parameters, 16,360,074 multiply-adds" in capsys.readouterr().out
    text = out.read_text()
    assert "--classes 10 net.py" in text
    assert str(tmp_path) not in text
    assert "nn.Conv2d" in text


def test_a_benchmark_says_how_its_networks_are_built(tmp_path, capsys):
    out = tmp_path / "net.py"
    assert main(["build", "--arch", CELL, "--space", "micro-mnist1d", str(out), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["shape"], facts["classes"], facts["space"]) == ([1, 1, 40], 10, "nb201")
    assert main(["describe", "--space", "micro-mnist1d", "--arch", CELL, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["tables"]
    known = [row["value"] for row in rows if row["column"] == "params_m"]
    assert [pytest.approx(value * 1e6) for value in known] == [facts["params"]] * len(known)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--arch", "8:8:16:32:64", "--space", "nats-size"], "--classes NUMBER"),
        (["--space", "nats-size", "--classes", "10"], "needs --arch"),
        (["--arch", "x", "--space", "nats-size", "--classes", "10"], "x"),
        (["--arch", "x", "--space", "nb101", "--classes", "10"], "Known: darts, elastic, nats-size, nb201"),
        (["--arch", "8:8:16:32:64", "--space", "nats-size", "--classes", "10", "--input", "32"], "--input"),
        (["--weights", "absent.pt"], "there is no file"),
    ],
)
def test_what_is_missing_or_wrong_is_said_and_nothing_written(tmp_path, capsys, words, said):
    assert main(["build", *words, str(tmp_path / "net.py")]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_an_unknown_ending_is_refused_first(capsys):
    assert main(["build", "--arch", CELL, "--space", "nb201", "net.txt"]) == 2
    assert ".onnx" in capsys.readouterr().err


def test_a_trained_network_predicts_and_is_written_with_its_weights(tmp_path, capsys):
    data = pictures()
    exported.save(data, tmp_path / "data.npz")
    design = Design("nb201", (3, 0, 0, 1, 2, 0), recipe.load("micro"), data.shape, data.classes)
    tensors = {f"model.{name}": value for name, value in design.build(seed=1).state_dict().items()}
    path, out = tmp_path / "kept.pt", tmp_path / "out.csv"
    trained.save(path, TrainedNetwork.of(design, 1, data, tensors))
    assert main(["predict", str(path), str(tmp_path / "data.npz"), "--out", str(out), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    right = trained.load(path).predict(data.images["test"]).argmax(1) == data.labels["test"]
    assert facts["accuracy"] == pytest.approx(100 * np.mean(right))
    assert out.read_text().count("\n") == 1 + len(data.labels["test"]) == 1 + facts["items"]
    assert main(["build", "--weights", str(path), str(tmp_path / "net.py")]) == 0
    assert (tmp_path / "net.pt").exists()
    capsys.readouterr()
    for words, said in (
        (["--classes", "10"], "leave"),
        (["--space", "nb201"], "leave"),
        (["--arch", CELL.replace("1x1", "3x3")], "--arch"),
    ):
        assert main(["build", *words, "--weights", str(path), str(tmp_path / "other.py")]) == 2
        assert said in capsys.readouterr().err
    assert main(["build", "--arch", CELL, "--weights", str(path), str(tmp_path / "other.py")]) == 0
