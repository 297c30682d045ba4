"""Changes of a stored session other than saves: rewind, switch, fork, delete.

Plain functions of a connection, each inside a transaction that its caller opened.
"""

from __future__ import annotations

import sqlite3

from a3s_store.backends.sqlite.format import commit_row
from a3s_store.backends.sqlite.read.fetch import head_at
from a3s_store.backends.sqlite.rows import (
    blobs,
    message_log,
    session_header,
    session_host,
    tombstones,
    unfinished,
)
from a3s_store.backends.sqlite.write import conversations, session_texts, session_writer
from a3s_store.backends.sqlite.write.write_states import WriteTransaction
from a3s_store.core.base.generational import not_saved, refuse_beyond, refuse_other, refuse_used
from a3s_store.core.base.queue_entries import WORKFLOW_PREFIX
from a3s_store.core.batch import Batch
from a3s_store.core.commit_log import CommitKind, CommitOp
from a3s_store.core.conversation import Head
from a3s_store.core.digests import ListDigest
from a3s_store.core.host_data import NO_HOST_DATA
from a3s_store.core.session_header import SessionHeader


def rewind(
    conn: sqlite3.Connection,
    changes: WriteTransaction,
    session_id: str,
    length: int,
    now_ms: int,
    expected_generation: int | None = None,
) -> int:
    """Make the first `length` messages the history: a new generation, no message written.

    With all of them, nothing changes.

    Raises:
        SessionNotFoundError: no session was saved, or it is not that long.
        StaleGenerationError: the session is not at `expected_generation`.
    """
    refuse_other(expected_generation, session_header.generation_of(conn, session_id))
    before, head = _saved(conn, changes, session_id, length)
    return _move(conn, changes, session_id, before, Head(head.branch, length), "rewind", now_ms)


def switch(
    conn: sqlite3.Connection,
    changes: WriteTransaction,
    session_id: str,
    generation: int,
    now_ms: int,
    expected_generation: int | None = None,
) -> int:
    """Make the conversation of a generation the history: a new generation, no message written.

    With the same conversation, nothing changes.

    Raises:
        SessionNotFoundError: no session was saved, or it has no such generation.
        GenerationGoneError: the generation was pruned.
        StaleGenerationError: the session is not at `expected_generation`.
    """
    refuse_other(expected_generation, session_header.generation_of(conn, session_id))
    before, _ = _saved(conn, changes, session_id, None)
    head = head_at(conn, before, generation)
    return _move(conn, changes, session_id, before, head, "switch", now_ms)


def _move(
    conn: sqlite3.Connection,
    changes: WriteTransaction,
    session_id: str,
    before: SessionHeader,
    now: Head,
    op: CommitOp,
    now_ms: int,
) -> int:
    """Make a head that of the session, unless its conversation is the same."""
    messages = ListDigest(now.length, conversations.head_chain_hash(conn, now))
    if messages == before.parts["messages"]:
        return before.generation
    return session_writer.write_parts(
        conn,
        changes,
        session_id,
        before,
        before.parts.changed({"messages": messages}),
        op,
        now_ms,
        history=session_writer.StoredHistory(now, session_texts.prompt_of(conn, now)),
        row=session_writer.head_columns(now, message_log.added_at(conn, now)),
    ).header.generation


def _saved(
    conn: sqlite3.Connection, changes: WriteTransaction, session_id: str, length: int | None
) -> tuple[SessionHeader, Head]:
    found = changes.header(conn, session_id)
    if found is None or found.head is None:
        raise not_saved()
    refuse_beyond(length, found.head.length)
    return found, found.head


