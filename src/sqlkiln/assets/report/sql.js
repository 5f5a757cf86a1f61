"use strict";
// SQL on the page: tokens, colours, and what differs between two statements.

const KEYWORDS = new Set(("select from where group by order having limit offset join inner left " +
  "right full outer cross natural on using as and or not in is null like ilike glob between exists " +
  "case when then else end distinct union all intersect except asc desc with recursive over " +
  "partition values cast collate escape true false count sum avg min max").split(" "));
const TOKEN = /'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|\d+(?:\.\d+)?|[\p{L}_][\p{L}\p{N}_$]*|<>|!=|<=|>=|\|\||\s+|./gsu;
const BREAKS = /^(from|where|group|order|having|limit|union|intersect|except)$/i;
const MOST_TOKENS = 1500;

/** Tokens with what they are; a new line stands before each main clause of the outer query. */
function tokens(sql) {
  let depth = 0;
  const found = [];
  for (const text of sql.replace(/[\s;]+$/, "").match(TOKEN) ?? []) {
    if (/^\s/.test(text)) continue;
    if (text === "(") depth += 1;
    if (text === ")") depth -= 1;
    const word = /^[\p{L}_]/u.test(text);
    found.push({
      text,
      same: word || /^["`[]/.test(text) ? text.toLowerCase().replace(/^["`[]|["`\]]$/g, "") : text,
      kind: KEYWORDS.has(text.toLowerCase()) ? "keyword" : /^'/.test(text) ? "string" : /^\d/.test(text) ? "number" : "",
      newLine: depth === 0 && found.length > 0 && BREAKS.test(text),
    });
  }
  return found;
}

/** Marks the tokens of `a` and `b` that are not in their longest common part (by rows of LCS). */
function markDifferences(a, b) {
  if (a.length > MOST_TOKENS || b.length > MOST_TOKENS) return;
  const width = b.length + 1;
  const best = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      best[i * width + j] = a[i].same === b[j].same
        ? best[(i + 1) * width + j + 1] + 1
        : Math.max(best[(i + 1) * width + j], best[i * width + j + 1]);
    }
  }
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i].same === b[j].same) { i += 1; j += 1; }
    else if (j >= b.length || (i < a.length && best[(i + 1) * width + j] >= best[i * width + j + 1])) { a[i].differs = true; i += 1; }
    else { b[j].differs = true; j += 1; }
  }
}

const TIGHT_BEFORE = /^[,;).]$/;
const TIGHT_AFTER = /^[(.]$/;
const NO_FUNCTION = new Set("in from and or not where on as exists except union intersect all by select using over values then else when join".split(" "));

/** What stands between two tokens. */
function gap(before, token) {
  if (!before) return "";
  if (token.newLine) return "\n";
  const call = token.text === "(" && /^[\p{L}_]/u.test(before.text) && !NO_FUNCTION.has(before.same);
  return call || TIGHT_BEFORE.test(token.text) || TIGHT_AFTER.test(before.text) ? "" : " ";
}

function sqlBlock(title, kind, parts) {
  const pre = el("pre");
  let marked = null;
  parts.forEach((token, place) => {
    const before = parts[place - 1];
    if (!token.differs) marked = null;
    (marked && !token.newLine ? marked : pre).append(gap(before, token));
    if (token.differs && (!marked || token.newLine)) {
      marked = el("mark");
      pre.append(marked);
    }
    (marked ?? pre).append(el("span", { class: token.kind || null }, token.text));
  });
  if (!parts.length) pre.append(el("span", { class: "note" }, "nothing"));
  return el("div", { class: `sql ${kind}` }, el("h4", {}, title), pre);
}

/** Gold and prediction side by side, with what differs marked. */
function sqlDiff(gold, made) {
  const [a, b] = [tokens(gold), tokens(made)];
  if (gold) markDifferences(a, b);
  const alike = gold && ![...a, ...b].some((token) => token.differs);
  return el("div", { class: "sqls" },
    gold ? sqlBlock("gold", "gold", a) : null,
    sqlBlock(alike ? "prediction, the same" : "prediction", "made", b));
}
