"""`backup` and `restore`: a store as one file, and back."""

from __future__ import annotations

from pathlib import Path

import click

from a3s_store.cli import output
from a3s_store.cli.failures import NotFound
from a3s_store.cli.opening import PATH, require_store
from a3s_store.cli.progress import bar


@click.command("backup")
@click.argument("store", type=PATH)
@click.argument("new", type=PATH)
@output.json_option
def backup_command(store: Path, new: Path, as_json: bool) -> None:
    """Copy STORE into the new file NEW, while others go on using it.

    NEW is a store as it was at one moment, readable by you alone. It takes its name only when it is
    whole and was looked through; nothing is ever replaced.
    """
    from a3s_store.backends.sqlite.connection import connect
    from a3s_store.backends.sqlite.maintenance import backup

    require_store(store)
    settings = connect.Settings(path=connect.resolve(store))
    with bar("Copying", pages=True) as progress:
        report = backup.take(settings, new, progress)
    if as_json:
        output.print_json(report.as_json())
        return
    sessions = output.amount(report.sessions, "session")
    click.echo(f"{sessions}, {output.size(report.bytes)}: {output.cell(report.target)}")


@click.command("restore")
@click.argument("backup", type=PATH)
@click.argument("store", type=PATH)
@click.option(
    "--replace", is_flag=True, help="Where there is a STORE, keep it as STORE.replaced first."
)
@output.json_option
def restore_command(backup: Path, store: Path, replace: bool, as_json: bool) -> None:
    """Make a copy of BACKUP the store STORE.

    BACKUP is looked through first. STORE must be closed everywhere; with --replace it is kept, with
    its log, under another name.
    """
    from a3s_store.backends.sqlite.maintenance import restore

    if not backup.exists():
        raise NotFound(f"there is no backup at {backup}")
    with bar("Copying", pages=True) as progress:
        report = restore.restore(backup, store, replace=replace, progress=progress)
    if as_json:
        output.print_json(report.as_json())
        return
    for kept in report.replaced:
        output.note(f"What was there is {kept} now.")
    sessions = output.amount(report.sessions, "session")
    click.echo(f"{sessions}, {output.size(report.bytes)}: {output.cell(report.target)}")
