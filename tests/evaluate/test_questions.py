import pytest

from sqlkiln.core.errors import DataError, UsageError
from sqlkiln.core.fingerprint import databases_digest
from sqlkiln.core.records import Example
from sqlkiln.evaluate.questions import (
    QuestionSource,
    by_database,
    choose,
    open_questions,
)

EXAMPLES = [Example(id=f"q{n}", db_id=f"db{n % 3}", question="?") for n in range(100)]


def ids(examples):
    return [example.id for example in examples]


def test_a_sample_is_stable_and_in_order():
    sample = choose(EXAMPLES, 10, seed=1)
    assert ids(sample) == ids(choose(EXAMPLES, 10, seed=1))
    assert ids(sample) == [e.id for e in EXAMPLES if e in sample]
    assert len(sample) == 10
    assert ids(sample) != ids(choose(EXAMPLES, 10, seed=2))


def test_a_larger_sample_holds_the_smaller_one():
    assert set(ids(choose(EXAMPLES, 10, 1))) < set(ids(choose(EXAMPLES, 30, 1)))


def test_what_else_is_there_does_not_change_who_is_drawn():
    drawn = choose(EXAMPLES, 50, 1)
    fewer = [e for e in EXAMPLES if e.db_id != "db0"]
    assert [e for e in drawn if e.db_id != "db0"] == [e for e in choose(fewer, 60, 1) if e in drawn]


def test_a_sample_favours_nobody():
    times = dict.fromkeys(ids(EXAMPLES), 0)
    for seed in range(200):
        for drawn in ids(choose(EXAMPLES, 20, seed)):
            times[drawn] += 1
    assert 15 < min(times.values()) < max(times.values()) < 70  # 40 on average


@pytest.mark.parametrize("limit", [None, 100, 1000])
def test_without_a_limit_that_matters_all_are_chosen(limit):
    assert choose(EXAMPLES, limit, 0) == EXAMPLES


def test_questions_are_grouped_with_the_largest_database_first():
    groups = by_database(EXAMPLES[1:6])
    assert [(db_id, ids(examples)) for db_id, examples in groups] == [
        ("db1", ["q1", "q4"]),
        ("db2", ["q2", "q5"]),
        ("db0", ["q3"]),
    ]


@pytest.fixture
def folder(tmp_path):
    lines = [f'{{"question": "{n}", "db_id": "{n}"}}' for n in ("there", "gone", "gone", "lost")]
    (tmp_path / "dev.jsonl").write_text("\n".join(lines))
    (tmp_path / "there.db").write_bytes(b"1")
    return tmp_path


def test_questions_without_a_database_are_counted(folder):
    questions = open_questions(QuestionSource(dataset="jsonl", data=folder))
    assert len(questions.all) == 4
    assert ids(questions.answerable) == ["dev-0001"]
    assert questions.missing == {"gone": 2, "lost": 1}
    assert questions.paths == {"there": folder / "there.db"}


def test_digests_follow_the_content(folder):
    source = QuestionSource(dataset="jsonl", data=folder)
    before = open_questions(source)
    assert open_questions(source).digest == before.digest
    bytes_before = databases_digest(before.paths)
    (folder / "there.db").write_bytes(b"2")
    assert open_questions(source).digest == before.digest
    assert databases_digest(before.paths) != bytes_before
    with (folder / "dev.jsonl").open("a") as file:
        file.write('\n{"question": "more", "db_id": "there"}')
    assert open_questions(source).digest != before.digest


def test_evidence_can_be_left_out(folder):
    line = '\n{"question": "?", "db_id": "there", "evidence": "there means here"}'
    with (folder / "dev.jsonl").open("a") as file:
        file.write(line)
    source = QuestionSource(dataset="jsonl", data=folder)
    told, untold = (
        open_questions(source.model_copy(update={"evidence": given})) for given in (True, False)
    )
    assert [e.evidence for e in told.answerable] == ["", "there means here"]
    assert [e.evidence for e in untold.answerable] == ["", ""]
    assert told.digest != untold.digest


def test_a_dataset_without_any_database_is_refused(folder):
    (folder / "there.db").unlink()
    with pytest.raises(DataError, match="no database found: dataset jsonl asks about gone, lost"):
        open_questions(QuestionSource(dataset="jsonl", data=folder))


def test_an_unknown_dataset_is_refused():
    with pytest.raises(UsageError, match=r"entry: 'wiki'; did you mean 'wikisql'\? known are b1, "):
        open_questions(QuestionSource(dataset="wiki"))
