"""The pages that are written from the tree, and the inspection of the built site."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs import house
from tests.architecture import rules
from tests.paths import ROOT


@pytest.fixture(scope="module")
def modules() -> dict[str, rules.Module]:
    return rules.project()


@pytest.fixture(scope="module")
def rooms(modules) -> list[house.Room]:
    return house.rooms(modules)


def test_every_module_lies_in_one_room(modules, rooms):
    placed = [module.name for room in rooms for module in room.modules]
    assert sorted(placed) == sorted(name for name in modules if not name.endswith("__main__"))


def test_every_folder_of_the_middle_is_a_room(rooms):
    folders = {f"harness.{path.parent.name}" for path in (ROOT / "harness").glob("*/__init__.py")}
    assert folders <= {room.name for room in rooms}


def test_every_text_is_about_a_room(rooms):
    texts = {path.stem for path in house.TEXTS.glob("*.md")}
    assert texts <= {room.name for room in rooms} | {f"harness.{floor}" for floor in rules.FLOORS["harness"]}
    assert {"harness", *rules.SIBLINGS} <= texts


NOT_YET_THERE = re.compile(
    r"[A-Z]{3,}|hill_climber|^tests/strategies/local_search/$|^results/|^docs/(_build|generated)/"
)
"""Paths of what a reader adds or makes."""


def missing(text: str) -> list[str]:
    """Return the paths of this repository that a text names and that are not there."""
    tops = "|".join([*rules.PACKAGES, "tests", "examples", "docs"])
    paths = re.findall(rf"`((?:{tops})/[\w./-]*)`|\]\((docs/[^)#]+)\)", text)
    return [
        path
        for path in (named or linked for named, linked in paths)
        if not NOT_YET_THERE.search(path) and not (ROOT / path).exists()
    ]


@pytest.mark.parametrize(
    "path",
    [*house.TEXTS.glob("*.md"), *house.DOCS.glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"],
    ids=lambda path: path.name,
)
def test_every_path_in_a_text_exists(path):
    assert missing(path.read_text(encoding="utf-8")) == []


def test_a_path_to_nowhere_is_found():
    text = "`harness/nowhere/`, `harness/search/`, `strategies/FAMILY/`, [a](docs/gone.md) and `reports/page`"
    assert missing(text) == ["harness/nowhere/", "docs/gone.md"]


def test_the_map_names_every_room(rooms):
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    folders = [room.name.split(".") for room in rooms if room.name != "harness"]
    assert [path for path in folders if f"`{path[-1]}/" not in text and f"/{path[-1]}/" not in text] == []


def test_a_room_is_described_by_its_docstring_until_it_has_a_text(tmp_path):
    sources = {
        "harness/__init__.py": '"""The middle."""\n',
        "harness/search/__init__.py": '"""The loop."""\n',
        "harness/search/loop.py": '"""THE loop: a | b.\n\nMore of it.\n"""\n\ndef run(): ...\n',
        "harness/search/deep/__init__.py": '"""Deep."""\n',
        "harness/search/deep/README.md": "# Depths\n",
        "harness/search/deep/er.py": '"""Deeper."""\n\nX = 1\n',
    }
    for name, source in sources.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source)
    texts = tmp_path / "texts"
    texts.mkdir()
    tree = rules.read(tmp_path)

    def page(name: str) -> str:
        (room,) = [room for room in house.rooms(tree, texts) if room.name == name]
        return house.room_page(room, texts)

    assert "The loop." in page("harness.search")
    assert r"| [loop](../api/harness.search.loop) | THE loop: a \| b. |" in page("harness.search")
    assert "| deep/ | Deep. [Read this first](../api/harness.search.deep.README). |" in page("harness.search")
    assert "deep.er" in page("harness.search")
    (texts / "harness.search.deep.md").write_text("Deep waters.\n")
    assert "deep.er" not in page("harness.search")
    assert "Deep waters." in page("harness.search.deep")


def test_floors_say_who_may_import_a_room(rooms):
    (search,) = [room for room in rooms if room.name == "harness.search"]
    (above,) = re.findall(r"^\| may be imported by \| (.*) \|$", house.room_page(search), re.MULTILINE)
    (below,) = re.findall(r"^\| may import \| (.*) \|$", house.room_page(search), re.MULTILINE)
    assert "`experiments`" in above
    assert "the other packages" in above
    assert "`spaces`" in below
    assert not set(re.findall(r"`\w+`", above)) & set(re.findall(r"`\w+`", below))


def test_kernels_that_need_a_gpu_have_no_page(modules):
    assert not house.has_page(modules["harness.training.engines.packed.triton.launch"])
    assert house.has_page(modules["harness.training.trainer"])


@pytest.mark.parametrize(
    "text",
    [
        '<script async src="https://cdn.org/a.js"></script>',
        "<img alt='x' src='http://a.org/b.png'>",
        '<link rel="stylesheet" href="https://fonts.org/a.css">',
        '<link href="//fonts.org/a.css" rel=stylesheet>',
        "@font-face { src: url(https://fonts.org/a.woff2) }",
        '@import "https://a.org/b.css";',
    ],
)
def test_what_a_browser_would_fetch_is_found(text, tmp_path):
    assert len(house.loads_from_the_net(text)) == 1
    (tmp_path / "a.html").write_text(text)
    assert len(house.complaints(tmp_path)) == 1


def test_links_and_files_of_the_site_are_fine(tmp_path):
    (tmp_path / "a.html").write_text(
        '<a href="https://a.org">a</a><link rel="canonical" href="https://a.org"><script src="_static/a.js"></script>'
        '<img src="data:image/png;base64,AA//"><link rel="stylesheet" href="_static/a.css">'
    )
    assert house.complaints(tmp_path) == []


def test_paths_of_this_machine_are_found(tmp_path):
    (tmp_path / "a.html").write_text(f"<p>{ROOT / 'harness'}</p>")
    assert [line.partition(":")[0] for line in house.complaints(tmp_path)] == ["a.html names a path of this machine"]


def test_pages_are_written_anew(tmp_path):
    (tmp_path / "old").mkdir()
    house.write_pages(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"rooms", "api", "map.md"}
    lines = (tmp_path / "map.md").read_text().splitlines()[2:]
    assert len(lines) == len(list((tmp_path / "rooms").iterdir())), "the map has a line for each room"
    assert "| [harness/search/](generated/rooms/harness.search.md) | The search loop" in "\n".join(lines)
    assert Path(tmp_path / "api" / "harness.search.loop.rst").is_file()


def unmatched(text: str, root: Path = ROOT) -> list[str]:
    """Return the unchanged lines of the diffs of a text that are not in the file that it names before each."""
    found = []
    for path, diff in re.findall(r"`([\w/.-]+\.py)`[^`]*\n\n```diff\n(.*?)```", text, re.DOTALL):
        lines = (root / path).read_text(encoding="utf-8").splitlines() if (root / path).is_file() else []
        found += [line[1:] for line in diff.splitlines() if line.startswith(" ") and line[1:] not in lines]
    return found


def test_the_diffs_of_contributing_apply():
    assert unmatched((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")) == []


def test_a_diff_that_does_not_apply_is_found():
    text = "in `tests/paths.py`, so:\n\n```diff\n+x = 1\n ROOT = Path(__file__).parent.parent\n ROOT = 0\n```\n"
    assert unmatched(text) == ["ROOT = 0"]
