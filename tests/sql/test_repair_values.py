import pytest

from sqlkiln.sql.repair import repair

DDL = """
CREATE TABLE station (id INTEGER PRIMARY KEY, name TEXT, borough TEXT, "opened by" TEXT);
CREATE TABLE rider (id INTEGER PRIMARY KEY, name TEXT, town TEXT);
CREATE TABLE trip (
    id INTEGER PRIMARY KEY, rider INTEGER REFERENCES rider(id), kind TEXT,
    start_station INTEGER REFERENCES station(id), end_station INTEGER REFERENCES station(id)
);
CREATE TABLE note (id INTEGER PRIMARY KEY, trip INTEGER REFERENCES trip(id), body TEXT);
"""
ROWS = {
    "station": [(1, "Mill Lane", "Soho", "Ann"), (2, "Quay", "Camden", "Bo")],
    "rider": [(1, "Cy", "Leeds"), (2, "Ann", "York")],
    "trip": [(1, 1, "day", 1, 2), (2, 2, "night", 2, 2)],
    "note": [(1, 1, "wet")],
}


class Known:
    """Knows every text in `ROWS`, by the columns of `DDL`."""

    def __init__(self, schema):
        self.cells = [
            (table.name, column.name, row[number])
            for table in schema.tables
            for number, column in enumerate(table.columns)
            for row in ROWS[table.name]
            if isinstance(row[number], str)
        ]

    def __call__(self, table, column, text):
        return None

    def elsewhere(self, table, column, text):
        found = [cell for cell in self.cells if cell[2].lower() == text.lower()]
        return () if any(cell[:2] == (table, column) for cell in found) else found


@pytest.fixture(scope="module")
def bikes(built):
    return built("bikes", DDL, ROWS)


@pytest.fixture(scope="module")
def schema(bikes):
    return bikes.schema(0)


MOVED = {
    # another column of the same table
    "SELECT name FROM station WHERE name = 'soho'": (
        "SELECT name FROM station WHERE station.borough = 'Soho'",
        "compared 'Soho' with station.borough, which has it, not name",
    ),
    "SELECT id FROM station AS s WHERE s.name IN ('Bo')": (
        "SELECT id FROM station AS s WHERE s.\"opened by\" IN ('Bo')",
        "compared 'Bo' with station.opened by, which has it, not name",
    ),
    # a table that is read already
    "SELECT COUNT(*) FROM trip JOIN rider ON trip.rider = rider.id WHERE trip.kind = 'Leeds'": (
        "SELECT COUNT(*) FROM trip JOIN rider ON trip.rider = rider.id WHERE rider.town = 'Leeds'",
        "compared 'Leeds' with rider.town, which has it, not kind",
    ),
    # the key says which of two ways is meant
    "SELECT COUNT(*) FROM trip WHERE end_station = 'Camden'": (
        "SELECT COUNT(*) FROM trip JOIN station ON trip.end_station = station.id"
        " WHERE station.borough = 'Camden'",
        "compared 'Camden' with station.borough, which has it, not end_station, over"
        " trip.end_station = station.id",
    ),
    # names that would become ambiguous get their table
    "SELECT id FROM trip WHERE kind = 'York' AND rider > 0": (
        "SELECT trip.id FROM trip JOIN rider ON trip.rider = rider.id"
        " WHERE rider.town = 'York' AND rider > 0",
        "compared 'York' with rider.town, which has it, not kind, over trip.rider = rider.id",
    ),
    # inside a subquery
    "SELECT name FROM rider WHERE id IN (SELECT rider FROM trip WHERE start_station = 'Quay')": (
        "SELECT name FROM rider WHERE id IN (SELECT rider FROM trip JOIN station ON"
        " trip.start_station = station.id WHERE station.name = 'Quay')",
        "compared 'Quay' with station.name, which has it, not start_station, over"
        " trip.start_station = station.id",
    ),
}


@pytest.mark.parametrize("sql", MOVED)
def test_a_text_is_compared_with_the_column_that_has_it(sql, bikes, schema):
    mended, detail = MOVED[sql]
    repaired = repair(sql, schema, Known(schema))
    assert repaired.sql == mended
    assert [(fix.kind, fix.detail) for fix in repaired.fixes] == [("value_moved", detail)]
    assert not [row for row in bikes.execute(sql).rows if row[0]]
    assert [row for row in bikes.execute(mended).rows if row[0]]
    assert repair(sql, schema, Known(schema), off=["value_moved"]).sql == sql
    assert repair(sql, schema).sql == sql


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM station WHERE name = 'Quay'",  # it is there
        "SELECT id FROM station WHERE name = 'Hull'",  # it is nowhere
        "SELECT body FROM note WHERE body = 'Ann'",  # two columns have it
        "SELECT kind FROM trip WHERE kind = 'Soho'",  # two keys lead there
        "SELECT id FROM station WHERE name LIKE 'soho'",
        "SELECT id FROM station WHERE name > 'Soho'",
        "SELECT a.id FROM trip AS a JOIN trip AS b ON a.id = b.rider WHERE a.kind = 'York'",
    ],
)
def test_what_is_not_clear_stays(sql, schema):
    repaired = repair(sql, schema, Known(schema))
    assert "value_moved" not in {fix.kind for fix in repaired.fixes}
    assert repaired.sql == sql


def test_a_stored_text_cannot_end_its_quotes(schema):
    class Hostile(Known):
        def elsewhere(self, table, column, text):
            return [("station", "borough", "x' OR 1=1 --")] if text == "y" else []

    sql = "SELECT id FROM station WHERE name = 'y'"
    assert repair(sql, schema, Hostile(schema)).sql == (
        "SELECT id FROM station WHERE station.borough = 'x'' OR 1=1 --'"
    )
