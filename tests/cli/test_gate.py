import json
import subprocess
import sys

import pytest

RUNS = {"old": {"q1": 1.0, "q2": 0.0}, "better": {"q1": 1.0, "q2": 1.0}, "worse": {"q1": 0.0}}


@pytest.fixture
def gate(write_run, tmp_path):
    """Runs the command on gates for the run of this name, and gives what came of it."""
    for name, scores in RUNS.items():
        write_run(name, {"q1": 0.0, "q2": 0.0} | scores)

    def command(candidate, *options):
        text = f'[suites.dev]\ncandidate = "{candidate}"\nbaseline = "old"\nmin_gain_points = 3\n'
        (tmp_path / "gates.toml").write_text(text)
        return subprocess.run(
            [sys.executable, "-m", "sqlkiln", "gate", "gates.toml", *options],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    return command


def test_a_candidate_that_passes_ends_with_0(gate):
    done = gate("better")
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "ship: every suite passes (1 of 1)\n"
        "  dev passes: gain over the baseline +50.00 points is at least +3.00\n"
    )


def test_a_gate_that_fails_ends_with_1(gate):
    done = gate("worse")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("reject: it is behind the baseline on dev and passes no suite\n")


def test_json(gate):
    done = gate("worse", "--json")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert (found["decision"], found["passed"]) == ("reject", False)
    assert found["suites"][0]["gain"]["points"] == -50.0
    assert found["suites"][0]["checks"][0]["what"] == "min_gain_points"


def test_a_run_that_is_not_there_ends_with_2(gate):
    done = gate("gone")
    assert (done.returncode, done.stdout) == (2, "")
    assert "error: not an evaluated run: gone: no such folder" in done.stderr
