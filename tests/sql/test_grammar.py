import json
import random
from functools import cache
from pathlib import Path

import pytest
from independent_matcher import Independent

from sqlkiln.core import plugins
from sqlkiln.core.plugins import DatasetOptions
from sqlkiln.core.records import Column, DatabaseSchema, Table
from sqlkiln.data.described import described_schema
from sqlkiln.sql.grammar import TARGETS, WATCHED, grammar, grammar_of
from sqlkiln.sql.grammar_match import Matcher
from sqlkiln.sql.logical_order import from_first, one_line
from sqlkiln.sql.qualify import qualified


def schema(dialect="sqlite", **tables):
    listed = [
        Table(name=name.replace("__", " "), columns=tuple(Column(name=c) for c in columns))
        for name, columns in tables.items()
    ]
    return DatabaseSchema(db_id="music", dialect=dialect, tables=tuple(listed))


MUSIC = {
    "singer": ("Singer_ID", "Name", "Song Name", "Age", "order"),
    "concert": ("concert_ID", "Title", "Year"),
    "singer_in_concert": ("Singer_ID", "concert_ID"),
    "café": ("naïve", "größe"),
    "my__table": ("a]b", 'say "hi"', "100%"),
}


@pytest.fixture(scope="module")
def matchers():
    """Both matchers, ours and llguidance's, by dialect and target: they have to agree."""
    made = {}

    def accepts(text, target="sql", dialect="sqlite"):
        key = (target, dialect)
        if key not in made:
            rules = grammar_of(schema(dialect, **MUSIC), target)
            strict = Matcher(rules.bodies, frozenset(WATCHED))
            made[key] = (Independent(rules.lark()), strict, rules.matcher)
        independent, strict, loose = made[key]
        verdict = independent.accepts(text)
        assert strict.accepts(text) is verdict
        assert loose.accepts(text) or not verdict
        return verdict

    return accepts


FIXTURES = Path(__file__).parent / "fixtures"
SAID = (FIXTURES / "grammar_said.txt").read_text().splitlines()
UNSAID = (FIXTURES / "grammar_unsaid.txt").read_text().splitlines()


@pytest.mark.parametrize("text", SAID)
def test_a_query_over_the_schema_is_said(matchers, text):
    assert matchers(text)
    assert matchers(f"\n{text}\n```")


@pytest.mark.parametrize("text", UNSAID)
def test_what_is_no_query_over_the_schema_is_not_said(matchers, text):
    assert not matchers(text)


def test_a_qualified_column_is_one_of_its_table(matchers):
    assert matchers("SELECT singer.Name FROM singer WHERE singer.Age > 20", "qualified")
    assert matchers("SELECT s.Title, s.Name FROM singer AS s ORDER BY n", "qualified")
    assert matchers("SELECT concert.Title AS n FROM concert GROUP BY n", "qualified")
    assert not matchers("SELECT concert.Name FROM concert", "qualified")
    assert not matchers("SELECT Name FROM singer", "qualified")
    assert not matchers("SELECT singer.Name FROM singer WHERE Age > 20", "qualified")


def test_from_stands_before_select_in_every_query(matchers):
    nested = (
        "FROM singer AS s SELECT s.Name WHERE s.Age > (FROM singer SELECT AVG(Age))"
        " UNION FROM concert SELECT Title ORDER BY 1"
    )
    assert matchers(nested, "from_first")
    assert matchers("FROM (FROM singer SELECT COUNT(*) AS n) AS t SELECT AVG(n)", "from_first")
    assert not matchers("SELECT Name FROM singer", "from_first")
    assert not matchers("FROM singer WHERE Age > 1", "from_first")
    assert not matchers("FROM singer SELECT Name WHERE Age > (SELECT 1 FROM concert)", "from_first")


