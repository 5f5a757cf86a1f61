import json
from contextlib import closing

import pytest

from sqlkiln.core.errors import DataError
from sqlkiln.core.plugins import DatasetOptions, open_database
from sqlkiln.data.b1 import B1, FILES

SCRIPT = "CREATE TABLE pets (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO pets VALUES (1, 'Rex')"
PROMPT = "You are a text-to-SQL model. Schema: {}. Question: {}"
SYNTHETIC = {
    "id": "shop-dev-000",
    "domain": "shop",
    "question": "List names.",
    "prompt": PROMPT.format("pets(id, name)", "List names."),
    "gold_sql": "select name from pets;",
    "db": "shop.db",
}
PUBLIC = {
    "id": "bmc2-dev-00000",
    "curriculum": "filter",
    "question": "How old?",
    "schema": "CREATE TABLE head (age INTEGER)",
    "gold_sql": "SELECT age FROM head;",
}
TRAINED = {
    "id": "bmc2-train-1-w0",
    "curriculum": "join",
    "instruction": PROMPT.format("CREATE TABLE a (x); CREATE TABLE b (y)", "Which? Why. Who?"),
    "response": "SELECT x FROM a;",
}


@pytest.fixture
def folder(tmp_path):
    write(tmp_path, "mixed114", [PUBLIC, SYNTHETIC])
    write(tmp_path, "public_train512", [TRAINED])
    schemas = tmp_path / "sql-poc-expanded" / "schemas"
    schemas.mkdir(parents=True)
    (schemas / "shop.sql").write_text(SCRIPT)
    return tmp_path


def write(folder, split, rows):
    path = folder / FILES[split]
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows) + "\n")
    return path


def opened(data, **options):
    return B1.open(DatasetOptions(data, **options))


def rows(dataset, example):
    with closing(open_database(dataset.database_path(example.db_id))) as database:
        return database.execute(example.gold_sql).rows


def test_dev_mixes_questions_with_rows_and_with_tables_alone(folder):
    dataset = opened(folder)
    public, synthetic = dataset.examples()
    assert (public.id, public.tags) == ("bmc2-dev-00000", ("filter", "schema_only"))
    assert public.db_id.startswith("public-")
    assert rows(dataset, public) == ()
    assert (synthetic.id, synthetic.db_id, synthetic.tags) == ("shop-dev-000", "shop", ("shop",))
    assert rows(dataset, synthetic) == (("Rex",),)
    assert {e.split for e in (public, synthetic)} == {"dev"}
    assert dataset.database_path("clinic") is None


def test_what_was_trained_on_is_taken_out_of_its_instruction(folder):
    dataset = opened(folder, split="public_train512")
    (example,) = dataset.examples()
    assert example.question == "Which? Why. Who?"
    assert example.gold_sql == "SELECT x FROM a;"
    with closing(open_database(dataset.database_path(example.db_id))) as database:
        assert [table.name for table in database.schema().tables] == ["a", "b"]


def test_the_first_trial_has_its_script_beside_it(folder):
    write(folder, "poc_train12", [{"instruction": "List.", "response": "select name from pets"}])
    (folder / "sql-poc" / "company.sql").write_text(SCRIPT)
    dataset = opened(folder, split="poc_train12")
    (example,) = dataset.examples()
    assert (example.id, example.db_id, example.question) == ("poc_train12-000", "company", "List.")
    assert rows(dataset, example) == (("Rex",),)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"mixed114\.jsonl:2: not JSON"),
        ("[1]", r"mixed114\.jsonl:2: not an object: found \[1\]"),
        (SYNTHETIC | {"question": ""}, None),
        ({"gold_sql": "SELECT 1"}, r":2: no question or instruction: the row has gold_sql"),
        (PUBLIC, r":2: id used before: 'bmc2-dev-00000'"),
        (SYNTHETIC | {"domain": "../x"}, r":2: wrong db_id: '../x' is a path"),
    ],
)
def test_wrong_rows_are_named(folder, line, message):
    write(folder, "mixed114", [PUBLIC, line])
    if message is None:
        assert opened(folder).examples()[1].question == "List names."
        return
    with pytest.raises(DataError, match=message):
        opened(folder).examples()


def test_what_is_not_there_is_named(folder):
    with pytest.raises(DataError, match="no such split of b1: 'test'; there are synthetic50"):
        opened(folder, split="test")
    with pytest.raises(DataError, match=r"no questions of split 'public64': .* has no sql-routed"):
        opened(folder, split="public64")
    write(folder, "mixed114", [""])
    with pytest.raises(DataError, match=r"mixed114\.jsonl: no questions in it"):
        opened(folder).examples()


def test_the_real_fixtures(shared):
    data = shared("b1") / "b1"
    counts = {split: len(opened(data, split=split).examples()) for split in FILES}
    for split, number in counts.items():
        assert split == "dev" or split.endswith(str(number))
    dataset = opened(data)
    with_rows = [e for e in dataset.examples() if "schema_only" not in e.tags]
    assert len(with_rows) == 50
    assert {e.db_id for e in with_rows} == {"company", "retail", "library", "school", "clinic"}
    assert all(dataset.database_path(e.db_id) for e in dataset.examples())
    assert len(rows(dataset, with_rows[0])) > 0
