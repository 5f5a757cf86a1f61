"""What is observed of a table or column for a question, as numbers that weights are put on.

All are between 0 and about 1, so that weights can be compared; one that is not given is 0.
`link_weights` has the weights.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import cache

from sqlkiln.prompt.link_graph import between
from sqlkiln.prompt.link_names import SAME, NameMatch
from sqlkiln.prompt.link_scene import ColumnView, Features, Scene, TableView
from sqlkiln.prompt.link_words import IDS, LABELS, TIMES
from sqlkiln.sql.explain_names import Kind, kind_of_type

_SURE = 0.5
_LIKELY = 0.15
_MOST_SEEDS = 6
_STRONG_HIT = 0.7
_MOST_SHARING = 6

_ASKS = {
    "time": r"\b(?:when|dates?|years?|months?|days?|times?|recent(?:ly)?|latest|earliest|newest"
    r"|oldest|youngest|older|younger|before|after|since|until|during"
    r"|(?:1[5-9]|20)\d\d|january|february|march|april|june|july|august|september|october|november"
    r"|december)\b",
    "number": r"\b(?:average|mean|totals?|sum|most|least|more|less|fewer|than|highest|lowest"
    r"|largest|smallest|greatest|biggest|maximum|minimum|max|min|above|below|over|under|between|top"
    r"|sort(?:ed)?|order(?:ed)?|rank(?:ed)?|ascending|descending|exceeds?|at most|at least)\b",
    "count": r"\b(?:how many|number of|count)\b",
    "all": r"\b(?:all (?:the |of the )?(?:\w+ )?(?:information|info|data|details?|columns|fields"
    r"|attributes|records?|rows)|everything|(?:full|complete) (?:information|details|records?))\b"
    r"|\b(?:information|info|data|details) (?:of|about|for|on)\b",
    "digits": r"\b\d+(?:\.\d+)?\b",
}


@cache
def _asks_pattern(name: str) -> re.Pattern[str]:
    return re.compile(_ASKS[name], re.IGNORECASE)


def asks(question: str) -> Features:
    """What sort of question it is: each of `_ASKS` that it shows, as 1."""
    return {name: float(bool(_asks_pattern(name).search(question))) for name in _ASKS}


# --------------------------------------------------------------------------- tables


def fill_tables(scene: Scene) -> None:
    """Give each table its features, from its name, its columns and the values in it."""
    phrases = Counter(
        phrase
        for table in scene.tables
        for phrase in {hit.phrase for column in table.columns for hit in column.hits}
    )
    named = [table for table in scene.tables if table.match.full > 0]
    for table in scene.tables:
        table.features = {
            **_name_features(table.match),
            **_columns_features(table, scene),
            **_hit_features(table, phrases),
            **_place_features(table, scene),
            "longer_is_named": float(table.match.full > 0 and _is_part_of_one(table, named)),
        }


def _name_features(match: NameMatch) -> Features:
    covered = [each.quality if each else 0.0 for each in match.found]
    return {
        "full": match.full,
        "exact": float(match.kinds == {SAME} and match.full == 1.0),
        "phrase": float(match.is_phrase),
        "covered": sum(covered) / max(1, len(covered)),
        "any_part": max(covered, default=0.0),
    }


def _columns_features(table: TableView, scene: Scene) -> Features:
    plain = [c for c in table.columns if not (c.is_key or c.column.primary_key)]
    ranked = [*sorted((c.own for c in table.columns), reverse=True), 0.0, 0.0, 0.0]
    alone = [c.own for c in table.columns if scene.alike[c.stems] == 1]
    return {
        "best_column": ranked[0],
        "second_column": ranked[1],
        "third_column": ranked[2],
        "best_plain_column": max((c.own for c in plain), default=0.0),
        "best_alone": max(alone, default=0.0),
    }


def _hit_features(table: TableView, phrases: Mapping[str, int]) -> Features:
    hits = [hit for column in table.columns for hit in column.hits]
    only = [hit.score for hit in hits if phrases[hit.phrase] == 1]
    best = max((hit.score for hit in hits), default=0.0)
    return {
        "hit": best,
        "strong_hit": float(best >= _STRONG_HIT),
        "only_hit": max(only, default=0.0),
        "named_hit": max((c.hit * c.own for c in table.columns if c.hits), default=0.0),
    }


def _is_part_of_one(table: TableView, named: Sequence[TableView]) -> bool:
    """Whether the question as surely names a table whose name has all of this one's and more."""
    stems = set(table.stems)
    return any(stems < set(t.stems) and t.match.full >= table.match.full for t in named)


