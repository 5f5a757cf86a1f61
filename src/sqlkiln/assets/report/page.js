"use strict";
// What all parts of the page use: the data, elements, numbers as text, the theme.

const report = JSON.parse(document.getElementById("report-data").textContent);
const names = report.runs.map((run) => run.name);
const main = report.metrics[0];

/** An element; attributes that are functions are listeners, `null` children are left out. */
function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (name === "colour") made.style.setProperty("--colour", value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child != null));
  return made;
}

const colour = (place) => `var(--run-${place % 8})`;
const dot = (place) => el("span", { class: "dot", colour: colour(place) });
const percent = (share, digits = 1) => (share == null ? "–" : `${(100 * share).toFixed(digits)}%`);
const signed = (points) => `${points < 0 ? "−" : "+"}${Math.abs(points).toFixed(2)}`;
const seconds = (value) =>
  value < 0.0995 ? `${(1000 * value).toFixed(0)} ms` : `${value.toFixed(value < 9.95 ? 2 : 1)} s`;
const dollars = (value) => `$${value.toPrecision(2)}`;
const measure = ({ value, low, high }, shown) =>
  (low == null ? shown(value) : `${shown(value)} (${shown(low)} to ${shown(high)})`);
const plural = (n, thing) => `${n.toLocaleString("en")} ${thing}${n === 1 ? "" : "s"}`;
const span = (score) =>
  score.low == null ? "" : `${(100 * score.low).toFixed(1)} to ${percent(score.high)}`;
const probability = (p) => (p >= 1e-4 ? p.toPrecision(2) : p.toExponential(1));

/** How people call a metric: 'execution.spider' is the execution accuracy 'spider'. */
function metricName(metric) {
  const [kind, mode] = metric.split(".");
  return (mode ? `${kind} (${mode})` : kind).replaceAll("_", " ");
}

function section(id, title, lead, ...children) {
  document.getElementById("contents").append(el("a", { href: `#${id}` }, title));
  const head = [el("h2", {}, title), lead ? el("p", { class: "lead" }, lead) : null];
  const made = el("section", { id }, head, children);
  document.getElementById("main").append(made);
  return made;
}

function table(heads, rows, kind = "plain") {
  const head = heads && el("thead", {}, el("tr", {}, heads.map((text, place) =>
    el("th", { class: place ? "number" : null }, text))));
  const cell = (content, place) => el("td", { class: place ? "number" : null }, content);
  const body = el("tbody", {}, rows.map((row) => el("tr", {}, row.map(cell))));
  return el("div", { class: "scroll" }, el("table", { class: kind }, head, body));
}

function legend(...more) {
  const runs = names.length > 1 ? names.map((name, i) => el("span", {}, dot(i), name)) : [];
  return el("div", { class: "legend" }, runs, more);
}

/** Buttons of which one is pressed. */
function choice(options, label, choose) {
  const buttons = options.map(([value, text]) => el("button", {
    type: "button",
    click: () => { press(value); choose(value); },
    "data-value": value,
  }, text));
  const press = (value) => buttons.forEach((button) =>
    button.setAttribute("aria-pressed", button.dataset.value === value));
  press(options[0][0]);
  return el("div", { class: "choice", role: "group", "aria-label": label }, buttons);
}

// ---------------------------------------------------------------------------- theme

const dark = matchMedia("(prefers-color-scheme: dark)");
const setTheme = (theme) => { document.documentElement.dataset.theme = theme; };
setTheme(dark.matches ? "dark" : "light");
dark.addEventListener("change", () => setTheme(dark.matches ? "dark" : "light"));
document.getElementById("theme").addEventListener("click", () =>
  setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
let themeOnScreen;
addEventListener("beforeprint", () => {
  themeOnScreen = document.documentElement.dataset.theme;
  setTheme("light");
});
addEventListener("afterprint", () => setTheme(themeOnScreen));
