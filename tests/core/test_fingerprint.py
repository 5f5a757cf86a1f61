import hashlib

from sqlkiln.core.fingerprint import databases_digest, questions_digest, shown
from sqlkiln.core.records import Example

ONE = Example(id="1", db_id="shop", question="How many?", gold_sql="SELECT 1")
TWO = Example(id="2", db_id="shop", question="Who?")


def test_questions_are_told_apart_by_everything_in_them_and_by_their_order():
    known = questions_digest([ONE, TWO])
    assert known == questions_digest(iter((ONE, TWO)))
    assert len(known) == 64
    changed = [ONE.model_copy(update={field: "x"}) for field in ("evidence", "gold_sql", "id")]
    others = [[TWO, ONE], [ONE], *([example, TWO] for example in changed)]
    assert len({known, *map(questions_digest, others)}) == 6


def test_databases_are_told_apart_by_name_and_bytes(tmp_path):
    (tmp_path / "a.db").write_bytes(b"abc")
    folder = tmp_path / "b"
    folder.mkdir()
    (folder / "t.csv").write_text("x\n")
    paths = {"b": folder, "a": tmp_path / "a.db"}
    abc, table = hashlib.sha256(b"abc").hexdigest(), hashlib.sha256(b"x\n").hexdigest()
    text = f"a/a.db:{abc}\nb/t.csv:{table}\n"
    assert databases_digest(paths) == hashlib.sha256(text.encode()).hexdigest()
    assert databases_digest({}) == hashlib.sha256(b"").hexdigest()


def test_people_see_the_beginning():
    assert shown("a" * 64, "b" * 64) == f"fingerprint: questions {'a' * 12}, databases {'b' * 12}"
