"use strict";
// Charts, drawn by Observable Plot from numbers that the report brings along.

/** A place for a chart that is drawn again whenever its width changes. */
function chart(draw, pick) {
  const place = el("div", { class: "chart" });
  let width = 0;
  place.redraw = () => {
    if (!width) return;
    const made = draw(width);
    if (pick) {
      made.style.cursor = "pointer";
      made.addEventListener("click", () => made.value && pick(made.value));
    }
    place.replaceChildren(made);
  };
  new ResizeObserver(([entry]) => {
    const found = Math.floor(entry.contentRect.width);
    if (found && found !== width) { width = found; place.redraw(); }
  }).observe(place);
  return place;
}

const TIP = { lineHeight: 1.35, stroke: "var(--faint)", textPadding: 9 };
const ofRun = (d) => colour(d.place);
const widest = (texts) => 7 * Math.max(...texts.map((text) => text.length)) + 14;
const clipped = (most) => (text) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

/** Points with intervals: a group of lines for each name, a line for each run. */
function intervalChart(points, width) {
  const groups = [...new Set(points.map((d) => d.group))];
  const size = (group) => Math.max(...points.filter((d) => d.group === group).map((d) => d.n));
  const most = width < 430 ? 18 : 30;
  const titled = (group) => `${clipped(most)(group)} · ${size(group).toLocaleString("en")}`;
  const to = Math.max(1, ...points.map((d) => d.high ?? d.score));
  const ticks = width < 430 ? [0, 0.5, 1] : [0, 0.2, 0.4, 0.6, 0.8, 1];
  return Plot.plot({
    width,
    height: groups.length * (names.length > 1 ? 12 + 14 * names.length : 27) + 44,
    marginLeft: Math.min(widest(groups.map(titled)), 230),
    marginRight: 54,
    marginTop: 8,
    marginBottom: 34,
    x: { domain: [0, to], tickFormat: "%", ticks, label: null },
    y: { axis: null, type: "point", domain: names.map((_, i) => i), padding: 0.9 },
    fy: { domain: groups, padding: 0, label: null, tickFormat: titled, tickSize: 0 },
    marks: [
      Plot.gridX(ticks, { strokeOpacity: 0.1 }),
      Plot.ruleY(groups, { fy: (d) => d, y: null, frameAnchor: "bottom", strokeOpacity: 0.08 }),
      Plot.ruleY(points, {
        x1: (d) => d.low ?? d.score, x2: (d) => d.high ?? d.score, y: "place", fy: "group",
        stroke: ofRun, strokeWidth: 4, strokeOpacity: 0.35, strokeLinecap: "round",
      }),
      Plot.dot(points, { x: "score", y: "place", fy: "group", fill: ofRun, r: 4.2 }),
      Plot.text(points, {
        text: (d) => percent(d.score), x: to, y: "place", fy: "group", fill: ofRun,
        textAnchor: "start", dx: 9, fontSize: 11.5, fontWeight: 600,
      }),
      Plot.tip(points, Plot.pointerY({
        ...TIP, x: "score", y: "place", fy: "group", maxRadius: 60,
        title: (d) => `${d.group} · ${names[d.place]}\n${percent(d.score)} of ${plural(d.n, "row")}` +
          (d.low == null ? "" : `\n95% interval ${span(d)}`),
      })),
    ],
  });
}

