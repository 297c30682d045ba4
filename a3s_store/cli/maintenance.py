"""The commands that look after a file: copies, checks, migration, pruning, resolving, salvage."""

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
    CompactReport,
    Damage,
    Depth,
    MigrationReport,
    PruneReport,
    SalvageReport,
    VerifyReport,
)
from a3s_store.errors import CorruptionError


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


# How many damaged things are told where people read it.
_TOLD = 50


@click.command("verify")
@click.argument("store", type=PATH)
@click.option("--deep", is_flag=True, help="Read every message, value and blob as well.")
@output.json_option
def verify_command(store: Path, deep: bool, as_json: bool) -> None:
    """Check STORE against its checksums and digests.

    Looks at the structure of the file, at the digests of every session and at the log; with --deep
    at every message, value and blob as well. Exits with 4 when something is damaged.
    """
    depth: Depth = "deep" if deep else "quick"

    async def read() -> VerifyReport:
        # The time of the verification is noted where that can be written.
        async with existing(store, read_only=not may_be_noted(store)) as opened:
            return await opened.verify(depth=depth)

    try:
        report = asyncio.run(read())
    except CorruptionError as error:
        # So damaged that it does not even open.
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
        skipped=("all the rest: it does not open",),
    )


def _verified_state(report: VerifyReport) -> Any:
    if report.damage:
        return cell("DAMAGED", "red")
    return cell("whole", "green") if report.finished else cell("not finished", "yellow")


def _print_verified(report: VerifyReport) -> None:
    console = output.stdout()
    counts = (
        (report.sessions, "session"),
        (report.generations, "save"),
        (report.messages, "message"),
        (report.values, "value"),
        (report.blobs, "blob"),
        (report.log_frames, "page of the log", "pages of the log"),
    )
    pairs: list[tuple[str, Any]] = [
        ("store", report.location),
        ("looked at", ", ".join(output.amount(*count) for count in counts)),
        ("depth", report.depth),
        ("took", output.duration(int(report.seconds * 1000))),
        *(("not looked at", what) for what in report.skipped),
        ("state", _verified_state(report)),
    ]
    output.print_table(console, output.facts(pairs))
    for damage in report.damage[:_TOLD]:
        console.print(cell(f"  {damage}"))
    if len(report.damage) > _TOLD:
        console.print(cell(f"  and {len(report.damage) - _TOLD} more: see --json"))
    if report.damage:
        output.note(
            "Keep the file as it is. `a3s-store salvage STORE NEW` brings back what is whole."
        )


@click.command("migrate")
@click.argument("store", type=PATH)
@click.option("--dry-run", is_flag=True, help="Only try it, on a copy; STORE is left as it is.")
@output.json_option
def migrate_command(store: Path, dry_run: bool, as_json: bool) -> None:
    """Bring the tables of STORE to this release's schema, after a backup.

    Opening a store does the same. The backup lies beside it. Exits with 1 when a step fails; STORE
    has then the schema it had before that step.
    """
    from a3s_store.backends.sqlite.connection import connect
    from a3s_store.backends.sqlite.maintenance import upgrade

    require_store(store)
    settings = connect.Settings(path=connect.resolve(store))
    report = upgrade.rehearse(settings) if dry_run else upgrade.upgrade(settings)
    if as_json:
        output.print_json(report.as_json())
    else:
        _print_migrated(report)
    if not report.ok:
        click.get_current_context().exit(1)


def _print_migrated(report: MigrationReport) -> None:
    if report.failure is not None:
        output.note(f"On a copy: {report.failure}. The store was left as it is.")
    if not report.steps:
        if report.ok:
            click.echo(f"The store has schema {report.after}: there is nothing to do.")
        return
    what = f"from schema {report.before} to {report.after}"
    took = output.duration(int(report.seconds * 1000))
    if report.dry_run:
        click.echo(f"On a copy: {what}, {took}. The store was left as it is.")
    else:
        click.echo(f"{what[0].upper()}{what[1:]}, {took}.")
    if report.backup is not None:
        output.note(f"The store as it was: {report.backup}")


