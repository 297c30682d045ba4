"""The methods of `SqliteSessionStore` for live sessions: the port of `ConditionalMethods`.

`write.conditional` reads and writes the rows; this module chooses the transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from a3s_store.backends.sqlite import read, rows, write
from a3s_store.backends.sqlite.store_base import SqliteStoreBase, checkpoint_lane
from a3s_store.core.base.conditional import ConditionalMethods, run_taken
from a3s_store.core.changes import (
    Committed,
    Merge,
    RunCheckpoint,
    RunClaim,
    SessionChanges,
    Stored,
)
from a3s_store.core.collections import COLLECTIONS, LOOP_CHECKPOINTS

if TYPE_CHECKING:
    from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
    from a3s_store.backends.sqlite.read.stored_checkpoint import FetchedCheckpoint
    from a3s_store.backends.sqlite.write.write_states import WriteTransaction
    from a3s_store.core.revision import Revision


class ConditionalWrites(SqliteStoreBase, ConditionalMethods):
    """Runs the functions of `write.conditional` on the engine."""

    async def _commit_changes(
        self, changes: SessionChanges, on: Revision | None, merge: Merge | None
    ) -> Committed:
        session_id = changes.session_id
        conditional = write.conditional  # imported before the transaction, not inside it

        def apply(conn: WorkConnection, cache: WriteTransaction) -> Committed:
            return conditional.commit(conn, cache, changes, on, merge, self._now_ms())

        try:
            return await self._write_session(changes.op, session_id, apply)
        except conditional.MergeRaisedError as raised:
            error = raised.error
        raise error

    async def _fetch_versioned(self, session_id: str, *, collections: bool) -> Stored | None:
        cache, content = self._engine.cache, self._content_of(session_id)
        wanted = COLLECTIONS if collections else ()

        def fetch(conn: WorkConnection) -> read.fetch.FetchedRows:
            return read.fetch.fetch(conn, cache.get(session_id), session_id, wanted, session=True)

        def build(conn: WorkConnection, stored: read.fetch.FetchedRows) -> Stored | None:
            found = read.decode.load(conn, stored, cache, session_id, content)
            return write.conditional.versioned(stored, found)

        return await self._engine.read(
            "load_versioned", self._where(session_id), fetch, build, session_id=session_id
        )

    async def _revision(self, session_id: str) -> Revision | None:
        return await self._read_session(
            "revision", session_id, lambda conn: rows.session_header.revision_of(conn, session_id)
        )

    async def _landed(self, session_id: str, save_id: bytes) -> Revision | None:
        return await self._read_session(
            "landed",
            session_id,
            lambda conn: rows.saved_as.revision(conn, session_id, save_id),
        )

    async def _run_checkpoints(self, session_id: str) -> tuple[RunCheckpoint, ...]:
        cache = self._engine.cache

        def fetch(conn: WorkConnection) -> list[FetchedCheckpoint | None]:
            return [
                write.run_checkpoints.get(conn, cache, LOOP_CHECKPOINTS, run_id)
                for run_id in write.conditional.run_ids(conn, session_id)
            ]

        def build(
            conn: WorkConnection, found: list[FetchedCheckpoint | None]
        ) -> tuple[RunCheckpoint, ...]:
            return tuple(_run(conn, one) for one in found if one is not None)

        return await self._engine.read(
            "run_checkpoints", self._where(session_id), fetch, build, session_id=session_id
        )

    async def _claim_run(self, run_id: str, seen: str | None, by: str) -> RunCheckpoint:
        cache = self._engine.cache

        def apply(conn: WorkConnection, _: WriteTransaction) -> RunCheckpoint:
            write.conditional.claim(conn, RunClaim(run_id, by), seen)
            found = write.run_checkpoints.get(conn, cache, LOOP_CHECKPOINTS, run_id)
            if found is None:
                raise run_taken(run_id)
            session_id = found.tree["session_id"]
            rows.commit_log.add_change(conn, session_id, "checkpoint", self._now_ms())
            return _run(conn, found)

        where = self._where(run_id, LOOP_CHECKPOINTS.key)
        lane = checkpoint_lane(LOOP_CHECKPOINTS, run_id)
        return await self._engine.write("claim_run", where, apply, lane)


def _run(conn: WorkConnection, found: FetchedCheckpoint) -> RunCheckpoint:
    checkpoint = read.decode.to_checkpoint(conn, LOOP_CHECKPOINTS, found)
    assert checkpoint is not None, "it was found"
    return RunCheckpoint(
        checkpoint=checkpoint, base_length=found.base_length, claimed_by=found.claimed_by
    )
