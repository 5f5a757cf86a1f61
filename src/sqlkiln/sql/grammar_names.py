"""Rules for names: one of a list, any word but some, and the quotes that a name may stand in.

Lists become trees that share beginnings, so that a parser has few ways to go on, however many
names there are. Letters of ASCII may be of either case, as in SQL.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby

from sqlkiln.sql.grammar_rules import Chars, Parts, Ref, Rules, Text, characters

MARKS = {
    "sqlite": (('"', '"'), ("`", "`"), ("[", "]")),
    "duckdb": (('"', '"'),),
}
"""The pairs of quotes around names, by dialect."""

_LOW, _HIGH = "\u00a1", "\U0010fffd"
WORD_START = Chars((("a", "z"), ("A", "Z"), ("_", "_"), (_LOW, _HIGH)))
WORD = Chars((*WORD_START.ranges, ("0", "9"), ("$", "$")))

Continuations = Mapping[str, Sequence[Parts]]
"""What may follow each of some names, which are folded."""


def is_plain(name: str) -> bool:
    """Whether `name` can be one without quotes, unless it is a word of SQL."""
    return bool(name) and WORD_START.holds(name[0]) and all(map(WORD.holds, name))


def fold(name: str) -> str:
    """`name` with the letters of ASCII in lower case: others count as they are."""
    return "".join(c.lower() if c.isascii() else c for c in name)


def tree(rules: Rules, followed: Continuations) -> Ref:
    """One of the names, and what may follow it."""
    entries = sorted((name, tuple(parts)) for name, parts in followed.items())
    return _branch(rules, entries, 0)


def names(rules: Rules, listed: Iterable[str]) -> Ref:
    """One of the names `listed`."""
    return tree(rules, {fold(name): ((),) for name in listed})


def _branch(rules: Rules, entries: Sequence[tuple[str, tuple[Parts, ...]]], depth: int) -> Ref:
    """What may follow the first `depth` characters, which all of `entries` begin with."""
    alternatives: list[Parts] = []
    for char, group in groupby(entries, key=lambda entry: entry[0][depth : depth + 1]):
        members = list(group)
        if not char:
            alternatives += members[0][1]
            continue
        end = _shared(members[0][0], members[-1][0])
        text = Text(members[0][0][depth:end], fold=True)
        if len(members) == 1 and end == len(members[0][0]):
            alternatives += ((text, *parts) for parts in members[0][1])
        else:
            alternatives.append((text, _branch(rules, members, end)))
    return rules.one_of(*alternatives)


def _shared(one: str, other: str) -> int:
    """How many characters both begin with."""
    length = min(len(one), len(other))
    return next((i for i in range(length) if one[i] != other[i]), length)


def other_word(rules: Rules, taken: Iterable[str]) -> Ref:
    """Any word, but for those `taken`."""
    entries = sorted({fold(name) for name in taken if is_plain(name)})
    tail = rules.many(WORD)
    return _other(rules, entries, 0, tail)


def _other(rules: Rules, entries: Sequence[str], depth: int, tail: Ref) -> Ref:
    allowed = WORD if depth else WORD_START
    alternatives: list[Parts] = []
    branches = []
    for char, group in groupby(entries, key=lambda entry: entry[depth : depth + 1]):
        members = list(group)
        if char:
            branches.append(char)
            alternatives.append((Text(char, fold=True), _other(rules, members, depth + 1, tail)))
    alternatives.append((_without(allowed, branches), tail))
    if depth and len(entries[0]) != depth:
        alternatives.append(())
    return rules.one_of(*alternatives)


def _without(allowed: Chars, chars: Iterable[str]) -> Chars:
    """`allowed` less `chars` in either case."""
    cut = sorted({c for char in chars for c in (char, char.upper()) if len(c) == 1})
    ranges: list[tuple[str, str]] = []
    for low, high in allowed.ranges:
        for char in cut:
            if low <= char <= high:
                if low < char:
                    ranges.append((low, chr(ord(char) - 1)))
                low = chr(ord(char) + 1)
        if low <= high:
            ranges.append((low, high))
    return Chars(tuple(ranges))


def written(
    rules: Rules,
    dialect: str,
    listed: Iterable[str],
    taken: Collection[str],
    *,
    sparing: bool = False,
) -> tuple[list[Parts], list[Parts]]:
    """One of the names `listed`: without quotes, and with them in every way that `dialect` has.

    Names that are among the words `taken` always need some. With `sparing`, names have quotes
    where they need them, and those of standard SQL.
    """
    wanted = sorted({fold(name) for name in listed})
    bare = [name for name in wanted if is_plain(name) and name not in taken]
    odd = [name for name in wanted if name not in bare]
    tree_of_bare = names(rules, bare) if bare else None
    plain: list[Parts] = [(tree_of_bare,)] if tree_of_bare else []
    marked: list[Parts] = []
    for opening, closing in MARKS[dialect][: 1 if sparing else None]:
        safe = [name for name in odd if closing not in name]
        within = [(tree_of_bare,)] if tree_of_bare and not sparing else []
        within += [(names(rules, safe),)] if safe else []
        if within:
            marked.append((Text(opening), rules.one_of(*within), Text(closing)))
        marked += (
            (Text(opening), Text(name.replace(closing, closing * 2), True), Text(closing))
            for name in odd
            if closing in name and closing != "]"
        )
    return plain, marked


def any_quoted(rules: Rules, dialect: str) -> list[Parts]:
    """Any text in the quotes of names."""
    return [
        (Text(opening), *_quoted_text(rules, closing), Text(closing))
        for opening, closing in MARKS[dialect]
    ]


def text_in(rules: Rules, mark: str) -> Parts:
    """Any text in `mark`, which stands twice where it is part of the text."""
    return (Text(mark), *_quoted_text(rules, mark), Text(mark))


def _quoted_text(rules: Rules, closing: str) -> Parts:
    other = Chars(((closing, closing),), negated=True)
    if closing == "]":
        return (rules.many(other),)
    return (rules.many(rules.one_of((other,), (Text(closing * 2),))),)


SPACE = characters(" \n\t\r")
