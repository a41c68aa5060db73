"""The explorer in a real browser: every view and control without an error, and a table that says what figures draw."""

from __future__ import annotations

import shutil
from importlib.resources import files

import pytest

from reports.page.comparison import figures
from reports.page.explorer import explorer
from reports.study.comparisons import pairwise
from reports.study.study import prepare
from reports.tables.numbers import p_value, three_digits
from tests.reports.support import FakeOracle, make_results, opener

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium to look at pages with")
ORACLES = [FakeOracle("alpha"), FakeOracle("beta", test=False, has_seconds=False)]
LABELS = ("random_search", "<b>climber</b>", "keen")
MATRIX = '<table id="matrix"><tbody><tr><th>keen</th></tr><tr><th>random_search</th></tr></tbody></table>'
WAIT = 30_000
"""Milliseconds in which an event does what it does, on machines however busy."""
VIEWS = ["curves", "ranks", "pair", "targets", "profile", "critical"]


@pytest.fixture(scope="module")
def made():
    study = prepare(make_results(ORACLES, LABELS, replicates=12, evaluations=25), opener(*ORACLES))
    compared = pairwise(study)
    return compared, {exhibit.name: exhibit.frame for exhibit in figures(study, compared)}, study


@pytest.fixture(scope="module")
def address(made, tmp_path_factory):
    compared, frames, study = made
    path = tmp_path_factory.mktemp("page") / "index.html"
    inflate = (files("reports.page") / "templates" / "inflate.js").read_text(encoding="utf-8")
    text = f'<!DOCTYPE html><meta charset="utf-8">{MATRIX}<div data-explorer></div><script>{inflate}</script>'
    text += str(explorer(study, compared, frames))
    path.write_text(text, encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()


@pytest.fixture
def page(browser, address):
    said: list[str] = []
    tab = browser.new_page(viewport={"width": 1100, "height": 900})
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.goto(address)
    tab.wait_for_selector(".x-side tbody tr")
    yield tab
    tab.close()
    assert said == []


def rows(page) -> list[list[str]]:
    """Return the table at the cursor: names, then cells."""
    return page.eval_on_selector_all(
        ".x-side tbody tr",
        "rows => rows.map(row => [row.querySelector('[data-mute]')?.textContent ?? '',"
        " ...[...row.querySelectorAll('td')].map(cell => cell.textContent)])",
    )


def lines(page) -> int:
    return page.locator(".x-plot svg path[data-key]").count()


def test_every_view_with_every_choice_draws_and_says_nothing_wrong(page):
    assert page.eval_on_selector_all("[data-view]", "tabs => tabs.map(tab => tab.dataset.view)") == VIEWS
    chosen = page.evaluate(
        """() => {
        let count = 0;
        const root = document.querySelector("[data-explorer]");
        for (const view of root.querySelectorAll("[data-view]")) {
          view.click();
          for (const name of [...root.querySelectorAll(".x-bar [data-set]")].map((one) => one.dataset.set)) {
            const get = () => root.querySelector(`.x-bar [data-set="${name}"]`), control = get();
            const values = control.options ? [...control.options].map((one) => one.value).reverse() : [0, 5, 11];
            for (const value of values) {
              get().value = value;
              get().dispatchEvent(new Event("input", { bubbles: true }));
              count += 1;
              const drawn = root.querySelector(".x-plot svg").innerHTML;
              if (drawn.includes("NaN")) throw new Error(`${view.id} ${name} ${value}`);
            }
          }
          for (const name of [...root.querySelectorAll("[data-toggle]")].map((one) => one.dataset.toggle)) {
            for (let twice = 0; twice < 2; twice += 1) root.querySelector(`[data-toggle="${name}"]`).click();
          }
        }
        return count;
      }"""
    )
    assert chosen >= 30
    assert "No critical-difference diagram" in page.locator("[data-critical]").text_content()


def test_the_cursor_sorts_the_table_and_its_values_are_those_of_the_figure(page, made):
    frame = made[1]["validation-regret-evaluations"]
    frame = frame[(frame["benchmark"] == "alpha") & frame["series"].isin(LABELS)]
    plot = page.locator(".x-plot svg")
    plot.focus()
    for key, x in (("Home", frame["x"].min()), ("ArrowRight", None), ("End", 25.0)):
        page.keyboard.press(key)
        at = float(page.locator(".x-side caption").text_content().split()[1])
        assert x is None or at == x
        values = frame[frame["x"] == at].sort_values("centre", kind="stable")
        found = rows(page)
        assert sorted(row[0] for row in found) == sorted(LABELS)
        assert [row[1] for row in found] == [three_digits(value) for value in values["centre"]]
        assert {row[2] for row in found} == {
            f"[{three_digits(row.low)}, {three_digits(row.high)}]" for row in values.itertuples()
        }
        assert {row[4] for row in found} == {"12"}


def test_strategies_are_muted_and_seen_alone_by_mouse_and_keyboard(page):
    page.evaluate("() => document.addEventListener('explorer-muted', (event) => { window.heard = event.detail; })")
    assert lines(page) == 3
    keen = page.locator(".x-side tr", has_text="keen")
    keen.locator("[data-mute]").click()
    assert page.evaluate("window.heard") == ["keen"]
    assert "x-muted" in keen.get_attribute("class")
    assert page.locator(".x-plot svg path[data-key='2']").count() == 0
    assert page.locator("#matrix .x-muted").all_text_contents() == ["keen"]
    keen.locator("[data-mute]").press("Enter")
    assert page.evaluate("window.heard") == []
    keen.locator("[data-only]").click()
    assert page.evaluate("window.heard") == list(LABELS[:2])
    page.locator("[data-view=ranks]").click()
    assert page.locator(".x-plot svg path[data-key='0']").count() == 0, "what is muted is muted in all views"
    page.get_by_text("Show all").click()
    assert page.evaluate("window.heard") == []


def test_dragging_zooms_hovering_tells_and_escape_goes_back(page):
    plot, reset = page.locator(".x-plot svg"), page.locator("[data-reset]")
    whole = plot.inner_html()
    box = plot.bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 110)
    page.mouse.up()
    playwright.expect(reset).to_be_enabled(timeout=WAIT)
    assert plot.inner_html() != whole
    plot.focus()
    page.keyboard.press("Escape")
    playwright.expect(reset).to_be_disabled(timeout=WAIT)
    page.keyboard.press("+")
    playwright.expect(reset).to_be_enabled(timeout=WAIT)
    page.keyboard.press("-")
    playwright.expect(reset).to_be_disabled(timeout=WAIT)
    place = page.evaluate(
        """() => {
        const box = document.querySelector(".x-plot path[data-key='2']").getBoundingClientRect();
        return [box.x + box.width - 3, box.y + box.height - 1];
      }"""
    )
    page.mouse.move(*place)
    for word in ("median", "95 %", "place", "n 12"):
        playwright.expect(page.locator(".x-tip")).to_contain_text(word, timeout=WAIT)


def test_a_pair_is_told_from_both_sides(page, made):
    row = made[0][(made[0]["split"] == "validation") & (made[0]["benchmark"] == "alpha")].iloc[0]
    page.locator("[data-view=pair]").click()
    page.locator("[data-set=a]").select_option("0")
    page.locator("[data-set=b]").select_option("1")

    def cells() -> list[str]:
        return page.locator(".x-pairs tbody tr").first.locator("td").all_text_contents()

    first = cells()
    assert first[0] == f"{row['wins']} · {row['ties']} · {row['losses']}"
    assert first[1] == f"{row['poi']:.2f}"
    assert first[3] == p_value(row["p_holm"])
    assert row["equivalence"] in first[5]
    page.locator("[data-set=a]").select_option("1")
    page.locator("[data-set=b]").select_option("0")
    turned = cells()
    assert turned[0] == f"{row['losses']} · {row['ties']} · {row['wins']}"
    assert float(turned[1]) == pytest.approx(1 - row["poi"], abs=0.006)
    assert turned[3:] == first[3:]
