"use strict";
// The page from top to bottom, but for the rows.

document.getElementById("title").textContent = report.title;
document.getElementById("subtitle").textContent = report.subtitle;

// ---------------------------------------------------------------------------- scores

function runCard(run, place) {
  const score = run.scores[main];
  const others = report.metrics.slice(1).filter((metric) => run.scores[metric]);
  const costs = [
    run.p50_s ? ["p50", measure(run.p50_s, seconds)] : null,
    run.p95_s ? ["p95", measure(run.p95_s, seconds)] : null,
    run.tokens != null ? ["tokens", run.tokens.toFixed(0)] : null,
    run.usd_per_1000 ? ["1,000 for", measure(run.usd_per_1000, dollars)] : null,
  ].filter(Boolean);
  const to = score ? Math.max(1, score.high) : 1;
  const track = score && el("div", { class: "track" },
    el("i", { style: `left:${100 * score.low / to}%;right:${100 - 100 * score.high / to}%` }),
    el("b", { style: `left:${100 * score.score / to}%` }));
  return el("article", { class: "card run", colour: colour(place) },
    el("div", { class: "name" }, run.name),
    el("div", { class: "big" }, score ? (100 * score.score).toFixed(1) : "–", el("small", {}, "%")),
    el("p", { class: "what" }, score
      ? `${metricName(main)}, 95% interval ${span(score)}, ${score.right.toLocaleString("en")} of ${plural(score.n, "row")}`
      : `not scored by ${metricName(main)}`),
    track,
    others.length ? el("table", { class: "modes" }, others.map((metric) => el("tr", {},
      el("td", {}, metricName(metric)),
      el("td", {}, percent(run.scores[metric].score)),
      el("td", {}, span(run.scores[metric]))))) : null,
    costs.length ? el("p", { class: "costs" }, costs.map(([what, value]) =>
      el("span", {}, `${what} `, el("b", {}, value)))) : null);
}

function drawScores() {
  const made = section("scores", "Scores", null,
    el("div", { class: "grid" }, report.runs.map(runCard)));
  if (report.runs.length < 2) return;
  const points = report.metrics.flatMap((metric) => report.runs.flatMap((run, place) =>
    run.scores[metric] ? [{ ...run.scores[metric], group: metricName(metric), place }] : []));
  made.append(el("div", { class: "card", style: "margin-top:16px" },
    el("h3", {}, "Side by side"), legend(),
    chart((width) => intervalChart(points, width))));
}

function drawPairings() {
  if (!report.pairings.length) return;
  const judged = (d) => (d.low > 0 ? "better" : d.high < 0 ? "worse" : "no sure difference");
  const rows = report.pairings.map((d) => {
    const [a, b] = [names.indexOf(d.a), names.indexOf(d.b)];
    const show = (kind) => () => explorer.filter({ pair: { a, b, kind } });
    return [
      el("span", {}, dot(b), ` ${d.b} against `, dot(a), ` ${d.a}`),
      el("b", {}, judged(d)),
      el("span", {}, `${signed(d.points)} `, el("small", {}, `(${signed(d.low)} to ${signed(d.high)})`)),
      probability(d.p),
      el("button", { class: "linkish", type: "button", click: show("gained") }, d.gained),
      el("button", { class: "linkish", type: "button", click: show("lost") }, d.lost),
      d.n.toLocaleString("en"),
    ];
  });
  section("pairs", "Run against run",
    "Row by row: a paired bootstrap interval of the difference in points, and McNemar’s exact p. Gained rows are right in the first of the two only.",
    el("div", { class: "card" },
      table(["", "", "points (95% interval)", "p", "gained", "lost", "rows"], rows)));
}

function drawProtocol() {
  const alike = (values) => values.every((value) => value === values[0]);
  const heads = names.length > 1
    ? el("thead", {}, el("tr", {}, el("th"), names.map((name, i) => el("th", {}, dot(i), ` ${name}`)))) : null;
  const rows = report.protocol.map((fact) => el("tr", {}, el("td", {}, fact.what), alike(fact.values)
    ? el("td", { colspan: names.length }, fact.values[0])
    : fact.values.map((value) => el("td", {}, value))));
  section("protocol", "Protocol", "How these numbers came about, as the run folders recorded it.",
    el("div", { class: "card scroll" }, el("table", { class: "plain facts" }, heads, el("tbody", {}, rows))));
}

// ---------------------------------------------------------------------------- where and why

const TITLES = { hardness: "By hardness", feature: "By SQL feature", database: "By database" };
const FILTERED_BY = { hardness: "level", feature: "feature", database: "db" };

function drawSlices() {
  if (!report.slicings.length) return;
  let metric = main;
  const drawn = report.slicings.map((slicing) => {
    const points = () => slicing.slices.flatMap((slice) => (slice.scores[metric] ?? []).flatMap(
      (score, place) => (score ? [{ ...score, place, group: slice.name }] : [])));
    const filter = FILTERED_BY[slicing.by];
    const place = chart((width) => intervalChart(points(), width),
      filter && ((d) => explorer.filter({ [filter]: d.group })));
    const more = slicing.more ? el("p", { class: "note" }, `and ${slicing.more} smaller ones`) : null;
    return [place, el("div", { class: "card" }, el("h3", {}, TITLES[slicing.by] ?? `By ${slicing.by}`), place, more)];
  });
  const options = report.metrics.map((name) => [name, metricName(name)]);
  const select = options.length > 1 ? choice(options, "Metric", (value) => {
    metric = value;
    drawn.forEach(([place]) => place.redraw());
  }) : null;
  // The one by database is the tallest: it gets a column of its own.
  const column = (tall) => el("div", { class: "column" },
    drawn.filter((_, i) => (report.slicings[i].by === "database") === tall).map(([, card]) => card));
  section("where", "Where it is right",
    "Each dot is the share of right rows, the bar its 95% interval, the number their count. A question is in every feature that its gold SQL uses. Click one to read its rows.",
    legend(select), el("div", { class: "grid wide" }, column(false), column(true)));
}

