import csv
import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time

import pytest

from sqlkiln.cli import present
from sqlkiln.cli.present import picked
from sqlkiln.core.records import Answer, OtherReading

ANSWERS = {
    "Note: ": "SELECT name FROM customer WHERE city = 'Oslo'",
    "names": "SELECT name, city FROM customer ORDER BY id",
    "wrong then right": "SELECT nam FROM customer",
    "wrong": "SELECT count(*) FROM client",
    "spend": (
        "SELECT c.name, sum(o.total) AS spent FROM customer c "
        "JOIN orders o ON o.customer_id = c.id GROUP BY c.name ORDER BY spent DESC"
    ),
    "forever": (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    ),
    "prose": "I cannot say.",
    "drop": "WITH x AS (SELECT 1) DELETE FROM customer",
}


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "answers.json"
    path.write_text(json.dumps(ANSWERS))
    return f"scripted:{path}"


def ask(*arguments, **options):
    command = [sys.executable, "-m", "sqlkiln", "ask", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def test_prints_sql_rows_and_cost(shop, model):
    done = ask(shop, "who spend most?", "--model", model)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0] == ANSWERS["spend"]
    assert any("Ann" in line and "15.5" in line for line in lines)
    assert "2 rows" in lines[-1]
    assert "tokens/s" in lines[-1]


def test_json_is_one_object_with_the_promised_fields(shop, model):
    done = ask(shop, "names", "--json", "--model", model)
    assert done.returncode == 0
    answer = json.loads(done.stdout)
    assert {
        "question", "sql", "columns", "rows", "error",
        "model", "adapter", "strategy", "seconds", "tokens",
    } <= answer.keys()  # fmt: skip
    assert answer["columns"] == ["name", "city"]
    assert answer["rows"] == [["Ann", "Oslo"], ["Bo", "Rome"], ["Cy", None]]
    assert answer["error"] is None


def test_csv_is_rows_only(shop, model):
    done = ask(shop, "names", "--csv", "--model", model)
    assert list(csv.reader(io.StringIO(done.stdout))) == [
        ["name", "city"], ["Ann", "Oslo"], ["Bo", "Rome"], ["Cy", ""]
    ]  # fmt: skip


def test_sql_only_prints_the_sql_and_runs_nothing(shop, model):
    done = ask(shop, "wrong", "--sql-only", "--model", model)
    assert (done.returncode, done.stdout) == (0, ANSWERS["wrong"] + "\n")


def test_sql_only_mends_names_and_says_so_beside(shop, model):
    done = ask(shop, "wrong then right", "--sql-only", "--model", model)
    assert (done.returncode, done.stdout) == (0, "SELECT name FROM customer\n")
    assert "mended: took nam for name" in done.stderr


def test_a_kind_of_mend_can_be_left_out(shop, model):
    given = ("--model", model, "--json", "--no-mend", "unknown_column", "--no-mend", "quoting")
    answer = json.loads(ask(shop, "wrong then right", *given).stdout)
    assert answer["strategy"] == ("greedy+link+scope+mend-quoting-unknown_column+retry+second+sure")
    assert answer["fixes"] == []


def test_evidence_is_told_to_the_model(shop):
    done = ask(shop, "how big?", "--evidence", "big means total > 9", "--dry-run")
    assert "Hint: big means total > 9" in done.stdout


def test_explain_says_it_in_english(shop, model):
    done = ask(shop, "who spend most?", "--explain", "--model", model)
    assert "customer_id" in done.stdout
    assert "sum of" in done.stdout.lower() or "total of" in done.stdout.lower()


def test_dry_run_prints_the_prompt_and_loads_no_model(shop):
    done = ask(shop, "how many?", "--dry-run", "--model", "/no/such/model.gguf")
    assert done.returncode == 0
    assert "Question: how many?" in done.stdout
    assert "customer" in done.stdout


def test_a_repair_shows_both_tries(shop, model):
    done = ask(shop, "wrong then right", "--model", model, "--strategy", "repair")
    assert done.returncode == 0
    assert "no such column: nam" in done.stderr
    assert "SELECT nam FROM customer" in done.stderr
    assert "Ann" in done.stdout


