// The views: what of the data each one draws, and what its table says at the cursor. Nothing is computed here but places.

const LABELS = DATA.labels, DRAWN = new Set(DATA.drawn);
const CENTRE = { mean: "mean", median: "median", iqm: "interquartile mean" };
const state = {
  view: "curves", benchmark: 0, axis: DATA.axis, split: "validation", centre: DATA.centre, logX: true, logY: true, bands: true,
  muted: new Set(), cursor: null, zoom: null, a: 0, b: 0, target: 0,
};

function colorOf(label) {
  const [place, color] = DATA.colors[label];
  return `var(--s${place}, ${color === "#000000" ? "currentColor" : color})`;
}

// A pair to begin with: the two of best mean rank at the end.
function lastRank(label) {
  const ranks = DATA.ranks[0], curve = ranks && curveOf(ranks.lines[label], ranks.grid, 3, -7);
  return curve ? curve.middle[curve.middle.length - 1] : LABELS.length;
}
[state.a, state.b = state.a] = [...DATA.drawn].sort((a, b) => lastRank(a) - lastRank(b));

function isSeen(label) { return !state.muted.has(label); }

function seriesOf(label, curve) {
  return {
    key: label, name: LABELS[label], color: colorOf(label), dash: DATA.dashes[label], thin: !DRAWN.has(label), curve: isSeen(label) ? curve : null,
  };
}

// Where the middle lines lie, and a little of the bands: [lowest, highest].
function spanOf(curves, positive) {
  let low = Infinity, high = -Infinity, zero = false;
  for (const curve of curves) {
    if (!curve) continue;
    curve.middle.forEach((middle, place) => {
      if (Number.isNaN(middle)) return;
      if (positive && middle <= 0) { zero = true; return; }
      low = Math.min(low, middle, Number.isNaN(curve.low[place]) || (positive && curve.low[place] < middle / 3) ? middle : curve.low[place]);
      high = Math.max(high, middle, Number.isNaN(curve.high[place]) || curve.high[place] > 3 * middle ? middle : curve.high[place]);
    });
  }
  return [low, high, zero];
}

function acrossOf(curves, log, label) {
  const known = curves.filter(Boolean);
  const from = Math.min(...known.map((curve) => curve.x[0])), to = Math.max(...known.map((curve) => curve.end));
  return { label, log: log && from > 0, from, to: to > from ? to : from + 1, end: to, whole: label === DATA.axes.evaluations };
}

function benchmarkNamed(list, name) { return list.find((one) => one.name === name) ?? list[0]; }

function budgetLabel() { return DATA.axes[DATA.axis] ?? DATA.axis; }

const REAL = "real overhead, seconds (evaluations times the strategy's mean of one)";

// The axes of a benchmark: those of its curves, and two that are a multiple of one of them.
function axesOf(benchmark) {
  const found = Object.keys(benchmark.grids).map((axis) => [axis, DATA.axes[axis]]);
  if (benchmark.grids.seconds && benchmark.unit_seconds) found.push(["units", "units of one full training, all workers"]);
  if (benchmark.grids.evaluations && benchmark.overhead.some((each) => each > 0)) found.push(["overhead", REAL]);
  return found;
}

