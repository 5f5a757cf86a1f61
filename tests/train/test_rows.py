"""Rows: every question once an epoch, the same from the same seed, and always answerable."""

from collections import Counter

import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

from tiny_tokenizer import tiny_tokenizer

from sqlkiln.core.errors import DataError
from sqlkiln.core.records import Column, DatabaseSchema, Demonstration, Table
from sqlkiln.prompt.views import Noise
from sqlkiln.train.encode import Encoder
from sqlkiln.train.rows import Layout, Rows

SCHEMAS = {
    name: DatabaseSchema(
        db_id=name,
        dialect="sqlite",
        tables=tuple(
            Table(name=f"{name}_{part}", columns=(Column(name="id"), Column(name=f"{part}_name")))
            for part in ("cat", "dog", "owl")
        ),
    )
    for name in ("zoo", "farm", "lab")
}


def demonstrations(per_database=10):
    return [
        Demonstration(
            id=f"{name}-{number}",
            db_id=name,
            question=f"question {number} of {name}",
            gold_sql=f"SELECT cat_name FROM {name}_cat WHERE id = {number}",
            repeat=2 if number == 0 else 1,
        )
        for name in SCHEMAS
        for number in range(per_database)
    ]


def rows(epochs=1.0, seed=0, **layout):
    made = Rows(
        demonstrations(), SCHEMAS, Encoder(tiny_tokenizer(), "sql", "compact"), Layout(**layout)
    )
    made.lay_out(epochs, seed)
    return made


def shown(made):
    return Counter(
        made.demonstrations[place].id
        for row in made.plan
        for group in row
        for place in group.places
    )


def text(made, place):
    return made.encoder.tokenizer.decode(list(made.packed(place).input_ids))


def test_an_epoch_shows_each_question_as_often_as_it_repeats():
    expected = {one.id: one.repeat for one in demonstrations()}
    assert shown(rows()) == expected
    assert shown(rows(epochs=2)) == {name: 2 * times for name, times in expected.items()}
    assert rows(epochs=2).examples == 66


def test_half_an_epoch_takes_half_of_the_rows():
    whole, half = rows(questions=2, tokens=128), rows(0.5, questions=2, tokens=128)
    assert len(half) == round(len(whole) / 2)
    assert half.plan == whole.plan[: len(half)]


def test_a_group_is_of_one_database_and_no_larger_than_asked():
    made = rows(questions=4, tokens=4000)
    for group in (group for row in made.plan for group in row):
        assert len(group.places) <= 4
        assert {made.demonstrations[place].db_id for place in group.places} == {group.db_id}


def test_a_row_holds_groups_as_long_as_they_fit():
    assert len(rows(questions=4, tokens=4000)) < len(rows(questions=4, tokens=300))


def test_one_question_a_row_when_nothing_is_packed():
    made = rows(questions=1, tokens=0)
    assert len(made) == 33
    assert made.packed(0).examples == 1


def test_easy_first_goes_from_the_easiest_bucket_to_the_hardest_in_each_pass():
    buckets = ("projection", "filter", "join", "nested", "")
    taught = [
        one.model_copy(update={"bucket": buckets[place % len(buckets)], "repeat": 1})
        for place, one in enumerate(demonstrations(30))
    ]
    encoder = Encoder(tiny_tokenizer(), "sql", "compact")
    made = Rows(taught, SCHEMAS, encoder, Layout(questions=2, tokens=240, easy_first=True))
    made.lay_out(1.5, 0)
    ranks = [
        [buckets.index(taught[place].bucket) for place in group.places]
        for row in made.plan
        for group in row
    ]
    means = [sum(group) / len(group) for group in ranks]
    falls = [i for i in range(1, len(means)) if means[i] < means[i - 1]]
    assert len(falls) == 1  # where the second pass begins
    assert sum(map(len, ranks[: falls[0]])) == len(taught)
    assert sum(max(group) > min(group) for group in ranks) <= len(SCHEMAS) * 4 * 1.5
    assert shown(made).keys() == {one.id for one in taught}
    mixed = rows(questions=2, tokens=240)
    assert mixed.plan == rows(questions=2, tokens=240, easy_first=False).plan


def test_the_same_seed_draws_the_same_rows_and_another_does_not():
    one, same, other = rows(seed=1), rows(seed=1), rows(seed=2)
    assert [one.packed(i) for i in range(len(one))] == [same.packed(i) for i in range(len(same))]
    assert one.plan != other.plan


def test_every_view_has_what_the_golds_of_its_group_need():
    made = rows(
        epochs=4, questions=3, tokens=300, noise=Noise(full=0, shuffled=0, cut=1, widened=0)
    )
    for place in range(len(made)):
        for group in made.plan[place]:
            assert f"{group.db_id}_cat(" in text(made, place)
    assert any("more table" in text(made, place) for place in range(len(made)))


def test_the_answers_are_learnt_and_nothing_else():
    made = rows(questions=2, tokens=128)
    packed = made.packed(0)
    learnt = [label for label in packed.labels if label >= 0]
    assert made.encoder.tokenizer.decode(learnt).count("SELECT cat_name") == packed.examples
    assert "question" not in made.encoder.tokenizer.decode(learnt)


def test_hints_come_with_their_share_of_questions():
    hinted = demonstrations()[1].model_copy(update={"hints": ("zoo_cat.cat_name = 'Tom'",)})
    encoder = Encoder(tiny_tokenizer(), "sql", "compact")
    for share, seen in ((1.0, True), (0.0, False)):
        made = Rows([hinted], SCHEMAS, encoder, Layout(hinted=share, noise=Noise(full=1)))
        made.lay_out(1, 0)
        assert ("'Tom'" in text(made, 0)) is seen


def test_nothing_to_train_on_is_an_error():
    encoder = Encoder(tiny_tokenizer(), "sql", "compact")
    with pytest.raises(DataError, match="nothing to train on"):
        Rows([], SCHEMAS, encoder, Layout())
    with pytest.raises(DataError, match="no schema of farm, lab, zoo"):
        Rows(demonstrations(), {}, encoder, Layout())
