"""Append messages to a session and change its fields, without reading what is not changed.

An append reads the header, asks `without_writing` whether there is anything to write, and adds rows
at the end of the branch: the same work however long the conversation is. `plan_fields` is a pure
function. Plain functions of a connection, each inside a transaction that its caller opened.

The session cache is left as it is: its values are used only while their digests are the stored
ones, and a cached conversation that became longer is read from its end on.
"""

from __future__ import annotations

import functools
import sqlite3
from typing import Any, NamedTuple

from a3s_store.backends.sqlite.format import commit_row
from a3s_store.backends.sqlite.read import session_fields
from a3s_store.backends.sqlite.rows import message_log, message_writer, saved_as
from a3s_store.backends.sqlite.write import host_changes, session_writer
from a3s_store.backends.sqlite.write.write_states import WriteTransaction
from a3s_store.core.base.appends import NOWHERE, Append, Update, without_writing
from a3s_store.core.base.generational import not_saved, refuse_other
from a3s_store.core.batch import Batch
from a3s_store.core.conversation import ChainHashes, Head, encode_messages
from a3s_store.core.digests import EMPTY_CHAIN, ListDigest, text_digest
from a3s_store.core.list_pages import Appended
from a3s_store.core.listing.texts import FIRST_MESSAGES, listed_prompt
from a3s_store.core.revision import Position
from a3s_store.core.session_header import SessionHeader


def append(
    conn: sqlite3.Connection, changes: WriteTransaction, append: Append, now_ms: int
) -> Appended:
    """Add messages to a session; see `AppendingStore.append`.

    Raises:
        SessionNotFoundError, StaleGenerationError, InvalidArgumentError: as `without_writing`.
        EncodeError: a message breaks its rules.
    """
    added = encode_messages(append.messages)
    before = changes.header(conn, append.session_id)
    stored = _end(before)
    found = without_writing(
        append,
        [one.digest for one in added],
        0 if before is None else before.generation,
        stored,
        functools.partial(_chain_hash_at, conn, before),
        functools.partial(_saved_as, conn, before),
    )
    if found is not None:
        return found
    position = stored or NOWHERE
    hashes = ChainHashes.behind(position, added)
    head = _write_messages(conn, changes, append, before, hashes, now_ms)
    end = Position(head.length, hashes.at(head.length))
    if before is None or before.head is None:
        after = _create(conn, changes, append, before, head, now_ms)
        sequence = commit_row.latest(conn)
    else:
        after, sequence = _extend(conn, changes, append, before, head, end, now_ms)
    return Appended(
        start=position.length, position=end, generation=after.generation, sequence=sequence
    )


def _write_messages(
    conn: sqlite3.Connection,
    changes: WriteTransaction,
    append: Append,
    before: SessionHeader | None,
    hashes: ChainHashes,
    now_ms: int,
) -> Head:
    old = None if before is None else before.head
    is_end = old is not None and changes.is_end(conn, old)
    head = message_writer.append(conn, old, hashes, is_end, now_ms, append.at_ms)
    if is_end or old is None or head.branch != old.branch:
        # The rows are the branch's own.
        changes.appended(head)
    else:
        changes.forget_ends()
    return head


def _end(header: SessionHeader | None) -> Position | None:
    """Return the position of a session's end; None without a session."""
    if header is None or header.head is None:
        return None
    return Position(header.head.length, header.parts["messages"].digest)


def _chain_hash_at(
    conn: sqlite3.Connection, header: SessionHeader | None, length: int
) -> bytes | None:
    if header is None or header.head is None or length > header.head.length:
        return None
    if length == 0:
        return EMPTY_CHAIN
    parts = message_log.segments_of(conn, header.head.branch, header.head.length)
    return message_log.chain_hash_if_stored(conn, parts, length)


def _saved_as(
    conn: sqlite3.Connection, header: SessionHeader | None, save_id: bytes
) -> Position | None:
    if header is None:
        return None
    head = saved_as.head(conn, header.key, save_id)
    return None if head is None else Position(head.length, message_log.chain_hash_at(conn, head))


def _create(
    conn: sqlite3.Connection,
    changes: WriteTransaction,
    append: Append,
    before: SessionHeader | None,
    head: Head,
    now_ms: int,
) -> SessionHeader:
    """Save the session to create with a conversation that is stored already."""
    assert append.create is not None, "without it the append is refused"
    updated_at = append.updated_from(append.create.updated_at, now_ms)
    batch = Batch(
        op="append",
        session_id=append.session_id,
        session=append.create.evolve(updated_at=updated_at),
        save_id=append.save_id,
    )
    history = session_writer.StoredHistory(head, listed_prompt(append.messages))
    return session_writer.apply(conn, changes, batch, before, now_ms, history)


def _extend(
    conn: sqlite3.Connection,
    changes: WriteTransaction,
    append: Append,
    before: SessionHeader,
    head: Head,
    end: Position,
    now_ms: int,
) -> session_writer.Saved:
    """Write the row of a session whose messages were added, and its generation."""
    fields = plan_fields(append, session_fields.text_of(conn, append.session_id, before), now_ms)
    parts = before.parts.changed(
        {"session": text_digest(fields.text), "messages": ListDigest(*end)}
    )
    last_ms = append.at_ms[-1] if append.at_ms else now_ms
    return session_writer.write_parts(
        conn,
        changes,
        append.session_id,
        before,
        parts,
        "append",
        now_ms,
        history=session_writer.StoredHistory(head, _prompt(append, before)),
        row={**fields.columns, **session_writer.head_columns(head, last_ms)},
        fields=fields.text,
        save_id=append.save_id,
    )


def _prompt(append: Append, before: SessionHeader) -> str | None:
    """Return what lists show of the conversation afterwards."""
    left = FIRST_MESSAGES - before.parts["messages"].count
    if before.first_prompt is not None or left <= 0:
        return before.first_prompt
    return listed_prompt(append.messages[:left])


class PlannedFields(NamedTuple):
    """The columns of a session's row that an append changes, and the row's canonical JSON."""

    columns: dict[str, Any]
    text: bytes


def plan_fields(append: Append, text: bytes, now_ms: int) -> PlannedFields:
    """Return the changes of a stored session's row, whose canonical JSON this is."""
    stored = session_fields.updated_at_of(text)
    updated_at = append.updated_from(stored, now_ms)
    if updated_at == stored:
        return PlannedFields({}, text)
    text = session_fields.with_updated_at(text, updated_at)
    return PlannedFields({"updated_at": updated_at, "digest": text_digest(text).digest}, text)


def update(conn: sqlite3.Connection, changes: WriteTransaction, update: Update, now_ms: int) -> int:
    """Change fields of a session; see `AppendingStore.update`.

    Raises:
        SessionNotFoundError, StaleGenerationError: nothing was written.
        EncodeError: a value breaks its rules.
    """
    before = changes.header(conn, update.session_id)
    refuse_other(update.expected_generation, 0 if before is None else before.generation)
    if before is None or before.head is None:
        raise not_saved()
    config = update.changes_config
    tree = session_fields.fetch(conn, update.session_id, before, config=config)
    session = update.of(session_fields.decoded(tree, before, config=config))
    batch = Batch(op="update", session_id=update.session_id, session=session)
    after = session_writer.update(conn, changes, batch, before, now_ms, config=config)
    if update.host:
        host_changes.update(
            conn,
            update.session_id,
            before.key,
            update.host,
            now_ms,
            changes.unit,
            is_logged=after is not before,
        )
    return after.generation
