"use strict";
// Everything below comes from one JSON document, and reaches the page as text content only.
const content = JSON.parse(document.getElementById("content").textContent);
const plots = []; // {plot, figure, drawn, done}: drawn when they come into sight, done when plotly has ended
const memory = { // what a page that reloads itself, or that is opened again, still knows
  get(key) { try { return sessionStorage.getItem("kgtuner:" + key); } catch { return null; } },
  set(key, value) { try { sessionStorage.setItem("kgtuner:" + key, value); } catch { /* not allowed here */ } },
};

function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "text") made.textContent = value;
    else if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// ---------------------------------------------------------------- numbers

const short = (value) => {
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value)) return Math.abs(value) < 1e6 ? value.toLocaleString("en-US") : value.toExponential(3);
  const size = Math.abs(value);
  return size >= 1e-3 && size < 1e6 ? String(Number(value.toPrecision(4))) : value.toExponential(2);
};

function shown(value, column) {
  if (value === null) return "";
  if (typeof value === "number" && column.digits !== null)
    return value.toLocaleString("en-US", { minimumFractionDigits: column.digits, maximumFractionDigits: column.digits });
  return short(value);
}

// ---------------------------------------------------------------- blocks

let tables = 0;
const builders = {
  text: (block) => element("p", { class: block.quiet ? "quiet" : null, text: block.text }),
  notice: (block) => element("div", {}, block.title ? element("h3", { text: block.title }) : null, element("p", { class: "notice", text: block.text })),
  cards: (block) => element("div", { class: "cards" }, ...block.cards.map(([title, value, note]) =>
    element("div", { class: "card" }, element("span", { text: title }), element("b", { text: value }), element("span", { text: note })))),
  facts: (block) => element("dl", {}, ...block.facts.flatMap(([name, value]) => [element("dt", { text: name }), element("dd", { text: value })])),
  grid: (block) => element("div", { class: "grid" }, ...block.blocks.map(build)),
  code: buildCode,
  figure: buildFigure,
  table: buildTable,
  tabs: buildTabs,
  examples: buildExamples,
};

function build(block) { return builders[block.type](block); }

function buildCode(block) {
  const button = element("button", { type: "button", text: "Copy", onclick: async () => {
    const done = await copied(block.text);
    button.textContent = done ? "Copied" : "Select and copy by hand";
    setTimeout(() => { button.textContent = "Copy"; }, 1600);
  } });
  return element("div", { class: "code" }, element("header", {}, element("span", { text: block.title }), button), element("pre", { text: block.text }));
}

async function copied(text) {
  try { await navigator.clipboard.writeText(text); return true; } catch { /* files opened from disk may not */ }
  const area = element("textarea", { "aria-hidden": "true" });
  area.value = text;
  document.body.append(area);
  area.select();
  let done = false;
  try { done = document.execCommand("copy"); } catch { /* told by the result */ }
  area.remove();
  return done;
}

function buildFigure(block) {
  const plot = element("div", { class: "plot" });
  plot.style.minHeight = (block.figure.layout.height || 360) + "px";
  if (block.leastWidth) plot.style.minWidth = block.leastWidth + "px";
  plots.push({ plot, figure: block.figure, drawn: false, done: false });
  return element("figure", {},
    block.title ? element("h3", { text: block.title }) : null,
    element("div", block.leastWidth ? { class: "scroll", tabindex: "0", role: "region", "aria-label": "plot" } : { class: "scroll" }, plot),
    block.caption ? element("figcaption", { text: block.caption }) : null);
}

function buildTabs(block) {
  const key = "tab:" + block.tabs.map((tab) => tab.title).join("|");
  const panels = block.tabs.map((tab) => element("div", { role: "tabpanel", "aria-label": tab.title }, ...tab.blocks.map(build)));
  if (panels.length === 1) return element("div", {}, element("h3", { text: block.tabs[0].title }), ...panels);
  const buttons = block.tabs.map((tab, i) => element("button", { type: "button", role: "tab", text: tab.title,
    onclick: () => choose(i), onkeydown: (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) { const next = (i + step + buttons.length) % buttons.length; choose(next); buttons[next].focus(); }
    } }));
  const choose = (chosen) => {
    buttons.forEach((button, i) => { button.setAttribute("aria-selected", String(i === chosen)); button.tabIndex = i === chosen ? 0 : -1; });
    panels.forEach((panel, i) => { panel.hidden = i !== chosen; });
    memory.set(key, chosen);
    if (ready) drawVisible();
  };
  choose(Math.min(Number(memory.get(key) || 0), panels.length - 1));
  return element("div", { class: "tabs" }, element("div", { role: "tablist" }, ...buttons), ...panels);
}