const RATES = {
  no_sql: "no SQL", syntax_error: "syntax error", schema_hallucination: "name that does not exist",
  timeout: "timeout", other_error: "other error",
};

function drawFailures() {
  const told = report.paretos.filter((pareto) => pareto.misses);
  if (!told.length) return;
  const cards = told.map((pareto) => {
    const place = names.indexOf(pareto.run);
    const rows = pareto.causes.filter((cause) => cause.remedy).map((cause) => [
      el("span", { class: "label" }, cause.label), cause.remedy, `+${cause.gain_points.toFixed(1)}`]);
    return el("div", { class: "card" },
      el("h3", {}, names.length > 1 ? dot(place) : null, ` ${pareto.run}: ${plural(pareto.misses, "wrong row")}`),
      chart((width) => paretoChart(pareto, place, width),
        (d) => explorer.filter({ run: place, label: d.label, verdict: "wrong" })),
      rows.length ? el("details", { class: "remedies" }, el("summary", {}, "What would mend them, and the points it would bring"),
        table(["cause", "remedy", "points"], rows)) : null);
  });
  const kinds = Object.keys(RATES).filter((kind) => report.rates.some((run) => run.rates[kind]?.right));
  const rates = kinds.length ? el("div", { class: "card", style: "margin-top:16px" }, el("h3", {}, "Answers that could not be run"),
    table(["", ...kinds.map((kind) => RATES[kind])], report.rates.map((run) => [
      el("span", {}, dot(names.indexOf(run.run)), ` ${run.run}`),
      ...kinds.map((kind) => (run.rates[kind]
        ? el("span", {}, `${percent(run.rates[kind].score)} `, el("small", {}, `(${span(run.rates[kind])})`)) : "–"))]))) : null;
  section("why", "Why it is wrong",
    "The first cause of each miss, and their sum as a line. Click a bar to read its rows.",
    el("div", { class: "grid wide" }, cards), rates);
}

/** Exact set match clause by clause, as Spider's script prints it. */
function drawComponents() {
  if (!report.components.length) return;
  const cards = report.components.map((found) => el("div", { class: "card" },
    el("h3", {}, names.length > 1 ? dot(names.indexOf(found.run)) : null, ` ${found.run}`),
    table(["F1 (accuracy, recall)", ...found.levels], found.parts.map((part) => [
      part.name,
      ...part.scores.map((score) => el("span", {}, `${percent(score.f1)} `,
        el("small", {}, `(${percent(score.accuracy)}, ${percent(score.recall)})`)))]))));
  section("components", "Clause by clause",
    "Spider’s component match by hardness: accuracy over the predictions that have the component, recall over the golds that have it. Its script says F1 100% where both are 0.",
    ...cards);
}

/** Whether confidences can be relied on, and what abstaining would bring. */
function drawConfidences() {
  const told = report.confidences;
  if (!told.length) return;
  const bounds = (found) => `(${found.low.toFixed(3)} to ${found.high.toFixed(3)})`;
  const rows = told.map(({ run, found }) => [
    el("span", {}, names.length > 1 ? dot(names.indexOf(run)) : null, ` ${run}`),
    found.n.toLocaleString("en"),
    found.auroc == null ? "–" : el("span", {}, `${found.auroc.toFixed(3)} `, el("small", {}, bounds(found))),
    found.ece.toFixed(3), found.brier.toFixed(3), percent(found.error), percent(found.error_at_70)]);
  section("confidence", "How sure it is",
    "Each answer has a probability of being right. On the left what was said against what came true, in bins of as many answers each; on the right how many answers are wrong if only the surest are given. AUROC is the chance that a right answer is surer than a wrong one.",
    legend(),
    el("div", { class: "grid wide" },
      el("div", { class: "card" }, el("h3", {}, "Reliability"), chart((width) => reliabilityChart(told, width))),
      el("div", { class: "card" }, el("h3", {}, "Wrong answers by coverage"), chart((width) => coverageChart(told, width)))),
    el("div", { class: "card", style: "margin-top:16px" },
      table(["", "answers", "AUROC (95%)", "calibration error", "Brier", "wrong", "wrong at 70%"], rows)));
}

function drawCosts() {
  const cards = [];
  if (report.latencies.length) {
    cards.push(el("div", { class: "card" }, el("h3", {}, "Seconds a question"), legend(),
      chart((width) => latencyChart(report.latencies, width))));
  }
  if (report.costs.length) {
    cards.push(el("div", { class: "card" }, el("h3", {}, "Cost against accuracy"), legend(),
      chart((width) => costChart(report.costs, width))));
  }
  if (cards.length) {
    section("cost", "Time and cost", "By the predictions’ own account, on the machine that the protocol names.",
      el("div", { class: "grid wide" }, cards));
  }
}

drawScores();
drawPairings();
drawProtocol();
drawSlices();
drawFailures();
drawComponents();
drawConfidences();
drawCosts();
const explorer = drawExplorer();

document.getElementById("footer").append(el("hr"), el("p", {},
  `Made by sqlkiln ${report.version} from ${report.runs.map((run) => run.folder).join(", ")}. `,
  "Charts by Observable Plot and D3 (ISC licence). This file loads nothing from anywhere."));