def test_a_mended_answer_says_what_was_mended(shop, model):
    done = ask(shop, "wrong then right", "--model", model)
    assert done.returncode == 0
    assert "SELECT name FROM customer" in done.stdout
    assert "mended: took nam for name, the column of customer" in done.stdout
    assert "% sure" in done.stdout
    answer = json.loads(ask(shop, "wrong then right", "--model", model, "--json").stdout)
    assert answer["fixes"] == ["took nam for name, the column of customer"]
    assert 0 < answer["confidence"] < 1


@pytest.fixture
def flights(tmp_path):
    """CSV files that go together by their values alone, and a model that thinks of one of them."""
    folder = tmp_path / "flights"
    folder.mkdir()
    (folder / "airports.csv").write_text("faa,name\nJFK,Kennedy\nSEA,Seattle\nOSL,Oslo\n")
    legs = "".join(f"{n},{('JFK', 'SEA', 'OSL')[n % 3]},{n}.5\n" for n in range(9))
    (folder / "flights.csv").write_text(f"number,dest,delay\n{legs}9,JFK,NA\n")
    path = tmp_path / "flying.json"
    path.write_text(
        json.dumps(
            {
                "to Kennedy": "SELECT COUNT(*) FROM flights WHERE dest = 'Kennedy'",
                "delay": "SELECT MAX(delay) FROM flights",
            }
        )
    )
    return folder, f"scripted:{path}"


def test_files_are_joined_by_their_values(flights):
    folder, model = flights
    done = ask(folder, "How many flights to Kennedy?", "--json", "--model", model)
    answer = json.loads(done.stdout)
    assert answer["rows"] == [[4]]
    assert answer["sql"] == (
        "SELECT COUNT(*) FROM flights JOIN airports ON flights.dest = airports.faa "
        "WHERE airports.name = 'Kennedy'"
    )
    assert (
        "FOREIGN KEY (dest) REFERENCES airports (faa)"
        in ask(folder, "How many flights to Kennedy?", "--dry-run", "--model", model).stdout
    )


def test_na_among_numbers_is_no_value(flights):
    folder, model = flights
    done = ask(folder, "The longest delay?", "--json", "--model", model)
    assert json.loads(done.stdout)["rows"] == [[8.5]]


def test_what_is_not_sure_enough_ends_with_one(shop, model):
    done = ask(shop, "wrong then right", "--model", model, "--min-confidence", "0.99")
    assert done.returncode == 1
    assert "not sure enough" in done.stderr
    assert "Ann" not in done.stdout
    assert "no answer · " in done.stdout + done.stderr
    assert "0 rows" not in done.stdout + done.stderr


def test_a_repair_that_fails_ends_with_one(shop, tmp_path):
    path = tmp_path / "bad.json"
    tried = [f"SELECT {name} FROM customer" for name in "abc"]
    path.write_text(json.dumps(tried))
    done = ask(shop, "q", "--json", "--model", f"scripted:{path}")
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    assert "no such column: c" in answer["error"]
    assert [a["sql"] for a in answer["attempts"]] == tried


def test_limit_cuts_the_rows_and_says_so(shop, model):
    done = ask(shop, "names", "--limit", "2", "--model", model)
    assert "the first 2 rows (more with --limit)" in done.stdout
    assert "Cy" not in done.stdout


def test_timeout_ends_a_runaway_query(shop, tmp_path):
    path = tmp_path / "slow.json"
    path.write_text(json.dumps({"": ANSWERS["forever"]}))
    started = time.monotonic()
    done = ask(shop, "forever", "--timeout", "0.3", "--model", f"scripted:{path}")
    assert done.returncode == 1
    assert "0.3 s" in done.stderr
    assert time.monotonic() - started < 8