function buildExamples(block) {
  const groups = (good) => block.groups.filter((group) => group.good === good).map((group) =>
    element("div", { class: "relation" },
      element("h4", {}, document.createTextNode(group.relation), element("span", { text: "MRR " + group.mrr })),
      ...group.examples.map((example) => element("div", { class: "example" },
        element("div", {}, element("span", { class: "asked", text: "(" + example.question.map((part) => part === null ? "?" : part).join(", ") + ")" })),
        element("div", {}, element("span", { class: example.right ? "right" : "wrong", text: example.right ? "✓ right: " : "✗ rank " + example.rank + " for " }), document.createTextNode(example.answer)),
        element("ol", {}, ...example.top.map(([name, right]) => element("li", { class: right ? "right" : null, text: name })))))));
  return element("div", {},
    element("h3", { text: `Examples from the ${block.split} triples` }),
    element("p", { class: "quiet", text: "Each question with the three first answers, other known facts left out. A “wrong” answer may be a fact that the graph lacks." }),
    element("div", { class: "grid" },
      element("div", {}, element("h3", { text: "Best relations" }), ...groups(true)),
      element("div", {}, element("h3", { text: "Worst relations" }), ...groups(false))));
}

// ---------------------------------------------------------------- tables

function buildTable(block) {
  const key = ["table", block.memory, block.label, tables++].join(":");
  const state = Object.assign({ column: -1, down: false, search: "", chosen: {}, limit: block.limit || Infinity },
    JSON.parse(block.sortable ? memory.get(key) || "{}" : "{}"));
  if (state.limit === null) state.limit = Infinity;
  const choices = Object.fromEntries(block.filters.map((c) => [c, [...new Set(block.rows.map((row) => String(row[c])))].sort()]));
  for (const [c, value] of Object.entries(state.chosen)) if (!choices[c] || !choices[c].includes(value)) delete state.chosen[c]; // gone since
  const texts = block.filters.length ? block.rows.map((row) => row.map((cell, i) => shown(cell, block.columns[i])).join("\u0000").toLowerCase()) : [];
  const body = element("tbody");
  const heads = block.columns.map((column, i) => element("th", { class: column.kind, scope: "col", title: column.hint || null },
    block.sortable ? element("button", { type: "button", text: column.title, onclick: () => {
      state.down = state.column === i ? !state.down : numeric(column);
      state.column = i;
      fill();
    } }) : document.createTextNode(column.title)));
  const count = element("span", { class: "count", role: "status" });
  const more = element("div", { class: "controls more" },
    element("button", { type: "button", text: "Show more", onclick: () => { state.limit += 200; fill(); } }),
    element("button", { type: "button", text: "Show all", onclick: () => { state.limit = Infinity; fill(); } }));

  function order() {
    let found = block.rows.map((_, i) => i);
    const words = state.search.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length) found = found.filter((i) => words.every((word) => texts[i].includes(word)));
    for (const [column, value] of Object.entries(state.chosen)) if (value) found = found.filter((i) => String(block.rows[i][column]) === value);
    const c = state.column;
    if (c >= 0 && c < block.columns.length) {
      const sign = state.down ? -1 : 1;
      found.sort((a, b) => {
        const x = block.rows[a][c], y = block.rows[b][c];
        if (x === null || y === null) return (x === null) - (y === null); // empty cells last, whichever way
        if (typeof x === "number" && typeof y === "number") return sign * (x - y);
        return sign * String(x).localeCompare(String(y), "en", { numeric: true });
      });
    }
    return found;
  }

  function fill(all = false) {
    const found = order();
    const limit = all ? Infinity : state.limit;
    const rows = found.slice(0, limit).map((i) => element("tr", { class: block.marks[i] || null },
      ...block.rows[i].map((cell, c) => element("td", { class: block.columns[c].kind + (block.columns[c].title === "note" && cell ? " note" : ""), text: shown(cell, block.columns[c]) }))));
    body.replaceChildren(...rows);
    heads.forEach((head, i) => { if (i === state.column) head.setAttribute("aria-sort", state.down ? "descending" : "ascending"); else head.removeAttribute("aria-sort"); });
    count.textContent = rows.length < found.length ? `${rows.length} of ${found.length} shown` : `${found.length} of ${block.rows.length}`;
    more.hidden = rows.length >= found.length;
    if (block.sortable && !all) memory.set(key, JSON.stringify(state));
  }

  const controls = [];
  if (block.filters.length) {
    const search = element("input", { type: "search", placeholder: "Search in all columns", "aria-label": "search in " + block.label, oninput: () => { state.search = search.value; fill(); } });
    search.value = state.search;
    controls.push(search);
    for (const c of block.filters) {
      const select = element("select", { "aria-label": block.columns[c].title, onchange: () => { state.chosen[c] = select.value; fill(); } },
        element("option", { value: "", text: "every " + block.columns[c].title }), ...choices[c].map((value) => element("option", { value, text: `${block.columns[c].title} ${value}` })));
      select.value = state.chosen[c] || "";
      controls.push(select);
    }
    controls.push(count);
  }
  fill();
  printing.push(() => fill(true), () => fill());
  return element("div", {},
    controls.length ? element("div", { class: "controls" }, ...controls) : null,
    element("div", { class: "scroll", tabindex: block.sortable ? "0" : null, role: block.sortable ? "region" : null, "aria-label": block.sortable ? block.label : null },
      element("table", { class: block.filters.length ? "wide" : null, "aria-label": block.label }, element("thead", {}, element("tr", {}, ...heads)), body)),
    block.limit ? more : null);
}

