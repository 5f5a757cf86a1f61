import math
import os
import sqlite3
from contextlib import closing

import pytest

from sqlkiln.core.plugins import Limits, QueryResult, open_database
from sqlkiln.scoring import gold_cache
from sqlkiln.scoring.gold_cache import GoldCache, prune

LIMITS = Limits()
RESULT = QueryResult(("a", "b"), ((1, "x"), (None, 0.1 + 0.2)), False, 0.25)


@pytest.fixture
def cache(tmp_path):
    return lambda database="d" * 64, limits=LIMITS: GoldCache(database, limits, tmp_path)


def test_what_is_put_is_there_for_the_next_run(cache):
    first = cache()
    assert first.get("SELECT 1") is None
    first.put("SELECT 1", RESULT)
    assert first.get("SELECT 1") == RESULT
    assert cache().get("SELECT 1") == RESULT


@pytest.mark.parametrize(
    "rows",
    [
        (),
        ((2**70, -0.0, 1e308, "ü\n\x00\N{SNOWMAN}"),),
        ((b"\x00\xff", b"", '{"b":"eA=="}', None),),
        ((math.inf, -math.inf, 1.0, 1),),
    ],
)
def test_cells_come_back_as_they_were(cache, rows):
    result = QueryResult(("c",) * 4, rows, True, 0.5)
    cache().put("SELECT 1", result)
    found = cache().get("SELECT 1")
    assert found == result
    assert [[type(cell) for cell in row] for row in found.rows] == [
        [type(cell) for cell in row] for row in rows
    ]


def test_another_text_database_or_limit_is_another_result(cache):
    cache().put("SELECT 1", RESULT)
    assert cache().get("SELECT  1") is None
    assert cache("e" * 64).get("SELECT 1") is None
    assert cache("d" * 63 + "e").get("SELECT 1") is None
    for limits in (Limits(timeout_s=1.0), Limits(max_rows=5), Limits(max_bytes=99)):
        assert cache(limits=limits).get("SELECT 1") is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-20],
        lambda text: text.replace(b'"x"', b'"y"'),
        lambda text: text[40:],
        lambda text: b"\xff\x00 not a line\n",
        lambda text: b"",
    ],
)
def test_a_damaged_entry_is_passed_over(cache, tmp_path, damage):
    cache().put("SELECT 1", RESULT)
    (file,) = tmp_path.glob("*.jsonl")
    file.write_bytes(damage(file.read_bytes()))
    mended = cache()
    assert mended.get("SELECT 1") is None
    mended.put("SELECT 1", RESULT)
    assert cache().get("SELECT 1") == RESULT


def test_a_damaged_entry_does_not_hide_the_others(cache, tmp_path):
    first = cache()
    for number in range(3):
        first.put(f"SELECT {number}", QueryResult(("n",), ((number,),)))
    (file,) = tmp_path.glob("*.jsonl")
    lines = file.read_bytes().split(b"\n")
    file.write_bytes(b"\n".join(line[:30] if b"[[1]]" in line else line for line in lines))
    found = [cache().get(f"SELECT {number}") for number in range(3)]
    assert [result and result.rows for result in found] == [((0,),), None, ((2,),)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT random()",
        "SELECT * FROM t ORDER BY RANDOM() LIMIT 1",
        "SELECT date('now')",
        "SELECT CURRENT_TIMESTAMP",
        "SELECT current_date - born FROM t",
        "SELECT strftime('%Y') - year FROM t",
        "SELECT datetime()",
        "SELECT uuid()",
        "SELECT today()",
    ],
)
def test_what_may_be_different_tomorrow_is_not_kept(cache, sql):
    cache().put(sql, RESULT)
    assert cache().get(sql) is None


@pytest.mark.parametrize("sql", ["SELECT date FROM t", "SELECT strftime('%Y', born) FROM t"])
def test_dates_as_such_are_kept(cache, sql):
    cache().put(sql, RESULT)
    assert cache().get(sql) == RESULT


def test_a_result_that_is_too_big_is_not_kept(cache, monkeypatch):
    monkeypatch.setattr(gold_cache, "MAX_RESULT_BYTES", 100)
    cache().put("SELECT 1", RESULT)
    cache().put("SELECT 2", QueryResult(("a",), (("x" * 200,),)))
    assert cache().get("SELECT 1") == RESULT
    assert cache().get("SELECT 2") is None


def test_a_file_that_is_too_big_is_begun_again(cache, tmp_path, monkeypatch):
    cache().put("SELECT 1", RESULT)
    monkeypatch.setattr(gold_cache, "MAX_FILE_BYTES", 10)
    assert cache().get("SELECT 1") is None
    assert list(tmp_path.iterdir()) == []


def test_what_was_not_used_for_longest_goes_first(cache, tmp_path, monkeypatch):
    for number in range(3):
        cache(f"{number}" * 64).put("SELECT 1", RESULT)
    for number, path in enumerate(sorted(tmp_path.iterdir())):
        os.utime(path, (1000 - number, 1000 - number))
    size = path.stat().st_size
    monkeypatch.setattr(gold_cache, "MAX_TOTAL_BYTES", 2 * size)
    prune(tmp_path)
    assert [path.name[0] for path in sorted(tmp_path.iterdir())] == ["0", "1"]


def test_a_folder_that_cannot_be_written_is_only_slow(tmp_path):
    (tmp_path / "file").write_text("in the way")
    cache = GoldCache("d" * 64, LIMITS, tmp_path / "file")
    cache.put("SELECT 1", RESULT)
    assert GoldCache("d" * 64, LIMITS, tmp_path / "file").get("SELECT 1") is None
    prune(tmp_path / "file")


def test_real_results_come_back_the_same(cache, tmp_path):
    path = tmp_path / "shop.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE item (a, b);"
            "INSERT INTO item VALUES (x'00ff', 9e999), (NULL, 'ü'), (1, 2.5);"
        )
    with closing(open_database(path)) as database:
        result = database.execute("SELECT * FROM item")
    cache().put("SELECT * FROM item", result)
    assert cache().get("SELECT * FROM item") == result
