"""Reads the imports of a source tree and says which rules of the house they break.

The rules are checked on this project by `test_architecture`, and on small bad examples so that they are seen to fail.
"""

from __future__ import annotations

import ast
import configparser
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from tests.paths import ROOT

CENTRE = "harness"
SIBLINGS = ("benchmarks_data", "surrogates", "strategies", "reports")
PACKAGES = (CENTRE, *SIBLINGS)

FLOORS = {
    "harness": (
        "printable",
        "errors",
        "guard",
        "checks",
        "digests",
        "growth",
        "interrupts",
        "files",
        "seeding",
        "graphs",
        "space",
        "problem",
        "records",
        "benchmark",
        "surrogate",
        "strategy",
        "task",
        "one_shot",
        "names",
        "own",
        "learners",
        "registry",
        "spaces",
        "workers",
        "search",
        "judging",
        "experiments",
        "experiments.shards",
        "experiments.results",
        "training.recipe",
        "training.curves",
        "training.data.dataset",
        "training.data.exported",
        "training.data.own",
        "training.data",
        "training.schedule",
        "training.networks",
        "training.devices",
        "training.proxies",
        "training.engines.engine",
        "training.engines.loop",
        "training.engines",
        "training.engines.packed.plan",
        "training.engines.packed.weights",
        "training.engines.packed.signals",
        "training.engines.packed.images.maps",
        "training.engines.packed.images.operations",
        "training.engines.packed.triton",
        "training.engines.packed.images",
        "training.engines.packed",
        "training.supernets",
        "training",
        "training.exports",
        "experiments.supernets",
        "experiments.scaling",
        "verification",
        "testing",
        "api",
        "cli",
    ),
    "benchmarks_data": (
        "files",
        "parted",
        "checked",
        "catalogue",
        "file",
        "grown",
        "plausibility",
        "importers.safe",
        "predicted",
        "tasks",
        "importers",
        "cache",
        "facts",
        "live",
        "provider",
        "joins",
        "audit.findings",
        "audit.subject",
        "audit.checks",
        "audit.extracts",
        "audit",
        "trained",
        "measured",
        "scored",
        "commands",
    ),
    "surrogates": (
        "metrics",
        "inputs",
        "linear",
        "gaussian_process",
        "support_vectors",
        "learning_curves",
        "neighbours",
        "trees",
        "boosting",
        "neural",
        "graphs",
        "perfect",
        "stacking",
        "evaluation",
    ),
    "strategies": (
        "parts",
        "random_search",
        "evolution",
        "local_search",
        "morphism",
        "reinforcement",
        "progressive",
        "tree_search",
        "bayesian",
        "predictor_guided",
        "multi_fidelity",
        "multi_objective",
        "transfer",
        "one_shot",
        "foreign",
    ),
    "reports": (
        "statistics",
        "study",
        "tuning",
        "why",
        "tables",
        "figures",
        "sections",
        "supernets",
        "archive",
        "predictors",
        "scaling",
        "given",
        "page",
        "paper",
        "reproductions",
        "judged",
        "commands",
    ),
}
"""The rooms of each package, from the ground up: a file imports only from its own room and from rooms below.

The kind of work `search` stands above what all kinds share, which knows none of them.
A file is in the room of the longest name that it begins with: what is in no room of `training` is on its top floor.
"""

COMMANDS = ("harness.cli.*", "*.commands.*")
ALLOWED_IN = {
    "torch": (
        "harness.training.*",
        "harness.verification.*",
        "surrogates.neural.*",
        "surrogates.graphs.*",
        "strategies.one_shot.*",
    ),
    "typer": COMMANDS,
    "rich": COMMANDS,
    "pydantic": ("harness.experiments.schema",),
    "dask": ("harness.experiments.cluster.*",),
    "distributed": ("harness.experiments.cluster.*",),
    "dask_jobqueue": ("harness.experiments.cluster.*",),
    "h5py": ("harness.files.sealed", "harness.experiments.store", "benchmarks_data.*"),
    "pandas": ("benchmarks_data.*", "surrogates.*", "strategies.*", "reports.*"),
    "scipy": ("benchmarks_data.*", "surrogates.*", "strategies.*", "reports.*"),
    "ot": ("surrogates.gaussian_process.transport",),
    "sklearn": ("surrogates.*", "reports.*", "harness.training.data.*"),
    "mnist1d": ("harness.training.data.*",),
    "PIL": ("harness.training.data.own.*",),
    "triton": ("harness.training.engines.packed.*",),
    "onnxruntime": ("benchmarks_data.predicted.*", "harness.training.exports.graph"),
    "onnx": ("harness.training.exports.graph",),
    "onnxscript": ("harness.training.exports.graph",),
    "cma": ("strategies.evolution.*",),
    "lightgbm": ("surrogates.boosting.*",),
    "xgboost": ("surrogates.boosting.*",),
    "moocore": ("harness.judging.*", "strategies.multi_objective.*", "strategies.parts.*"),
    "matplotlib": ("reports.*",),
    "openpyxl": ("benchmarks_data.importers.own.reading.*",),
    "charset_normalizer": ("benchmarks_data.importers.own.reading.*",),
}
"""Modules that may import a third-party package; one that is not named here may be imported by any sibling."""