const VIEWS = {
  curves: {
    title: "Curves",
    controls: ["benchmark", "axis", "split", "centre", "logX", "logY", "bands"],
    names: () => DATA.benchmarks.map((one) => one.name),
    spec() {
      const benchmark = DATA.benchmarks[state.benchmark];
      const axes = Object.fromEntries(axesOf(benchmark));
      const axis = axes[state.axis] ? state.axis : Object.keys(axes)[0];
      const stored = { units: "seconds", overhead: "evaluations" }[axis] ?? axis;
      const split = benchmark.splits[state.split] ?? benchmark.splits.validation;
      const factor = (label) => axis === "units" ? 1 / benchmark.unit_seconds : axis === "overhead" ? benchmark.overhead[label] || NaN : 1;
      const texts = split.curves[stored]?.[state.centre] ?? [];
      const curves = LABELS.map((_, label) => axis === "overhead" && !benchmark.overhead[label] ? null
        : curveOf(texts[label], benchmark.grids[stored], DRAWN.has(label) ? 3 : 1, split.exponent, false, factor(label)));
      const known = curves.filter((curve, label) => curve && isSeen(label));
      const lines = [];
      if (split.references[stored] && axis !== "overhead" && state.centre === DATA.centre) lines.push({ curve: curveOf(split.references[stored], benchmark.grids[stored], 1, split.exponent, false, factor(0)), dash: "1 3", name: split.reference });
      if (split.whole) lines.push({ value: split.whole, dash: "8 3 2 3", name: "whole table searched" });
      if (split.floor !== undefined) lines.push({ value: split.floor, dash: "6 4", name: "best by validation" });
      const [low, high, zero] = spanOf([...known, ...lines.map((line) => line.curve)], state.logY);
      const bottom = zero || low === Infinity ? split.least : Math.max(split.least, low / 1.25);
      const label = `${split.word} ${DATA.measure}${split.unit ? ` (${split.unit})` : ""}`;
      const write = (value) => three(value, split.least / 100);
      return {
        series: curves.map((curve, index) => seriesOf(index, curve)), lines, bands: state.bands, named: true,
        x: known.length ? acrossOf(known, state.logX, axes[axis]) : { label: axes[axis], log: false, from: 0, to: 1 },
        y: { label, log: state.logY, from: state.logY ? bottom : 0, to: high > 0 ? Math.max(high * 1.12, state.logY ? bottom * 10 : 0) : 1 },
        columns: [CENTRE[state.centre], "95 %", "place", "n"],
        row: (value, place, index) => [write(value.middle), between(value, write), place, benchmark.n[index]],
        at: (x) => `${tick(Number(x.toPrecision(4)))} ${axis === "units" ? "units" : axis === "overhead" ? "seconds" : axes[axis]}`,
        note: `${CENTRE[state.centre][0].toUpperCase()}${CENTRE[state.centre].slice(1)} over runs, band: 95 % bootstrap interval (${DATA.resamples[state.centre].toLocaleString("en")} resamples). Place: by this ${DATA.measure} at the cursor.`
          + lines.map((line) => ` ${{ "1 3": "Dotted", "6 4": "Dashed" }[line.dash] ?? "Dash-dotted"}: ${line.name}.`).join(""),
      };
    },
  },
  ranks: {
    title: "Ranks",
    controls: ["benchmark", "logX", "bands"],
    names: () => DATA.ranks.map((one) => one.name),
    spec() {
      const ranks = benchmarkNamed(DATA.ranks, this.names()[state.benchmark]);
      const curves = ranks.lines.map((text) => curveOf(text, ranks.grid, 3, -7));
      return {
        series: curves.map((curve, index) => seriesOf(index, curve)), lines: [], bands: state.bands, named: true,
        x: acrossOf(curves, state.logX, budgetLabel()), y: { label: "mean rank, 1 is best", log: false, from: 1, to: LABELS.length, turned: true },
        columns: ["mean rank", "95 %", "n"],
        row: (value) => [value.middle.toFixed(2), between(value, (end) => end.toFixed(2)), ranks.n],
        at: (x) => `${tick(Number(x.toPrecision(4)))} ${budgetLabel()}`,
        note: "Ranked by validation within each replicate, ties averaged, then averaged over replicates and benchmarks.",
      };
    },
  },
  pair: {
    title: "Pair",
    controls: ["a", "b", "benchmark", "split", "logX", "bands"],
    names: () => (DATA.paired[state.split] ?? DATA.paired.validation ?? []).map((one) => one.name),
    spec() {
      const paired = benchmarkNamed(DATA.paired[state.split] ?? DATA.paired.validation, this.names()[state.benchmark]);
      const [first, second] = [Math.min(state.a, state.b), Math.max(state.a, state.b)];
      const place = pairPlace(DATA.drawn.indexOf(first), DATA.drawn.indexOf(second), DATA.drawn.length);
      const stored = curveOf(paired.lines[place], paired.grid, 3, paired.exponent, true);
      const curve = stored && first !== state.a ? { ...stored, middle: stored.middle.map((v) => -v), low: stored.high.map((v) => -v), high: stored.low.map((v) => -v) } : stored;
      const benchmark = DATA.benchmarks.find((one) => one.name === paired.name), split = benchmark.splits[state.split] ?? benchmark.splits.validation;
      const ends = curve ? [...curve.middle, ...curve.low, ...curve.high].filter(Number.isFinite).sort((p, q) => Math.abs(p) - Math.abs(q)) : [];
      ends.length = Math.ceil(0.85 * ends.length);  // the first evaluations differ by far more than what follows
      const far = Math.max(1e-12, ...ends.map(Math.abs));
      const write = (value) => three(value, split.least / 100);
      return {
        series: [{ key: state.a, name: "", color: colorOf(state.a), dash: "", thin: false, curve }], lines: [{ value: 0, dash: "", name: "no difference" }],
        bands: state.bands, named: false,
        x: curve ? acrossOf([curve], state.logX, budgetLabel()) : { label: budgetLabel(), log: false, from: 0, to: 1 },
        y: { label: `${split.word} ${DATA.measure} of B \u2212 A${split.unit ? ` (${split.unit})` : ""}`, log: false, from: Math.min(0, ...ends) - far / 20, to: Math.max(0, ...ends) + far / 20 },
        columns: ["B \u2212 A", "band"], row: (value) => [write(value.middle), between(value, write)],
        at: (x) => `${tick(Number(x.toPrecision(4)))} ${budgetLabel()}`,
        note: `Mean over pairs of replicates, above zero where A (${LABELS[state.a]}) is better. ${paired.refused ? `${paired.refused}.` : "Band: holds at all times together (max-T over random flips of signs, 95 %)."}`
          + (curve ? "" : " No curve: both strategies must be drawn in colour, and differ."),
        under: pairTable(),
      };
    },
  },
  targets: {
    title: "Targets",
    controls: ["benchmark", "target", "logX"],
    names: () => DATA.reached.map((one) => one.name),
    spec() {
      const reached = benchmarkNamed(DATA.reached, this.names()[state.benchmark]), target = state.target;
      const curves = LABELS.map((_, label) => curveOf(reached.lines[target][DATA.drawn.indexOf(label)], reached.grid, 1, -7));
      const timed = target > 0 && reached.times, share = (value) => `${(100 * value).toFixed(0)} %`;
      return {
        series: curves.map((curve, index) => seriesOf(index, curve)).filter((one) => DRAWN.has(one.key)), lines: [], bands: false, named: true,
        x: acrossOf(curves, state.logX, budgetLabel()), y: { label: target ? "share of runs at the target" : "share of runs and targets", log: false, from: 0, to: 1 },
        columns: timed ? ["share", "expected", "95 %", "reached"] : ["share"], upward: true,
        row(value, place, index) {
          if (!timed) return [share(value.middle)];
          const at = DATA.drawn.indexOf(index), [middle, low, high] = numbersIn(reached.times[at], reached.exponent).slice(3 * target - 3, 3 * target);
          return [share(value.middle), three(middle), middle === Infinity ? "" : between({ low, high }, three), share(numbersIn(reached.successes[at], -7)[target - 1])];
        },
        at: (x) => `${tick(Number(x.toPrecision(4)))} ${budgetLabel()}`,
        note: (target ? `Runs whose validation ${DATA.measure} has been ${reached.targets ? `${three(reached.targets[target - 1])} ${reached.unit}` : "the target"} or less. ` : "Over all 51 targets, evenly spaced over a log axis and fixed before any run was looked at; what is never reached counts as not reached. ")
          + (timed ? `Expected: ${budgetLabel()} spent for each success, with what failing runs spend (ERT); reached: runs that succeed within the budget.` : ""),
      };
    },
  },
  profile: {
    title: "Profile",
    controls: ["split", "bands"],
    names: () => [],
    spec() {
      const profile = DATA.profiles[state.split] ?? Object.values(DATA.profiles)[0], share = (value) => `${(100 * value).toFixed(0)} %`;
      const curves = profile.lines.map((text) => curveOf(text, profile.thresholds, 3, -7));
      return {
        series: curves.map((curve, index) => seriesOf(index, curve)), lines: [], bands: state.bands, named: false,
        x: { ...acrossOf(curves, false, "score: 0 is a uniform draw from the table, 1 its best") }, y: { label: "share of runs with a higher score", log: false, from: 0, to: 1 },
        start: profile.thresholds[Math.round(0.8 * profile.thresholds.length)],
        columns: ["share", "95 %"], upward: true, row: (value) => [share(value.middle), between(value, share)],
        at: (x) => `a score of ${x.toFixed(3)}`,
        note: `Runs of ${profile.benchmarks} benchmarks at the end of the budget; band: 95 % stratified bootstrap interval. A line that lies above another everywhere is of the better strategy.`,
      };
    },
  },
  critical: { title: "Critical difference", controls: [], names: () => [] },
};

