"""Write the conversations of a session: its own, and those of its run checkpoints.

Plain functions of a connection, each inside a transaction of the caller.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Final

from a3s_store.backends.sqlite.read import messages as read_messages
from a3s_store.backends.sqlite.rows import message_log, message_writer
from a3s_store.backends.sqlite.rows.message_writer import Placed, Search, Shared, Written
from a3s_store.backends.sqlite.write.write_states import WriteTransaction
from a3s_store.core.conversation import (
    CachedConversation,
    ChainHashes,
    Head,
    LargeSaveError,
    best_of,
)
from a3s_store.core.corruption import CorruptRowError, StaleReadError
from a3s_store.core.digests import EMPTY_CHAIN, ListDigest
from a3s_store.core.list_diff import begins
from a3s_store.core.origins import Origins, TokenRecord
from a3s_store.core.session_cache import HISTORY
from a3s_store.core.session_header import SessionHeader
from a3s_store.errors import DecodeError
from a3s_store.models import Message

# How many branches are searched for messages already written, of checkpoints and of old histories.
_RECENT_BRANCHES: Final = 8


def extend(
    conn: sqlite3.Connection,
    changes: WriteTransaction,
    lines: Mapping[str, CachedConversation],
    owner: SessionHeader,
    session_id: str,
    messages: tuple[Message, ...],
    now_ms: int,
) -> Written | None:
    """Store messages as `write` does, where they follow all stored ones of the session.

    None, with nothing written, where that is not known: the ordinary save makes no search. Raises
    as `write` does.
    """
    line = lines.get(HISTORY)
    if (
        line is None
        or len(lines) > 1
        or changes.placed
        or not _is_own(line, owner)
        or not begins(messages, line.messages)
        or not changes.is_end(conn, line.head)
    ):
        return None
    base = changes.origins.record_of(messages, line.head.length, line.chain_hash)
    try:
        written = message_writer.extend(conn, line, messages, now_ms, changes.bound)
    except LargeSaveError as large:
        large.located(session_id, functools.partial(place, session_id, []), now_ms)
        raise
    return _noted(changes, written, base)


def write(
    conn: sqlite3.Connection,
    changes: WriteTransaction,
    lines: Iterable[CachedConversation],
    owner: SessionHeader | None,
    session_id: str,
    first: list[int],
    messages: tuple[Message, ...],
    now_ms: int,
) -> Written:
    """Store messages that belong to a session; `first` are the branches to look at first.

    Raises:
        EncodeError: a message breaks its rules.
        LargeSaveError: they have to be stored in several transactions, beginning with `place`.
    """

    def is_end(line: CachedConversation) -> bool:
        if owner is None or not _is_own(line, owner):
            return message_writer.is_end(conn, line)
        return changes.is_end(conn, line.head)

    if changes.placed:
        lines = [*lines, *changes.placed.get(session_id, ())]
    known, base = _known(conn, changes, lines, owner, messages)
    try:
        written = message_writer.write(
            conn,
            known,
            is_end,
            _search(conn, owner, session_id, first),
            messages,
            now_ms,
            changes.bound,
        )
    except LargeSaveError as large:
        large.located(session_id, functools.partial(place, session_id, first), now_ms)
        raise
    return _noted(changes, written, base)


def _noted(changes: WriteTransaction, written: Written, base: TokenRecord | None) -> Written:
    changes.encoded(written.encoded)
    changes.stored(written.conversation, base)
    if written.was_appended:
        changes.appended(written.conversation.head)
    else:
        changes.forget_ends()
    return written


def place(
    session_id: str,
    first: list[int],
    conn: sqlite3.Connection,
    changes: WriteTransaction,
    hashes: ChainHashes,
) -> Placed:
    """Make a branch for messages that `write` refused, and leave its rows to later transactions.

    Raises EncodeError, and LargeSaveError as long as the hashes do not permit enough.
    """
    owner = changes.header(conn, session_id)
    lines = changes.get(session_id).conversations.values()
    known, _ = _known(conn, changes, lines, owner, hashes.messages)
    placed = message_writer.place(
        conn,
        known,
        _search(conn, owner, session_id, first),
        hashes,
    )
    changes.forget_ends()
    return placed


def hashes_of(
    conn: sqlite3.Connection,
    changes: WriteTransaction,
    session_id: str,
    messages: tuple[Message, ...],
) -> ChainHashes:
    """Return the chain hashes of messages to `place`, those that are known to be stored included.

    Nothing is encoded.
    """
    lines = changes.get(session_id).conversations.values()
    known, _ = _known(conn, changes, lines, changes.header(conn, session_id), messages)
    if known.line is None or known.length != known.line.head.length:
        return ChainHashes(messages, 0, EMPTY_CHAIN)
    return ChainHashes(messages, known.length, known.line.chain_hash)


def _search(
    conn: sqlite3.Connection, owner: SessionHeader | None, session_id: str, first: list[int]
) -> Search:
    return Search(
        lambda: [*first, *_likely_branches(conn, owner, session_id)],
        lambda: _older_branches(conn, owner),
        lambda line, most: _stored(conn, owner, line, most),
    )


def _known(
    conn: sqlite3.Connection,
    changes: WriteTransaction,
    lines: Iterable[CachedConversation],
    owner: SessionHeader | None,
    messages: tuple[Message, ...],
) -> tuple[Shared, TokenRecord | None]:
    """Return which of these messages are known to be stored, and the record of their origins."""
    line, shared = best_of(lines, messages)
    base: TokenRecord | None = None
    is_recognised = False
    if line is not None and shared == line.head.length:
        base = changes.origins.record_of(messages, shared, line.chain_hash)
    else:
        found = _recognised(conn, changes.origins, owner, messages)
        if found is not None and found[0].head.length > shared:
            line, base = found
            shared, is_recognised = line.head.length, True
    return Shared(line, shared, is_recognised), base


def _recognised(
    conn: sqlite3.Connection,
    origins: Origins,
    owner: SessionHeader | None,
    messages: tuple[Message, ...],
) -> tuple[CachedConversation, TokenRecord] | None:
    """Return the first of these messages that are stored, found by their origins.

    None unless the chain hash of their token's record is stored.
    """
    found = origins.recognise(messages)
    if found is None:
        return None
    record, length = found
    now = None if owner is None else owner.parts.get("messages")
    if now != ListDigest(length, record.chain_hash) or length != record.head.length:
        # Not the session's own conversation: a longer one that it forked or was rewound from.
        branch = message_log.segments_of(conn, record.head.branch, None)
        whole = message_log.chain_hash_if_stored(conn, branch, record.head.length)
        if whole != record.chain_hash:
            origins.forget(record)
            return None
        chain_hash = message_log.chain_hash_if_stored(conn, branch, length)
        if chain_hash is None:
            return None
        record = record.cut(length, chain_hash)
    head = record.head
    if owner is not None and owner.head is not None:
        is_own = now == ListDigest(length, record.chain_hash)
        head = owner.head if is_own else head
    line = CachedConversation(messages[:length], head, record.chain_hash, record.size)
    return line, record


def _is_own(line: CachedConversation, owner: SessionHeader) -> bool:
    """Return whether a conversation is the one that a session has."""
    return line.head == owner.head and line.chain_hash == owner.parts["messages"].digest


def write_for(
    conn: sqlite3.Connection,
    changes: WriteTransaction,
    session_id: str,
    run_id: str,
    first: list[int],
    messages: tuple[Message, ...],
    now_ms: int,
) -> CachedConversation:
    """Store the messages of a run checkpoint, which belong to a session and are not its own.

    `first` are the branches to look at before the session's own.
    """
    owner = changes.header(conn, session_id)
    known = changes.get(session_id)
    lines = known.conversations.values()
    line = write(conn, changes, lines, owner, session_id, first, messages, now_ms).conversation
    changes.put(session_id, known.with_conversation(run_id, line))
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


def _stored(
    conn: sqlite3.Connection,
    owner: SessionHeader | None,
    line: CachedConversation | None,
    most: int,
) -> CachedConversation | None:
    """The conversation of a session as it is stored; None without one, or where it is damaged.

    With a `line`, its messages are not read; None where more than `most` others are stored.
    """
    if owner is None or owner.head is None:
        return None
    if line is not None and owner.head.length - line.head.length > most:
        return None
    try:
        wanted = read_messages.find(conn, owner.head, [] if line is None else [line])
        return read_messages.read_within(conn, wanted)
    except (CorruptRowError, StaleReadError, DecodeError):
        # Its messages are not shared then; the save does not depend on them.
        return None


def head_chain_hash(conn: sqlite3.Connection, head: Head) -> bytes:
    """The chain hash of a head that is about to be stored."""
    chain_hash = read_messages.chain_hash_of(conn, head)
    parts = message_log.segments_of(conn, head.branch, head.length)
    message_log.store_chain_hash(conn, parts, head.length, chain_hash)
    return chain_hash
