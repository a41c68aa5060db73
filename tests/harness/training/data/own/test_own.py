"""Data of one's own: read in all their forms, split once, and refused in words where they are none."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import HarnessError
from harness.training import data
from harness.training.data.dataset import SPLITS
from harness.training.data.own import dataset
from harness.training.data.own.splits import GIVEN_NOWHERE, TEST, TRAIN, VALID, Shares, made
from harness.training.recipe import TrainingSetup


def images(n=60, *shape, classes=3, seed=0):
    """Random bytes, and labels in turn."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, *(shape or (8, 8))), dtype=np.uint8), np.arange(n) % classes


def contents(made_dataset, split):
    """The items of a split, as a multiset of what they are."""
    return sorted(item.tobytes() for item in made_dataset.images[split])


@pytest.mark.parametrize(
    ("shape", "options", "meant"),
    [
        ((8, 8), {}, (1, 8, 8)),
        ((12, 16, 3), {}, (3, 12, 16)),
        ((1, 12, 16), {}, (1, 12, 16)),
        ((40,), {}, (1, 1, 40)),
        ((6, 40), {"layout": "NCL"}, (6, 1, 40)),
        ((40, 6), {"layout": "NLC"}, (6, 1, 40)),
        ((13, 12, 12), {"layout": "NCHW"}, (13, 12, 12)),
        ((64,), {"shape": [8, 8]}, (1, 8, 8)),
        ((192,), {"shape": [3, 8, 8]}, (3, 8, 8)),
        ((30, 30), {}, (1, 32, 32)),
        ((13,), {}, (1, 1, 16)),
    ],
)
def test_items_are_arranged_as_channels_height_and_width(shape, options, meant):
    assert dataset(*images(60, *shape), **options).shape == meant


@pytest.mark.parametrize("shape", [(6, 40), (3, 8, 3), (9, 8, 9)])
def test_what_can_be_read_in_two_ways_is_asked_about(shape):
    with pytest.raises(HarnessError, match="several ways: say layout = "):
        dataset(*images(60, *shape))


def test_channels_keep_their_values_wherever_their_axis_stands():
    items, labels = images(60, 8, 12, 3)
    last, first = dataset(items, labels), dataset(items.transpose(0, 3, 1, 2), labels)
    assert last.sha256 == first.sha256
    row = next(row for row in range(60) if items[row].transpose(2, 0, 1).tobytes() == contents(last, "train")[0])
    assert labels[row] in last.labels["train"]


def test_zeros_around_an_item_leave_it_in_the_middle_and_are_told():
    items, labels = images(60, 10, 10)
    made_dataset = dataset(items, labels)
    whole = made_dataset.images["test"]
    assert whole.shape[1:] == (1, 12, 12)
    inner = {item.tobytes() for item in items}
    assert all(np.ascontiguousarray(item[0, 1:-1, 1:-1]).tobytes() in inner for item in whole)
    assert whole[:, :, 0].max() == whole[:, :, -1].max() == whole[..., 0].max() == 0
    assert any("zeros around them to 1 x 12 x 12" in note for note in made_dataset.notes)


@pytest.mark.parametrize(
    "labels",
    [["cat", "ant", "bee"], [7, -2, 3], [3.0, 1.0, 2.0], [b"z", b"x", b"y"], [2**63 + 9, 2**63 + 1, 2**63 + 5]],
)
def test_labels_are_numbered_in_the_order_of_their_names(labels):
    made_dataset = dataset(images()[0], np.array(labels * 20))
    assert made_dataset.classes == 3
    assert made_dataset.class_names == tuple(sorted(made_dataset.class_names, key=lambda text: (len(text), text))) or (
        made_dataset.class_names == ("-2", "3", "7")
    )
    reference = dataset(images()[0], np.argsort(np.argsort(np.array(labels))).tolist() * 20)
    assert np.array_equal(reference.labels["train"], made_dataset.labels["train"])


def test_labels_from_one_and_in_a_column_are_the_same_classes():
    items, labels = images()
    assert dataset(items, (labels + 1)[:, None]).sha256 == dataset(items, labels).sha256


def test_bytes_stay_bytes_and_other_numbers_become_float32():
    items, labels = images()
    assert dataset(items, labels).images["train"].dtype == np.uint8
    assert dataset(items.astype(np.int64), labels).sha256 == dataset(items, labels).sha256
    assert dataset(items.astype(np.int64) - 128, labels).images["train"].dtype == np.float32
    assert dataset(items / 255.0, labels).images["train"].dtype == np.float32
    assert dataset(items > 100, labels).images["train"].dtype == np.uint8


