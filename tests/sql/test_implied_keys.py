import sqlite3
from contextlib import closing

import pytest

from sqlkiln.core import plugins
from sqlkiln.core.errors import QueryFailed
from sqlkiln.core.plugins import Limits
from sqlkiln.prompt.schema import read_schema
from sqlkiln.sql import implied_keys
from sqlkiln.sql.implied_keys import with_implied_keys

PLAYERS = [(f"p{n:02}", f"Player {n}", 70 + n % 5) for n in range(30)]
MATCHES = [
    (n, f"p{n % 30:02}", n % 4 + 1, (n + 1) % 4 + 1, ("LHR", "JFK", "SEA")[n % 3], 2000 + n % 9)
    for n in range(60)
]
AIRPORTS = [("LHR", "Heathrow"), ("JFK", "Kennedy"), ("SEA", "Seattle"), ("OSL", "Oslo")]
TEAMS = [(n, f"Team {n}") for n in range(1, 5)]

TABLES = """
    CREATE TABLE People (playerID TEXT, name TEXT, height INTEGER);
    CREATE TABLE teams (id INTEGER, name TEXT);
    CREATE TABLE airports (faa TEXT, name TEXT);
    CREATE TABLE matches
        (id INTEGER, playerID TEXT, home_team_id INTEGER, guest_team INTEGER, place TEXT, year INT);
"""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SQLKILN_CACHE_DIR", str(tmp_path / "cache"))


def made(path, script=TABLES, rows=True):
    connection = sqlite3.connect(path)
    connection.executescript(script)
    if rows:
        for table, content in (
            ("People", PLAYERS),
            ("teams", TEAMS),
            ("airports", AIRPORTS),
            ("matches", MATCHES),
        ):
            marks = ",".join("?" * len(content[0]))
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", content)
    connection.commit()
    connection.close()
    return path


def keys(path):
    with closing(plugins.open_database(path, Limits())) as database:
        schema = read_schema(database)
    return {
        f"{table.name}.{key.columns[0]}": f"{key.ref_table}.{key.ref_columns[0]}"
        for table in schema.tables
        for key in table.foreign_keys
    }


def test_names_and_values_tell_how_tables_go_together(tmp_path):
    assert keys(made(tmp_path / "league.sqlite")) == {
        "matches.playerID": "People.playerID",
        "matches.home_team_id": "teams.id",
        "matches.guest_team": "teams.id",
        "matches.place": "airports.faa",
    }


def test_files_of_csv_have_keys_as_well(tmp_path):
    folder = tmp_path / "league"
    folder.mkdir()
    (folder / "People.csv").write_text(
        "playerID,name\n" + "".join(f"{p},{n}\n" for p, n, _ in PLAYERS)
    )
    (folder / "airports.csv").write_text("faa,name\n" + "".join(f"{a},{n}\n" for a, n in AIRPORTS))
    (folder / "matches.csv").write_text(
        "id,playerID,place\n" + "".join(f"{m[0]},{m[1]},{m[4]}\n" for m in MATCHES)
    )
    assert keys(folder) == {
        "matches.playerID": "People.playerID",
        "matches.place": "airports.faa",
    }


def test_where_a_key_is_declared_nothing_is_added(tmp_path):
    declared = TABLES.replace("home_team_id INTEGER", "home_team_id INTEGER REFERENCES teams(id)")
    path = made(tmp_path / "declared.sqlite", declared)
    assert keys(path) == {"matches.home_team_id": "teams.id"}


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        ("INSERT INTO People VALUES ('p01', 'again', 1)", "matches.playerID"),
        ("INSERT INTO airports VALUES (NULL, 'nowhere')", "matches.place"),
        ("DELETE FROM airports WHERE faa = 'JFK'", "matches.place"),
        ("DELETE FROM People WHERE playerID >= 'p10'", "matches.playerID"),
        ("DELETE FROM teams", "matches.home_team_id"),
    ],
    ids=["twice", "null", "missing code", "most are missing", "empty"],
)
def test_what_the_values_contradict_is_no_key(tmp_path, change, lost):
    path = made(tmp_path / "league.sqlite")
    before = keys(path)
    connection = sqlite3.connect(path)
    connection.execute(change)
    connection.commit()
    connection.close()
    assert lost in before
    assert lost not in keys(path)