def test_a_write_is_refused_and_changes_nothing(shop, tmp_path):
    path = tmp_path / "write.json"
    path.write_text(json.dumps({"": ANSWERS["drop"]}))
    before = shop.read_bytes()
    done = ask(shop, "drop", "--model", f"scripted:{path}")
    assert done.returncode == 1
    assert "no answer:" in done.stderr
    assert shop.read_bytes() == before


def test_no_sql_in_the_answer_is_said(shop, tmp_path):
    path = tmp_path / "prose.json"
    path.write_text(json.dumps({"": "I cannot say."}))
    done = ask(shop, "prose", "--model", f"scripted:{path}")
    assert done.returncode == 1
    assert "no SQL in the model's answer" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["{shop}.nope", "q"], 2, "no such database"),
        (["{text}", "q"], 2, "not a database"),
        (["{empty}", "q"], 2, "empty"),
        (["{shop}", ""], 2, "the question is empty"),
        (["{shop}", "x" * 50_000], 2, "too long: 50,000 characters"),
        (["{shop}", "q", "--model", "no-such-model"], 3, "no such model"),
        (["{shop}", "q", "--model", "/no/such.gguf"], 3, "/no/such.gguf"),
        (["{shop}", "q", "--json", "--csv"], 2, "exclude one another"),
        (["{shop}", "q", "--limit", "0"], 2, "limit"),
        (["{shop}", "q", "--no-mend", "joins"], 2, "unknown kind of mend: 'joins'"),
        (
            ["{shop}", "q", "--no-mend", "quoting", "--strategy", "greedy"],
            2,
            "add +mend, or drop it",
        ),
        (["{shop}", "q", "--min-confidence", "0.5", "--strategy", "greedy"], 2, "no confidence"),
        (["{shop}", "q", "--sql-only", "--strategy", "vote:3"], 2, "goes by what is run"),
    ],
)
def test_bad_input_gets_one_clear_line_and_its_exit_code(shop, tmp_path, arguments, code, message):
    text = tmp_path / "notes.txt"
    text.write_text("dear diary\n")
    empty = tmp_path / "empty.sqlite"
    empty.touch()
    filled = [a.format(shop=shop, text=text, empty=empty) for a in arguments]
    done = ask(*filled)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_without_a_terminal_questions_come_line_by_line(shop, model):
    lines = (
        "names\n\\sql\n\\explain\n\\schema customer\n\\model\n\\nonsense\nspend\n\\quit\nnames\n"
    )
    done = ask(shop, "--model", model, input=lines)
    assert done.returncode == 0
    assert done.stdout.count(ANSWERS["names"]) == 2
    assert ANSWERS["spend"] in done.stdout
    assert f"model: {model}" in done.stdout
    assert "unknown command: \\nonsense" in done.stderr


def test_the_prompt_goes_on_after_an_error(shop, model):
    lines = "\\sql\nunheard of\n\\sql SELECT nothing\n\\sql SELECT 41 + 1\n\\model missing\nnames\n"
    done = ask(shop, "--model", model, input=lines)
    assert done.returncode == 0
    assert "no query yet" in done.stderr
    assert "no answer to" in done.stderr
    assert "nothing" in done.stderr
    assert "42" in done.stdout
    assert "no such model" in done.stderr
    assert "Ann" in done.stdout


def read_until(fd, marker, timeout_s=20.0):
    seen = b""
    deadline = time.monotonic() + timeout_s
    while marker not in seen and time.monotonic() < deadline:
        if select.select([fd], [], [], 0.2)[0]:
            try:
                seen += os.read(fd, 65536)
            except OSError:
                break
    return seen


def test_a_terminal_gets_a_prompt_a_table_and_a_way_out(shop, model, tmp_path):
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "sqlkiln", "ask", str(shop), "--model", model]
    environment = os.environ | {"TERM": "xterm", "HOME": str(tmp_path), "COLUMNS": "100"}
    environment.pop("XDG_STATE_HOME", None)
    shell = subprocess.Popen(
        command,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=environment,
        start_new_session=True,
    )
    os.close(follower)
    try:
        assert b"shop>" in read_until(leader, b"shop>")
        os.write(leader, b"names\r")
        assert b"3 rows" in read_until(leader, b"3 rows")
        read_until(leader, b"shop>")
        os.write(leader, b"\\quit\r")
        read_until(leader, b"no such text", timeout_s=1)
        assert shell.wait(10) == 0
    finally:
        shell.kill()
        shell.wait()
        os.close(leader)
    [history] = tmp_path.rglob("history")
    assert "+names" in history.read_text()