def test_mean_and_deviation_are_those_of_training_items_alone():
    rng = np.random.default_rng(1)
    items, labels = rng.normal(3.0, 2.0, (90, 2, 40)), np.arange(90) % 3
    before = dataset(items, labels, layout="NCL")
    train = before.images["train"].astype(np.float64)
    assert np.allclose(before.mean, train.mean(axis=(0, 2, 3)))
    assert np.allclose(before.std, train.std(axis=(0, 2, 3)))
    split = np.where(np.arange(90) < 50, "train", np.where(np.arange(90) < 70, "valid", "test"))
    items[50:] *= 1000.0
    after, other = dataset(items, labels, split, layout="NCL"), dataset(items / 1, labels, split, layout="NCL")
    assert np.allclose(after.mean, items[:50].mean(axis=(0, 2)))
    assert after.sha256 == other.sha256


def test_zeros_around_items_do_not_enter_mean_and_deviation():
    items, labels = np.random.default_rng(0).normal(5.0, 1.0, (60, 30)), np.arange(60) % 3
    assert dataset(items, labels).mean[0] == pytest.approx(5.0, abs=0.3)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.1, 0.2, 0.3]), st.integers(2, 5))
def test_splits_are_stratified_and_do_not_depend_on_the_order_of_items(seed, share, classes):
    rng = np.random.default_rng(seed)
    items = rng.integers(0, 256, (120, 1, 1, 8), dtype=np.uint8)
    labels = np.concatenate([np.arange(classes).repeat(8), rng.integers(0, classes, 120 - 8 * classes)])
    names = tuple(map(str, range(classes)))
    free = np.full(120, GIVEN_NOWHERE)
    splits = made(items, labels, names, free, Shares(valid=share, test=share))
    for label in range(classes):
        counts = np.bincount(splits[labels == label], minlength=3)
        assert abs(counts[TEST] - share * counts.sum()) <= 1
        assert abs(counts[VALID] - share * counts.sum()) <= 1
        assert counts[TRAIN] >= 1
    order = rng.permutation(120)
    again = made(items[order], labels[order], names, free, Shares(valid=share, test=share))
    assert np.array_equal(again, splits[order])
    assert not np.array_equal(made(items, labels, names, free, Shares(share, share, seed=1)), splits)


def test_equal_items_are_never_in_two_splits():
    items, labels = images(60)
    whole, classes = np.concatenate([items, items, items[:20]]), np.concatenate([labels, labels, labels[:20]])
    made_dataset = dataset(whole, classes)
    parts = [set(contents(made_dataset, split)) for split in SPLITS]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 60
    assert not any("leakage" in note for note in made_dataset.notes)


def test_leakage_between_given_splits_is_told_and_counted():
    items, labels = images(90)
    items[70:74] = items[:4]
    items[60:62] = items[10:12]
    split = ["train"] * 60 + ["valid"] * 10 + ["test"] * 20
    notes = dataset(items, labels, split).notes
    assert any("leakage: 4 test items of 20 are among the training items" in note for note in notes)
    assert any("leakage: 2 validation items of 10 are among the training items" in note for note in notes)


def test_uneven_classes_and_odd_items_are_told():
    items, labels = images(100, 8, 8, classes=10)
    labels = np.where(labels < 9, 0, 1)
    items[3] = 7
    items[5], items[9] = items[0], items[0]  # of classes 0 and 1
    notes = "\n".join(dataset(items, labels).notes)
    assert "from 90 items ('0') to 10 ('1'): always saying '0' is right for 90.0 % of validation items" in notes
    assert "1 item has one value everywhere" in notes
    assert "1 item is there with more than one label" in notes


def test_a_class_that_is_in_no_test_item_is_told_and_one_that_trains_nowhere_refused():
    items, labels = images(90)
    split = np.array(["train"] * 60 + ["valid"] * 15 + ["test"] * 15)
    split[labels == 2] = np.where(split[labels == 2] == "test", "train", split[labels == 2])
    assert "no test item is of class '2'" in "\n".join(dataset(items, labels, split).notes)
    split[labels == 2] = "valid"
    with pytest.raises(HarnessError, match="no training item is of class '2', which validation or test"):
        dataset(items, labels, split)


