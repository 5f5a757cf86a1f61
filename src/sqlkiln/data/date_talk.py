"""How a question about dates is put this time: one subject, and the dice."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from sqlkiln.data.date_subjects import Subject
from sqlkiln.data.date_words import MONTHS, article, event, phrase, things
from sqlkiln.sql.repair_text import quote_identifier


@dataclass(frozen=True)
class DateQuestion:
    """A question, the SQL that answers it, and which kind of date arithmetic that needs."""

    question: str
    sql: str
    kind: str


class Talk:
    """One subject, and the dice: how things are called this time, in words and in SQL."""

    def __init__(self, about: Subject, rng: Random) -> None:
        self.about = about
        self.rng = rng
        self.things = things(about.table)
        self.table = quote_identifier(about.table)
        self.d = self.column(about.date)
        self.date = phrase(about.date)
        day = rng.choice(about.days)
        self.year, self.month, self.day = day[:4], day[5:7], day
        self.month_name = MONTHS[int(self.month) - 1]

    def column(self, name: str, table: str = "") -> str:
        """A column as SQL names it, with its table."""
        return f"{quote_identifier(table or self.about.table)}.{quote_identifier(name)}"

    def say(self, *ways: str) -> str:
        """One of several ways to ask, with a capital and its mark, or as people type."""
        said = self.rng.choice(ways)
        is_question = said.split()[0].lower() in _ASKING
        if not is_question and self.rng.random() < 0.5:
            return said
        said = said[0].upper() + said[1:]
        return said + ("?" if is_question else ".")

    def when(self, period: str) -> str:
        """`hired in 2014`, `with a hire date in 2014`, or where that is clear `in 2014`."""
        done = event(self.about.date)
        ways = [f"with {article(self.date)} {period}", f"whose {self.date} is {period}"]
        if done and done[:5] not in self.things:
            ways += [f"{done} {period}"] * 3
        if self.about.alone:
            ways += [period] * 3
        return self.rng.choice(ways)

    def by(self, unit: str) -> str:
        """`per month`, `for each month of the hire date`."""
        ways = [f"per {self.date} {unit}", f"for each {unit} of the {self.date}"]
        if self.about.alone:
            ways += [f"per {unit}", f"by {unit}", f"for each {unit}", f"in each {unit}"] * 2
        return self.rng.choice(ways)

    def of(self, code: str, column: str = "") -> str:
        """A part of the date, as text."""
        return f"strftime('%{code}', {column or self.d})"

    @property
    def in_year(self) -> str:
        """The condition for the year of this talk."""
        return f"{self.of('Y')} = '{self.year}'"

    def period(self) -> tuple[str, str]:
        """`in 2014` or `in March 2014`, and the condition."""
        if self.rng.random() < 0.5:
            return f"in {self.year}", self.in_year
        return (
            f"in {self.month_name} {self.year}",
            f"{self.of('Y-%m')} = '{self.year}-{self.month}'",
        )

    def bound(self) -> tuple[str, str]:
        """`since March 2014`, and the condition."""
        month_end = _next_month(self.year, self.month)
        sides = [
            (f"before {self.year}", f"{self.d} < '{self.year}-01-01'"),
            (f"after {self.year}", f"{self.d} >= '{int(self.year) + 1}-01-01'"),
            (f"since {self.year}", f"{self.d} >= '{self.year}-01-01'"),
            (
                f"before {self.month_name} {self.year}",
                f"{self.d} < '{self.year}-{self.month}-01'",
            ),
            (f"since {self.month_name} {self.year}", f"{self.d} >= '{self.year}-{self.month}-01'"),
            (f"after {self.month_name} {self.year}", f"{self.d} >= '{month_end}'"),
            (f"before {self.day}", f"{self.d} < '{self.day}'"),
            (f"since {self.day}", f"{self.d} >= '{self.day}'"),
        ]
        return self.rng.choice(sides)

    def stretch(self) -> tuple[str, str]:
        """`between January and March 2014`, `from 2012 to 2014`, and the condition."""
        years = sorted({day[:4] for day in self.about.days})
        if len(years) > 1 and self.rng.random() < 0.4:
            low, high = sorted(self.rng.sample(years, 2))
            said = self.rng.choice([f"between {low} and {high}", f"from {low} to {high}"])
            return said, f"{self.of('Y')} BETWEEN '{low}' AND '{high}'"
        first, last = sorted(self.rng.sample(range(1, 13), 2))
        said = self.rng.choice(["between {} and {} {}", "from {} to {} {}"])
        begin, end = f"{self.year}-{first:02}-01", _next_month(self.year, f"{last:02}")
        condition = f"{self.d} >= '{begin}' AND {self.d} < '{end}'"
        return said.format(MONTHS[first - 1], MONTHS[last - 1], self.year), condition

    def amount(self) -> tuple[str, str] | None:
        """The words for a sum or a mean, and its SQL."""
        if not self.about.amounts:
            return None
        name = self.rng.choice(self.about.amounts)
        word, function = self.rng.choice(_MEASURES)
        called = phrase(name)
        said = called if called.startswith(word) or not word else f"{word} {called}"
        return said, f"{function}({self.column(name)})"

    def select(self, shown: str, where: str = "", rest: str = "", source: str = "") -> str:
        """The one SELECT that all these questions take."""
        where = f" WHERE {where}" if where else ""
        end = f" {rest}" if rest else ""
        return f"SELECT {shown} FROM {source or self.table}{where}{end}"  # noqa: S608 - our own

    def made(self, kind: str, question: str, sql: str) -> DateQuestion:
        """What came of it."""
        return DateQuestion(question, sql, kind)


_MEASURES = (
    ("total", "SUM"),
    ("total", "SUM"),
    ("", "SUM"),
    ("average", "AVG"),
    ("highest", "MAX"),
)
_ASKING = frozenset("what how which who when in on".split())


def _next_month(year: str, month: str) -> str:
    over = int(month) == 12
    return f"{int(year) + over}-{1 if over else int(month) + 1:02}-01"