def test_ctrl_c_while_a_query_runs_ends_with_130(shop, tmp_path):
    path = tmp_path / "slow.json"
    path.write_text(json.dumps({"": ANSWERS["forever"]}))
    command = [sys.executable, "-m", "sqlkiln", "ask", str(shop), "forever", "--timeout", "60",
               "--model", f"scripted:{path}"]  # fmt: skip
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as running:
        time.sleep(2.0)
        started = time.monotonic()
        os.killpg(running.pid, signal.SIGINT)
        _, err = running.communicate(timeout=20)
    assert running.returncode == 130
    assert time.monotonic() - started < 5
    assert "Traceback" not in err


CLOSE = ["SELECT name FROM customer", "SELECT city FROM customer", "SELECT name FROM customer"]


@pytest.fixture
def torn(tmp_path):
    """A model that says one thing twice and another thing once."""
    path = tmp_path / "torn.json"
    path.write_text(json.dumps(CLOSE))
    return f"scripted:{path}"


def test_a_close_vote_shows_how_both_answers_differ(shop, torn):
    done = ask(shop, "who?", "--strategy", "vote:3", "--model", torn)
    assert done.returncode == 0
    assert "two answers were close, 2 to 1 votes: 3 rows against 3 rows" in done.stdout
    assert "  1 alone: Ann" in done.stdout
    assert "  2 alone: Oslo" in done.stdout
    assert f"  2 is: {CLOSE[1]}" in done.stdout


def test_of_two_adapters_no_votes_are_counted():
    two = {"sql": "SELECT 1", "columns": ("a",), "rows": ((1,),), "difference": "one value each"}
    apart, *_ = present.close_call(OtherReading(**two, votes=0, winner_votes=0))
    assert apart == "two answers were close: one value each"
    voted, *_ = present.close_call(OtherReading(**two, votes=1, winner_votes=2))
    assert voted == "two answers were close, 2 to 1 votes: one value each"


def test_a_close_vote_in_json(shop, torn):
    done = ask(shop, "who?", "--strategy", "vote:3", "--json", "--model", torn)
    other = json.loads(done.stdout)["other"]
    assert (other["sql"], other["votes"], other["winner_votes"]) == (CLOSE[1], 1, 2)
    assert ["Oslo"] in other["rows"]
    assert json.loads(ask(shop, "x", "--json", "--model", torn).stdout)["other"] is None


def test_what_is_picked_has_its_own_confidence_and_mends():
    other = OtherReading(
        sql="SELECT b", columns=("b",), rows=((2,),), votes=1, winner_votes=2, difference="",
        confidence=0.25, fixes=("took bb for b",),
    )  # fmt: skip
    answer = Answer(question="q", sql="SELECT a", confidence=0.5, fixes=("x",), other=other)
    chosen = picked(answer, other)
    assert (chosen.sql, chosen.rows, chosen.confidence) == ("SELECT b", ((2,),), 0.25)
    assert (chosen.fixes, chosen.other) == (("took bb for b",), None)


def test_at_a_terminal_the_asker_picks(shop, torn):
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "sqlkiln", "ask", str(shop), "who?", "--strategy", "vote:3",
               "--model", torn]  # fmt: skip
    running = subprocess.Popen(command, stdin=follower, stdout=follower, stderr=follower)
    os.close(follower)
    try:
        assert b"Which one was meant" in read_until(leader, b"Which one was meant")
        os.write(leader, b"2\n")
        assert b"Oslo" in read_until(leader, b"Oslo")
        assert running.wait(10) == 0
    finally:
        running.kill()
        running.wait()
        os.close(leader)
