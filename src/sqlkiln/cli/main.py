"""The `sqlkiln` command: its global options, its sub-commands, and how it ends.

Exit codes: 0 done, 1 the result is a failure, 2 wrong usage, 3 the machine or the installation,
130 interrupted. Data goes to stdout, everything else to stderr.
"""

import os
import sys
from typing import Annotated

import typer

from sqlkiln import __version__
from sqlkiln.cli import (
    adapters,
    ask,
    budget,
    compare,
    data,
    doctor,
    evaluate,
    gate,
    link,
    models,
    report,
    run,
    samples,
    schema,
    show,
    suite,
    train,
)
from sqlkiln.core.errors import SqlkilnError

INTERRUPTED = 130

app = typer.Typer(
    name="sqlkiln",
    help="Small language models that turn questions into SQL, on your own machine.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
for _commands in (
    ask,
    link,
    schema,
    samples,
    data,
    models,
    train,
    adapters,
    suite,
    evaluate,
    budget,
    show,
    compare,
    gate,
    report,
    run,
    doctor,
):
    _commands.register(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sqlkiln {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the log, and the traceback of an error.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    import logging

    console = logging.StreamHandler(sys.stderr)
    console.setLevel(logging.DEBUG if debug else logging.WARNING)
    logging.basicConfig(handlers=[console], format="%(levelname)s %(name)s: %(message)s")
    if debug:
        logging.getLogger("sqlkiln").setLevel(logging.DEBUG)


def main() -> None:
    """Run the command line in `sys.argv` and exit."""
    arguments, debug = _take_debug(sys.argv[1:])
    try:
        code = _invoke(arguments, debug)
        sys.stdout.flush()
    except BrokenPipeError:
        # Otherwise Python flushes once more on its way out, and complains.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    sys.exit(code)


def _take_debug(arguments: list[str]) -> tuple[list[str], bool]:
    """Let `--debug` stand anywhere before a `--`, not only in front of the command."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options = [argument for argument in arguments[:end] if argument != "--debug"]
    debug = len(options) < end
    return ["--debug"] * debug + options + arguments[end:], debug


def _invoke(arguments: list[str], debug: bool) -> int:
    try:
        app(args=arguments, prog_name="sqlkiln")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
        if code == INTERRUPTED:
            _complain("interrupted", "")
        return code
    except KeyboardInterrupt:
        _complain("interrupted", "")
        return INTERRUPTED
    except SqlkilnError as error:
        _complain("error:", str(error), traceback=debug)
        return error.exit_code
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        hint = "" if debug else "; run with --debug to see the traceback and report it"
        _complain("internal error:", what + hint, traceback=debug)
        return 1
    return 0


def _complain(title: str, message: str, traceback: bool = False) -> None:
    if traceback:
        from traceback import print_exc

        print_exc()
    # A message may quote a database or a model: keep control characters off the terminal.
    safe = "".join(
        c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in message
    )
    typer.echo(typer.style(title, fg="red", bold=True) + f" {safe}".rstrip(), err=True)