def test_duckdb_says_other_things_than_sqlite(matchers):
    for text in (
        "SELECT YEAR(Title), Age::INTEGER, Age // 2 FROM singer, concert QUALIFY COUNT(*) > 1",
        "SELECT Year FROM concert WHERE Title > DATE '2014-01-01' + INTERVAL 3 DAY",
        "SELECT EXTRACT(year FROM Title), LIST(Age ORDER BY Age)[1] FROM singer SEMI JOIN concert",
        "SELECT DISTINCT ON (Age) Name FROM singer WHERE Age >= ALL (SELECT Age FROM singer)",
        "SELECT Name, COUNT(*) FROM singer GROUP BY ALL ORDER BY ALL",
    ):
        assert matchers(text, dialect="duckdb"), text
        assert not matchers(text), text
    assert not matchers("SELECT `Song Name` FROM singer", dialect="duckdb")
    assert not matchers('SELECT Name FROM singer WHERE Name = "Ann"', dialect="duckdb")


def test_other_dialects_are_read_as_duckdb():
    plain = schema("postgres", singer=("name",))
    assert grammar(plain) == grammar(schema("duckdb", singer=("name",)))


def test_a_schema_without_a_plain_name_has_a_grammar():
    rules = grammar_of(schema(my__table=("a b",)), "sql")
    assert rules.matcher.accepts('SELECT "a b" FROM "my table"')
    assert Independent(rules.lark()).accepts('SELECT t."a b" FROM "my table" AS t')


def test_xgrammar_reads_the_same_from_the_gbnf():
    xgrammar = pytest.importorskip("xgrammar", reason="no xgrammar: pip install xgrammar")
    accepts = pytest.importorskip("xgrammar.testing")._is_grammar_accept_string
    rules = grammar_of(schema(**MUSIC))
    strict = xgrammar.Grammar.from_ebnf(rules.text())
    loose = xgrammar.Grammar.from_ebnf(rules.loose_text)
    assert [text for text in SAID if not accepts(strict, text)] == []
    assert [text for text in SAID if not accepts(loose, text)] == []
    assert [text for text in UNSAID if accepts(strict, text)] == []


def test_a_grammar_is_made_once_for_the_same_names():
    assert grammar_of(schema(**MUSIC)) is grammar_of(schema(**MUSIC))
    assert grammar_of(schema(**MUSIC)) is not grammar_of(schema(**MUSIC), "qualified")


def written_as(target, sql, described):
    line = one_line(sql, described.dialect)
    if target == "from_first":
        return from_first(line, described.dialect)
    return qualified(line, described) if target == "qualified" else line


def refused(rows, databases=6, golds=12, seed=0):
    """Of some golds over some databases, those that the grammar of a target refuses."""
    by_database = {}
    for sql, described in rows:
        by_database.setdefault(described.db_id, (described, set()))[1].add(sql)
    rng = random.Random(seed)
    bad = []
    for name in rng.sample(sorted(by_database), min(databases, len(by_database))):
        described, statements = by_database[name]
        chosen = rng.sample(sorted(statements), min(golds, len(statements)))
        for target in TARGETS:
            matcher = Independent(grammar_of(described, target).lark())
            texts = [written_as(target, sql, described) for sql in chosen]
            bad += [(target, text) for text in texts if not matcher.accepts(text)]
    return bad


@pytest.mark.parametrize("file", ["dev", "train_spider_min", "train_others_min"])
def test_golds_of_spider_are_said(spider_data, file):
    folder = next(path.parent for path in spider_data.rglob("dev.json"))
    entries = {e["db_id"]: e for e in json.loads((folder / "tables.json").read_text())}
    described = cache(lambda name: described_schema(entries[name], name))
    rows = json.loads((folder / f"{file}.json").read_text())
    assert refused([(row["query"], described(row["db_id"])) for row in rows]) == []


def test_golds_of_bird_are_said(shared):
    dataset = plugins.load("datasets", "bird").open(DatasetOptions(data=shared("bird") / "bird"))
    entries = dataset.table_entries()
    rows = [(e.gold_sql, described_schema(entries[e.db_id], e.db_id)) for e in dataset.examples()]
    assert refused(rows) == []


def test_golds_of_wikisql_are_said(shared):
    dataset = plugins.load("datasets", "wikisql").open(
        DatasetOptions(data=shared("wikisql") / "wikisql")
    )
    rows = []
    for example in dataset.examples()[:196:28]:
        database = plugins.open_database(dataset.database_path(example.db_id))
        rows.append((example.gold_sql, database.schema(samples=0)))
        database.close()
    assert len(rows) == 7
    assert refused(rows) == []
