import os
import resource
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from sqlkiln.core.errors import DataError, EnvironmentFault, StorageFull
from sqlkiln.core.files import JsonlWriter, read_jsonl, sha256_file, write_atomic
from sqlkiln.core.records import Example, Prediction

ONE = Example(id="1", db_id="shop", question="How many customers?")
TWO = Example(id="2", db_id="shop", question="Wie viele Käufer?", tags=("count", "umlaut"))


@contextmanager
def file_size_limit(size):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_sha256_is_the_published_one_for_abc(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_file(tmp_path / "abc") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


class TestWriteAtomic:
    def test_makes_the_folder_and_replaces_the_text(self, tmp_path):
        path = tmp_path / "deep" / "note.txt"
        write_atomic(path, "first")
        write_atomic(path, "ä")
        assert path.read_bytes() == "ä".encode()
        assert os.listdir(path.parent) == ["note.txt"]

    def test_follows_the_umask(self, tmp_path):
        before = os.umask(0o027)
        try:
            write_atomic(tmp_path / "note.txt", "x")
        finally:
            os.umask(before)
        assert (tmp_path / "note.txt").stat().st_mode & 0o777 == 0o640

    def test_without_room_keeps_the_old_text_and_leaves_nothing_else(self, tmp_path):
        path = tmp_path / "note.txt"
        write_atomic(path, "old")
        with (
            file_size_limit(1000),
            pytest.raises(StorageFull, match=r"no room on the disk: .*note\.txt: .*; free some"),
        ):
            write_atomic(path, "x" * 5000)
        assert path.read_text() == "old"
        assert os.listdir(tmp_path) == ["note.txt"]

    def test_names_a_path_that_cannot_be_written(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(EnvironmentFault, match=r"cannot write: .*; check the path"):
            write_atomic(tmp_path / "file" / "note.txt", "x")


class TestReadJsonl:
    def test_gives_back_what_was_written(self, tmp_path):
        path = tmp_path / "examples.jsonl"
        with JsonlWriter(path) as writer:
            writer.write(ONE)
            writer.write(TWO)
        assert list(read_jsonl(path, Example)) == [ONE, TWO]
        assert path.read_text(encoding="utf-8").count('"schema_id":"example/1"') == 2

    def test_passes_over_blank_lines_and_takes_the_version_for_granted(self, tmp_path):
        path = tmp_path / "own.jsonl"
        path.write_text('\n{"id": "1", "db_id": "shop", "question": "How many customers?"}\n\n')
        assert list(read_jsonl(path, Example)) == [ONE]

    def test_reads_what_an_older_version_wrote(self, tmp_path):
        path = tmp_path / "predictions.jsonl"
        path.write_text('{"schema_id": "prediction/1", "id": "1", "db_id": "shop", "sql": "A"}')
        (found,) = read_jsonl(path, Prediction)
        assert (found.schema_id, found.sql, found.confidence) == ("prediction/2", "A", None)

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ('{"id": "2", "db', r"examples\.jsonl:2: not JSON: .*; correct or remove it"),
            ("\udcff", r"examples\.jsonl:2: not JSON: .*utf-8"),
            ("[1]", r"examples\.jsonl:2: not a JSON object: list; write"),
            (
                '{"schema_id": "example/9", "id": "2"}',
                r"jsonl:2: unknown schema_id: 'example/9'; this sqlkiln reads 'example/1'",
            ),
            (
                '{"id": "2", "db_id": "shop", "question": "?", "colour": "red"}',
                r"jsonl:2: wrong field 'colour': Extra inputs.*; see the record Example",
            ),
            ('{"id": "2", "db_id": "shop"}', r"jsonl:2: wrong field 'question': Field required"),
        ],
    )
    def test_names_file_and_line_of_what_is_wrong(self, tmp_path, line, message):
        path = tmp_path / "examples.jsonl"
        path.write_bytes(f"{ONE.model_dump_json()}\n{line}\n".encode(errors="surrogateescape"))
        rows = read_jsonl(path, Example)
        assert next(rows) == ONE
        with pytest.raises(DataError, match=message):
            next(rows)

    def test_names_a_file_that_is_not_there(self, tmp_path):
        with pytest.raises(DataError, match=r"cannot read: .*gone\.jsonl: No such file"):
            list(read_jsonl(tmp_path / "gone.jsonl", Example))


class TestJsonlWriter:
    def test_a_line_is_on_disk_before_the_file_is_closed(self, tmp_path):
        writer = JsonlWriter(tmp_path / "rows.jsonl")
        writer.write(ONE)
        assert list(read_jsonl(tmp_path / "rows.jsonl", Example)) == [ONE]
        writer.close()
        writer.close()

    @pytest.mark.parametrize("half", ["", '{"id": "2", "db', "x" * 200_000])
    def test_resume_cuts_off_a_half_written_line(self, tmp_path, half):
        path = tmp_path / "rows.jsonl"
        path.write_text(ONE.model_dump_json() + "\n" + half)
        with JsonlWriter(path, resume=True) as writer:
            writer.write(TWO)
        assert list(read_jsonl(path, Example)) == [ONE, TWO]

    def test_resume_cuts_off_an_only_line_that_is_half_written(self, tmp_path):
        path = tmp_path / "rows.jsonl"
        path.write_text("x" * 70_000)
        JsonlWriter(path, resume=True).close()
        assert path.read_text() == ""

    def test_without_resume_begins_anew(self, tmp_path):
        path = tmp_path / "rows.jsonl"
        path.write_text(ONE.model_dump_json() + "\n")
        with JsonlWriter(path) as writer:
            writer.write(TWO)
        assert list(read_jsonl(path, Example)) == [TWO]

    def test_without_room_the_file_ends_with_a_whole_line(self, tmp_path):
        path = tmp_path / "rows.jsonl"
        size = len(ONE.model_dump_json()) + 1
        with JsonlWriter(path) as writer:
            writer.write(ONE)
            with file_size_limit(size + 20), pytest.raises(StorageFull, match="no room"):
                writer.write(TWO)
            assert path.stat().st_size == size
            writer.write(TWO)
        assert list(read_jsonl(path, Example)) == [ONE, TWO]

    @pytest.mark.skipif(sys.platform != "linux", reason="/dev/full exists on Linux only")
    def test_a_full_device_is_named(self):
        writer = JsonlWriter(Path("/dev/full"))
        with pytest.raises(StorageFull, match=r"/dev/full: No space left on device"):
            writer.write(ONE)
