// The plot: scales, ticks, step curves with bands, names at their ends, cursor, hover and zoom. It knows no strategy.

const MARGIN = { left: 58, right: 14, top: 12, bottom: 42 };

function scaleOf(from, to, first, last, log) {
  const map = log ? Math.log : (value) => value, back = log ? Math.exp : (value) => value;
  const low = map(from), wide = map(to) - low || 1;
  const scale = (value) => first + (map(value) - low) / wide * (last - first);
  scale.back = (place) => back(low + (place - first) / (last - first) * wide);
  return scale;
}

function ticksOf(from, to, log, most = 7) {
  if (log) {
    const decades = Math.log10(to / from);
    const digits = decades < 0.5 ? [1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9] : decades < 1 ? [1, 2, 3, 5, 7] : decades < 3 ? [1, 2, 5] : [1];
    const found = [], every = Math.max(1, Math.ceil(decades / most));
    for (let power = Math.floor(Math.log10(from)); power <= Math.log10(to); power += 1) {
      if (power % every) continue;
      for (const digit of digits) {
        const value = Number(`${digit}e${power}`);
        if (value >= from * (1 - 1e-9) && value <= to * (1 + 1e-9)) found.push(value);
      }
    }
    if (found.length > 1) return found;
  }
  const raw = (to - from) / most, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((each) => each * power >= raw) * power;
  const found = [];
  for (let count = Math.ceil(from / step - 1e-9); count * step <= to + 1e-9 * step; count += 1) found.push(Number((count * step).toPrecision(12)));
  return found;
}

// Move names along a line as little as needed so that none overlap.
function spread(wanted, room, low, high) {
  const order = wanted.map((_, index) => index).sort((a, b) => wanted[a] - wanted[b]);
  const places = [...wanted];
  let last = low - room;
  for (const index of order) { places[index] = Math.max(places[index], last + room); last = places[index]; }
  last = high + room;
  for (const index of order.reverse()) { places[index] = Math.min(places[index], last - room); last = places[index]; }
  return places;
}

function stepPath(curve, x, y, column, clip) {
  let path = "", from = true;
  curve.x.forEach((start, place) => {
    const value = curve[column][place];
    if (Number.isNaN(value)) { from = true; return; }
    const end = place + 1 < curve.x.length ? curve.x[place + 1] : curve.end;
    path += `${from ? "M" : "L"}${x(start).toFixed(1)} ${y(clip(value)).toFixed(1)}H${x(end).toFixed(1)}`;
    from = false;
  });
  return path;
}

function bandPath(curve, x, y, clip) {
  let above = "", below = "";
  curve.x.forEach((start, place) => {
    if (Number.isNaN(curve.low[place])) return;
    const end = place + 1 < curve.x.length ? curve.x[place + 1] : curve.end;
    const [a, b] = [x(start).toFixed(1), x(end).toFixed(1)];
    const [high, low] = [y(clip(curve.high[place])).toFixed(1), y(clip(curve.low[place])).toFixed(1)];
    above += `${above ? "L" : "M"}${a} ${high}H${b}`;
    below = `L${b} ${low}H${a}${below}`;
  });
  return above && `${above}${below}Z`;
}

