import sqlite3
from collections import Counter
from contextlib import closing
from random import Random

import pytest

from sqlkiln.core.plugins import DatasetOptions, open_database
from sqlkiln.core.records import Column, DatabaseSchema, ForeignKey, Table
from sqlkiln.data.samples import Samples
from sqlkiln.prompt.needs import Needs, needs_of
from sqlkiln.prompt.serialize import serialize
from sqlkiln.prompt.views import Noise, cut, draw, shuffled, widened

SEEDS = range(60)


def table(name, *columns, refers=()):
    """The first column is the primary key; `refers` maps columns to 'table.column'."""
    keys = [(column, *end.split(".")) for column, end in dict(refers).items()]
    return Table(
        name=name,
        columns=tuple(Column(name=c, primary_key=i == 0) for i, c in enumerate(columns)),
        foreign_keys=tuple(
            ForeignKey(columns=(column,), ref_table=ref, ref_columns=(there,))
            for column, ref, there in keys
        ),
    )


def schema(*tables, db_id="music"):
    return DatabaseSchema(db_id=db_id, dialect="sqlite", tables=tables)


MUSIC = schema(
    table("Singer", "id", "name", "country", "age"),
    table("song", "id", "singer_id", "title", "sales", refers={"singer_id": "singer.id"}),
    table("venue", "id", "city", "seats", "owner", refers={"owner": "singer.id"}),
    table("concert", "id", "venue_id", "year", refers={"venue_id": "venue.id"}),
)
CARS = schema(
    table("maker", "id", "name", "country"),
    table("model", "id", "maker_id", "name", refers={"maker_id": "maker.id"}),
    table("songs", "id", "maker_id", refers={"maker_id": "maker.id"}),
    db_id="cars",
)
PETS = schema(
    table("venue", "id", "animal"),
    table("pet", "id", "venue_id", refers={"venue_id": "venue.id"}),
    db_id="pets",
)
SONGS_OF_SINGERS = Needs(frozenset({"singer", "song"}), frozenset({"id", "singer_id", "title"}))


def names(view):
    return [table.name for table in view.tables]


def columns(view, name):
    return [c.name for t in view.tables if t.name == name for c in t.columns]


def dangling(view):
    there = {(t.name.lower(), c.name.lower()) for t in view.tables for c in t.columns}
    ends = [
        (name, column.lower())
        for t in view.tables
        for key in t.foreign_keys
        for name, part in ((t.name.lower(), key.columns), (key.ref_table.lower(), key.ref_columns))
        for column in part
    ]
    return [end for end in ends if end not in there]


def unordered(view):
    return {
        (t.name, frozenset(t.columns), frozenset(t.foreign_keys), t.row_count) for t in view.tables
    }


def test_shuffling_changes_the_order_and_nothing_else():
    views = [shuffled(MUSIC, Random(seed)) for seed in SEEDS]
    assert all(unordered(view) == unordered(MUSIC) for view in views)
    assert {name for view in views for name in names(view)[:1]} == set(names(MUSIC))
    assert {tuple(columns(view, "song")[1:]) for view in views} == {
        ("singer_id", "title", "sales"),
        ("singer_id", "sales", "title"),
        ("title", "singer_id", "sales"),
        ("title", "sales", "singer_id"),
        ("sales", "singer_id", "title"),
        ("sales", "title", "singer_id"),
    }


def test_primary_keys_stay_in_front_unless_told_otherwise():
    composite = Table(
        name="part",
        columns=tuple(Column(name=n, primary_key=n in {"b", "d"}) for n in ("a", "b", "c", "d")),
    )
    in_front = {tuple(columns(shuffled(schema(composite), Random(s)), "part")) for s in SEEDS}
    assert in_front == {("b", "d", "a", "c"), ("b", "d", "c", "a")}
    anywhere = {
        tuple(columns(shuffled(schema(composite), Random(s), keys_first=False), "part"))
        for s in SEEDS
    }
    assert {order.index("b") for order in anywhere} == {0, 1, 2}
    assert all(order.index("b") < order.index("d") for order in anywhere)


def test_a_cut_keeps_what_is_needed_and_the_order():
    assert names(cut(MUSIC, SONGS_OF_SINGERS, Random(0), keep=0)) == ["Singer", "song"]
    assert cut(MUSIC, SONGS_OF_SINGERS, Random(0), keep=1) == MUSIC


def test_other_tables_stay_by_chance():
    kept = Counter(
        name
        for seed in range(400)
        for name in names(cut(MUSIC, SONGS_OF_SINGERS, Random(seed), keep=0.25))
    )
    assert kept["Singer"] == kept["song"] == 400
    assert 70 <= kept["venue"] <= 130
    assert 70 <= kept["concert"] <= 130


def test_a_cut_goes_down_to_a_number_of_tables_but_not_below_the_needed_ones():
    for seed in SEEDS:
        three = names(cut(MUSIC, SONGS_OF_SINGERS, Random(seed), keep=1, at_most=3))
        assert len(three) == 3
        assert {"Singer", "song"} < set(three)
        assert len(cut(MUSIC, SONGS_OF_SINGERS, Random(seed), keep=1, at_most=1).tables) == 2


def test_a_cut_for_nothing_still_shows_one_table():
    assert {len(cut(MUSIC, Needs(), Random(seed), keep=0).tables) for seed in SEEDS} == {1}