function hasView(view) {
  return { curves: DATA.benchmarks.length, ranks: DATA.ranks.length, pair: LABELS.length > 1 && Object.keys(DATA.paired).length, targets: DATA.reached.length, profile: Object.keys(DATA.profiles).length, critical: LABELS.length > 1 }[view];
}

// The place of a pair in the order of itertools.combinations.
function pairPlace(first, second, count) {
  return first < 0 || second < 0 || first === second ? -1 : first * count - first * (first + 1) / 2 + second - first - 1;
}

const PAIR_LETTERS = 20;

function pairTable() {
  const [first, second] = [Math.min(state.a, state.b), Math.max(state.a, state.b)], turned = first !== state.a;
  const place = pairPlace(first, second, LABELS.length), rows = [];
  for (const end of place < 0 ? [] : DATA.ends[state.split] ?? DATA.ends.validation ?? []) {
    const text = end.pairs.slice(place * PAIR_LETTERS, (place + 1) * PAIR_LETTERS);
    const [won, ties, lost, needed] = [0, 2, 4, 6].map((at) => codeAt(text, at));
    const [chance, p] = numbersIn(text.slice(8, 12), -7), [middle, low, high] = numbersIn(text.slice(12, 18), end.exponent, true);
    const better = PLACE[text[18]], equal = PLACE[text[19]], write = (value) => three(value, end.least / 100);
    const [wins, losses] = turned ? [lost, won] : [won, lost], n = wins + ties + losses;
    const verdict = ["not tested", LABELS[first] + " better", LABELS[second] + " better", "no difference shown"][better];
    const within = end.margin === null ? DASH : `${["", "equivalent", "apart", "open"][equal]} (\u00b1${write(end.margin)})${equal === 3 && needed !== NOTHING && needed > n ? `, ${needed} pairs needed` : ""}`;
    const difference = turned ? [-middle, -high, -low] : [middle, low, high];
    rows.push(`<tr><th scope="row">${escaped(end.name)}</th><td><span class="x-win" aria-hidden="true"><i style="width:${n ? (100 * (wins + ties / 2)) / n : 0}%;background:${colorOf(state.a)}"></i></span>${wins} \u00b7 ${ties} \u00b7 ${losses}</td><td>${(turned ? 1 - chance : chance).toFixed(2)}</td><td>${write(difference[0])} [${write(difference[1])}, ${write(difference[2])}]</td><td>${pValue(p)}</td><td>${escaped(verdict)}</td><td>${within}</td></tr>`);
  }
  if (!rows.length) return "";
  return `<div class="scroll" tabindex="0" role="region" aria-label="A against B"><table class="x-pairs"><thead><tr><th scope="col">At the end, on</th><th scope="col">A won \u00b7 tied \u00b7 lost</th><th scope="col">P(A beats B)</th><th scope="col">B \u2212 A, median [95 %]</th><th scope="col">p (Holm)</th><th scope="col">Verdict</th><th scope="col">Equivalence</th></tr></thead><tbody>${rows.join("")}</tbody></table></div>${DATA.untested ? `<p class="x-note">${escaped(DATA.untested)}.</p>` : ""}`;
}

