// Numbers of the page: the text that reports/page/codes.py writes, read back, and written for people.

const PLACE = {};
[...DATA.letters].forEach((letter, place) => { PLACE[letter] = place; });
const BASE = DATA.letters.length;
const NOTHING = BASE ** 2 - 1, INFINITE = BASE ** 2 - 2, HALF = 3600, NEAR = 38, FAR = 2 * NEAR + 1;

function codeAt(text, place) { return PLACE[text[place]] * BASE + PLACE[text[place + 1]]; }

function numberOf(code, exponent, signed) {
  if (code === NOTHING) return NaN;
  if (code === INFINITE) return Infinity;
  if (code === 0) return 0;
  let sign = "";
  if (signed && code > HALF) { sign = "-"; code -= HALF; }
  return Number(`${sign}${100 + (code - 1) % 900}e${exponent + Math.floor((code - 1) / 900) - 2}`);
}

function numbersIn(text, exponent, signed) {
  const found = [];
  for (let place = 0; place + 1 < text.length; place += 2) found.push(numberOf(codeAt(text, place), exponent, signed));
  return found;
}

// A step curve: where it changes (x), the middle, and where there is a band its ends (low, high); it goes on to `end`.
function curveOf(text, grid, width, exponent, signed = false, factor = 1) {
  if (!text) return null;
  const curve = { x: [], middle: [], low: [], high: [], end: 0, banded: width > 1 }, codes = new Array(width).fill(0);
  let step = 0, place = 0;
  const next = (code) => {
    const first = PLACE[text[place]];
    if (first < FAR) { place += 1; return code + first - NEAR; }
    if (first === BASE - 1) { place += 3; return codeAt(text, place - 2); }
    place += 2;
    const far = codeAt(text, place - 2) - FAR * BASE, size = NEAR + 1 + (far >> 1);
    return far & 1 ? code - size : code + size;
  };
  while (place + 1 < text.length) {
    step += PLACE[text[place++]];
    for (let column = 0; column < width; column += 1) codes[column] = next(codes[column]);
    const [middle, low, high] = codes.map((code) => numberOf(code, exponent, signed));
    curve.x.push(grid[step] * factor);
    curve.middle.push(middle);
    curve.low.push(width > 1 ? low : NaN);
    curve.high.push(width > 1 ? high : NaN);
  }
  curve.end = grid[step + PLACE[text[place]]] * factor;
  return curve;
}

// The value at x: middle, low and high; null before the curve begins and after it ends.
function valueAt(curve, x) {
  if (!curve || x < curve.x[0] * (1 - 1e-9) || x > curve.end * (1 + 1e-9)) return null;
  let first = 0, last = curve.x.length - 1;
  while (first < last) {
    const half = (first + last + 1) >> 1;
    if (curve.x[half] <= x * (1 + 1e-9)) first = half; else last = half - 1;
  }
  const middle = curve.middle[first];
  return Number.isNaN(middle) ? null : { middle, low: curve.low[first], high: curve.high[first] };
}

const MINUS = "\u2212", DASH = "\u2013";

// Three significant digits, as the tables of the page write them; "<least" for what is smaller and not 0.
function three(value, least = 0.001) {
  if (value === null || Number.isNaN(value)) return DASH;
  if (value === Infinity) return "\u221e";
  if (value === 0) return "0";
  const sign = value < 0 ? MINUS : "", size = Math.abs(value);
  if (size < least) return `${sign}<${tick(least)}`;
  if (size < 1e-4 || size >= 1e6) return sign + size.toExponential(2).replace("e+", "e");
  return sign + (size >= 1000 ? size.toFixed(0) : size.toPrecision(3));
}

function between(value, write) {
  return Number.isNaN(value.low) ? "" : `[${write(value.low)}, ${write(value.high)}]`;
}

function pValue(value) {
  return Number.isNaN(value) ? DASH : value < 0.001 ? "<0.001" : value.toPrecision(2);
}

// A number at an axis: 0.01, 5, 200, 10k, 2M.
function tick(value) {
  const size = Math.abs(value), sign = value < 0 ? MINUS : "";
  if (size && (size < 0.9999e-3 || size >= 0.9999e9)) return sign + Number(size.toPrecision(6)).toExponential().replace("e+", "e");
  if (size >= 1e6 * 0.9999) return `${sign}${Number((size / 1e6).toPrecision(6))}M`;
  if (size >= 9999) return `${sign}${Number((size / 1e3).toPrecision(6))}k`;
  return sign + Number(size.toPrecision(6));
}

function escaped(text) {
  return String(text).replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
}
