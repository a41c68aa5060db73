"""How long a large page takes, how large it is and how it reacts: a program that shows a table, and asserts nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from tests.bench.figures import Row, parser, show


def page(strategies: int = 20, benchmarks: int = 13, replicates: int = 100, evaluations: int = 300) -> list[Row]:
    """Write the page of a study on made-up tables, in which each strategy takes the better of ever more draws."""
    from harness.experiments.manifest import BenchmarkFacts
    from harness.experiments.results import Results
    from harness.experiments.spec import Spec, StrategySpec
    from harness.problem import Budget
    from harness.records import Run, Trace
    from reports.page.notebook import report
    from tests.reports.support import ACCURACY, FakeOracle, opener, trace_of

    oracles = [FakeOracle(f"table {place}") for place in range(benchmarks)]
    labels = ["random_search", *(f"strategy {place}" for place in range(1, strategies))]
    runs = []
    for place, oracle in enumerate(oracles):
        for greed, label in enumerate(labels):
            traces = []
            for replicate in range(replicates):
                rng = np.random.default_rng([place, greed, replicate])
                draws = oracle.space.sample((1 + greed // 4) * evaluations, rng).reshape(evaluations, -1, 3)
                codes = oracle.space.code(draws.reshape(-1, 3)).astype(np.int64).reshape(evaluations, -1)
                best = np.argmax(oracle.runs[codes, 0], axis=1)
                archs, code = draws[np.arange(evaluations), best], codes[np.arange(evaluations), best]
                shown = oracle.runs[code, np.random.default_rng(replicate).integers(0, 2, 216)[code]]
                traces.append(trace_of(archs, shown, 100 + 50 * archs.sum(axis=1) + rng.random(evaluations)))
            block = Trace.concatenate(traces).lean()  # as results are held that were read
            for replicate in range(replicates):
                trace = block.part(replicate * evaluations, (replicate + 1) * evaluations)
                runs.append(Run(oracle.name, label, replicate, trace, "budget", 0.01 * (greed + 1)))
    facts = {item.name: BenchmarkFacts(item.name, item.digest, (ACCURACY,), item.has_seconds) for item in oracles}
    specs = tuple(StrategySpec("random_search" if not place else "other", label) for place, label in enumerate(labels))
    spec = Spec("large", tuple(facts), specs, Budget(evaluations=evaluations), replicates=replicates)
    results = Results(spec, facts, tuple(runs), ())
    with tempfile.TemporaryDirectory() as folder:
        with peak_of_all() as peaks:
            start = time.perf_counter()
            page = report(results, Path(folder) / "report", open_oracle=opener(*oracles))
            seconds, size = time.perf_counter() - start, page.path.stat().st_size / 1e6
        reacted = reactions(page.path)
    what = f"page of {strategies} strategies x {benchmarks} benchmarks x {replicates} replicates x {evaluations}"
    return [
        {"what": what, "value": seconds, "unit": "s", "target": "<= 60, two cores"},
        {"what": f"{what}: the file", "value": size, "unit": "MB", "target": "<= 3 (12 benchmarks)"},
        {
            "what": f"{what}: memory of both processes",
            "value": sum(peaks.values()) / 1e6,
            "unit": "GB",
            "target": "<= 2",
        },
        *reacted,
    ]


@contextmanager
def peak_of_all() -> Iterator[dict[int, float]]:
    """Yield the largest resident size of this process and of those that it starts in kilobytes, by id, as they grow.

    Pages that two of them share count twice.  `RUSAGE_CHILDREN` would not do: there, a process begins with the size of
    the one that it was forked from.  Nothing where there is no ``/proc``.
    """
    peaks, over = dict[int, float](), threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            here = Path("/proc/self")
            children = [int(one) for path in here.glob("task/*/children") for one in path.read_text().split()]
            for pid in (os.getpid(), *children):
                with suppress(OSError):
                    words = Path(f"/proc/{pid}/status").read_text().split()
                    if "VmHWM:" in words:
                        peaks[pid] = float(words[words.index("VmHWM:") + 1])

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peaks
    finally:
        over.set()
        watcher.join()


_REACTIONS = """() => {
  const root = document.querySelector("[data-explorer]"), found = {}, find = (selector) => root.querySelector(selector);
  const frames = new Map();  // what a control leaves to the frames after it
  let asked = 0;
  window.requestAnimationFrame = (act) => { frames.set(asked += 1, act); return asked; };
  window.cancelAnimationFrame = (id) => frames.delete(id);
  const timed = (name, act, place = document.body) => {
    const span = (step) => {
      const start = performance.now();
      step();
      place.getBoundingClientRect();  // what follows for places and sizes
      return performance.now() - start;
    };
    const times = [0, 1, 2, 3, 4].map((turn) => {
      let longest = span(() => act(turn));
      while (frames.size) {
        const [[id, next]] = frames;
        frames.delete(id);
        longest = Math.max(longest, span(next));
      }
      return longest;
    });
    found[name] = times.sort((a, b) => a - b)[2];
  };
  const press = (key) => find(".x-plot svg").dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  for (const view of [...root.querySelectorAll("[data-view]")].map((tab) => tab.dataset.view)) {
    timed(`view ${view}`, () => find(`[data-view="${view}"]`).click());
    for (const name of [...root.querySelectorAll(".x-bar [data-set]")].map((one) => one.dataset.set)) {
      timed(`${view}, ${name}`, (turn) => {
        const control = find(`.x-bar [data-set="${name}"]`), options = [...(control.options ?? [])];
        const values = options.length ? options.map((one) => one.value) : [0, 3, 6, 9, 11];
        control.value = values[(turn + 1) % values.length];
        control.dispatchEvent(new Event("input", { bubbles: true }));
      });
    }
    for (const name of [...root.querySelectorAll(".x-bar [data-toggle]")].map((one) => one.dataset.toggle)) {
      timed(`${view}, ${name}`, () => find(`[data-toggle="${name}"]`).click());
    }
    if (view === "critical") continue;
    timed(`${view}, cursor`, () => press("ArrowLeft"));
    timed(`${view}, zoom`, () => press("+"));
    press("Escape");
    timed(`${view}, pointer`, (turn) => {
      const plot = find(".x-plot svg"), box = plot.getBoundingClientRect();
      const at = { clientX: box.x + box.width * (0.3 + turn / 20), clientY: box.y + box.height / 2 };
      plot.dispatchEvent(new PointerEvent("pointermove", { ...at, bubbles: true }));
    });
    if (find("[data-mute]")) timed(`${view}, mute`, () => find("[data-mute]").click());
    if (find("[data-only]")) timed(`${view}, only`, () => find("[data-only]").click());
    if (!find("[data-all]").hidden) timed(`${view}, all`, () => find("[data-all]").click());
  }
  document.querySelectorAll("main section table").forEach((table, place) => {
    const about = `table ${place + 1} of ${table.rows.length} rows`;
    timed(`${about}, sort`, () => [...table.querySelectorAll(".sort")].at(-1).click(), table);
    const boxes = [...document.querySelectorAll(".tools")][place], filter = boxes.querySelector("input[type=search]");
    if (filter) {
      timed(`${about}, filter`, (turn) => {
        filter.value = turn % 2 ? "" : "5";
        filter.dispatchEvent(new Event("input"));
      }, table);
    }
    timed(`${about}, columns`, () => [...boxes.querySelectorAll("input[type=checkbox]")].at(-1).click(), table);
  });
  timed("theme", () => document.getElementById("theme").click());
  return found;
}"""


def reactions(path: Path) -> list[Row]:
    """Return how long each control of a page takes: the script, and where everything stands then; medians of five.

    Of what a control leaves to later frames, the longest frame counts: so long the page does not answer.
    """
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        chromium = None
    if chromium is None:
        return []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        tab.goto(path.as_uri())
        tab.wait_for_selector(".x-side tbody tr")
        times: dict[str, float] = tab.evaluate(_REACTIONS)
        browser.close()
    slowest = max(times, key=lambda name: times[name])
    return [
        {
            "what": f"slowest of {len(times)} controls: {slowest}",
            "value": times[slowest],
            "unit": "ms",
            "target": "< 50",
        },
        {
            "what": "median of all controls",
            "value": float(np.median([*times.values()])),
            "unit": "ms",
            "target": "< 50",
        },
    ]


if __name__ == "__main__":
    show((page,), parser(__doc__).parse_args().json)
