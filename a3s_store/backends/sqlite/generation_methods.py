"""The methods of `SqliteSessionStore` for generations: the port of `GenerationalMethods`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, overload

from a3s_store.backends.sqlite import read, rows, write
from a3s_store.backends.sqlite.deletion_methods import DeletionMethods
from a3s_store.core.base.generational import (
    GenerationalMethods,
    check_count,
    not_saved,
    refuse_other,
)
from a3s_store.core.base.store import snapshot_of
from a3s_store.core.collections import COLLECTIONS, Collection, check_id
from a3s_store.errors import InvalidArgumentError
from a3s_store.printable import short_repr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
    from a3s_store.backends.sqlite.write.write_states import WriteTransaction
    from a3s_store.core.protocol import Generation
    from a3s_store.core.reports import Recovered
    from a3s_store.core.snapshot import SessionSnapshot
    from a3s_store.models import SessionData


class GenerationMethods(DeletionMethods, GenerationalMethods):
    """Loads that report damage, reads of generations, forks, rewinds and deletions."""

    @overload
    async def load(
        self,
        session_id: str,
        *,
        generation: int | None = None,
        on_damage: Literal["raise"] = "raise",
    ) -> SessionData | None: ...
    @overload
    async def load(
        self, session_id: str, *, generation: int | None = None, on_damage: Literal["report"]
    ) -> Recovered[SessionData]: ...
    async def load(
        self,
        session_id: str,
        *,
        generation: int | None = None,
        on_damage: Literal["raise", "report"] = "raise",
    ) -> SessionData | Recovered[SessionData] | None:
        """See `GenerationalStore.load`.

        With `on_damage="report"` damage is not raised: the result has every value that verifies,
        and lists the damage.
        """
        if not _reports("load", on_damage):
            return await super().load(session_id, generation=generation)
        self._check_open("load")
        if generation is not None:
            check_count("load", "generation", generation)
        from a3s_store.core.reports import Recovered

        rest = await self._recover("load", check_id(session_id), (), generation)
        session = None if rest.value is None else rest.value.session
        return Recovered(value=session, damage=rest.damage)

    @overload
    async def load_snapshot(
        self, session_id: str, *, on_damage: Literal["raise"] = "raise"
    ) -> SessionSnapshot | None: ...
    @overload
    async def load_snapshot(
        self, session_id: str, *, on_damage: Literal["report"]
    ) -> Recovered[SessionSnapshot]: ...
    async def load_snapshot(
        self, session_id: str, *, on_damage: Literal["raise", "report"] = "raise"
    ) -> SessionSnapshot | Recovered[SessionSnapshot] | None:
        """See `SessionStore.load_snapshot`; `on_damage` as in `load`."""
        if not _reports("load_snapshot", on_damage):
            return await super().load_snapshot(session_id)
        self._check_open("load_snapshot")
        return await self._recover("load_snapshot", check_id(session_id), COLLECTIONS)

    async def _recover(
        self,
        op: str,
        session_id: str,
        collections: Sequence[Collection],
        generation: int | None = None,
    ) -> Recovered[SessionSnapshot]:
        from a3s_store.backends.sqlite.maintenance import partial_read

        def recover(conn: WorkConnection) -> Recovered[SessionSnapshot]:
            return partial_read.recover(conn, session_id, collections, generation)

        return await self._engine.read(
            op,
            self._where(session_id),
            recover,
            read.decode.as_is,
            session_id=session_id,
            shows_damage=lambda found: bool(found.damage),
        )

    async def _generation(self, session_id: str) -> int:
        return await self._read_session(
            "generation",
            session_id,
            lambda conn: rows.session_header.generation_of(conn, session_id),
        )

    async def _generations(self, session_id: str) -> tuple[Generation, ...]:
        return await self._read_session(
            "generations", session_id, lambda conn: read.catalog.generations(conn, session_id)
        )

    async def _fork(
        self, session_id: str, new_id: str, at: int | None, expected_generation: int | None
    ) -> None:
        def copy(conn: WorkConnection, memory: WriteTransaction) -> None:
            refuse_other(expected_generation, rows.session_header.generation_of(conn, session_id))
            stored = read.fetch.fetch(
                conn, memory.get(session_id), session_id, COLLECTIONS, session=True, messages=False
            )
            found = read.decode.to_found(conn, stored)
            if found.session is None:
                raise not_saved()
            batch = self._fork_batch(snapshot_of(found.session, found), new_id)
            write.session_changes.fork(conn, memory, session_id, batch, at, self._now_ms())

        await self._engine.write("fork", self._where(session_id), copy, session_id=session_id)

    async def _rewind(self, session_id: str, length: int, expected_generation: int | None) -> int:
        def apply(conn: WorkConnection, changes: WriteTransaction) -> int:
            return write.session_changes.rewind(
                conn, changes, session_id, length, self._now_ms(), expected_generation
            )

        return await self._write_session("rewind", session_id, apply)

    async def _delete(self, session_id: str, expected_generation: int | None = None) -> None:
        await self._delete_all(session_id, expected_generation, lambda conn: [session_id])

    async def _delete_tree(self, session_id: str, expected_generation: int | None = None) -> None:
        await self._delete_all(
            session_id, expected_generation, lambda conn: read.catalog.below(conn, session_id)
        )


def _reports(op: str, on_damage: str) -> bool:
    if on_damage not in ("raise", "report"):
        raise InvalidArgumentError(
            f"on_damage is 'raise' or 'report', not {short_repr(on_damage)}",
            argument="on_damage",
            op=op,
        )
    return on_damage == "report"
