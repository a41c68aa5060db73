"""The verification of an experiment, from a request to files: training, judgement, verdicts."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness import registry
from harness.experiments.manifest import read_manifest
from harness.files.whole import replacing
from harness.verification.job import Request
from harness.verification.record import record_path
from harness.verification.tools import Tools
from harness.verification.verify import Verified
from harness.verification.verify import verify as train_for_real
from reports.sections.verification.section import sentence, verdict_words
from reports.study.opening import own_name
from reports.study.verdicts import Verification, judge
from reports.tables.sheet import write_csv


def run(
    results: Path,
    request: Request,
    *,
    tools: Tools | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Verify an experiment and write the verdicts beside the measurements.

    Parameters
    ----------
    results : Path
        Folder made by `run`.
    request : harness.verification.verify.Request
    tools : harness.verification.tools.Tools, optional
    say : callable
        Told what happens, line by line.

    Returns
    -------
    dict
        ``folder``; ``verified``: for each benchmark what `Verification.as_dict` says, ``sentence``, ``reused`` and
        ``files``; ``skipped``: reason by benchmark.
    """
    outcome = train_for_real(results, request, tools=tools, say=say)
    open_oracle = registry.oracle if tools is None else tools.open_oracle
    addresses = {name: facts.name for name, facts in read_manifest(results).benchmarks.items()}
    verified = []
    for item in outcome.verified:
        oracle = open_oracle(addresses[item.measurements.benchmark])
        judged = judge(item.measurements, oracle)
        shown = replace(item.measurements, benchmark=own_name(item.measurements.benchmark, oracle))
        told = sentence(replace(judged, measurements=shown), searched=outcome.searched)
        verified.append(_answer(judged, item, write_verdicts(results, judged), told))
    return {"folder": str(results), "verified": verified, "skipped": dict(outcome.skipped)}


def _answer(judged: Verification, item: Verified, verdicts: Path, told: str) -> dict[str, Any]:
    answer = judged.as_dict()
    for row, words in zip(answer["architectures"], judged.rows.to_dict("records"), strict=True):
        row["verdict_words"] = verdict_words(words)
    files = {
        "measurements": str(item.record),
        "table": None if item.table is None else str(item.table),
        "verdicts": str(verdicts),
        **({"networks": list(map(str, item.networks))} if item.networks else {}),
    }
    return answer | {"sentence": told, "reused": item.reused, "files": files}


def write_verdicts(results: Path, judged: Verification) -> Path:
    """Write ``NAME-verdicts.csv`` and ``NAME-verdicts.json``; return the path of the CSV."""
    name = judged.measurements.benchmark
    with replacing(record_path(results, name, "-verdicts.json")) as temporary:
        temporary.write_text(json.dumps(judged.as_dict(), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    path = record_path(results, name, "-verdicts.csv")
    with replacing(path) as temporary:
        write_csv(judged.rows, temporary)
    return path
