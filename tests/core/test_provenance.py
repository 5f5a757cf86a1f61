import shutil
import subprocess
import sys

import pytest

from sqlkiln.core.provenance import git_commit, machine, versions


def git(folder, *arguments):
    identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path):
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    package = tmp_path / "src" / "sqlkiln"
    package.mkdir(parents=True)
    (package / "code.py").write_text("x = 1\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "begin")
    return package


def test_a_checkout_tells_its_commit_and_whether_it_was_edited(checkout, monkeypatch):
    commit = git(checkout, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    assert git_commit(checkout) == commit
    (checkout / "code.py").write_text("x = 2\n")
    assert git_commit(checkout) == f"{commit}-dirty"


def test_a_package_installed_inside_the_users_repository_does_not_ask_it(checkout):
    installed = checkout.parents[1] / ".venv" / "lib" / "site-packages" / "sqlkiln"
    installed.mkdir(parents=True)
    assert git_commit(installed) is None


def test_without_git_there_is_no_commit(checkout, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert git_commit(checkout) is None


def test_versions_name_python_and_the_libraries():
    found = versions()
    assert found["sqlkiln"].count(".") >= 1
    assert found.keys() >= {"python", "sqlglot", "xllamacpp", "duckdb"}


def test_the_machine_is_described(tmp_path):
    found = machine()
    assert found["cores"] >= 1
    assert found["memory_bytes"] > 2**28
    assert found["system"].split()[0] in ("Linux", "Darwin")
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Toy 9000\nflags\t: x\n")
    assert machine(tmp_path / "cpuinfo")["processor"] == "Toy 9000"
    assert machine(tmp_path / "none").keys() >= {"system", "cores"}


def test_peak_memory_is_that_of_the_largest_process():
    script = """
import subprocess, sys
from sqlkiln.core.provenance import peak_memory_bytes
before = peak_memory_bytes()
held = b"x" * 100_000_000
itself = peak_memory_bytes()
subprocess.run([sys.executable, "-c", "b'x' * 300_000_000"], check=True)
print(itself - before, peak_memory_bytes() - itself)
"""
    # A process counts what the one that started it held, so start it from a small one.
    command = ["sh", "-c", '"$0" -c "$1"; exit $?', sys.executable, script]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    itself, child = map(int, done.stdout.split())
    assert 90_000_000 < itself < 110_000_000
    assert 100_000_000 < child < 300_000_000
