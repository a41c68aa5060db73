"""What is printed steers no terminal, and every text that a user wrote can be printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness import api
from harness.cli import exit as cli_exit
from harness.cli.__main__ import main
from harness.cli.output import complain, print_facts, print_json, print_table, say
from harness.errors import SpecError
from harness.experiments.progress import Progress, sentence
from harness.experiments.spec import StrategySpec
from harness.printable import printable

NASTY = "a\x1b[31mred\x9b\x07\u202e\udc80\x00 [/] [bold]"


@pytest.mark.parametrize(
    "show",
    [
        lambda: say(NASTY),
        lambda: complain(f"error: {NASTY}", NASTY),
        lambda: print_table([{NASTY: NASTY, "many": [NASTY]}]),
        lambda: print_facts({NASTY: NASTY, "text": f"two\n{NASTY}", "inner": {"list": [{NASTY: NASTY}]}}),
        lambda: print_json({NASTY: [NASTY]}),
    ],
)
def test_no_text_reaches_the_terminal_as_it_is(show, capsys):
    show()
    shown = "".join(capsys.readouterr())
    assert "red" in shown
    for line in shown.split("\n"):
        assert printable(line) == line


def test_json_keeps_the_data(capsys):
    print_json({"name": NASTY, "plain": "naïve 日本"})
    text = capsys.readouterr().out
    assert "naïve 日本" in text
    assert json.loads(text)["name"] == NASTY


def test_json_holds_null_for_what_is_no_finite_number(capsys):
    print_json({"rows": [{"p": float("nan"), "low": (float("-inf"), 0.5)}], "n": 3})
    assert json.loads(capsys.readouterr().out) == {"rows": [{"p": None, "low": [None, 0.5]}], "n": 3}


def test_several_lines_and_tabs_stay(capsys):
    say("one\n\ttwo")
    assert capsys.readouterr().out.rstrip(" \n").splitlines()[0] == "one"


def test_progress_shows_a_label_that_looks_like_markup_or_steers():
    said = sentence(Progress(1, 0, 2, "[/red] \x1b[2J", "bench", 0, 25, 10, None))
    assert "[/red] \\x1b[2J on bench" in said


def test_a_path_that_steers_is_named_escaped(tmp_path: Path, capsys):
    path = tmp_path / "evil\x1b[2J.toml"
    path.write_text("benchmarks = [", encoding="utf-8")
    for words in (
        ["check", str(path)],
        ["run", str(path)],
        ["report", str(tmp_path / "no\x1bne")],
        ["describe", NASTY],
    ):
        assert main(words) == cli_exit.MISTAKE
        shown = "".join(capsys.readouterr())
        assert "\x1b" not in shown
        assert "\\x1b" in shown or "x1b" in shown


@pytest.mark.parametrize("label", ["a\x1b[0m", "two\nlines", "\u202eturned", " ", "x" * 101, "nul\x00"])
def test_a_label_that_cannot_be_shown_is_refused_before_the_run(label, tmp_path: Path, capsys):
    path = tmp_path / "spec.toml"
    path.write_text(
        'benchmarks = ["nb201-cifar10"]\nreplicates = 2\n[budget]\nevaluations = 5\n'
        f'[[strategies]]\nname = "random_search"\nlabel = {json.dumps(label)}\n',
        encoding="utf-8",
    )
    for command in ("check", "run"):
        assert main([command, str(path), *(["--out", str(tmp_path / "out")] if command == "run" else [])]) == (
            cli_exit.MISTAKE
        )
        said = " ".join(capsys.readouterr().err.split())
        assert "`strategies[0]`: `label` must be one line of at most 100 letters that can be printed" in said
    assert not (tmp_path / "out").exists()
    with pytest.raises(SpecError, match="`label` must be one line"):
        api.run(StrategySpec("random_search", label), "nb201-cifar10", evaluations=2, replicates=1)


def test_labels_of_all_scripts_are_taken(tmp_path: Path, capsys):
    path = tmp_path / "spec.toml"
    path.write_text(
        'benchmarks = ["nb201-cifar10"]\nreplicates = 2\n[budget]\nevaluations = 5\n'
        '[[strategies]]\nname = "random_search"\nlabel = "$x$ = Suche, 探索 👩\u200d💻 <b>"\n',
        encoding="utf-8",
    )
    assert main(["check", str(path)]) == 0
    assert "1 shard on 1 benchmark" in capsys.readouterr().out
