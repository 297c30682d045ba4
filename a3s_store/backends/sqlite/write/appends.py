"""Append messages to a session and change its fields, without reading what is not changed.

An append reads the header, asks `without_writing` whether there is anything to write, and adds rows
at the end of the branch: the same work however long the conversation is. Many new messages take
several transactions (`large_saves`), of which `_place` is called by the first. `plan_fields` is a
pure function. Plain functions of a connection, each inside a transaction that its caller opened.

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
from a3s_store.backends.sqlite.rows.message_writer import Placed
from a3s_store.backends.sqlite.write import host_changes, session_writer
from a3s_store.backends.sqlite.write.write_states import WriteTransaction
from a3s_store.core.base.appends import NOWHERE, Append, Update, without_writing
from a3s_store.core.base.generational import not_saved, refuse_other
from a3s_store.core.batch import Batch
from a3s_store.core.conversation import ChainHashes, Head, LargeSaveError
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
        LargeSaveError: they have to be stored in several transactions.
    """
    before = changes.header(conn, append.session_id)
    position = _end(before) or NOWHERE
    hashes = _hashes(conn, changes, append, before, position, now_ms)
    found = _without_writing(conn, append, before, hashes)
    if found is not None:
        return found
    if changes.placed_hashes is None:
        head = _write_messages(conn, changes, append, before, hashes, now_ms)
        last_ms: int | None = append.at_ms[-1] if append.at_ms else now_ms
    else:
        ((stored,),) = changes.placed.values()
        if stored.head.length != len(hashes):
            raise _large(hashes.moved(position), append, now_ms)  # `_place` saw it as a repeat
        head, last_ms = stored.head, message_log.added_at(conn, stored.head)
    end = Position(head.length, hashes.at(head.length))
    if before is None or before.head is None:
        after = _create(conn, changes, append, before, head, now_ms)
        sequence = commit_row.latest(conn)
    else:
        after, sequence = _extend(conn, changes, append, before, head, end, last_ms, now_ms)
    return Appended(
        start=position.length, position=end, generation=after.generation, sequence=sequence
    )


def _hashes(
    conn: sqlite3.Connection,
    changes: WriteTransaction,
    append: Append,
    before: SessionHeader | None,
    position: Position,
    now_ms: int,
) -> ChainHashes:
    """Return the hashes of the messages behind a position.

    Raises EncodeError, and LargeSaveError where they, or others, have to be placed first.
    """
    placed = changes.placed_hashes
    if placed is not None and placed.follows(position):
        return placed
    if placed is not None:
        raise _large(placed.moved(position), append, now_ms)  # others have appended meanwhile
    bound = None if changes.unit is not None else changes.bound
    try:
        return ChainHashes.behind(position, append.messages, bound)
    except LargeSaveError as large:
        if _has_most_segments(conn, before):
            return ChainHashes.behind(position, append.messages)
        raise _large(large.hashes, append, now_ms) from None


def _has_most_segments(conn: sqlite3.Connection, header: SessionHeader | None) -> bool:
    """Return whether a conversation is in so many pieces that no further branch is put behind it.

    A read asks for each of them.
    """
    if header is None or header.head is None:
        return False
    parts = message_log.segments_of(conn, header.head.branch, header.head.length)
    return len(parts) >= message_writer.MOST_SEGMENTS


def _large(hashes: ChainHashes, append: Append, now_ms: int) -> LargeSaveError:
    place = functools.partial(_place, append, now_ms)
    return LargeSaveError(hashes).located(append.session_id, place, now_ms, append.at_ms)


def _place(
    append: Append,
    now_ms: int,
    conn: sqlite3.Connection,
    changes: WriteTransaction,
    hashes: ChainHashes,
) -> Placed:
    """Make a branch for the messages, with no rows where the append has nothing to write.

    Raises what `append` raises, and LargeSaveError as long as the hashes do not permit enough.
    """
    hashes.digests()  # raises first, so that others may append while that takes its turns
    before = changes.header(conn, append.session_id)
    old = None if before is None else before.head
    position = _end(before) or NOWHERE
    if not hashes.follows(position):
        raise _large(hashes.moved(position), append, now_ms)
    if _without_writing(conn, append, before, hashes) is not None:
        return Placed(old or Head(0, 0), [])
    changes.forget_ends()
    return message_writer.place_behind(conn, old, hashes)


def _without_writing(
    conn: sqlite3.Connection, append: Append, before: SessionHeader | None, hashes: ChainHashes
) -> Appended | None:
    return without_writing(
        append,
        hashes.digests(),
        0 if before is None else before.generation,
        _end(before),
        functools.partial(_chain_hash_at, conn, before),
        functools.partial(_saved_as, conn, before),
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
    last_ms: int | None,
    now_ms: int,
) -> session_writer.Saved:
    """Write the row of a session whose messages were added, and its generation."""
    fields = plan_fields(append, session_fields.text_of(conn, append.session_id, before), now_ms)
    parts = before.parts.changed(
        {"session": text_digest(fields.text), "messages": ListDigest(*end)}
    )
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
