"""Descriptions of everything that has a name, as plain data: what `list` and `describe` say."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from harness import registry
from harness.benchmark import SUMMARY
from harness.errors import HarnessError, nearest
from harness.names import read
from harness.one_shot import OneShot
from harness.spaces import named
from harness.strategy import Strategy
from harness.surrogate import CurveSurrogate
from harness.training import data

SPLITS = {
    "train": "the items that the model was trained on",
    "x-valid": "what its authors call validation",
    "x-test": "test items of which none serves for validation",
    "ori-test": "the whole original test set",
    "valid+test": "validation and test items together",
}
"""What a column was evaluated on, in words; see `harness.benchmark.Column`."""
_AS_CHECKED = {
    True: "yes, made from the files on which the known answers were checked",
    False: "no, made from other files, its numbers are unchecked",
    None: "unknown, no sha256 of the official files is pinned",
}


_SHOWN, _MOST_SHOWN = 6, 30
"""Items of a list that people are shown where it is longer than the second of these."""

LISTED = {"benchmarks": "benchmark", "strategies": "strategy", "one-shot": "one_shot", "surrogates": "surrogate"}
"""What can be listed, besides spaces."""


def known_names() -> list[str]:
    """Return every name that can be described."""
    return [*(name for kind in LISTED.values() for name in registry.names(kind)), *named.SPACES]


def unavailable(listed: str) -> list[str]:
    """Return a sentence for each provider of what is listed that cannot be used."""
    return registry.unavailable(LISTED[listed]) if listed in LISTED else []


def rows_of(listed: str) -> tuple[list[dict[str, Any]], list[str]]:
    """Return facts for each name of a kind, and the benchmarks whose tables nobody got yet.

    What cannot be loaded here (an extra that is not installed, a table whose source is missing) is listed with the
    reason.

    Parameters
    ----------
    listed : str
        A key of `LISTED`, or "spaces".

    Returns
    -------
    list of dict
        One row for each name that can be used.
    list of str
        The other names.
    """
    kind = LISTED.get(listed, "space")
    rows, missing = [], []
    for name in sorted(named.SPACES) if kind == "space" else registry.names(kind):
        try:
            facts = _summary(kind, name)
        except (ImportError, HarnessError) as error:
            facts = {"summary": f"not available: {error}"}
        if facts.pop("imported", True):
            rows.append({"name": name} | facts)
        else:
            missing.append(name)
    return rows, missing


def readable(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of `describe` as people read them: fidelities as ranges, a few lines for each column."""
    told = dict(facts)
    if told.get("fidelities"):
        told["fidelities"] = ranges(told["fidelities"])
    if told.get("kind") == "benchmark" and "columns" in told:
        told["columns"] = {column["name"]: _column_in_words(column) for column in told["columns"]}
    if "source_as_checked" in told:
        told["source_as_checked"] = _AS_CHECKED[told["source_as_checked"]]
    if "has_seconds" in told and not told["has_seconds"]:
        told["has_seconds"] = "no: a budget in seconds is refused"
    if "repeats" in told:
        told["repeats"] = f"{told['repeats']}; fidelities are numbers of training runs, with different seeds"
    if "full_training_seconds" in told:
        seconds = f"{told['full_training_seconds']:.4g}"
        told["full_training_seconds"] = f"{seconds} (T1: mean over architectures drawn uniformly from the space)"
    if told.get("columns"):
        told["validation"] = told["validation"] or "none: search it under a protocol"
        told["test"] = told["test"] or "none: reports judge by the validation column"
    return _cut(told)


