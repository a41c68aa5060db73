"""The sample that a surrogate benchmark is fitted to, and evidence by where its rows come from."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks_data.file import layout
from benchmarks_data.predicted.fitted import fit
from benchmarks_data.predicted.fitted.sample import sample_of
from harness.cli.__main__ import main
from harness.errors import HarnessError, TableError
from harness.spaces import named
from tests.benchmarks_data.made_up import accuracy, made

SPACE = named.space("nb201")
ROWS = 90
ORIGIN = np.arange(ROWS) % 3


def table(tmp_path, provenance, **changes):
    """Return a table of cells, whose accuracy is the number of convolutions, and more where the origin is another."""
    archs = SPACE.decode(np.unique(SPACE.key(SPACE.sample(400, np.random.default_rng(0))))[:ROWS])
    values = 50.0 + (archs >= 3).sum(axis=1) + 10.0 * (ORIGIN == 2)
    column = (accuracy(), np.stack([values, values + 0.5], axis=1)[:, :, None])
    facts = {"columns": {"valid_accuracy": column}, "test": None, "about": {"provenance": json.dumps(provenance)}}
    path = tmp_path / "cells.h5"
    layout.write(path, made(archs, SPACE, **facts | changes))
    return layout.read_header(path)


def test_each_origin_is_predicted_by_a_model_that_saw_none_of_it(tmp_path):
    told = {"origins": ["random", "evolution", "model"], "origin": ORIGIN.tolist()}
    sample = sample_of(table(tmp_path, told), None, 0)
    assert np.array_equal(sample.origins, ORIGIN)
    found = fit.fit(sample, {"name": "ridge"}, name="cells")
    elsewhere, observed = found.evidence["elsewhere"], found.evidence["observed"]
    assert np.isfinite(elsewhere).all()
    # what only the third origin has, nobody can know who did not see it
    assert (observed - elsewhere)[ORIGIN == 2].mean() == pytest.approx(10, abs=1.5)
    assert abs((observed - elsewhere)[ORIGIN != 2].mean()) < 8
    assert found.about["origins"] == ["random", "evolution", "model"]


def test_rows_of_one_origin_are_not_left_out(tmp_path):
    sample = sample_of(table(tmp_path, {"origins": ["random"], "origin": [0] * ROWS}), None, 0)
    found = fit.fit(sample, {"name": "ridge"}, name="cells")
    assert np.isnan(found.evidence["elsewhere"]).all()
    assert np.isfinite(found.evidence["predicted"]).all()  # all folds, where rows are few


def test_origins_that_are_not_named_are_refused(tmp_path):
    with pytest.raises(TableError, match="number 2 origins"):
        sample_of(table(tmp_path, {"origins": ["random", "model"], "origin": ORIGIN.tolist()}), None, 0)


def test_rows_without_results_are_left_out_and_counted(tmp_path):
    header = table(tmp_path, {})
    archs = np.asarray(header.array("archs"))
    values = np.arange(2.0 * ROWS).reshape(ROWS, 2, 1) / 4 + 10
    values[:7] = np.nan
    layout.write(
        tmp_path / "gaps.h5",
        made(
            archs,
            SPACE,
            columns={"valid_accuracy": (accuracy(), values)},
            test=None,
            trainings=np.full((ROWS, 1), 2),
        ),
    )
    with pytest.warns(UserWarning, match="7 of 90 rows"):
        sample = sample_of(layout.read_header(tmp_path / "gaps.h5"), None, 0)
    assert len(sample.archs) == ROWS - 7
    assert sample.seconds is None
    assert sample.about["left_out"] == 7


def test_representatives_stand_for_their_class(tmp_path):
    sample = sample_of(table(tmp_path, {}), None, 0)
    assert sample.canonical
    assert np.array_equal(SPACE.decode(SPACE.key(sample.archs)), sample.archs)


def test_a_table_that_cannot_be_searched_is_refused(tmp_path):
    with pytest.raises(HarnessError, match="no validation column"):
        sample_of(table(tmp_path, {}, validation=None), None, 0)


def test_the_command_fits_and_describes_what_it_made(tmp_path, capsys):
    source, out = table(tmp_path, {}).path, str(tmp_path / "fitted.h5")
    given = ["table", "fit", str(source), "--rows", "40", "--out", out, "--learner", "ridge"]
    assert main([*given, "--settings", "penalty = 0.1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["learner"] == {"name": "ridge", "penalty": 0.1}
    assert (told["rows"], told["repeated_trainings"], told["judged_by"]) == (40, 80, 40)
    assert main(["describe", out]) == 0
    assert "a surrogate fitted to 40 rows of made-up" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"--out": "fitted.csv"}, "end in .h5"),
        ({"--rows": "many"}, "be a number, or 'all'"),
        ({"--rows": "3"}, "be at least 20"),
        ({"--learner": "nobody"}, "unknown surrogate"),
        ({"--settings": "penalty = -1"}, "penalty"),
        ({"--settings": "penalty ="}, "--settings"),
    ],
)
def test_the_command_refuses_what_it_cannot_do_before_anything_is_fitted(tmp_path, capsys, changed, said):
    given = {"--out": str(tmp_path / "fitted.h5"), "--learner": "ridge"} | changed
    words = [word for pair in given.items() for word in pair]
    assert main(["table", "fit", str(table(tmp_path, {}).path), *words]) != 0
    assert said in capsys.readouterr().err
    assert not (tmp_path / "fitted.h5").exists()
