"use strict";
(() => {
const make = (tag, words, text) => Object.assign(document.createElement(tag), words, text === undefined ? {} : { textContent: text });
const say = (button, text) => { const old = button.textContent; button.textContent = text; setTimeout(() => { button.textContent = old; }, 1500); };

// The colours of day or night: those of the system until somebody chooses.
const theme = document.getElementById("theme"), root = document.documentElement;
const isDark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
const show = () => { theme.setAttribute("aria-pressed", isDark()); };
theme.hidden = false; show();
theme.onclick = () => { root.dataset.theme = isDark() ? "light" : "dark"; show(); };

// What may be taken away: files made from the page itself.
const save = (name, type, text) => {
  const link = make("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  link.click(); setTimeout(() => URL.revokeObjectURL(link.href), 1000);
};
const copy = async (text, button) => {
  try { await navigator.clipboard.writeText(text); }
  catch { const area = make("textarea", { value: text }); document.body.append(area); area.select(); document.execCommand("copy"); area.remove(); }
  say(button, "Copied");
};

const day = (css) => css.replace(/;[^;{}]*light-dark[^;}]*(?=[;}])/g, "");
const svgOf = (figure) => {
  const panels = [...figure.querySelectorAll(".panels svg")];
  const columns = panels.length > 1 ? 2 : 1;
  let x = 0, y = 0, tall = 0, wide = 0, inner = "";
  panels.forEach((panel) => {
    const { width, height } = panel.viewBox.baseVal, alone = panel.parentNode.className === "legend";
    const clone = panel.cloneNode(true);
    clone.removeAttribute("class");
    for (const [key, value] of Object.entries({ x, y, width, height })) clone.setAttribute(key, value);
    inner += new XMLSerializer().serializeToString(clone);
    tall = Math.max(tall, height); wide = Math.max(wide, x + width); x += width;
    if (alone || x >= columns * width - 1) { x = 0; y += tall; tall = 0; }
  });
  const drawn = document.getElementById("drawn"), points = (units) => units / drawn.dataset.unit, height = y + tall;
  const rules = `svg { fill: #1c1c1e; } text { font-family: "DejaVu Sans", Verdana, Arial, sans-serif; } path { stroke-linejoin: round; }\n${day(drawn.textContent)}`;
  const marks = new XMLSerializer().serializeToString(document.querySelector("#marks defs"));
  return `<${"svg"} xmlns="http://www.w3.org/2000/svg" width="${points(wide)}pt" height="${points(height)}pt" viewBox="0 0 ${wide} ${height}"><style>${rules.replace(/</g, "")}</style>${marks}<rect width="100%" height="100%" fill="#fff"/>${inner}</${"svg"}>\n`;
};
const csvOf = async (packed) => {
  const columns = JSON.parse(await inflated(packed));
  return columns[0].map((_, row) => columns.map((column) => quoted(column[row])).join(",")).join("\n") + "\n";
};
document.querySelectorAll("figure").forEach((figure) => {
  const packed = figure.querySelector("script[data-csv]");
  figure.querySelectorAll(".files a").forEach((link) => {
    if (link.textContent === "SVG") link.onclick = (event) => { event.preventDefault(); save(`${figure.id}.svg`, "image/svg+xml", svgOf(figure)); };
    if (link.textContent === "CSV" && packed) link.onclick = (event) => { event.preventDefault(); csvOf(packed).then((text) => save(`${figure.id}.csv`, "text/csv", text)); };
  });
});

// Tables: sorted inside of their groups, filtered, by columns of one's choice, copied as they are shown.
const STEP = 60; // rows that are moved at once, more than a window shows: a browser forgets how it set what is moved
const words = (cell) => {
  const value = cell.querySelector(":scope > b");
  const interval = cell.querySelector("small");
  return (value ? value.textContent + (interval ? ` [${interval.textContent}]` : "") : cell.textContent).replace(/\s+/g, " ").trim();
};
const number = (text) => {
  const found = text.replace(/\u2212/g, "-").replace(/,(?=\d{3})/g, "").match(/^[<>]?\s*([+-]?\d*\.?\d+(?:e[+-]?\d+)?)/i);
  return found ? Number(found[1]) - (text[0] === "<" ? 1e-12 : 0) : NaN;
};
const key = (cell) => ("v" in cell.dataset ? (cell.dataset.v === "" ? NaN : Number(cell.dataset.v)) : number(words(cell)));
const tex = (text) => text.replace(/[\\&%$#_{}~^<>|]/g, (letter) => ({ "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "<": "$<$", ">": "$>$", "|": "\\textbar{}" }[letter] || `\\${letter}`))
  .replace(/\u2013/g, "--").replace(/\u2212/g, "$-$").replace(/±/g, "$\\pm$").replace(/†/g, "$^\\dagger$").replace(/∞/g, "$\\infty$").replace(/→/g, "$\\rightarrow$");
const guarded = (text) => (/^'*[=+@\t\r]|^'*-(?![\d.])/.test(text) ? `'${text}` : text);
const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);

document.querySelectorAll("main section table").forEach((table) => {
  const body = table.tBodies[0], rows = [...body.rows], heads = [...table.tHead.rows].at(-1);
  const grouped = table.classList.contains("grouped");
  let name = "", html = "", kind = "";
  const facts = new Map(rows.map((row, place) => {
    const head = row.querySelector("th[data-group]");
    if (head) { name = head.dataset.group; html = row.cells[0].innerHTML; kind = row.cells[0].className; }
    return [row, { name, html, kind, place, starts: Boolean(head), text: `${name} ${row.textContent}`.toLowerCase() }];
  }));
  const groups = [...new Set([...facts.values()].map((fact) => fact.name))];
  let sorted = rows, later = 0;
  const regroup = () => {
    let before = null;
    for (const row of sorted) {
      if (row.hidden) continue;
      const fact = facts.get(row), starts = fact.name !== before, head = row.querySelector("th");
      before = fact.name;
      if (starts === fact.starts) continue;
      fact.starts = starts;
      row.classList.toggle("group", starts);
      row.cells[0].innerHTML = starts ? fact.html : ""; row.cells[0].className = starts ? fact.kind : "";
      if (starts) head.dataset.group = fact.name; else delete head.dataset.group;
    }
  };
  const move = (from) => {
    const end = from + STEP, part = sorted.slice(from, end);
    if (from) sorted[from - 1].after(...part); else body.prepend(...part);
    if (end < sorted.length) later = requestAnimationFrame(() => move(end));
  };
  const columnsOf = new Map();
  const valuesOf = (column) => {
    if (!columnsOf.has(column)) columnsOf.set(column, new Map(rows.map((row) => [row, { text: words(row.cells[column]), number: key(row.cells[column]) }])));
    return columnsOf.get(column);
  };
  const order = (column, sign) => {
    const byGroup = grouped && column === 0, values = valuesOf(column), plain = [...values.values()].every((value) => Number.isNaN(value.number));
    const names = sign && byGroup ? groups.slice().sort((a, b) => sign * a.localeCompare(b)) : groups;
    const places = new Map(names.map((text, place) => [text, place]));
    const compare = (a, b) => {
      if (!sign || byGroup) return 0;
      const [p, q] = [values.get(a), values.get(b)];
      if (plain) return sign * p.text.localeCompare(q.text, "en", { numeric: true });
      if (Number.isNaN(p.number) || Number.isNaN(q.number)) return Number.isNaN(p.number) - Number.isNaN(q.number);
      return sign * (p.number - q.number);
    };
    sorted = rows.slice().sort((a, b) => {
      const [p, q] = [facts.get(a), facts.get(b)];
      return (grouped ? places.get(p.name) - places.get(q.name) : 0) || compare(a, b) || p.place - q.place;
    });
    cancelAnimationFrame(later);
    move(0);
    if (grouped) regroup();
  };
  [...heads.cells].forEach((head, column) => {
    const button = make("button", { type: "button", className: "sort", title: head.title || "Sort" });
    button.append(...head.childNodes); head.append(button);
    button.onclick = () => {
      const sign = { ascending: -1, descending: 0 }[head.getAttribute("aria-sort")] ?? 1;
      for (const other of heads.cells) other.removeAttribute("aria-sort");
      if (sign) head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      order(column, sign);
    };
  });

  const hidden = new Set();
  const columns = () => {
    for (const row of [heads, ...rows, ...(table.tFoot ? table.tFoot.rows : [])]) [...row.cells].forEach((cell, place) => { cell.hidden = hidden.has(place); });
    if (table.tHead.rows.length > 1) {
      let place = 1;
      [...table.tHead.rows[0].cells].slice(1).forEach((cell) => {
        const own = Number(cell.dataset.span ||= cell.colSpan), shown = [...Array(own).keys()].filter((step) => !hidden.has(place + step)).length;
        cell.hidden = !shown; if (shown) cell.colSpan = shown;
        place += own;
      });
    }
  };
  const shownRows = () => sorted.filter((row) => !row.hidden && row.getClientRects().length);
  const cellsOf = (row) => [...row.cells].map((cell, place) => [cell, place]).filter(([, place]) => !hidden.has(place));
  const grid = (mark) => shownRows().map((row) => cellsOf(row).map(([cell, place]) => {
    const text = grouped && place === 0 ? facts.get(row).name : words(cell);
    return mark(text, cell, place);
  }));
  const titles = (mark) => cellsOf(heads).map(([cell, place]) => {
    let at = 1, group = "";
    if (table.tHead.rows.length > 1) for (const part of [...table.tHead.rows[0].cells].slice(1)) { const span = Number(part.dataset.span || part.colSpan); if (place >= at && place < at + span) group = part.textContent; at += span; }
    return mark(group ? `${words(cell)} (${group})` : words(cell));
  });
  const csv = () => [titles((text) => text), ...grid((text) => text)].map((row) => row.map(guarded).map(quoted).join(",")).join("\n") + "\n";
  const latex = () => {
    const sides = cellsOf(heads).map(([cell, place]) => (place === 0 || (table.classList.contains("matrix") ? false : !cell.classList.contains("number")) ? "l" : "r")).join("");
    const marked = (text, cell) => (cell.matches(".first") || cell.querySelector("strong") ? `\\textbf{${tex(text)}}` : cell.querySelector("u") ? `\\underline{${tex(text)}}` : tex(text));
    const lines = [titles(tex), ...grid(marked)].map((row) => `${/^[[*]/.test(row[0]) ? "{}" : ""}${row.join(" & ")} \\\\`);
    return [`\\begin{tabular}{${sides}}`, "\\toprule", lines[0], "\\midrule", ...lines.slice(1), "\\bottomrule", "\\end{tabular}", ""].join("\n");
  };

  const tools = make("div", { className: "tools" });
  if (rows.length > 6) {
    const filter = make("input", { type: "search", placeholder: "Filter rows", ariaLabel: `Filter rows of ${table.parentNode.getAttribute("aria-label")}` });
    filter.oninput = () => {
      const parts = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const row of rows) row.hidden = !parts.every((part) => facts.get(row).text.includes(part));
      if (grouped) regroup();
    };
    tools.append(filter);
  }
  const choice = make("details"), list = make("div");
  choice.append(make("summary", {}, "Columns"), list);
  [...heads.cells].forEach((head, place) => {
    if (place < (grouped ? 2 : 1)) return;
    const box = make("input", { type: "checkbox", checked: true }), label = make("label");
    box.onchange = () => { hidden[box.checked ? "delete" : "add"](place); columns(); };
    label.append(box, ` ${titles((text) => text)[place]}`); list.append(label);
  });
  const copies = [["Copy CSV", csv], ["Copy LaTeX", latex]].map(([text, give]) => {
    const button = make("button", { type: "button" }, text);
    button.onclick = () => copy(give(), button);
    return button;
  });
  tools.append(choice, ...copies);
  const home = table.closest(".scroll");
  (home.previousElementSibling?.matches(".sideways") ? home.previousElementSibling : home).before(tools);
});
// What is far from the screen has no width yet (content-visibility): it is measured when it comes near.
const hint = (home) => { home.previousElementSibling.hidden = home.scrollWidth <= home.clientWidth; };
const widths = new ResizeObserver((seen) => seen.forEach(({ target }) => hint(target.parentElement)));
document.querySelectorAll(".sideways + *").forEach((home) => { hint(home); widths.observe(home.firstElementChild); });
document.addEventListener("keydown", (event) => { if (event.key === "Escape") document.querySelectorAll(".tools details[open]").forEach((part) => { part.open = false; }); });
document.addEventListener("click", (event) => document.querySelectorAll(".tools details[open]").forEach((part) => { if (!part.contains(event.target)) part.open = false; }));
})();
