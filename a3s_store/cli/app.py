"""The group of all commands, and the exit of the program.

A command is imported when it is run, so that `--help` and a mistyped name load neither the store
nor rich. Therefore the table below repeats the first sentence of each command's docstring; a test
compares them.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any, Final, TextIO

import click

from a3s_store.cli.failures import failure_of
from a3s_store.errors import StoreError
from a3s_store.printable import one_line

# name: (module, first sentence of the help); the function is called `{name}_command`.
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "demo": ("demo", "Show what a store does, in seconds; nothing is left behind."),
    "list": ("listing", "List the sessions in STORE, the last updated first."),
    "show": ("show", "Show a session's conversation, or one of its collections."),
    "rename": ("organize", "Give a session another name."),
    "label": ("organize", "Set and remove labels of a session; without any, print them."),
    "archive": ("organize", "Archive sessions: lists leave them out."),
    "trash": ("organize", "Put sessions in the trash, or empty it."),
    "untrash": ("organize", "Take sessions out of the trash."),
    "history": ("history", "Show the turns of a session, and its branches."),
    "switch": ("history", "Make the conversation of a generation the present one."),
    "usage": ("usage", "Add up the tokens and costs of the sessions in STORE."),
    "search": (
        "search",
        "Search the conversations in STORE for messages with all words of QUERY.",
    ),
    "stream": (
        "streams",
        "List the streams in STORE, and show, put and delete their items.",
    ),
    "info": ("listing", "Describe the file STORE and its state."),
    "log": ("commits", "List the commits in STORE: what changed, in order."),
    "tail": ("commits", "Show the newest commits in STORE, and with --follow those that come."),
    "import": ("transfer", "Import the sessions of a file or directory PATH into STORE."),
    "export": (
        "transfer",
        "Export sessions into DIR: the engine's JSON files, transcripts, or other formats.",
    ),
    "verify": ("maintenance", "Check STORE against its checksums and digests."),
    "doctor": ("doctor", "Diagnose STORE and recommend actions; only --fix writes."),
    "erase": ("doctor", "Delete sessions, leaving no piece of their texts in STORE."),
    "stats": ("space", "Measure what STORE has, by kind, and its largest sessions."),
    "prune": (
        "space",
        "Remove old generations from STORE, and sessions with --trash-days and --max-bytes.",
    ),
    "compact": ("space", "Return the free pages of STORE to the file system."),
    "backup": ("maintenance", "Copy STORE into the new file NEW, while other programs use it."),
    "restore": ("maintenance", "Restore STORE from the file BACKUP."),
    "resolve": ("maintenance", "Accept the state of STORE and its -wal, after opening refused it."),
    "salvage": ("maintenance", "Recover readable data from a damaged STORE into the new file NEW."),
    "migrate": ("maintenance", "Migrate STORE to this release's schema, after a backup."),
}


# The status that shells report after SIGPIPE: 128 and its number.
_BROKEN_PIPE: Final = 141


class App(click.Group):
    """The group of all commands, each imported when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"a3s_store.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        with _usage_on_one_line():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        for stream in (sys.stdout, sys.stderr):
            _never_fail_to_encode(stream)
        try:
            with warnings.catch_warnings(), _usage_on_one_line():
                warnings.showwarning = _show_warning
                return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(130)
        except (StoreError, OSError) as error:
            failure = failure_of(error)
            if failure is None:  # the reader, such as `| head`, is gone
                _stop_writing()
                ctx.exit(_BROKEN_PIPE)
            raise failure from error

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command as click does, and suggest similar names for an unknown one."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=3)
            if not near or ctx.resilient_parsing:
                raise
            meant = f"{error.message} Did you mean {' or '.join(map(repr, near))}?"
            raise click.UsageError(meant, ctx) from None


@contextlib.contextmanager
def _usage_on_one_line() -> Iterator[None]:
    """Escape invisible characters in click's own errors, which repeat arguments unchanged."""
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        raise click.UsageError(one_line(error.format_message()), error.ctx) from None


def _stop_writing() -> None:
    """Redirect both streams to nowhere, since the interpreter flushes them when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())


def _never_fail_to_encode(stream: TextIO) -> None:
    """Write escapes for characters that the terminal's encoding does not have."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning as a sentence, without its place in the code."""
    click.echo(one_line(f"Warning: {message}"), err=True)


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    import platform
    import sqlite3

    from a3s_store import __version__

    python = f"{platform.python_implementation()} {platform.python_version()}"
    click.echo(f"a3s-store {__version__} ({python}, SQLite {sqlite3.sqlite_version})")
    ctx.exit()


@click.group(
    cls=App,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Each command takes --json. "
    "Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 damaged.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
def app() -> None:
    """Inspect, check and repair stores of AI agent sessions; import and export sessions.

    A store is one SQLite file. Try `a3s-store demo` first.
    """
