"""The commands about networks themselves: `build` writes one, `predict` uses one that was trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from harness import __version__
from harness.cli.output import print_json, say
from harness.errors import HarnessError, must, typed
from harness.files.whole import check_place
from harness.printable import counted

if TYPE_CHECKING:
    from harness.training.exports.design import Design
    from harness.training.exports.trained import TrainedNetwork


def build_network(
    out: Annotated[Path, typer.Argument(help="What is written: OUT.py, torch code, or OUT.onnx.", show_default=False)],
    arch: Annotated[
        Optional[str],  # noqa: UP045  # typer reads the annotation at run time
        typer.Option(help="The architecture, in a form that its search space reads.", show_default=False),
    ] = None,
    space: Annotated[
        Optional[str],  # noqa: UP045  # as above
        typer.Option(
            help="nb201, nats-size or darts: the network of the paper; or a benchmark: as its networks were trained.",
            show_default=False,
        ),
    ] = None,
    classes: Annotated[
        Optional[int],  # noqa: UP045  # as above
        typer.Option(help="Classes.", show_default="of the benchmark's data"),
    ] = None,
    shape: Annotated[
        Optional[str],  # noqa: UP045  # as above
        typer.Option(
            "--input", help="Shape of an item: 3x32x32, or 1x40 of a signal.", show_default="3x32x32, or a benchmark's"
        ),
    ] = None,
    recipe: Annotated[
        Optional[str],  # noqa: UP045  # as above
        typer.Option(help="Recipe, by name or a TOML file, whose width and depth are taken.", show_default=False),
    ] = None,
    weights: Annotated[
        Optional[Path],  # noqa: UP045  # as above
        typer.Option(help="A network that `verify --keep-weights` kept, with its weights.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Write the network of an architecture: torch code that imports torch alone, or ONNX.

    With --weights everything is known, and the weights are written too: beside OUT.py as OUT.pt, in OUT.onnx itself.
    """
    if out.suffix not in (".py", ".onnx"):
        raise HarnessError(must("OUT", "end in .py, torch code, or in .onnx", str(out)))
    check_place(out)
    from harness.training.exports import graph, trained  # brings torch
    from harness.training.exports.write import write

    if out.suffix == ".onnx":
        graph.needed()
    kept = None if weights is None else trained.load(weights)
    design = _designed(arch, space, classes, shape, recipe) if kept is None else kept.design
    if kept is not None and (space, classes, shape, recipe) != (None,) * 4:
        raise HarnessError("`--weights` says what the network is: leave --space, --classes, --input and --recipe out")
    if kept is not None and arch is not None:
        _check_same(arch, kept)
    options = {"arch": arch, "space": space, "classes": classes, "input": shape, "recipe": recipe}
    words = [word for key, value in options.items() if value is not None for word in (f"--{key}", value)]
    words += [] if weights is None else ["--weights", weights.name]
    command = typed("build", *words, out.name)
    files = write(out, design, kept, f"nas-harness {__version__}: {command}")
    params, macs = design.live.cost()
    if as_json:
        facts = {"architecture": design.text, "space": design.known.name, "shape": list(design.shape)}
        print_json({**facts, "classes": design.classes, "params": params, "macs": macs, "files": list(map(str, files))})
        return
    say(f"{design.text}: {params:,} parameters, {macs:,} multiply-adds")
    say(f"written: {', '.join(map(str, files))}")


def _designed(
    arch: str | None, space: str | None, classes: int | None, shape: str | None, recipe: str | None
) -> Design:
    """Return the design that options ask for."""
    from dataclasses import replace

    from harness import registry
    from harness.spaces import named
    from harness.training import recipe as recipes
    from harness.training.exports import design as designs
    from harness.verification.tools import registered_training

    if arch is None or space is None:
        raise HarnessError("`build` needs --arch ARCHITECTURE and --space NAME, or --weights FILE")
    given = None if shape is None else designs.shape_of(shape)
    own = None if recipe is None else recipes.load(recipe)
    if space in named.SPACES or named.is_space(space) or registry.kind_of(space) != "benchmark":
        if classes is None:
            raise HarnessError("`build --space` with a search space needs --classes NUMBER; a benchmark knows them")
        return designs.design(space, arch, own, given or (3, 32, 32), classes)
    setup = registered_training(space)
    if setup is None:
        raise HarnessError(
            f"the table of '{space}' does not say how its networks were built, or this program has no such trainer:"
            f" name a search space, one of {', '.join(named.NETWORKS)}"
        )
    design = designs.design_as(setup, arch)
    return replace(design, recipe=own or design.recipe, shape=given or design.shape, classes=classes or design.classes)


def _check_same(arch: str, kept: TrainedNetwork) -> None:
    if kept.design.known.parse([arch])[0].tolist() != list(kept.design.arch):
        raise HarnessError(must("--arch", "be the architecture of --weights, or left out", arch))


def predict(
    network: Annotated[
        Path,
        typer.Argument(help="A network that `verify --keep-weights` kept.", metavar="NETWORK.pt", show_default=False),
    ],
    data: Annotated[
        str,
        typer.Argument(
            help="An .npz file with the raw `images` and, where they are known, their `labels`; or a data set by name.",
            metavar="DATA",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="The CSV file: a line for each item.")] = Path("predictions.csv"),
    split: Annotated[
        Optional[str],  # noqa: UP045  # typer reads the annotation at run time
        typer.Option(help="Of a data set: train, valid or test.", show_default="test"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Predict classes with a trained network: for each item the class and the probabilities of all."""
    check_place(out)
    from harness.training.exports import predictions, trained  # brings torch

    kept = trained.load(network)
    items = predictions.read_items(data, split)
    facts = predictions.write(out, kept.predict(items.images), items.labels)
    if as_json:
        print_json({"network": str(network), "data": data, "items": len(items.images), **facts, "file": str(out)})
        return
    right = "" if facts["accuracy"] is None else f", {facts['accuracy']:.2f} % of them right"
    say(f"{kept.design.text}: {counted(len(items.images), 'item')} predicted{right}")
    say(f"written: {out}")
