"""The commands of `nas-harness`.

Other packages add theirs through the entry-point group ``harness.commands``, whose providers map names to a `Command`.
"""

from __future__ import annotations

import math
import signal
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from harness import __version__
from harness.cli import exit as cli_exit
from harness.cli.exit import failures, guarded
from harness.cli.networks import build_network, predict
from harness.cli.output import complain, print_facts, print_json, print_table, say
from harness.cli.status import status
from harness.errors import HarnessError, typed
from harness.printable import counted, duration

if TYPE_CHECKING:
    from harness.experiments.execute import Outcome
    from harness.experiments.prepare import Prepared

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


class Kind(StrEnum):
    """What `list` lists."""

    BENCHMARKS = "benchmarks"
    SPACES = "spaces"
    STRATEGIES = "strategies"
    ONE_SHOT = "one-shot"
    SURROGATES = "surrogates"


class Device(StrEnum):
    """Where learners compute, or networks are trained."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


@dataclass(frozen=True)
class Command:
    """A command, as a provider of the group ``harness.commands`` gives it.

    Attributes
    ----------
    run : callable or typer.Typer
        Its docstring and parameters are the help; a group of commands guards each of its own with `guarded`.
    examples : tuple of str
        Shown below the help, the first also below that of the program.
    has_workers : bool
        Whether it may write to the pipes of processes that died, and handles that itself.
    """

    run: Callable[..., None] | typer.Typer
    examples: tuple[str, ...] = ()
    has_workers: bool = False


_TAKE_ANYTHING = {"allow_extra_args": True, "ignore_unknown_options": True}


def build(first: str | None = None) -> typer.Typer:
    """Return the application with all commands, or with one alone where the first word of the line is its name.

    The others would be imported, and all of their parameters read, for nothing.
    """
    from harness import registry

    app = typer.Typer(
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    commands, registered = dict(BUILT_IN), registry.names("command")
    if first in commands or first in registered:
        commands = {name: command for name, command in commands.items() if name == first}
        registered = [name for name in registered if name == first]
    for name in registered:
        try:
            commands[name] = _command(registry.load("command", name))
        except (ImportError, HarnessError) as error:
            app.command(name, context_settings=_TAKE_ANYTHING)(guarded(_unavailable(name, str(error))))
    examples = [command.examples[0] for command in commands.values() if command.examples]
    app.callback(epilog=_lines("Examples:", *examples, cli_exit.EXPLAINED))(_root(commands))
    for name, command in commands.items():
        epilog = _lines("Examples:", *command.examples) if command.examples else None
        if isinstance(command.run, typer.Typer):
            app.add_typer(command.run, name=name, epilog=epilog)
        else:
            app.command(name, epilog=epilog)(guarded(command.run))
    return app


def _command(loaded: object) -> Command:
    if not isinstance(loaded, Command):
        raise HarnessError(f"it must be a harness.cli.app.Command, got {loaded!r}")
    return loaded


def _unavailable(name: str, reason: str) -> Callable[..., None]:
    """Return what stands in for a command whose package cannot be imported."""

    def command() -> None:
        raise HarnessError(f"the command '{name}' is not available: {reason}")

    command.__doc__ = f"Not available: {reason}"
    return command


def _lines(*lines: str) -> str:
    """Return lines that stay lines in a help text, where single line breaks are joined."""
    return "\n\n".join(lines)


def _show_version(wanted: bool) -> None:
    if wanted:
        say(f"nas-harness {__version__}")
        raise typer.Exit


def _root(commands: Mapping[str, Command]) -> Callable[..., None]:
    """Return what runs before every command."""

    def root(
        context: typer.Context,
        version: Annotated[
            bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
        ] = False,
    ) -> None:
        """Compare neural-architecture-search strategies on tabular benchmarks."""
        command = commands.get(context.invoked_subcommand or "")
        if hasattr(signal, "SIGPIPE") and not (command and command.has_workers):
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # end quietly when `| head` has read enough, as others do

    return root


def list_names(kind: Annotated[Kind, typer.Argument(help="What to list.")], as_json: AsJson = False) -> None:
    """List the names that a spec may use."""
    from harness.cli.describe import rows_of, unavailable

    complain(*(f"warning: {sentence}" for sentence in unavailable(str(kind))))
    rows, missing = rows_of(str(kind))
    if as_json:
        print_json(rows)
        return
    print_table(rows)
    if missing:
        say(f"\n{len(missing)} more can be fetched or imported: nas-harness data list")


def _complete_name(incomplete: str) -> list[str]:
    from harness.cli.describe import known_names

    return [name for name in known_names() if name.startswith(incomplete)]


def describe(
    name: Annotated[
        Optional[str],  # noqa: UP045  # typer reads the annotation at run time
        typer.Argument(
            help="A benchmark, space (nb201, …), strategy, surrogate, path/to/file.py:Class, space.toml or data.npz.",
            autocompletion=_complete_name,
        ),
    ] = None,
    arch: Annotated[
        Optional[str],  # noqa: UP045  # as above
        typer.Option(help="An architecture, in a form that its search space reads: what is known of it."),
    ] = None,
    space: Annotated[
        Optional[str],  # noqa: UP045  # as above
        typer.Option(help="The search space of --arch, or a benchmark, which is asked alone; or a space to describe."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Describe a benchmark, a space, a strategy, a one-shot method, a surrogate, or with --arch an architecture."""
    from harness.cli import architecture
    from harness.cli import describe as names

    where = space if name is None else name
    if where is None or (name is not None and space is not None):
        raise HarnessError("`describe` needs one NAME, or `--arch ARCHITECTURE` with one `--space NAME`")
    if arch is not None:
        facts = architecture.describe(arch, where)
    else:
        facts = names.describe(where) if space is None else names.describe_space(where)
    if as_json:
        print_json(facts)
    else:
        print_facts((names if arch is None else architecture).readable(facts))


