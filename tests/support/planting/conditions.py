"""Plant faults in which rows are taken: conditions and the values in them."""

from __future__ import annotations

from sqlglot import exp

from planting.target import (
    Target,
    column_node,
    conjuncts,
    is_number,
    named,
    rename,
    set_conditions,
)

_TURNED: dict[type[exp.Expr], tuple[type[exp.Binary], ...]] = {
    exp.EQ: (exp.NEQ, exp.GT, exp.LT),
    exp.NEQ: (exp.EQ,),
    exp.GT: (exp.GTE, exp.LT, exp.EQ),
    exp.GTE: (exp.GT, exp.LTE),
    exp.LT: (exp.LTE, exp.GT),
    exp.LTE: (exp.LT, exp.GTE),
}
_COMPARISONS = tuple(_TURNED)


def _filters(target: Target) -> list[exp.Expr]:
    """The comparisons with a value or a query, in WHERE and HAVING, in any order."""
    found = []
    for clause in target.tree.find_all(exp.Where, exp.Having):
        for node in clause.find_all(*_COMPARISONS):
            sides = (node.this, node.expression)
            if not all(
                isinstance(side, exp.Column) and not _is_text(target, side) for side in sides
            ):
                found.append(node)
    return target.shuffled(found)


def _is_text(target: Target, node: exp.Expr) -> bool:
    """Whether a "quoted" name is no column, so that SQLite takes it for text."""
    return isinstance(node, exp.Column) and node.this.quoted and target.owner(node) is None


def _compared_columns(target: Target) -> list[exp.Column]:
    """The columns that are compared with a value, in any order."""
    found = []
    for node in _filters(target):
        if isinstance(node.this, exp.Column) and target.owner(node.this) is not None:
            found.append(node.this)
    return found


# --------------------------------------------------------------------------- conditions


def condition_left_out(target: Target) -> bool:
    """One of the conditions is forgotten, or the only one."""
    for select in target.shuffled(target.selects()):
        where = select.args.get("where")
        conditions = conjuncts(where.this) if where else []
        own = [c for c in conditions if not _ties_tables(target, c)]
        gone = target.some(own)
        if gone is not None:
            set_conditions(select, "where", [c for c in conditions if c is not gone])
            return True
    return False


def _ties_tables(target: Target, condition: exp.Expr) -> bool:
    sides = (condition.this, condition.args.get("expression"))
    return isinstance(condition, exp.EQ) and all(
        isinstance(side, exp.Column) and not _is_text(target, side) for side in sides
    )


def having_left_out(target: Target) -> bool:
    """The condition on groups is forgotten."""
    groups = [select for select in target.selects() if select.args.get("having")]
    select = target.some(groups)
    if select is None:
        return False
    select.set("having", None)
    return True


def other_operator(target: Target) -> bool:
    """The comparison is another one: > for <, >= for >, != for =."""
    for node in _filters(target):
        if isinstance(node.expression, exp.Subquery) and isinstance(node, exp.EQ):
            continue
        turned = target.random.choice(_TURNED[type(node)])
        node.replace(turned(this=node.this, expression=node.expression))
        return True
    return False


def other_connective(target: Target) -> bool:
    """AND for OR, or OR for AND."""
    nodes = [
        node
        for clause in target.tree.find_all(exp.Where, exp.Having)
        for node in clause.find_all(exp.And, exp.Or)
        if not any(_ties_tables(target, side) for side in (node.left, node.right))
    ]
    node = target.some(nodes)
    if node is None:
        return False
    other = exp.Or if isinstance(node, exp.And) else exp.And
    node.replace(other(this=node.this, expression=node.expression))
    return True


def condition_on_other_column(target: Target) -> bool:
    """The value is compared with another column."""
    for column in _compared_columns(target):
        use = target.owner(column)
        other = target.other_column(column, use) if use else None
        if other is not None:
            rename(column, other.name)
            return True
    return False


def condition_added(target: Target) -> bool:
    """A condition that nobody asked for, on a value that the database has."""
    for select in target.shuffled(target.selects()):
        uses = target.uses(select)
        for use in target.shuffled(uses):
            for column in target.shuffled(use.table.columns):
                if column.samples and not column.primary_key:
                    value = exp.Literal(this=column.samples[0], is_string=not is_number(column))
                    name = column_node(column.name, use.alias if len(uses) > 1 else "")
                    where = select.args.get("where")
                    conditions = conjuncts(where.this) if where else []
                    extra = exp.EQ(this=name, expression=value)
                    set_conditions(select, "where", [*conditions, extra])
                    return True
    return False


