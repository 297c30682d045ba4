"""Rows of checkpoints: one for each run or workflow; the messages of a run are a head on the log.

Plain functions of a connection, each inside a transaction that its caller opened.
"""

from __future__ import annotations

import sqlite3
from typing import Any, NamedTuple

from a3s_store.backends.sqlite.read import messages as conversation
from a3s_store.backends.sqlite.read.stored_checkpoint import FetchedCheckpoint
from a3s_store.backends.sqlite.rows import (
    commit_log,
    drafts,
    list_rows,
    message_log,
    session_header,
    statements,
)
from a3s_store.backends.sqlite.write import conversations, list_writer
from a3s_store.backends.sqlite.write.write_states import WriteTransaction
from a3s_store.core.changes import RunCheckpoint
from a3s_store.core.checksums import checkpoint_digest
from a3s_store.core.collections import LOOP_CHECKPOINTS, CheckpointKind
from a3s_store.core.conversation import Head
from a3s_store.core.digests import ListDigest
from a3s_store.core.list_plan import Place, array, plan_value
from a3s_store.core.session_cache import CacheEntry, SessionCache
from a3s_store.errors import EncodeError
from a3s_store.wire import encode_without

_MESSAGES = frozenset({"messages"})


def put(
    conn: sqlite3.Connection,
    cache: WriteTransaction,
    kind: CheckpointKind,
    key: str,
    value: Any,
    now_ms: int,
) -> None:
    """Store a checkpoint in place of the last one of its key. Raises EncodeError.

    The claim of a run stays as it is, and so does the position at which its own messages begin.
    """
    if kind is LOOP_CHECKPOINTS:
        base_length, claimed_by = _kept(conn, key)
        run = RunCheckpoint(checkpoint=value, base_length=base_length, claimed_by=claimed_by)
        put_run(conn, cache, run, now_ms)
        commit_log.add_change(conn, value.session_id, "checkpoint", now_ms)
    else:
        _put_lists(conn, cache, kind, key, value)


def _kept(conn: sqlite3.Connection, key: str) -> tuple[int | None, str | None]:
    row = conn.execute(
        "SELECT base_length, claimed_by FROM loop_checkpoint WHERE run_id = ?", (key,)
    ).fetchone()
    return (None, None) if row is None else (row[0], row[1])


def put_run(
    conn: sqlite3.Connection, cache: WriteTransaction, run: RunCheckpoint, now_ms: int
) -> None:
    """Store the checkpoint of a run, with its claim. Raises EncodeError."""
    key, value = run.run_id, run.checkpoint
    tree = encode_without(value, _MESSAGES)
    _, last = _loop(conn, key)
    first = [last.branch] if last is not None else []
    messages = array(value.messages, "LoopCheckpoint", "messages")
    try:
        line = conversations.write_for(
            conn, cache, tree["session_id"], key, first, messages, now_ms
        )
    except EncodeError as error:
        raise error.inside("LoopCheckpoint", "") from None
    head = line.head
    own = {
        "head_branch": head.branch,
        "head_length": head.length,
        "digest": checkpoint_digest(LOOP_CHECKPOINTS, tree, line.chain_hash, run.base_length),
        "base_length": run.base_length,
        "claimed_by": run.claimed_by,
    }
    statements.put_one(conn, LOOP_CHECKPOINTS.rows, LOOP_CHECKPOINTS.key, own, tree)
    drafts.drop_complete(conn, key, head.length)
    grew = last is not None and last.branch == head.branch and last.length <= head.length
    if last is not None and not grew:
        message_log.collect(conn, [last.branch])


def _loop(conn: sqlite3.Connection, key: str) -> tuple[str, Head | None]:
    """Return the session of a run, and the head of its checkpoint's messages; None without one."""
    row = conn.execute(
        "SELECT session_id, head_branch, head_length FROM loop_checkpoint WHERE run_id = ?", (key,)
    ).fetchone()
    return ("", None) if row is None else (row[0], Head(*row[1:]))


