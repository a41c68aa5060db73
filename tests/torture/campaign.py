"""The campaign: start, kill at a random moment, run again, compare with what an undisturbed run gave."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.paths import ROOT
from tests.torture.kinds import KINDS, Kind, copy, leftovers

SIGNALS = (*[signal.SIGKILL] * 6, *[signal.SIGTERM] * 2, signal.SIGINT, signal.SIGHUP)
"""How often each is sent; SIGKILL to the process alone, the others to its whole group, as a terminal does."""
YOUNG_SECONDS = 0.5
"""So long the interpreter may take to start, in which a signal is answered by itself."""


@dataclass
class Prepared:
    """A kind with its inputs and what comes out of it undisturbed."""

    kind: Kind
    folder: Path
    fingerprint: dict[str, str]
    seconds: float


@dataclass
class Tally:
    """What happened to a kind."""

    kills: int = 0
    in_time: int = 0
    by_signal: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def campaign(
    folder: Path,
    kills: int,
    seed: int,
    names: tuple[str, ...] = tuple(KINDS),
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Tally]:
    """Kill commands of each kind and return the tallies.

    Parameters
    ----------
    folder : Path
        For everything that is written.
    kills : int
        Signals that reach a running command, in all, shared by the kinds' weights; each kind gets one at least, and
        no kind more than three times as many rounds.
    seed : int
        Of kinds, signals and moments.
    names : tuple of str
        Of `KINDS`.
    say : callable
        Told how far it is.
    """
    rng = random.Random(seed)  # noqa: S311  # no secret
    total = sum(KINDS[name].weight for name in names)
    tallies = {}
    for name in names:
        prepared = prepare(folder / f"prepared {name}", KINDS[name])
        tally = tallies[name] = Tally()
        say(f"{name}: {prepared.seconds:.1f} s undisturbed")
        wanted = max(1, round(kills * KINDS[name].weight / total))
        while tally.in_time < wanted and tally.kills < 3 * wanted:
            place = folder / f"kill {name} {tally.kills}"
            _kill(prepared, place, rng, tally)
            say(f"  {tally.in_time} of {wanted}: {tally.faults[-1] if tally.faults else 'whole'}")
            shutil.rmtree(place)
    return tallies


def prepare(folder: Path, kind: Kind) -> Prepared:
    """Prepare a kind's inputs, and run it undisturbed in a copy."""
    folder.mkdir(parents=True)
    kind.prepare(folder)
    whole = folder.with_name(f"{folder.name} whole")
    copy(folder, whole)
    began = time.monotonic()
    ended = _again(kind, whole)
    seconds = time.monotonic() - began
    assert ended.returncode == 0, ended.stderr
    assert not leftovers(whole), leftovers(whole)
    return Prepared(kind, folder, kind.fingerprint(whole), seconds)


def _environment(folder: Path) -> dict[str, str]:
    if "first opening" in folder.name:
        return os.environ | {"NAS_HARNESS_HOME": str(folder / "home")}
    return dict(os.environ)


def _again(kind: Kind, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        kind.words(folder), cwd=ROOT, env=_environment(folder), capture_output=True, text=True, check=False, timeout=300
    )


def _kill(prepared: Prepared, place: Path, rng: random.Random, tally: Tally) -> None:
    """End the command once, at most twice, in a row; then let it finish, and compare."""
    kind = prepared.kind
    copy(prepared.folder, place)
    for _ in range(rng.choice((1, 1, 2))):
        number, moment = rng.choice(SIGNALS), rng.uniform(0.02, 1.05) * prepared.seconds
        fault = _end(prepared, place, number, moment, tally)
        if fault:
            tally.faults.append(f"{number.name} after {moment:.2f} s: {fault}")
    tally.kills += 1
    ended = _again(kind, place)
    if ended.returncode:
        tally.faults.append(f"the same command again ended with {ended.returncode}: {ended.stderr[-300:]}")
    elif kind.fingerprint(place) != prepared.fingerprint:
        tally.faults.append("what came out is not what an undisturbed run gives")
    elif leftovers(place):
        tally.faults.append(f"left behind: {leftovers(place)}")


def _end(prepared: Prepared, place: Path, number: signal.Signals, moment: float, tally: Tally) -> str:
    """Start the command and end it; return what was wrong, "" if nothing.

    A command that ended before shows how long it takes by now, on a machine that is busier or less.
    """
    began = time.monotonic()
    words = prepared.kind.words(place)
    process = subprocess.Popen(
        words, cwd=ROOT, env=_environment(place), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    )  # fmt: skip
    try:
        process.wait(moment)
    except subprocess.TimeoutExpired:
        tally.in_time += 1
        tally.by_signal[number.name] += 1
        if number is signal.SIGKILL:
            process.kill()
        else:
            os.killpg(process.pid, number)
    else:
        prepared.seconds = (prepared.seconds + time.monotonic() - began) / 2
    try:
        _, told = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        return "it did not end within a minute"
    if orphans(process.pid):
        return f"processes are left: {orphans(process.pid)}"
    if process.returncode not in (0, 128 + number, -number):
        return f"it ended with {process.returncode}: {told[-300:]}"
    if number is signal.SIGKILL and "spawn_main" in told and "EOFError" in told:
        return ""  # a worker that was just starting, and reads on while its parent is gone
    if "Traceback" in told and not (process.returncode == -number and moment < YOUNG_SECONDS):
        return f"it ended with a traceback: {told[-300:]}"
    return ""


def orphans(session: int) -> list[str]:
    """Return the processes of a session that are still there after ten seconds."""
    left: list[str] = []
    for _ in range(100):
        left = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, _, _, its = path.read_text().rpartition(")")[2].split()[:4]
            except OSError:  # it has just ended
                continue
            if int(its) == session and state != "Z":
                left.append(path.parent.name)
        if not left:
            break
        time.sleep(0.1)
    return left
