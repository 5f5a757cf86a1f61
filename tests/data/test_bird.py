import json
from contextlib import closing

import pytest

from sqlkiln.core.errors import DataError, UsageError
from sqlkiln.core.plugins import DatasetOptions, open_database
from sqlkiln.data.bird import Bird


def row(number, db_id="cards", **fields):
    return {
        "question_id": number,
        "db_id": db_id,
        "question": "How many cards are rare?",
        "evidence": "rare means rarity = 'rare'",
        "SQL": "SELECT COUNT(*) FROM cards WHERE rarity = 'rare'",
        "difficulty": "simple",
        **fields,
    }


def lay_out(folder, name, rows):
    folder.mkdir(exist_ok=True, parents=True)
    (folder / name).write_text(json.dumps(rows))
    place = folder / "dev_databases" / "cards" / "cards.sqlite"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch()
    return place


def opened(data, **options):
    return Bird.open(DatasetOptions(data, **options))


def test_questions_come_with_their_evidence(tmp_path):
    place = lay_out(tmp_path, "dev.json", [row(0), row(1, "toxicology", difficulty="challenging")])
    bird = opened(tmp_path)
    first, second = bird.examples()
    assert (first.id, first.db_id, first.dataset, first.split) == (
        "bird-dev-0000",
        "cards",
        "bird",
        "dev",
    )
    assert first.evidence == "rare means rarity = 'rare'"
    assert first.gold_sql == "SELECT COUNT(*) FROM cards WHERE rarity = 'rare'"
    assert (first.tags, second.tags) == (("simple",), ("challenging",))
    assert bird.database_path("cards") == place
    assert bird.database_path("toxicology") is None


@pytest.mark.parametrize("split", ["mini_dev", "mini-dev"])
@pytest.mark.parametrize("name", ["mini_dev.json", "MINIDEV/mini_dev_sqlite.json"])
def test_mini_dev_is_numbered_by_place(tmp_path, split, name):
    path = tmp_path / name
    place = lay_out(path.parent, path.name, [row(137), row(137), row(138)])
    bird = opened(tmp_path, split=split)
    assert [e.id for e in bird.examples()] == [f"bird-mini_dev-000{n}" for n in range(3)]
    assert bird.database_path("cards") == place


def test_the_archives_may_stay_as_they_unpack(tmp_path):
    place = lay_out(tmp_path / "dev_20240627", "dev.json", [row(0)])
    bird = opened(tmp_path)
    assert len(bird.examples()) == 1
    assert bird.database_path("cards") == place


def test_a_file_of_questions_is_asked_over_the_databases_of_the_folder(tmp_path):
    place = lay_out(tmp_path / "bird", "dev.json", [row(0)])
    (tmp_path / "few.json").write_text(json.dumps([row(9)]))
    bird = opened(tmp_path / "bird", questions=tmp_path / "few.json")
    assert [e.id for e in bird.examples()] == ["bird-few-0000"]
    assert bird.database_path("cards") == place


def test_the_tables_are_described_where_the_file_is_there(tmp_path):
    lay_out(tmp_path, "dev.json", [row(0)])
    assert opened(tmp_path).table_entries() == {}
    (tmp_path / "dev_tables.json").write_text('[{"db_id": "cards"}]')
    assert opened(tmp_path).table_entries() == {"cards": {"db_id": "cards"}}


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match="no folder given for the dataset bird; add --data DIR"):
        opened(None)
    with pytest.raises(DataError, match=r"no questions of split 'dev': .* has no dev\.json or"):
        opened(tmp_path)
    lay_out(tmp_path, "dev.json", [row(0, question=None)])
    with pytest.raises(DataError, match=r"dev\.json: row 0: no question"):
        opened(tmp_path).examples()


def test_the_real_files(shared):
    data = shared("bird") / "bird"
    for split, total, there in (("dev", 1534, 129), ("mini_dev", 500, 52)):
        bird = opened(data, split=split)
        examples = bird.examples()
        asked = [e for e in examples if bird.database_path(e.db_id)]
        assert (len(examples), len(asked)) == (total, there)
        assert {e.db_id for e in asked} == {"superhero"}
        assert all(e.tags[0] in ("simple", "moderate", "challenging") for e in examples)
    with closing(open_database(bird.database_path("superhero"))) as database:
        assert len(database.schema().tables) == 10
