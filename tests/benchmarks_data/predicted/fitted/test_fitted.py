"""A surrogate benchmark fitted to a sample: it answers like a table, and from its own numbers alone."""

from __future__ import annotations

import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest

import harness as nh
from benchmarks_data import provider
from benchmarks_data.audit.audit import audit
from benchmarks_data.catalogue.entries import Source, entry
from benchmarks_data.commands import inventory
from benchmarks_data.file import layout
from benchmarks_data.predicted.fitted import benchmark as answering
from benchmarks_data.predicted.fitted import file, fit
from benchmarks_data.predicted.fitted.costs import Costs
from benchmarks_data.predicted.fitted.model import Curves
from benchmarks_data.predicted.fitted.sample import sample_of
from harness import registry
from harness.errors import HarnessError, TableError
from harness.files import sealed
from harness.problem import Objective
from harness.records import Proposals
from harness.testing.conformance import check_benchmark

QUICK = {"name": "random_forest", "trees": 10, "min_leaf": 2}
ROWS = 300


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A forest fitted to a sample of the table with low fidelities and repeats."""
    where = tmp_path_factory.mktemp("fitted") / "micro.h5"
    file.write(where, fit.fit(sample_of(provider.told("micro-mnist1d"), ROWS, 0), QUICK, name="micro"))
    return where


@pytest.fixture
def asked():
    space = registry.benchmark("micro-mnist1d").space
    rng = np.random.default_rng(3)
    archs, seeds = space.sample(700, rng), rng.integers(0, 2**63, 700).astype(np.uint64)
    return archs, rng.integers(0, len(registry.benchmark("micro-mnist1d").fidelities), 700), seeds


def answers(benchmark, archs, fidelity, seeds=None):
    told = benchmark.query(Proposals.of(archs, fidelity), noise_seed=seeds)
    return np.concatenate([told.objectives, told.seconds[:, None]], axis=1)


def test_it_is_opened_by_its_path_and_keeps_the_rules(path):
    benchmark = nh.open_benchmark(str(path))
    assert len(check_benchmark(benchmark, np.random.default_rng(0))) >= 5
    table = nh.open_benchmark("micro-mnist1d")
    assert (benchmark.fidelities, benchmark.objectives) == (table.fidelities, table.objectives)
    assert benchmark.name == str(path)
    assert benchmark.table_name == "micro"
    assert benchmark.digest != table.digest


def test_answers_depend_on_no_batch_and_no_order(path, asked):
    benchmark, (archs, fidelity, seeds) = nh.open_benchmark(str(path)), asked
    whole = answers(benchmark, archs, fidelity, seeds)
    order = np.random.default_rng(4).permutation(len(archs))
    assert np.array_equal(answers(benchmark, archs[order], fidelity[order], seeds[order]), whole[order])
    for count in (1, 3, 257):
        assert np.array_equal(answers(benchmark, archs[:count], fidelity[:count], seeds[:count]), whole[:count])
    assert len(answers(benchmark, archs[:0], fidelity[:0], seeds[:0])) == 0


def test_answers_are_the_same_in_another_process(tmp_path, asked):
    archs, fidelity, seeds = (part[:40] for part in asked)
    where = tmp_path / "ridge.h5"  # a learner that imports little
    file.write(where, fit.fit(sample_of(provider.told("micro-mnist1d"), 60, 0), {"name": "ridge"}, name="micro"))
    code = (
        "import sys, numpy as np; from benchmarks_data.predicted.fitted.benchmark import open_benchmark;"
        "from harness.records import Proposals; a = np.load(sys.argv[2]);"
        "e = open_benchmark(sys.argv[1]).query(Proposals.of(a['x'], a['f']), noise_seed=a['s']);"
        "print(e.objectives.tobytes().hex(), e.seconds.tobytes().hex())"
    )
    np.savez(tmp_path / "asked.npz", x=archs, f=fidelity, s=seeds)
    given = [sys.executable, "-c", code, str(where), str(tmp_path / "asked.npz")]
    said = subprocess.run(given, capture_output=True, text=True, check=True).stdout.split()
    told = nh.open_benchmark(str(where)).query(Proposals.of(archs, fidelity), noise_seed=seeds)
    assert said == [told.objectives.tobytes().hex(), told.seconds.tobytes().hex()]


def test_it_follows_the_table_and_its_noise(path):
    benchmark, table = nh.open_benchmark(str(path)), registry.oracle("micro-mnist1d")
    rows = np.random.default_rng(5).permutation(len(table.archs))[:1500]
    archs, last = table.archs[rows], len(benchmark.fidelities) - 1
    mean = 100 - answers(benchmark, archs, last)[:, 0]
    truth = table.mean(archs, "valid_accuracy")
    assert np.corrcoef(mean, truth)[0, 1] > 0.75
    drawn = [
        100 - answers(benchmark, archs, last, np.full(len(archs), seed, dtype=np.uint64))[:, 0] for seed in range(9)
    ]
    variance = np.nanvar(table.trainings(archs, "valid_accuracy"), axis=1, ddof=1).mean()
    assert np.var(np.array(drawn) - mean) == pytest.approx(variance, rel=0.35)


def test_seconds_never_fall_in_a_training(path, asked):
    benchmark = nh.open_benchmark(str(path))
    levels = [answers(benchmark, asked[0], level)[:, 1] for level in range(len(benchmark.fidelities))]
    assert (np.diff(levels, axis=0) >= 0).all()
    assert benchmark.cheapest_seconds(0) <= np.min(levels)


def test_what_is_held_out_leaves_the_fit_as_it_is(tmp_path, path):
    source = provider.whole("micro-mnist1d").path
    blank = tmp_path / "micro-mnist1d.h5"
    shutil.copyfile(source, blank)
    with h5py.File(blank, "r+") as opened:
        for values in opened["held_out"].values():
            values[...] = np.nan
        _rehash(opened)
    sealed.seal(blank, "nas-harness sealed table 1")
    blanked = fit.fit(sample_of(layout.read_header(blank), ROWS, 0), QUICK, name="micro")
    file.write(tmp_path / "again.h5", blanked)
    first, second = file.read(path), file.read(tmp_path / "again.h5")
    assert first.digest == second.digest
    assert all(np.array_equal(first.evidence[name], second.evidence[name], equal_nan=True) for name in first.evidence)


def _rehash(opened):
    """Record the digest that the numbers have, as whoever writes a table does."""
    names, columns = [], []
    for group in ("columns", "held_out"):
        for name, item in opened[group].items():
            columns.append(layout.column_of(name, group == "held_out", dict(item.attrs)))
    opened.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    meaning = layout.Meaning.from_attributes(dict(opened.attrs))
    opened.attrs.modify("sha256", layout._digest(meaning, columns, {name: opened[name][...] for name in names}))


def test_the_same_fit_is_the_same_file_content(tmp_path, path):
    file.write(tmp_path / "b.h5", fit.fit(sample_of(provider.told("micro-mnist1d"), ROWS, 0), QUICK, name="micro"))
    assert file.read(tmp_path / "b.h5").digest == file.read(path).digest


def test_a_smaller_sample_is_part_of_a_larger(path):
    header = provider.told("micro-mnist1d")
    small, large = (sample_of(header, rows, 0).archs for rows in (50, 100))
    assert {tuple(arch) for arch in small.tolist()} <= {tuple(arch) for arch in large.tolist()}


def test_distance_is_the_part_of_pairs_that_nobody_saw(path):
    model = file.read(path).model
    archs = file.read(path).evidence["archs"]
    assert not model.distance(archs).any()
    assert model.distance(model.space.all_codings).max() <= 1
    few = provider.told("micro-mnist1d")
    near = fit.pairs_of(model.space, sample_of(few, 20, 0).archs[:1])
    alone = type(model)(model.space, model.objective, model.learner, model.curves, model.noise, None, near)
    one = sample_of(few, 20, 0).archs[:1]
    other = (one + 1) % model.space.cardinalities
    half = np.where(np.arange(model.space.genes) < 3, one, other)
    genes = model.space.genes
    assert alone.distance(np.concatenate([one, other, half])).tolist() == pytest.approx(
        [0.0, 1.0, 1 - 3 / (genes * (genes - 1) / 2)]
    )


def test_rank_one_curves_come_back_from_one_direction():
    means = np.outer(np.linspace(1, 4, 30), [8.0, 4.0, 2.0, 1.0])
    curves, learnt = Curves.of(means, Objective("loss"), most=5, explained=0.999)
    assert len(curves.directions) == 0 or len(curves.directions) == 1
    for place in range(4):
        found = curves.results(learnt, np.full(30, place), Objective("loss"))
        assert found == pytest.approx(means[:, place])


def test_what_directions_leave_out_is_the_rest_of_the_singular_values():
    rng = np.random.default_rng(6)
    means = rng.normal(size=(40, 6)) * [8, 4, 2, 1, 1, 1]
    curves, learnt = Curves.of(means, Objective("loss"), most=2, explained=1.0)
    assert curves.transform == "identity"
    rest = means - means.mean(axis=0)
    rest[:, -1] = 0
    sizes = np.linalg.svd(rest, compute_uv=False)
    back = (curves.centre + curves.scale * learnt)[:, 1:] @ curves.directions
    assert np.linalg.norm(rest - back) == pytest.approx(np.sqrt(np.square(sizes[2:]).sum()))


@pytest.mark.parametrize("place", [0, 30, 600, -1])
def test_a_changed_byte_is_refused_in_one_line(tmp_path, path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 0x55
    damaged = tmp_path / "damaged.h5"
    damaged.write_bytes(content)
    with pytest.raises(TableError, match="damaged") as raised:
        nh.open_benchmark(str(damaged))
    assert "\n" not in str(raised.value)


def test_a_cut_file_and_a_longer_one_are_refused(tmp_path, path):
    for name, content in (("cut", path.read_bytes()[:-9]), ("longer", path.read_bytes() + b"0")):
        (tmp_path / name).with_suffix(".h5").write_bytes(content)
        with pytest.raises(TableError, match=r"cut short|more was written"):
            nh.open_benchmark(str(tmp_path / f"{name}.h5"))


def test_a_future_file_is_refused(tmp_path, path):
    later = tmp_path / "later.h5"
    shutil.copyfile(path, later)
    sealed.seal(later, "nas-harness sealed surrogate benchmark 2")
    with pytest.raises(TableError, match="of format 2, this program reads format 1"):
        nh.open_benchmark(str(later))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda opened: opened.__delitem__("model/seen"), "seen"),
        (lambda opened: opened["model/curves/mean"].__setitem__(..., np.nan), "numbers"),
        (lambda opened: opened.__setitem__("more", h5py.SoftLink("/json")), "link"),
        (lambda opened: opened.__delitem__("json"), "json"),
    ],
)  # fmt: skip
def test_a_sealed_file_that_says_what_cannot_be_is_refused(tmp_path, path, change, said):
    foreign = tmp_path / "foreign.h5"
    shutil.copyfile(path, foreign)
    with h5py.File(foreign, "r+") as opened:
        change(opened)
    sealed.seal(foreign, file.SEAL)
    with pytest.raises(TableError, match=said):
        nh.open_benchmark(str(foreign))


def test_what_it_cannot_do_is_refused(path):
    with pytest.raises(HarnessError, match="unknown column"):
        nh.open_benchmark(str(path), objectives=["test_accuracy"])
    with pytest.raises(HarnessError, match="predicts"):
        registry.benchmark(str(path), seed=3)
    with pytest.raises(HarnessError, match="has no rows"):
        provider.told(str(path))
    with pytest.raises(HarnessError, match="has no rows; `nas-harness data info"):
        audit(path)
    with pytest.raises(HarnessError, match="rows"):
        sample_of(provider.told("micro-mnist1d"), 5, 0)
    with pytest.raises(HarnessError, match="cannot be kept in a file"):
        fit.fit(sample_of(provider.told("micro-mnist1d"), 30, 0), {"name": "knn"}, name="micro")


def test_it_says_what_it_is(path):
    said = registry.describe_benchmark(str(path))
    assert said["surrogate"]
    assert said["learner_family"] == "trees"
    assert said["sample"]["rows"] == ROWS
    assert said["sample"]["table"] == "micro-mnist1d"
    assert said["space"]["name"] == "nb201"
    oracle = registry.oracle(str(path))
    best = oracle.optimum("valid_accuracy")
    assert best.value == oracle.values("valid_accuracy").max()
    assert oracle.test is None


def test_costs_are_those_of_the_networks_that_the_table_is_of(path):
    """They are smaller than those of the paper of the space, which its own closed form counts."""
    table, oracle = registry.oracle("micro-mnist1d"), registry.oracle(str(path))
    archs = table.archs[::97]
    for name in ("params_m", "macs_m"):
        np.testing.assert_allclose(oracle.mean(archs, name), table.mean(archs, name), rtol=1e-6)
        assert (oracle.mean(archs, name) < table.space.costs(archs)[name]).all()
    assert sample_of(provider.told("nb201-cifar10"), 50, 0).costs.forms == {"params_m": "space", "macs_m": "space"}


def test_costs_that_no_closed_form_gives_are_not_offered(monkeypatch, path):
    told = provider.told("micro-mnist1d")
    monkeypatch.setattr("harness.training.networks.KINDS", {})
    assert sample_of(told, 50, 0).costs.columns == []
    with pytest.raises(TableError, match="`costs` must be of"):
        Costs.read({"forms": {"params_m": "guessed"}})


def test_cells_of_one_function_have_one_answer_where_the_table_has_one_row_for_them(path):
    benchmark = nh.open_benchmark(str(path))
    codings = benchmark.space.all_codings
    keys = benchmark.space.key(codings)
    twins = codings[keys == np.unique(keys, return_counts=True)[0][np.unique(keys, return_counts=True)[1].argmax()]]
    assert len(twins) > 5
    told = answers(benchmark, twins, 0, np.full(len(twins), 7, dtype=np.uint64))
    assert len(np.unique(told, axis=0)) == 1


def test_one_that_comes_with_the_program_has_a_name(tmp_path, path, monkeypatch):
    package = tmp_path / "made_up_fitted"
    package.mkdir()
    (package / "__init__.py").touch()
    shutil.copyfile(path, package / "micro.h5")
    monkeypatch.syspath_prepend(tmp_path)
    source = Source("", "https://example.org", "MIT", "Nobody, 2020", "drawn", module=package.name, distribution="x",
                    answers="predicted.fitted.benchmark")  # fmt: skip
    named = {"micro-fitted": entry("micro-fitted", {"title": "Made up", "dataset": "signals", "file": "micro.h5",
                                                    "space": "nb201"}, source)}  # fmt: skip
    for module in (provider, answering, inventory):
        monkeypatch.setattr(module, "others", lambda: named)
    opened = registry.benchmark("micro-fitted")
    assert opened.name == "micro-fitted"
    assert opened.digest == file.read(path).digest
    assert registry.oracle("micro-fitted").name == "micro-fitted"
    assert registry.describe_benchmark("micro-fitted")["sample"]["rows"] == ROWS
    assert "micro-fitted" in provider.PROVIDER.names()
    assert inventory.item(named["micro-fitted"]).state is inventory.State.READY
    assert inventory.searched_as("micro-fitted") == ("micro-fitted",)
    assert provider.ensure("micro-fitted") == package / "micro.h5"
