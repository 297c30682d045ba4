"""Changes of a stored session other than saves: rewind, fork, delete.

Plain functions of a connection, each inside a transaction that its caller opened.
"""

from __future__ import annotations

import sqlite3

from a3s_store.backends.sqlite.rows import (
    agent_memory,
    blobs,
    message_log,
    session_header,
    tombstones,
)
from a3s_store.backends.sqlite.write import conversations, session_writer
from a3s_store.core.base.generational import not_saved, refuse_beyond, refuse_other, refuse_used
from a3s_store.core.base.queue_entries import WORKFLOW_PREFIX
from a3s_store.core.batch import Batch
from a3s_store.core.conversation import Head
from a3s_store.core.digests import ListDigest
from a3s_store.core.session_cache import CacheTransaction
from a3s_store.core.session_header import SessionHeader, check


def rewind(
    conn: sqlite3.Connection,
    session_id: str,
    length: int,
    now_ms: int,
    expected_generation: int | None = None,
) -> int:
    """Make the first `length` messages the history: a new generation, no message written.

    Raises:
        SessionNotFoundError: no session was saved, or it is not that long.
        StaleGenerationError: the session is not at `expected_generation`.
    """
    refuse_other(expected_generation, session_header.generation_of(conn, session_id))
    before, head = _saved(conn, session_id, length)
    after = Head(head.branch, length)
    conn.execute("UPDATE session SET head_length = ? WHERE owner_key = ?", (length, before.key))
    parts = {
        **before.parts,
        "messages": ListDigest(length, conversations.head_chain_hash(conn, after)),
    }
    return session_header.write(conn, before, after, parts, now_ms).generation


def _saved(
    conn: sqlite3.Connection, session_id: str, length: int | None
) -> tuple[SessionHeader, Head]:
    found = session_header.find(conn, session_id)
    if found is not None:
        check(found)
    if found is None or found.head is None:
        raise not_saved()
    refuse_beyond(length, found.head.length)
    return found, found.head


def fork(
    conn: sqlite3.Connection,
    cache: CacheTransaction,
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
    _, head = _saved(conn, session_id, at)
    length = head.length if at is None else at
    session_writer.commit(conn, cache, batch, now_ms, Head(head.branch, length))


def delete(
    conn: sqlite3.Connection,
    cache: CacheTransaction,
    session_id: str,
    expected_generation: int | None = None,
) -> None:
    """Remove everything stored under an id, and the checkpoints of its runs; nothing is fine, too.

    Its agent memory goes, too, and a queue that an older release kept in a workflow checkpoint. The
    deletion has a generation number, which is left, with a hash of the id.

    Raises:
        StaleGenerationError: the session is not at `expected_generation`.
    """
    generation = session_header.last_number(conn, session_id)
    refuse_other(expected_generation, generation)
    cache.evict(session_id)
    agent_memory.clear(conn, session_id)
    queues = conn.execute(
        "DELETE FROM workflow_checkpoint WHERE workflow_id = ?", (WORKFLOW_PREFIX + session_id,)
    ).rowcount
    branches = _column(
        conn, "DELETE FROM loop_checkpoint WHERE session_id = ? RETURNING head_branch", session_id
    )
    blob_keys: list[int] = []
    owner = conn.execute("SELECT owner_key, life FROM owner WHERE id = ?", (session_id,)).fetchone()
    if owner is not None:
        key, life = owner
        tombstones.put(conn, session_id, max(generation, life - 1) + 1)
        branches += _column(conn, "SELECT branch_key FROM branch_owner WHERE owner_key = ?", key)
        # Which blobs do its artifacts refer to?
        blob_keys = _column(
            conn,
            "SELECT blob_key FROM artifact WHERE owner_key = ? AND blob_key IS NOT NULL",
            key,
        )
        # Everything else refers to this row, and is removed with it.
        conn.execute("DELETE FROM owner WHERE owner_key = ?", (key,))
    elif branches or queues:
        tombstones.remember(conn, session_id)
    message_log.collect(conn, branches)
    blobs.reclaim(conn, blob_keys)


def _column(conn: sqlite3.Connection, sql: str, value: object) -> list[int]:
    return [row[0] for row in conn.execute(sql, (value,)).fetchall()]
