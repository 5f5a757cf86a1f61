import json
from collections import Counter
from contextlib import closing
from itertools import groupby
from operator import itemgetter

import pytest

from sqlkiln.core import plugins
from sqlkiln.sql.direction import turned, wrong_end
from sqlkiln.sql.repair import repair
from sqlkiln.sql.repair_text import edited

DDL = """
CREATE TABLE shop (id INTEGER PRIMARY KEY, town TEXT, size REAL, opened INTEGER,
    opening_year INTEGER);
CREATE TABLE clerk (id INTEGER PRIMARY KEY, name TEXT, salary INTEGER, rank INTEGER, born DATE,
    shop INTEGER REFERENCES shop(id));
"""
ROWS = {
    "shop": [(1, "Leeds", 10.0, 1, 1990), (2, "York", 30.0, 2, 1980)],
    "clerk": [(i, f"n{i}", 100 * i, i, "2000-01-01", 1 + i % 2) for i in range(1, 6)],
}


@pytest.fixture(scope="module")
def shops(built):
    return built("shops", DDL, ROWS)


@pytest.fixture(scope="module")
def schema(shops):
    return shops.schema(0)


TURNED = {
    ("Who are the three best paid clerks?", "SELECT name FROM clerk ORDER BY salary LIMIT 3"): (
        "SELECT name FROM clerk ORDER BY salary DESC LIMIT 3",
        "sorted the largest first, for 'best paid'",
    ),
    ("The town with the LARGEST shop", "SELECT town FROM shop order by size asc limit 1;"): (
        "SELECT town FROM shop order by size DESC limit 1;",
        "sorted the largest first, for 'largest'",
    ),
    (
        "Which town has the fewest clerks?",
        "SELECT town FROM shop JOIN clerk ON shop.id = clerk.shop GROUP BY town"
        " ORDER BY COUNT(*) DESC LIMIT 1 OFFSET 0",
    ): (
        "SELECT town FROM shop JOIN clerk ON shop.id = clerk.shop GROUP BY town"
        " ORDER BY COUNT(*) ASC LIMIT 1 OFFSET 0",
        "sorted the smallest first, for 'fewest'",
    ),
    (
        "Which two clerks have the highest salary in the shop of Leeds?",
        "SELECT name, salary AS pay FROM clerk WHERE shop IN (SELECT id FROM shop WHERE town ="
        " 'Leeds') ORDER BY pay LIMIT 2",
    ): (
        "SELECT name, salary AS pay FROM clerk WHERE shop IN (SELECT id FROM shop WHERE town ="
        " 'Leeds') ORDER BY pay DESC LIMIT 2",
        "sorted the largest first, for 'highest'",
    ),
}


@pytest.mark.parametrize(("question", "sql"), TURNED)
def test_an_order_the_wrong_way_round_is_turned(question, sql, shops, schema):
    wanted, detail = TURNED[question, sql]
    repaired = repair(sql, schema, question=question)
    assert repaired.sql == wanted
    assert [(fix.kind, fix.detail) for fix in repaired.fixes] == [("sort_direction", detail)]
    assert shops.execute(wanted).rows != shops.execute(sql).rows
    assert turned(question, wanted, schema) is None
    assert repair(sql, schema).sql == sql
    assert repair(sql, schema, off=["sort_direction"], question=question).sql == sql


BEST = "Who has the highest salary?"


@pytest.mark.parametrize(
    ("question", "sql"),
    [
        (BEST, "SELECT name FROM clerk ORDER BY salary DESC LIMIT 1"),  # as asked
        (BEST, "SELECT name FROM clerk ORDER BY salary"),  # all rows come
        (BEST, "SELECT name FROM clerk ORDER BY salary, id LIMIT 1"),  # two keys
        (BEST, "SELECT name FROM clerk ORDER BY name LIMIT 1"),  # text
        (BEST, "SELECT name FROM clerk ORDER BY born LIMIT 1"),  # a date
        (BEST, "SELECT name FROM clerk ORDER BY rank LIMIT 1"),  # the first is the highest
        (BEST, "SELECT name FROM clerk ORDER BY salary NULLS LAST LIMIT 1"),
        (BEST, "SELECT name FROM (SELECT * FROM clerk ORDER BY salary LIMIT 3)"),
        (BEST, "SELECT name FROM clerk WHERE id = (SELECT id FROM clerk ORDER BY id LIMIT 1)"),
        (BEST, "SELECT name FROM clerk UNION SELECT town FROM shop ORDER BY 1 LIMIT 1"),
        (BEST, "SELECT name FROM"),
        ("What is the oldest of the largest shops?", "SELECT id FROM shop ORDER BY size LIMIT 1"),
        ("Which shop is in business longest?", "SELECT id FROM shop ORDER BY opening_year LIMIT 1"),
        ("Which is not the largest shop?", "SELECT id FROM shop ORDER BY size LIMIT 1"),
        ("The largest and the smallest shop", "SELECT id FROM shop ORDER BY size LIMIT 1"),
        ("Shops with at most 5 clerks", "SELECT id FROM shop ORDER BY size LIMIT 5"),
        ("The most unpopular shop", "SELECT id FROM shop ORDER BY size LIMIT 1"),
        ("Name a shop", "SELECT id FROM shop ORDER BY size LIMIT 1"),
    ],
)
def test_what_is_not_plain_stays(question, sql, schema):
    assert turned(question, sql, schema) is None
    assert wrong_end(question, sql, schema) == ""
    assert repair(sql, schema, question=question).sql == sql


def test_it_is_said_in_a_sentence(schema):
    sql = "SELECT name FROM clerk ORDER BY salary LIMIT 1"
    assert wrong_end(BEST, sql, schema) == ("the question says 'highest', and the order wants DESC")
    found = turned(BEST, sql, schema)
    assert edited(sql, [found.edit]) == "SELECT name FROM clerk ORDER BY salary DESC LIMIT 1"


def test_spider_train_has_wrong_ends_and_dev_has_none(spider_data):
    found = Counter()
    for name in ("train_spider_min.json", "dev.json"):
        rows = sorted(json.loads((spider_data / name).read_text()), key=itemgetter("db_id"))
        for db_id, group in groupby(rows, key=itemgetter("db_id")):
            limited = [row for row in group if "limit" in row["query"].lower()]
            path = spider_data / "database" / db_id / f"{db_id}.sqlite"
            if not limited or not path.exists():
                continue
            with closing(plugins.open_database(path)) as database:
                schema = database.schema(0)
            found[name] += sum(bool(turned(r["question"], r["query"], schema)) for r in limited)
    assert found == {"train_spider_min.json": 14, "dev.json": 0}
