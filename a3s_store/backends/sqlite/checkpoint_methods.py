"""The port of `BaseStore` for checkpoints, on the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from a3s_store.backends.sqlite import read, rows, write
from a3s_store.backends.sqlite.store_base import SqliteStoreBase, checkpoint_lane
from a3s_store.core.batch import fault_named, refuse_unwritable_value

if TYPE_CHECKING:
    from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
    from a3s_store.backends.sqlite.read.stored_checkpoint import FetchedCheckpoint
    from a3s_store.backends.sqlite.write.write_states import WriteTransaction
    from a3s_store.core.collections import CheckpointKind


class CheckpointMethods(SqliteStoreBase):
    """Saves, loads and deletes checkpoints, those of one run or workflow in the order of calls."""

    async def _put_checkpoint(self, kind: CheckpointKind, key: str, value: Any) -> None:
        def apply(conn: WorkConnection, memory: WriteTransaction) -> None:
            with fault_named(lambda: refuse_unwritable_value(value)):
                write.run_checkpoints.put(conn, memory, kind, key, value, self._now_ms())

        where = self._where(key, kind.key)
        await self._engine.write(f"save_{kind.name}", where, apply, checkpoint_lane(kind, key))

    async def _get_checkpoint(self, kind: CheckpointKind, key: str) -> Any | None:
        cache = self._engine.cache

        def build(conn: WorkConnection, stored: FetchedCheckpoint | None) -> Any | None:
            value, line = read.decode.checkpoint_with_line(conn, kind, stored)
            if value is not None and line is not None and stored is not None:
                read.decode.note_origins(cache, stored.messages, line)
                cache.update(value.session_id, lambda known: known.with_conversation(key, line))
            return value

        return await self._engine.read(
            f"load_{kind.name}",
            self._where(key, kind.key),
            lambda conn: write.run_checkpoints.get(conn, cache, kind, key),
            build,
        )

    async def _drop_checkpoint(self, kind: CheckpointKind, key: str) -> None:
        def apply(conn: WorkConnection, memory: WriteTransaction) -> None:
            session_id = write.run_checkpoints.drop(conn, memory, kind, key)
            if session_id is not None:
                rows.commit_log.add_change(conn, session_id, "checkpoint", self._now_ms())

        where = self._where(key, kind.key)
        await self._engine.write(f"delete_{kind.name}", where, apply, checkpoint_lane(kind, key))
