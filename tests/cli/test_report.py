import subprocess
import sys

import pytest


@pytest.fixture
def report(write_run, tmp_path):
    """Runs the command on two runs, and gives what came of it."""
    write_run("a", {"q1": 1.0, "q2": 0.0})
    write_run("b", {"q1": 1.0, "q2": 1.0})

    def command(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "sqlkiln", "report", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    return command


def test_a_page_is_written(report, tmp_path):
    done = report("a", "b")
    assert (done.returncode, done.stdout) == (0, "")
    assert "written to report.html (" in done.stderr
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")


def test_the_form_follows_the_name_of_the_file(report, tmp_path):
    assert report("a", "--out", "x.md").returncode == 0
    assert (tmp_path / "x.md").read_text().startswith("# Shop dev\n")
    assert report("a", "--out", "x.txt", "--format", "csv").returncode == 0
    assert (tmp_path / "x.txt").read_text().startswith("id,db_id,")


def test_tables_go_to_standard_output(report):
    done = report("a", "b", "--format", "csv")
    assert len(done.stdout.splitlines()) == 5
    assert done.stderr == ""


def test_wrong_usage_ends_with_2(report):
    done = report("a", "--out", "x.pdf")
    assert done.returncode == 2
    assert "unknown format: x.pdf does not end with .html, .md or .csv" in done.stderr
    done = report("gone")
    assert done.returncode == 2
    assert "not an evaluated run: gone: no such folder" in done.stderr
