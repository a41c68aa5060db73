"""The page about tasks of one's own says what a class can say, and what is kept of failures."""

from __future__ import annotations

import inspect
import re

from harness.task import Task
from tests.paths import ROOT

PAGE = (ROOT / "docs" / "own-task.md").read_text(encoding="utf-8")


def test_all_that_a_class_can_say_is_on_the_page_and_in_the_docstring():
    said = [name for name in Task.__annotations__ if name != "title"]
    assert {"space", "columns", "seeds"} <= set(said)
    for name in said:
        assert re.search(rf"`{name}\b", PAGE), f"docs/own-task.md has nothing about {name}"
        assert re.search(rf"^    {name} : ", inspect.getsource(Task), re.MULTILINE), f"the docstring lacks {name}"


def test_defaults_are_told():
    rows = dict(re.findall(r"^\| `(\w+)[^|]*` \| (\S+) \|", PAGE, re.MULTILINE))
    for name in ("seeds", "timeout_seconds", "processes", "batch", "continues"):
        default = getattr(Task, name)
        assert rows[name].strip("`") == (f"{default:g}" if isinstance(default, float) else str(default)), name
