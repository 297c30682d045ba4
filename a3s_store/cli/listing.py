"""`list` and `info`: the sessions and the state of a store, without reading conversations."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import attrs
import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from a3s_store._deprecated import COLLECTIONS_ONLY_KEY
from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.backends.sqlite.schema import migrate
from a3s_store.cli import moments, output
from a3s_store.cli.opening import PATH, existing
from a3s_store.cli.output import cell
from a3s_store.core.listing.values import ORDERS, SessionFilter, SessionOrder, SessionSummary
from a3s_store.core.protocol import Health, Inventory

_PAGE: Final = 1000
_GAP: Final = 2
_ID_WIDTH: Final = 40
_PARENT_WIDTH: Final = 20
_NARROWEST: Final = 10
_PROMPT: Final = 60


@click.command("list")
@click.argument("store", type=PATH)
@click.option("--limit", type=click.IntRange(min=1), help="Only the first so many.")
@click.option("--sort", type=click.Choice(ORDERS), default="updated", help="The order.")
@click.option("--reverse", is_flag=True, help="The other way round.")
@click.option("--since", metavar="WHEN", help="Updated since a date, or since so long: 7d, 12h.")
@click.option("--text", help="With this text in the name or the first prompt.")
@click.option("--label", "labels", multiple=True, metavar="KEY[=VALUE]", help="With this label.")
@click.option("--all", "is_all", is_flag=True, help="Archived sessions and the trash, too.")
@output.json_option
def list_command(
    store: Path,
    limit: int | None,
    sort: SessionOrder,
    reverse: bool,
    since: str | None,
    text: str | None,
    labels: tuple[str, ...],
    is_all: bool,
    as_json: bool,
) -> None:
    """List the sessions in STORE, the last updated first.

    `12 (+6 interrupted)`: 12 messages, and 6 more of interrupted runs, which are not in the
    conversation. `12 (1 running)`: a run is in progress. Archived sessions and those in the trash
    are left out without --all.
    """
    where = SessionFilter(
        text=text,
        labels=wanted_labels(labels),
        updated_since=None if since is None else moments.since(since),
        archived=None if is_all else False,
        trashed=None if is_all else False,
    )
    is_filtered = bool(text or labels or since)
    # Names are read from A on, numbers and times from the largest.
    descending = (sort != "name") is not reverse

    async def read() -> Listed:
        async with existing(store) as opened:
            return await _listed(opened, where, sort, descending, limit)

    found = asyncio.run(read())
    if as_json:
        output.print_json([summary._asdict() for summary in found.rows])
    elif found.rows:
        console = output.stdout()
        output.print_table(console, sessions_table(console, found.rows))
    elif not found.hidden:
        output.note(f"There are no {'such ' if is_filtered else ''}sessions in {store}.")
    if found.hidden:
        hidden = output.amount(found.hidden, "session is", "sessions are")
        output.note(f"{hidden} archived or in the trash: --all shows them.")
    if found.is_partial:
        output.note(f"Some sessions cannot be listed: run a3s-store verify {store}")


class Listed(NamedTuple):
    """The rows of a list, the number of archived and trashed ones left out, and whether any fail.

    `is_partial`: rows may be missing since they could not be read.
    """

    rows: list[SessionSummary]
    hidden: int
    is_partial: bool


async def _listed(
    store: SqliteSessionStore,
    where: SessionFilter,
    order: SessionOrder,
    descending: bool,
    limit: int | None,
) -> Listed:
    rows: list[SessionSummary] = []
    after: str | None = None
    is_partial = False
    while limit is None or len(rows) < limit:
        most = _PAGE if limit is None else min(_PAGE, limit - len(rows))
        page = await store.sessions(
            where, order=order, descending=descending, limit=most, after=after
        )
        rows += page
        is_partial |= page.partial
        after = page.next
        if after is None:
            break
    everything = attrs.evolve(where, archived=None, trashed=None)
    hidden = await store.count_sessions(everything) - await store.count_sessions(where)
    return Listed(rows, hidden, is_partial)


def wanted_labels(labels: Sequence[str]) -> dict[str, str | None]:
    """Return the labels that a filter asks for: `key=value`, or `key` for any value."""
    found: dict[str, str | None] = {}
    for label in labels:
        key, has_value, value = label.partition("=")
        found[key] = value if has_value else None
    return found


def sessions_table(console: Console, found: Sequence[SessionSummary]) -> Table:
    """Return a table with a line for each session; a narrow terminal shortens names first."""
    moment = output.short_moment if console.is_terminal else output.moment
    columns: dict[str, list[Text]] = {
        "id": [cell(summary.id) for summary in found],
        "name": [cell(_title(summary)) for summary in found],
        "parent": [cell(summary.parent_id) for summary in found],
        "state": [cell(s.state, output.state_style(s.state)) for s in found],
        "msgs": [cell(_messages(summary)) for summary in found],
        "model": [cell(summary.model_name) for summary in found],
        "updated": [cell(moment(summary.updated_at)) for summary in found],
        "cost": [cell(output.dollars(summary.total_cost)) for summary in found],
    }
    if not any(summary.parent_id for summary in found):
        del columns["parent"]
    if console.is_terminal:
        for text in columns.get("parent", ()):
            text.truncate(_PARENT_WIDTH, overflow="ellipsis")
        _fit(columns, console.width)
    made = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim")
    for title in columns:
        made.add_column(
            title,
            justify="right" if title in {"msgs", "cost"} else "left",
            no_wrap=title != "id",
            overflow="fold",
            max_width=_ID_WIDTH if title == "id" and console.is_terminal else None,
            style="bold" if title == "id" else "",
        )
    for row in zip(*columns.values(), strict=True):
        made.add_row(*row)
    return made


def _title(summary: SessionSummary) -> str:
    """Return the name of a session with its marks; without a name the first prompt."""
    marks = [
        mark
        for mark, is_set in (
            ("pinned", summary.pinned),
            ("archived", summary.archived),
            ("trash", summary.trashed_at_ms is not None),
        )
        if is_set
    ]
    title = summary.name or (summary.first_prompt or "")[:_PROMPT]
    return f"[{', '.join(marks)}] {title}" if marks else title


def _messages(summary: SessionSummary) -> str:
    """Return the number of messages, and the runs that are not part of them."""
    runs = []
    if summary.interrupted:
        runs.append(f"+{summary.unsaved_messages} interrupted")
    if summary.running:
        runs.append(f"{summary.running} running")
    return f"{summary.messages} ({', '.join(runs)})" if runs else str(summary.messages)


def _fit(columns: dict[str, list[Text]], width: int) -> None:
    """Shorten names and models to the width that is left; drop them when that is too little.

    rich would shorten all columns, ids first of all.
    """
    needs = {title: max(len(title), *(t.cell_len for t in c)) for title, c in columns.items()}
    needs["id"] = min(needs["id"], _ID_WIDTH)
    free = width - sum(needs[t] + _GAP for t in needs if t not in {"name", "model"}) + _GAP
    if needs["name"] + needs["model"] + 2 * _GAP > free:
        needs["model"] = min(needs["model"], max(_NARROWEST, free // 3))
        needs["name"] = free - needs["model"] - 2 * _GAP
        if needs["name"] < _NARROWEST:
            del columns["model"]
            needs["name"] = free - _GAP
        if needs["name"] < _NARROWEST:
            del columns["name"]
    for title in ("name", "model"):
        for text in columns.get(title, ()):
            text.truncate(needs[title], overflow="ellipsis")


@click.command("info")
@click.argument("store", type=PATH)
@output.json_option
def info_command(store: Path, as_json: bool) -> None:
    """Describe the file STORE and its state.

    Opens and reads STORE; nothing is written.
    """

    async def read() -> tuple[Health, Inventory, tuple[SessionSummary, ...]]:
        async with existing(store) as opened:
            inventory, summaries = await opened.inventory(), await opened.summaries()
            return await opened.health_check(), inventory, summaries

    log = store.with_name(store.name + "-wal")
    log_bytes = log.stat().st_size if log.exists() else 0
    health, inventory, summaries = asyncio.run(read())
    facts = {**health.facts, "log_bytes": log_bytes}
    counts = {
        "sessions": len(inventory.sessions),
        "messages": sum(summary.messages for summary in summaries),
        COLLECTIONS_ONLY_KEY: len(inventory.collections_only),
        "loop_checkpoints": len(inventory.loop_checkpoints),
        "workflow_checkpoints": len(inventory.workflow_checkpoints),
    }
    if as_json:
        output.print_json(
            {
                "location": health.location,
                "backend": health.backend,
                "counts": counts,
                "facts": facts,
                "advice": list(health.advice),
            }
        )
        return
    console = output.stdout()
    output.print_table(console, output.facts(_facts(store, health, facts, counts)))
    for sentence in health.advice:
        console.print()
        console.print(cell(f"Advice: {sentence}"))


def _facts(
    store: Path, health: Health, facts: dict[str, Any], counts: dict[str, int]
) -> list[tuple[str, Any]]:
    found = dict(facts)
    pages, free = found.pop("page_count", 0), found.pop("freelist_count", 0)
    log = found.pop("log_bytes", 0)
    database = found.pop("database_bytes", 0)
    found.pop("read_only", None)  # of this command, which only reads
    pairs = [
        ("store", health.location),
        ("size", f"{output.size(database)} in {output.amount(pages, 'page')}, {free} of them free"),
        ("-wal", output.size(log) if log else "empty"),
        ("schema", found.pop("schema", "")),
        ("SQLite", found.pop("sqlite", "")),
        ("journal mode", found.pop("journal_mode", "")),
        ("durability", found.pop("durability", "")),
        # Notes of the store's history are left to `doctor`.
        *(
            (n.replace("_", " "), v)
            for n, v in found.items()
            if v is not None and type(v) is not dict
        ),
        ("sessions", counts["sessions"]),
        ("messages", f"{counts['messages']} in the present conversations"),
        ("loop checkpoints", counts["loop_checkpoints"]),
        ("workflow checkpoints", counts["workflow_checkpoints"]),
    ]
    if counts[COLLECTIONS_ONLY_KEY]:
        pairs.append(("without a session", output.amount(counts[COLLECTIONS_ONLY_KEY], "id")))
    return [*pairs, ("state", _state(store, facts["schema"]))]


def _state(store: Path, schema: int) -> str:
    if schema > migrate.newest():
        return "can be read only: a newer release wrote it"
    if not os.access(store, os.W_OK) or not os.access(store.parent, os.W_OK):
        return "can be read only: you may not write it or its folder"
    return "can be read and written"
