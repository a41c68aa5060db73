"""The modules of a strategy's own: importable from its folder, part of its digest, and never those of another file."""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from harness import registry
from harness.errors import HarnessError
from harness.experiments.execute import execute
from harness.experiments.prepare import prepare
from harness.experiments.results import read_results
from harness.experiments.schema import load
from harness.own.classes import class_of, file_sha256
from harness.own.modules import find
from harness.problem import Budget
from harness.search.loop import make_problem
from harness.testing.toy import ToyBenchmark

MINE = """
from harness import Strategy
{imports}

class Mine(Strategy):
    def number(self):
        {inside}
        return {number}

    def propose(self, n):
        self.number()
        return self.proposals(self.problem.space.sample(n, self.rng))
"""


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def mine(folder: Path, imports: str = "", inside: str = "pass", number: str = "helper.K") -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mine.py").write_text(MINE.format(imports=imports, inside=inside, number=number))
    return f"{folder / 'mine.py'}:Mine"


def number(name: str) -> int:
    problem = make_problem(ToyBenchmark(), Budget(evaluations=1))
    return registry.strategy(name)(problem, np.random.default_rng(0)).number()


WAYS = {
    "import": ("import helper", "pass", "helper.K", "helper.py"),
    "from": ("from helper import K", "pass", "K", "helper.py"),
    "star": ("from helper import *", "pass", "K", "helper.py"),
    "as": ("import helper as h", "pass", "h.K", "helper.py"),
    "inside a function": ("", "import helper", "helper.K", "helper.py"),
    "in a condition": ("try:\n    import helper\nexcept ImportError: ...", "pass", "helper.K", "helper.py"),
    "relative": ("from . import helper", "pass", "helper.K", "helper.py"),
    "relative, from": ("", "from .helper import K", "K", "helper.py"),
    "package": ("import pkg.part", "pass", "pkg.part.K", "pkg/part.py"),
    "package, as": ("import pkg.part as part", "pass", "part.K", "pkg/part.py"),
    "package, from": ("from pkg import part", "pass", "part.K", "pkg/part.py"),
    "package, star": ("from pkg import *", "pass", "part.K", "pkg/part.py"),
    "__init__ of a package": ("from pkg.part import K", "import pkg", "pkg.SHIFT + 5", "pkg/__init__.py"),
    "folder without __init__": ("from bare import part", "pass", "part.K", "bare/part.py"),
    "through another": ("import first", "pass", "first.helper.K", "helper.py"),
    "through another, lazily": ("import lazy", "pass", "lazy.number()", "helper.py"),
    "through a package": ("import pkg", "pass", "pkg.deep()", "pkg/inner/deep.py"),
    "import_module": ("import importlib", "pass", "importlib.import_module('helper').K", "helper.py"),
    "import_module, as": ("from importlib import import_module as get", "", "get('helper').K", "helper.py"),
    "import_module, relative": (
        "import importlib", "pass", "importlib.import_module('.helper', __package__).K", "helper.py"
    ),
    "import_module, computed": ("import importlib", "x = 'help'", "importlib.import_module(x + 'er').K", "helper.py"),
    "import_module, hidden": (
        "import importlib", "pass", "getattr(importlib, 'import_module')('pkg.part').K", "pkg/part.py"
    ),
    "import_module, f-string": ("import importlib as i", "x = 'part'", "i.import_module(f'pkg.{x}').K", "pkg/part.py"),
    "__import__": ("", "pass", "__import__('helper').K", "helper.py"),
}  # fmt: skip
FILES = {
    "helper.py": "K = 5\n",
    "first.py": "import helper\n",
    "lazy.py": "def number():\n    import helper\n    return helper.K\n",
    "pkg/__init__.py": "__all__ = ['part']\nSHIFT = 0\ndef deep():\n    from .inner.deep import K\n    return K\n",
    "pkg/part.py": "K = 5\n",
    "pkg/inner/__init__.py": "",
    "pkg/inner/deep.py": "K = 5\n",
    "bare/part.py": "K = 5\n",
    "other.py": "K = 5\n",
}


