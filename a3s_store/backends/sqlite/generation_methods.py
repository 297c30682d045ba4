"""What `SqliteSessionStore` has for generations: asking for them, going back, forking, deleting."""

from __future__ import annotations

from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.read import catalog, decode
from a3s_store.backends.sqlite.read import fetch as fetching
from a3s_store.backends.sqlite.rows import session_header
from a3s_store.backends.sqlite.store_base import SqliteStoreBase
from a3s_store.backends.sqlite.write import session_writer
from a3s_store.core.collections import COLLECTIONS, check_id
from a3s_store.core.protocol import Generation
from a3s_store.core.session_cache import CacheTransaction
from a3s_store.core.snapshot import SessionSnapshot, with_ended_runs
from a3s_store.errors import EncodeError, SessionNotFoundError, StaleGenerationError


class GenerationMethods(SqliteStoreBase):
    """The methods of `GenerationalStore` that are not those of every store."""

    async def generation(self, session_id: str) -> int:
        """See `GenerationalStore.generation`."""
        self._check_open("generation")
        where = self._where(check_id(session_id))
        return await self._engine.read(
            "generation",
            where,
            lambda conn: session_header.generation_of(conn, session_id),
            decode.as_is,
            session_id=session_id,
        )

    async def generations(self, session_id: str) -> tuple[Generation, ...]:
        """See `GenerationalStore.generations`."""
        self._check_open("generations")
        where = self._where(check_id(session_id))
        return await self._engine.read(
            "generations",
            where,
            lambda conn: catalog.generations(conn, session_id),
            decode.as_is,
            session_id=session_id,
        )

    async def fork(
        self,
        session_id: str,
        new_id: str,
        at: int | None = None,
        *,
        expected_generation: int | None = None,
    ) -> None:
        """See `GenerationalStore.fork`."""
        self._check_open("fork")
        check_expected("fork", expected_generation)
        check_id(new_id)
        if at is not None:
            check_count("fork", "at", at)
        where = self._where(check_id(session_id))

        def copy(conn: WorkConnection, memory: CacheTransaction) -> None:
            stored = fetching.fetch(
                conn, memory.get(session_id), session_id, COLLECTIONS, session=True, messages=False
            )
            found = decode.to_found(conn, stored)
            if found.session is None:
                raise SessionNotFoundError("no session was saved under this id")
            taken = session_header.generation_of(conn, new_id)
            if taken:
                raise StaleGenerationError(
                    f"something was saved under {new_id!r} already",
                    expected=0,
                    actual=taken,
                    hint="Choose another id, or delete that one first",
                )
            source = SessionSnapshot.of(
                found.session, found.collections, found.retained_artifact_uris
            )
            batch = self._snapshot_batch("fork", with_ended_runs(source.fork(new_id)))
            now = self._now_ms()
            session_writer.fork(conn, memory, session_id, batch, at, now, expected_generation)

        await self._engine.write("fork", where, copy, session_id=session_id)

    async def rewind(
        self, session_id: str, length: int, *, expected_generation: int | None = None
    ) -> int:
        """See `GenerationalStore.rewind`."""
        self._check_open("rewind")
        check_expected("rewind", expected_generation)
        check_count("rewind", "length", length)
        where = self._where(check_id(session_id))

        def apply(conn: WorkConnection, _: CacheTransaction) -> int:
            now = self._now_ms()
            return session_writer.rewind(conn, session_id, length, now, expected_generation)

        return await self._engine.write("rewind", where, apply, session_id, session_id=session_id)

    async def delete(
        self, session_id: str, *, tree: bool = False, expected_generation: int | None = None
    ) -> None:
        """See `GenerationalStore.delete`."""
        self._check_open("delete")
        check_expected("delete", expected_generation)
        await self._delete(check_id(session_id), expected_generation, tree=tree)

    async def _delete(
        self, session_id: str, expected_generation: int | None = None, *, tree: bool = False
    ) -> None:
        def apply(conn: WorkConnection, memory: CacheTransaction) -> None:
            below = catalog.below(conn, session_id) if tree else [session_id]
            for one in below:
                expected = expected_generation if one == session_id else None
                session_writer.delete(conn, memory, one, expected)

        await self._engine.write("delete", self._where(session_id), apply, session_id=session_id)


def _check_integer(op: str, name: str, value: int) -> None:
    if type(value) is not int:
        raise EncodeError(f"expected an integer, found {type(value).__name__}", op=op, path=name)


def check_expected(op: str, value: int | None) -> None:
    """Refuse a condition that is no integer."""
    if value is not None:
        _check_integer(op, "expected_generation", value)


def check_count(op: str, name: str, value: int) -> None:
    """Refuse what cannot be a number of messages or saves in any file."""
    _check_integer(op, name, value)
    if not 0 <= value < 2**63:
        raise SessionNotFoundError(f"there is no such {name}", op=op)
