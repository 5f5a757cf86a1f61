"""What may stand where a statement has a fault: one of a few pieces, or another end of it.

    missing = gap(grammar, statement, fault)  # head + (one of a few pieces) + tail
    head, bodies = rest(grammar, statement, fault)  # the text up to there, and what may follow

`Grammar.written` writes the rules for a model to choose by.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlkiln.sql.grammar import FROM_FIRST, QUALIFIED, WATCHED, Grammar, add_columns, add_names
from sqlkiln.sql.grammar_expressions import add_expressions
from sqlkiln.sql.grammar_faults import Fault
from sqlkiln.sql.grammar_match import Reading, to_come
from sqlkiln.sql.grammar_names import fold
from sqlkiln.sql.grammar_query import FREE, LOOSE, add_clauses, add_source, plain_name
from sqlkiln.sql.grammar_rules import ROOT, Body, Parts, Ref, Rules, Text
from sqlkiln.sql.grammar_scopes import Select, Source, Statement, read_statement


@dataclass(frozen=True)
class Level:
    """What one of the queries that are open at a cut may name; `free` as in `Select`.

    `region` is the kind of rule within which that counts, '' for all that is left of the query.
    `outer` are the sources of the queries around.
    """

    free: bool
    sources: tuple[Source, ...]
    outputs: tuple[str, ...]
    outer: tuple[Source, ...]
    region: str


@dataclass(frozen=True)
class Gap:
    """A statement less the piece that was wrong: it was `head` + the piece + `tail`.

    One of `pieces` fits; `bodies` are rules for them.
    """

    head: str
    tail: str
    pieces: tuple[str, ...]
    bodies: dict[str, Body]


def gap(grammar: Grammar, statement: Statement, fault: Fault) -> Gap | None:
    """The statement without what is wrong; None if it is not known what may stand there."""
    if not fault.texts:
        return None
    text = statement.text
    head = text[: fault.cut].rstrip()
    glued = fault.kind == "column" and len(head) == fault.cut
    pieces = tuple(piece.lstrip() if glued else piece for piece in fault.texts)
    bodies = {**grammar.loose, ROOT: tuple((Text(piece),) for piece in pieces)}
    return Gap(head, text[fault.end :], pieces, bodies)


def rest(grammar: Grammar, statement: Statement, fault: Fault) -> tuple[str, dict[str, Body]]:
    """The text up to `fault`, and the rules of what may follow it."""
    head = statement.text[: fault.cut].rstrip()
    if fault.kind == "from":
        head = f"{head} FROM".lstrip()
    choices = fault.texts
    if len(choices) == 1:
        head, choices = head + choices[0], ()
    if choices:
        alternatives: list[Parts] = []
        for text in choices:
            readings = grammar.matcher.read(head + text)[1]
            alternatives += ((Text(text), *to_come(reading, _same)) for reading in readings)
        return head, {**grammar.loose, ROOT: tuple(alternatives)}
    readings = grammar.matcher.read(head)[1]
    levels = {} if fault.texts or fault.kind == "from" else _levels(grammar, statement, fault, head)
    return head, _following(grammar, readings, levels)


def _levels(grammar: Grammar, statement: Statement, fault: Fault, head: str) -> dict[int, Level]:
    """The queries that are open at the end of `head` whose sources are known, by depth."""
    readings = grammar.matcher.read(head)[1]
    opened = read_statement(grammar, head, readings[0]).open_queries
    known = {select.start: select for select in statement.selects}
    levels: dict[int, Level] = {}
    for depth, begun in enumerate(opened):
        select = known.get(begun.start) if begun is not None else None
        if begun is None or select is None:
            continue
        if select is fault.select:
            levels[depth] = _level(select, fault)
        elif begun.from_end is not None:
            levels[depth] = _level(select, None)
    return levels


def _level(select: Select, fault: Fault | None) -> Level:
    outer = tuple(s for around in select.around() if around is not select for s in around.sources)
    sources, region = tuple(select.sources), ""
    outputs = tuple(output for output in select.outputs if output != "*")
    if fault is not None and fault.kind == "on" and fault.name is not None:
        sources, region, outputs = sources[: fault.name.sources_before], "on", ()
    elif fault is not None and fault.cut < (select.from_start or 0):
        region, outputs = "items", ()
    return Level(select.free, sources, outputs, outer, region)


def _same(name: str, around: tuple[str, ...]) -> str:
    return name


def _following(
    grammar: Grammar, readings: Sequence[Reading], levels: Mapping[int, Level]
) -> dict[str, Body]:
    """The rules of what may follow, each open query naming only what its level has."""
    bodies: dict[str, Body] = dict(grammar.loose)
    made = {depth: _add_level(grammar, bodies, depth, level) for depth, level in levels.items()}

    def renamed(name: str, around: tuple[str, ...]) -> str:
        depth = sum(WATCHED[rule] == "query" for rule in around) - 1
        level = levels.get(depth)
        if level is None or not _is_within(level.region, (*around, name)):
            return name
        plain = plain_name(name)
        return f"{plain}-s{depth}" if plain in made[depth] else name

    bodies[ROOT] = tuple(dict.fromkeys(to_come(reading, renamed) for reading in readings))
    return bodies


def _is_within(region: str, around: Sequence[str]) -> bool:
    """Whether the innermost query of the rules `around` is in its `region`, which may begin."""
    if not region:
        return True
    for rule in reversed(around):
        kind = WATCHED.get(rule)
        if kind in (region, "query"):
            return kind == region
    return False


def _add_level(grammar: Grammar, bodies: dict[str, Body], depth: int, level: Level) -> set[str]:
    """Make the rules of one level; their names without suffix."""
    suffix = f"-s{depth}"
    rules = Rules(bodies, suffix)
    before = set(bodies)
    kind = FREE if level.free else LOOSE
    table = "any-table" if level.free else "table"
    add_expressions(rules, grammar.dialect, Ref("query" + kind))
    add_clauses(rules, grammar.dialect, grammar.target == FROM_FIRST, suffix)
    add_source(rules, Ref(table), Ref(f"{table}-p"), Ref("derived" + kind))
    _add_level_names(grammar, rules, level)
    return {name.removesuffix(suffix) for name in set(bodies) - before}


def _add_level_names(grammar: Grammar, rules: Rules, level: Level) -> None:
    owners: dict[str, tuple[Ref, ...]] = {}
    for place, source in enumerate((*level.sources, *level.outer)):
        if not source.name or fold(source.name) in owners:
            continue
        ref = Ref("any-name")
        if source.columns is not None:
            name = f"columns-of-{place}"
            ref = add_columns(rules, grammar.dialect, name, source.columns, sparing=True)
        owners[fold(source.name)] = (ref,)
    bare = set(level.outputs)
    counted = Counter(column for source in level.sources for column in source.columns or ())
    for source in level.sources:
        if grammar.target != QUALIFIED or not source.name:
            bare |= {column for column in source.columns or () if counted[column] == 1}
    add_names(rules, grammar.dialect, bare, owners, sparing=True)
    if any(source.columns is None for source in level.sources):
        rules.bodies["name" + rules.suffix] += ((Ref("word"),),)
