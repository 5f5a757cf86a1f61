"""English for the values in a parsed query: columns, functions, aggregates, windows, orders.

`phrase` words one expression. What it cannot word is shown as SQL in double quotes, so nothing of
a query is ever left out. Conditions are in `sql.explain_conditions`, clauses in `sql.explain`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from string import Formatter
from typing import Any

from sqlglot import exp

from sqlkiln.sql import explain_vocabulary as vocabulary
from sqlkiln.sql.explain_names import Names, plain

_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div)
_RUNNING = (exp.Sum, exp.Avg, exp.Count, exp.Min, exp.Max)
_ATOMS = (*_ARITHMETIC, exp.Column, exp.Literal, exp.Paren, exp.Neg, exp.Case, exp.If)


@dataclass(frozen=True)
class Voice:
    """What wording an expression needs to know of its statement, and who words the rest.

    `condition` and `inline` are those of `sql.explain_conditions`; `steps` words a whole query by
    clauses; `rows` names what a SELECT reads from, or gives None where a few words do not do.
    `nulls` tells to say where missing values sort.
    """

    dialect: str
    names: Names
    nulls: bool
    condition: Callable[[exp.Expr, Voice], str]
    inline: Callable[[exp.Expr, Voice, str], str]
    steps: Callable[[exp.Expr, Voice], list[str]]
    rows: Callable[[exp.Select, Voice], str | None]


def listing(items: Iterable[str], last: str = "and") -> str:
    """'a', 'a and b', 'a, b and c'; but 'the sum of a, and b', lest b be summed too."""
    words = list(items)
    if not words[1:]:
        return "".join(words)
    comma = "," * (" " in words[-2] and words[-2][-1] not in "'\")]")
    return f"{', '.join(words[:-1])}{comma} {last} {words[-1]}"


def counted(count: str, noun: str = "row") -> str:
    """'1 row', '2 rows'."""
    return f"{count} {noun}{'s' * (count != '1')}"


def parts(node: exp.Expr) -> set[str]:
    """The arguments of `node` that say something."""
    return {
        key
        for key, value in node.args.items()
        if value is not None and value is not False and value != []
    } - vocabulary.UNSPOKEN


def fragment(node: exp.Expr, voice: Voice) -> str:
    """The SQL of `node` in double quotes, with tables named as elsewhere in the explanation."""
    copy = node.copy()
    if node.find(exp.Query, exp.Table) is None:
        pairs = zip(node.find_all(exp.Column), list(copy.find_all(exp.Column)), strict=True)
        for original, column in pairs:
            source = voice.names.owner(original)[1]
            if source is not None and column.table and source.shown.isidentifier():
                column.set("table", exp.to_identifier(source.shown))
    return f'"{copy.sql(dialect=voice.dialect, comments=False)}"'


def phrase(node: exp.Expr, voice: Voice) -> str:
    """What value `node` gives, in words."""
    for template in vocabulary.TEMPLATES.get(type(node), ()):
        fields = {field for _, field, _, _ in Formatter().parse(template) if field}
        if fields == parts(node):
            return template.format_map({key: _argument(node, key, voice) for key in fields})
    if isinstance(node, exp.Query):
        return _subquery(node, voice)
    keys, say = _RULES.get(type(node), (set(), None))
    if say is not None and parts(node) <= keys:
        return say(node, voice)
    if isinstance(node, exp.Predicate | exp.Connector | exp.Not):
        return f"whether {voice.condition(node, voice)}"
    return fragment(node, voice)


def ordering(order: exp.Expr, voice: Voice) -> str:
    """'a, largest first, then by b, A to Z'."""
    return ", then by ".join(phrase(key, voice) for key in order.expressions)


def position(node: exp.Expr, query: exp.Expr | None, voice: Voice) -> str:
    """A key of GROUP BY or ORDER BY, which may be the number of a column that is shown."""
    shown = _numbered(node, query)
    if shown is not None:
        return f"column {node.name} ({phrase(shown, voice)})"
    return f"column {node.name}" if isinstance(node, exp.Literal) else phrase(node, voice)


def aggregates(node: exp.Expr) -> bool:
    """Whether `node` makes one value of many rows, other than in a window or an inner query."""
    if isinstance(node, exp.AggFunc):
        return True
    inner = () if isinstance(node, exp.Window | exp.Query) else node.iter_expressions()
    return any(aggregates(child) for child in inner)


def _all(node: exp.Expr, voice: Voice) -> list[str]:
    return [phrase(item, voice) for item in node.expressions]


def _argument(node: exp.Expr, key: str, voice: Voice) -> str:
    value = node.args[key]
    if isinstance(value, list):
        return listing(phrase(item, voice) for item in value)
    words = phrase(value, voice)
    if (type(node), key) in vocabulary.COUNTED:
        return counted(words, vocabulary.COUNTED[type(node), key])
    if isinstance(node, _ARITHMETIC):
        return words if isinstance(value, _ATOMS) or " " not in words else f"({words})"
    return f"({words})" if isinstance(value, _ARITHMETIC) else words


# --------------------------------------------------------------------------- columns, constants


def _column(node: exp.Column, voice: Voice) -> str:
    if isinstance(node.this, exp.Star):
        return _star(node.this, voice, of=f" of {voice.names.column(node).removesuffix('.*')}")
    return f"'{node.name}'" if voice.names.is_text(node) else voice.names.column(node)


def _star(node: exp.Star, voice: Voice, of: str = "") -> str:
    words = f"all columns{of}"
    if node.args.get("except_"):
        words += f" except {listing(plain(c.name) for c in node.args['except_'])}"
    for alias in node.args.get("replace") or ():
        words += f", with {phrase(alias.this, voice)} in place of {plain(alias.alias)}"
    for alias in node.args.get("rename") or ():
        words += f", with {plain(alias.this.name)} renamed to {plain(alias.alias)}"
    return words


def _alias(node: exp.Alias, voice: Voice) -> str:
    words = phrase(node.this, voice)
    return words if words == node.alias else f"{words} (called {plain(node.alias)})"


def _paren(node: exp.Paren, voice: Voice) -> str:
    words = phrase(node.this, voice)
    return f"({words})" if isinstance(node.this, exp.Binary) else words


def _interval(node: exp.Interval, voice: Voice) -> str:
    count, unit = phrase(node.this, voice).strip("'"), phrase(node.args["unit"], voice)
    return counted(count, unit)


# --------------------------------------------------------------------------- functions


def _case(node: exp.Case | exp.If, voice: Voice) -> str:
    subject = node.this if isinstance(node, exp.Case) else None
    words = []
    for case in node.args.get("ifs") or [node]:
        when = (
            f"{phrase(subject, voice)} is {phrase(case.this, voice)}"
            if subject
            else voice.condition(case.this, voice)
        )
        words.append(f"{phrase(case.args['true'], voice)} if {when}")
    default = node.args.get("default") or node.args.get("false")
    words.append(f"otherwise {phrase(default, voice) if default else 'nothing'}")
    return f"({', '.join(words)})"


def _cast(node: exp.Cast, voice: Voice) -> str:
    target = node.to.sql()
    words = phrase(node.this, voice)
    if isinstance(node.this, exp.Literal) and target in ("DATE", "TIMESTAMP"):
        return words
    possible = " where possible" * isinstance(node, exp.TryCast)
    return f"{words} turned into {vocabulary.TYPES.get(target, target)}{possible}"


def _formatted_time(node: exp.TimeToStr, voice: Voice) -> str:
    day, form = node.this, node.args["format"]
    if isinstance(day, exp.Literal) and "%" in day.name:  # DuckDB takes them in either order
        day, form = form, day
    words, layout = phrase(day, voice), phrase(form, voice)
    part = vocabulary.DATE_PARTS.get(layout.strip("'"))
    return f"the {part} of {words}" if part else f"{words} written as {layout}"


def _joined(node: exp.DPipe | exp.Concat, voice: Voice) -> str:
    pieces = node.flatten() if isinstance(node, exp.DPipe) else node.expressions
    return " followed by ".join(phrase(piece, voice) for piece in pieces)


def _call(node: exp.Anonymous, voice: Voice) -> str:
    words = vocabulary.CALLS.get((node.name.lower(), len(node.expressions)))
    return words.format(*_all(node, voice)) if words else fragment(node, voice)


def _subquery(node: exp.Expr, voice: Voice) -> str:
    words = voice.inline(node, voice, "value")
    listed = isinstance(node.parent, exp.Select | exp.Alias) and " where " in words
    return f"({words})" if listed else words


def _coalesce(node: exp.Coalesce, voice: Voice) -> str:
    rest = " or else ".join(phrase(e, voice) for e in node.expressions)
    return f"{phrase(node.this, voice)} (or {rest} where it has no value)"


# --------------------------------------------------------------------------- aggregates, windows


def _count(node: exp.Count, voice: Voice) -> str:
    counted = node.this
    if counted is None or isinstance(counted, exp.Star):
        return "the number of rows"
    if isinstance(counted, exp.Literal):
        return f"the number of rows ({phrase(counted, voice)} each)"
    if not isinstance(counted, exp.Distinct):
        return f"the number of values of {_argument(node, 'this', voice)}"
    words = [phrase(e, voice) for e in counted.expressions]
    what = "values" if len(words) == 1 else "combinations"
    return f"the number of different {what} of {listing(words)}"


def _extreme(node: exp.Min | exp.Max, voice: Voice) -> str:
    default = "lowest" if isinstance(node, exp.Min) else "highest"
    which = vocabulary.EXTREMES[type(node)].get(voice.names.kind(node.this), default)
    of = "" if isinstance(node.this, exp.Column) else "of "
    return f"the {which} {of}{_argument(node, 'this', voice)}"


def _order(node: exp.Order, voice: Voice) -> str:
    return f"in order of {ordering(node, voice)}"


def _window(node: exp.Window, voice: Voice) -> str:
    words, named = phrase(node.this, voice), node
    if node.alias:
        select = node.find_ancestor(exp.Select)
        windows = (select.args.get("windows") or ()) if select else ()
        found = [w for w in windows if w.this.name.lower() == node.alias.lower()]
        if not found or parts(node) & {"partition_by", "order", "spec"}:
            return fragment(node, voice)
        named = found[0]
    details = []
    if named.args.get("partition_by"):
        keys = listing(phrase(e, voice) for e in named.args["partition_by"])
        details.append(f"within each {keys}")
    if named.args.get("order"):
        details.append(_order(named.args["order"], voice))
    spec = named.args.get("spec")
    frame = _frame(spec, voice) if spec else ""
    if frame is None:
        return fragment(node, voice)
    details += [frame] if frame else []
    growing = isinstance(node.this, _RUNNING) and "order" in parts(named) and not frame
    so_far = " so far" * growing
    return f"{words}{so_far} ({', '.join(details) or 'over all rows'})"


def _frame(spec: exp.WindowSpec, voice: Voice) -> str | None:
    """'from 2 rows before to this row'; None for frames that have no short name."""
    ends = []
    for end, fallback in (("start", ""), ("end", "CURRENT ROW")):
        bound, side = spec.args.get(end) or fallback, spec.args.get(f"{end}_side")
        if bound == "CURRENT ROW":
            ends.append("this row")
        elif bound == "UNBOUNDED":
            ends.append("the first row" if str(side).upper() == "PRECEDING" else "the last row")
        elif isinstance(bound, exp.Expr) and str(spec.args.get("kind")).upper() == "ROWS":
            where = "before" if str(side).upper() == "PRECEDING" else "after"
            ends.append(f"{counted(phrase(bound, voice))} {where}")
    worded = len(ends) == 2 and "exclude" not in parts(spec)
    return f"from {ends[0]} to {ends[1]}" if worded else None


# --------------------------------------------------------------------------- orders


def _ordered(node: exp.Ordered, voice: Voice) -> str:
    query = node.parent.parent if isinstance(node.parent, exp.Order) else None
    key = _numbered(node.this, query) or node.this
    everything = isinstance(key, exp.Var) and key.name.upper() == "ALL"
    words = "all shown columns" if everything else position(node.this.unnest(), query, voice)
    if not isinstance(key, exp.Rand):
        smallest, largest = vocabulary.DIRECTIONS[voice.names.kind(key)]
        words += f", {largest if node.args.get('desc') else smallest}"
    if voice.nulls:
        words += f", missing values {'first' if node.args.get('nulls_first') else 'last'}"
    return words


def _numbered(node: exp.Expr, query: exp.Expr | None) -> exp.Expr | None:
    """The shown column that a number in GROUP BY or ORDER BY stands for."""
    shown = query.selects if isinstance(query, exp.Query) else []
    if not (isinstance(node, exp.Literal) and node.is_int and 1 <= int(node.name) <= len(shown)):
        return None
    return shown[int(node.name) - 1].unalias()


def _filter(node: exp.Filter, voice: Voice) -> str:
    where = voice.condition(node.expression.this, voice)
    return f"{phrase(node.this, voice)} (only of rows where {where})"


def _passing_over(node: exp.IgnoreNulls, voice: Voice) -> str:
    said = "" if isinstance(node.this, exp.AnyValue) else " (passing over missing values)"
    return phrase(node.this, voice) + said


def _comparand(node: exp.All | exp.Any, voice: Voice) -> str:
    """The right side of `> ALL (...)`."""
    which = "every one" if isinstance(node, exp.All) else "any one"
    if isinstance(node.this.unnest(), exp.Query):
        return f"{which} of {voice.inline(node.this, voice, 'values')}"
    return f"{which} of {phrase(node.this.unnest(), voice)}"


_Say = Callable[[Any, Voice], str]

_RULES: dict[type[exp.Expr], tuple[set[str], _Say]] = {
    exp.Column: ({"this", "table", "db", "catalog"}, _column),
    exp.Literal: ({"this", "is_string"}, lambda n, v: f"'{n.name}'" if n.is_string else n.name),
    exp.Boolean: ({"this"}, lambda n, v: str(n.this).lower()),
    exp.Null: (set(), lambda n, v: "no value"),
    exp.Var: ({"this"}, lambda n, v: n.name.lower()),
    exp.Star: ({"except_", "replace", "rename"}, _star),
    exp.Alias: ({"this", "alias"}, _alias),
    exp.Paren: ({"this"}, _paren),
    exp.Interval: ({"this", "unit"}, _interval),
    exp.Tuple: ({"expressions"}, lambda n, v: f"({', '.join(_all(n, v))})"),
    exp.Array: ({"expressions"}, lambda n, v: f"[{', '.join(_all(n, v))}]"),
    exp.Distinct: ({"expressions"}, lambda n, v: f"{listing(_all(n, v))} (each value once)"),
    exp.TsOrDsToTimestamp: ({"this"}, lambda n, v: phrase(n.this, v)),
    exp.TsOrDsToDate: ({"this"}, lambda n, v: phrase(n.this, v)),
    exp.Case: ({"this", "ifs", "default"}, _case),
    exp.If: ({"this", "true", "false"}, _case),
    exp.Cast: ({"this", "to"}, _cast),
    exp.TryCast: ({"this", "to"}, _cast),
    exp.TimeToStr: ({"this", "format"}, _formatted_time),
    exp.DPipe: ({"this", "expression"}, _joined),
    exp.Concat: ({"expressions", "coalesce"}, _joined),
    exp.Coalesce: ({"this", "expressions"}, _coalesce),
    exp.Anonymous: ({"this", "expressions"}, _call),
    exp.Count: ({"this"}, _count),
    exp.Min: ({"this"}, _extreme),
    exp.Max: ({"this"}, _extreme),
    exp.Filter: ({"this", "expression"}, _filter),
    exp.IgnoreNulls: ({"this"}, _passing_over),
    exp.Order: ({"this", "expressions"}, lambda n, v: f"{phrase(n.this, v)} ({_order(n, v)})"),
    exp.Ordered: ({"this", "desc", "nulls_first"}, _ordered),
    exp.Window: ({"this", "partition_by", "order", "spec", "alias", "over"}, _window),
    exp.All: ({"this"}, _comparand),
    exp.Any: ({"this"}, _comparand),
}
"""How expressions without a template are worded, and the arguments that the words cover."""