function criticalDiagram() {
  const { ranks, groups, difference, sentence } = DATA.critical;
  if (!ranks.length) return `<p>No critical-difference diagram: ${escaped(sentence)}</p>`;
  const count = ranks.length, order = ranks.map((_, label) => label).sort((a, b) => ranks[a] - ranks[b]);
  const room = 60 + 6.6 * Math.max(...LABELS.map((name) => name.length)), width = 2 * room + 340, left = room, right = width - room, row = 19, half = Math.ceil(count / 2), top = 46 + 9 * groups.length;
  const x = (rank) => left + (rank - 1) / Math.max(count - 1, 1) * (right - left), parts = [];
  for (let rank = 1; rank <= count; rank += Math.ceil(count / 12)) parts.push(`<line class="x-line" stroke="currentColor" x1="${x(rank)}" x2="${x(rank)}" y1="30" y2="36"/><text x="${x(rank)}" y="24" text-anchor="middle">${rank}</text>`);
  parts.push(`<line class="x-line" stroke="currentColor" x1="${left}" x2="${right}" y1="36" y2="36"/>`);
  groups.forEach((group, place) => {
    const ends = group.map((label) => x(ranks[label]));
    parts.push(`<line class="x-group" x1="${Math.min(...ends) - 4}" x2="${Math.max(...ends) + 4}" y1="${44 + 9 * place}" y2="${44 + 9 * place}"/>`);
  });
  order.forEach((label, place) => {
    const good = place < half, depth = top + row * (good ? place + 1 : count - place), end = good ? left - 14 : right + 14;
    parts.push(`<path class="x-line" d="M${x(ranks[label])} 36V${depth}H${end}" stroke="${colorOf(label)}"/><text class="x-name" x="${good ? end - 5 : end + 5}" y="${depth + 4}" text-anchor="${good ? "end" : "start"}">${escaped(LABELS[label])} ${ranks[label].toFixed(2)}</text>`);
  });
  if (difference) parts.push(`<line class="x-group" x1="${left}" x2="${x(1 + Math.min(difference, count - 1))}" y1="6" y2="6"/><text x="${x(1 + Math.min(difference, count - 1)) + 6}" y="10">critical difference ${difference.toFixed(2)}</text>`);
  const height = top + row * (half + 1);
  return `<svg class="x-critical" viewBox="0 0 ${width} ${height}" role="img" aria-label="Mean ranks: ${order.map((label) => `${escaped(LABELS[label])} ${ranks[label].toFixed(2)}`).join(", ")}">${parts.join("")}</svg><p class="x-note">${escaped(sentence)}${groups.length ? " Strategies under one bar are not told apart." : ""}</p>`;
}