def negation_turned(target: Target) -> bool:
    """NOT IN for IN, or IN for NOT IN; the same for LIKE and BETWEEN."""
    nodes = [
        node
        for clause in target.tree.find_all(exp.Where, exp.Having)
        for node in clause.find_all(exp.In, exp.Like, exp.Between, exp.Exists)
    ]
    node = target.some(nodes)
    if node is None:
        return False
    if isinstance(node.parent, exp.Not):
        node.parent.replace(node.copy())
    else:
        node.replace(exp.Not(this=node.copy()))
    return True


def pattern_for_value(target: Target) -> bool:
    """A text is searched for with LIKE and wildcards where it must be equal."""
    for node in _filters(target):
        text = _text_of(target, node.expression)
        if isinstance(node, exp.EQ) and text:
            pattern = exp.Literal.string(f"%{text}%")
            node.replace(exp.Like(this=node.this, expression=pattern))
            return True
    return False


# --------------------------------------------------------------------------- values


def value_of_other_row(target: Target) -> bool:
    """Another value that the same column has."""
    for node in _filters(target):
        use = target.owner(node.this) if isinstance(node.this, exp.Column) else None
        own = named(use.table, node.this.name) if use else None
        old = _text_of(target, node.expression) or _number_of(node.expression)
        others = [s for s in own.samples if s.lower() != (old or "").lower()] if own and old else []
        value = target.some(others)
        if value is not None:
            is_text = _number_of(node.expression) is None or not _is_numeral(value)
            node.set("expression", exp.Literal(this=value, is_string=is_text))
            return True
    return False


def text_in_other_case(target: Target) -> bool:
    """The value in capitals, in lower case, or capitalised."""
    for node, text in _texts(target):
        forms = [form for form in (text.lower(), text.upper(), text.title()) if form != text]
        form = target.some(forms)
        if form is not None:
            node.replace(exp.Literal.string(form))
            return True
    return False


def text_misquoted(target: Target) -> bool:
    """The value as the question may have it: plural or not, less a word, or more."""
    for node, text in _texts(target):
        words = text.split()
        forms = [text + "s", text[:-1] if len(text) > 3 else "", " ".join(words[:-1]), f"{text} "]
        form = target.some([form for form in forms if form and form != text])
        if form is not None and not isinstance(node.parent, exp.Like):
            node.replace(exp.Literal.string(form))
            return True
    return False


def code_spelled_out(target: Target) -> bool:
    """A value that the database writes as a code, in words: 'Yes' for 'T'."""
    spelled = {"t": "True", "f": "False", "y": "Yes", "n": "No", "m": "Male", "1": "True"}
    for node, text in _texts(target):
        word = spelled.get(text.lower()) or ("1" if text.lower() in ("yes", "true") else None)
        if word is not None:
            node.replace(exp.Literal.string(word))
            return True
    return False


def number_off(target: Target) -> bool:
    """A number that is near, or of another magnitude."""
    for node in _filters(target):
        number = _number_of(node.expression)
        if number is not None and _is_numeral(number):
            value = float(number)
            changed = target.random.choice([value + 1, value - 1, value * 10, value / 10, 0])
            if changed != value:
                node.set("expression", exp.Literal.number(f"{changed:g}"))
                return True
    return False


def values_swapped(target: Target) -> bool:
    """Two conditions have each other's values."""
    filters = [node for node in _filters(target) if isinstance(node.expression, exp.Literal)]
    for one in filters:
        for other in filters:
            same = one.expression == other.expression or one.this == other.this
            if not same and one.expression.is_string == other.expression.is_string:
                left, right = one.expression.copy(), other.expression.copy()
                one.set("expression", right)
                other.set("expression", left)
                return True
    return False


def wildcard_lost(target: Target) -> bool:
    """A pattern without its wildcards, or with one of the two."""
    for node in target.shuffled(list(target.tree.find_all(exp.Like))):
        text = _text_of(target, node.expression) or ""
        forms = [text.strip("%"), text.lstrip("%"), text.rstrip("%")]
        form = target.some([form for form in forms if form and form != text])
        if form is not None:
            node.set("expression", exp.Literal.string(form))
            return True
    return False


def _texts(target: Target) -> list[tuple[exp.Expr, str]]:
    """The texts that something is compared with, in any order, each with its node."""
    found = []
    for clause in target.tree.find_all(exp.Where, exp.Having):
        for node in clause.find_all(*_COMPARISONS, exp.Like, exp.In):
            sides = node.expressions if isinstance(node, exp.In) else [node.args["expression"]]
            texts = [(side, _text_of(target, side)) for side in sides]
            found += [(side, text) for side, text in texts if text]
    return target.shuffled(found)


def _text_of(target: Target, node: exp.Expr | None) -> str | None:
    if isinstance(node, exp.Literal) and node.is_string:
        return str(node.this)
    return node.name if node is not None and _is_text(target, node) else None


def _number_of(node: exp.Expr) -> str | None:
    return str(node.this) if isinstance(node, exp.Literal) and not node.is_string else None


def _is_numeral(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
