"""Runs that did not end, behind the conversation that they are not yet part of."""

from __future__ import annotations

import attrs

from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.cli.page import Page
from a3s_store.cli.transcript import INDENT, OUTPUT_LINES, TEXT_LINES, print_messages
from a3s_store.core import live_window
from a3s_store.core.changes import RunCheckpoint
from a3s_store.core.drafts import Draft
from a3s_store.core.list_diff import common
from a3s_store.core.snapshot import ENDED
from a3s_store.models import Message


@attrs.frozen(kw_only=True)
class UnfinishedRun:
    """A run with a checkpoint that did not end; the first `base_length` messages are the session's.

    `is_running` says that an open live session has claimed it.
    """

    run_id: str
    messages: tuple[Message, ...]
    base_length: int
    is_running: bool
    draft: Draft | None


async def load(
    store: SqliteSessionStore, session_id: str, messages: tuple[Message, ...]
) -> tuple[UnfinishedRun, ...]:
    """The unfinished runs of a session that has these messages, oldest first."""
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


def print_run(page: Page, run: UnfinishedRun) -> None:
    """A line that names the run, its messages numbered as in its conversation, and its draft."""
    page.blank()
    if run.is_running:
        line = f"Run {run.run_id} is under way, not yet part of the conversation"
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
