"""`backup`, `restore`, `verify`, `migrate`, `resolve` and `salvage`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from a3s_store.cli import output
from a3s_store.cli.failures import DAMAGED, NotFound
from a3s_store.cli.opening import PATH, existing, may_be_noted, require_store
from a3s_store.cli.output import bar, cell
from a3s_store.core.reports import (
    Damage,
    Depth,
    MigrationReport,
    SalvageReport,
    VerifyReport,
)
from a3s_store.errors import CorruptionError


@click.command("backup")
@click.argument("store", type=PATH)
@click.argument("new", type=PATH)
@click.option("--no-search", is_flag=True, help="Leave out the full-text indexes.")
@output.json_option
def backup_command(store: Path, new: Path, no_search: bool, as_json: bool) -> None:
    """Copy STORE into the new file NEW, while other programs use it.

    NEW has the content of one moment and is readable by you alone. It gets its name only after the
    copy is complete and checked; an existing file is never replaced.
    """
    from a3s_store.backends.sqlite.connection import paths
    from a3s_store.backends.sqlite.connection.settings import Settings
    from a3s_store.backends.sqlite.maintenance import backup

    require_store(store)
    settings = Settings(path=paths.resolve(store))
    with bar("Copying", pages=True, hidden=as_json) as progress:
        report = backup.take(settings, new, progress, search=not no_search)
    if as_json:
        output.print_json(report.as_json())
        return
    sessions = output.amount(report.sessions, "session")
    click.echo(f"{sessions}, {output.size(report.bytes)}: {output.cell(report.target)}")


@click.command("restore")
@click.argument("backup", type=PATH)
@click.argument("store", type=PATH)
@click.option("--replace", is_flag=True, help="Rename an existing STORE to STORE.replaced first.")
@output.json_option
def restore_command(backup: Path, store: Path, replace: bool, as_json: bool) -> None:
    """Restore STORE from the file BACKUP.

    BACKUP is checked first. STORE must be closed in all programs; with --replace an existing one is
    kept, with its -wal, under another name.
    """
    from a3s_store.backends.sqlite.maintenance import restore

    if not backup.exists():
        raise NotFound(f"there is no backup at {backup}")
    with bar("Copying", pages=True, hidden=as_json) as progress:
        report = restore.restore(backup, store, replace=replace, progress=progress)
    if as_json:
        output.print_json(report.as_json())
        return
    for kept in report.replaced:
        output.note(f"The replaced file was renamed to {kept}.")
    sessions = output.amount(report.sessions, "session")
    click.echo(f"{sessions}, {output.size(report.bytes)}: {output.cell(report.target)}")


# The number of damaged values that are printed; `--json` has all.
_SHOWN = 50


@click.command("verify")
@click.argument("store", type=PATH)
@click.option("--deep", is_flag=True, help="Read every message, value and blob as well.")
@output.json_option
def verify_command(store: Path, deep: bool, as_json: bool) -> None:
    """Check STORE against its checksums and digests.

    Checks the structure of the file, the digests of every session and the write-ahead log; with
    --deep also every message, value and blob. Exits with 4 when something is damaged.
    """
    depth: Depth = "deep" if deep else "quick"

    async def read(progress: output.Progress) -> VerifyReport:
        # The store notes the time of the verification, if it can be written.
        async with existing(store, read_only=not may_be_noted(store)) as opened:
            return await opened.verify(depth=depth, on_progress=progress)

    try:
        with bar("Verifying", hidden=as_json) as progress:
            report = asyncio.run(read(progress))
    except CorruptionError as error:
        # Too damaged to be opened.
        report = _not_opened(store, depth, error)
    if as_json:
        output.print_json(report.as_json())
    else:
        _print_verified(report)
    if not report.ok:
        click.get_current_context().exit(DAMAGED if report.damage else 1)


def _not_opened(store: Path, depth: Depth, error: CorruptionError) -> VerifyReport:
    nothing: dict[str, Any] = dict.fromkeys(
        ("sessions", "generations", "messages", "values", "blobs", "log_frames"), 0
    )
    return VerifyReport(
        location=str(store),
        depth=depth,
        **nothing,
        seconds=0.0,
        damage=(Damage.of(error),),
        skipped=("everything else: the store cannot be opened",),
    )


def _verified_state(report: VerifyReport) -> Any:
    if report.damage:
        return cell("DAMAGED", "red")
    return cell("intact", "green") if report.finished else cell("not finished", "yellow")


def _print_verified(report: VerifyReport) -> None:
    console = output.stdout()
    counts = (
        (report.sessions, "session"),
        (report.generations, "save"),
        (report.messages, "message"),
        (report.values, "value"),
        (report.blobs, "blob"),
        (report.log_frames, "page of the -wal", "pages of the -wal"),
    )
    pairs: list[tuple[str, Any]] = [
        ("store", report.location),
        ("checked", ", ".join(output.amount(*count) for count in counts)),
        ("depth", report.depth),
        ("took", output.duration(int(report.seconds * 1000))),
        *(("not checked", what) for what in report.skipped),
        ("state", _verified_state(report)),
    ]
    output.print_table(console, output.facts(pairs))
    for damage in report.damage[:_SHOWN]:
        console.print(cell(f"  {damage}"))
    if len(report.damage) > _SHOWN:
        console.print(cell(f"  and {len(report.damage) - _SHOWN} more: see --json"))
    if report.damage:
        output.note(
            "Keep the file as it is. `a3s-store salvage STORE NEW` recovers its readable data."
        )


@click.command("migrate")
@click.argument("store", type=PATH)
@click.option("--dry-run", is_flag=True, help="Only try it on a copy; STORE is not changed.")
@output.json_option
def migrate_command(store: Path, dry_run: bool, as_json: bool) -> None:
    """Migrate STORE to this release's schema, after a backup.

    Opening a store does the same. The backup is a file beside STORE. Exits with 1 when a step
    fails; STORE then has the schema from before that step.
    """
    from a3s_store.backends.sqlite.connection import paths
    from a3s_store.backends.sqlite.connection.settings import Settings
    from a3s_store.backends.sqlite.maintenance import upgrade

    require_store(store)
    settings = Settings(path=paths.resolve(store))
    report = upgrade.rehearse(settings) if dry_run else upgrade.upgrade(settings)
    if as_json:
        output.print_json(report.as_json())
    else:
        _print_migrated(report)
    if not report.ok:
        click.get_current_context().exit(1)


def _print_migrated(report: MigrationReport) -> None:
    if report.failure is not None:
        output.note(f"On a copy: {report.failure}. The store was not changed.")
    if not report.steps:
        if report.ok:
            click.echo(f"The store has schema {report.after}: there is nothing to do.")
        return
    what = f"from schema {report.before} to {report.after}"
    took = output.duration(int(report.seconds * 1000))
    if report.dry_run:
        click.echo(f"On a copy: {what}, {took}. The store was not changed.")
    else:
        click.echo(f"{what[0].upper()}{what[1:]}, {took}.")
    if report.backup is not None:
        output.note(f"Backup of the store before the migration: {report.backup}")


@click.command("resolve")
@click.argument("store", type=PATH)
@click.option(
    "--set-aside-wal",
    "action",
    flag_value="set-aside-wal",
    help="Keep the database, and rename a -wal of another file or of another moment.",
)
@click.option(
    "--with-wal",
    "action",
    flag_value="with-wal",
    help="Apply a -wal that another program wrote.",
)
@click.option(
    "--without-wal",
    "action",
    flag_value="without-wal",
    help="Continue without the missing -wal; its commits are lost.",
)
@click.option(
    "--set-aside-journal",
    "action",
    flag_value="set-aside-journal",
    help="Rename a rollback journal, which a store never has.",
)
@output.json_option
def resolve_command(store: Path, action: Any, as_json: bool) -> None:
    """Accept the state of STORE and its -wal, after opening refused it.

    Opening refuses a database with a -wal or journal that may not be its own; `doctor` recommends
    the option to use. No file is removed: a file that is not used is renamed. The result is tried
    on a copy first. STORE must be closed in all programs.
    """
    from a3s_store.backends.sqlite.maintenance import resolve

    if action is None:
        raise click.UsageError("one of the options is required; `doctor` recommends one")
    require_store(store)
    report = resolve.resolve(store, action)
    if as_json:
        output.print_json(report.as_json())
        return
    for kept in report.set_aside:
        output.note(f"A file that is not used was renamed to {kept}.")
    last = "nothing was ever saved"
    if report.last_saved_at_ms is not None:
        last = f"the last save is of {output.moment(report.last_saved_at_ms // 1000)}"
    output.note(f"{output.amount(report.sessions, 'session')}; {last}.")


@click.command("salvage")
@click.argument("store", type=PATH)
@click.argument("new", type=PATH)
@output.json_option
def salvage_command(store: Path, new: Path, as_json: bool) -> None:
    """Recover readable data from a damaged STORE into the new file NEW.

    STORE is only read, and must not be in use; NEW must not exist. Data that fails verification is
    left out and listed, sessions first; NEW has a note of it, which `doctor` shows. Generations are
    numbered from 1 again. Exits with 0 when nothing was damaged, with 4 otherwise.
    """
    from a3s_store.backends.sqlite.salvage.run import salvage

    require_store(store)
    with bar("Salvaging", hidden=as_json) as progress:
        report = asyncio.run(salvage(store, new, on_progress=progress))
    if as_json:
        output.print_json(report.as_json())
    else:
        _print_salvaged(report)
    if not report.ok:
        click.get_current_context().exit(DAMAGED)


def _print_salvaged(report: SalvageReport) -> None:
    """Print the counts of recovered data, then a line for each damaged value."""
    recovered = [
        ("complete", output.amount(len(report.sessions), "session")),
        ("partial", output.amount(len(report.partial), "session")),
        ("lost", output.amount(len(report.lost), "session")),
        ("messages", output.amount(report.messages, "message")),
        ("checkpoints", output.amount(report.checkpoints, "checkpoint")),
        ("memories", output.amount(report.memories, "memory", "memories")),
        ("new store", report.target),
    ]
    output.print_table(output.stdout(), output.facts(recovered))
    if report.damage:
        click.echo()
        _print_damage(report.damage)
        output.note(f"Keep {report.source}: it was damaged, and was not changed.")
    else:
        output.note("Nothing was damaged.")


def _print_damage(damage: Sequence[Damage]) -> None:
    made = output.table(damaged={"overflow": "fold"}, what={"overflow": "fold", "ratio": 1})
    for one in damage:
        place, _, what = str(one).partition(": ")
        made.add_row(cell(place, "red"), cell(what))
    output.print_table(output.stdout(), made)
