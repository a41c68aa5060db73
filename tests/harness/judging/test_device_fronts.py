"""True fronts of NAS-Bench-201 with costs measured on devices (HW-NAS-Bench), and of its older test values."""

from __future__ import annotations

import numpy as np
import pytest

from harness.judging.front import on_front
from harness.judging.indicators import Normalisation, hypervolume
from reports.statistics.random_front import expected_hypervolume
from tests.paths import SHARED_DATA

pytestmark = pytest.mark.data
DATASETS = ("cifar10", "cifar100", "imagenet16_120")
FRONTS = {
    ("edgegpu_latency",): ((20, 1.119566), (26, 1.101918), (38, 1.090205)),
    ("raspi4_latency",): ((57, 1.174434), (42, 1.156907), (55, 1.113582)),
    ("eyeriss_latency",): ((15, 1.198822), (15, 1.180354), (13, 1.164309)),
    ("fpga_latency",): ((15, 1.195189), (16, 1.168118), (18, 1.159551)),
    ("fpga_energy",): ((15, 1.195189), (16, 1.168118), (18, 1.159551)),
    ("edgegpu_energy",): ((31, 1.115188), (36, 1.081873), (45, 1.075022)),
    ("edgetpu_latency",): ((47, 1.198066), (33, 1.186368), (34, 1.172272)),
    ("edgegpu_latency", "edgegpu_energy"): ((48, 1.137460), (51, 1.092219), (66, 1.075917)),
    ("pixel3_latency", "params_m"): ((76, 1.265435), (57, 1.222155), (78, 1.162482)),
}
"""Members and hypervolume of (error, costs), params by their logarithm; what the edge TPU cannot run left out."""
OPTIMA = [
    ("cifar10", "edgegpu_latency", 3.0, 89.26266, 6725, 1535), ("cifar10", "edgegpu_latency", 5.0, 91.344, 10872, 6546),
    ("cifar10", "raspi4_latency", 10.0, 88.378, 5446, 2047), ("cifar10", "pixel3_latency", 10.0, 90.726, 13171, 7202),
    ("cifar10", "edgegpu_energy", 15.0, 89.40134, 3511, 2303), ("cifar100", "edgegpu_latency", 3.0, 67.87, 9827, None),
    ("cifar100", "edgegpu_latency", 5.0, 71.86, 12415, None),
]  # fmt: skip


@pytest.fixture(scope="module")
def tables():
    found = {}
    for name in ("nb201_tss", "hwnasbench_nb201"):
        if not (SHARED_DATA / f"{name}.npz").exists():
            pytest.skip(f"no {name} in {SHARED_DATA}")
        with np.load(SHARED_DATA / f"{name}.npz") as data:
            found |= {key: data[key].astype(np.float64) for key in data.files if key != "op_codes"}
    return found


def accuracy(tables, dataset):
    return np.nanmean(tables[f"{dataset}__val_acc_200_seeds"], axis=1).round(5)


def points_of(tables, dataset, costs):
    """Return normalised (error, costs); NaN where a device cannot run a network."""
    columns = [tables[f"{dataset}__{cost}"] for cost in costs]
    values = np.stack(
        [100 - accuracy(tables, dataset), *[np.where(column < 0, np.nan, column) for column in columns]], 1
    )
    return Normalisation.of(values, [False, *(cost == "params_m" for cost in costs)]).unit(values)


def test_true_fronts_on_devices(tables):
    for costs, answers in FRONTS.items():
        for dataset, (members, volume) in zip(DATASETS, answers, strict=True):
            points = points_of(tables, dataset, costs)
            front = on_front(points)
            assert int(front.sum()) == members, (costs, dataset)
            assert hypervolume(points[front]) == pytest.approx(volume, abs=2e-6), (costs, dataset)


def test_constrained_optima_on_devices(tables):
    for dataset, cost, bound, best, row, count in OPTIMA:
        kept = np.flatnonzero(tables[f"{dataset}__{cost}"] <= bound)
        values = np.nanmean(tables[f"{dataset}__val_acc_200_seeds"], axis=1)[kept]
        assert kept[np.argmax(values)] == row
        assert values.max() == pytest.approx(best, abs=1e-4)
        assert count in (None, len(kept))


def test_the_expected_gap_of_random_search_on_a_fine_grid(tables):
    points = points_of(tables, "cifar10", ("edgegpu_latency",))
    expected = hypervolume(points[on_front(points)]) - expected_hypervolume(
        points, np.array([10, 50, 100, 200, 500, 1000])
    )
    np.testing.assert_allclose(expected, [0.16580, 0.05867, 0.03137, 0.01619, 0.00686, 0.00429], atol=6e-6)


@pytest.mark.parametrize(
    ("dataset", "kept"), [("cifar10", (10, 13)), ("cifar100", (11, 15)), ("imagenet16_120", (9, 13))]
)
def test_the_test_image_of_a_validation_front_is_no_front(tables, dataset, kept):
    """Its older test values, of the models trained on half of the images."""
    params = tables[f"{dataset}__params_m"]
    front = on_front(points_of(tables, dataset, ("params_m",)))
    values = np.stack([100 - tables[f"{dataset}__test_acc_200_v11"], params], axis=1)
    test = Normalisation.of(values, (False, True)).unit(values)
    assert (int(on_front(test[front]).sum()), int(front.sum())) == kept
    if dataset == "cifar10":
        assert hypervolume(test[front]) == pytest.approx(1.177462, abs=2e-6)
        assert hypervolume(test[on_front(test)]) == pytest.approx(1.181956, abs=2e-6)