def _place_features(table: TableView, scene: Scene) -> Features:
    return {
        "few_tables": 1 / len(scene.tables),
        "many_tables": math.log(len(scene.tables)) / 3,
        "keys": min(1.0, len(table.table.foreign_keys) / 3),
        "joined": min(1.0, len(scene.graph.get(table.number, ())) / 4),
        "width": math.log(max(1, len(table.columns))) / 4,
        "view": float(table.table.kind == "view"),
    }


def fill_neighbours(scene: Scene, chances: Mapping[int, float]) -> None:
    """Add to each table's features what the chances of the others say of it."""
    order = sorted(chances, key=lambda n: (-chances[n], n))
    likely = [n for n in order[:_MOST_SEEDS] if chances[n] >= _LIKELY]
    scene.ways = between(scene.graph, likely)
    seeds = sum(chances[n] >= _SURE for n in order[:_MOST_SEEDS])
    gained = _gains(scene, order)
    content = max(1, len(scene.named))
    no_hit = float(not any(column.hits for column in scene.columns))
    for rank, number in enumerate(order):
        table, chance = scene.tables[number], chances[number]
        near = sorted((chances[n] for n in scene.graph.get(number, ())), reverse=True)
        near += [0.0, 0.0]
        ends = scene.ways.get(number)
        table.features |= {
            "chance": chance,
            "between": math.sqrt(chances[ends[0]] * chances[ends[1]]) if ends else 0.0,
            "nearest": near[0],
            "two_near": near[0] * near[1],
            "first": float(rank == 0),
            "second": float(rank == 1),
            "third": float(rank == 2),
            "later": float(rank > 2),
            "seeds": min(1.0, seeds / 3),
            "none_sure": float(not seeds),
            "gain": min(1.0, gained[number][0] / 2),
            "gains_any": float(gained[number][0] >= 0.5),
            "left_to_gain": gained[number][1] / content,
            "unexplained": min(1.0, scene.unexplained / 4),
            "no_hit": no_hit,
        }


def _gains(scene: Scene, order: list[int]) -> dict[int, tuple[float, float]]:
    """For each table the words that none before it in `order` speaks of, and those left then."""
    covered: dict[int, float] = {}
    found = {}
    for number in order:
        left = sum(1 - covered.get(i, 0.0) for i in scene.named)
        words = scene.tables[number].words
        gain = sum(max(0.0, quality - covered.get(i, 0.0)) for i, quality in words.items())
        found[number] = gain, left
        for i, quality in words.items():
            covered[i] = max(covered.get(i, 0.0), quality)
    return found


# --------------------------------------------------------------------------- columns


def fill_columns(scene: Scene, chances: Mapping[int, float]) -> None:
    """Give each column its features; `chances` are those of the tables."""
    asked = {
        **asks(scene.question.text),
        "unexplained": min(1.0, scene.unexplained / 4),
        "no_hit": float(not any(column.hits for column in scene.columns)),
    }
    shared = _shared(scene, chances)
    best = _best_for_words(scene, chances)
    for table in scene.tables:
        chance = chances[table.number]
        ranks = sorted((column.own for column in table.columns), reverse=True)
        of_table = {
            "table": chance,
            "sure_table": float(chance >= _SURE),
            "table_unlikely": float(chance < _LIKELY / 3),
            "others_spoken": min(1.0, sum(own > _SURE for own in ranks) / 4),
            "nothing_spoken": float(ranks[0] < _SURE),
            "width": math.log(len(table.columns)) / 4,
            "unexplained": min(1.0, scene.unexplained / 4),
        }
        for place, column in enumerate(table.columns):
            column.features = {
                **of_table,
                **_spoken_features(column, scene),
                **_kind_features(column, chance, asked, place),
                "best_of_table": float(0 < column.own == ranks[0]),
                "best_for_word": best[id(column)],
                "is_best_for_word": float(best[id(column)] == 1.0),
                "hit": column.hit,
                "strong_hit": float(column.hit >= _STRONG_HIT),
                "shared": shared.get(id(column), 0.0),
            }