def fork(
    conn: sqlite3.Connection,
    changes: WriteTransaction,
    session_id: str,
    batch: Batch,
    at: int | None,
    now_ms: int,
) -> None:
    """Commit a batch under another id with a head on the first `at` messages of a session.

    No message is read and none is written; None means all of them.

    Raises:
        SessionNotFoundError: there is no such session, or it is not that long.
        StaleGenerationError: something is stored under the other id.
    """
    refuse_used(batch.session_id, session_header.generation_of(conn, batch.session_id))
    before, head = _saved(conn, changes, session_id, at)
    length = head.length if at is None else at
    part = Head(head.branch, length)
    prompt = before.first_prompt if part == head else session_texts.prompt_of(conn, part)
    history = session_writer.StoredHistory(part, prompt)
    session_writer.commit(conn, changes, batch, now_ms, history)
    host = session_host.find(conn, before.key).of_fork()
    if host != NO_HOST_DATA:
        made = changes.header(conn, batch.session_id)
        assert made is not None, "it was committed"
        session_host.put(conn, made.key, host)


def delete(
    conn: sqlite3.Connection,
    changes: WriteTransaction,
    session_id: str,
    now_ms: int,
    expected_generation: int | None = None,
) -> bool:
    """Remove everything stored under an id, and the checkpoints of its runs; nothing is fine, too.

    Its agent memory goes, too, and a queue that an older release kept in a workflow checkpoint. The
    deletion has a generation number, which is left, with a hash of the id.

    Returns whether rows of its messages or streams are left, which nothing refers to:
    `deleted_streams.step` removes them.

    Raises:
        StaleGenerationError: the session is not at `expected_generation`.
    """
    # Here, since few programs delete sessions and the module imports those of agent memory.
    from a3s_store.backends.sqlite.rows import agent_memory, deleted_streams, streams

    generation = session_header.last_number(conn, session_id)
    refuse_other(expected_generation, generation)
    rows = conn.total_changes
    changes.evict(session_id)
    agent_memory.clear(conn, session_id)
    queues = conn.execute(
        "DELETE FROM workflow_checkpoint WHERE workflow_id = ?", (WORKFLOW_PREFIX + session_id,)
    ).rowcount
    branches = _column(
        conn, "DELETE FROM loop_checkpoint WHERE session_id = ? RETURNING head_branch", session_id
    )
    blob_keys: list[int] = []
    last: int | None = None
    owner = conn.execute("SELECT owner_key, life FROM owner WHERE id = ?", (session_id,)).fetchone()
    if owner is not None:
        key, life = owner
        last = max(generation, life - 1) + 1
        tombstones.put(conn, session_id, last)
        branches += _column(conn, "SELECT branch_key FROM branch_owner WHERE owner_key = ?", key)
        # Which blobs do its artifacts refer to?
        blob_keys = _column(
            conn,
            "SELECT blob_key FROM artifact WHERE owner_key = ? AND blob_key IS NOT NULL",
            key,
        )
        for stream in streams.of_session(conn, session_id):
            deleted_streams.release(conn, stream, changes.removal)
            if not stream.name.startswith("\0"):  # byte artifacts go with the session's own entry
                _log_deletion(conn, changes, "stream", stream.name, now_ms)
        # Everything else refers to this row, and is removed with it.
        conn.execute("DELETE FROM owner WHERE owner_key = ?", (key,))
    elif branches or queues:
        tombstones.remember(conn, session_id)
    is_left = unfinished.collect(conn, branches, now_ms)
    is_left |= unfinished.deleted_stream(conn) is not None
    blobs.reclaim(conn, blob_keys)
    if conn.total_changes != rows:
        _log_deletion(conn, changes, "session", session_id, now_ms, last)
    return is_left


def _log_deletion(
    conn: sqlite3.Connection,
    changes: WriteTransaction,
    kind: CommitKind,
    subject: str,
    now_ms: int,
    last: int | None = None,
) -> None:
    unit = changes.unit
    _, before = (None, None) if unit is None else unit.entry(subject, "delete", kind)
    sequence = commit_row.add(
        conn, kind, subject, "delete", now_ms, generation=last, instead_of=before
    )
    if unit is not None:
        unit.logged(subject, "delete", sequence, kind)


def _column(conn: sqlite3.Connection, sql: str, value: object) -> list[int]:
    return [row[0] for row in conn.execute(sql, (value,)).fetchall()]
