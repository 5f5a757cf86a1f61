"""Rules for the expressions of SQL, as far as they do not depend on a schema.

They are flat: operators have no precedence, for that decides what a statement means, not whether it
is one. What begins with a letter or digit needs a space after a keyword, and what begins with a
bracket or quote needs none: so rules come in two kinds, `x-p` for the latter, and `gx` for either
with the space that it needs.
"""

from __future__ import annotations

from sqlkiln.sql.grammar_names import SPACE, any_quoted, names, other_word, text_in, tree
from sqlkiln.sql.grammar_rules import Parts, Ref, Rules, Text, characters, keyword
from sqlkiln.sql.grammar_words import FUNCTIONS, NO_ALIAS, TYPES

SP, OS = Ref("sp"), Ref("os")
"""Space that must be, and space that may be."""

QUERY = Ref("query")
COMMA: Parts = (OS, Text(","), OS)
OPEN: Parts = (OS, Text("("), OS)
CLOSE: Parts = (OS, Text(")"))
_DIGITS = characters("0-9")


def phrase(words: str) -> Parts:
    """Keywords with spaces between."""
    parts: list[Text | Ref] = []
    for word in words.split():
        parts += [SP, keyword(word)] if parts else [keyword(word)]
    return tuple(parts)


def one_phrase(rules: Rules, *phrases: str) -> Ref:
    """One of some phrases."""
    return rules.one_of(*map(phrase, phrases))


def add_lexis(rules: Rules, dialect: str) -> None:
    """Spaces, literals, types and aliases: rules that are the same everywhere."""
    rules.begin("sp")
    rules.add("os", (SPACE, OS), ())
    rules.add("sp", (SPACE, OS))
    rules.begin("number")
    digits = rules.many(_DIGITS)
    exponent = rules.maybe(characters("eE"), rules.maybe(characters("-+")), _DIGITS, digits)
    rules.add("number", (_DIGITS, digits, rules.maybe(Text("."), digits), exponent))
    rules.begin("string")
    rules.add("string", text_in(rules, "'"))
    rules.begin("marked")
    rules.add("marked", text_in(rules, '"'))
    rules.begin("any-quoted")
    rules.add("any-quoted", *any_quoted(rules, dialect))
    rules.begin("alias")
    rules.add("word", (other_word(rules, NO_ALIAS[dialect]),))
    text = ((Ref("string"),),) if dialect == "sqlite" else ()
    rules.add("alias-p", (Ref("any-quoted"),), *text)
    rules.add("alias", (Ref("word"),), (Ref("alias-p"),))
    rules.add("galias", (SP, Ref("alias")), (Ref("alias-p"),))
    rules.add("any-name", (Ref("word"),), (Ref("any-quoted"),))
    rules.begin("type")
    size = rules.maybe(
        *OPEN,
        _DIGITS,
        rules.many(_DIGITS),
        rules.maybe(*COMMA, _DIGITS, rules.many(_DIGITS)),
        *CLOSE,
    )
    ending = rules.maybe(Text("[]")) if dialect == "duckdb" else rules.one_of(())
    double = (*phrase("double precision"),)
    rules.add("type", (names(rules, TYPES), size, ending), double)


def add_expressions(rules: Rules, dialect: str, query: Ref = QUERY) -> None:
    """The rules of expressions; they need `name` and `name-p`, what a column may be called.

    `query` is what stands in brackets as a query within.
    """
    _add_chain(rules, dialect, query)
    _add_operands(rules, dialect, query)
    _add_calls(rules, dialect)


