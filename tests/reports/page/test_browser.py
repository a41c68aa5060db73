"""The page in a real browser: no errors, its controls do what they say, and it fits a phone."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reports.figures.exhibit import Exhibit
from tests.reports.support import FakeOracle, build_page, make_results, opener

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ALPHA, BETA = FakeOracle("alpha", test=False), FakeOracle("beta")
LONG_TABLE_IS_SORTED = """async () => {
  const table = [...document.querySelectorAll("main section table")].find((one) => one.rows.length === 201);
  const shown = () => [...table.tBodies[0].rows].map((row) => Number(row.cells[1].textContent));
  table.querySelectorAll(".sort")[1].click();
  const top = shown(), frame = () => new Promise(requestAnimationFrame);
  const before = (part) => part.compareDocumentPosition(table) & Node.DOCUMENT_POSITION_FOLLOWING;
  const tools = [...document.querySelectorAll(".tools")].findLast(before);
  [...tools.querySelectorAll("button")].find((button) => button.textContent === "Copy CSV").click();
  for (let turn = 0; turn < 9; turn += 1) await frame();
  return [top, shown()];
}"""
"""Sorts the table of 200 rows by its second column and copies it; what it shows at once, and frames later."""
LABELS = ("random_search", "climber", "third", *(f"strategy {place}" for place in range(8)))


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    results = make_results([ALPHA, BETA], LABELS, replicates=3, evaluations=6)
    return build_page(results, tmp_path_factory.mktemp("seen"), opener(ALPHA, BETA), drawn=(), explained=False)


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with api.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture
def seen(browser, file):
    """The page, opened; whatever it complains of fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme="light")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    view, complaints = context.new_page(), []
    view.on("console", lambda message: complaints.append(message.text))
    view.on("pageerror", lambda error: complaints.append(str(error)))
    view.on("request", lambda request: complaints.append(request.url) if request.url[:4] == "http" else None)
    view.goto(file.as_uri())
    yield view
    context.close()
    assert complaints == []


def copied(view, copy: Callable[[], Any]) -> str:
    """Return what is on the clipboard after an action, once it is there: pages write it when they may."""
    view.evaluate("navigator.clipboard.writeText('')")
    copy()
    return str(view.wait_for_function("navigator.clipboard.readText()").json_value())


def test_the_first_screen_answers_without_scrolling_and_tables_react(seen):
    box = seen.locator(".verdict").bounding_box()
    assert box["y"] + box["height"] < 300
    rows = seen.locator("#matrix tbody tr:visible")
    assert rows.count() < len(LABELS)
    assert rows.nth(0).bounding_box()["y"] < 500
    seen.locator(".unfolds").click()
    assert rows.count() == len(LABELS)

    order = seen.locator("#matrix tbody tr th").all_inner_texts()
    head = seen.locator("#matrix thead th", has_text="alpha")
    head.get_by_role("button").focus()
    seen.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    cells = seen.locator("#matrix tbody tr td:nth-child(3)")
    values = [float(cells.nth(place).get_attribute("data-v")) for place in range(cells.count())]
    assert values == sorted(values)
    head.get_by_role("button").click()
    values = [float(cells.nth(place).get_attribute("data-v")) for place in range(cells.count())]
    assert values == sorted(values, reverse=True)
    head.get_by_role("button").click()
    assert seen.locator("#matrix tbody tr th").all_inner_texts() == order

    tools = seen.locator(".tools").first
    tools.get_by_role("searchbox").fill("climb")
    assert rows.all_inner_texts()[0].startswith("climber")
    assert rows.count() == 1
    tools.get_by_text("Columns").click()
    tools.get_by_label("alpha").uncheck()
    assert not head.is_visible()
    head_line, row = copied(seen, tools.get_by_text("Copy CSV").click).splitlines()
    assert row.startswith("climber,")
    assert "alpha" not in head_line
    text = copied(seen, tools.get_by_text("Copy LaTeX").click)
    assert text.startswith("\\begin{tabular}{lr")
    assert "climber & " in text


def test_groups_of_a_table_stay_together_and_keep_their_names(seen):
    table = seen.locator("table.grouped").first
    table.get_by_role("button", name="Median", exact=True).click()
    groups = table.locator("tr.group th").evaluate_all("heads => heads.map(head => head.dataset.group)")
    assert groups == ["alpha", "beta"]
    medians = table.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => [row.classList.contains('group'), row.cells[4].textContent])"
    )
    start = [place for place, (first, _) in enumerate(medians) if first]
    for first, stop in zip(start, [*start[1:], len(medians)], strict=True):
        texts = [text for _, text in medians[first:stop]]
        known = [float(text) for text in texts if text]
        assert texts[len(known) :] == [""] * (len(texts) - len(known)), "what is unknown comes last"
        assert known == sorted(known)


