"""Files of trained networks: kept, read without trust, predicted with."""

from __future__ import annotations

import csv
import pickle
import runpy

import numpy as np
import pytest
import torch

from harness.errors import HarnessError
from harness.training.data import exported
from harness.training.exports import predictions, trained
from harness.training.exports.design import Design
from harness.training.exports.trained import TrainedNetwork
from harness.training.exports.write import write
from tests.harness.training.support import CELL, MICRO, pictures

DATA = pictures()
DESIGN = Design("nb201", CELL, MICRO, DATA.shape, DATA.classes)


@pytest.fixture
def network() -> TrainedNetwork:
    tensors = {f"model.{name}": value for name, value in DESIGN.build(seed=5).state_dict().items()}
    tensors["momentum.stem.conv.weight"] = torch.zeros(1)
    return TrainedNetwork.of(DESIGN, 5, DATA, tensors)


def test_it_reads_back_as_it_was_written(network, tmp_path):
    trained.save(tmp_path / "net.pt", network)
    again = trained.load(tmp_path / "net.pt")
    assert (again.design, again.seed, again.dataset) == (DESIGN, 5, "pictures")
    assert (again.mean, again.std) == ((125, 120, 110), (60, 61, 62))
    assert all(torch.equal(again.weights[name], value) for name, value in network.weights.items())
    plain = torch.load(tmp_path / "net.pt", weights_only=True)["weights"]
    assert plain.keys() == network.weights.keys() == DESIGN.build().state_dict().keys()


def test_predictions_are_the_networks_on_normalised_items(network):
    raw = DATA.images["test"]
    seen = torch.from_numpy((raw.astype(np.float32) - DATA.mean[:, None, None]) / DATA.std[:, None, None])
    with torch.no_grad():
        wanted = torch.softmax(DESIGN.build(seed=5).eval()(seen), 1).numpy()
    assert np.allclose(network.predict(raw), wanted, atol=1e-6)
    assert network.predict(raw[:0]).shape == (0, 4)
    with pytest.raises(HarnessError, match=r"shape \(n, 3, 8, 8\)"):
        network.predict(raw[:, :2])


@pytest.mark.parametrize("part", [0.0, 0.3, 0.99])
def test_a_cut_file_is_refused(network, tmp_path, part):
    path = tmp_path / "net.pt"
    trained.save(path, network)
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    with pytest.raises(HarnessError, match="is no trained network"):
        trained.load(path)


class Evil:
    def __reduce__(self):
        return (pytest.fail, ("it was executed",))


@pytest.mark.parametrize(
    "content",
    [
        {"format": "other"},
        {"format": trained.FORMAT},
        {"format": trained.FORMAT, "about": "{}", "weights": {}},
        {"format": trained.FORMAT, "about": Evil(), "weights": {}},
        [1, 2],
    ],
)
def test_other_content_is_refused_and_never_executed(tmp_path, content):
    torch.save(content, tmp_path / "net.pt", pickle_module=pickle)
    with pytest.raises(HarnessError, match="is no trained network"):
        trained.load(tmp_path / "net.pt")


def test_weights_of_another_network_are_refused(network, tmp_path):
    del network.weights["head.linear.bias"]
    trained.save(tmp_path / "net.pt", network)
    with pytest.raises(HarnessError, match="not those of its network"):
        trained.load(tmp_path / "net.pt")
    with pytest.raises(HarnessError, match="keep-weights"):
        trained.load(tmp_path / "absent.pt")


def test_code_is_written_with_its_weights_beside_it(network, tmp_path):
    code, weights = write(tmp_path / "net.py", DESIGN, network, "a test")
    ours = runpy.run_path(str(code))["Network"]().eval()
    ours.load_state_dict(torch.load(weights, weights_only=True))
    items = torch.randn(4, *DESIGN.shape)
    assert torch.allclose(ours(items), network.build()(items), rtol=0, atol=1e-6)
    assert "mean 125, 120, 110" in code.read_text()
    assert write(tmp_path / "bare.py", DESIGN, None, "a test") == [tmp_path / "bare.py"]
    assert not (tmp_path / "bare.pt").exists()


def test_predictions_are_written_line_by_line(tmp_path):
    probabilities = np.array([[0.25, 0.75], [0.9, 0.1], [0.5, 0.5]], dtype=np.float32)
    facts = predictions.write(tmp_path / "p.csv", probabilities, np.array([1, 1, 0]))
    assert facts["accuracy"] == pytest.approx(200 / 3)
    rows = list(csv.DictReader((tmp_path / "p.csv").open()))
    assert rows[0] == {
        "item": "0",
        "predicted": "1",
        "label": "1",
        "probability_0": "0.250000",
        "probability_1": "0.750000",
    }
    assert [row["predicted"] for row in rows] == ["1", "0", "0"]
    assert predictions.write(tmp_path / "p.csv", probabilities, None)["accuracy"] is None
    assert "label" not in (tmp_path / "p.csv").read_text()


def test_items_come_from_arrays_or_data_sets(tmp_path):
    exported.save(DATA, tmp_path / "data.npz")
    assert len(predictions.read_items(str(tmp_path / "data.npz"), "valid").images) == 30
    np.savez(tmp_path / "own.npz", images=DATA.images["test"], labels=DATA.labels["test"])
    items = predictions.read_items(str(tmp_path / "own.npz"))
    assert items.labels.tolist() == DATA.labels["test"].tolist()
    np.savez(tmp_path / "alone.npz", x=DATA.images["test"])
    assert predictions.read_items(str(tmp_path / "alone.npz")).labels is None
    np.savez(tmp_path / "others.npz", x=np.zeros(3), y=np.zeros(3))
    for name, split, said in (
        ("others.npz", None, "the array `images`"),
        ("own.npz", "test", "`--split` is for data sets"),
        ("absent.npz", None, "there is no file"),
        ("own.npz", "tset", "split"),
    ):
        with pytest.raises(HarnessError, match=said):
            predictions.read_items(str(tmp_path / name), split)


def test_items_of_two_axes_are_none(network, tmp_path):
    path = tmp_path / "net.pt"
    trained.save(path, network)
    saved = torch.load(path, weights_only=True)
    saved["about"] = saved["about"].replace('"shape": [3, 8, 8]', '"shape": [3, 8]')
    torch.save(saved, path)
    with pytest.raises(HarnessError, match="its items have no shape of channels, height and width"):
        trained.load(path)


def test_a_changed_byte_of_the_weights_is_seen(network, tmp_path):
    path = tmp_path / "net.pt"
    trained.save(path, network)
    content, weight = path.read_bytes(), network.weights["stem.conv.weight"].numpy().tobytes()
    place = content.index(weight)
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    with pytest.raises(HarnessError, match=r"is no trained network of this program: its part .* is damaged"):
        trained.load(path)


def test_probabilities_that_are_no_numbers_are_not_written(network, tmp_path):
    items = DATA.images["test"].astype(np.float32)
    items[1, 0, 0, 0] = np.nan
    with pytest.raises(HarnessError, match=rf"1 of {len(items)} items have probabilities that are no numbers"):
        predictions.write(tmp_path / "a.csv", network.predict(items), None)
    assert not list(tmp_path.iterdir())
