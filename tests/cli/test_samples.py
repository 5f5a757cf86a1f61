import json
import os
import subprocess
import sys

from sqlkiln.assets.samples import NAMES


def samples(*arguments, cache):
    command = [sys.executable, "-m", "sqlkiln", "samples", *arguments]
    environment = {**os.environ, "SQLKILN_CACHE_DIR": str(cache)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_build_prints_where_they_lie(tmp_path):
    done = samples("build", str(tmp_path / "here"), cache=tmp_path / "cache")
    assert (done.returncode, done.stderr) == (0, "")
    paths = [tmp_path / "here" / name / f"{name}.sqlite" for name in NAMES]
    assert done.stdout.splitlines() == [str(path) for path in paths]
    assert all(path.stat().st_size > 100_000 for path in paths)
    assert not (tmp_path / "cache").exists()


def test_build_without_a_folder_takes_the_cache(tmp_path):
    done = samples("build", cache=tmp_path)
    assert done.stdout.splitlines()[0] == str(tmp_path / "samples" / "clinic" / "clinic.sqlite")
    assert done.returncode == 0


def test_build_does_not_overwrite_what_is_not_a_sample(tmp_path):
    path = tmp_path / "clinic" / "clinic.sqlite"
    path.parent.mkdir()
    path.write_text("mine")
    done = samples("build", str(tmp_path), cache=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: not a sample database: {path} is not from sqlkiln")
    assert path.read_text() == "mine"


def test_build_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").touch()
    done = samples("build", str(tmp_path / "file"), cache=tmp_path)
    assert done.returncode == 3
    assert done.stderr.startswith("error: cannot write: ")


def test_list(tmp_path):
    listed = json.loads(samples("list", "--json", cache=tmp_path).stdout)
    assert [row["name"] for row in listed] == list(NAMES)
    assert all(4 <= row["tables"] <= 8 and row["rows"] > 5000 for row in listed)
    assert all(row["train"] >= 60 and row["heldout"] >= 30 for row in listed)
    text = samples("list", cache=tmp_path).stdout
    assert "library  A city library" in text
    assert list(tmp_path.iterdir()) == []
