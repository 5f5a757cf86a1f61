"""Questions about dates, made over any database: how many a month, in 2014, since March, how long.

    What is the total revenue of orders per month in 2014?
    SELECT strftime('%m', orders.day), SUM(orders.revenue) FROM orders
    WHERE strftime('%Y', orders.day) = '2014' GROUP BY strftime('%m', orders.day)

People ask such things of nearly every database, and of Spider's 8,659 training questions none needs
a function of dates. A column counts as one of dates where its
values read like 2014-03-05, with a time behind it or not. Questions and SQL are made together, from
the names and the values of the database, so each gold is right by construction as far as its
question is understood as it was meant; `data prepare` runs them nevertheless. `strftime('%Y', day)`
is what SQLite and DuckDB have in common.

The same seed makes the same questions of the same database.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from sqlkiln.core.plugins import Database
from sqlkiln.core.records import DatabaseSchema
from sqlkiln.data.date_subjects import subjects
from sqlkiln.data.date_talk import DateQuestion, Talk
from sqlkiln.data.date_words import article, phrase, things
from sqlkiln.sql.repair_text import quote_identifier


def date_questions(
    database: Database, schema: DatabaseSchema, count: int, seed: int = 0
) -> tuple[DateQuestion, ...]:
    """Make up to `count` different questions about the dates in `database`.

    Kinds and columns take turns, so that few questions are of many kinds.

    Raises:
        QueryError: if its tables cannot be read.
    """
    about = subjects(database, schema)
    rng = Random(f"{seed} {schema.db_id}")  # noqa: S311 - chance, not secrecy
    made: dict[str, DateQuestion] = {}
    kinds: list[Callable[[Talk], DateQuestion | None]] = []
    for _ in range(count * 8 if about else 0):
        if len(made) >= count:
            break
        if not kinds:
            kinds = rng.sample(_KINDS, len(_KINDS))
        one = kinds.pop()(Talk(rng.choice(about), rng))
        if one is not None:
            made.setdefault(one.question.lower(), one)
    return tuple(made.values())


# --------------------------------------------------------------------------- kinds of questions


def _count(t: Talk) -> DateQuestion:
    said, where = t.rng.choice([t.period, t.period, t.bound, t.stretch])()
    question = t.say(
        f"how many {t.things} {t.when(said)} are there",
        f"how many {t.things} are there {t.when(said)}",
        f"what is the number of {t.things} {t.when(said)}",
        f"count the {t.things} {t.when(said)}",
        f"number of {t.things} {t.when(said)}",
    )
    return t.made("count", question, t.select("COUNT(*)", where))


def _count_by(t: Talk) -> DateQuestion:
    unit, code = t.rng.choice([("year", "Y"), ("year", "Y"), ("month", "Y-%m"), ("month", "Y-%m")])
    part = t.of(code)
    by = t.by(unit)
    question = t.say(
        f"how many {t.things} are there {by}",
        f"what is the number of {t.things} {by}",
        f"number of {t.things} {by}",
        f"{t.things} {by}",
        f"show the {unit}s and how many {t.things} have their {t.date} in each",
    )
    sql = t.select(f"{part}, COUNT(*)", rest=f"GROUP BY {part}")
    return t.made("count_by", question, sql)


def _count_by_month_of_year(t: Talk) -> DateQuestion:
    part = t.of("m")
    question = t.say(
        f"how many {t.things} are there {t.by('month')} in {t.year}",
        f"number of {t.things} {t.by('month')} in {t.year}",
        f"for {t.year}, show the number of {t.things} {t.by('month')}",
    )
    sql = t.select(f"{part}, COUNT(*)", t.in_year, f"GROUP BY {part}")
    return t.made("count_by_month_of_year", question, sql)


def _amount_by(t: Talk) -> DateQuestion | None:
    found = t.amount()
    if found is None:
        return None
    said, amount = found
    unit, code = t.rng.choice([("year", "Y"), ("month", "Y-%m")])
    within = t.rng.random() < 0.4 and unit == "month"
    part = t.of("m" if within else code)
    where = t.in_year if within else ""
    end = f" in {t.year}" if within else ""
    of = t.rng.choice(["", f" of {t.things}"])
    question = t.say(
        f"what is the {said}{of} {t.by(unit)}{end}",
        f"{said}{of} {t.by(unit)}{end}",
        f"show the {unit} and the {said}{of} {t.by(unit)}{end}",
    )
    sql = t.select(f"{part}, {amount}", where, f"GROUP BY {part}")
    return t.made("amount_by", question, sql)


def _amount_in(t: Talk) -> DateQuestion | None:
    found = t.amount()
    if found is None:
        return None
    said, where = t.rng.choice([t.period, t.bound, t.stretch])()
    question = t.say(
        f"what is the {found[0]} of {t.things} {t.when(said)}",
        f"what was the {found[0]} of the {t.things} {t.when(said)}",
        f"{found[0]} of {t.things} {t.when(said)}",
    )
    return t.made("amount_in", question, t.select(found[1], where))


def _group_in(t: Talk) -> DateQuestion | None:
    if not t.about.groups:
        return None
    name, texts = t.rng.choice(t.about.groups)
    said, where = t.period()
    column, called = t.column(name), phrase(name)
    if t.rng.random() < 0.5:
        question = t.say(
            f"how many {t.things} {t.when(said)} are there for each {called}",
            f"number of {t.things} {t.when(said)} by {called}",
        )
        sql = t.select(f"{column}, COUNT(*)", where, f"GROUP BY {column}")
    else:
        text = t.rng.choice(texts)
        question = t.say(
            f"how many {t.things} with {called} {text} are there {t.when(said)}",
            f"how many {t.things} {t.when(said)} have {text} as their {called}",
        )
        sql = t.select("COUNT(*)", f"{column} = '{text}' AND {where}")
    return t.made("group_in", question, sql)


def _best_period(t: Talk) -> DateQuestion:
    found = t.amount() if t.rng.random() < 0.5 else None
    unit, code = t.rng.choice([("year", "Y"), ("month", "m")])
    within = unit == "month"
    part, where = t.of(code), t.in_year if within else ""
    of = f"of {t.year} " if within else ""
    low = t.rng.random() < 0.3
    if found is None:
        most = "fewest" if low else "most"
        said, measure = f"saw the {most} {t.things} by {t.date}", "COUNT(*)"
        ways = [f"which {unit} {of}had the {most} {t.things}"] if t.about.alone else []
        ways += [f"which {unit} {of}{said}"]
    else:
        said, measure = found
        ways = [
            f"in which {unit} {of}was the {said} of {t.things} {'lowest' if low else 'largest'}",
            f"which {unit} {of}had the {'lowest' if low else 'largest'} {said}",
        ]
    order = "" if low else " DESC"
    sql = t.select(part, where, f"GROUP BY {part} ORDER BY {measure}{order} LIMIT 1")
    return t.made("best_period", t.say(*ways), sql)


def _list_in(t: Talk) -> DateQuestion | None:
    if not t.about.labels:
        return None
    name = t.rng.choice(t.about.labels)
    said, where = t.rng.choice([t.period, t.bound, t.stretch])()
    called = phrase(name)
    question = t.say(
        f"what are the {called}s of the {t.things} {t.when(said)}",
        f"list the {called}s of all {t.things} {t.when(said)}",
        f"show the {called} of every one of the {t.things} {t.when(said)}",
    )
    sql = t.select(t.column(name), where)
    return t.made("list_in", question, sql)


def _end(t: Talk) -> DateQuestion:
    first = t.rng.random() < 0.5
    if not t.about.labels or t.rng.random() < 0.4:
        ends = ("first", "earliest") if first else ("last", "latest", "most recent")
        question = t.say(
            f"what is the {t.rng.choice(ends)} {t.date} of the {t.things}",
            f"what is the {t.rng.choice(ends)} {t.date} among all {t.things}",
        )
        sql = t.select(f"{'MIN' if first else 'MAX'}({t.d})")
        return t.made("end", question, sql)
    name = t.rng.choice(t.about.labels)
    number = t.rng.choice([1, 1, 3, 5])
    many = f"{number} {t.things}" if number > 1 else t.things
    ends = ("earliest", "oldest") if first else ("latest", "most recent", "newest")
    question = t.say(
        f"what are the {phrase(name)}s of the {many} with the {t.rng.choice(ends)} {t.date}"
        if number > 1
        else f"what is the {phrase(name)} with the {t.rng.choice(ends)} {t.date} of all {many}",
    )
    order = "" if first else " DESC"
    sql = t.select(t.column(name), rest=f"ORDER BY {t.d}{order} LIMIT {number}")
    return t.made("end", question, sql)


def _length(t: Talk) -> DateQuestion | None:
    if t.about.later is None:
        return None
    later = t.column(t.about.later)
    days = f"julianday({later}) - julianday({t.d})"
    to = phrase(t.about.later)
    if not t.about.labels or t.rng.random() < 0.6:
        word, function = t.rng.choice([("average", "AVG"), ("longest", "MAX"), ("shortest", "MIN")])
        number = "number of days" if function == "AVG" else "time in days"
        question = t.say(
            f"what is the {word} {number} between {t.date} and {to} of {t.things}",
            f"{word} {number} from {t.date} to {to} of {t.things}",
        )
        return t.made("length", question, t.select(f"{function}({days})"))
    limit = t.rng.choice([7, 10, 30, 100, 365])
    name = t.rng.choice(t.about.labels)
    question = t.say(
        f"list the {phrase(name)}s of the {t.things} that have more than {limit} days between "
        f"{t.date} and {to}"
    )
    sql = t.select(t.column(name), f"{days} > {limit}")
    return t.made("length", question, sql)


def _part_of_day_or_week(t: Talk) -> DateQuestion:
    if t.about.times and t.rng.random() < 0.5:
        unit, part = "hour of the day", t.of("H")
    elif t.rng.random() < 0.5:
        question = t.say(
            f"how many {t.things} are there {t.when('in ' + t.month_name)} of any year",
            f"how many {t.things} have {article(t.date)} in {t.month_name}",
        )
        sql = t.select("COUNT(*)", f"{t.of('m')} = '{t.month}'")
        return t.made("part", question, sql)
    else:
        unit, part = "day of the week", t.of("w")
    question = t.say(
        f"how many {t.things} are there {t.by(unit)}",
        f"number of {t.things} {t.by(unit)}",
    )
    return t.made("part", question, t.select(f"{part}, COUNT(*)", rest=f"GROUP BY {part}"))


def _over_parents(t: Talk) -> DateQuestion | None:
    if not t.about.parents:
        return None
    parent = t.rng.choice(t.about.parents)
    said, where = t.period()
    label = t.column(parent.label, parent.table)
    owners = things(parent.table)
    join = (
        f"{t.table} JOIN {quote_identifier(parent.table)} ON {t.column(parent.reference)} = "
        f"{t.column(parent.key, parent.table)}"
    )
    called = phrase(parent.label)
    if t.rng.random() < 0.5:
        question = t.say(
            f"what are the {called}s of {owners} that have {t.things} {t.when(said)}",
            f"which {owners} have {t.things} {t.when(said)}, by {called}",
        )
        return t.made("over_parents", question, t.select(f"DISTINCT {label}", where, source=join))
    question = t.say(
        f"how many {t.things} {t.when(said)} does each {called} of {owners} have",
        f"number of {t.things} {t.when(said)} for each {called} of the {owners}",
    )
    sql = t.select(f"{label}, COUNT(*)", where, f"GROUP BY {label}", join)
    return t.made("over_parents", question, sql)


_KINDS: tuple[Callable[[Talk], DateQuestion | None], ...] = (
    _count,
    _count,
    _count_by,
    _count_by,
    _count_by_month_of_year,
    _amount_by,
    _amount_by,
    _amount_in,
    _group_in,
    _best_period,
    _list_in,
    _end,
    _length,
    _part_of_day_or_week,
    _over_parents,
)
