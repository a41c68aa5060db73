// The explorer: controls, legend, cursor, hover and zoom around the plot of one view.

const root = document.querySelector("[data-explorer]");
const available = Object.keys(VIEWS).filter(hasView);
if (root && available.length) {
  root.innerHTML = `<h2 id="explore">Explore</h2><div class="x-tabs" role="tablist" aria-label="View">${available.map((view) => `<button type="button" role="tab" id="x-tab-${view}" aria-controls="x-panel" data-view="${view}">${VIEWS[view].title}</button>`).join("")}</div>
<div id="x-panel" role="tabpanel"><div class="x-bar"></div><div class="x-body"><div class="x-plot"><svg tabindex="0" role="application" aria-roledescription="plot" aria-describedby="x-help"></svg><div class="x-tip" hidden></div></div><div class="x-side"><table><caption aria-live="polite"></caption><thead></thead><tbody></tbody></table><div class="x-tools"><button type="button" data-all>Show all</button><button type="button" data-reset disabled>Reset zoom</button><button type="button" data-svg>SVG</button><button type="button" data-csv>CSV</button></div></div></div><p class="x-note" data-note></p><div data-under></div><div data-critical hidden></div><p class="x-note" id="x-help" data-help>Click a strategy to mute it, \u201conly\u201d to see it alone. Drag to zoom, double-click to reset. Keys: arrows move the cursor, + and \u2212 zoom, Escape resets.</p></div>`;
  const find = (selector) => root.querySelector(selector);
  const svg = find(".x-plot svg"), tip = find(".x-tip"), bar = find(".x-bar"), [head, body] = [find(".x-side thead"), find(".x-side tbody")];
  let plot = null, wide = svg.clientWidth;

  const option = (value, text, chosen) => `<option value="${escaped(value)}"${String(value) === String(chosen) ? " selected" : ""}>${escaped(text)}</option>`;
  const select = (name, title, options) => `<label>${title}<select data-set="${name}">${options}</select></label>`;
  const toggle = (name, text) => `<button type="button" data-toggle="${name}" aria-pressed="${state[name]}">${text}</button>`;
  const strategies = (chosen) => LABELS.map((name, label) => option(label, name, chosen)).join("");

  const CONTROLS = {
    benchmark: (view) => select("benchmark", "Benchmark", view.names().map((name, place) => option(place, name, state.benchmark)).join("")),
    axis: () => select("axis", "Axis", axesOf(DATA.benchmarks[state.benchmark]).map(([axis, text]) => option(axis, text, state.axis)).join("")),
    split: () => select("split", "Split", splitsNow().map((split) => option(split, split, state.split)).join("")),
    centre: () => select("centre", "Centre", Object.entries(CENTRE).map(([centre, text]) => option(centre, text, state.centre)).join("")),
    a: () => select("a", "A", strategies(state.a)),
    b: () => select("b", "B", strategies(state.b)),
    target: (view) => {
      const targets = benchmarkNamed(DATA.reached, view.names()[state.benchmark]).targets;
      const said = state.target === 0 ? "all targets" : targets ? three(targets[state.target - 1]) : `number ${state.target}`;
      return `<label>Target<input type="range" data-set="target" min="0" max="11" step="1" value="${state.target}" aria-valuetext="${said}"><output>${said}</output></label>`;
    },
    logX: () => toggle("logX", "log x"),
    logY: () => toggle("logY", "log y"),
    bands: () => toggle("bands", "bands"),
  };

  function splitsNow() {
    if (state.view === "curves") return Object.keys(DATA.benchmarks[state.benchmark].splits);
    return Object.keys(state.view === "pair" ? DATA.paired : DATA.profiles);
  }

  function settle() {
    const view = VIEWS[state.view], names = view.names();
    state.benchmark = Math.min(state.benchmark, Math.max(names.length - 1, 0));
    if (view.controls.includes("split") && !splitsNow().includes(state.split)) state.split = splitsNow()[0];
    if (state.view === "curves" && !axesOf(DATA.benchmarks[state.benchmark]).some(([axis]) => axis === state.axis)) state.axis = axesOf(DATA.benchmarks[state.benchmark])[0]?.[0];
  }

  function drawAll() {
    settle();
    const view = VIEWS[state.view], critical = state.view === "critical";
    for (const tab of root.querySelectorAll("[role=tab]")) {
      const chosen = tab.dataset.view === state.view;
      tab.setAttribute("aria-selected", chosen);
      tab.tabIndex = chosen ? 0 : -1;
    }
    find("#x-panel").setAttribute("aria-labelledby", `x-tab-${state.view}`);
    const focused = document.activeElement?.dataset?.set ?? document.activeElement?.dataset?.toggle;
    bar.innerHTML = view.controls.map((name) => CONTROLS[name](view)).join("");
    if (focused) bar.querySelector(`[data-set="${focused}"], [data-toggle="${focused}"]`)?.focus();
    find(".x-body").hidden = find("[data-note]").hidden = find("[data-help]").hidden = critical;
    find("[data-critical]").hidden = !critical;
    find("[data-under]").innerHTML = "";
    if (critical) { find("[data-critical]").innerHTML = criticalDiagram(); plot = null; return; }
    drawView();
  }

  function drawView() {
    const spec = VIEWS[state.view].spec();
    if (state.zoom) {
      Object.assign(spec.x, { from: state.zoom.x[0], to: state.zoom.x[1] });
      if (state.zoom.y) Object.assign(spec.y, { from: state.zoom.y[0], to: state.zoom.y[1] });
    }
    plot = drawPlot(svg, spec, wide);
    svg.setAttribute("aria-label", `${spec.y.label} against ${spec.x.label}`);
    find("[data-note]").textContent = spec.note;
    find("[data-under]").innerHTML = spec.under ?? "";
    find("[data-reset]").disabled = !state.zoom;
    if (state.cursor === null || state.cursor < spec.x.from || state.cursor > spec.x.to) state.cursor = spec.start ?? spec.x.end ?? spec.x.to;
    drawCursor();
  }

  // Values at the cursor, best first; what is muted or has none comes last.
  function ordered(spec) {
    const rows = spec.series.map((one) => ({ one, value: one.curve && valueAt(one.curve, state.cursor) }));
    const known = rows.filter((row) => row.value).sort((a, b) => (a.value.middle - b.value.middle) * (spec.upward ? -1 : 1));
    for (const row of known) row.place = 1 + known.filter((other) => spec.upward ? other.value.middle > row.value.middle : other.value.middle < row.value.middle).length;
    return [...known, ...rows.filter((row) => !row.value)];
  }

  function drawCursor() {
    const { spec } = plot, pair = state.view === "pair";
    find("[data-all]").hidden = pair;
    moveCursor(svg, plot, state.cursor);
    find(".x-side caption").textContent = `At ${spec.at(state.cursor)}`;
    head.innerHTML = `<tr><th scope="col">${pair ? "Difference" : "Strategy"}</th>${spec.columns.map((text) => `<th scope="col">${text}</th>`).join("")}</tr>`;
    const focused = document.activeElement?.closest?.(".x-side tr")?.dataset.key, only = document.activeElement?.hasAttribute?.("data-only");
    body.innerHTML = ordered(spec).map(({ one, value, place }) => {
      const cells = value ? spec.row(value, place, one.key) : spec.columns.map(() => "");
      const name = pair ? `${escaped(LABELS[state.b])} ${MINUS} ${escaped(LABELS[state.a])}`
        : `<div class="x-who"><button type="button" data-mute aria-pressed="${isSeen(one.key)}"><svg width="18" height="8" aria-hidden="true"><line x1="0" x2="18" y1="4" y2="4" stroke="${one.color}" stroke-width="${one.thin ? 1.5 : 3}" stroke-dasharray="${one.dash}"/></svg><span>${escaped(one.name).replace(/_/g, "_<wbr>")}</span></button><button type="button" data-only aria-label="only ${escaped(one.name)}">only</button></div>`;
      return `<tr data-key="${one.key}"${pair || isSeen(one.key) ? "" : ' class="x-muted"'}><th scope="row">${name}</th>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`;
    }).join("");
    if (focused !== undefined) body.querySelector(`[data-key="${focused}"] [${only ? "data-only" : "data-mute"}]`)?.focus();
  }

  function highlight(key) {
    for (const element of root.querySelectorAll("[data-key]")) element.classList.toggle("x-on", key !== null && element.dataset.key === String(key));
  }

  function setMuted(muted) {
    state.muted = new Set(muted);
    drawView();
    const names = new Set([...state.muted].map((label) => LABELS[label]));
    for (const head of document.querySelectorAll("#matrix tbody th, #matrix-test tbody th")) {
      head.closest("tr").classList.toggle("x-muted", names.has(head.textContent.trim()));
    }
    document.dispatchEvent(new CustomEvent("explorer-muted", { detail: [...names] }));
  }

  function zoomTo(x, y) { state.zoom = x ? { x, y } : null; drawView(); }

  function zoomBy(factor) {
    const { from, to, log } = plot.spec.x, map = log ? Math.log : (v) => v, back = log ? Math.exp : (v) => v, at = map(state.cursor);
    const whole = VIEWS[state.view].spec().x, low = at - (at - map(from)) * factor, high = at + (map(to) - at) * factor;
    const tiny = 1e-6 * (map(whole.to) - map(whole.from)), [least, most] = [map(whole.from) + tiny, map(whole.to) - tiny];
    zoomTo(low <= least && high >= most ? null : [low <= least ? whole.from : back(low), high >= most ? whole.to : back(high)], state.zoom?.y);
  }

  // Where curves change, the steps of the cursor.
  function stops() {
    const found = new Set();
    for (const one of plot.spec.series) if (one.curve) { one.curve.x.forEach((x) => found.add(x)); found.add(one.curve.end); }
    return [...found].filter((x) => x >= plot.spec.x.from && x <= plot.spec.x.to).sort((a, b) => a - b);
  }

  root.addEventListener("click", (event) => {
    const at = event.target.closest("button");
    if (!at || !root.contains(at)) return;
    const key = Number(at.closest("[data-key]")?.dataset.key);
    if (at.dataset.view) { state.view = at.dataset.view; state.zoom = state.cursor = null; drawAll(); }
    else if (at.dataset.toggle) { state[at.dataset.toggle] = !state[at.dataset.toggle]; state.zoom = null; drawAll(); }
    else if (at.hasAttribute("data-mute")) setMuted(isSeen(key) ? [...state.muted, key] : [...state.muted].filter((label) => label !== key));
    else if (at.hasAttribute("data-only")) {
      const others = LABELS.map((_, label) => label).filter((label) => label !== key);
      setMuted(isSeen(key) && others.every((label) => !isSeen(label)) ? [] : others);
    } else if (at.hasAttribute("data-all")) setMuted([]);
    else if (at.hasAttribute("data-reset")) zoomTo(null);
    else if (at.hasAttribute("data-svg")) saveSvg();
    else if (at.hasAttribute("data-csv")) saveCsv();
  });
  root.addEventListener("input", (event) => {
    const name = event.target.dataset.set;
    if (!name) return;
    state[name] = ["benchmark", "a", "b", "target"].includes(name) ? Number(event.target.value) : event.target.value;
    state.zoom = null;
    if (["axis", "benchmark"].includes(name)) state.cursor = null;
    drawAll();
  });
  root.addEventListener("keydown", (event) => {
    const tab = event.target.closest("[role=tab]"), step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (tab && step) {
      state.view = available[(available.indexOf(state.view) + step + available.length) % available.length];
      state.zoom = state.cursor = null;
      drawAll();
      find(`#x-tab-${state.view}`).focus();
      event.preventDefault();
    }
    if (event.target !== svg || !plot) return;
    const places = stops(), at = places.findIndex((x) => x >= state.cursor * (1 - 1e-9)), last = places.length - 1;
    const to = { ArrowLeft: Math.max(0, (at < 0 ? last + 1 : at) - 1), ArrowRight: Math.min(last, (at < 0 ? last : at) + 1), Home: 0, End: last }[event.key];
    if (to !== undefined && places.length) { state.cursor = places[to]; drawCursor(); }
    else if (event.key === "+" || event.key === "=") zoomBy(0.5);
    else if (event.key === "-") zoomBy(2);
    else if (event.key === "Escape") zoomTo(null);
    else return;
    event.preventDefault();
  });

  let dragged = null;
  const placeOf = (event) => {
    const box = svg.getBoundingClientRect(), view = svg.viewBox.baseVal;
    return [(event.clientX - box.left) * view.width / box.width, (event.clientY - box.top) * view.height / box.height];
  };
  const inside = (value, low, high) => Math.min(high, Math.max(low, value));
  svg.addEventListener("pointerdown", (event) => {
    if (!plot || event.button || event.pointerType === "touch") return;
    dragged = placeOf(event);
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", (event) => {
    if (!plot) return;
    const { inner, x } = plot, [left, top] = placeOf(event);
    const at = inside(x.back(inside(left, inner.left, inner.right)), plot.spec.x.from, plot.spec.x.to);
    state.cursor = plot.spec.x.whole ? Math.max(plot.spec.x.from, Math.floor(at + 1e-9)) : at;
    drawCursor();
    if (dragged) {
      const rect = svg.querySelector(".x-drag"), [a, b] = [inside(dragged[0], inner.left, inner.right), inside(left, inner.left, inner.right)];
      rect.removeAttribute("hidden");
      const tall = Math.abs(top - dragged[1]) > 24, [c, d] = tall ? [inside(dragged[1], inner.top, inner.bottom), inside(top, inner.top, inner.bottom)] : [inner.top, inner.bottom];
      for (const [name, value] of Object.entries({ x: Math.min(a, b), width: Math.abs(b - a), y: Math.min(c, d), height: Math.abs(d - c) })) rect.setAttribute(name, value);
      tip.hidden = true;
      return;
    }
    const one = nearest(plot, state.cursor, top);
    highlight(one ? one.key : null);
    tip.hidden = !one;
    if (one) {
      const row = ordered(plot.spec).find((each) => each.one === one), cells = plot.spec.row(row.value, row.place, one.key);
      const name = state.view === "pair" ? "" : `<b>${escaped(one.name)}</b> `;
      tip.innerHTML = name + plot.spec.columns.map((column, place) => cells[place] === "" ? "" : `<span>${column} ${cells[place]}</span>`).join(" ");
      tip.style.left = `${inside(left + 14, 0, Math.max(0, svg.clientWidth - tip.offsetWidth))}px`;
      tip.style.top = `${top > 70 ? top - tip.offsetHeight - 10 : top + 14}px`;
    }
  });
  svg.addEventListener("pointerup", (event) => {
    if (!dragged || !plot) return;
    const { inner, x, y } = plot, [left, top] = placeOf(event), start = dragged;
    dragged = null;
    if (Math.abs(left - start[0]) < 8) { drawView(); return; }
    const ends = (a, b, low, high, scale) => [scale.back(inside(a, low, high)), scale.back(inside(b, low, high))].sort((p, q) => p - q);
    zoomTo(ends(start[0], left, inner.left, inner.right, x), Math.abs(top - start[1]) > 24 ? ends(start[1], top, inner.top, inner.bottom, y) : state.zoom?.y);
  });
  svg.addEventListener("pointerleave", () => { tip.hidden = true; highlight(null); });
  svg.addEventListener("dblclick", () => zoomTo(null));
  body.addEventListener("pointerover", (event) => highlight(event.target.closest("tr")?.dataset.key ?? null));
  body.addEventListener("pointerleave", () => highlight(null));

  function save(name, type, text) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }
  const fileName = () => ["explorer", state.view, VIEWS[state.view].names()[state.benchmark]].filter(Boolean).join("-").replace(/[^\w.-]+/g, "_");
  function saveSvg() {
    const copy = svg.cloneNode(true), styled = [...svg.querySelectorAll("*")], kept = ["stroke", "fill", "stroke-width", "stroke-dasharray", "opacity", "font-size", "font-family"];
    [...copy.querySelectorAll("*")].forEach((element, place) => {
      const style = getComputedStyle(styled[place]);
      element.setAttribute("style", kept.map((name) => `${name}:${style.getPropertyValue(name).replace(/"/g, "'")}`).join(";"));
    });
    copy.querySelector(".x-cursor")?.remove();
    copy.querySelector(".x-drag")?.remove();
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    save(`${fileName()}.svg`, "image/svg+xml", copy.outerHTML);
  }
  function saveCsv() {
    const quoted = (text) => `"${String(text).replace(/"/g, '""')}"`, { spec } = plot;
    const lines = [["strategy", spec.x.label, spec.y.label, "low", "high"].map(quoted).join(",")];
    for (const one of spec.series) one.curve?.x.forEach((x, place) => lines.push([quoted(one.name || `${LABELS[state.b]} - ${LABELS[state.a]}`), x, one.curve.middle[place], one.curve.low[place], one.curve.high[place]].map((cell) => Number.isNaN(cell) ? "" : cell).join(",")));
    save(`${fileName()}.csv`, "text/csv", `${lines.join("\n")}\n`);
  }

  new ResizeObserver(() => { if (svg.clientWidth !== wide) { wide = svg.clientWidth; if (plot) drawView(); } }).observe(svg);
  drawAll();
  window.explorer = { state, drawAll };
}
