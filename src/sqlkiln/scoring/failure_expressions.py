"""Expressions and conditions of a parsed query as canonical text, whatever way they were written.

`a > 5` is `5 < a`, BETWEEN two comparisons, IN (1, 2) an OR, NOT is pushed inwards, and numbers
are equal that look different. Unless `exact`, count(x) is count(*) and '5' is 5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from sqlglot import exp

from sqlkiln.scoring.failure_parts import (
    EXISTS,
    MEMBER,
    NOT_MEMBER,
    Condition,
    Query,
    Ref,
    combined_condition,
    is_plain,
)
from sqlkiln.scoring.failure_scope import Scope

_COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NullSafeEQ: "=",
    exp.NEQ: "!=",
    exp.NullSafeNEQ: "!=",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.Is: "is",
    exp.Like: "like",
    exp.ILike: "like",
    exp.Glob: "glob",
}
_OPPOSITE = {"=": "!=", "<": ">=", "<=": ">", "is": "is not", "like": "not like"}
_OPPOSITE |= {negative: positive for positive, negative in _OPPOSITE.items()}
_MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!="}
_COMMUTATIVE = (exp.Add, exp.Mul, exp.EQ, exp.NEQ, exp.And, exp.Or)
_WRAPPERS = (exp.Paren, exp.Alias)


@dataclass
class Taken:
    """What was taken out of an expression: its queries and, unless `stay`, its values."""

    stay: bool = False
    values: list[str] = field(default_factory=list)
    queries: list[Query] = field(default_factory=list)

    def value(self, value: str) -> str:
        """Take `value` out, unless it is to stay, and give what stands for it."""
        if self.stay:
            return value
        self.values.append(value)
        return "?"


def unwrapped(node: exp.Expr) -> exp.Expr:
    """`node` without parentheses and output alias around it."""
    while isinstance(node, _WRAPPERS):
        node = node.this
    return node


def conjuncts(node: exp.Expr | None) -> list[exp.Expr]:
    """The conditions that AND joins at the top of `node`."""
    if node is None:
        return []
    node = unwrapped(node)
    if isinstance(node, exp.And):
        return [*conjuncts(node.this), *conjuncts(node.expression)]
    return [node]


@dataclass
class Expressions:
    """Writes expressions of one statement. `same` maps columns that joins make equal to one."""

    dialect: str
    exact: bool
    same: Mapping[Ref, Ref]
    read_query: Callable[[exp.Expr, Scope], Query]
    ambiguous: bool = False

    # ----------------------------------------------------------------------- expressions

    def text(self, node: exp.Expr, scope: Scope, taken: Taken | None = None) -> str:
        """`node` as text; with `taken`, its values and queries go there."""
        node = unwrapped(node)
        value = self._value(node, scope)
        if value is not None:
            return taken.value(value) if taken else value
        if isinstance(node, exp.Column):
            return self._column(node, scope, taken)
        if isinstance(node, exp.Subquery | exp.Query):
            query = self.read_query(node, scope)
            if taken:
                taken.queries.append(query)
            return "(query)"
        if isinstance(node, exp.AggFunc):
            return self._aggregate(node, scope, taken)
        if isinstance(node, exp.DataType):
            return node.sql().lower()
        if isinstance(node, exp.Star | exp.Null):
            return "*" if isinstance(node, exp.Star) else "null"
        pieces = [self.text(child, scope, taken) for child in node.iter_expressions()]
        if isinstance(node, _COMMUTATIVE):
            pieces.sort()
        if isinstance(node, exp.Ordered) and node.args.get("desc"):
            pieces.append("desc")
        name = node.name.lower() if isinstance(node, exp.Anonymous | exp.Identifier) else node.key
        if isinstance(node, exp.GT | exp.GTE):
            name, pieces = name.replace("g", "l"), pieces[::-1]
        return f"{name}({', '.join(pieces)})" if pieces else name

    def column(self, node: exp.Expr, scope: Scope) -> Ref | None:
        """The column that `node` is, or None if it is something else; see `same`."""
        node = unwrapped(node)
        if not isinstance(node, exp.Column):
            return None
        found = scope.find(node)
        meaning = scope.aliases.get(node.name.lower())
        if found is None and isinstance(meaning, exp.Column):
            found = scope.find(meaning)
        return found[1] if found else None

    def _column(self, node: exp.Expr, scope: Scope, taken: Taken | None) -> str:
        if isinstance(node.this, exp.Star):
            return "*"
        found = scope.find(node)
        self.ambiguous |= scope.is_ambiguous(node)
        if found:
            return self.same.get(found[1], found[1]).text
        name = node.name.lower()
        if name in scope.aliases and not node.args.get("table"):
            meaning = scope.aliases.pop(name)
            text = self.text(meaning, scope, taken)
            scope.aliases[name] = meaning
            return text
        return f"unknown.{name}"

    def _aggregate(self, node: exp.Expr, scope: Scope, taken: Taken | None) -> str:
        inner, distinct = [node.this, *node.args.get("expressions", [])], ""
        if isinstance(node.this, exp.Distinct):
            inner, distinct = node.this.expressions, "distinct "
        pieces = [self.text(one, scope, taken) for one in inner if isinstance(one, exp.Expr)]
        if isinstance(node, exp.Count) and not distinct and not self.exact:
            pieces = ["*"]
        return f"@{node.key}({distinct}{', '.join(pieces)})"

    def _value(self, node: exp.Expr, scope: Scope) -> str | None:
        """The constant that `node` is, in quotes if it is text, or None."""
        if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal):
            return _number(f"-{node.this.this}") or f"-{node.this.this}"
        if isinstance(node, exp.Literal):
            number = None if node.is_string and self.exact else _number(node.this)
            return number or f"'{node.this}'"
        if isinstance(node, exp.Boolean):
            return str(int(node.this))
        if isinstance(node, exp.Placeholder | exp.Parameter):
            return "a placeholder"
        if self._is_quoted_text(node, scope):
            return (None if self.exact else _number(node.name)) or f"'{node.name}'"
        return None

    def _is_quoted_text(self, node: exp.Expr, scope: Scope) -> bool:
        return (
            self.dialect == "sqlite"
            and isinstance(node, exp.Column)
            and isinstance(node.this, exp.Identifier)
            and bool(node.this.args.get("quoted"))
            and node.args.get("table") is None
            and node.name.lower() not in scope.aliases
            and scope.find(node) is None
        )

    # ----------------------------------------------------------------------- conditions

    def conditions(self, node: exp.Expr | None, scope: Scope) -> list[Condition]:
        """What `node` demands, one by one."""
        return [part for one in conjuncts(node) for part in self._demands(one, scope, False)]

    def _demands(self, node: exp.Expr, scope: Scope, negated: bool) -> list[Condition]:
        """The conditions that must all hold; `negated` if `node` must not."""
        node = unwrapped(node)
        if isinstance(node, exp.Escape):
            node = node.this
        if isinstance(node, exp.Not):
            return self._demands(node.this, scope, not negated)
        if isinstance(node, exp.And | exp.Or):
            sides = [self._demands(side, scope, negated) for side in (node.this, node.expression)]
            return self._together(isinstance(node, exp.And) != negated, sides)
        if isinstance(node, exp.Between):
            low = exp.GTE(this=node.this, expression=node.args["low"])
            high = exp.LTE(this=node.this, expression=node.args["high"])
            sides = [self._demands(side, scope, negated) for side in (low, high)]
            return self._together(not negated, sides)
        if isinstance(node, exp.In) and node.expressions and not node.args.get("query"):
            return self._together(negated, self._listed(node, scope, "!=" if negated else "="))
        return [self._condition(node, scope, negated)]

    def _listed(self, node: exp.Expr, scope: Scope, operator: str) -> list[list[Condition]]:
        """What IN demands of each value in its list."""
        found, left = [], self.text(node.this, scope)
        for value in node.expressions:
            taken = Taken()
            skeleton = f"{left} {operator} {self.text(value, scope, taken)}"
            found.append([Condition(skeleton, tuple(taken.values), tuple(taken.queries))])
        return found

    def _together(self, all_hold: bool, sides: list[list[Condition]]) -> list[Condition]:
        if all_hold:
            return [condition for side in sides for condition in side]
        return [combined_condition("or", [combined_condition("and", side) for side in sides])]

    def _condition(self, node: exp.Expr, scope: Scope, negated: bool) -> Condition:
        taken = Taken()
        if isinstance(node, exp.Exists):
            self.text(node.this, scope, taken)
            return Condition("not " * negated + EXISTS, queries=tuple(taken.queries))
        if isinstance(node, exp.In) and node.args.get("query"):
            self.text(node.args["query"], scope, taken)
            return self._member(node.this, taken, scope, negated)
        operator = _COMPARISONS.get(type(node))
        if operator is None:
            text = self.text(node, scope, taken)
            skeleton = f"not {text}" if negated else text
            return Condition(skeleton, tuple(taken.values), tuple(taken.queries))
        if negated != bool(node.args.get("negate")):
            operator = _OPPOSITE.get(operator, f"not {operator}")
        return self._comparison(node, operator, scope)

    def _comparison(self, node: exp.Expr, operator: str, scope: Scope) -> Condition:
        taken = Taken()
        left = self.text(node.this, scope, taken)
        mark = len(taken.values)
        right = self.text(node.expression, scope, taken)
        if operator in ("is", "is not") and right != "null":
            operator = "=" if operator == "is" else "!="
        queried = len(taken.queries) == 1 and "(query)" in (left, right)
        operand = node.expression if left == "(query)" else node.this
        if queried and operator in ("=", "!=") and not self.exact and is_plain(taken.queries[0]):
            return self._member(operand, taken, scope, operator == "!=")
        both = not {left, right} & {"?", "(query)"}
        turned = right < left or (right == left and operator in (">", ">="))
        if operator in _MIRRORED and (turned if both else left in ("?", "(query)")):
            left, right, operator = right, left, _MIRRORED[operator]
            taken.values = taken.values[mark:] + taken.values[:mark]
        skeleton = f"{left} {operator} {right}"
        compared = self.column(operand, scope) if queried else None
        return Condition(skeleton, tuple(taken.values), tuple(taken.queries), compared)

    def _member(self, node: exp.Expr, taken: Taken, scope: Scope, negated: bool) -> Condition:
        skeleton = f"{self.text(node, scope)}{NOT_MEMBER if negated else MEMBER}"
        return Condition(skeleton, (), tuple(taken.queries), self.column(node, scope))


def _number(text: str) -> str | None:
    """A number in the one form that all ways to write it share, or None if it is none."""
    try:
        number = Decimal(text).normalize()
    except ArithmeticError:
        return None
    return str(number) if number.is_finite() else None
