"""What there is to keep in a carved database: each session and checkpoint as far as it is whole.

What is whole is read the ordinary way, which is quick and proves everything; the rest value by
value. Plain functions of a connection, which nothing else uses meanwhile.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Mapping
from typing import Any

import attrs

from a3s_store.agent_memory import MemoryItem
from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.errors import corruption_named
from a3s_store.backends.sqlite.maintenance import partial_read
from a3s_store.backends.sqlite.maintenance.row_checks import RowChecker
from a3s_store.backends.sqlite.read import decode, fetch
from a3s_store.backends.sqlite.read import messages as conversation
from a3s_store.backends.sqlite.rows import (
    agent_memory,
    drafts,
    message_log,
    queue_entries,
    statements,
)
from a3s_store.backends.sqlite.write import run_checkpoints
from a3s_store.core.base.queue_entries import QueueEntry
from a3s_store.core.batch import LoadResult
from a3s_store.core.collections import CHECKPOINTS, COLLECTIONS, CheckpointKind, Collection
from a3s_store.core.conversation import Head
from a3s_store.core.corruption import CorruptRowError
from a3s_store.core.digests import ListDigest
from a3s_store.core.drafts import Draft
from a3s_store.core.reports import Damage, Recovered
from a3s_store.core.session_cache import NO_ENTRY, SessionCache
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import CorruptionError
from a3s_store.models import Message

Messages = tuple[Message, ...]


@attrs.frozen(kw_only=True)
class Contents:
    """The ids of owners and the checkpoints that have rows, in order of arrival.

    `memories` are whose memories there are, sorted.
    """

    owners: tuple[str, ...]
    checkpoints: tuple[tuple[CheckpointKind, str], ...]
    memories: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Kept:
    """What is to be kept of an owner: a snapshot, or only collections where no session was saved.

    `queue` are the entries of its queue. `earlier` are whole conversations of generations that the
    present one does not begin with, each with the Unix milliseconds when it was saved.
    """

    snapshot: SessionSnapshot | None
    shelves: Mapping[Collection, tuple[Any, ...]]
    queue: tuple[QueueEntry, ...]
    earlier: tuple[tuple[int, Messages], ...]
    saved_at_ms: int
    damage: tuple[Damage, ...]


def contents(conn: sqlite3.Connection) -> Contents:
    """What there is to look for."""
    owners = conn.execute("SELECT id FROM owner ORDER BY owner_key").fetchall()
    return Contents(
        owners=tuple(row[0] for row in owners),
        checkpoints=tuple(
            (kind, row[0])
            for kind in CHECKPOINTS
            for row in conn.execute(
                f"SELECT {kind.key} FROM {kind.rows.table} ORDER BY {kind.rows.table}_key"
            ).fetchall()
        ),
        memories=tuple(row[0] for row in conn.execute(agent_memory.OWNERS).fetchall()),
    )


def session(conn: sqlite3.Connection, session_id: str) -> Kept:
    """What is to be kept under an id."""
    checker = RowChecker(conn, session_id=session_id)
    (owner_key,) = conn.execute(
        "SELECT owner_key FROM owner WHERE id = ?", (session_id,)
    ).fetchone()
    saved = _saved(conn, owner_key)
    whole = _whole(conn, session_id)
    if whole is not None and whole.session is None and any(head for *_, head in saved):
        whole = None  # a session was saved, and nothing is left of its own row
    snapshot: SessionSnapshot | None = None
    collections: dict[Collection, tuple[Any, ...]] = {}
    if whole is None:
        with transaction.read(conn):
            snapshot = partial_read.session(checker, session_id)
        if snapshot is None:
            collections = _collections(checker, owner_key)
    elif whole.session is None:
        collections = {
            collection: values
            for collection, values in whole.collections.items()
            if values is not None
        }
    else:
        snapshot = SessionSnapshot.of(
            whole.session, whole.collections, whole.retained_artifact_uris
        )
    return Kept(
        snapshot=snapshot,
        shelves=collections,
        queue=_queue(checker, owner_key, lost=snapshot is None),
        earlier=() if snapshot is None else tuple(_earlier(checker, owner_key, saved)),
        saved_at_ms=saved[-1][1] if saved else 0,
        damage=tuple(checker.damage),
    )


def _queue(checker: RowChecker, owner_key: int, *, lost: bool) -> tuple[QueueEntry, ...]:
    """The queue entries of a session; none, and a note, when the session itself is lost."""
    entries = checker.queue(owner_key)
    if entries and lost:
        checker.note(queue_entries.PART, f"{len(entries)} entries belong to a session that is lost")
    return () if lost else entries


def _whole(conn: sqlite3.Connection, session_id: str) -> LoadResult | None:
    """All that was saved under an id; None unless it is whole."""
    with contextlib.suppress(CorruptionError), corruption_named(session_id):
        with transaction.read(conn):
            stored = fetch.fetch(conn, NO_ENTRY, session_id, COLLECTIONS, session=True)
        return decode.to_found(conn, stored) if stored.record is not None else None
    return None


def _collections(checker: RowChecker, owner_key: int) -> dict[Collection, tuple[Any, ...]]:
    """The collections that were saved without a session, value by value."""
    parts = {
        name: ListDigest(count, digest)
        for name, count, digest in checker.conn.execute(
            "SELECT name, count, digest FROM collection WHERE owner_key = ?", (owner_key,)
        ).fetchall()
    }
    found: dict[Collection, tuple[Any, ...]] = {}
    for collection in COLLECTIONS:
        extent = parts.get(collection.name)
        sql = statements.statements(collection.rows, "owner_key")
        values = checker.values(collection.name, sql, owner_key, extent)
        if values or extent is not None:
            found[collection] = values
    if not parts:
        checker.note("generation", "it is missing")
    return found


# -- Earlier generations --------------------------------------------------------------------------

Saved = list[tuple[int, int, Head | None]]


def _saved(conn: sqlite3.Connection, owner_key: int) -> Saved:
    """The generations on record: number, when it was saved, where its conversation is."""
    found = conn.execute(
        "SELECT generation, saved_at_ms, head_branch, head_length FROM generation "
        "WHERE owner_key = ? ORDER BY generation",
        (owner_key,),
    ).fetchall()
    return [(g, at, None if branch is None else Head(branch, n)) for g, at, branch, n in found]


def _earlier(checker: RowChecker, owner_key: int, saved: Saved) -> list[tuple[int, Messages]]:
    """The conversations of generations that are no beginning of the present one."""
    conn = checker.conn
    present = [head for _, _, head in saved[-1:] if head is not None]
    row = conn.execute(
        "SELECT head_branch, head_length FROM session WHERE owner_key = ?", (owner_key,)
    ).fetchone()
    present += [] if row is None else [Head(*row)]
    others = [
        (generation, at, head)
        for generation, at, head in saved[:-1]
        if head is not None and not any(_begins(conn, one, head) for one in present)
    ]
    longest: dict[int, int] = {}
    for _, _, head in others:
        longest[head.branch] = max(head.length, longest.get(head.branch, 0))
    read = {branch: _front(conn, Head(branch, length)) for branch, length in longest.items()}
    found: list[tuple[int, Messages]] = []
    for index, (generation, at, head) in enumerate(others):
        messages = read[head.branch][: head.length]
        if len(messages) < head.length:
            checker.note("generation", f"the conversation of generation {generation} is not whole")
        elif index == 0 or head != others[index - 1][2]:
            found.append((at, messages))
    return found


def _begins(conn: sqlite3.Connection, present: Head, earlier: Head) -> bool:
    """Whether the present conversation begins with an earlier one."""
    if earlier.length > present.length:
        return False
    if earlier.branch == present.branch or earlier.length == 0:
        return True
    own, other = (
        message_log.chain_hash_if_stored(
            conn, message_log.segments_of(conn, head.branch, None), earlier.length
        )
        for head in (present, earlier)
    )
    return own is not None and own == other


def _front(conn: sqlite3.Connection, head: Head) -> Messages:
    """The messages of a head up to the first that is not whole."""
    with contextlib.suppress(CorruptionError), corruption_named():
        with transaction.read(conn):
            wanted = conversation.find(conn, head)
        return conversation.read(conn, wanted)
    found: list[Message] = []
    with transaction.read(conn):
        for position, message in RowChecker(conn).messages(head):
            if position > len(found):
                break
            found.append(message)
    return tuple(found)


# -- Checkpoints ----------------------------------------------------------------------------------


def checkpoint(conn: sqlite3.Connection, kind: CheckpointKind, key: str) -> Recovered[Any]:
    """What is to be kept of a checkpoint."""
    with contextlib.suppress(CorruptionError), corruption_named():
        with transaction.read(conn):
            stored = run_checkpoints.get(conn, SessionCache(0, 0), kind, key)
        return Recovered(value=decode.to_checkpoint(conn, kind, stored))
    with transaction.read(conn):
        checker = RowChecker(conn, key=key)
        value: Any = partial_read.checkpoint(checker, kind, key)
    return Recovered(value=value, damage=tuple(checker.damage))


def draft(conn: sqlite3.Connection, run_id: str) -> Recovered[Draft]:
    """The draft of a run, if it is what was written."""
    checker = RowChecker(conn, key=run_id)
    found = checker.attempt(drafts.PART, lambda: drafts.get(conn, run_id))
    return Recovered(value=found, damage=tuple(checker.damage))


# -- Memories -------------------------------------------------------------------------------------


def memories(conn: sqlite3.Connection, owner: str) -> Recovered[tuple[MemoryItem, ...]]:
    """The memories of an owner that are what was written, in the order in which they were stored.

    Each proves itself, and whose it is.
    """
    checker = RowChecker(conn, session_id=owner)

    def note(error: CorruptRowError) -> None:
        checker.note(agent_memory.PART, error.what)

    with transaction.read(conn):
        found = sorted(agent_memory.intact(conn, owner, note))
        items = [checker.attempt(agent_memory.PART, one.item) for one in found]
    return Recovered(
        value=tuple(item for item in items if item is not None), damage=tuple(checker.damage)
    )