def _put_lists(
    conn: sqlite3.Connection, cache: WriteTransaction, kind: CheckpointKind, key: str, value: Any
) -> None:
    cached = _cache_key(kind, key)
    known = cache.get(cached)
    found = _digest_of(conn, kind, key)
    last = known.alone if found is not None and known.has(kind.name, {kind.name: found}) else None
    stored = _stored_lists(conn, kind, key)
    digests = None if stored is None else stored.lists
    row = plan_value(kind.rows, Place(kind.model.__name__, ""), value, last, digests)
    stored_key = None if stored is None else stored.key
    list_writer.write_value(conn, kind.rows, kind.key, row, stored_key)
    now = _digest_of(conn, kind, key)
    assert now is not None, "it was just written"
    collections = {name: getattr(value, name) for name in kind.rows.lists}
    cache.put(cached, CacheEntry(alone=value, collections=collections, parts={kind.name: now}))


class _StoredLists(NamedTuple):
    key: int
    lists: tuple[ListDigest, ...]


def _stored_lists(conn: sqlite3.Connection, kind: CheckpointKind, key: str) -> _StoredLists | None:
    """The key and the digests of the lists of a stored checkpoint; None when there is none."""
    sql = statements.statements(kind.rows, kind.key)
    row = conn.execute(
        f"SELECT {', '.join([sql.key, *sql.extents])} FROM {kind.rows.table} WHERE {kind.key} = ?",
        (key,),
    ).fetchone()
    return None if row is None else _StoredLists(row[0], list_writer.list_digests(row[1:]))


def _cache_key(kind: CheckpointKind, key: str) -> str:
    """Return its key in the session cache; ids of sessions have no NUL."""
    return f"{kind.name}\0{key}"


def _digest_of(conn: sqlite3.Connection, kind: CheckpointKind, key: str) -> ListDigest | None:
    row = conn.execute(
        f"SELECT digest FROM {kind.rows.table} WHERE {kind.key} = ?", (key,)
    ).fetchone()
    return None if row is None else ListDigest(1, row[0])


def get(
    conn: sqlite3.Connection, cache: SessionCache, kind: CheckpointKind, key: str
) -> FetchedCheckpoint | None:
    """Return the stored checkpoint; None when there is none. Raises ValueError if damaged."""
    loop = kind is LOOP_CHECKPOINTS
    also = [f"{kind.rows.table}_key", "digest"]
    also += ["head_branch", "head_length", "base_length", "claimed_by"] if loop else []
    also += statements.statements(kind.rows, kind.key).extents
    found = statements.fetch_one(conn, kind.rows, kind.key, key, also)
    if found is None:
        session_header.refuse_lost(conn, kind.rows.table, kind.key, key, kind.name)
        return None
    tree, (row_key, digest, *rest) = found
    if loop:
        lines = cache.get(tree["session_id"]).conversations.values()
        *head, base_length, claimed_by = rest
        messages = conversation.find(conn, Head(*head), lines)
        return FetchedCheckpoint(tree, digest, messages, base_length, claimed_by)
    lists = dict(zip(kind.rows.lists, list_writer.list_digests(rest), strict=True))
    is_proven = True
    for name, part in kind.rows.lists.items():
        parent = f"{kind.rows.table}_key"
        fetched = list_rows.fetch_list(conn, name, part, parent, row_key, lists[name].count)
        tree[name] = fetched.trees
        is_proven &= fetched.is_proven
    return FetchedCheckpoint(tree, digest, None, lists=lists if is_proven else None)


def drop(
    conn: sqlite3.Connection, cache: WriteTransaction, kind: CheckpointKind, key: str
) -> str | None:
    """Remove a checkpoint, if it is stored, and the messages that only it needs.

    Returns the id of its session, None where there was none.
    """
    cache.evict(_cache_key(kind, key))
    session_id, head = _loop(conn, key) if kind is LOOP_CHECKPOINTS else ("", None)
    conn.execute(f"DELETE FROM {kind.rows.table} WHERE {kind.key} = ?", (key,))
    if head is not None:
        cache.put(session_id, cache.get(session_id).without_conversation(key))
        message_log.collect(conn, [head.branch])
    return None if head is None else session_id
