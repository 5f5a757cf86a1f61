import pytest

from sqlkiln.core.errors import QueryTimeout, UnknownName
from sqlkiln.core.plugins import Limits, QueryResult, open_database
from sqlkiln.scoring import results
from sqlkiln.scoring.gold_cache import GoldCache
from sqlkiln.scoring.results import RememberingDatabase, fresh, run, run_gold


class Counting:
    """A database that counts what it is asked, and returns that many rows."""

    def __init__(self, database):
        self.database = database
        self.path, self.db_id, self.dialect = database.path, database.db_id, database.dialect
        self.asked = []

    def execute(self, sql, limits=None):
        self.asked.append(sql)
        if "slow" in sql:
            raise QueryTimeout("query timed out: no answer; wait")
        return self.database.execute(sql, limits)

    def schema(self, samples=3):
        self.asked.append("schema")
        return self.database.schema(samples)

    def close(self):
        self.database.close()


@pytest.fixture
def counting(shop):
    counting = Counting(open_database(shop))
    yield counting
    counting.close()


def test_a_statement_is_run_once_however_it_ends(counting):
    database = RememberingDatabase(counting)
    first = database.execute("SELECT 1")
    assert database.execute("SELECT 1;") is first
    assert database.execute(" SELECT 1 \n") is first
    for _ in range(2):
        with pytest.raises(UnknownName, match="nope"):
            database.execute("SELECT nope")
        with pytest.raises(QueryTimeout, match="timed out"):
            database.execute("SELECT 'slow'")
    assert counting.asked == ["SELECT 1", "SELECT nope", "SELECT 'slow'"]


def test_other_limits_are_another_question(counting):
    database = RememberingDatabase(counting)
    assert len(database.execute("SELECT * FROM orders").rows) == 4
    assert len(database.execute("SELECT * FROM orders", Limits(max_rows=1)).rows) == 1


def test_only_the_last_few_are_remembered(counting, monkeypatch):
    monkeypatch.setattr(results, "REMEMBERED", 2)
    database = RememberingDatabase(counting)
    for n in (1, 2, 1, 3, 1, 2):
        database.execute(f"SELECT {n}")
    assert counting.asked == ["SELECT 1", "SELECT 2", "SELECT 3", "SELECT 2"]


def test_long_results_are_not_piled_up(counting, monkeypatch):
    monkeypatch.setattr(results, "REMEMBERED_ROWS", 5)
    database = RememberingDatabase(counting)
    for sql in ("SELECT * FROM orders", "SELECT * FROM customer", "SELECT * FROM orders"):
        database.execute(sql)
    assert len(counting.asked) == 3


def test_the_schema_is_read_once(counting):
    database = RememberingDatabase(counting)
    assert database.schema(0) is database.schema(0)
    assert database.schema(3) is not database.schema(0)
    assert counting.asked == ["schema"] * 2


def test_golds_are_kept_for_other_runs_and_predictions_are_not(counting, tmp_path):
    def opened():
        return RememberingDatabase(counting, GoldCache("d" * 64, Limits(), tmp_path))

    first = opened()
    gold = run_gold(first, "SELECT count(*) FROM orders")
    assert run(first, "SELECT count(*) FROM orders") is gold
    run(first, "SELECT 7")
    second = opened()
    assert run_gold(second, "SELECT count(*) FROM orders") == gold
    run(second, "SELECT 7")
    assert counting.asked == ["SELECT count(*) FROM orders", "SELECT 7", "SELECT 7"]


def test_golds_that_fail_are_not_kept(counting, tmp_path):
    for _ in range(2):
        database = RememberingDatabase(counting, GoldCache("d" * 64, Limits(), tmp_path))
        assert isinstance(run_gold(database, "SELECT nope"), UnknownName)
    assert counting.asked == ["SELECT nope"] * 2


def test_any_database_will_do(counting):
    assert isinstance(run(counting, "SELECT nope"), UnknownName)
    assert isinstance(run_gold(counting, "SELECT 1"), QueryResult)
    assert fresh(counting) is counting
    assert fresh(RememberingDatabase(counting)) is counting


def test_it_opens_and_closes_what_it_stands_for(shop):
    database = RememberingDatabase.open(shop, Limits())
    assert (database.path, database.db_id, database.dialect) == (shop, "shop", "sqlite")
    assert database.execute("SELECT 1").rows == ((1,),)
    database.close()
    assert database.database.pid is None
    assert not RememberingDatabase.accepts(shop)