CENTRE_MAY_IMPORT = (
    "numpy",
    "h5py",
    "torch",
    "typer",
    "rich",
    "pydantic",
    "threadpoolctl",
    "sklearn",
    "mnist1d",
    "PIL",
    "moocore",
    "triton",
    "platformdirs",
    "dask",
    "distributed",
    "dask_jobqueue",
    "onnx",
    "onnxruntime",
    "onnxscript",
)

MAY_LOOK_AT_THE_GLOBAL_GENERATOR = ("harness.testing.honesty", "harness.training.data.packaged")
"""Without drawing from it: to see whether a strategy does, and to keep it from a package that does."""
MAY_OPEN_AN_ORACLE = ("reports.*", "harness.verification.*")
MAY_PRINT = COMMANDS
MAY_READ_ENVIRONMENT = ("harness.cli.*", "harness.files.whole")
SEEDED = {"Generator", "SeedSequence", "BitGenerator", "PCG64", "PCG64DXSM", "Philox", "default_rng"}
NO_NOUNS = {"What", "Which", "Where", "When", "How", "Who", "Why", "All", "Making", "Looking", "From"}
LONGEST_FILE = 600

_IMPORT_STRING = re.compile(rf"({'|'.join(PACKAGES)})((?:\.[A-Za-z_]\w*)*)(?::[A-Za-z_]\w*)?")


@dataclass
class Module:
    """A source file and what it imports."""

    name: str
    path: Path
    tree: ast.Module
    imports: set[str] = field(default_factory=set)
    """Dotted names as written, import strings included."""


def read(root: Path, packages: tuple[str, ...] = PACKAGES) -> dict[str, Module]:
    """Return the modules of a source tree by dotted name."""
    modules = {}
    for package in packages:
        for path in sorted((root / package).rglob("*.py")):
            parts = list(path.relative_to(root).with_suffix("").parts)
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            module = Module(name, path, ast.parse(path.read_text(encoding="utf-8")))
            module.imports = set(_imports(module))
            modules[name] = module
    return modules


@cache
def project() -> dict[str, Module]:
    """Return the modules of this project; reading them takes seconds."""
    return read(ROOT)


