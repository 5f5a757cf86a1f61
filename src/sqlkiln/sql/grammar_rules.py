"""The rules of a context-free grammar as data, and how they are written as GBNF.

One set of rules serves llama.cpp and xgrammar, which both read GBNF, llguidance, which is given
Lark, and `sql.grammar_match`, which reads text with it here. What is written keeps to what all of
them take: names of rules in lower case, no left recursion, no escapes but those that they share.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

ROOT = "root"


@dataclass(frozen=True, slots=True)
class Text:
    """These characters; with `fold`, letters of ASCII in either case (`value` is lower case)."""

    value: str
    fold: bool = False


@dataclass(frozen=True, slots=True)
class Chars:
    """One character of `ranges` (first, last), or none of them where `negated`."""

    ranges: tuple[tuple[str, str], ...]
    negated: bool = False

    def holds(self, char: str) -> bool:
        """Whether `char` is one of them."""
        return any(low <= char <= high for low, high in self.ranges) is not self.negated


@dataclass(frozen=True, slots=True)
class Ref:
    """What the rule of this name stands for."""

    name: str


Part = Text | Chars | Ref
Parts = tuple[Part, ...]
Body = tuple[Parts, ...]
"""The alternatives of a rule, in the order in which they are tried."""


class Rules:
    """Rules under way: `add` names one, the other methods make nameless ones of the one named last.

    All names get `suffix`, so that the same rules can be made anew for other names in them: then
    the rule `x` + suffix differs from `x` in nothing but what the suffix is for.
    """

    def __init__(self, bodies: dict[str, Body] | None = None, suffix: str = "") -> None:
        self.bodies: dict[str, Body] = {} if bodies is None else bodies
        self.suffix = suffix
        self._owner = ""
        self._count = 0

    def begin(self, name: str) -> None:
        """Nameless rules made from here on are called after `name`."""
        self._owner, self._count = name, 0

    def add(self, name: str, *alternatives: Parts) -> Ref:
        """Give the rule `name` its alternatives."""
        self.bodies[name + self.suffix] = alternatives
        return self.ref(name)

    def ref(self, name: str) -> Ref:
        """The rule `name` of this suffix, be it there yet or not."""
        return Ref(name + self.suffix)

    def one_of(self, *alternatives: Parts) -> Ref:
        """One of `alternatives`."""
        return self.add(self._nameless(), *alternatives)

    def maybe(self, *parts: Part) -> Ref:
        """The parts, or nothing."""
        return self.one_of(parts, ())

    def many(self, *parts: Part) -> Ref:
        """The parts as often as you like, or not at all."""
        name = self._nameless()
        return self.add(name, (*parts, self.ref(name)), ())

    def _nameless(self) -> str:
        self._count += 1
        return f"{self._owner}--{self._count}"


def keyword(words: str) -> Text:
    """A word of SQL in either case."""
    return Text(words.lower(), fold=True)


def characters(listed: str) -> Chars:
    """One of the characters `listed`, where `a-z` is a range; `-` itself stands first."""
    ranges = []
    position = 0
    while position < len(listed):
        if listed[position + 1 : position + 2] == "-" and position + 2 < len(listed):
            ranges.append((listed[position], listed[position + 2]))
            position += 3
        else:
            ranges.append((listed[position], listed[position]))
            position += 1
    return Chars(tuple(ranges))


# --------------------------------------------------------------------------- as GBNF


def gbnf(bodies: Mapping[str, Body], lines: dict[str, str] | None = None) -> str:
    """Write the rules that root needs, one a line; `lines` keeps those written before."""
    lines = {} if lines is None else lines
    lines.pop(ROOT, None)
    names = reachable(bodies)
    for name in names:
        if name not in lines:
            lines[name] = line(name, bodies)
    return "".join(lines[name] for name in names)


def line(name: str, bodies: Mapping[str, Body]) -> str:
    """The rule of this name, as GBNF."""
    return f"{name} ::= {' | '.join(map(_sequence, bodies[name]))}\n"


def reachable(bodies: Mapping[str, Body]) -> list[str]:
    """The names of the rules that root needs, itself first."""
    found: dict[str, None] = {}
    wanted = [ROOT]
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = None
            wanted += [part.name for part in _refs(bodies[name])]
    return list(found)


def _refs(body: Body) -> Iterable[Ref]:
    return (part for parts in body for part in parts if isinstance(part, Ref))


def _sequence(parts: Parts) -> str:
    return " ".join(map(_part, parts)) or '""'


def _part(part: Part) -> str:
    if isinstance(part, Ref):
        return part.name
    if isinstance(part, Chars):
        return _class(part.ranges, part.negated)
    pieces: list[str] = []
    for char in part.value:
        if part.fold and "a" <= char <= "z":
            pieces.append(f"[{char}{char.upper()}]")
        elif pieces and pieces[-1].startswith('"') and not _is_coded(pieces[-1]):
            pieces[-1] = f'{pieces[-1][:-1]}{_escaped(char, _QUOTE)}"'
        else:
            pieces.append(f'"{_escaped(char, _QUOTE)}"')
    return " ".join(pieces)


def _class(ranges: Iterable[tuple[str, str]], negated: bool) -> str:
    shown = "".join(
        _escaped(low, "[]") if low == high else f"{_escaped(low, '[]')}-{_escaped(high, '[]')}"
        for low, high in sorted(ranges, key=lambda pair: pair[0] != "-")
    )
    return f"[{'^' * negated}{shown}]"


_QUOTE = '"'
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _escaped(char: str, special: str) -> str:
    """`char` as it stands in quotes or brackets: what is not ASCII stands for itself."""
    if char in special or char == "\\":
        return f"\\{char}"
    if char in _NAMED:
        return _NAMED[char]
    return char if char.isprintable() or not char.isascii() else f"\\x{ord(char):02x}"


def _is_coded(piece: str) -> bool:
    """Whether a quoted piece ends in a character's code, which must not go on in what follows."""
    return piece[-5:-3] == "\\x"


# --------------------------------------------------------------------------- for llguidance


def lark(bodies: Mapping[str, Body]) -> str:
    """Write the rules that root needs in llguidance's dialect of Lark.

    Character by character: given longer pieces, its lexer takes the longest that fits so far, and
    does not come back when it turns out to be another.
    """
    rules = (
        f"{_lark_name(name)}: {' | '.join(map(_lark_sequence, bodies[name]))}\n"
        for name in reachable(bodies)
    )
    return "%llguidance {}\n" + "".join(rules)


def _lark_name(name: str) -> str:
    return "start" if name == ROOT else name.replace("-", "_")


def _lark_sequence(parts: Parts) -> str:
    return " ".join(piece for part in parts for piece in _lark_pieces(part)) or '""'


def _lark_pieces(part: Part) -> list[str]:
    if isinstance(part, Ref):
        return [_lark_name(part.name)]
    classes = [part] if isinstance(part, Chars) else [_one(c, part.fold) for c in part.value]
    return [f"/[{'^' * c.negated}{''.join(map(_lark_range, c.ranges))}]/" for c in classes]


def _one(char: str, fold: bool) -> Chars:
    either = {char, char.upper()} if fold and char.isascii() else {char}
    return Chars(tuple((c, c) for c in sorted(either)))


def _lark_range(pair: tuple[str, str]) -> str:
    low, high = (_escaped(char, "[]/^-&~") for char in pair)
    return low if low == high else f"{low}-{high}"