def _add_chain(rules: Rules, dialect: str, query: Ref) -> None:
    """Operands with operators between, and lists of them."""
    ref = rules.ref
    rules.begin("expr")
    rules.add("expr", (ref("operand"), ref("tail")))
    rules.add("expr-p", (ref("operand-p"), ref("tail")))
    rules.add("gexpr", (SP, ref("expr")), (ref("expr-p"),))
    rules.add("tail", (ref("more"), ref("tail")), ())
    rules.begin("value")
    text = ((Ref("marked"),),) if dialect == "sqlite" else ()
    rules.add("right", (ref("operand"),), *text)
    rules.add("gright", (SP, ref("right")), (ref("operand-p"),), *text)
    rules.add("value", (ref("right"), ref("tail")))
    rules.add("gvalue", (ref("gright"), ref("tail")))
    rules.add("values", (ref("value"), rules.many(*COMMA, ref("value"))))
    rules.begin("more")
    negation = rules.maybe(*phrase("not"), SP)
    arithmetic = _symbols(rules, "+ - * / % || & |" + " //" * (dialect == "duckdb"))
    comparison = _symbols(
        rules, "= == != <> < <= > >= << >> -> ->>" + " ~ !~" * (dialect == "duckdb")
    )
    bound = (ref("gright"), rules.many(OS, arithmetic, OS, ref("right")))
    within = rules.one_of((query,), (ref("values"),), ())
    matching = "like glob regexp match" if dialect == "sqlite" else "like ilike glob"
    alike = rules.one_of(
        *map(phrase, matching.split()), *([phrase("similar to")] * (dialect != "sqlite"))
    )
    rules.add(
        "worded",
        (rules.one_of(phrase("and"), phrase("or"), phrase("escape")), ref("gright")),
        (
            *phrase("is"),
            rules.maybe(SP, *phrase("not")),
            rules.maybe(SP, *phrase("distinct from")),
            ref("gright"),
        ),
        (negation, alike, ref("gright")),
        (negation, *phrase("between"), *bound, SP, *phrase("and"), ref("gright")),
        (negation, *phrase("in"), *OPEN, within, *CLOSE, ref("glued")),
        (*phrase("collate"), SP, Ref("any-name")),
        (one_phrase(rules, "isnull", "notnull", "not null"),),
    )
    rules.add("glued", (ref("worded"),), ())
    more: list[Parts] = [
        (OS, rules.one_of((arithmetic,), (comparison,)), OS, ref("right")),
        (SP, ref("worded")),
    ]
    if dialect == "duckdb":
        more += [
            (Text("::"), Ref("type")),
            (
                Text("["),
                OS,
                ref("value"),
                rules.maybe(OS, Text(":"), OS, ref("value")),
                OS,
                Text("]"),
            ),
        ]
    rules.add("more", *more)


def _symbols(rules: Rules, listed: str) -> Ref:
    return tree(rules, {symbol: ((),) for symbol in listed.split()})


def _add_operands(rules: Rules, dialect: str, query: Ref) -> None:
    ref = rules.ref
    rules.begin("operand")
    bracketed = rules.one_of((query,), (ref("values"),))
    goperand = rules.one_of((SP, ref("operand")), (ref("operand-p"),))
    sign = characters("-+~")
    operand_p: list[Parts] = [
        (sign, OS, ref("operand")),
        (Text("("), OS, bracketed, *CLOSE, ref("glued")),
        (Ref("string"),),
        (ref("name-p"),),
    ]
    if dialect == "duckdb":
        operand_p.append((Text("["), OS, rules.maybe(ref("values")), OS, Text("]")))
    rules.add("operand-p", *operand_p)
    rules.add(
        "operand",
        (ref("operand-p"),),
        (Ref("number"),),
        (*phrase("not"), goperand),
        (
            one_phrase(
                rules, "null", "true", "false", "current_date", "current_time", "current_timestamp"
            ),
        ),
        (*phrase("exists"), *OPEN, query, *CLOSE, ref("glued")),
        (ref("case"),),
        (ref("cast"),),
        (ref("call"),),
        (ref("name"),),
        *_duckdb_operands(rules, dialect, query),
    )
    rules.begin("case")
    arm = rules.many(SP, *phrase("when"), ref("gexpr"), SP, *phrase("then"), ref("gvalue"))
    rules.add(
        "case",
        (
            *phrase("case"),
            rules.maybe(ref("gexpr")),
            SP,
            *phrase("when"),
            ref("gexpr"),
            SP,
            *phrase("then"),
            ref("gvalue"),
            arm,
            rules.maybe(SP, *phrase("else"), ref("gvalue")),
            SP,
            *phrase("end"),
        ),
    )
    casts = rules.one_of(phrase("cast"), *([phrase("try_cast")] * (dialect == "duckdb")))
    rules.add("cast", (casts, *OPEN, ref("value"), SP, *phrase("as"), SP, Ref("type"), *CLOSE))