def _shared(scene: Scene, chances: Mapping[int, float]) -> dict[int, float]:
    """For columns that two tables could be joined on, as nothing ties these: the lower chance."""
    alike: dict[str, list[ColumnView]] = defaultdict(list)
    for column in scene.columns:
        alike[column.column.name.lower()].append(column)
    found: dict[int, float] = {}
    for columns in alike.values():
        for column in columns if 1 < len(columns) <= _MOST_SHARING else ():
            near = scene.graph.get(column.table, ())
            others = [chances[c.table] for c in columns if c.table not in (column.table, *near)]
            found[id(column)] = min(chances[column.table], max(others, default=0.0))
    return found


def _best_for_words(scene: Scene, chances: Mapping[int, float]) -> dict[int, float]:
    """For each column how near it comes to the column that some word speaks of most."""
    fits: dict[int, dict[int, float]] = defaultdict(dict)
    for column in scene.columns:
        said = max(column.own, column.spoken, column.hit)
        for i, quality in column.words.items():
            fits[i][id(column)] = quality * said * (0.1 + chances[column.table])
    found: dict[int, float] = defaultdict(float)
    for columns in fits.values():
        most = max(columns.values())
        for number, fit in columns.items():
            found[number] = max(found[number], fit / most if most else 0.0)
    return found


def _spoken_features(column: ColumnView, scene: Scene) -> Features:
    match = column.match
    rare = [scene.rarity(each) for each, m in zip(column.stems, match.found, strict=True) if m]
    alike = scene.alike[column.stems]
    return {
        "spoken": column.spoken,
        "own": column.own,
        "full": match.full,
        "exact": float(match.kinds == {SAME} and match.full == 1.0),
        "phrase": float(match.is_phrase),
        "phrase_of_several": float(match.is_phrase and len(match.parts) > 1),
        "rare_part": max(rare, default=0.0),
        "alike": math.log(alike) / 3,
        "full_and_alone": match.full * float(alike == 1),
        "unspoken": float(not column.words),
        **{f"kind_{kind}": 1.0 for kind in match.kinds},
    }


def _kind_features(column: ColumnView, chance: float, asked: Features, place: int) -> Features:
    kind: Kind | str = kind_of_type(column.column.type)
    if not TIMES.isdisjoint(column.stems):
        kind = "time"
    free = not (column.is_key or column.column.primary_key)
    label = not LABELS.isdisjoint(column.stems)
    features = {
        "primary": float(column.column.primary_key),
        "key": float(column.is_key),
        "id": float(bool(column.stems) and column.stems[-1] in IDS),
        "early": float(place < 3),
        "first_free": float(free and place < 2),
        "number": float(kind == "number" and free),
        "number_asked": asked["number"] * float(kind == "number" and free),
        "number_given": asked["digits"] * float(kind == "number" and free),
        "time": float(kind == "time"),
        "time_asked": asked["time"] * float(kind == "time"),
        "time_given": asked["time"] * asked["digits"] * float(kind == "time"),
        "all_asked": asked["all"] * chance,
        "text": float(kind == "text" and free),
        "text_sought": asked["unexplained"] * float(kind == "text" and free),
        "text_not_found": asked["unexplained"]
        * asked["no_hit"]
        * chance
        * float(kind == "text" and free),
    }
    if label:
        features |= {
            "label": 1.0,
            "label_of_table": chance,
            "label_unspoken": float(column.own < _SURE),
            "label_counted": asked["count"],
            "label_sought": asked["unexplained"] * chance,
        }
    return features
