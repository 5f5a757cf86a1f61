import errno
import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Timer

import pytest
from pydantic import BaseModel

from sqlkiln.core.errors import DataError, EnvironmentFault, StorageFull, UsageError
from sqlkiln.core.plugins import Stage
from sqlkiln.core.records import Tokens
from sqlkiln.core.store import (
    Manifest,
    execute_stage,
    find_complete,
    read_manifest,
    sha256_file,
    stage_hash,
)

DRAW_ONCE = """
import sys
from pathlib import Path
from sqlkiln_demo import DRAW, DrawConfig
from sqlkiln.core.store import execute_stage
execute_stage(DRAW, DrawConfig(rows=40), (), Path(sys.argv[1]))
"""


class CopyConfig(BaseModel):
    text: str = "hello"
    times: int = 1
    source: Path | None = None
    seed: int = 5


def copy(config, inputs, out):
    logging.getLogger("sqlkiln.copy").info("copying %d times", config.times)
    (out / "part").mkdir(exist_ok=True)
    (out / "part" / "copy.txt").write_text(config.text * config.times)
    return {"copies": config.times, "tokens": {"prompt": 7}, "cost_usd": 0.25}


COPY = Stage("copy", CopyConfig, copy)


def files(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


class TestExecuteStage:
    def test_fills_the_folder_and_says_where_it_came_from(self, tmp_path):
        out = tmp_path / "run"
        manifest = execute_stage(COPY, CopyConfig(text="ab", times=2), (), out)

        assert files(out) == [
            ".lock", "config.json", "log.txt", "manifest.json", "part/copy.txt"
        ]  # fmt: skip
        assert read_manifest(out) == manifest
        assert manifest.stage == "copy"
        assert manifest.config == {"text": "ab", "times": 2, "source": None, "seed": 5}
        assert manifest.outputs == {"part/copy.txt": sha256_file(out / "part" / "copy.txt")}
        assert manifest.counts == {"copies": 2}
        assert manifest.tokens == Tokens(prompt=7)
        assert (manifest.cost_usd, manifest.seed) == (0.25, 5)
        assert manifest.versions["python"].startswith("3.")
        assert {"sqlkiln", "sqlglot", "duckdb"} <= manifest.versions.keys()
        assert 10 * 2**20 < manifest.peak_memory_bytes < 100 * 2**30
        assert 0 <= manifest.seconds < 10
        assert json.loads((out / "config.json").read_text())["config"] == manifest.config
        log = (out / "log.txt").read_text()
        assert "INFO sqlkiln.copy: copying 2 times" in log
        assert log.index("begins") < log.index("copying") < log.index("is complete")

    def test_what_the_stage_s_fingerprint_says_identifies_the_run(self, tmp_path):
        data = tmp_path / "data"
        data.write_text("old")
        stage = Stage("copy", CopyConfig, copy, (), lambda *_: {"data": sha256_file(data)})
        before = stage_hash(stage, CopyConfig(), ())
        assert before != stage_hash(COPY, CopyConfig(), ())
        manifest = execute_stage(stage, CopyConfig(), (), tmp_path / "run")
        assert (manifest.hash, manifest.inputs) == (before, {"data": sha256_file(data)})
        assert execute_stage(stage, CopyConfig(), (), tmp_path / "run") == manifest
        data.write_text("new")
        with pytest.raises(UsageError, match=r"holds another run: .*\(input data has changed\)"):
            execute_stage(stage, CopyConfig(), (), tmp_path / "run")

    def test_the_log_ends_with_the_stage(self, tmp_path):
        before = logging.getLogger("sqlkiln").handlers[:], logging.getLogger("sqlkiln").level
        execute_stage(COPY, CopyConfig(), (), tmp_path / "run")
        assert (logging.getLogger("sqlkiln").handlers, logging.getLogger("sqlkiln").level) == before

    def test_what_is_complete_is_not_run_again(self, tmp_path):
        first = execute_stage(COPY, CopyConfig(), (), tmp_path)
        (tmp_path / "part" / "copy.txt").write_text("edited")
        assert execute_stage(COPY, CopyConfig(), (), tmp_path) == first
        assert (tmp_path / "part" / "copy.txt").read_text() == "edited"

    def test_a_missing_output_is_made_again(self, tmp_path):
        execute_stage(COPY, CopyConfig(), (), tmp_path)
        (tmp_path / "part" / "copy.txt").unlink()
        execute_stage(COPY, CopyConfig(), (), tmp_path)
        assert (tmp_path / "part" / "copy.txt").read_text() == "hello"

    def test_other_settings_are_refused_and_named(self, tmp_path):
        execute_stage(COPY, CopyConfig(), (), tmp_path)
        with pytest.raises(UsageError, match=r"holds another run: .*\(times 1, not 2\); give ano"):
            execute_stage(COPY, CopyConfig(times=2), (), tmp_path)

    def test_another_stage_is_refused(self, tmp_path):
        execute_stage(COPY, CopyConfig(), (), tmp_path)
        with pytest.raises(UsageError, match=r"\(stage 'copy', not 'paste'\)"):
            execute_stage(Stage("paste", CopyConfig, copy), CopyConfig(), (), tmp_path)

    def test_a_changed_input_file_is_refused_and_named(self, tmp_path):
        source = tmp_path / "in.txt"
        source.write_text("one")
        execute_stage(COPY, CopyConfig(source=source), (), tmp_path / "run")
        source.write_text("two")
        with pytest.raises(UsageError, match=r"\(input source has changed\)"):
            execute_stage(COPY, CopyConfig(source=source), (), tmp_path / "run")

    def test_an_unfinished_input_is_refused(self, tmp_path):
        with pytest.raises(UsageError, match=r"not a complete run: .* has no manifest\.json"):
            execute_stage(COPY, CopyConfig(), (tmp_path,), tmp_path / "run")

    def test_a_failure_leaves_no_manifest_and_is_continued(
        self, tmp_path, demo_plugin, monkeypatch
    ):
        from sqlkiln_demo import DRAW, DrawConfig

        monkeypatch.setenv("DEMO_FAIL_AT", "2")
        monkeypatch.setenv("DEMO_DELAY_S", "0.05")
        with pytest.raises(RuntimeError, match="pencil"):
            execute_stage(DRAW, DrawConfig(seed=0), (), tmp_path)
        assert read_manifest(tmp_path) is None
        assert find_complete(DRAW, DrawConfig(seed=0), (), tmp_path) is None
        with pytest.raises(UsageError, match=r"holds another run: .*\(seed 0, not 1\)"):
            execute_stage(DRAW, DrawConfig(seed=1), (), tmp_path)

        monkeypatch.setenv("DEMO_FAIL_AT", "-1")
        manifest = execute_stage(DRAW, DrawConfig(seed=0), (), tmp_path)
        rows = [json.loads(line) for line in (tmp_path / "numbers.jsonl").open()]
        assert [row["question"] for row in rows] == ["7", "7", "1"]
        assert manifest.seconds >= 0.15
        log = (tmp_path / "log.txt").read_text()
        assert "stopped: RuntimeError: the pencil broke at row 2" in log
        assert "beginning at row 2" in log

    def test_a_failure_that_made_nothing_binds_nobody(self, tmp_path):
        def fail(config, inputs, out):
            (out / "empty.jsonl").touch()
            raise UsageError("wrong from the start; choose other settings")

        with pytest.raises(UsageError, match="wrong from the start"):
            execute_stage(Stage("copy", CopyConfig, fail), CopyConfig(), (), tmp_path)
        assert execute_stage(COPY, CopyConfig(times=2), (), tmp_path).counts["copies"] == 2

    def test_a_killed_run_loses_at_most_the_row_in_flight(self, tmp_path, demo_plugin):
        command = [sys.executable, "-c", DRAW_ONCE, str(tmp_path)]
        rows = tmp_path / "numbers.jsonl"
        slow = subprocess.Popen(command, env=os.environ | {"DEMO_DELAY_S": "0.1"})
        deadline = time.monotonic() + 30
        while not (rows.exists() and rows.read_bytes().count(b"\n") >= 3):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        slow.send_signal(signal.SIGKILL)
        slow.wait()
        assert not (tmp_path / "manifest.json").exists()
        kept = rows.read_bytes()
        assert 3 <= kept.count(b"\n") < 40

        subprocess.run(command, check=True)
        assert read_manifest(tmp_path).counts == {"rows": 40}
        assert rows.read_bytes().startswith(kept)
        assert [json.loads(line)["id"] for line in rows.open()] == [str(i) for i in range(40)]

    def test_a_folder_in_use_is_refused_with_the_process(self, tmp_path, demo_plugin):
        command = [sys.executable, "-c", DRAW_ONCE, str(tmp_path)]
        other = subprocess.Popen(command, env=os.environ | {"DEMO_DELAY_S": "0.1"})
        try:
            deadline = time.monotonic() + 30
            while not (tmp_path / "numbers.jsonl").exists():
                assert time.monotonic() < deadline
                time.sleep(0.02)
            from sqlkiln_demo import DRAW, DrawConfig

            with pytest.raises(UsageError, match=rf"in use: .* by process {other.pid}; wait for"):
                execute_stage(DRAW, DrawConfig(rows=40), (), tmp_path)
        finally:
            other.kill()
            other.wait()

    def test_no_room_is_named_whoever_ran_out_of_it(self, tmp_path):
        def fill(config, inputs, out):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "elsewhere")

        with pytest.raises(StorageFull, match=r"no room on the disk: .*run: No space left"):
            execute_stage(Stage("fill", CopyConfig, fill), CopyConfig(), (), tmp_path / "run")
        assert read_manifest(tmp_path / "run") is None

    @pytest.mark.skipif(sys.platform != "linux", reason="/dev/full exists on Linux only")
    def test_a_log_without_room_does_not_drown_the_error(self, tmp_path, capfd):
        (tmp_path / "log.txt").symlink_to("/dev/full")

        def fill(config, inputs, out):
            Path("/dev/full").write_text("x")

        with pytest.raises(StorageFull, match="no room on the disk"):
            execute_stage(Stage("fill", CopyConfig, fill), CopyConfig(), (), tmp_path)
        assert capfd.readouterr().err == ""

    def test_another_error_of_the_system_is_left_as_it_is(self, tmp_path):
        def look(config, inputs, out):
            (out / "nothing").read_text()
            return {}

        with pytest.raises(FileNotFoundError, match="nothing"):
            execute_stage(Stage("look", CopyConfig, look), CopyConfig(), (), tmp_path / "run")

    def test_a_folder_that_cannot_be_made_is_named(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(EnvironmentFault, match=r"cannot write: .*file/run"):
            execute_stage(COPY, CopyConfig(), (), tmp_path / "file" / "run")

    def test_two_stages_share_a_folder_by_two_manifests(self, tmp_path):
        def count(config, inputs, out):
            (out / "length.txt").write_text(str(len((out / "part" / "copy.txt").read_text())))
            return {}

        first = execute_stage(COPY, CopyConfig(), (), tmp_path)
        counting = Stage("count", CopyConfig, count, needs=("copy",))
        second = execute_stage(
            counting, CopyConfig(times=3), (tmp_path,), tmp_path, "manifest-count.json"
        )
        assert second.outputs.keys() == {"length.txt"}
        assert second.inputs == {f"{tmp_path.name}/part/copy.txt": first.outputs["part/copy.txt"]}
        assert {"config-count.json", "log-count.txt"} < set(files(tmp_path))
        assert read_manifest(tmp_path) == first
        assert read_manifest(tmp_path, "manifest-count.json") == second


def test_a_manifest_of_another_version_is_refused(tmp_path):
    (tmp_path / "manifest.json").write_text('{"schema_id": "manifest/0"}')
    with pytest.raises(DataError, match=r"manifest\.json: unknown schema_id: 'manifest/0'"):
        read_manifest(tmp_path)


class TestStageHash:
    def test_is_whole_and_the_same_each_time(self):
        first = stage_hash(COPY, CopyConfig(), ())
        assert len(first) == 64
        assert stage_hash(COPY, CopyConfig(), ()) == first

    def test_the_order_of_keys_does_not_count(self):
        class Shuffled(BaseModel):
            seed: int = 5
            source: Path | None = None
            times: int = 1
            text: str = "hello"

        assert stage_hash(Stage("copy", Shuffled, copy), Shuffled(), ()) == stage_hash(
            COPY, CopyConfig(), ()
        )

    def test_every_setting_and_the_stage_count(self):
        hashes = {
            stage_hash(COPY, config, ())
            for config in (CopyConfig(), CopyConfig(times=2), CopyConfig(seed=6))
        }
        hashes.add(stage_hash(Stage("paste", CopyConfig, copy), CopyConfig(), ()))
        assert len(hashes) == 4

    def test_an_input_counts_by_what_it_holds_not_by_where_it_lies(self, tmp_path):
        execute_stage(COPY, CopyConfig(), (), tmp_path / "a")
        execute_stage(COPY, CopyConfig(text="bye"), (), tmp_path / "b")
        before = stage_hash(COPY, CopyConfig(), (tmp_path / "a",))
        (tmp_path / "a").rename(tmp_path / "moved")
        assert stage_hash(COPY, CopyConfig(), (tmp_path / "moved",)) == before
        assert stage_hash(COPY, CopyConfig(), (tmp_path / "b",)) != before

    def test_a_file_that_a_setting_names_counts_by_its_bytes(self, tmp_path):
        source = tmp_path / "in.txt"
        hashes = set()
        for text in ("one", "two", "one"):
            source.write_text(text)
            hashes.add(stage_hash(COPY, CopyConfig(source=source), ()))
        assert len(hashes) == 2

    def test_the_records_versions_count(self, monkeypatch):
        from sqlkiln.core import records

        class Later(records.Record):
            schema_id: str = "later/1"

        before = stage_hash(COPY, CopyConfig(), ())
        monkeypatch.setattr(records, "Later", Later, raising=False)
        assert stage_hash(COPY, CopyConfig(), ()) != before

    def test_versions_that_can_be_read_as_one_count_as_one(self, monkeypatch):
        from sqlkiln.core import records

        class Grown(records.Record):
            schema_id: str = "grown/1"

        monkeypatch.setattr(records, "Grown", Grown, raising=False)
        before = stage_hash(COPY, CopyConfig(), ())
        monkeypatch.setattr(Grown, "older", ("grown/1",))
        monkeypatch.setattr(Grown.model_fields["schema_id"], "default", "grown/2")
        assert stage_hash(COPY, CopyConfig(), ()) == before


def test_every_key_of_a_manifest_is_written_even_when_empty(tmp_path):
    execute_stage(COPY, CopyConfig(), (), tmp_path)
    held = json.loads((tmp_path / "manifest.json").read_text())
    assert held.keys() == Manifest.model_fields.keys()


class TestSeveralProcesses:
    @pytest.fixture
    def finished(self, tmp_path, monkeypatch):
        """A run that the first process made, how it is put in place; from here on we follow."""
        done = execute_stage(COPY, CopyConfig(), (), tmp_path / "made")
        monkeypatch.setenv("WORLD_SIZE", "2")
        monkeypatch.setenv("RANK", "1")
        return done, lambda out: (tmp_path / "made").rename(out)

    def test_a_follower_waits_for_the_first_and_writes_nothing(self, tmp_path, finished):
        manifest, finish = finished
        never = Stage("copy", CopyConfig, lambda config, inputs, out: pytest.fail("it ran"))
        Timer(0.3, finish, [tmp_path / "run"]).start()
        assert execute_stage(never, CopyConfig(), (), tmp_path / "run") == manifest
        assert [path.name for path in tmp_path.iterdir()] == ["run"]

    def test_it_runs_a_distributed_stage_with_the_first(self, tmp_path, finished):
        manifest, finish = finished

        def run(config, inputs, out):
            finish(out)
            return {}

        both = Stage("copy", CopyConfig, run, distributed=True)
        assert execute_stage(both, CopyConfig(), (), tmp_path / "run") == manifest
