from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from importlib.metadata import version

import pytest

from harness import __version__
from harness.cli import exit as cli_exit
from harness.cli.__main__ import main
from harness.cli.app import build
from tests.paths import ROOT

COMMANDS = ("list", "describe", "check", "run", "report", "data")
SLOW_TO_IMPORT = ("torch", "pandas", "scipy", "sklearn", "matplotlib")


def test_the_version_is_that_of_the_installation(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"nas-harness {__version__}\n"
    assert version("nas-harness") == __version__


def test_the_version_is_told_among_other_options_too(capsys):
    assert main(["--version", "list"]) == 0
    assert capsys.readouterr().out == f"nas-harness {__version__}\n"


def test_help_names_every_command_and_the_exit_codes(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for command in COMMANDS:
        assert re.search(rf"\b{command}\b", text)
    for code in (0, 1, cli_exit.MISTAKE, cli_exit.INCOMPLETE, cli_exit.INTERRUPTED):
        assert re.search(rf"\b{code}\b", text.partition("Exit codes")[2])


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_an_example(command, capsys):
    assert main([command, "--help"]) == 0
    text = capsys.readouterr().out
    assert "Examples:" in text
    assert f"nas-harness {command} " in text.partition("Examples:")[2]


@pytest.mark.parametrize("command", ["run", "data"])
def test_a_command_that_is_called_alone_is_what_it_is_among_all(command, capsys):
    def said(first: str | None) -> str:
        app = build(first)
        assert (len(app.registered_commands) + len(app.registered_groups) == 1) == (first == command)
        with pytest.raises(SystemExit, match=r"^0$"):
            app([command, "--help"], prog_name="nas-harness")
        return capsys.readouterr().out

    assert said(command) == said(None) == said("no command") != ""


@pytest.mark.parametrize("command", ["list", "describe", "check", "run"])
def test_commands_that_print_tables_speak_json(command, capsys):
    main([command, "--help"])
    assert "--json" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "option"), [("list", "--json"), ("info", "--json"), ("get", "--no-import"), ("import", "--describe")]
)
def test_the_commands_of_a_group_have_help(command, option, capsys):
    assert main(["data", command, "--help"]) == 0
    assert option in capsys.readouterr().out


def test_no_words_at_all_shows_the_help(capsys):
    assert main([]) in (0, 2)
    captured = capsys.readouterr()
    assert "Usage" in captured.out + captured.err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["lst"], "lst"),
        (["list", "benchmark"], "benchmarks"),
        (["run"], "SPEC"),
        (["run", "x.toml", "--workers", "0"], "--workers"),
        (["run", "x.toml", "--device", "tpu"], "--device"),
        (["describe", "nb201", "--jsn"], "--jsn"),
    ],
)
def test_wrong_words_are_mistakes(words, expected, capsys):
    assert main(words) == cli_exit.MISTAKE
    assert expected in capsys.readouterr().err


def test_help_and_lists_of_benchmarks_import_nothing_slow():
    code = (
        "import sys; from harness.cli.__main__ import main; main(['--help']); main(['run', '--help']);"
        "from harness import registry;"
        "[registry.summary_of_benchmark(name) for name in ('micro-darts', 'micro-mnist1d', 'live-mnist1d-nb201')];"
        f"print(*[name for name in {SLOW_TO_IMPORT!r} if name in sys.modules], file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stderr.split() == []


def test_a_command_that_cannot_be_imported_does_not_stop_the_others(capsys, monkeypatch):
    from harness import registry

    def refuse(kind: str, name: str) -> object:
        raise ImportError("No module named 'somewhere'")

    monkeypatch.setattr(registry, "load", refuse)
    assert main(["--help"]) == 0
    assert main(["report", "x", "--y"]) == cli_exit.MISTAKE
    assert "the command 'report' is not available: No module named 'somewhere'" in capsys.readouterr().err


def test_completion_is_offered(capsys):
    main(["--help"])
    text = capsys.readouterr().out
    assert "--install-completion" in text
    assert "--show-completion" in text


def test_names_complete():
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": ":".join(sys.path),
        "_NAS_HARNESS_COMPLETE": "complete_bash",
        "COMP_WORDS": "nas-harness describe graph-c",
        "COMP_CWORD": "2",
    }
    run = subprocess.run(
        [sys.executable, "-m", "harness.cli"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=environment,
    )
    assert run.stdout.split() == ["graph-citeseer", "graph-computers", "graph-cora", "graph-cs"]


def test_the_makefile_helps_with_every_target():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    make = shutil.which("make")
    if make is None:
        pytest.skip("there is no make here")
    shown = subprocess.run([make, "--no-print-directory", "help"], capture_output=True, text=True, check=True, cwd=ROOT)
    assert {line.split()[1] for line in shown.stdout.splitlines()} == set(phony[1].split())


def test_json_is_not_mixed_with_other_text(capsys):
    assert main(["list", "strategies", "--json"]) == 0
    assert isinstance(json.loads(capsys.readouterr().out), list)
