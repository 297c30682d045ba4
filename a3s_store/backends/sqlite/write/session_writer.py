"""Save a session: find its header, check the conditions, plan, write the rows, add a generation.

Plain functions of a connection, each inside a transaction that its caller opened. `core/save_plan`
decides what is written; other changes of a session are in `session_changes`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, NamedTuple

import attrs

from a3s_store.backends.sqlite.format.commit_row import Stamp
from a3s_store.backends.sqlite.rows import (
    message_log,
    session_header,
    session_texts,
    statements,
)
from a3s_store.backends.sqlite.rows.message_writer import Written
from a3s_store.backends.sqlite.write import conversations, list_writer
from a3s_store.backends.sqlite.write.write_states import WriteTransaction
from a3s_store.core.base.generational import refuse_other
from a3s_store.core.batch import Batch
from a3s_store.core.collections import CONFIG_ROWS, SESSION_ROWS, TableLayout
from a3s_store.core.commit_log import CommitOp, op_of
from a3s_store.core.conversation import Head
from a3s_store.core.digests import ListDigest
from a3s_store.core.list_plan import ListPlan, array
from a3s_store.core.listing.texts import FIRST_MESSAGES, listed_prompt
from a3s_store.core.parts import Parts
from a3s_store.core.save_plan import SavePlan, lists_to_look_up, plan_save, plan_update
from a3s_store.core.session_cache import CacheEntry
from a3s_store.core.session_header import SessionHeader


class StoredHistory(NamedTuple):
    """A conversation whose messages are stored already, and what lists show of it."""

    head: Head
    first_prompt: str | None


class Saved(NamedTuple):
    """The header of a session after a change, and the change's sequence in the commit log."""

    header: SessionHeader
    sequence: int


def commit(
    conn: sqlite3.Connection,
    changes: WriteTransaction,
    batch: Batch,
    now_ms: int,
    history: StoredHistory | None = None,
) -> bool:
    """Apply a batch. False, with nothing written, when its digest does not match.

    With a `history`, that is the session's, and the messages in the batch are not looked at.
    A batch that changes nothing writes nothing and makes no generation.

    Raises:
        StaleGenerationError: the session is not at `batch.expected_generation`.
        EncodeError: a value breaks its rules.
    """
    before = changes.header(conn, batch.session_id)
    if not _conditions_hold(batch, before):
        return False
    apply(conn, changes, batch, before, now_ms, history)
    return True


def _conditions_hold(batch: Batch, before: SessionHeader | None) -> bool:
    refuse_other(batch.expected_generation, 0 if before is None else before.generation)
    if batch.expected_digest is None:
        return True
    return before is not None and before.digest == batch.expected_digest


def apply(
    conn: sqlite3.Connection,
    changes: WriteTransaction,
    batch: Batch,
    before: SessionHeader | None,
    now_ms: int,
    history: StoredHistory | None = None,
) -> SessionHeader:
    """Apply a batch, whose conditions hold, to a session that is at `before`; `history` as above.

    Raises EncodeError for a value that breaks its rules.
    """
    is_new = before is None
    if before is None:
        before = session_header.add_owner(conn, batch.session_id)
    cached = _with_row_digests(conn, batch, before, changes.get(batch.session_id))
    plan = plan_save(batch, before, cached)
    written: Written | None = None
    head, prompt = history or (None, before.first_prompt)
    if batch.session is not None and history is None:
        written = _write_messages(conn, changes, plan, now_ms)
        head = written.conversation.head
        prompt = _prompt(before, written)
    messages = None if head is None else _messages_digest(conn, head, written)
    parts = plan.parts(messages)
    conversation = None if written is None else written.conversation
    if parts == before.parts and not (is_new or plan.writes):
        # Nothing changed: no generation is made.
        changes.put(batch.session_id, plan.cache_entry(before.generation, parts, conversation))
        return before
    after = _execute(conn, changes, plan, parts, head, prompt, written, now_ms)
    changes.put(batch.session_id, plan.cache_entry(after.generation, parts, conversation))
    return after


