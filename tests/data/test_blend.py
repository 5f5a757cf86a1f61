import json

import pytest
from pydantic import ValidationError

from sqlkiln.core.errors import DataError
from sqlkiln.data.blend import Row, Source, draw, gather, lot, times_shown
from sqlkiln.data.curriculum import bucket
from sqlkiln.sql.database_build import create_sqlite

SQL = ["SELECT x FROM a", "SELECT x FROM a WHERE x = 1", "SELECT COUNT(*) FROM a"]


@pytest.fixture
def folder(tmp_path):
    """Writes <name>/train.jsonl with so many questions over a database `shop`."""

    def write(name, count=30):
        place = tmp_path / name
        place.mkdir()
        create_sqlite(place / "shop.sqlite", "CREATE TABLE a (x)", {"a": [(1,)]})
        rows = [
            {"question": f"{name} {n}?", "gold_sql": SQL[n % 3], "db_id": "shop"}
            for n in range(count)
        ]
        (place / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
        return place

    return write


def by_sql(row: Row) -> str:
    return bucket(row.example.gold_sql)


def test_sources_follow_one_another_and_every_row_has_its_own_id(folder):
    one = Source(dataset="jsonl", data=folder("one", 2))
    two = Source(dataset="jsonl", data=folder("two", 2), name="mine")
    blend = gather([one, two], None)
    assert [row.id for row in blend.rows] == [
        "train-0001",
        "train-0002",
        "mine train/train-0001",
        "mine train/train-0002",
    ]
    assert [row.key for row in blend.rows] == ["jsonl/shop"] * 2 + ["mine/shop"] * 2
    assert blend.paths["mine/shop"] == two.data / "shop.sqlite"


def test_two_databases_of_one_name_need_names_of_their_own(folder):
    sources = [Source(dataset="jsonl", data=folder(name)) for name in ("one", "two")]
    with pytest.raises(DataError, match=r"two databases of one name: jsonl/shop is .*give one"):
        gather(sources, None)


def test_the_folder_of_a_dataset_is_looked_for_in_the_folder_of_all(tmp_path):
    (tmp_path / "b1").mkdir()
    assert Source(dataset="b1").folder(tmp_path) == tmp_path / "b1"
    assert Source(dataset="spider").folder(tmp_path) == tmp_path
    assert Source(dataset="spider", data=tmp_path / "x").folder(tmp_path) == tmp_path / "x"
    assert Source(dataset="samples").folder(tmp_path) is None


def test_a_limit_draws_the_same_rows_for_the_same_seed(folder):
    source = Source(dataset="jsonl", data=folder("one"), limit=10)
    rows = gather([source], None).rows
    drawn = draw(rows, by_sql, 1)
    assert len(drawn) == 10
    assert drawn == draw(rows, by_sql, 1) != draw(rows, by_sql, 2)
    assert [row.id for row in drawn] == sorted(row.id for row in drawn)
    more = Source(dataset="jsonl", data=source.data, limit=20)
    assert {row.id for row in drawn} < {
        row.id for row in draw(gather([more], None).rows, by_sql, 1)
    }


def test_take_draws_so_many_of_each_bucket(folder):
    source = Source(dataset="jsonl", data=folder("one"), take={"filter": 4, "aggregate": 99})
    drawn = draw(gather([source], None).rows, by_sql, 0)
    buckets = [by_sql(row) for row in drawn]
    assert (buckets.count("filter"), buckets.count("aggregate"), len(buckets)) == (4, 10, 14)


def test_each_source_draws_from_its_own_rows(folder):
    one = Source(dataset="jsonl", data=folder("one"), limit=3)
    two = Source(dataset="jsonl", data=folder("two"), name="two")
    drawn = draw(gather([one, two], None).rows, by_sql, 0)
    assert [row.label for row in drawn] == ["jsonl train"] * 3 + ["two train"] * 30


def test_repeat_times_the_weight_of_the_bucket_is_how_often_a_row_is_shown(folder):
    weights = {"filter": 2.0, "aggregate": 0.0, "projection": 0.5}
    source = Source(dataset="jsonl", data=folder("one", 300), repeat=3, weights=weights)
    shown = {"filter": 0, "aggregate": 0, "projection": 0}
    for row in gather([source], None).rows:
        shown[by_sql(row)] += times_shown(row, by_sql(row), 0)
    assert (shown["filter"], shown["aggregate"]) == (600, 0)
    assert 130 <= shown["projection"] <= 170


def test_lots_are_spread_evenly():
    lots = [lot(0, str(n)) for n in range(1000)]
    assert 0 <= min(lots) < 0.01
    assert 0.99 < max(lots) < 1
    assert 0.47 < sum(lots) / 1000 < 0.53


@pytest.mark.parametrize("field", ["take", "weights"])
def test_buckets_that_are_none_are_refused(field):
    with pytest.raises(ValidationError, match="no such bucket 'joins'; there are projection, "):
        Source(**{field: {"joins": 1}})
    with pytest.raises(ValidationError, match="bucket 'join' may not be negative"):
        Source(**{field: {"join": -1}})
