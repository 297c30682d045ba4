"""Save a session: find its header, check the conditions, plan, write the rows, add a generation.

Plain functions of a connection, each inside a transaction that its caller opened. `core/save_plan`
decides what is written; other changes of a session are in `session_changes`.
"""

from __future__ import annotations

import sqlite3

import attrs

from a3s_store.backends.sqlite.rows import session_header, statements
from a3s_store.backends.sqlite.write import conversations, list_writer
from a3s_store.core.base.generational import refuse_other
from a3s_store.core.batch import Batch
from a3s_store.core.collections import CONFIG_ROWS, SESSION_ROWS
from a3s_store.core.conversation import CachedConversation, Head
from a3s_store.core.digests import ListDigest
from a3s_store.core.list_plan import array
from a3s_store.core.save_plan import SavePlan, lists_to_look_up, plan_save
from a3s_store.core.session_cache import CacheEntry, CacheTransaction
from a3s_store.core.session_header import SessionHeader, check


def commit(
    conn: sqlite3.Connection,
    cache: CacheTransaction,
    batch: Batch,
    now_ms: int,
    head: Head | None = None,
) -> bool:
    """Apply a batch. False, with nothing written, when its digest does not match.

    With a `head`, that is the session's history, and the messages in the batch are not looked at.

    Raises:
        StaleGenerationError: the session is not at `batch.expected_generation`.
        EncodeError: a value breaks its rules.
    """
    before = session_header.find(conn, batch.session_id)
    if not _conditions_hold(batch, before):
        return False
    apply(conn, cache, batch, before, now_ms, head)
    return True


def _conditions_hold(batch: Batch, before: SessionHeader | None) -> bool:
    refuse_other(batch.expected_generation, 0 if before is None else before.generation)
    if batch.expected_digest is None:
        return True
    return before is not None and before.digest == batch.expected_digest


def apply(
    conn: sqlite3.Connection,
    cache: CacheTransaction,
    batch: Batch,
    before: SessionHeader | None,
    now_ms: int,
    head: Head | None = None,
) -> SessionHeader:
    """Apply a batch, whose conditions hold, to a session that is at `before`; `head` as above.

    Raises EncodeError for a value that breaks its rules.
    """
    if before is None:
        before = session_header.add_owner(conn, batch.session_id)
    else:
        # A save upon damage would hide it: the next digest adds up again.
        check(before)
    cached = _with_row_digests(conn, batch, before, cache.get(batch.session_id))
    plan = plan_save(batch, before, cached)
    conversation: CachedConversation | None = None
    if batch.session is not None and head is None:
        conversation = _write_messages(conn, plan)
        head = conversation.head
    messages = None if head is None else _messages_digest(conn, head, conversation)
    _write_rows(conn, plan, head)
    parts = plan.parts(messages)
    after = session_header.write(conn, before, head or before.head, parts, now_ms, batch.save_id)
    cache.put(batch.session_id, plan.cache_entry(after.generation, parts, conversation))
    return after


def _with_row_digests(
    conn: sqlite3.Connection, batch: Batch, before: SessionHeader, cached: CacheEntry
) -> CacheEntry:
    """Return the cache entry with the row digests that planning this batch needs."""
    found = {}
    for name, layout in lists_to_look_up(batch, before, cached):
        to = list_writer.target(layout, "owner_key", before.key)
        found[name] = before.parts[name], list_writer.stored_digests(conn, to)
    if not found:
        return cached
    return attrs.evolve(cached, row_digests={**cached.row_digests, **found})


def _write_messages(conn: sqlite3.Connection, plan: SavePlan) -> CachedConversation:
    assert plan.batch.session is not None, "the batch has a session"
    messages = array(plan.batch.session.messages, "SessionData", "messages")
    known = plan.cached.conversations.values()
    return conversations.write(conn, known, plan.header, plan.batch.session_id, [], messages)


def _messages_digest(
    conn: sqlite3.Connection, head: Head, conversation: CachedConversation | None
) -> ListDigest:
    if conversation is not None:
        return ListDigest(head.length, conversation.chain_hash)
    return ListDigest(head.length, conversations.head_chain_hash(conn, head))


def _write_rows(conn: sqlite3.Connection, plan: SavePlan, head: Head | None) -> None:
    """Write every row of the plan but those of messages and the generation."""
    key = plan.header.key
    if plan.config is not None:
        _write_config(conn, plan)
    if plan.session is not None:
        _write_session_row(conn, plan, head)
    for layout, one in plan.lists.values():
        if one.writes:
            list_writer.write(conn, list_writer.target(layout, "owner_key", key), one)
    if plan.writes_uris:
        conn.execute("DELETE FROM retained_artifact_uri WHERE owner_key = ?", (key,))
        conn.executemany(
            "INSERT INTO retained_artifact_uri (owner_key, seq, uri) VALUES (?, ?, ?)",
            [(key, seq, uri) for seq, uri in enumerate(plan.batch.retained_artifact_uris or ())],
        )


def _write_config(conn: sqlite3.Connection, plan: SavePlan) -> None:
    header, batch, config = plan.header, plan.batch, plan.config
    assert config is not None, "the batch has a session"
    assert batch.session is not None, "the batch has a session"
    if config.tree is not None:
        if header.name_source is not None and batch.save_id is None:
            # Not a live session's save: another name was given by a person.
            conn.execute(
                "UPDATE session_config SET name_source = NULL WHERE owner_key = ? AND name <> ?",
                (header.key, batch.session.config.name),
            )
        own = {"owner_key": header.key, "digest": config.digest.digest}
        statements.put_one(conn, CONFIG_ROWS, "owner_key", own, config.tree)
    if batch.save_id is not None and batch.name_source != header.name_source:
        # A live session says who gave the name, whether or not it is another one.
        conn.execute(
            "UPDATE session_config SET name_source = ? WHERE owner_key = ?",
            (batch.name_source, header.key),
        )


def _write_session_row(conn: sqlite3.Connection, plan: SavePlan, head: Head | None) -> None:
    assert plan.session is not None, "the batch has a session"
    assert head is not None, "its messages were placed"
    if plan.session.tree is not None:
        own = {
            "owner_key": plan.header.key,
            "head_branch": head.branch,
            "head_length": head.length,
            "digest": plan.session.digest.digest,
        }
        statements.put_one(conn, SESSION_ROWS, "owner_key", own, plan.session.tree)
    elif head != plan.header.head:
        conn.execute(
            "UPDATE session SET head_branch = ?, head_length = ? WHERE owner_key = ?",
            (head.branch, head.length, plan.header.key),
        )