def _imports(module: Module) -> Iterator[str]:
    """Yield what a file imports anywhere in it, as statements or as strings."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                outer = module.name.split(".")
                outer = outer if module.path.name == "__init__.py" else outer[:-1]
                base = ".".join([*outer[: len(outer) - node.level + 1], *([base] if base else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__", "find_spec"):
            yield from _first_text(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            match = _IMPORT_STRING.fullmatch(node.value)
            if match and (match[2] or ":" in node.value):
                yield match[1] + match[2]


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _first_text(node: ast.Call) -> Iterator[str]:
    """Yield the first argument where it is text; of an f-string, what stands before its first gap."""
    argument = node.args[0] if node.args else None
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        yield argument.value
    elif isinstance(argument, ast.JoinedStr) and argument.values and isinstance(argument.values[0], ast.Constant):
        yield str(argument.values[0].value).rstrip(".")


def _top(name: str) -> str:
    return name.partition(".")[0]


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def star(modules: Mapping[str, Module]) -> list[str]:
    """Siblings know only the centre, the centre knows none of them."""
    return [
        f"{module.name} imports {name}: {_top(module.name)} may not know {_top(name)}"
        for module in modules.values()
        for name in sorted(module.imports)
        if _top(name) in PACKAGES and _top(name) not in (_top(module.name), CENTRE)
    ]


def floor_of(name: str) -> int | None:
    """Return the floor of a module in its package, None if it is on none."""
    package, _, inside = name.partition(".")
    rooms = [room for room in FLOORS[package] if f"{inside}.".startswith(f"{room}.")]
    return FLOORS[package].index(max(rooms, key=len)) if rooms else None


def floors(modules: Mapping[str, Module]) -> list[str]:
    """A file imports from its own room and those below.

    The `__init__` of a package gives names lazily and is exempt; that of a room may name what lies in the room.
    """
    broken = []
    for module in modules.values():
        if module.name in PACKAGES:
            continue
        floor = floor_of(module.name)
        if floor is None:
            broken.append(f"{module.name} is on no floor: add it to FLOORS")
            continue
        for target in sorted(_targets(module, modules) - set(PACKAGES)):
            below = floor_of(target) if _top(target) == _top(module.name) else None
            if below is not None and below > floor and not target.startswith(f"{module.name}."):
                broken.append(f"{module.name} imports {target}, which is above it")
    return broken


def _targets(module: Module, modules: Mapping[str, Module]) -> set[str]:
    """Return the modules of the tree that a file imports."""
    found = set()
    for name in module.imports:
        while name and name not in modules:
            name = name.rpartition(".")[0]
        if name and name != module.name:
            found.add(name)
    # `from package import module` names the package too; the package is only meant where nothing more precise is.
    return {name for name in found if not any(other.startswith(f"{name}.") for other in found)}


def cycles(modules: Mapping[str, Module]) -> list[str]:
    """No file imports itself through others."""
    graph = {name: _targets(module, modules) for name, module in modules.items() if name != CENTRE}
    state: dict[str, int] = {}
    broken: list[str] = []

    def visit(name: str, path: tuple[str, ...]) -> None:
        state[name] = 1
        for target in sorted(graph.get(name, ())):
            if state.get(target) == 1:
                start = path.index(target)
                broken.append(" -> ".join([*path[start:], target]))
            elif target not in state:
                visit(target, (*path, target))
        state[name] = 2

    for name in graph:
        if name not in state:
            visit(name, (name,))
    return broken


def third_party(modules: Mapping[str, Module]) -> list[str]:
    """Third-party packages are imported where the design allows them."""
    broken = []
    for module in modules.values():
        for top in sorted({_top(name) for name in module.imports}):
            if top in PACKAGES or top in sys.stdlib_module_names:
                continue
            if top in ALLOWED_IN and not _matches(module.name, ALLOWED_IN[top]):
                broken.append(f"{module.name} imports {top}, allowed only in {', '.join(ALLOWED_IN[top])}")
            elif _top(module.name) == CENTRE and top not in CENTRE_MAY_IMPORT:
                broken.append(f"{module.name} imports {top}: the centre may not")
    return broken


def docstrings(modules: Mapping[str, Module]) -> list[str]:
    """The docstring of a module begins with a noun that says what the room is, not with a question word."""
    begun = {name: (ast.get_docstring(module.tree) or "").partition(" ")[0] for name, module in modules.items()}
    return [
        f"{name}: its docstring begins with '{word}': with a noun" for name, word in begun.items() if word in NO_NOUNS
    ]


def imported_packages(modules: Mapping[str, Module]) -> set[str]:
    """Return the top-level names of all third-party packages that the tree imports."""
    tops = {_top(name) for module in modules.values() for name in module.imports}
    return {top for top in tops if top not in PACKAGES and top not in sys.stdlib_module_names and top != "__future__"}


def conduct(modules: Mapping[str, Module]) -> list[str]:
    """No printing outside the CLI, no environment outside CLI and files, no global random state, no endless files.

    And no oracle outside reports and verification.
    """
    broken = []
    for module in modules.values():
        lines = module.path.read_text(encoding="utf-8").count("\n")
        if lines > LONGEST_FILE:
            broken.append(f"{module.name} has {lines} lines, more than {LONGEST_FILE}: split it by a concept")
        for node in ast.walk(module.tree):
            where = f"{module.name}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Name) and node.id == "print" and not _matches(module.name, MAY_PRINT):
                broken.append(f"{where} prints")
            if isinstance(node, ast.Attribute):
                text = ast.unparse(node)
                if text in ("os.environ", "os.getenv", "os.putenv") and not _matches(module.name, MAY_READ_ENVIRONMENT):
                    broken.append(f"{where} reads {text}")
                looks = node.attr in ("get_state", "set_state") and _matches(
                    module.name, MAY_LOOK_AT_THE_GLOBAL_GENERATOR
                )
                if re.fullmatch(r"(np|numpy)\.random\.\w+", text) and node.attr not in SEEDED and not looks:
                    broken.append(f"{where} uses the global generator: {text}")
            if isinstance(node, ast.ImportFrom) and node.module in ("os", "numpy.random"):
                names = {alias.name for alias in node.names} - SEEDED - {"PathLike", "fspath", "replace", "fsync"}
                if names and not _matches(module.name, MAY_READ_ENVIRONMENT):
                    broken.append(f"{where} imports {', '.join(sorted(names))} from {node.module}")
            if _opens_an_oracle(node) and not _matches(module.name, MAY_OPEN_AN_ORACLE):
                broken.append(f"{where} opens an oracle: held-out values are for reports and verification alone")
            if isinstance(node, ast.Call) and _called(node) == "default_rng" and not (node.args or node.keywords):
                broken.append(f"{where} makes a generator without a seed")
    return broken


def _opens_an_oracle(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return ast.unparse(node) in ("registry.oracle", "harness.registry.oracle")
    return (
        isinstance(node, ast.ImportFrom)
        and node.module == "harness.registry"
        and "oracle" in {alias.name for alias in node.names}
    )


def entry_points(root: Path, modules: Mapping[str, Module]) -> list[str]:
    """Every entry point of setup.cfg names a module and a name that exist."""
    config = configparser.ConfigParser()
    config.read(root / "setup.cfg", encoding="utf-8")
    broken = []
    for group, text in config["options.entry_points"].items():
        for line in filter(None, map(str.strip, text.splitlines())):
            target = line.partition("=")[2].strip()
            module_name, _, attribute = target.partition(":")
            if module_name not in modules:
                broken.append(f"{group}: {line}: there is no module {module_name}")
            elif attribute not in _defined(modules[module_name].tree):
                broken.append(f"{group}: {line}: {module_name} defines no {attribute}")
    return broken


def _defined(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names