def _duckdb_operands(rules: Rules, dialect: str, query: Ref) -> list[Parts]:
    if dialect != "duckdb":
        return []
    ref = rules.ref
    unit = rules.maybe(SP, names(rules, _units()))
    return [
        (
            *phrase("interval"),
            rules.one_of((OS, Ref("string")), (SP, Ref("number")), (*OPEN, ref("expr"), *CLOSE)),
            unit,
        ),
        (one_phrase(rules, "date", "timestamp", "time"), OS, Ref("string")),
        (
            *phrase("extract"),
            *OPEN,
            names(rules, [*_units(), "dow", "doy", "epoch", "isodow"]),
            SP,
            *phrase("from"),
            ref("gexpr"),
            *CLOSE,
        ),
        (one_phrase(rules, "any", "all", "some"), *OPEN, query, *CLOSE),
    ]


def _units() -> list[str]:
    units = "year quarter month week day hour minute second millisecond microsecond decade".split()
    return [*units, *(f"{unit}s" for unit in units)]


def _add_calls(rules: Rules, dialect: str) -> None:
    """Calls of functions, with what may stand behind their brackets, and windows."""
    ref = rules.ref
    rules.begin("call")
    rest = (ref("arguments"),)
    rules.add("call", (tree(rules, {name: (rest,) for name in FUNCTIONS[dialect]}),))
    rules.begin("arguments")
    more = rules.many(*COMMA, ref("value"))
    quantified = (one_phrase(rules, "distinct", "all"), ref("gvalue"), more)
    sorted_by = rules.maybe(SP, ref("sorting"))
    given = rules.one_of((Text("*"),), (rules.one_of(quantified, (ref("values"),)), sorted_by), ())
    filtered = rules.maybe(OS, *phrase("filter"), *OPEN, *phrase("where"), ref("gexpr"), *CLOSE)
    group: Parts = ()
    if dialect == "duckdb":
        group = (rules.maybe(SP, *phrase("within group"), *OPEN, ref("sorting"), *CLOSE),)
    over = rules.maybe(
        OS, *phrase("over"), rules.one_of((OS, ref("window")), (SP, Ref("any-name")))
    )
    rules.add("arguments", (*OPEN, given, *CLOSE, *group, filtered, over))
    rules.begin("window")
    partition = (*phrase("partition by"), ref("gvalue"), rules.many(*COMMA, ref("value")))
    rules.add(
        "window",
        (
            Text("("),
            OS,
            rules.one_of(
                (rules.one_of(partition, (ref("sorting"),)), ref("framing")),
                (*partition, SP, ref("sorting"), ref("framing")),
                (),
            ),
            *CLOSE,
        ),
    )
    end = rules.one_of(
        phrase("current row"),
        (
            rules.one_of(phrase("unbounded"), (ref("expr"),)),
            SP,
            one_phrase(rules, "preceding", "following"),
        ),
    )
    rules.add(
        "framing",
        (
            SP,
            one_phrase(rules, "rows", "range", "groups"),
            SP,
            rules.one_of((*phrase("between"), SP, end, SP, *phrase("and"), SP, end), (end,)),
        ),
        (),
    )
    rules.begin("sorting")
    direction = rules.maybe(SP, one_phrase(rules, "asc", "desc"))
    nulls = rules.maybe(SP, *phrase("nulls"), SP, one_phrase(rules, "first", "last"))
    more = rules.many(*COMMA, ref("value"), direction, nulls)
    every = ((*phrase("order by all"), direction, nulls),) if dialect == "duckdb" else ()
    rules.add("sorting", (*phrase("order by"), ref("gvalue"), direction, nulls, more), *every)
