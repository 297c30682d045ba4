"""`rename`, `label`, `archive`, `trash` and `untrash`: what a host keeps with sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.cli import moments, output
from a3s_store.cli.opening import PATH, existing, not_found
from a3s_store.core.reports import TrashReport
from a3s_store.errors import SessionNotFoundError
from a3s_store.printable import short_repr

_STORE = click.argument("store", type=PATH)
_ID = click.argument("session_id", metavar="ID")
_IDS = click.argument("session_ids", metavar="ID...", nargs=-1, required=True)


@click.command("rename")
@_STORE
@_ID
@click.argument("name")
@output.json_option
def rename_command(store: Path, session_id: str, name: str, as_json: bool) -> None:
    """Give a session another name."""
    _change(store, (session_id,), lambda opened, one: opened.update(one, name=name))
    _say(as_json, f"{short_repr(session_id)} is named {short_repr(name)}.", renamed=session_id)


@click.command("label")
@_STORE
@_ID
@click.argument("labels", metavar="KEY=VALUE...", nargs=-1)
@click.option("--remove", "removed", multiple=True, metavar="KEY", help="Remove this label.")
@output.json_option
def label_command(
    store: Path, session_id: str, labels: tuple[str, ...], removed: tuple[str, ...], as_json: bool
) -> None:
    """Set and remove labels of a session; without any, print them."""
    changed: dict[str, str | None] = dict.fromkeys(removed)
    for label in labels:
        key, has_value, value = label.partition("=")
        if not has_value:
            raise click.BadParameter(f"{label!r} is no KEY=VALUE")
        changed[key] = value

    async def change() -> dict[str, str]:
        async with existing(store, read_only=not changed) as opened:
            header = await opened.load_header(session_id)
            if header is not None and changed:
                await opened.update(session_id, labels=changed)
                header = await opened.load_header(session_id)
            if header is None:
                raise not_found(session_id)
            return dict(header.host.labels)

    found = asyncio.run(change())
    if as_json:
        output.print_json({"session": session_id, "labels": found})
    elif found:
        pairs = [(output.cell(key).plain, value) for key, value in found.items()]
        output.print_table(output.stdout(), output.facts(pairs))
    else:
        output.note(f"{short_repr(session_id)} has no labels.")


@click.command("archive")
@_STORE
@_IDS
@click.option("--undo", is_flag=True, help="Take them out of the archive.")
@output.json_option
def archive_command(store: Path, session_ids: tuple[str, ...], undo: bool, as_json: bool) -> None:
    """Archive sessions: lists leave them out."""
    _change(store, session_ids, lambda opened, one: opened.update(one, archived=not undo))
    what = "out of the archive" if undo else "archived"
    _say(as_json, f"{_sessions(session_ids)} {what}.", archived=not undo, sessions=session_ids)


@click.command("trash")
@_STORE
@click.argument("session_ids", metavar="[ID...]", nargs=-1)
@click.option("--empty", is_flag=True, help="Delete what is in the trash, for good.")
@click.option(
    "--days",
    type=click.IntRange(0, moments.MOST_DAYS),
    help="With --empty: put there so long ago.",
)
@click.option("--dry-run", is_flag=True, help="With --empty: only say what would be deleted.")
@output.json_option
def trash_command(
    store: Path,
    session_ids: tuple[str, ...],
    empty: bool,
    days: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Put sessions in the trash, or empty it."""
    if empty is bool(session_ids):
        raise click.UsageError("give either the ids of sessions, or --empty")
    if not empty:
        if days is not None or dry_run:
            raise click.UsageError("--days and --dry-run belong to --empty")
        _change(store, session_ids, lambda opened, one: opened.trash(one))
        _say(as_json, f"{_sessions(session_ids)} in the trash.", trashed=session_ids)
        return

    async def delete() -> TrashReport:
        async with existing(store, read_only=dry_run) as opened:
            older_than = None if days is None else timedelta(days=days)
            return await opened.empty_trash(older_than=older_than, dry_run=dry_run)

    report = asyncio.run(delete())
    if as_json:
        output.print_json(report.as_json())
        return
    deleted = output.amount(len(report.deleted), "session")
    output.note(f"{deleted} {'would be' if dry_run else ''} deleted.".replace("  ", " "))
    for one in report.changed:
        output.note(f"{short_repr(one)} stays: it was changed after it was put in the trash.")
    for one in report.without_parent:
        output.note(f"{short_repr(one)} stays, without its parent.")


@click.command("untrash")
@_STORE
@_IDS
@output.json_option
def untrash_command(store: Path, session_ids: tuple[str, ...], as_json: bool) -> None:
    """Take sessions out of the trash."""
    _change(store, session_ids, lambda opened, one: opened.untrash(one))
    _say(as_json, f"{_sessions(session_ids)} out of the trash.", untrashed=session_ids)


def _change(
    store: Path,
    session_ids: tuple[str, ...],
    change: Callable[[SqliteSessionStore, str], Awaitable[Any]],
) -> None:
    """Change sessions one after the other; raises NotFound at the first that is not stored."""

    async def work() -> None:
        async with existing(store, read_only=False) as opened:
            for one in session_ids:
                try:
                    await change(opened, one)
                except SessionNotFoundError:
                    raise not_found(one) from None

    asyncio.run(work())


def _sessions(session_ids: tuple[str, ...]) -> str:
    return output.amount(len(session_ids), "session is", "sessions are")


def _say(as_json: bool, sentence: str, **facts: Any) -> None:
    if as_json:
        output.print_json(facts)
    else:
        output.note(sentence)
