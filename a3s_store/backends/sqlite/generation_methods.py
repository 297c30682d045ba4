"""The methods of `SqliteSessionStore` for generations: the port of `GenerationalMethods`."""

from __future__ import annotations

from collections.abc import Callable

from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.read import catalog, decode
from a3s_store.backends.sqlite.read import fetch as fetching
from a3s_store.backends.sqlite.rows import session_header
from a3s_store.backends.sqlite.store_base import SqliteStoreBase
from a3s_store.backends.sqlite.write import session_changes
from a3s_store.core.base.generational import GenerationalMethods, not_saved, refuse_other
from a3s_store.core.collections import COLLECTIONS
from a3s_store.core.protocol import Generation
from a3s_store.core.session_cache import CacheTransaction
from a3s_store.core.snapshot import SessionSnapshot


class GenerationMethods(SqliteStoreBase, GenerationalMethods):
    """Reads generations, forks, rewinds and deletes on the engine; `store` loads a generation."""

    async def _generation(self, session_id: str) -> int:
        return await self._read_session(
            "generation", session_id, lambda conn: session_header.generation_of(conn, session_id)
        )

    async def _generations(self, session_id: str) -> tuple[Generation, ...]:
        return await self._read_session(
            "generations", session_id, lambda conn: catalog.generations(conn, session_id)
        )

    async def _fork(
        self, session_id: str, new_id: str, at: int | None, expected_generation: int | None
    ) -> None:
        def copy(conn: WorkConnection, memory: CacheTransaction) -> None:
            refuse_other(expected_generation, session_header.generation_of(conn, session_id))
            stored = fetching.fetch(
                conn, memory.get(session_id), session_id, COLLECTIONS, session=True, messages=False
            )
            found = decode.to_found(conn, stored)
            if found.session is None:
                raise not_saved()
            source = SessionSnapshot.of(
                found.session, found.collections, found.retained_artifact_uris
            )
            batch = self._fork_batch(source, new_id)
            session_changes.fork(conn, memory, session_id, batch, at, self._now_ms())

        await self._engine.write("fork", self._where(session_id), copy, session_id=session_id)

    async def _rewind(self, session_id: str, length: int, expected_generation: int | None) -> int:
        def apply(conn: WorkConnection, _: CacheTransaction) -> int:
            now = self._now_ms()
            return session_changes.rewind(conn, session_id, length, now, expected_generation)

        return await self._write_session("rewind", session_id, apply)

    async def _delete(self, session_id: str, expected_generation: int | None = None) -> None:
        await self._delete_all(session_id, expected_generation, lambda conn: [session_id])

    async def _delete_tree(self, session_id: str, expected_generation: int | None = None) -> None:
        await self._delete_all(
            session_id, expected_generation, lambda conn: catalog.below(conn, session_id)
        )

    async def _delete_all(
        self,
        session_id: str,
        expected_generation: int | None,
        below: Callable[[WorkConnection], list[str]],
    ) -> None:
        """Delete the sessions that `below` returns; the condition applies to `session_id` alone."""

        def apply(conn: WorkConnection, memory: CacheTransaction) -> None:
            for one in below(conn):
                expected = expected_generation if one == session_id else None
                session_changes.delete(conn, memory, one, expected)

        await self._engine.write("delete", self._where(session_id), apply, session_id=session_id)