def test_a_long_table_is_sorted_from_its_top_down_and_copied_as_it_will_stand(seen, file, tmp_path):
    rows = "".join(f'<tr><th scope="row">row {place}<td>{37 * place % 211}' for place in range(200))
    plain = r"(<table><thead><tr>(?:<th[^>]*>[^<]*</th>){2}).*?(</tr></thead><tbody>).*?(</tbody>)"
    text, found = re.subn(plain, rf"\1\2{rows}\3", file.read_text(encoding="utf-8"), count=1, flags=re.DOTALL)
    assert found
    long = tmp_path / "long.html"
    long.write_text(text, encoding="utf-8")
    seen.goto(long.as_uri())
    told = []
    text = copied(seen, lambda: told.extend(seen.evaluate(LONG_TABLE_IS_SORTED)))
    at_once, later = told
    values = sorted(37 * place % 211 for place in range(200))
    assert at_once[:50] == values[:50]
    assert at_once != values, "only a part is moved at once"
    assert later == values
    assert [int(row.split(",")[1]) for row in text.splitlines()[1:]] == values


def test_figures_are_saved_from_the_page_itself_and_night_comes_on_demand(seen, file, tmp_path):
    figure = seen.locator("figure").first
    name = figure.get_attribute("id")
    for kind in ("SVG", "CSV"):
        with seen.expect_download() as told:
            figure.locator(".files a", has_text=kind).click()
        told.value.save_as(tmp_path / told.value.suggested_filename)
    assert (tmp_path / f"{name}.svg").read_text().startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    assert "light-dark" not in (tmp_path / f"{name}.svg").read_text()
    drawn, given = Exhibit.read(file.parent / "figures", name).frame, pd.read_csv(tmp_path / f"{name}.csv")
    assert list(given.columns) == list(drawn.columns)
    pd.testing.assert_frame_equal(
        given.groupby(["benchmark", "series"]).last(), drawn.groupby(["benchmark", "series"]).last(),
        check_dtype=False, rtol=1e-5,
    )  # fmt: skip

    paper = "getComputedStyle(document.body).backgroundColor"
    assert seen.evaluate(paper) == "rgb(255, 255, 255)"
    seen.locator("#theme").click()
    assert seen.evaluate(paper) == "rgb(18, 21, 27)"
    seen.emulate_media(media="print")
    assert seen.evaluate(paper) == "rgb(255, 255, 255)"


def test_a_phone_scrolls_no_further_than_its_width_and_a_page_without_scripts_is_whole(browser, file):
    context = browser.new_context(viewport={"width": 390, "height": 844}, java_script_enabled=False)
    view = context.new_page()
    view.goto(file.as_uri())
    assert view.locator("body").bounding_box()["width"] <= 390
    assert view.locator("main").bounding_box()["width"] <= 390
    assert view.locator(".panels svg").count() > 4
    assert not view.locator("#theme").is_visible()
    assert view.locator("#matrix tbody tr:visible").count() < len(LABELS)
    view.locator(".unfolds").click()
    assert view.locator("#matrix tbody tr:visible").count() == len(LABELS)
    context.close()


def test_only_what_is_wider_than_the_screen_is_said_to_go_on(browser, file):
    context = browser.new_context(viewport={"width": 390, "height": 844})
    view = context.new_page()
    view.goto(file.as_uri())

    def shown(wide: str, states: dict[int, str]) -> None:
        """Wait until the hint above an element is in its state at each width (pixels)."""
        for width, state in states.items():
            view.set_viewport_size({"width": width, "height": 844})
            view.locator(wide).first.scroll_into_view_if_needed()
            view.locator(f".sideways:has(+ {wide})").first.wait_for(state=state)

    shown(".wide", {390: "visible", 639: "hidden", 391: "visible"})
    table = ".scroll[aria-label='Final test values']"
    shown(table, {391: "visible", 639: "hidden", 390: "visible"})
    tools = view.locator(f".tools:has(+ .sideways + {table})")
    tools.locator("summary").click()
    for box in tools.locator("input[type=checkbox]").all():
        box.uncheck()
    shown(table, {390: "hidden"})
    context.close()
