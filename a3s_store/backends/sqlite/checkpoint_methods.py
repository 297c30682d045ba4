"""The port of `BaseStore` for checkpoints, on the engine."""

from __future__ import annotations

import sqlite3
from typing import Any

from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.read import decode
from a3s_store.backends.sqlite.read.stored_checkpoint import FetchedCheckpoint
from a3s_store.backends.sqlite.store_base import SqliteStoreBase, checkpoint_lane, fault_named
from a3s_store.backends.sqlite.write import run_checkpoints
from a3s_store.core.batch import refuse_unwritable_value
from a3s_store.core.collections import CheckpointKind
from a3s_store.core.session_cache import CacheTransaction


class CheckpointMethods(SqliteStoreBase):
    """Saves, loads and deletes checkpoints, those of one run or workflow in the order of calls."""

    async def _put_checkpoint(self, kind: CheckpointKind, key: str, value: Any) -> None:
        def apply(conn: WorkConnection, memory: CacheTransaction) -> None:
            with fault_named(lambda: refuse_unwritable_value(value)):
                run_checkpoints.put(conn, memory, kind, key, value)

        where = self._where(key, kind.key)
        await self._engine.write(f"save_{kind.name}", where, apply, checkpoint_lane(kind, key))

    async def _get_checkpoint(self, kind: CheckpointKind, key: str) -> Any | None:
        cache = self._engine.cache

        def build(conn: sqlite3.Connection, stored: FetchedCheckpoint | None) -> Any | None:
            value = decode.to_checkpoint(conn, kind, stored)
            if value is not None and stored is not None and stored.messages is not None:
                line = decode.line_of(value.messages, stored.messages)
                cache.update(value.session_id, lambda known: known.with_conversation(key, line))
            return value

        return await self._engine.read(
            f"load_{kind.name}",
            self._where(key, kind.key),
            lambda conn: run_checkpoints.get(conn, cache, kind, key),
            build,
        )

    async def _drop_checkpoint(self, kind: CheckpointKind, key: str) -> None:
        def apply(conn: WorkConnection, memory: CacheTransaction) -> None:
            run_checkpoints.drop(conn, memory, kind, key)

        where = self._where(key, kind.key)
        await self._engine.write(f"delete_{kind.name}", where, apply, checkpoint_lane(kind, key))
