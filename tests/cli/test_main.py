import logging
import os
import subprocess
import sys

import pytest
import typer

import sqlkiln
from sqlkiln.cli import main as cli
from sqlkiln.core.errors import EnvironmentFault, SqlkilnError, UsageError


def sqlkiln_command(*arguments, **options):
    command = [sys.executable, "-m", "sqlkiln", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


@pytest.fixture
def end(monkeypatch, capsys):
    """Run `main` with a command 'act' that does what is asked; give (code, stdout, stderr)."""

    def run(act, *arguments):
        app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None)
        app.callback()(cli._options)
        app.command("act")(act)
        monkeypatch.setattr(cli, "app", app)
        monkeypatch.setattr(sys, "argv", ["sqlkiln", *(arguments or ("act",))])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return caught.value.code, *capsys.readouterr()

    yield run
    logging.getLogger("sqlkiln").setLevel(logging.NOTSET)


def raising(error):
    def act():
        raise error

    return act


class TestHowItEnds:
    def test_well(self, end):
        assert end(lambda: typer.echo("rows")) == (0, "rows\n", "")

    def test_with_the_code_that_a_command_asks_for(self, end):
        assert end(raising(typer.Exit(1))) == (1, "", "")

    @pytest.mark.parametrize(
        ("error", "code"), [(SqlkilnError, 1), (UsageError, 2), (EnvironmentFault, 3)]
    )
    def test_with_the_code_of_an_error_of_ours(self, end, error, code):
        assert end(raising(error("it broke: x; mend it"))) == (
            code,
            "",
            "error: it broke: x; mend it\n",
        )

    def test_with_a_hint_when_the_error_is_not_ours(self, end):
        code, out, err = end(raising(ZeroDivisionError("by zero")))
        assert (code, out) == (1, "")
        assert err == (
            "internal error: ZeroDivisionError: by zero; "
            "run with --debug to see the traceback and report it\n"
        )

    @pytest.mark.parametrize("arguments", [("--debug", "act"), ("act", "--debug")])
    @pytest.mark.parametrize("error", [UsageError("mend it"), ZeroDivisionError("mend it")])
    def test_with_a_traceback_when_asked_for(self, end, arguments, error):
        _, out, err = end(raising(error), *arguments)
        assert out == ""
        assert "Traceback (most recent call last)" in err
        assert "in act" in err
        assert err.rstrip().endswith("mend it")

    def test_at_130_when_interrupted(self, end):
        assert end(raising(KeyboardInterrupt())) == (130, "", "interrupted\n")

    def test_without_control_characters_from_a_message(self, end):
        _, _, err = end(raising(UsageError("cell \x1b[2J holds\ntwo lines")))
        assert err == "error: cell \N{REPLACEMENT CHARACTER}[2J holds\ntwo lines\n"


def test_debug_behind_two_dashes_is_an_argument():
    assert cli._take_debug(["ask", "--", "--debug"]) == (["ask", "--", "--debug"], False)
    assert cli._take_debug(["ask", "--debug", "--", "x"]) == (["--debug", "ask", "--", "x"], True)


class TestCommandLine:
    def test_version(self):
        done = sqlkiln_command("--version")
        assert (done.returncode, done.stdout) == (0, f"sqlkiln {sqlkiln.__version__}\n")

    def test_help_names_every_command(self):
        done = sqlkiln_command("--help")
        assert done.returncode == 0
        for command in ("ask", "schema", "models", "doctor", "predict", "evaluate", "run", "check"):
            assert f"\n  {command} " in done.stdout

    def test_help_has_room_for_what_each_command_does(self, monkeypatch):
        monkeypatch.setenv("COLUMNS", "80")
        assert "..." not in sqlkiln_command("--help").stdout.split("Commands:")[1]

    def test_an_unknown_command_is_a_wrong_usage_with_a_suggestion(self):
        done = sqlkiln_command("aks")
        assert (done.returncode, done.stdout) == (2, "")
        assert "No such command 'aks'. Did you mean 'ask'?" in done.stderr

    def test_an_unknown_option_is_a_wrong_usage(self):
        done = sqlkiln_command("check", "--quick", "x.toml")
        assert (done.returncode, done.stdout) == (2, "")
        assert "No such option: --quick" in done.stderr


BUFFERED = """
import sys
from sqlkiln.cli import main as cli
cli.app.command("write")(lambda: sys.stdout.write("x"))
cli.main()
"""


@pytest.mark.parametrize(
    "command",
    [["-m", "sqlkiln", "--help"], ["-c", BUFFERED, "write"]],
    ids=["flushed at once", "flushed at the end"],
)
def test_a_pipe_that_nobody_reads_is_no_error(command, monkeypatch):
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, *command], stdout=writing, stderr=subprocess.PIPE, check=False
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")