@click.command("prune")
@click.argument("store", type=PATH)
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    metavar="N",
    help="Keep the newest N generations of each session.",
)
@click.option(
    "--days",
    type=click.IntRange(min=1),
    metavar="N",
    help="Of the others, remove also those that hold messages of their own (rewound, edited and "
    "compacted histories) once they are older than N days.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@output.json_option
def prune_command(store: Path, keep: int, days: int | None, dry_run: bool, as_json: bool) -> None:
    """Remove old generations from STORE; without --days no message is lost.

    Without it a generation goes only if its conversation is the beginning of one that is kept.
    Those of the last day always stay, and so does every present conversation.
    Others can use STORE meanwhile. The file keeps its size: `compact` gives free pages back.
    """

    async def prune() -> PruneReport:
        async with existing(store, read_only=dry_run) as opened:
            return await opened.prune(keep_generations=keep, keep_days=days, dry_run=dry_run)

    report = asyncio.run(prune())
    if as_json:
        output.print_json(report.as_json())
        return
    generations = output.amount(report.generations, "generation")
    messages = output.amount(report.messages, "message")
    blobs = output.amount(report.blobs, "blob")
    size = output.size(report.bytes_logical)
    what = "Would remove" if report.dry_run else "Removed"
    click.echo(f"{what} {generations}, {messages} and {blobs} ({size}).")
    for skipped in report.skipped:
        output.note(f"Not removed: {skipped}.")
    if report.bytes_free_pages:
        output.note(f"{output.size(report.bytes_free_pages)} of the file are free pages.")


@click.command("compact")
@click.argument("store", type=PATH)
@click.option(
    "--target-free",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.1,
    show_default=True,
    metavar="SHARE",
    help="Leave this share of the pages free, for later saves.",
)
@click.option("--full", is_flag=True, help="Write the file anew; other savers wait meanwhile.")
@output.json_option
def compact_command(store: Path, target_free: float, full: bool, as_json: bool) -> None:
    """Give the free pages of STORE back to the file system.

    Others can use STORE meanwhile. A file that an older release made can only be written anew,
    which --full does.
    """

    async def compact() -> CompactReport:
        async with existing(store, read_only=False) as opened:
            return await opened.compact(target_free=target_free, full=full)

    report = asyncio.run(compact())
    if as_json:
        output.print_json(report.as_json())
        return
    before, after = (output.size(size) for size in (report.bytes_before, report.bytes_after))
    click.echo(f"{before} before, {after} now.")
    if report.advice is not None:
        output.note(f"{report.advice[0].upper()}{report.advice[1:]}.")


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


@click.command("salvage")
@click.argument("store", type=PATH)
@click.argument("new", type=PATH)
@output.json_option
def salvage_command(store: Path, new: Path, as_json: bool) -> None:
    """Bring what is whole of the damaged STORE into the new store NEW.

    STORE is only read, and must not be in use; NEW must not be there yet. What cannot be proven is
    left out and named, sessions first, also in NEW, where `doctor` shows it. Numbers of
    generations begin anew. Exits with 0 when nothing was damaged,
    4 when something was.
    """
    from a3s_store.backends.sqlite.salvage.run import salvage

    require_store(store)
    with bar("Salvaging") as progress:
        report = asyncio.run(salvage(store, new, on_progress=progress))
    if as_json:
        output.print_json(report.as_json())
    else:
        _print_salvaged(report)
    if not report.ok:
        click.get_current_context().exit(DAMAGED)


def _print_salvaged(report: SalvageReport) -> None:
    """What came back, in a few lines; then what did not, one line each."""
    came_back = [
        ("whole", output.amount(len(report.sessions), "session")),
        ("in part", output.amount(len(report.partial), "session")),
        ("lost", output.amount(len(report.lost), "session")),
        ("messages", output.amount(report.messages, "message")),
        ("checkpoints", output.amount(report.checkpoints, "checkpoint")),
        ("memories", output.amount(report.memories, "memory", "memories")),
        ("new store", report.target),
    ]
    output.print_table(output.stdout(), output.facts(came_back))
    if report.damage:
        click.echo()
        _print_damage(report.damage)
        output.note(f"Damaged. {report.source} was left as it is: keep it.")
    else:
        output.note("Nothing was damaged.")


def _print_damage(damage: Sequence[Damage]) -> None:
    made = output.table(damaged={"overflow": "fold"}, what={"overflow": "fold", "ratio": 1})
    for one in damage:
        place, _, what = str(one).partition(": ")
        made.add_row(cell(place, "red"), cell(what))
    output.print_table(output.stdout(), made)