// spec: { series: [{ key, name, color, dash, thin, curve }], lines: [{ value | curve, dash, name }],
//         x: { label, log, from, to }, y: { label, log, from, to, turned }, named }
function drawPlot(svg, spec, room) {
  const width = Math.max(280, room || 700), height = width < 560 ? 290 : 400;
  const names = spec.named && width >= 560;
  const longest = names ? Math.max(0, ...spec.series.filter((one) => !one.thin).map((one) => one.name.length)) : 0;
  const right = names ? Math.min(190, 24 + 6.6 * longest) : MARGIN.right;
  const inner = { left: MARGIN.left, right: width - right, top: MARGIN.top, bottom: height - MARGIN.bottom };
  const x = scaleOf(spec.x.from, spec.x.to, inner.left, inner.right, spec.x.log);
  const y = scaleOf(spec.y.from, spec.y.to, spec.y.turned ? inner.top : inner.bottom, spec.y.turned ? inner.bottom : inner.top, spec.y.log);
  const clip = (value) => spec.y.log ? Math.max(value, spec.y.from) : value;
  const parts = [`<defs><clipPath id="x-clip"><rect x="${inner.left}" y="${inner.top - 1}" width="${inner.right - inner.left + 1}" height="${inner.bottom - inner.top + 2}"/></clipPath></defs>`];
  for (const value of ticksOf(spec.x.from, spec.x.to, spec.x.log, width < 560 ? 4 : 8)) {
    parts.push(`<line class="x-grid" x1="${x(value)}" x2="${x(value)}" y1="${inner.top}" y2="${inner.bottom}"/><text x="${x(value)}" y="${inner.bottom + 17}" text-anchor="middle">${tick(value)}</text>`);
  }
  for (const value of ticksOf(spec.y.from, spec.y.to, spec.y.log)) {
    parts.push(`<line class="x-grid" x1="${inner.left}" x2="${inner.right}" y1="${y(value)}" y2="${y(value)}"/><text x="${inner.left - 7}" y="${y(value) + 4}" text-anchor="end">${tick(value)}</text>`);
  }
  parts.push(`<text x="${(inner.left + inner.right) / 2}" y="${height - 6}" text-anchor="middle">${escaped(spec.x.label)}</text>`);
  parts.push(`<text transform="translate(13 ${(inner.top + inner.bottom) / 2}) rotate(-90)" text-anchor="middle">${escaped(spec.y.label)}</text><g clip-path="url(#x-clip)">`);
  const seen = spec.series.filter((one) => one.curve);
  for (const one of seen) {
    const path = one.curve.banded && spec.bands && bandPath(one.curve, x, y, clip);
    if (path) parts.push(`<path class="x-band" d="${path}" fill="${one.color}"/>`);
  }
  for (const line of spec.lines) {
    const path = line.curve ? stepPath(line.curve, x, y, "middle", clip) : `M${inner.left} ${y(clip(line.value))}H${inner.right}`;
    parts.push(`<path class="x-line x-soft" d="${path}" stroke-dasharray="${line.dash}"><title>${escaped(line.name)}</title></path>`);
  }
  for (const one of seen) {
    parts.push(`<path class="x-line${one.thin ? " x-thin" : ""}" data-key="${one.key}" d="${stepPath(one.curve, x, y, "middle", clip)}" stroke="${one.color}" stroke-dasharray="${one.dash}"/>`);
  }
  parts.push("</g>");
  if (names) {
    const ends = seen.filter((one) => !one.thin).map((one) => {
      const reach = Math.min(one.curve.end, spec.x.to), value = valueAt(one.curve, reach);
      return value && one.curve.x[0] <= spec.x.to ? { one, at: Math.max(inner.left, x(reach)), to: Math.min(inner.bottom, Math.max(inner.top, y(clip(value.middle)))) } : null;
    }).filter(Boolean);
    const places = spread(ends.map((end) => end.to), 14, inner.top, inner.bottom);
    ends.forEach((end, index) => {
      parts.push(`<path class="x-line x-thin" d="M${end.at} ${end.to}L${inner.right + 9} ${places[index]}" stroke="${end.one.color}"/><text class="x-name" data-key="${end.one.key}" x="${inner.right + 13}" y="${places[index] + 4}">${escaped(end.one.name)}</text>`);
    });
  }
  parts.push(`<line class="x-cursor" y1="${inner.top}" y2="${inner.bottom}"/><rect class="x-drag" hidden/>`);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("height", height);
  svg.innerHTML = parts.join("");
  return { x, y, inner, spec, clip };
}

function moveCursor(svg, plot, at) {
  const line = svg.querySelector(".x-cursor");
  if (!line) return;
  const place = plot.x(at);
  line.setAttribute("x1", place);
  line.setAttribute("x2", place);
  line.style.visibility = place < plot.inner.left - 1 || place > plot.inner.right + 1 ? "hidden" : "";
}

// The series whose line lies nearest to a point, within 28 pixels.
function nearest(plot, at, height) {
  let best = null, least = 28;
  for (const one of plot.spec.series) {
    const value = one.curve && valueAt(one.curve, at);
    if (!value) continue;
    const away = Math.abs(plot.y(plot.clip(value.middle)) - height);
    if (away < least) { least = away; best = one; }
  }
  return best;
}
