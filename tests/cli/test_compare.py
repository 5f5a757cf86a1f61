import json
import subprocess
import sys

A = {"q1": 1.0, "q2": 0.0, "q3": 1.0, "q4": 0.0}
B = {"q1": 1.0, "q2": 1.0, "q3": 0.0, "q4": 1.0}


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "sqlkiln", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_difference_is_told_in_words(write_run):
    a, b = write_run("a", A), write_run("b", B)
    done = command("compare", a, b)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "shop dev, execution, 4 rows"
    assert lines[1] == f"  A   50.00%  {a}"
    assert lines[3].startswith("B - A: +25.00 points (95% interval ")
    assert lines[3].endswith("McNemar's exact p = 1")
    assert lines[4] == "so the rows do not tell which is better"
    assert lines[5:] == ["gained 2: q2, q4", "lost 1: q3"]
    assert done.stderr == ""


def test_sure_differences_are_called_so_and_long_lists_are_cut(write_run):
    none = {f"q{n:02}": 0.0 for n in range(40)}
    a, b = write_run("a", none), write_run("b", dict.fromkeys(none, 1.0))
    better, worse = command("compare", a, b).stdout, command("compare", b, a).stdout
    assert "so B is better than A" in better
    assert "p = 1.8e-12" in better
    assert "q19 and 20 more (all with --json)" in better
    assert "q20" not in better
    assert "so B is worse than A" in worse


def test_a_few_rows_all_on_one_side_tell_nothing_yet(write_run):
    before = {f"q{n:03}": float(n % 2) for n in range(200)}
    few = before | {f"q{n:03}": 1.0 for n in (0, 2, 4, 6)}
    many = few | {f"q{n:03}": 1.0 for n in (8, 10)}
    a = write_run("a", before)
    done = command("compare", a, write_run("few", few)).stdout.splitlines()
    assert done[3].startswith("B - A: +2.00 points (95% interval +0.")  # and so above nothing
    assert done[3].endswith("p = 0.125")
    assert done[4] == "so the rows do not tell which is better"
    done = command("compare", a, write_run("many", many)).stdout.splitlines()
    assert done[3].endswith("p = 0.0312")
    assert done[4] == "so B is better than A"


def test_json_holds_every_row(write_run):
    a, b = write_run("a", A), write_run("b", B | {"q7": 1.0})
    done = command("compare", a, b, "--json")
    found = json.loads(done.stdout)
    assert found["metric"] == "execution"
    assert found["paired"]["gained"] == ["q2", "q4"]
    assert found["paired"]["difference"] == 0.25
    assert "notice: only the rows that both scored are compared" in done.stderr


def test_runs_that_cannot_be_compared_end_with_2(write_run):
    a, b = write_run("a", A), write_run("b", B, dataset="bank", digest="e" * 64)
    done = command("compare", a, b)
    assert (done.returncode, done.stdout) == (2, "")
    assert "error: not the same questions" in done.stderr