def nan(items):
    items = items.astype(np.float64)
    items[7, 3, 3] = np.nan
    items[9, 0, 0] = np.inf
    return items


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda x, y: (nan(x), y), r"2 values in 2 items \(number 7, 9\) are NaN or infinite; leave these items out"),
        (lambda x, y: (x.astype(str), y), "`items` must be numbers, got"),
        (lambda x, y: (np.stack([x, x, 0 * x], axis=1), y), "channel 2 of 3 is 0 everywhere in the training items"),
        (lambda x, y: (x[:, 0, 0], y), "must be items of one to three axes"),
        (lambda x, y: (x[:0], y[:0]), "have at least one item"),
        (lambda x, y: (x, y[:-1]), "`labels` must be one for each of 60 items"),
        (lambda x, y: (x, np.zeros(60)), "must name at least two classes"),
        (lambda x, y: (x, np.linspace(0, 1, 60)), "values to be regressed are not"),
        (lambda x, y: (x, np.arange(60)), "are they values?"),
        (lambda x, y: (x, np.eye(3)[y]), r"labels.argmax\(axis=1\)"),
        (lambda x, y: (x, np.where(np.arange(60) < 2, 9, y)), "class '9'` must have at least 3 different items"),
        (lambda x, y: (x, [None] * 60), "be classes: whole numbers or text"),
        (lambda x, y: (x, np.where(y == 0, np.inf, y)), "be classes: .*, got inf"),
        (lambda x, y: (x, np.where(y == 0, 1e300, y)), r"be classes: .*, got 1e\+300"),
        (lambda x, y: (x, y.astype("datetime64[D]")), "be classes: .*, got datetime"),
        (lambda x, y: ([[1, 2], [3]], [0, 1]), "be an array, every item of one shape"),
        (lambda x, y: (np.ma.masked_greater(x, 200), y), "`items` must have no masked values"),
    ],
)
def test_what_is_no_dataset_is_refused_with_rule_and_value(change, told):
    with pytest.raises(HarnessError, match=told):
        dataset(*change(*images()))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"valid": 0.0}, "`valid` must be greater than 0"),
        ({"valid": 0.5, "test": 0.5}, "leave items to train"),
        ({"layout": "HWN"}, "`layout` must be one of"),
        ({"layout": "NHWC"}, "have 4 axes for layout = 'NHWC'"),
        ({"shape": [3, 3]}, "be flat rows of 9 values"),
        ({"shape": 8}, "`shape` must be a list of integers"),
        ({"seed": -1}, "`seed` must be at least 0"),
        ({"split": ["train"] * 59}, "one text for each of 60 items, got 59"),
        ({"split": ["trian"] * 60}, "Did you mean 'train'"),
        ({"to": "own.csv"}, "must end in .npz"),
        ({"to": "/dev/null/own.npz"}, "the dataset cannot be written: "),
    ],
)
def test_options_are_checked(options, told):
    with pytest.raises(HarnessError, match=told):
        dataset(*images(), **options)


@pytest.mark.parametrize(
    "arrays",
    [
        lambda x, y: {"X": x, "y": y},
        lambda x, y: {"images": x, "labels": y},
        lambda x, y: {"X_train": x[:40], "y_train": y[:40], "X_test": x[40:], "y_test": y[40:]},
        lambda x, y: {"train_images": x[:30], "train_labels": y[:30, None], "val_images": x[30:45],
                      "val_labels": y[30:45, None], "test_images": x[45:], "test_labels": y[45:, None]},
        lambda x, y: {"x": x, "y": y, "split": np.array(["train"] * 30 + ["valid"] * 15 + ["test"] * 15)},
    ],
)  # fmt: skip
def test_a_file_stands_where_a_name_does(tmp_path, arrays):
    items, labels = images()
    np.savez(tmp_path / "mine.npz", **arrays(items, labels))
    loaded = data.load(str(tmp_path / "mine.npz"))
    assert sorted(item for split in SPLITS for item in contents(loaded, split)) == sorted(
        item.tobytes() for item in items
    )
    assert data.shape_of(str(tmp_path / "mine.npz")) == ((1, 8, 8), 3)
    assert data.load(loaded) is loaded
    if "X_test" in arrays(items, labels):
        assert contents(loaded, "test") == sorted(item.tobytes() for item in items[40:])


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        (lambda x, y: {"X": x}, "must hold items and labels of the same splits, got X"),
        (lambda x, y: {"X": x, "y": y, "weights": y}, "`weights` is neither items, labels nor `split`"),
        (lambda x, y: {"X": x, "y": y, "images": x}, "there under another name"),
        (lambda x, y: {"X_test": x, "y_test": y}, "have training items"),
        (lambda x, y: {"X_train": x, "y_train": y, "X_test": x[:, :6], "y_test": y}, "be of one shape in all splits"),
        (lambda x, y: {"X_train": x, "y_train": y, "X_test": x, "y_test": y[:, None]}, "labels .* one shape in all"),
        (lambda x, y: {"X_train": x, "y_train": y, "X_valid": x[:0], "y_valid": y[:0]}, "be at least one item"),
        (lambda x, y: {"X_train": x, "y_train": y[:5]}, "the train labels of .* must be one for each of 60"),
        (lambda x, y: {"X": x, "y": y, "split": np.array(["holdout"] * 60)}, "unknown split 'holdout'"),
        (lambda x, y: {"X": x, "y": y, "split": y}, "be a text for each of 60 items"),
    ],
)
def test_a_file_of_other_arrays_is_refused(tmp_path, arrays, told):
    np.savez(tmp_path / "mine.npz", **arrays(*images()))
    with pytest.raises(HarnessError, match=told):
        data.load(str(tmp_path / "mine.npz"))