def _prompt(before: SessionHeader, written: Written) -> str | None:
    """Return what lists show of a conversation that was just stored."""
    old, new = before.head, written.conversation.head
    if (
        old is None
        or old.branch != new.branch  # other messages may come first
        or old.length > new.length
        or (before.first_prompt is None and old.length < FIRST_MESSAGES)
    ):
        return listed_prompt(written.conversation.messages)
    return before.first_prompt


def update(
    conn: sqlite3.Connection,
    changes: WriteTransaction,
    batch: Batch,
    before: SessionHeader,
    now_ms: int,
    *,
    config: bool,
) -> SessionHeader:
    """Write the fields of a session in a batch; the lists in it are not looked at.

    Without `config` its configuration is not looked at either. Nothing is written where all are
    equal, and the session cache is left as it is: its parts are used only with their stored
    digests. Raises EncodeError for a value that breaks its rules.
    """
    plan = plan_update(batch, before, config=config)
    if not plan.writes:
        return before
    prompt = before.first_prompt
    return _execute(conn, changes, plan, plan.parts(None), before.head, prompt, None, now_ms)


def write_list(
    conn: sqlite3.Connection,
    changes: WriteTransaction,
    layout: TableLayout,
    owner_key: int,
    plan: ListPlan,
) -> None:
    """Carry out the plan of a list of a session."""
    known = changes.list_end(layout.table, owner_key)
    end = list_writer.write(conn, list_writer.target(layout, "owner_key", owner_key), plan, known)
    if end is not None:
        changes.wrote_list(layout.table, owner_key, end)


def write_parts(
    conn: sqlite3.Connection,
    changes: WriteTransaction,
    session_id: str,
    before: SessionHeader,
    parts: Parts,
    op: CommitOp,
    now_ms: int,
    *,
    history: StoredHistory | None = None,
    row: Mapping[str, Any] | None = None,
    fields: bytes | None = None,
    save_id: bytes | None = None,
) -> Saved:
    """Write the generation of a change whose other rows are written.

    `history` None leaves the conversation as it is; `row` has the changed columns of the session's
    row, and `fields` its canonical JSON, None where that stays as it is.
    """
    head, prompt = history or (before.head, before.first_prompt)
    fields = fields or before.fields
    again = changes.goes_on(session_id, before)
    after = session_header.next_after(before, head, parts, fields, now_ms, prompt, again=again)
    if prompt != before.first_prompt:
        session_texts.put(conn, before.key, prompt)
    stamp = Stamp(changes.log(conn, session_id, after, op, save_id), after.changed_at_ms)
    statements.change_one(
        conn, "session", "owner_key", before.key, {**(row or {}), **stamp.columns()}
    )
    session_header.write(conn, before, after, now_ms, save_id)
    changes.saved(conn, session_id, before, after)
    return Saved(after, stamp.sequence)


def _execute(
    conn: sqlite3.Connection,
    changes: WriteTransaction,
    plan: SavePlan,
    parts: Parts,
    head: Head | None,
    prompt: str | None,
    written: Written | None,
    now_ms: int,
) -> SessionHeader:
    """Write a plan whose messages are stored, and its generation; return the header after it."""
    before, batch = plan.header, plan.batch
    now = head or before.head
    again = changes.goes_on(batch.session_id, before)
    after = session_header.next_after(before, now, parts, plan.fields, now_ms, prompt, again=again)
    stamp = Stamp(
        changes.log(conn, batch.session_id, after, op_of(batch), batch.save_id),
        after.changed_at_ms,
    )
    name_source = _write_rows(conn, changes, plan, after, stamp, written)
    if name_source != after.name_source:
        after = attrs.evolve(after, name_source=name_source)
    session_header.write(conn, before, after, now_ms, batch.save_id)
    changes.saved(conn, batch.session_id, before, after)
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
    return cached._replace(row_digests={**cached.row_digests, **found})


def _write_messages(
    conn: sqlite3.Connection, changes: WriteTransaction, plan: SavePlan, now_ms: int
) -> Written:
    assert plan.batch.session is not None, "the batch has a session"
    messages = array(plan.batch.session.messages, "SessionData", "messages")
    known, owner, session_id = plan.cached.conversations, plan.header, plan.batch.session_id
    return conversations.extend(
        conn, changes, known, owner, session_id, messages, now_ms
    ) or conversations.write(conn, changes, known.values(), owner, session_id, [], messages, now_ms)