/** Bars by cause, and the line of their sum so far, both as parts of all misses. */
function paretoChart(pareto, place, width) {
  const causes = pareto.causes.slice(0, 14);
  let sum = 0;
  const sums = causes.map((cause) => ({ label: cause.label, sum: (sum += cause.count) }));
  const quarters = [0, 0.25, 0.5, 0.75, 1].map((share) => share * pareto.misses);
  return Plot.plot({
    width,
    height: causes.length * 24 + 36,
    marginLeft: Math.min(widest(causes.map((d) => d.label)), 190),
    marginRight: 24,
    marginTop: 26,
    marginBottom: 6,
    x: { domain: [0, pareto.misses] },
    y: { domain: causes.map((d) => d.label), label: null, padding: 0.28, tickSize: 0 },
    marks: [
      Plot.ruleX(quarters, { strokeOpacity: 0.1 }),
      Plot.axisX(quarters, {
        anchor: "top", tickFormat: (x) => percent(x / pareto.misses, 0), tickSize: 3, label: null,
        color: "var(--soft)",
      }),
      Plot.barX(causes, { x: "count", y: "label", fill: colour(place), fillOpacity: 0.85, rx: 2 }),
      Plot.line(sums, { x: "sum", y: "label", stroke: "currentColor", strokeOpacity: 0.35 }),
      Plot.dot(sums, {
        x: "sum", y: "label", fill: "var(--card)", stroke: "currentColor", strokeOpacity: 0.5, r: 3,
      }),
      Plot.text(causes, {
        x: "count", y: "label", text: (d) => `${d.count}`, textAnchor: "start", dx: 7,
        fill: "currentColor", stroke: "var(--card)", strokeWidth: 4, fontWeight: 600,
      }),
      Plot.tip(causes, Plot.pointerY({
        ...TIP, x: "count", y: "label", maxRadius: 60,
        title: (d) => `${d.label}\n${plural(d.count, "row")}, ${percent(d.share)} of the misses\n` +
          `mended: +${d.gain_points.toFixed(1)} points` + (d.remedy ? `\n${d.remedy}` : ""),
      })),
    ],
  });
}

const tenths = (width) => (width < 430 ? [0, 0.5, 1] : [0, 0.2, 0.4, 0.6, 0.8, 1]);

/** What was said against what came true; on the diagonal, both are the same. */
function reliabilityChart(confidences, width) {
  const points = confidences.flatMap(({ run, found }) =>
    found.bins.map((bin) => ({ ...bin, run, place: names.indexOf(run) })));
  return Plot.plot({
    width,
    height: Math.min(width, 340),
    marginLeft: 48,
    marginRight: 20,
    marginTop: 22,
    marginBottom: 40,
    x: { domain: [0, 1], ticks: tenths(width), tickFormat: "%", label: "confidence", grid: true },
    y: { domain: [0, 1], ticks: tenths(width), tickFormat: "%", label: "right", grid: true },
    marks: [
      Plot.line([[0, 0], [1, 1]], { stroke: "currentColor", strokeOpacity: 0.5, strokeDasharray: "3 3" }),
      Plot.line(points, { x: "confidence", y: "right", z: "place", stroke: ofRun, strokeOpacity: 0.45 }),
      Plot.dot(points, { x: "confidence", y: "right", fill: ofRun, r: 4.2 }),
      Plot.tip(points, Plot.pointer({
        ...TIP, x: "confidence", y: "right",
        title: (d) => `${d.run}\n${plural(d.n, "answer")}, sure by ${percent(d.low, 0)} to ` +
          `${percent(d.high, 0)}\nsaid ${percent(d.confidence)}, right ${percent(d.right)}`,
      })),
    ],
  });
}

/** How many answers are wrong if only the surest are given. */
function coverageChart(confidences, width) {
  const points = confidences.flatMap(({ run, found }) =>
    found.coverage.map((point) => ({ ...point, run, place: names.indexOf(run) })));
  const marked = confidences.map(({ run, found }) =>
    ({ run, coverage: 0.7, error: found.error_at_70, place: names.indexOf(run) }));
  return Plot.plot({
    width,
    height: Math.min(width, 340),
    marginLeft: 48,
    marginRight: 20,
    marginTop: 22,
    marginBottom: 40,
    x: { domain: [0, 1], ticks: tenths(width), tickFormat: "%", label: "answered", grid: true },
    y: { domain: [0, Math.max(0.1, ...points.map((d) => d.error))], nice: true, tickFormat: "%", ticks: 6, label: "wrong", grid: true },
    marks: [
      Plot.ruleX([0.7], { stroke: "currentColor", strokeOpacity: 0.5, strokeDasharray: "3 3" }),
      Plot.line(points, { x: "coverage", y: "error", z: "place", stroke: ofRun, strokeWidth: 2 }),
      Plot.dot(marked, { x: "coverage", y: "error", fill: ofRun, r: 4.2 }),
      Plot.text(marked, {
        x: "coverage", y: "error", text: (d) => percent(d.error), textAnchor: "start", dx: 8, dy: 8,
        fill: ofRun, stroke: "var(--card)", strokeWidth: 4, fontWeight: 600,
      }),
      Plot.tip(points, Plot.pointerX({
        ...TIP, x: "coverage", y: "error",
        title: (d) => `${d.run}\nthe surest ${percent(d.coverage, 0)}: ${percent(d.error)} wrong`,
      })),
    ],
  });
}