function numeric(column) { return column.kind === "number"; }

// ---------------------------------------------------------------- plots

let ready = false;
const printing = []; // pairs: before and after

function colours(figure) {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  const labels = (figure.layout.annotations || []).map((_, i) => [`annotations[${i}].bgcolor`, of("--paper") + "b8"]);
  return { ...Object.fromEntries(labels), "font.color": of("--quiet"), "hoverlabel.bgcolor": of("--paper"), "hoverlabel.bordercolor": of("--line"), "hoverlabel.font.color": of("--ink") };
}

const SETTINGS = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"], displayModeBar: false };

function draw(entry) {
  if (entry.drawn) return;
  entry.drawn = true;
  const layout = structuredClone(entry.figure.layout);
  if (entry.plot.clientWidth < 480) {
    layout.margin = { ...layout.margin, l: Math.min(layout.margin.l, 44), r: 8 };
    layout.dragmode = false;
    if (layout.xaxis && !layout.xaxis.tickvals) layout.xaxis = { ...layout.xaxis, nticks: 4, tickangle: 0 };
  }
  Plotly.newPlot(entry.plot, entry.figure.data, layout, SETTINGS)
    .then(() => Plotly.relayout(entry.plot, colours(entry.figure)))
    .then(() => { entry.done = true; });
}

function near(entry) {
  const box = entry.plot.getBoundingClientRect();
  return entry.plot.offsetParent !== null && box.top < innerHeight + 500 && box.bottom > -500;
}

function drawVisible() {
  for (const entry of plots) if (!entry.drawn && near(entry)) draw(entry);
}

async function startPlots() {
  if (!plots.length) return;
  try {
    const bytes = Uint8Array.from(atob(document.getElementById("plotly").textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
  } catch (problem) {
    for (const { plot } of plots) { plot.style.minHeight = 0; plot.textContent = "This browser cannot unpack the plots; a current one can."; }
    return;
  }
  ready = true;
  drawVisible();
  addEventListener("scroll", drawVisible, { passive: true });
  addEventListener("resize", drawVisible);
  document.documentElement.dataset.plots = "ready";
}

// ---------------------------------------------------------------- the page

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  document.getElementById("theme").textContent = theme === "dark" ? "Light" : "Dark";
  for (const { plot, figure, drawn } of plots) if (drawn) Plotly.relayout(plot, colours(figure));
}

const dark = matchMedia("(prefers-color-scheme: dark)");
setTheme(memory.get("theme") || (dark.matches ? "dark" : "light"));
dark.addEventListener("change", () => { if (!memory.get("theme")) setTheme(dark.matches ? "dark" : "light"); });
document.getElementById("theme").addEventListener("click", () => {
  const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  memory.set("theme", theme);
  setTheme(theme);
});

document.querySelector("h1").textContent = content.title;
document.getElementById("subtitle").textContent = content.subtitle;
for (const section of content.sections) {
  document.querySelector("nav").append(element("a", { href: "#" + section.anchor, text: section.short || section.title }));
  document.querySelector("main").append(element("section", { id: section.anchor, "aria-labelledby": section.anchor + "-title" },
    element("h2", { id: section.anchor + "-title", text: section.title }),
    section.lead ? element("p", { class: "lead", text: section.lead }) : null,
    ...section.blocks.map(build)));
}
startPlots();

addEventListener("beforeprint", () => {
  for (let i = 0; i < printing.length; i += 2) printing[i]();
  if (ready) for (const entry of plots) { draw(entry); Plotly.relayout(entry.plot, { width: Math.min(entry.plot.clientWidth || 640, 680), "font.color": "#333" }); }
});
addEventListener("afterprint", () => {
  for (let i = 1; i < printing.length; i += 2) printing[i]();
  for (const { plot, figure, drawn } of plots) if (drawn) Plotly.relayout(plot, { width: null, autosize: true, ...colours(figure) });
});

if (content.reload) {
  scrollTo(0, Number(memory.get("scroll") || 0));
  const again = () => {
    const typing = document.activeElement && document.activeElement.tagName === "INPUT";
    if (typing) return void setTimeout(again, 2000);
    memory.set("scroll", scrollY);
    location.reload();
  };
  setTimeout(again, content.reload * 1000);
}
