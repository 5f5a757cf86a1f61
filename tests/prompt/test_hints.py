from random import Random

import pytest

from sqlkiln.core.records import Column, DatabaseSchema, Table
from sqlkiln.prompt.hints import HINT_CHARS, fits_a_hint, gold_hints, hints_within, value_hint

SCHEMA = DatabaseSchema(
    db_id="music",
    dialect="sqlite",
    tables=(
        Table(
            name="Singer",
            columns=(
                Column(name="id", type="INTEGER", samples=("1", "2")),
                Column(name="Country", type="TEXT", samples=("Norway", "France")),
                Column(name="stage name", type="TEXT", samples=("Ann", "a\nb", "x" * 39 + "…")),
            ),
        ),
        Table(
            name="song",
            columns=(
                Column(name="singer_id", type="INTEGER", samples=("1",)),
                Column(name="title", type="TEXT", samples=("france", "Rain")),
                Column(name="released", type="TEXT", samples=("1999-01-01",)),
            ),
        ),
    ),
)


def true_hints(sql):
    """The hints of `sql` when a search misses nothing, hits nothing else and nothing is alike."""
    bare = [
        table.model_copy(
            update={"columns": tuple(c.model_copy(update={"samples": ()}) for c in table.columns)}
        )
        for table in SCHEMA.tables
    ]
    schema = SCHEMA.model_copy(update={"tables": tuple(bare)})
    return set(gold_hints(sql, schema, Random(0), missed=0))


@pytest.mark.parametrize(
    ("sql", "hints"),
    [
        ("SELECT id FROM singer WHERE country = 'France'", {"Singer.Country = 'France'"}),
        ("SELECT id FROM singer WHERE 'France' != country", {"Singer.Country = 'France'"}),
        ('SELECT id FROM singer WHERE country = "France"', {"Singer.Country = 'France'"}),
        (
            "SELECT title FROM singer AS a JOIN song AS b ON a.id = b.singer_id "
            "WHERE b.title = 'Rain' AND a.country IN ('Norway', 'Spain')",
            {"song.title = 'Rain'", "Singer.Country = 'Norway'", "Singer.Country = 'Spain'"},
        ),
        (
            "SELECT id FROM singer WHERE \"stage name\" = 'O''Hara' EXCEPT "
            "SELECT singer_id FROM song WHERE title = 'Rain'",
            {"Singer.\"stage name\" = 'O''Hara'", "song.title = 'Rain'"},
        ),
        (
            "SELECT id FROM singer s WHERE EXISTS "
            "(SELECT 1 FROM song WHERE singer_id = s.id AND s.country = 'Peru')",
            {"Singer.Country = 'Peru'"},
        ),
        ("SELECT id FROM singer WHERE id = 3 AND country LIKE '%a%'", set()),
        ("SELECT a.id FROM singer a JOIN song b ON a.country = b.title", set()),
        ("SELECT x FROM elsewhere WHERE x = 'y'", set()),
        ("SELECT FROM ((", set()),
    ],
)
def test_finds_the_texts_that_columns_are_compared_with(sql, hints):
    assert true_hints(sql) == hints


def test_a_text_that_a_hint_cannot_state_makes_none():
    long = "y" * (HINT_CHARS + 1)
    assert true_hints(f"SELECT id FROM singer WHERE country IN ('{long}', 'a\nb', '')") == set()
    assert fits_a_hint(long[1:])
    assert not fits_a_hint(long)


def test_a_hint_shows_the_whole_value():
    value = "z" * HINT_CHARS
    assert value_hint("t", "a b", value) == f"t.\"a b\" = '{value}'"


def test_hits_are_missed_by_chance():
    sql = "SELECT id FROM singer WHERE country = 'Peru'"
    found = [gold_hints(sql, SCHEMA, Random(s), missed=0.3, distractors=0) for s in range(400)]
    assert 250 <= found.count(("Singer.Country = 'Peru'",)) <= 310
    assert set(found) == {("Singer.Country = 'Peru'",), ()}


def test_the_same_text_elsewhere_is_a_hit_every_other_time():
    sql = "SELECT id FROM singer WHERE country = 'France'"
    found = [gold_hints(sql, SCHEMA, Random(s), missed=0, distractors=0) for s in range(400)]
    alike = "song.title = 'france'"
    assert 160 <= sum(alike in hints for hints in found) <= 240
    both = {hints for hints in found if alike in hints}
    assert both == {(alike, "Singer.Country = 'France'"), ("Singer.Country = 'France'", alike)}


def test_false_hits_are_samples_with_letters():
    sql = "SELECT count(*) FROM singer"
    found = [gold_hints(sql, SCHEMA, Random(seed), distractors=0.5) for seed in range(200)]
    assert {hint for hints in found for hint in hints} == {
        "Singer.Country = 'Norway'",
        "Singer.Country = 'France'",
        "Singer.\"stage name\" = 'Ann'",
        "song.title = 'france'",
        "song.title = 'Rain'",
    }
    assert {len(hints) for hints in found} == {0, 1, 2, 3, 4}
    assert all(len(set(hints)) == len(hints) for hints in found)
    assert 75 <= found.count(()) <= 125


def test_the_same_seed_makes_the_same_hints():
    sql = "SELECT id FROM singer WHERE country = 'France'"
    for seed in range(20):
        assert gold_hints(sql, SCHEMA, Random(seed)) == gold_hints(sql, SCHEMA, Random(seed))


def test_a_cut_schema_leaves_the_hints_about_its_columns():
    hints = (value_hint("Singer", "Country", "Peru"), value_hint("song", "title", "Singer.id = "))
    assert hints_within(SCHEMA, hints) == hints
    only_songs = SCHEMA.model_copy(update={"tables": SCHEMA.tables[1:]})
    assert hints_within(only_songs, hints) == hints[1:]
