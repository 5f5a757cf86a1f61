"use strict";
// The page on a curve: accuracy against what an answer takes, by strategy.

document.getElementById("title").textContent = report.title;
document.getElementById("subtitle").textContent = report.subtitle;

const steps = report.steps.map((step, place) => ({ ...step, ...step.score, place }));
const timed = steps.filter((step) => step.p95_s > 0 && step.p50_s > 0);

/** Dots at the 95th percentile, lines back to the median, and the front from dot to dot. */
function secondsChart(width) {
  const best = timed.filter((d) => d.front).sort((a, b) => a.p95_s - b.p95_s);
  const least = Math.min(...timed.map((d) => d.p50_s));
  const most = Math.max(...timed.map((d) => d.p95_s));
  const middle = Math.sqrt(least * most);
  return Plot.plot({
    width,
    height: 380,
    marginLeft: 44,
    marginRight: 24,
    marginTop: 22,
    marginBottom: 40,
    x: {
      type: "log", domain: [least / 1.4, most * 2.2], tickFormat: "~r", ticks: width < 430 ? 3 : 6,
      label: "seconds a question",
    },
    y: {
      domain: [Math.max(0, Math.min(...timed.map((d) => d.low)) - 0.05), Math.min(1, Math.max(...timed.map((d) => d.high)) + 0.05)],
      nice: true, tickFormat: "%", ticks: 6, label: metricName(main), grid: true,
    },
    marks: [
      Plot.line(best, { x: "p95_s", y: "score", stroke: "currentColor", strokeOpacity: 0.5, strokeDasharray: "3 3" }),
      Plot.ruleX(timed, {
        x: "p95_s", y1: "low", y2: "high", stroke: ofRun, strokeWidth: 4, strokeOpacity: 0.25,
        strokeLinecap: "round",
      }),
      Plot.ruleY(timed, { x1: "p50_s", x2: "p95_s", y: "score", stroke: ofRun, strokeOpacity: 0.6 }),
      Plot.dot(timed, { x: "p50_s", y: "score", symbol: "times", stroke: ofRun, r: 3.5 }),
      Plot.dot(timed, { x: "p95_s", y: "score", fill: ofRun, fillOpacity: (d) => (d.front ? 1 : 0.45), r: 5 }),
      // Written towards the middle, so that a long name stays inside.
      ...["start", "end"].map((side) => Plot.text(timed.filter((d) => (d.p95_s > middle) === (side === "end")), {
        x: "p95_s", y: "score", text: "strategy", textAnchor: side, dx: side === "end" ? -9 : 9, dy: -9,
        fill: "currentColor", stroke: "var(--card)", strokeWidth: 4,
      })),
      Plot.tip(timed, Plot.pointer({
        ...TIP, x: "p95_s", y: "score",
        title: (d) => `${d.strategy}\n${percent(d.score)} (${span(d)}), ${d.right} of ${plural(d.n, "row")}\n` +
          `median ${seconds(d.p50_s)}, 95%: ${seconds(d.p95_s)}`,
      })),
    ],
  });
}

const card = (...children) => el("div", { class: "card" }, children);
const time = (value) => (value == null ? "–" : seconds(value));

if (timed.length) {
  section("seconds", "Accuracy against seconds",
    "Dots stand at the 95th percentile of warm questions, crosses at the median; bars are 95% intervals of the accuracy. A budget in seconds takes the highest dot to its left. The dashed line is the front: no other strategy is better throughout.",
    card(legend(), chart((width) => secondsChart(width))));
}
if (report.costs.length) {
  section("cost", "Accuracy against cost", "What 1,000 questions cost.",
    card(legend(), chart((width) => costChart(report.costs, width))));
}
section("strategies", "Strategies",
  "Warm: other questions about the database came before it. First: the schema had to be read.",
  card(table(
    ["", "right", "95% interval", "warm p50 / p95", "first p50 / p95", "tokens", "1,000 for", "front"],
    steps.map((d) => [
      el("span", {}, dot(d.place), ` ${d.strategy}`),
      `${percent(d.score)} of ${d.n}`,
      span(d),
      `${time(d.p50_s)} / ${time(d.p95_s)}`,
      `${time(d.first_p50_s)} / ${time(d.first_p95_s)}`,
      d.tokens.toFixed(0),
      d.usd_per_1000 == null ? "–" : dollars(d.usd_per_1000),
      d.front ? "●" : "",
    ]))));
section("protocol", "Protocol", "How these numbers came about.",
  el("div", { class: "card scroll" }, el("table", { class: "plain facts" }, el("tbody", {},
    report.facts.map((fact) => el("tr", {}, el("td", {}, fact.what), el("td", {}, fact.values[0])))))));

document.getElementById("footer").append(el("hr"), el("p", {},
  `Made by sqlkiln ${report.version}. `,
  "Charts by Observable Plot and D3 (ISC licence). This file loads nothing from anywhere."));
