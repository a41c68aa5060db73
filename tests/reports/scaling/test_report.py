"""The page of networks of several sizes: families, shares and ratios by hand, and what the page says."""

from __future__ import annotations

import json

import numpy as np
import pytest

from harness.errors import ResultError
from harness.experiments.execute import execute
from harness.experiments.prepare import prepare
from harness.experiments.scaling import Scaling
from reports.figures.render import draw
from reports.page.build import build
from reports.scaling.report import first_screen, sections
from reports.scaling.results import Equal, read_scalings
from tests.harness.experiments.scaled import ARCH, small_data, spec


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Width whose error falls by two at each size, depth by one, and a grid; test errors are one more."""
    place = tmp_path_factory.mktemp("sizes")
    with pytest.MonkeyPatch.context() as patch:
        small_data(patch)
        real = Scaling.run

        def known(self, unit, on_step=None):
            output = real(self, unit, on_step)
            fall = 2.0 * (unit.channels > 4) + 1.0 * (unit.cells > 1) + 0.5 * (unit.length > 12)
            accuracy = 90 + fall + np.array([-0.1, 0.0, 0.1])
            output.columns["valid_accuracy"][:] = accuracy
            output.columns["held_out/test_accuracy"][:] = accuracy - 1
            return output

        patch.setattr(Scaling, "run", known)
        asked = spec("width", "depth", "resolution", {"name": "grid", "step": 1.0}, scaling={"phis": [0, 2]})
        assert execute(prepare(asked), place).failed == ()
    return place


def test_the_families_share_the_smallest_network_and_are_judged_at_equal_error(folder):
    (panel,) = read_scalings(folder).panels
    width, depth, resolution = panel.families
    assert width.points[0].errors is depth.points[0].errors
    assert width.means("validation") == pytest.approx([10, 8])
    assert resolution.means("test") == pytest.approx([11, 10.5])
    equal = panel.equal("validation")
    assert equal.error == pytest.approx(9)
    assert equal.macs["resolution"] == np.inf
    assert equal.order[0] == "width"
    assert equal.macs["width"] == pytest.approx(np.sqrt(width.macs[0] * width.macs[1]))
    assert equal.share("width") == 1
    assert sum(equal.share(label) for label in equal.macs) == pytest.approx(1)
    assert width.law("validation") is None


def test_shares_and_ratios_of_resamples_by_hand():
    resamples = {"a": np.array([1.0, 1.0, 4.0, np.inf]), "b": np.array([2.0, 1.0, 2.0, np.inf])}
    equal = Equal(5.0, {"a": 1.0, "b": 1.5}, resamples)
    assert equal.share("a") == pytest.approx((1 + 0.5) / 4)
    assert equal.share("b") == pytest.approx((0.5 + 1) / 4)
    assert equal.ratio("b") == (1.5, 0.5, 2.0)


def test_the_page_says_which_family_wins_and_how_sure_that_is(folder, tmp_path):
    results = read_scalings(folder)
    (section,) = sections(results)
    first, sure = section.sentences
    assert first.startswith("micro-mnist1d: width needs the fewest multiply-adds for a validation error of 9")
    assert "resolution does not reach it" in first
    assert "width is the cheapest in 100 % of resamples of 3 seeds" in sure
    assert "by test it is the cheapest too" in sure
    assert first_screen(results).verdict == "Scale width."
    assert "the table's recipe, but for 1 epoch, unchanged at every size" in section.methods[0]
    assert [table.name for table in section.tables] == ["scaling-networks", "scaling-laws", "scaling-grid"]
    grid = section.tables[2].frame
    assert grid["alike"].sum() == len(results.panels[0].grid)
    page = build(folder, tmp_path / "page")
    assert "Accuracy against multiply-adds" in page.read_text(encoding="utf-8")
    drawn = json.loads((tmp_path / "page" / "figures" / "scaling.json").read_text(encoding="utf-8"))
    assert drawn["kind"] == "scaling"
    figure = draw(section.figures[0])
    (legend,) = figure.legends
    assert legend.get_window_extent().y0 >= figure.axes[0].title.get_window_extent().y1, "they do not overlap"


def test_what_is_missing_is_told(folder, tmp_path):
    for path in sorted(folder.iterdir()):
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    next(iter(sorted(tmp_path.glob("*.h5")))).unlink()
    with pytest.raises(ResultError, match="is incomplete"):
        read_scalings(tmp_path)
    assert len(read_scalings(tmp_path, allow_missing=True).missing) == 1


def test_a_manifest_that_claims_other_networks_is_refused(folder, tmp_path):
    for path in sorted(folder.iterdir()):
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    plain = json.loads((folder / "experiment.json").read_text())
    for key, value, named in (
        ("arch", ARCH.replace("skip_connect", "none"), "scaling.arch"),
        ("arch", "no cell", "scaling.arch"),
        ("epochs", 2, "scaling.epochs"),
        ("epochs", None, "scaling.epochs"),
        ("channels", 8, "sizes of 'width'"),
        ("phis", [0, 3], "sizes of 'width'"),
    ):
        changed = {**plain, "spec": {**plain["spec"], "scaling": {**plain["spec"]["scaling"], key: value}}}
        (tmp_path / "experiment.json").write_text(json.dumps(changed))
        with pytest.raises(ResultError, match=f"its `{named}` is not that of the result"):
            read_scalings(tmp_path)