def _cut(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts without the middle of long lists, those inside others too; JSON has them whole."""
    return {key: _cut(value) if isinstance(value, Mapping) else _shortened(value) for key, value in facts.items()}


def _shortened(value: Any) -> Any:
    if not isinstance(value, list) or len(value) <= _MOST_SHOWN or isinstance(value[0], Mapping):
        return value
    return [*value[:_SHOWN], f"... {value[-1]} ({len(value):,} in all)"]


def ranges(labels: Sequence[str]) -> str:
    """Write labels that differ in one rising number as ranges.

    >>> ranges([f"epoch {epoch} of 12" for epoch in range(1, 13)] + ["epoch 200 of 200"])
    'epoch 1 to 12 of 12; epoch 200 of 200 (13 in all)'
    >>> ranges(["epoch 1 of 100", "epoch 3 of 100", "epoch 5 of 100"]), ranges(["full training"])
    ('epoch 1, 3, 5 of 100 (3 in all)', 'full training')
    """
    groups: list[tuple[str, str, list[int]]] = []
    for label in labels:
        match = re.fullmatch(r"(\D*)(\d+)(.*)", label)
        before, number, after = match.groups() if match else (label, "", "")
        if groups and number and groups[-1][:2] == (before, after) and int(number) > groups[-1][2][-1]:
            groups[-1][2].append(int(number))
        else:
            groups.append((before, after, [int(number)] if number else []))
    text = "; ".join(f"{before}{_range(numbers)}{after}" for before, after, numbers in groups)
    return f"{text} ({len(labels)} in all)" if len(labels) > 1 else text


def _range(numbers: list[int]) -> str:
    if len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"{numbers[0]} to {numbers[-1]}"
    listed = list(map(str, numbers))
    return ", ".join(listed if len(listed) < 7 else [*listed[:2], "...", listed[-1]])


def _images(trained_on: str) -> str:
    """Return which images a model saw, in words.

    >>> _images("train25k"), _images("full")
    ('25,000 images of the training set', 'the whole training set')
    """
    match = re.fullmatch(r"train(\d+)k", trained_on)
    if match:
        return f"{match[1]},000 images of the training set"
    return "the whole training set" if trained_on == "full" else trained_on


def _column_in_words(column: Mapping[str, Any]) -> str:
    """Return what a column is, in a few lines."""
    lines = [column["description"]] if column["description"] else []
    unit = [column["unit"], column["direction"]]
    best = column.get("best")
    lines.append(", ".join([*filter(None, unit), *([f"at best {best:g}"] if best is not None else [])]))
    if column.get("device"):
        batch = column.get("batch")
        lines.append(f"measured on {column['device']}" + (f", batch {batch}" if batch else ""))
    if column["split"]:
        lines.append(f"evaluated on {column['split']}: {SPLITS.get(column['split'], 'as its authors call it')}")
        told = "held out: reports know it, strategies never do" if column["held_out"] else "strategies may be told it"
        lines.append(f"trained on {_images(column['trained_on'])}; {told}" if column["trained_on"] else told)
    runs, measured_at, coverage = column.get("runs", 1), column.get("measured_at"), column.get("coverage", 1.0)
    counted = (
        f"{runs} runs" if runs > 1 else "",
        f"measured at {measured_at}" if measured_at else "",
        f"{100 * coverage:.4g} % of the values are there" if coverage < 1.0 else "",
    )
    return "\n".join([*lines, *filter(None, ["; ".join(filter(None, counted))])])


def describe(name: str) -> dict[str, Any]:
    """Return what is known about a name: a strategy, a surrogate, a benchmark, a search space, or data by their path.

    A name of a benchmark and of its space is that of the benchmark, which tells of its space.

    Raises
    ------
    HarnessError
        If nothing has that name; names the nearest match of any kind.
    """
    path = read(name).path
    if path is not None and (path.suffix == ".npz" or path.is_dir()):
        return _dataset(name)
    if path is not None and named.is_space(name):
        return describe_space(name)
    kind = registry.kind_of(name)
    if kind == "benchmark":
        if read(name).is_python:
            registry.benchmark(name)  # which writes down what a task says of itself, for whoever imports nothing
        facts = registry.describe_benchmark(name)
        return facts | ({"space": _space(facts["space"])} if isinstance(facts.get("space"), Mapping) else {})
    if kind == "one_shot":
        return _one_shot(name)
    if kind is not None:
        return _class(kind, name)
    if name in named.SPACES:
        return describe_space(name)
    raise HarnessError(
        f"nothing is called '{name}'.{nearest(name, known_names())} `nas-harness list benchmarks`, `list strategies`, "
        "`list surrogates` and `list spaces` show the names; a strategy or a learner of your own is written "
        "'path/to/file.py:Class'."
        + "".join(f" {text}" for kind in LISTED.values() for text in registry.unavailable(kind))
    )


def _dataset(name: str) -> dict[str, Any]:
    """Return what is known of data of one's own, by their path."""
    dataset = data.load(name)
    counts = {split: np.bincount(labels, minlength=dataset.classes) for split, labels in dataset.labels.items()}
    named_classes = dataset.class_names or tuple(map(str, range(dataset.classes)))
    return {
        "kind": "dataset",
        "name": dataset.name,
        "description": dataset.description,
        "notes": list(dataset.notes),
        "shape": list(dataset.shape),
        "splits": {split: len(labels) for split, labels in dataset.labels.items()},
        "classes": {
            label: ", ".join(f"{counts[split][place]:,} {split}" for split in counts)
            for place, label in enumerate(named_classes)
        },
        "mean": dataset.mean.tolist(),
        "std": dataset.std.tolist(),
        "sha256": dataset.sha256,
    }


def describe_space(name: str) -> dict[str, Any]:
    """Return what is known about a search space, by a name that may be that of a benchmark too.

    Raises
    ------
    HarnessError
        If there is no such space; names the nearest match.
    """
    return _space(named.describe(named.space(name)))


def _summary(kind: str, name: str) -> dict[str, Any]:
    if kind == "benchmark":
        return _benchmark_summary(name)
    if kind == "space":
        space = _space(named.describe(named.space(name)))
        return {"summary": space["description"].partition(". ")[0], "benchmarks": len(space["benchmarks"])}
    loaded = registry.load(kind, name)
    facts: dict[str, Any] = {"summary": (inspect.getdoc(loaded) or "").partition("\n")[0]}
    if kind == "strategy":
        learner = loaded.default_surrogate
        facts |= _origin(loaded)
        facts |= {"learns_with": learner["name"] if learner else None, "takes": str(loaded.takes)}
    if kind == "one_shot":
        facts |= _origin(loaded) | {"takes": ", ".join(loaded.takes)}
    if kind == "surrogate":
        facts |= {"has_std": loaded.has_std}
    return facts


def _origin(strategy: type[Strategy | OneShot]) -> dict[str, Any]:
    return {"family": strategy.family, "paper": strategy.paper, "year": str(strategy.year or "")}


def _benchmark_summary(name: str) -> dict[str, Any]:
    facts = registry.summary_of_benchmark(name)
    shown = {key: facts.get(key) for key in SUMMARY if key != "title"}
    return {"summary": facts.get("title")} | shown | {"imported": facts.get("imported", True)}


def _space(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a search space with the benchmarks on it, which are known without opening any."""
    benchmarks = [name for item in registry.providers("benchmark").values() for name in item.searching(facts["name"])]
    first = {key: facts[key] for key in ("kind", "name", "description") if key in facts}
    return {**first, "benchmarks": benchmarks, **{key: value for key, value in facts.items() if key not in first}}


def _settable(loaded: Any, is_strategy: bool) -> dict[str, Any]:
    """Return what a spec may set beside the learner, with its default."""
    known = registry.keywords(loaded)
    known.pop("surrogate" if is_strategy else "device", None)
    if is_strategy and "inner" in known and loaded.default_inner is not None:
        known["inner"] = loaded.default_inner
    return known


def _of_learner(learner: Any) -> dict[str, Any]:
    """Return whether a learner says how unsure it is, and the settings that can be put around it."""
    reads_curves = isinstance(learner, type) and issubclass(learner, CurveSurrogate)
    settings = [
        {"name": name, "default": item.choices[0], "others": ", ".join(item.choices[1:]), "meaning": item.meaning}
        for name, item in registry.settings_of(learner).items()
    ]
    return {"has_std": learner.has_std} | ({} if reads_curves else {"settings_of_any_learner": settings})


def _one_shot(name: str) -> dict[str, Any]:
    """Return what is known of the class of a one-shot method, with name and default of what a spec may set."""
    loaded = registry.one_shot(name)
    return {
        "name": name,
        "kind": "one-shot method",
        "class": f"{loaded.__module__}:{loaded.__qualname__}" if read(name).path is None else name,
        "version": loaded.version,
        **_origin(loaded),
        "takes": ", ".join(loaded.takes),
        "recommends": list(loaded.derivations),
        "hyperparameters": [{"name": key, "default": default} for key, default in loaded.known().items()],
        "description": inspect.getdoc(loaded) or "",
    }


def _class(kind: str, name: str) -> dict[str, Any]:
    """Return what is known of the class of a strategy or a surrogate, with name and default of what a spec may set."""
    is_strategy = kind == "strategy"
    loaded = registry.strategy(name) if is_strategy else registry.learner(name)
    return {
        "name": name,
        "kind": kind,
        "class": f"{loaded.__module__}:{loaded.__qualname__}" if read(name).path is None else name,
        "version": loaded.version,
        **(_origin(loaded) | {"takes": str(loaded.takes)} if is_strategy else {}),
        **({"default_surrogate": loaded.default_surrogate} if is_strategy else {}),
        "hyperparameters": [
            {"name": key} | ({"required": True} if default is inspect.Parameter.empty else {"default": default})
            for key, default in _settable(loaded, is_strategy).items()
        ],
        **({} if is_strategy else _of_learner(loaded)),
        "description": inspect.getdoc(loaded) or "",
    }