def test_a_cut_drops_the_foreign_keys_that_lead_nowhere():
    only_concerts = cut(MUSIC, Needs(frozenset({"concert"})), Random(0), keep=0)
    assert only_concerts.tables[0].foreign_keys == ()
    with_singers = cut(MUSIC, SONGS_OF_SINGERS, Random(0), keep=0)
    assert with_singers.tables[1].foreign_keys == MUSIC.tables[1].foreign_keys


def test_a_cut_may_drop_columns_but_no_keys():
    view = cut(MUSIC, SONGS_OF_SINGERS, Random(0), keep=1, keep_columns=0)
    assert columns(view, "Singer") == ["id"]
    assert columns(view, "song") == ["id", "singer_id", "title"]
    assert columns(view, "venue") == ["id", "owner"]
    assert dangling(view) == []


def test_a_column_that_another_table_refers_to_stays():
    coded = schema(
        Table(name="land", columns=(Column(name="name"), Column(name="code"), Column(name="x"))),
        table("city", "id", "land", refers={"land": "land.Code"}),
    )
    view = cut(coded, Needs(frozenset({"city", "land"})), Random(0), keep_columns=0)
    assert columns(view, "land") == ["code"]


def test_a_widened_schema_has_strangers_and_keeps_its_own_order():
    for seed in SEEDS:
        view = widened(MUSIC, [CARS, PETS], Random(seed), most=3)
        own = [name for name in names(view) if name in names(MUSIC)]
        assert own == names(MUSIC)
        assert 5 <= len(view.tables) <= 7
        assert dangling(view) == []


def test_tables_whose_name_is_taken_are_passed_over():
    seen = {name for s in SEEDS for name in names(widened(MUSIC, [CARS, PETS], Random(s)))}
    assert seen == {*names(MUSIC), "maker", "model", "pet"}
    assert widened(MUSIC, [MUSIC], Random(0)) == MUSIC
    assert widened(MUSIC, [], Random(0)) == MUSIC


def test_a_stranger_does_not_refer_to_our_table_of_that_name():
    views = [widened(MUSIC, [PETS], Random(seed)) for seed in SEEDS]
    keys = {t.foreign_keys for view in views for t in view.tables if t.name == "pet"}
    assert keys == {()}


def test_strangers_keep_their_ties_among_themselves():
    both = [v for s in SEEDS if len((v := widened(MUSIC, [CARS], Random(s))).tables) == 6]
    assert both
    for view in both:
        (model,) = [t for t in view.tables if t.name == "model"]
        assert model.foreign_keys == CARS.tables[1].foreign_keys


@pytest.mark.parametrize("seed", range(100))
def test_whatever_is_drawn_has_what_is_needed(seed):
    rng = Random(seed)
    needs = Needs(
        frozenset(rng.sample(["singer", "song", "venue", "concert"], rng.randint(0, 4))),
        frozenset(rng.sample(["age", "title", "seats", "year"], rng.randint(0, 4))),
    )
    noise = Noise(full=1, shuffled=1, cut=1, widened=1, keep_columns=0.3)
    view, omitted = draw(MUSIC, needs, [CARS, PETS], rng, noise)
    shown = {t.name.lower(): {c.name for c in t.columns} for t in view.tables}
    assert needs.tables <= shown.keys()
    for whole in MUSIC.tables:
        if whole.name.lower() in needs.tables:
            needed = {c.name for c in whole.columns if c.name in needs.columns}
            assert needed <= shown[whole.name.lower()]
    assert dangling(view) == []
    assert omitted == len(set(names(MUSIC)) - set(names(view)))


def test_views_are_drawn_as_often_as_asked():
    noise = Noise(full=2, shuffled=0, cut=1, widened=1)
    counts = Counter()
    for seed in range(400):
        view, omitted = draw(MUSIC, SONGS_OF_SINGERS, [CARS], Random(seed), noise)
        counts["cut"] += omitted > 0
        counts["widened"] += len(view.tables) > 4
        counts["full"] += view == MUSIC
    assert 80 <= counts["widened"] <= 120
    assert 170 <= counts["full"] <= 250
    assert 40 <= counts["cut"] <= 100


def test_the_same_seed_draws_the_same_view():
    for seed in SEEDS:
        one, two = (draw(MUSIC, Needs(), [CARS], Random(seed), Noise()) for _ in range(2))
        assert one == two


def test_without_noise_the_schema_is_itself():
    plain = Noise(full=1, shuffled=0, cut=0, widened=0)
    assert draw(MUSIC, Needs(), [CARS], Random(1), plain) == (MUSIC, 0)


def test_a_mix_of_nothing_is_refused():
    with pytest.raises(ValueError, match="all views have weight 0; give at least one"):
        Noise(full=0, shuffled=0, cut=0, widened=0)


def test_golds_still_run_on_what_the_barest_cut_leaves(tmp_path):
    dataset = Samples.open(DatasetOptions(data=tmp_path, split="dev"))
    schemas = {}
    for example in dataset.examples():
        if example.db_id not in schemas:
            with closing(open_database(dataset.database_path(example.db_id))) as database:
                schemas[example.db_id] = database.schema(samples=0)
        whole = schemas[example.db_id]
        needs = needs_of(whole, example.gold_sql)
        bare = cut(whole, needs, Random(0), keep=0, keep_columns=0)
        with closing(sqlite3.connect(":memory:")) as empty:
            empty.executescript(serialize(bare, "ddl"))
            empty.execute(example.gold_sql).fetchall()
    assert len(schemas) == 5
