"use strict";
// The rows: a list that draws only what is in sight, filters, and one row in full.

const ROW_HEIGHT = 54;
const SPARE_ROWS = 8;
const ANY = { text: "", run: "", verdict: "", db: "", level: "", feature: "", label: "", modes: false, runs: false, pair: null };

function drawExplorer() {
  const { words, rows } = JSON.parse(document.getElementById("rows-data").textContent);
  const modes = report.metrics.flatMap((metric, i) => (metric.startsWith("execution.") ? [i] : []));
  const state = { ...ANY, shown: rows, selected: null };

  // -------------------------------------------------------------------------- judging rows

  const verdict = (answer) => {
    const score = answer?.scores[0];
    return score == null ? "unscored" : score >= 1 ? "right" : "wrong";
  };
  const modesDisagree = (answer) => {
    const known = modes.map((i) => answer?.scores[i]).filter((score) => score != null);
    return known.some((score) => score !== known[0]);
  };
  const runsDisagree = (row) => new Set(row.answers.map(verdict).filter((v) => v !== "unscored")).size > 1;
  const inPair = (row, { a, b, kind }) => {
    const [from, to] = kind === "gained" ? ["wrong", "right"] : ["right", "wrong"];
    return verdict(row.answers[a]) === from && verdict(row.answers[b]) === to;
  };
  let haystacks = null;
  const haystack = (row) => [
    row.id, row.db, row.question, row.evidence, row.gold,
    ...row.answers.flatMap((a) => (a ? [a.sql, a.label, ...a.labels, ...a.why.map((i) => words[i])] : [])),
  ].join("\n").toLowerCase();

  function matches() {
    const asked = state.text.toLowerCase().split(/\s+/).filter(Boolean);
    if (asked.length) haystacks ??= new Map(rows.map((row) => [row, haystack(row)]));
    return rows.filter((row) => {
      if (state.db && row.db !== state.db) return false;
      if (state.level && row.level !== state.level) return false;
      if (state.feature && !row.features.some((i) => words[i] === state.feature)) return false;
      if (state.runs && !runsDisagree(row)) return false;
      if (state.pair && !inPair(row, state.pair)) return false;
      const answers = state.run === "" ? row.answers : [row.answers[state.run]];
      const fits = (answer) => (!state.verdict || (answer && verdict(answer) === state.verdict)) &&
        (!state.label || answer?.label === state.label) &&
        (!state.modes || modesDisagree(answer));
      if (!answers.some(fits)) return false;
      return asked.every((word) => haystacks.get(row).includes(word));
    });
  }

  // -------------------------------------------------------------------------- the list

  const spacer = el("div", { class: "spacer" });
  const list = el("div", {
    class: "card list", role: "listbox", tabindex: "0", "aria-label": "Rows",
    scroll: () => requestAnimationFrame(drawList), keydown: move,
  }, spacer);
  const detail = el("div", { class: "card detail", id: "detail" });
  const count = el("span", { id: "count", role: "status" });

  function drawList() {
    const first = Math.max(0, Math.floor(list.scrollTop / ROW_HEIGHT) - SPARE_ROWS);
    const last = Math.ceil((list.scrollTop + list.clientHeight) / ROW_HEIGHT) + SPARE_ROWS;
    spacer.style.height = `${state.shown.length * ROW_HEIGHT}px`;
    spacer.replaceChildren(...state.shown.slice(first, last).map((row, i) => listRow(row, first + i)));
  }

  function listRow(row, place) {
    const marks = row.answers.map((answer, i) => el("span", {
      class: `mark ${answer ? verdict(answer) : ""}`, title: `${names[i]}: ${answer ? verdict(answer) : "not asked"}`,
    }));
    return el("div", {
      class: "row", role: "option", style: `top:${place * ROW_HEIGHT}px`, id: `row-${place}`,
      "aria-selected": String(row === state.selected), "aria-posinset": place + 1, "aria-setsize": state.shown.length,
      click: () => select(row),
    },
    el("span", { class: "marks" }, marks),
    el("span", { class: "text" }, row.question || row.gold || row.answers.find(Boolean)?.sql || row.id),
    el("span", { class: "where" }, [row.db, row.level, row.id].filter(Boolean).join(" · ")));
  }

  function move(event) {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined || !state.shown.length) return;
    event.preventDefault();
    const now = state.shown.indexOf(state.selected);
    const next = Math.min(state.shown.length - 1, Math.max(0, now + step));
    select(state.shown[next]);
    const top = next * ROW_HEIGHT;
    if (top < list.scrollTop) list.scrollTop = top;
    if (top + ROW_HEIGHT > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW_HEIGHT - list.clientHeight;
  }

  function select(row) {
    state.selected = row;
    drawList();
    detail.replaceChildren(...(row ? rowInFull(row) : [el("p", { class: "empty" }, "No row fits these filters.")]));
  }

  // -------------------------------------------------------------------------- one row

  function rowInFull(row) {
    return [
      el("h3", {}, row.question || row.id),
      el("p", { class: "where" }, [row.db, row.level, row.id].filter(Boolean).join(" · ")),
      row.evidence ? el("p", { class: "note" }, `Evidence: ${row.evidence}`) : null,
      ...row.answers.map((answer, i) => answer && answerInFull(row, answer, i)),
    ].filter(Boolean);
  }

  function answerInFull(row, answer, place) {
    const judged = verdict(answer);
    const labels = [answer.label, ...answer.labels.filter((label) => label !== answer.label)].filter(Boolean);
    return el("div", { class: "answer" },
      el("div", { class: "head" }, dot(place), el("strong", {}, names[place]),
        el("span", { class: `badge ${judged}` }, judged === "unscored" ? "not scored" : judged),
        labels.map((label) => el("span", { class: "badge label" }, label)),
        answer.confidence != null
          ? el("span", { class: "note" }, `sure by ${percent(answer.confidence, 0)}`) : null,
        answer.seconds ? el("span", { class: "note" }, seconds(answer.seconds)) : null),
      sqlDiff(row.gold, answer.sql),
      whys(answer),
      results(answer));
  }

  /** What each metric says; one line where all say 'right' and nothing else. */
  function whys(answer) {
    const told = report.metrics.flatMap((metric, i) => (answer.why[i] == null ? [] : [{
      metric, score: answer.scores[i], why: words[answer.why[i]], flags: answer.flags[i].map((flag) => words[flag]),
    }]));
    if (told.length > 1 && told.every(({ score, flags }) => score === 1 && !flags.length)) {
      return el("p", { class: "note" }, `right by all ${told.length} metrics: ${told[0].why}`);
    }
    const result = (score) => (score == null ? "–" : { 0: "wrong", 1: "right" }[score] ?? score.toFixed(2));
    return el("table", { class: "why" }, told.map(({ metric, score, why, flags }) => el("tr", {},
      el("td", {}, metricName(metric)),
      el("td", { class: score == null ? "" : score >= 1 ? "right" : "wrong" }, result(score)),
      el("td", {}, why, el("span", { class: "note" }, flags.map((flag) => ` · ${flag}`))))));
  }

  /** The first rows that only one of the two results has. */
  function results(answer) {
    const sides = [["in gold only", answer.missing, answer.gold_rows], ["in the prediction only", answer.unexpected, answer.predicted_rows]];
    if (!sides.some(([, found]) => found?.length)) return null;
    return el("div", { class: "results" }, sides.map(([title, found, n]) => el("div", {},
      el("h4", {}, `${title}${n == null ? "" : ` (the result has ${plural(n, "row")})`}`),
      found?.length ? el("table", {}, found.map((cells) => el("tr", {}, cells.map((cell) =>
        el("td", { class: cell == null ? "null" : null }, cell == null ? "NULL" : String(cell)))))) : el("p", { class: "note" }, "none"))));
  }

  // -------------------------------------------------------------------------- filters

  const counted = (values) => [...values.reduce((found, v) => found.set(v, (found.get(v) ?? 0) + 1), new Map())]
    .filter(([value]) => value).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const menu = (key, title, options) => {
    const made = el("select", { "aria-label": title, id: `filter-${key}`, change: () => set({ [key]: made.value }) },
      el("option", { value: "" }, title), options.map(([value, text]) => el("option", { value }, text)));
    return made;
  };
  const tick = (key, title) => {
    const box = el("input", { type: "checkbox", id: `filter-${key}`, change: () => set({ [key]: box.checked }) });
    return el("label", {}, box, title);
  };
  const withCounts = (values) => counted(values).map(([value, n]) => [value, `${value} (${n})`]);
  let waiting;
  const search = el("input", {
    type: "search", id: "search", placeholder: "Search questions, SQL, reasons, ids", "aria-label": "Search",
    input: () => { clearTimeout(waiting); waiting = setTimeout(() => set({ text: search.value }), 80); },
  });
  const levels = withCounts(rows.map((row) => row.level));
  const features = withCounts(rows.flatMap((row) => row.features.map((i) => words[i])));
  const labels = withCounts(rows.flatMap((row) => [...new Set(row.answers.map((answer) => answer?.label))]));
  const tools = el("div", { class: "tools" },
    search,
    names.length > 1 ? menu("run", "any run", names.map((name, i) => [String(i), name])) : null,
    menu("verdict", "right or wrong", [["right", "right"], ["wrong", "wrong"], ["unscored", "not scored"]]),
    menu("db", "any database", withCounts(rows.map((row) => row.db))),
    levels.length ? menu("level", "any hardness", levels) : null,
    features.length ? menu("feature", "any SQL feature", features) : null,
    labels.length ? menu("label", "any failure", labels) : null,
    modes.length > 1 ? tick("modes", "modes disagree") : null,
    names.length > 1 ? tick("runs", "runs disagree") : null,
    el("button", { type: "button", id: "clear", click: () => set(ANY) }, "Clear"),
    count);

  function set(change) {
    Object.assign(state, change);
    for (const [key, value] of Object.entries(change)) {
      const control = document.getElementById(key === "text" ? "search" : `filter-${key}`);
      if (control?.type === "checkbox") control.checked = value;
      else if (control && control.value !== value) control.value = value;
    }
    state.shown = matches();
    const pair = state.pair ? `, ${state.pair.kind} by ${names[state.pair.b]} against ${names[state.pair.a]}` : "";
    count.textContent = `${state.shown.length.toLocaleString("en")} of ${plural(rows.length, "row")}${pair}`;
    list.scrollTop = 0;
    if (!state.shown.includes(state.selected)) select(state.shown[0] ?? null);
    else drawList();
  }

  const made = section("rows", "Rows",
    "Every question with each run’s SQL; a mark for each run is green where it is right, red where it is wrong.",
    tools, el("div", { class: "explorer" }, list, detail));
  new ResizeObserver(drawList).observe(list);
  set({});
  return {
    /** Show only such rows, whatever was shown before, and bring them into sight. */
    filter(change) {
      set({ ...ANY, ...change, run: String(change.run ?? "") });
      made.scrollIntoView();
    },
  };
}
