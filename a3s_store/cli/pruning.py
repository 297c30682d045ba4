"""`prune` and `compact`: removing earlier generations, and giving free pages back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from a3s_store.cli import output
from a3s_store.cli.opening import PATH, existing
from a3s_store.core.reports import CompactReport, PruneReport


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
