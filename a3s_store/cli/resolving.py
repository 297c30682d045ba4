"""`resolve`: deciding what opening a store leaves to its owner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from a3s_store.cli import output
from a3s_store.cli.opening import PATH, require_store


@click.command("resolve")
@click.argument("store", type=PATH)
@click.option(
    "--set-aside-wal",
    "action",
    flag_value="set-aside-wal",
    help="Keep the database; rename the log, which is another file's or of another moment.",
)
@click.option(
    "--with-wal", "action", flag_value="with-wal", help="Take in what another program's log has."
)
@click.option(
    "--without-wal", "action", flag_value="without-wal", help="Go on without the missing log."
)
@click.option(
    "--set-aside-journal",
    "action",
    flag_value="set-aside-journal",
    help="Rename a rollback journal, which a store never has.",
)
@output.json_option
def resolve_command(store: Path, action: Any, as_json: bool) -> None:
    """Accept STORE as it is, or what lies beside it, by an option.

    Opening refuses a file whose log or journal may not be its own; `doctor` says which option fits.
    Nothing is removed: what is left out gets another name. The result is tried on a copy first.
    STORE must be closed everywhere.
    """
    from a3s_store.backends.sqlite.maintenance import resolve

    if action is None:
        raise click.UsageError("say what to do: one of the options")
    require_store(store)
    report = resolve.resolve(store, action)
    if as_json:
        output.print_json(report.as_json())
        return
    for kept in report.set_aside:
        output.note(f"What was left out is {kept} now.")
    last = "nothing was ever saved"
    if report.last_saved_at_ms is not None:
        last = f"the last save is of {output.moment(report.last_saved_at_ms // 1000)}"
    output.note(f"{output.amount(report.sessions, 'session')}; {last}.")
