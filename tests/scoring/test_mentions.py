from sqlkiln.core.records import Column, DatabaseSchema, Table
from sqlkiln.scoring.mentions import Mentions, read_mentions

SCHEMA = DatabaseSchema(
    db_id="zoo",
    dialect="sqlite",
    tables=(
        Table(name="keeper", columns=(Column(name="id"), Column(name="name"))),
        Table(name="animal", columns=(Column(name="name"), Column(name="age"), Column(name="kid"))),
    ),
)


def test_constants_belong_to_the_columns_they_are_compared_with():
    found = read_mentions(
        [
            'SELECT 1 FROM animal WHERE age > 3 AND name = "Rex" AND -2.5 <= age',
            "SELECT name FROM animal WHERE age BETWEEN 1 AND 9 OR age IN (4, 5) OR name != 'Tom'",
        ],
        SCHEMA,
    )
    assert {place: set(values) for place, values in found.values.items()} == {
        ("animal", "age"): {3, -2.5, 1, 9, 4, 5},
        ("animal", "name"): {"Rex", "Tom"},
    }
    assert found.patterns == {}
    assert found.links == frozenset()


def test_patterns_are_kept_apart():
    found = read_mentions(["SELECT 1 FROM keeper WHERE name LIKE '%nn%' OR name LIKE id"], SCHEMA)
    assert found.patterns == {("keeper", "name"): ("%nn%",)}
    assert found.values == {}


def test_columns_that_are_compared_are_linked_both_ways():
    found = read_mentions(
        [
            "SELECT 1 FROM animal AS a JOIN keeper AS k ON a.kid = k.id",
            "SELECT name FROM animal WHERE age NOT IN (SELECT id FROM keeper)",
            "SELECT name FROM animal EXCEPT SELECT name FROM keeper",
        ],
        SCHEMA,
    )
    pairs = [
        (("animal", "kid"), ("keeper", "id")),
        (("animal", "age"), ("keeper", "id")),
        (("animal", "name"), ("keeper", "name")),
    ]
    assert found.links == {*pairs, *((b, a) for a, b in pairs)}


def test_numbers_of_rows_are_sizes():
    found = read_mentions(
        ["SELECT name FROM animal GROUP BY name HAVING count(*) >= 7 ORDER BY 1 LIMIT 3 OFFSET 2"],
        SCHEMA,
    )
    assert found.sizes == (2, 3, 7)
    assert found.values == {}


def test_what_cannot_be_parsed_mentions_nothing():
    assert read_mentions(["", "not SQL"], SCHEMA) == Mentions({}, {}, frozenset(), ())