def test_splits_are_made_once_and_kept_beside_the_data(tmp_path):
    items, labels = images()
    path, kept = tmp_path / "mine.npz", tmp_path / "mine.npz.splits.json"
    np.savez(path, X=items, y=labels)
    first = data.load(str(path), seed=3)
    about = json.loads(kept.read_text())
    assert (about["seed"], about["sizes"]) == (3, {"train": 36, "valid": 12, "test": 12})
    about["splits"] = about["splits"][::-1]
    kept.write_text(json.dumps(about))
    with pytest.raises(HarnessError, match="damaged: its digest is not that of its splits; remove it"):
        data.own._loaded.__wrapped__(str(path), None, '{"seed": 3}')
    kept.unlink()
    data.own._loaded.__wrapped__(str(path), None, '{"seed": 3}')
    with pytest.raises(HarnessError, match=r"was made with valid = 0.2, test = 0.2, seed = 3, and .*seed = 4"):
        data.load(str(path), seed=4)
    np.savez(path, X=items[:-3], y=labels[:-3])
    with pytest.raises(HarnessError, match="splits other items than there are now"):
        data.load(str(path), seed=3)
    kept.unlink()
    assert data.load(str(path), seed=3).sha256 != first.sha256


def test_splits_are_kept_in_the_folder_of_the_user_where_none_can_be_written(tmp_path, monkeypatch):
    monkeypatch.setenv("NAS_HARNESS_HOME", str(tmp_path / "home"))
    (tmp_path / "mine.npz.splits.json").mkdir()  # nothing can be written in its place
    np.savez(tmp_path / "mine.npz", X=images()[0], y=images()[1])
    data.load(str(tmp_path / "mine.npz"))
    (kept,) = (tmp_path / "home" / "splits").glob("mine.npz-*.splits.json")
    assert json.loads(kept.read_text())["sizes"]["test"] == 12


def test_what_is_at_a_path_and_no_dataset_is_refused(tmp_path):
    (tmp_path / "text.csv").write_text("a,b\n")
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 no more")
    for name, told in (("none.npz", "there is no dataset"), ("text.csv", "neither an .npz file nor a folder"),
                       ("broken.npz", "is not a whole .npz file")):  # fmt: skip
        with pytest.raises(HarnessError, match=told):
            data.load(str(tmp_path / name))
    np.savez(tmp_path / "mine.npz", X=images()[0], y=images()[1])
    with pytest.raises(HarnessError, match="Did you mean 'valid'"):
        data.load(str(tmp_path / "mine.npz"), vaild=0.1)


def test_a_dataset_of_a_notebook_is_written_and_read_back(tmp_path):
    items, labels = images()
    made_dataset = dataset(items, labels, to=tmp_path / "mine.npz", name="mine")
    read = data.load(str(tmp_path / "mine.npz"))
    assert (read.sha256, read.class_names, read.notes) == (
        made_dataset.sha256,
        made_dataset.class_names,
        made_dataset.notes,
    )


def test_a_dataset_is_found_by_its_digest_wherever_it_lies_and_another_is_refused(tmp_path):
    (tmp_path / "a").mkdir()
    np.savez(tmp_path / "a" / "mine.npz", X=images()[0], y=images()[1])
    there, moved = (str(tmp_path / folder / "mine.npz") for folder in ("a", "b"))
    sha256 = data.load(there).sha256
    setups = [TrainingSetup("nb201", "micro", place, dataset_sha256=sha256) for place in (there, moved)]
    assert setups[0].content == setups[1].content
    assert data.of(setups[1], tmp_path / "a").sha256 == sha256
    with pytest.raises(HarnessError, match="there is no dataset"):
        data.of(setups[1])
    with pytest.raises(HarnessError, match="must be the one that was trained on"):
        data.of(TrainingSetup("nb201", "micro", there, dataset_sha256="0" * 64))


def test_setups_without_own_data_keep_what_digests_see_of_them():
    setup = TrainingSetup("nb201", "micro", "mnist1d", (0, 1))
    assert setup.content == setup.as_dict()
    assert "dataset_sha256" not in setup.as_dict()