@pytest.mark.parametrize("way", WAYS)
def test_a_module_beside_the_file_is_importable_and_part_of_the_digest(way, tmp_path):
    imports, inside, expression, changing = WAYS[way]
    name = mine(write(tmp_path, FILES), imports, inside or "pass", expression)
    before, path = file_sha256(name), list(sys.path)
    assert number(name) == 5
    text = (tmp_path / changing).read_text()
    (tmp_path / changing).write_text(text.replace("K = 5", "K = 6").replace("SHIFT = 0", "SHIFT = 1"))
    assert file_sha256(name) != before, "another helper is another strategy"
    assert number(name) == 6, "and it is the new one that runs, though nothing else changed, its time not even"
    (tmp_path / changing).write_text(text)
    assert file_sha256(name) == before
    assert number(name) == 5
    assert sys.path == path
    assert not {"helper", "pkg", "bare"} & set(sys.modules)


@pytest.mark.parametrize(
    "imports",
    [
        "",
        "import numpy, json, random",
        "from harness import Proposals",
        "import torch.nn",
        "import helpers",
        "import mine",
    ],
)
def test_a_file_that_imports_none_of_its_own_keeps_its_digest(imports, tmp_path):
    name = mine(
        write(tmp_path, FILES | {"random.py": "", "harness/__init__.py": ""}),
        f"def f():\n    {imports or 0}",
        number="5",
    )
    assert file_sha256(name) == hashlib.sha256((tmp_path / "mine.py").read_bytes()).hexdigest()
    assert number(name) == 5


def test_what_is_not_imported_is_not_part_of_the_digest(tmp_path):
    name = mine(write(tmp_path, FILES), "import helper")
    before = file_sha256(name)
    (tmp_path / "other.py").write_text("K = 7")
    assert file_sha256(name) == before
    (tmp_path / "elsewhere").mkdir()
    for file in ("mine.py", "helper.py"):
        (tmp_path / "elsewhere" / file).write_bytes((tmp_path / file).read_bytes())
    assert file_sha256(f"{tmp_path}/elsewhere/mine.py:Mine") == before, "a path is no part of it"