def _messages_digest(conn: sqlite3.Connection, head: Head, written: Written | None) -> ListDigest:
    if written is not None:
        return ListDigest(head.length, written.conversation.chain_hash)
    return ListDigest(head.length, conversations.head_chain_hash(conn, head))


def _write_rows(
    conn: sqlite3.Connection,
    changes: WriteTransaction,
    plan: SavePlan,
    after: SessionHeader,
    stamp: Stamp,
    written: Written | None,
) -> str | None:
    """Write every row of the plan but those of messages and the generation.

    Returns the `name_source` after it.
    """
    key = plan.header.key
    name_source = plan.header.name_source
    if plan.config is not None:
        name_source = _write_config(conn, plan, after.first_prompt)
    if after.head is not None:
        _write_session_row(conn, plan, after.head, stamp, written)
    for layout, one in plan.lists.values():
        if one.writes:
            write_list(conn, changes, layout, key, one)
    if plan.writes_uris:
        conn.execute("DELETE FROM retained_artifact_uri WHERE owner_key = ?", (key,))
        conn.executemany(
            "INSERT INTO retained_artifact_uri (owner_key, seq, uri) VALUES (?, ?, ?)",
            [(key, seq, uri) for seq, uri in enumerate(plan.batch.retained_artifact_uris or ())],
        )
    return name_source


def _write_config(conn: sqlite3.Connection, plan: SavePlan, prompt: str | None) -> str | None:
    """Write the row of the configuration, and the texts for lists in it; return `name_source`."""
    header, batch, config = plan.header, plan.batch, plan.config
    assert config is not None, "the batch has a session"
    assert batch.session is not None, "the batch has a session"
    name_source = header.name_source
    if config.tree is not None:
        if name_source is not None and batch.save_id is None:
            # Not a live session's save: another name was given by a person.
            renamed = conn.execute(
                "UPDATE session_config SET name_source = NULL WHERE owner_key = ? AND name <> ?",
                (header.key, batch.session.config.name),
            ).rowcount
            name_source = None if renamed else name_source
        own = {"owner_key": header.key, "digest": config.digest.digest}
        own |= session_texts.columns(batch.session.config.name, prompt)
        statements.put_one(conn, CONFIG_ROWS, "owner_key", own, config.tree)
    elif prompt != header.first_prompt:
        texts = session_texts.columns(batch.session.config.name, prompt)
        statements.change_one(conn, "session_config", "owner_key", header.key, texts)
    if batch.save_id is not None and batch.name_source != header.name_source:
        # A live session says who gave the name, whether or not it is another one.
        conn.execute(
            "UPDATE session_config SET name_source = ? WHERE owner_key = ?",
            (batch.name_source, header.key),
        )
        return batch.name_source
    return name_source


def _write_session_row(
    conn: sqlite3.Connection, plan: SavePlan, head: Head, stamp: Stamp, written: Written | None
) -> None:
    row = stamp.columns()
    if written is not None and written.has_new_end:
        row |= head_columns(head, stamp.at_ms)
    elif head != plan.header.head:
        row |= head_columns(head, message_log.added_at(conn, head))
    session = plan.session
    if session is not None and session.columns is not None:
        row |= session.columns
    elif session is not None and session.tree is not None:
        row["digest"] = session.digest.digest
        row |= statements.columns(SESSION_ROWS, session.tree)
    if plan.header.head is None:
        statements.insert_one(conn, "session", {"owner_key": plan.header.key, **row})
    else:
        statements.change_one(conn, "session", "owner_key", plan.header.key, row)


def head_columns(head: Head, last_message_at_ms: int | None) -> dict[str, Any]:
    """Return the columns of a session with this head, whose last message came at that time."""
    return {
        "head_branch": head.branch,
        "head_length": head.length,
        "last_message_at_ms": last_message_at_ms,
    }