def check(
    name: Annotated[
        str,
        typer.Argument(
            help="A name, path/to/file.py:Class, a space (.toml), or a spec (.toml), checked without running it.",
            autocompletion=_complete_name,
        ),
    ],
    benchmark: Annotated[
        str | None,
        typer.Option(
            help="Check a strategy or a surrogate on this benchmark, for those that are written for one space.",
            autocompletion=_complete_name,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check that a strategy, one-shot method, benchmark, surrogate or search space keeps the rules, or a spec's."""
    from harness.spaces import named

    if name.endswith(".toml") and not named.is_space(name):
        if benchmark is not None:
            raise HarnessError(f"`--benchmark` is for strategies and surrogates, and '{name}' is a spec: leave it out")
        from harness.experiments import schema
        from harness.experiments.prepare import prepare

        prepared = prepare(schema.load(name), source=name)
        complain(*(f"warning: {notice}" for notice in prepared.notices))
        benchmarks = counted(len(prepared.spec.benchmarks), "benchmark")
        rules = [f"the spec is valid: {counted(len(prepared.shards), 'shard')} on {benchmarks}"]
    else:
        from harness.testing import conformance

        rules = conformance.check(name, benchmark)
    if as_json:
        print_json({"name": name, "rules": rules})
        return
    for rule in rules:
        say(f"ok  {rule}")


def run(
    spec: Annotated[Path, typer.Argument(help="The spec, a TOML file.", metavar="SPEC.toml")],
    workers: Annotated[int, typer.Option(min=1, max=1024, help="Processes that compute shards side by side.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder of results; the experiment's folder is made in it.")] = Path(
        "results"
    ),
    device: Annotated[
        Device, typer.Option(help="Where learners compute; auto takes CUDA where torch can use it.")
    ] = Device.CPU,
    dask: Annotated[
        str | None,
        typer.Option(help="Workers of Dask instead: tcp://HOST:PORT of a scheduler, or local:N.", metavar="ADDRESS"),
    ] = None,
    slurm: Annotated[
        Path | None,
        typer.Option(help="Batch jobs of Slurm instead, as this TOML file says.", metavar="JOBS.toml"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Compute nothing; say how many shards are missing and how long they take.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run a spec, or what is missing of it; the same command continues after an interruption."""
    from harness.cli.progress import shown
    from harness.cli.workers import executor_of, said
    from harness.experiments import execute
    from harness.experiments.cluster.client import job_script
    from harness.experiments.prepare import prepare
    from harness.experiments.schema import load

    cluster = said(workers, dask, slurm)
    loaded = load(spec)
    folder = out / loaded.name
    try:
        prepared = prepare(loaded, device=_device(device), source=str(spec))
        complain(*(f"warning: {notice}" for notice in prepared.notices))
        if dry_run:
            _estimate(prepared, folder, workers, as_json=as_json)
            if not as_json and not isinstance(cluster, str | None):
                say("each batch job:", job_script(cluster))
            return
        with executor_of(cluster) as executor, shown() as on_progress:
            outcome = execute.execute(prepared, folder, workers=workers, executor=executor, on_progress=on_progress)
    except KeyboardInterrupt as stop:
        complain("interrupted: finished shards are kept; the same command continues")
        raise typer.Exit(cli_exit.code_of(stop)) from None
    if as_json:
        print_json(_facts(outcome))
    elif outcome.computed or outcome.failed:
        failed = f", {len(outcome.failed)} failed" if outcome.failed else ""
        shards = f"{counted(outcome.computed, 'shard')} computed, {outcome.reused} reused{failed}"
        say(f"{outcome.folder}: {shards}, in {duration(outcome.seconds)}")
        if not outcome.failed and loaded.kind in ("search", "prediction", "supernet", "scaling"):
            say(f"next: {typed('report', outcome.folder)}")
    else:
        shards = "the shard is" if outcome.reused == 1 else f"all {outcome.reused} shards are"
        say(f"{outcome.folder}: nothing to do, {shards} there")
    if outcome.failed:
        complain(*failures(outcome.failed))
        raise typer.Exit(cli_exit.INCOMPLETE)


def _estimate(prepared: Prepared, folder: Path, workers: int, *, as_json: bool) -> None:
    """Say what a run has before it."""
    from harness.cli.progress import working
    from harness.experiments.estimate import estimate

    with working() as on_step:
        found = estimate(prepared, folder, lambda label: on_step(f"timing {label}"))
    known = {label: seconds for label, seconds in found.seconds.items() if not math.isnan(seconds)}
    parallel = min(workers, max(found.missing, 1))
    whole = sum(known.values()) / parallel
    if as_json:
        print_json({**asdict(found), "seconds": known, "seconds_in_all": whole, "workers": workers})
        return
    say(f"{folder}: {counted(found.missing, 'shard')} to compute, {found.found} there")
    if known:
        slowest = sorted(known, key=lambda label: -known[label])[:5]
        say(f"about {duration(whole)} with --workers {workers}, by small runs of each strategy on its first benchmark")
        say("most of it: " + ", ".join(f"{label} {duration(known[label] / parallel)}" for label in slowest))
    if found.cut:
        say(f"extrapolated, and perhaps longer: {', '.join(found.cut)}")


def _facts(outcome: Outcome) -> dict[str, Any]:
    return {
        "folder": str(outcome.folder),
        "computed": outcome.computed,
        "reused": outcome.reused,
        "failed": [
            {
                "strategy": failure.label,
                "benchmark": failure.shard.benchmark,
                "first": failure.shard.first,
                "stop": failure.shard.stop,
                "error": str(failure.error),
            }
            for failure in outcome.failed
        ],
        "seconds": round(outcome.seconds, 3),
    }


def _device(wanted: Device) -> str:
    """Return "cpu" or "cuda"."""
    from harness.experiments.processes import has_cuda

    if wanted is Device.CPU:
        return "cpu"
    if has_cuda():
        return "cuda"
    if wanted is Device.CUDA:
        raise HarnessError(
            "`--device cuda` needs a CUDA device and a torch built for it; torch finds none: use --device cpu"
        )
    return "cpu"


BUILT_IN = {
    "list": Command(list_names, ("nas-harness list benchmarks", "nas-harness list strategies --json")),
    "describe": Command(
        describe,
        (
            "nas-harness describe nb201-cifar10",
            "nas-harness describe nb201",
            "nas-harness describe bananas",
            "nas-harness describe --space nats-size --arch 8:8:16:32:64",
        ),
    ),
    "check": Command(
        check,
        (
            "nas-harness check examples/my_strategy.py:MyStrategy",
            "nas-harness check examples/my_strategy.py:MyStrategy --benchmark nb201-cifar10",
            "nas-harness check examples/quickstart.toml",
            "nas-harness check examples/own_space/space.toml",
            "nas-harness check nb201-cifar10",
        ),
    ),
    "run": Command(
        run,
        (
            "nas-harness run examples/quickstart.toml --workers 2",
            "nas-harness run spec.toml --out /scratch/results --device cuda",
        ),
        has_workers=True,
    ),
    "status": Command(status, ("nas-harness status results/quickstart", "nas-harness status results/zoo --watch 10")),
    "build": Command(
        build_network,
        (
            "nas-harness build --space nats-size --arch 8:8:16:32:64 --classes 10 network.py",
            "nas-harness build --space nats-size --arch 8:8:16:32:64 --classes 10 --input 3x64x64 network.onnx",
            "nas-harness build --weights network.pt network.py",
        ),
    ),
    "predict": Command(predict, ("nas-harness predict network.pt data.npz --out predictions.csv",)),
}
"""Commands that need nothing but the centre; other packages bring theirs."""