def test_a_few_unknown_ones_do_not_undo_a_key_of_the_same_name(tmp_path):
    path = made(tmp_path / "league.sqlite")
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM People WHERE playerID IN ('p01', 'p02', 'p03')")
    connection.commit()
    connection.close()
    assert keys(path)["matches.playerID"] == "People.playerID"


def test_years_names_and_counts_say_nothing(tmp_path):
    script = """
        CREATE TABLE seasons (year INTEGER, name TEXT);
        CREATE TABLE cups (year INTEGER, name TEXT, won INTEGER);
        CREATE TABLE team (id INTEGER, title TEXT);
        CREATE TABLE leagues (label TEXT, teams INTEGER, num_team INTEGER);
        INSERT INTO team VALUES (1, 'a'), (2, 'b'), (3, 'c');
        INSERT INTO leagues VALUES ('x1', 2, 2), ('y1', 3, 3);
        INSERT INTO seasons VALUES (2001, 'first'), (2002, 'second'), (2003, 'third');
        INSERT INTO cups VALUES (2001, 'x', 1), (2001, 'y', 2), (2002, 'z', 3);
    """
    assert keys(made(tmp_path / "cups.sqlite", script, rows=False)) == {}


def test_two_tables_of_the_same_key_refer_one_way(tmp_path):
    script = """
        CREATE TABLE person (person_id INTEGER, name TEXT);
        CREATE TABLE passport (person_id INTEGER, number TEXT);
        INSERT INTO person VALUES (1, 'a'), (2, 'b'), (3, 'c');
        INSERT INTO passport VALUES (1, 'x1'), (2, 'x2');
    """
    found = keys(made(tmp_path / "pass.sqlite", script, rows=False))
    assert found in (
        {"passport.person_id": "person.person_id"},
        {"person.person_id": "passport.person_id"},
    )


def test_what_was_found_is_kept_until_the_database_changes(tmp_path, monkeypatch):
    path = made(tmp_path / "league.sqlite")
    monkeypatch.setattr("sqlkiln.sql.database_state.SETTLED_S", 0.0)
    first = keys(path)
    assert len(list((tmp_path / "cache" / "keys").iterdir())) == 1
    monkeypatch.setattr(implied_keys._Reading, "keys", lambda self: pytest.fail("read again"))
    assert keys(path) == first
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM teams")
    connection.commit()
    connection.close()
    with pytest.raises(pytest.fail.Exception, match="read again"):
        keys(path)


def test_a_damaged_file_in_the_cache_is_read_over(tmp_path, monkeypatch):
    path = made(tmp_path / "league.sqlite")
    monkeypatch.setattr("sqlkiln.sql.database_state.SETTLED_S", 0.0)
    first = keys(path)
    (kept,) = (tmp_path / "cache" / "keys").iterdir()
    kept.write_text("{nonsense")
    assert keys(path) == first


def test_when_time_is_up_what_there_is_has_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(implied_keys, "LONGEST_S", 0.0)
    path = made(tmp_path / "league.sqlite")
    monkeypatch.setattr("sqlkiln.sql.database_state.SETTLED_S", 0.0)
    assert keys(path) == {}
    assert not (tmp_path / "cache" / "keys").exists()


def test_what_cannot_be_looked_at_is_no_key(tmp_path):
    path = made(tmp_path / "league.sqlite")
    with closing(plugins.open_database(path, Limits())) as database:
        schema = database.schema()

        class Refusing:
            def __init__(self, path):
                self.path = path

            def execute(self, sql, limits=None):
                raise QueryFailed("no")

        assert with_implied_keys(schema, Refusing(path)) == schema
