import pytest

from sqlkiln.core.errors import DataError, UsageError
from sqlkiln.core.plugins import DatasetOptions
from sqlkiln.core.records import Example
from sqlkiln.data.b1 import B1
from sqlkiln.data.create_context import CreateContext
from sqlkiln.data.leaks import EvaluationQuestions, QuestionsSpec, evaluation_sets
from sqlkiln.data.spider import Spider


def asked(question, sql="SELECT 1", db_id="shop", number=1):
    return Example(id=f"q{number}", db_id=db_id, question=question, gold_sql=sql)


KNOWN = EvaluationQuestions({"shop dev": [asked("How many pets?", "SELECT COUNT(*) FROM pet")]})


@pytest.mark.parametrize(
    ("example", "how"),
    [
        (asked("how many  PETS", "SELECT 2"), "same question and database"),
        (asked("How many pets?", "select count( * ) from pet;", "zoo"), "same question and SQL"),
    ],
)
def test_the_same_question_of_the_same_database_or_with_the_same_sql_leaks(example, how):
    leak = KNOWN.find(example)
    assert (leak.label, leak.id, leak.how) == ("shop dev", "q1", how)


@pytest.mark.parametrize(
    "example",
    [
        asked("How many pets?", "SELECT 2", "zoo"),
        asked("Count the pets.", "SELECT COUNT(*) FROM pet"),
        asked("How many pets?", None, "zoo"),
    ],
)
def test_other_questions_do_not(example):
    assert KNOWN.find(example) is None


def test_a_spec_names_dataset_split_and_folder(tmp_path):
    spec = QuestionsSpec.parse(f"b1:public64@{tmp_path}")
    assert (spec.label, spec.data) == ("b1 public64", tmp_path)
    assert QuestionsSpec.parse("dev", "spider") == QuestionsSpec("spider", "dev", None)
    for wrong in ("dev", ":dev", "spider:", ""):
        with pytest.raises(UsageError, match=r"wrong --against: .*write \[DATASET:\]SPLIT\[@DIR\]"):
            QuestionsSpec.parse(wrong)


def test_known_sets_that_are_missing_are_passed_over_and_named_ones_are_not(tmp_path):
    found = evaluation_sets([("spider", tmp_path), ("b1", tmp_path)], [])
    assert {label: len(examples) for label, examples in found.items()} == {"samples heldout": 170}
    with pytest.raises(DataError, match="no questions of split 'dev'"):
        evaluation_sets([], [QuestionsSpec("spider", "dev", tmp_path)])


def test_a_known_set_that_cannot_be_read_is_not_passed_over(tmp_path):
    (tmp_path / "dev.json").write_text("[{]")
    with pytest.raises(DataError, match=r"dev\.json: not JSON"):
        evaluation_sets([("spider", tmp_path)], [])


def test_54_rows_of_public64_are_spider_train_rows(shared, spider_data):
    public = B1.open(DatasetOptions(shared("b1") / "b1", split="public64")).examples()
    known = EvaluationQuestions({"b1 public64": public})
    train = Spider.open(DatasetOptions(spider_data, split="train")).examples()
    leaks = [leak.id for e in train if (leak := known.find(e))]
    assert len(set(leaks)) == 54


def test_the_dev_rows_of_create_context_are_those_of_spider(shared, spider_data):
    dev = Spider.open(DatasetOptions(spider_data)).examples()
    known = EvaluationQuestions({"spider dev": dev})
    rows = CreateContext.open(DatasetOptions(shared("create_context") / "create_context"))
    found = sum(known.find(e) is not None for e in rows.examples())
    assert found > 0.8 * len(rows.examples())
