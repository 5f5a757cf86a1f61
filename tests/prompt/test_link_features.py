import pytest

from sqlkiln.core.records import Column, DatabaseSchema, ForeignKey, Table
from sqlkiln.prompt.link_features import asks, fill_columns, fill_neighbours, fill_tables
from sqlkiln.prompt.link_scene import Scene
from sqlkiln.sql.values import ValueHit


def table(name, *columns, keys=()):
    return Table(
        name=name,
        columns=tuple(
            Column(name=n.partition(" ")[0], type=n.partition(" ")[2], primary_key=i == 0)
            for i, n in enumerate(columns)
        ),
        foreign_keys=tuple(
            ForeignKey(columns=(c,), ref_table=t, ref_columns=("id",)) for c, t in keys
        ),
    )


SCHEMA = DatabaseSchema(
    db_id="x",
    dialect="sqlite",
    tables=(
        table("owner", "id INT", "name TEXT", "town TEXT"),
        table(
            "owns", "owner_id INT", "pet_id INT", keys=[("owner_id", "owner"), ("pet_id", "pet")]
        ),
        table("pet", "id INT", "name TEXT", "pet_age INT", "born TEXT", "birthday DATE"),
        table("pet_food", "id INT", "brand TEXT"),
    ),
)


def scene(question, *hits, evidence=""):
    made = Scene(SCHEMA, question, hits, evidence)
    fill_tables(made)
    return made


@pytest.mark.parametrize(
    ("question", "shown"),
    [
        ("How many pets are there?", {"count"}),
        ("Who was born before 1990?", {"time", "digits"}),
        ("the oldest pet", {"time"}),
        ("the average, highest first", {"number"}),
        ("Show all information about pets", {"all"}),
        ("Give me the details of pets", {"all"}),
        ("names of pets", set()),
    ],
)
def test_what_is_asked_for(question, shown):
    assert {name for name, value in asks(question).items() if value} == shown


def test_of_a_table_its_name_its_columns_and_values_are_observed():
    hit = ValueHit("owner", "town", "Oslo", "oslo", 0.8, "same words")
    owner, owns, pet, food = scene("age of the pets in oslo", hit).tables
    assert (pet.features["full"], owner.features["full"]) == (1.0, 0.0)
    assert (owner.features["hit"], owner.features["only_hit"], pet.features["hit"]) == (0.8, 0.8, 0)
    assert food.features["covered"] == 0.5
    assert pet.features["best_column"] == 1.0  # pet_age: what is the table's name does not count
    assert owns.features["keys"] == pytest.approx(2 / 3)


def test_a_table_whose_name_goes_on_in_the_question_is_told():
    _, _, pet, food = scene("brands of pet food").tables
    assert (pet.features["longer_is_named"], food.features["longer_is_named"]) == (1.0, 0.0)
    _, _, pet, _ = scene("ages of pets").tables
    assert pet.features["longer_is_named"] == 0.0


def test_a_table_between_two_likely_ones_is_told():
    made = scene("owners and pets")
    fill_neighbours(made, {0: 0.81, 1: 0.01, 2: 0.64, 3: 0.02})
    assert made.ways == {1: (0, 2)}
    features = made.tables[1].features
    assert features["between"] == pytest.approx(0.72)
    assert features["two_near"] == pytest.approx(0.81 * 0.64)
    assert made.tables[3].features["between"] == 0.0
    ranks = [t.features[n] for t, n in zip(made.tables, ("first", "later", "second"), strict=False)]
    assert ranks == [1.0, 1.0, 1.0]


def test_a_table_gains_by_words_that_those_before_it_have_not():
    made = scene("name and brand")
    fill_neighbours(made, {0: 0.9, 1: 0.1, 2: 0.8, 3: 0.2})
    gains = [t.features["gain"] for t in made.tables]
    assert gains == [0.5, 0.0, 0.0, 0.5]


def test_words_that_nothing_explains_are_counted():
    assert scene("name of each owner").unexplained == 0
    assert scene("name of each owner in Springfield Heights").unexplained == 2
    assert scene("name of each owner", evidence="obscure remarks").unexplained == 0
    hit = ValueHit("owner", "town", "Springfield Heights", "Springfield Heights", 1.0, "same words")
    assert scene("name of each owner in Springfield Heights", hit).unexplained == 0


def test_of_a_column_its_name_its_kind_and_its_table_are_observed():
    made = scene("When was the pet born and how old is it, 1990?")
    chances = {0: 0.1, 1: 0.1, 2: 0.9, 3: 0.1}
    fill_columns(made, chances)
    named = {f"{SCHEMA.tables[c.table].name}.{c.column.name}": c.features for c in made.columns}
    assert named["pet.born"]["exact"] == 1.0
    assert named["pet.birthday"]["kind_asked"] == 1.0
    assert named["pet.birthday"]["time_given"] == 1.0
    assert named["pet.pet_age"]["number_given"] == 1.0
    assert named["pet.id"]["primary"] == named["pet.id"]["key"] == 1.0
    assert named["pet.name"]["label_of_table"] == 0.9
    assert named["owner.town"]["unspoken"] == 1.0
    assert named["pet.born"]["best_for_word"] == 1.0


def test_evidence_is_part_of_what_is_asked():
    assert scene("how many?", evidence="brand of food").tables[3].features["any_part"] == 1.0
