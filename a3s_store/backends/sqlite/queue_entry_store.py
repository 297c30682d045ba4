"""Queue entries in a SQLite store, written by group commit in the lane of their session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from a3s_store.backends.sqlite import read, rows, write
from a3s_store.backends.sqlite.store_base import SqliteStoreBase
from a3s_store.core.base.queue_entries import (
    WORKFLOW_PREFIX,
    EntryKey,
    MayTake,
    QueueEntry,
    QueueEntryMethods,
    entries_of,
    session_not_saved,
)
from a3s_store.core.collections import WORKFLOW_CHECKPOINTS

if TYPE_CHECKING:
    from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
    from a3s_store.backends.sqlite.write.write_states import WriteTransaction


class SqliteQueueEntryMethods(SqliteStoreBase, QueueEntryMethods):
    """The methods of `SqliteSessionStore` for queue entries."""

    async def _save_entries(
        self,
        session_id: str,
        claimed_by: str | None,
        put: Sequence[QueueEntry],
        remove: Sequence[EntryKey],
        life: int | None,
    ) -> None:
        def apply(conn: WorkConnection, _: WriteTransaction) -> None:
            owner_key = rows.session_header.owner_of(conn, session_id, life)
            if owner_key is not None:
                rows.queue_entries.remove(conn, owner_key, claimed_by, remove)
                rows.queue_entries.put(conn, owner_key, claimed_by, put)
            elif put:
                raise session_not_saved()

        await self._write_session("save_queue_entries", session_id, apply)

    async def _claim_entries(
        self, session_id: str, by: str, may_take: MayTake, life: int | None
    ) -> tuple[QueueEntry, ...]:
        op = "claim_queue_entries"
        # Most sessions have none, and a read does not wait for the write lock.
        if not await self._read_session(op, session_id, lambda conn: _has_any(conn, session_id)):
            return ()

        def apply(conn: WorkConnection, cache: WriteTransaction) -> tuple[QueueEntry, ...]:
            owner_key = rows.session_header.owner_of(conn, session_id, life)
            if owner_key is None:
                return ()
            _take_over_checkpoint(conn, cache, session_id, owner_key)
            return rows.queue_entries.claim(conn, owner_key, by, may_take)

        return await self._write_session(op, session_id, apply)


def _has_any(conn: WorkConnection, session_id: str) -> bool:
    """Return whether a session has queue entries, or a checkpoint of an older release with some."""
    owner_key = rows.session_header.owner_of(conn, session_id)
    if owner_key is None:
        return False
    (found,) = conn.execute(
        "SELECT EXISTS (SELECT 1 FROM queue_entry WHERE owner_key = ?) "
        "OR EXISTS (SELECT 1 FROM workflow_checkpoint WHERE workflow_id = ?)",
        (owner_key, WORKFLOW_PREFIX + session_id),
    ).fetchone()
    return bool(found)


def _take_over_checkpoint(
    conn: WorkConnection, cache: WriteTransaction, session_id: str, owner_key: int
) -> None:
    """Move entries out of the workflow checkpoint in which older releases kept the queue."""
    from a3s_store.core.session_cache import SessionCache

    kind, key = WORKFLOW_CHECKPOINTS, WORKFLOW_PREFIX + session_id
    stored = write.run_checkpoints.get(conn, SessionCache(0), kind, key)
    checkpoint = read.decode.to_checkpoint(conn, kind, stored)
    if checkpoint is None:
        return
    for claimed_by, entry in entries_of(checkpoint):
        rows.queue_entries.put(conn, owner_key, claimed_by, (entry,))
    write.run_checkpoints.drop(conn, cache, kind, key)
