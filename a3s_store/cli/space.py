"""`prune`, `compact` and `stats`: the space that a store takes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click

from a3s_store.cli import output
from a3s_store.cli.opening import PATH, existing
from a3s_store.cli.output import bar, cell
from a3s_store.core.reports import CompactReport, PruneReport, StoreStats
from a3s_store.printable import one_line


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
    help="Also remove generations older than N days that have messages of their own (of rewound, "
    "edited and compacted conversations).",
)
@click.option(
    "--trash-days",
    type=click.IntRange(min=0),
    metavar="N",
    help="Also delete sessions that were put in the trash N days ago or earlier.",
)
@click.option(
    "--max-bytes",
    type=click.IntRange(min=1),
    metavar="N",
    help="Also delete archived sessions, the oldest first, while more than N bytes are used.",
)
@click.option(
    "--log-rows",
    type=click.IntRange(min=1),
    metavar="N",
    help="Keep the newest N entries of the commit log, by default 100,000.",
)
@click.option(
    "--log-days",
    type=click.IntRange(min=1),
    metavar="N",
    help="Keep the entries of the commit log of the N days before the newest one, by default 7.",
)
@click.option("--session", metavar="ID", help="Only remove generations of this session.")
@click.option("--dry-run", is_flag=True, help="Only print what would be removed.")
@output.json_option
def prune_command(
    store: Path,
    keep: int,
    days: int | None,
    trash_days: int | None,
    max_bytes: int | None,
    log_rows: int | None,
    log_days: int | None,
    session: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Remove old generations from STORE, and sessions with --trash-days and --max-bytes.

    Old entries of the commit log, too.

    Without --days, --trash-days and --max-bytes no message is lost: a generation is removed only if
    its conversation is the beginning of one that is kept. --days removes others too, --trash-days
    and --max-bytes delete whole sessions. Generations of the last day, and the present
    conversations of all other sessions, are always kept. Other programs can use STORE meanwhile.
    The file keeps its size; `compact` shrinks it.
    """
    from a3s_store.core.retention import RetentionPolicy

    policy = RetentionPolicy(
        keep_generations=keep,
        keep_branches_days=days,
        trash_days=trash_days,
        max_bytes=max_bytes,
        log_rows=log_rows,
        log_days=log_days,
    )

    async def prune(progress: output.Progress) -> PruneReport:
        async with existing(store, read_only=dry_run) as opened:
            return await opened.prune(
                policy, session=session, dry_run=dry_run, on_progress=progress
            )

    with bar("Pruning", hidden=as_json) as progress:
        report = asyncio.run(prune(progress))
    if as_json:
        output.print_json(report.as_json())
        return
    what = "Would remove" if report.dry_run else "Removed"
    if report.deleted:
        sessions = output.amount(len(report.deleted), "session")
        click.echo(f"{what} {sessions}: {', '.join(map(one_line, report.deleted))}.")
    generations = output.amount(report.generations, "generation")
    messages = output.amount(report.messages, "message")
    blobs = output.amount(report.blobs, "blob")
    size = output.size(report.bytes_logical)
    click.echo(f"{what} {generations}, {messages} and {blobs} ({size}).")
    if report.commits:
        entries = output.amount(report.commits, "entry", "entries")
        click.echo(f"{what} {entries} of the commit log.")
    for skipped in report.skipped:
        output.note(f"Not removed: {skipped}.")
    if report.bytes_free_pages:
        output.note(f"{output.size(report.bytes_free_pages)} of the file are free pages.")


@click.command("stats")
@click.argument("store", type=PATH)
@output.json_option
def stats_command(store: Path, as_json: bool) -> None:
    """Measure what STORE has, by kind, and its largest sessions.

    Reads the whole file; nothing is written.
    """

    async def read() -> StoreStats:
        async with existing(store) as opened:
            return await opened.stats()

    with bar("Measuring", hidden=as_json):
        found = asyncio.run(read())
    if as_json:
        output.print_json(found.as_json())
        return
    console = output.stdout()
    pairs: list[tuple[str, Any]] = [
        ("store", found.location),
        ("sessions", found.sessions),
        ("messages", f"{found.messages} stored, in {found.generations} generations"),
        ("database", output.size(found.bytes_database)),
        ("free pages", output.size(found.bytes_free_pages)),
        ("-wal", output.size(found.bytes_wal)),
    ]
    sizes = sorted(found.bytes_by.items(), key=lambda one: -one[1])
    pairs += [(name.replace("_", " "), output.size(size)) for name, size in sizes if size]
    output.print_table(console, output.facts(pairs))
    if not found.is_measured:
        output.note("Sizes are those of the values: this SQLite does not count pages by table.")
    if found.largest:
        click.echo()
        made = output.table(session={"overflow": "fold"}, messages={"justify": "right"}, size={})
        for one in found.largest:
            made.add_row(cell(one.session_id), cell(one.messages), cell(output.size(one.bytes)))
        output.print_table(console, made)


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
@click.option("--full", is_flag=True, help="Rewrite the whole file; saves wait meanwhile.")
@output.json_option
def compact_command(store: Path, target_free: float, full: bool, as_json: bool) -> None:
    """Return the free pages of STORE to the file system.

    Other programs can use STORE meanwhile. A file of an older release can only be shrunk by --full.
    """

    async def compact(progress: output.Progress) -> CompactReport:
        async with existing(store, read_only=False) as opened:
            return await opened.compact(target_free=target_free, full=full, on_progress=progress)

    with bar("Compacting", pages=True, hidden=as_json) as progress:
        report = asyncio.run(compact(progress))
    if as_json:
        output.print_json(report.as_json())
        return
    before, after = (output.size(size) for size in (report.bytes_before, report.bytes_after))
    click.echo(f"{before} before, {after} now.")
    if report.advice is not None:
        output.note(f"{report.advice[0].upper()}{report.advice[1:]}.")
