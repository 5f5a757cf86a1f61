import sqlite3
from contextlib import closing

import pytest

from sqlkiln.core.errors import DatabaseUnreadable
from sqlkiln.core.plugins import open_database
from sqlkiln.core.records import ForeignKey
from sqlkiln.scoring import profile as profiles
from sqlkiln.scoring.profile import read_profile

SHOP = """
CREATE TABLE "the shop" (code TEXT PRIMARY KEY COLLATE NOCASE, city VARCHAR(20) NOT NULL UNIQUE);
CREATE TABLE sale (
    shop TEXT REFERENCES "the shop"(code), no INT, paid REAL, kind TEXT, note TEXT,
    PRIMARY KEY (shop, no), UNIQUE (paid, note)
);
CREATE UNIQUE INDEX once ON sale (kind, paid);
CREATE UNIQUE INDEX partly ON sale (note) WHERE note > 'a';
CREATE INDEX slow ON sale (no);
CREATE VIEW dear AS SELECT * FROM sale WHERE paid > 2;
CREATE TRIGGER refused INSTEAD OF INSERT ON dear BEGIN SELECT 1; END;
INSERT INTO "the shop" VALUES ('a', 'Oslo'), ('b', 'Rome');
INSERT INTO sale VALUES ('a', 1, 2.5, 'x', NULL), ('a', 2, NULL, 'y', NULL), ('b', 1, 4, 'x', NULL),
    ('b', 2, 5.5, 'x', NULL), ('b', 3, 6.5, 'y', NULL);
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("shop") / "shop.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SHOP)
    return path


@pytest.fixture(scope="module")
def profile(path):
    with open_database(path) as database:
        return read_profile(database, database.schema())


def test_keys_are_read_however_they_are_declared(profile):
    shop, sale = profile.tables
    assert (shop.primary_key, shop.keys) == (("code",), (("code",), ("city",)))
    assert sale.primary_key == ("shop", "no")
    assert sale.keys == (("shop", "no"), ("paid", "note"), ("kind", "paid"))
    assert sale.foreign_keys == (
        ForeignKey(columns=("shop",), ref_table="the shop", ref_columns=("code",)),
    )


def test_columns_know_what_is_in_them(profile):
    columns = {c.name: c for table in profile.tables for c in table.columns}
    assert columns["paid"].values == (2.5, 4.0, 5.5, 6.5)
    assert columns["paid"].null_share == pytest.approx(0.2)
    assert columns["note"].values == ()
    assert columns["note"].null_share == 1.0
    assert (columns["city"].nullable, columns["kind"].nullable) == (False, True)
    assert [name for name, c in columns.items() if c.categorical] == ["shop", "kind"]
    assert (columns["code"].collation, columns["city"].collation) == ("NOCASE", "")


def test_the_tables_can_be_declared_anew(profile):
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(profile.ddl())
        names = "SELECT type, name FROM sqlite_master WHERE sql IS NOT NULL ORDER BY 2"
        assert connection.execute(names).fetchall() == [
            ("view", "dear"),
            ("table", "sale"),
            ("table", "the shop"),
        ]
        connection.execute("""INSERT INTO "the shop" VALUES ('q', 'Bern')""")
        found = connection.execute("""SELECT city FROM "the shop" WHERE code = 'Q'""")
        assert found.fetchall() == [("Bern",)]
        with pytest.raises(sqlite3.IntegrityError, match="NOT NULL"):
            connection.execute("""INSERT INTO "the shop" VALUES ('r', NULL)""")


def test_of_many_values_some_are_kept(path, monkeypatch):
    monkeypatch.setattr(profiles, "KEPT_VALUES", 3)
    with open_database(path) as database:
        schema = database.schema()
        kept = [
            read_profile(database, schema, seed).tables[1].columns[2].values for seed in (1, 1, 5)
        ]
    assert kept[0] == kept[1]
    assert len(set(kept[0])) == len(set(kept[2])) == 3
    assert set(kept[0]) < {2.5, 4.0, 5.5, 6.5}


def test_what_is_too_long_or_leads_nowhere_is_left_out(tmp_path):
    path = tmp_path / "odd.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE t (a TEXT, b INT REFERENCES v(a)); CREATE VIEW v AS SELECT a FROM t;"
        )
        connection.execute("INSERT INTO t VALUES (?, 1), ('short', 2)", ("x" * 201,))
        connection.commit()
    with open_database(path) as database:
        (table,) = read_profile(database, database.schema()).tables
    assert [column.values for column in table.columns] == [("short",), (1, 2)]
    assert table.foreign_keys == ()


def test_other_engines_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text("x\n1\n")
    with (
        closing(open_database(tmp_path / "a.csv")) as database,
        pytest.raises(DatabaseUnreadable, match=r"no test suite for a duckdb database: .*a\.csv"),
    ):
        read_profile(database, database.schema())
