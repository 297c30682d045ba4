"""`show`: a conversation with its unfinished runs, or one collection of a session."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import click

from a3s_store._deprecated import OLD_COLLECTION_OPTION
from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.cli import output
from a3s_store.cli.collection_printers import COLLECTION_WORDS
from a3s_store.cli.opening import PATH, existing, not_found, require_known
from a3s_store.cli.output import Page
from a3s_store.cli.transcript import INDENT, OUTPUT_LINES, TEXT_LINES, print_heading, print_messages
from a3s_store.core import live_window
from a3s_store.core.changes import RunCheckpoint
from a3s_store.core.collections import COLLECTIONS
from a3s_store.core.drafts import Draft
from a3s_store.core.list_diff import common
from a3s_store.core.snapshot import ENDED
from a3s_store.errors import StoreError
from a3s_store.models import LoopCheckpoint, Message, SessionData
from a3s_store.wire import encode

# Collections by their words; the other words are fields of the session, or checkpoints.
_COLLECTIONS: Final = {one.word: one for one in COLLECTIONS}
_FIELDS: Final = {"costs": "cost_records", "tasks": "tasks"}


@click.command("show")
@click.argument("store", type=PATH)
@click.argument("session_id", metavar="ID")
@click.option(
    "--collection",
    OLD_COLLECTION_OPTION,
    "collection",
    type=click.Choice(list(COLLECTION_WORDS)),
    help=f"Show this collection instead; {OLD_COLLECTION_OPTION} is the older spelling.",
)
@click.option(
    "--generation",
    type=click.IntRange(min=1),
    metavar="N",
    help="Show the conversation of generation N, the Nth save.",
)
@click.option(
    "--last",
    type=click.IntRange(min=0),
    metavar="N",
    help="Show only the last N messages or values.",
)
@click.option("--full", is_flag=True, help="Do not fold long texts.")
@output.json_option
def show_command(
    store: Path,
    session_id: str,
    collection: str | None,
    generation: int | None,
    last: int | None,
    full: bool,
    as_json: bool,
) -> None:
    """Show a session's conversation, or one of its collections.

    After the present conversation, the messages of unfinished runs (interrupted or in progress) and
    their incomplete replies are shown. --json leaves them out.

    With --json: the session as the engine writes it to its file, or the list of the collection's
    values; null when the collection was never saved.
    """
    if collection is not None and generation is not None:
        raise click.UsageError("Only the conversation has generations; leave out --collection.")
    page = Page(output.stdout(), full)
    if collection is None:
        session, runs = asyncio.run(_load(store, session_id, generation))
        _show_session(page, session, generation, last, as_json)
        if not as_json:
            for run in runs:
                _print_run(page, run)
        return
    values = asyncio.run(_load_collection(store, session_id, collection))
    if values is not None and last is not None:
        values = values[max(0, len(values) - last) :]
    if as_json:
        output.print_json(None if values is None else [encode(value) for value in values])
    elif values:
        COLLECTION_WORDS[collection](page, values)
    else:
        state = "were never saved" if values is None else "are empty"
        output.note(f"The {_called(collection)} of {session_id!r} {state}.")


def _called(collection: str) -> str:
    return "verification reports" if collection == "verification" else collection


def _show_session(
    page: Page, session: SessionData, generation: int | None, last: int | None, as_json: bool
) -> None:
    count = len(session.messages)
    first = 0 if last is None else max(0, count - last)
    if as_json:
        output.print_json(encode(session.evolve(messages=session.messages[first:])))
        return
    print_heading(page, session, generation)
    print_messages(page, session.messages, first)


async def _load(
    store: Path, session_id: str, generation: int | None
) -> tuple[SessionData, tuple[UnfinishedRun, ...]]:
    """Load the session, with its unfinished runs unless an older generation is shown."""
    async with existing(store) as opened:
        session = await opened.load(session_id, generation=generation)
        if session is None:
            raise not_found(session_id)
        if generation is not None:
            return session, ()
        try:
            return session, await _unfinished_runs(opened, session_id, session.messages)
        except StoreError as error:
            output.note(f"The unfinished runs cannot be shown: {error}")
            return session, ()


async def _load_collection(store: Path, session_id: str, collection: str) -> Sequence[Any] | None:
    async with existing(store) as opened:
        if collection in _FIELDS:
            session = await opened.load(session_id)
            if session is None:
                raise not_found(session_id)
            fields: Sequence[Any] = getattr(session, _FIELDS[collection])
            return fields
        found: Sequence[Any] | None
        if collection in _COLLECTIONS:
            found = await getattr(opened, f"load_{_COLLECTIONS[collection].name}")(session_id)
        else:
            found = await _checkpoints_of(opened, session_id)
        if not found:
            await require_known(opened, session_id)
        return found


async def _checkpoints_of(
    store: SqliteSessionStore, session_id: str
) -> tuple[LoopCheckpoint, ...] | None:
    """Load a session's loop checkpoints; only the checkpoints have the id, so all are loaded."""
    found = []
    for run_id in (await store.inventory()).loop_checkpoints:
        checkpoint = await store.load_loop_checkpoint(run_id)
        if checkpoint is not None and checkpoint.session_id == session_id:
            found.append(checkpoint)
    return tuple(found) or None


@attrs.frozen(kw_only=True)
class UnfinishedRun:
    """An unfinished run with a checkpoint; its first `base_length` messages are the session's.

    `is_running`: an open live session has claimed it.
    """

    run_id: str
    messages: tuple[Message, ...]
    base_length: int
    is_running: bool
    draft: Draft | None


async def _unfinished_runs(
    store: SqliteSessionStore, session_id: str, messages: tuple[Message, ...]
) -> tuple[UnfinishedRun, ...]:
    """Load the unfinished runs of a session that has these messages, the oldest first."""
    found = await store.run_checkpoints(session_id)
    if not found:
        return ()
    records = await store.load_run_records(session_id) or ()
    ended = {record.snapshot.id for record in records if record.snapshot.status in ENDED}
    return tuple(
        [
            _unfinished(run, messages, await store.load_draft(run.run_id))
            for run in found
            if run.run_id not in ended
        ]
    )


def _unfinished(
    run: RunCheckpoint, messages: tuple[Message, ...], draft: Draft | None
) -> UnfinishedRun:
    base_length = run.base_length
    if base_length is None:
        base_length = common(messages, run.checkpoint.messages)
    return UnfinishedRun(
        run_id=run.run_id,
        messages=run.checkpoint.messages,
        base_length=base_length,
        is_running=live_window.is_open(run.claimed_by),
        draft=draft,
    )


def _print_run(page: Page, run: UnfinishedRun) -> None:
    """Print the id of a run, its messages numbered as in its conversation, and its draft."""
    page.blank()
    if run.is_running:
        line = f"Run {run.run_id} is in progress, not yet part of the conversation"
    else:
        line = f"Interrupted run {run.run_id}, not yet part of the conversation"
    page.parts((line, "bold yellow"))
    print_messages(page, run.messages, run.base_length, count_earlier=False)
    if run.draft is None:
        return
    page.blank()
    page.parts(
        (f"{run.draft.position + 1:>4}  ", "dim"),
        ("assistant", "bold green"),
        ("  unfinished", "yellow"),
    )
    if run.draft.reasoning_content:
        page.put(run.draft.reasoning_content, "dim italic", indent=INDENT, lines=OUTPUT_LINES)
    if run.draft.text:
        page.put(run.draft.text, indent=INDENT, lines=TEXT_LINES)
