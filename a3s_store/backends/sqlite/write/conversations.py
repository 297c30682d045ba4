"""Write the conversations of a session: its own, and those of its run checkpoints.

Plain functions of a connection, each inside a transaction of the caller.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from a3s_store.backends.sqlite.read import messages as read_messages
from a3s_store.backends.sqlite.rows import message_log, message_writer, session_header
from a3s_store.core.conversation import CachedConversation, Head
from a3s_store.core.corruption import CorruptRowError, StaleReadError
from a3s_store.core.session_cache import CacheTransaction
from a3s_store.core.session_header import SessionHeader
from a3s_store.errors import DecodeError
from a3s_store.models import Message

# How many branches are searched for messages already written, of checkpoints and of old histories.
_RECENT_BRANCHES: Final = 8


def write(
    conn: sqlite3.Connection,
    lines: Iterable[CachedConversation],
    owner: SessionHeader | None,
    session_id: str,
    first: list[int],
    messages: tuple[Message, ...],
) -> CachedConversation:
    """Store messages that belong to a session; `first` are the branches to look at first."""
    return message_writer.write(
        conn,
        lines,
        lambda: [*first, *_likely_branches(conn, owner, session_id)],
        lambda: _older_branches(conn, owner),
        lambda: _stored(conn, owner),
        messages,
    )


def write_for(
    conn: sqlite3.Connection,
    cache: CacheTransaction,
    session_id: str,
    run_id: str,
    first: list[int],
    messages: tuple[Message, ...],
) -> CachedConversation:
    """Store the messages of a run checkpoint, which belong to a session and are not its own.

    `first` are the branches to look at before the session's own.
    """
    owner = session_header.find(conn, session_id)
    known = cache.get(session_id)
    line = write(conn, known.conversations.values(), owner, session_id, first, messages)
    cache.put(session_id, known.with_conversation(run_id, line))
    return line


def _likely_branches(
    conn: sqlite3.Connection, owner: SessionHeader | None, session_id: str
) -> list[int]:
    """The branch of a session's history, and those of the checkpoints of its runs."""
    found = [] if owner is None or owner.head is None else [owner.head.branch]
    rows_found = conn.execute(
        "SELECT head_branch FROM loop_checkpoint WHERE session_id = ? "
        "ORDER BY loop_checkpoint_key DESC LIMIT ?",
        (session_id, _RECENT_BRANCHES),
    ).fetchall()
    return found + [row[0] for row in rows_found]


def _older_branches(conn: sqlite3.Connection, owner: SessionHeader | None) -> list[int]:
    """The branches of a session's earlier histories, the last first."""
    if owner is None:
        return []
    found = conn.execute(
        "SELECT branch_key FROM branch_owner WHERE owner_key = ? ORDER BY branch_key DESC LIMIT ?",
        (owner.key, _RECENT_BRANCHES),
    ).fetchall()
    return [row[0] for row in found]


def _stored(conn: sqlite3.Connection, owner: SessionHeader | None) -> CachedConversation | None:
    """The conversation of a session as it is stored; None without one, or where it is damaged."""
    if owner is None or owner.head is None:
        return None
    chain_hash = owner.parts["messages"].digest
    wanted = read_messages.MessageRange((), owner.head, chain_hash)
    try:
        found = read_messages.read_within(conn, wanted)
    except (CorruptRowError, StaleReadError, DecodeError):
        # Its messages are not shared then; the save does not depend on them.
        return None
    return CachedConversation(found, owner.head, chain_hash)


def head_chain_hash(conn: sqlite3.Connection, head: Head) -> bytes:
    """The chain hash of a head that is about to be stored."""
    chain_hash = read_messages.chain_hash_of(conn, head)
    parts = message_log.segments_of(conn, head.branch, head.length)
    message_log.store_chain_hash(conn, parts, head.length, chain_hash)
    return chain_hash