def test_helpers_of_the_same_name_do_not_mix(tmp_path):
    names = [mine(write(tmp_path / str(k), {"helper.py": f"K = {k}\nseen = []\n"}), "import helper") for k in (1, 2)]
    lazy = mine(write(tmp_path / "3", {"helper.py": "K = 3\n"}), "", "import helper")
    assert [number(name) for name in (*names, lazy)] == [1, 2, 3]
    assert [number(name) for name in (lazy, *names)] == [3, 1, 2]
    numbers = []
    threads = [threading.Thread(target=lambda name=name: numbers.append(number(name))) for name in (*names, lazy)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == [1, 2, 3]
    assert class_of(names[0]) is class_of(names[0]), "loaded once while nothing changes"


def test_a_helper_of_the_path_is_not_taken_for_the_one_beside_the_file(tmp_path, monkeypatch):
    write(tmp_path / "path", {"helper.py": "K = 1\n"})
    monkeypatch.syspath_prepend(str(tmp_path / "path"))
    name = mine(write(tmp_path / "own", {"helper.py": "K = 2\n"}), "import helper, importlib")
    assert importlib.import_module("helper").K == 1
    assert number(name) == 2
    del sys.modules["helper"]


def test_a_folder_of_data_does_not_hide_an_installed_package(tmp_path):
    name = mine(
        write(tmp_path, {"numpy/log.txt": "", "yaml/x.txt": ""}), "import numpy", number="int(numpy.ones(1)[0])"
    )
    assert number(name) == 1
    assert file_sha256(name) == hashlib.sha256((tmp_path / "mine.py").read_bytes()).hexdigest()


def test_a_file_inside_a_package_may_import_by_the_name_of_the_package(tmp_path):
    folder = write(tmp_path / "lab", {"__init__.py": "", "helper.py": "K = 5\n", "sub/__init__.py": ""})
    write(tmp_path, {"outside.py": "K = 5\n"})
    name = mine(folder, "from lab import helper")
    assert number(name) == 5
    before = file_sha256(name)
    (folder / "helper.py").write_text("K = 6\n")
    assert file_sha256(name) != before
    assert number(name) == 6


def test_modules_that_import_each_other_are_found_once(tmp_path):
    write(tmp_path, {"a.py": "import b\nK = 5\n", "b.py": "import a, mine\n"})
    name = mine(tmp_path, "import a", number="a.K")
    assert sorted(find(tmp_path / "mine.py").modules) == ["a", "b", "mine"]
    assert number(name) == 5


def test_a_module_that_came_later_is_refused(tmp_path):
    name = mine(write(tmp_path, FILES), "import helper", "exec('import ' + 'other')")
    with pytest.raises(HarnessError, match=r"the module 'other' of .* is not part of the digest of 'mine\.py'"):
        number(name)
    name = mine(tmp_path / "late", "", "import helper")
    factory = registry.strategy(name)
    write(tmp_path / "late", {"helper.py": "K = 5\n"})
    strategy = factory(make_problem(ToyBenchmark(), Budget(evaluations=1)), np.random.default_rng(0))
    with pytest.raises(HarnessError, match=r"the module 'helper' of .* is new"):
        strategy.number()


def test_a_module_found_by_a_change_of_the_path_is_refused(tmp_path):
    write(tmp_path, {"lib/tool.py": "K = 5\n", "lib/box/__init__.py": "K = 5\n"})
    path = list(sys.path)
    change = "import os, sys\nsys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))\n"
    for module in ("tool", "box"):
        name = mine(tmp_path, f"{change}import {module}", number=f"{module}.K")
        for _ in range(2):
            with pytest.raises(HarnessError, match=rf"found by a change of `sys.path` .* write `import lib\.{module}`"):
                registry.strategy(name)
            assert sys.path == path
        del sys.modules[module]
    assert number(mine(tmp_path, f"{change}import numpy, json, lib.tool", number="lib.tool.K")) == 5
    sys.path[:] = path


def test_what_runs_is_what_the_digest_covers_even_if_the_file_changes_meanwhile(tmp_path):
    name = mine(write(tmp_path, FILES), "", "import lazy", "lazy.number()")
    factory = registry.strategy(name)
    (tmp_path / "helper.py").write_text("K = 9\n")
    assert factory(make_problem(ToyBenchmark(), Budget(evaluations=1)), np.random.default_rng(0)).number() == 5


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, r"ModuleNotFoundError: No module named 'helper'(.|\n)*Modules are looked for in "),
        ({"helper.py": "x ="}, r"helper\.py\", line 1(.|\n)*SyntaxError"),
        ({"helper.py": "\n1 / 0"}, r"helper\.py\", line 2(.|\n)*ZeroDivisionError"),
        ({"helper.py": "from harness import nothing"}, "ImportError: cannot import name 'nothing'"),
    ],
)
def test_a_helper_that_fails_is_told_and_leaves_nothing(files, message, tmp_path):
    name = mine(write(tmp_path, files), "import helper")
    before = set(sys.modules)
    with pytest.raises(HarnessError, match=rf"mine\.py' cannot be imported:\n(.|\n)*{message}"):
        registry.strategy(name)
    assert set(sys.modules) == before
    write(tmp_path, FILES)
    assert number(name) == 5


def test_too_many_modules_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr("harness.own.modules._MOST_MODULES", 3)
    name = mine(write(tmp_path, FILES), "import importlib", "importlib.import_module(self.x)")
    with pytest.raises(HarnessError, match=r"more than 3 modules below .*; write `import NAME`, or move the file"):
        file_sha256(name)


def test_a_run_in_worker_processes_finds_the_helper_and_a_change_of_it_is_seen(tmp_path):
    mine(write(tmp_path, {"helper.py": "K = 1\n"}), "import helper", number="helper.K")
    (tmp_path / "spec.toml").write_text(
        'name = "own"\nbenchmarks = ["graph-cora"]\nreplicates = 2\nreplicates_per_shard = 1\n'
        '[budget]\nevaluations = 3\n[[strategies]]\nname = "mine.py:Mine"\n'
    )
    out = tmp_path / "results"

    def run(workers):
        outcome = execute(prepare(load(tmp_path / "spec.toml")), out, workers=workers)
        assert not outcome.failed
        return outcome.computed, outcome.reused

    assert run(2) == (2, 0)
    assert run(1) == (0, 2)
    (tmp_path / "helper.py").write_text("K = 2\n")
    os.utime(tmp_path / "helper.py", (1, 1))
    assert run(1) == (2, 0)
    assert len(read_results(out).runs) == 2
    assert not list(tmp_path.rglob("__pycache__")), "nothing is left beside the user's files"
