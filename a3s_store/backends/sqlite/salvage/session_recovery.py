"""Read sessions, checkpoints, drafts and agent memory out of recovered rows.

Intact ones are read by the ordinary load, which is quick and verifies everything; damaged ones
value by value (`partial_read`). Plain functions of a connection that no one else uses meanwhile.
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
)
from a3s_store.backends.sqlite.salvage import stream_recovery
from a3s_store.backends.sqlite.write import run_checkpoints
from a3s_store.core.base.queue_entries import QueueEntry
from a3s_store.core.batch import LoadResult
from a3s_store.core.collections import CHECKPOINTS, COLLECTIONS, CheckpointKind, Collection
from a3s_store.core.conversation import Head
from a3s_store.core.drafts import Draft
from a3s_store.core.host_data import HostData
from a3s_store.core.reports import Damage, Recovered
from a3s_store.core.session_cache import NO_ENTRY, SessionCache
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import CorruptionError
from a3s_store.models import Message

Messages = tuple[Message, ...]


@attrs.frozen(kw_only=True)
class Contents:
    """The ids of owners and the checkpoints that have rows, in the order of their keys.

    `memories` are the owners of agent memory, sorted, `streams` the keys of streams.
    """

    owners: tuple[str, ...]
    checkpoints: tuple[tuple[CheckpointKind, str], ...]
    memories: tuple[str, ...]
    streams: tuple[int, ...]


@attrs.frozen(kw_only=True)
class Kept:
    """The recovered values of an owner: a snapshot, or only collections if no session was saved.

    `queue` has its queue entries, `host` what its host keeps with it. `earlier` are complete
    conversations of earlier generations with which the present conversation does not begin, each
    with the Unix milliseconds of its save; `saved_at_ms` is the time of the last save, 0 when that
    is lost.
    """

    snapshot: SessionSnapshot | None
    collections: Mapping[Collection, tuple[Any, ...]]
    queue: tuple[QueueEntry, ...]
    host: HostData
    earlier: tuple[tuple[int, Messages], ...]
    saved_at_ms: int
    damage: tuple[Damage, ...]


def contents(conn: sqlite3.Connection) -> Contents:
    """List the ids of everything that may be recovered."""
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
        streams=stream_recovery.keys(conn),
    )


def session(conn: sqlite3.Connection, session_id: str) -> Kept:
    """Read everything under a session id that verifies."""
    checker = RowChecker(conn, session_id=session_id)
    (owner_key,) = conn.execute(
        "SELECT owner_key FROM owner WHERE id = ?", (session_id,)
    ).fetchone()
    saved = _saved(conn, owner_key)
    whole = _intact(conn, session_id)
    if whole is not None and whole.session is None and any(head for *_, head in saved):
        whole = None  # a session was saved, and its own row is lost
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
        collections=collections,
        queue=_queue(checker, owner_key, lost=snapshot is None),
        host=checker.host(owner_key),
        earlier=() if snapshot is None else tuple(_earlier(checker, owner_key, saved)),
        saved_at_ms=saved[-1][1] if saved else 0,
        damage=tuple(checker.damage),
    )


def _queue(checker: RowChecker, owner_key: int, *, lost: bool) -> tuple[QueueEntry, ...]:
    """Return the queue entries of a session; none, and a damage, when the session is lost."""
    entries = checker.queue(owner_key)
    if entries and lost:
        checker.note(queue_entries.PART, f"{len(entries)} entries belong to a session that is lost")
    return () if lost else entries


def _intact(conn: sqlite3.Connection, session_id: str) -> LoadResult | None:
    """Load everything under an id; None when any of it is damaged or nothing was saved."""
    with contextlib.suppress(CorruptionError), corruption_named(session_id):
        with transaction.read(conn):
            stored = fetch.fetch(conn, NO_ENTRY, session_id, COLLECTIONS, session=True)
        return decode.to_found(conn, stored) if stored.record is not None else None
    return None


def _collections(checker: RowChecker, owner_key: int) -> dict[Collection, tuple[Any, ...]]:
    """Read the collections that were saved without a session, value by value."""
    parts = partial_read.list_digests(checker, owner_key)
    found = partial_read.collections(checker, owner_key, parts)
    if not parts:
        checker.note("generation", "it is missing")
    return {collection: values for collection, values in found.items() if values is not None}


# -- Earlier generations --------------------------------------------------------------------------

Saved = list[tuple[int, int, Head | None]]


def _saved(conn: sqlite3.Connection, owner_key: int) -> Saved:
    """Return the stored generations: number, Unix milliseconds of the save, head."""
    found = conn.execute(
        "SELECT generation, saved_at_ms, head_branch, head_length FROM generation "
        "WHERE owner_key = ? ORDER BY generation",
        (owner_key,),
    ).fetchall()
    return [(g, at, None if branch is None else Head(branch, n)) for g, at, branch, n in found]


def _earlier(checker: RowChecker, owner_key: int, saved: Saved) -> list[tuple[int, Messages]]:
    """Return the conversations of generations with which the present one does not begin."""
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
            checker.note("generation", f"messages of generation {generation} are lost")
        elif index == 0 or head != others[index - 1][2]:
            found.append((at, messages))
    return found


def _begins(conn: sqlite3.Connection, present: Head, earlier: Head) -> bool:
    """Return whether the present conversation begins with an earlier one."""
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
    """Return the messages of a head up to the first damaged one."""
    with contextlib.suppress(CorruptionError), corruption_named():
        with transaction.read(conn):
            wanted = conversation.find(conn, head)
        return conversation.read(conn, wanted).messages
    found: list[Message] = []
    with transaction.read(conn):
        for position, message in RowChecker(conn).messages(head):
            if position > len(found):
                break
            found.append(message)
    return tuple(found)


# -- Checkpoints ----------------------------------------------------------------------------------


def checkpoint(conn: sqlite3.Connection, kind: CheckpointKind, key: str) -> Recovered[Any]:
    """Read as much of a checkpoint as verifies; the value is None when its own row does not."""
    with contextlib.suppress(CorruptionError), corruption_named():
        with transaction.read(conn):
            stored = run_checkpoints.get(conn, SessionCache(0), kind, key)
        return Recovered(value=decode.to_checkpoint(conn, kind, stored))
    with transaction.read(conn):
        checker = RowChecker(conn, key=key)
        value: Any = partial_read.checkpoint(checker, kind, key)
    return Recovered(value=value, damage=tuple(checker.damage))


def draft(conn: sqlite3.Connection, run_id: str) -> Recovered[Draft]:
    """Read the draft of a run; the value is None when there is none or it does not verify."""
    checker = RowChecker(conn, key=run_id)
    found = checker.attempt(drafts.PART, lambda: drafts.get(conn, run_id))
    return Recovered(value=found, damage=tuple(checker.damage))


# -- Agent memory ---------------------------------------------------------------------------------


def memories(conn: sqlite3.Connection, owner: str) -> Recovered[tuple[MemoryItem, ...]]:
    """Read the agent memory of an owner that verifies, in the order in which it was stored."""
    checker = RowChecker(conn, session_id=owner)
    with transaction.read(conn):
        found = dict(checker.memories(owner))
    return Recovered(value=tuple(found[key] for key in sorted(found)), damage=tuple(checker.damage))