/** Histograms over seconds, one below the other, with the median and the 95th percentile. */
function latencyChart(latencies, width) {
  const place = (run) => names.indexOf(run);
  const bins = latencies.flatMap((l) => l.bins.map((bin) => ({ ...bin, run: l.run, n: l.n })));
  const marks = latencies.flatMap((l) => [
    { run: l.run, at: l.p50_s, text: `median ${seconds(l.p50_s)}` },
    { run: l.run, at: l.p95_s, text: `95%: ${seconds(l.p95_s)}` },
  ]);
  return Plot.plot({
    width,
    height: latencies.length * 96 + 44,
    marginLeft: 10,
    marginRight: 16,
    marginTop: 10,
    x: { type: "log", label: null, tickFormat: "~r", ticks: width < 430 ? 3 : 6 },
    y: { axis: null },
    fy: { axis: null, domain: latencies.map((l) => l.run), padding: 0.2 },
    marks: [
      Plot.rectY(bins, {
        x1: "low", x2: "high", y: "count", fy: "run", fill: (d) => colour(place(d.run)),
        fillOpacity: 0.8, insetLeft: 0.5, insetRight: 0.5,
        title: (d) => `${seconds(d.low)} to ${seconds(d.high)}\n${plural(d.count, "question")}`,
        tip: TIP,
      }),
      Plot.ruleY([0], { strokeOpacity: 0.3 }),
      Plot.ruleX(marks, { x: "at", fy: "run", stroke: "currentColor", strokeDasharray: "3 3", strokeOpacity: 0.7 }),
      Plot.text(marks, {
        x: "at", fy: "run", text: "text", frameAnchor: "top", textAnchor: "start", dx: 5, dy: -2,
        stroke: "var(--card)", strokeWidth: 4, fill: "currentColor", fontSize: 11.5,
      }),
    ],
  });
}

/** What right answers cost: a point a run, with the interval of its score. */
function costChart(costs, width) {
  const points = costs.map((d) => ({ ...d, ...d.score, place: names.indexOf(d.run) }));
  const values = points.map((d) => d.cost);
  return Plot.plot({
    width,
    height: 300,
    marginLeft: 44,
    marginRight: 24,
    marginTop: 22,
    marginBottom: 40,
    x: {
      type: "log", domain: [Math.min(...values) / 2, Math.max(...values) * 2.4], tickFormat: "~r",
      label: costs[0].unit, ticks: width < 430 ? 3 : 6,
    },
    y: {
      domain: [Math.max(0, Math.min(...points.map((d) => d.low)) - 0.05), Math.min(1, Math.max(...points.map((d) => d.high)) + 0.05)],
      nice: true, tickFormat: "%", ticks: 6, label: metricName(main), grid: true,
    },
    marks: [
      Plot.ruleX(points, {
        x: "cost", y1: "low", y2: "high", stroke: ofRun, strokeWidth: 4, strokeOpacity: 0.35,
        strokeLinecap: "round",
      }),
      Plot.dot(points, { x: "cost", y: "score", fill: ofRun, r: 5 }),
      Plot.tip(points, Plot.pointer({
        ...TIP, x: "cost", y: "score",
        title: (d) => `${d.run}\n${percent(d.score)} (${span(d)})\n${d.cost.toPrecision(3)} ${d.unit}`,
      })),
    ],
  });
}
