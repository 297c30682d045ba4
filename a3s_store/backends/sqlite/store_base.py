"""The common base of the groups of methods that make up `SqliteSessionStore`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from a3s_store.backends.sqlite import read, rows
from a3s_store.core.base.store import BaseStore
from a3s_store.core.clock import unix_ms
from a3s_store.printable import short_repr

if TYPE_CHECKING:
    from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
    from a3s_store.backends.sqlite.engine import Engine
    from a3s_store.backends.sqlite.rows.word_index import WordIndex
    from a3s_store.backends.sqlite.write.write_states import WriteTransaction
    from a3s_store.core.collections import CheckpointKind
    from a3s_store.core.stored_content import StoredContent

R = TypeVar("R")

# How far behind an index may be when it is searched, and how many steps a search waits for.
_BEHIND: Final = 512
_STEPS: Final = 8


class SqliteStoreBase(BaseStore):
    """The attributes of an open store, and the common ways to use its engine."""

    _engine: Engine
    _clock: Callable[[], float]

    async def _read_file(self, op: str, fetch: Callable[[WorkConnection], R]) -> R:
        """Return the result of `fetch`, run in one read transaction."""
        return await self._engine.read(
            op, str(self._engine.settings.path), fetch, read.decode.as_is
        )

    async def _read_session(
        self, op: str, session_id: str, fetch: Callable[[WorkConnection], R]
    ) -> R:
        """Return the result of `fetch`, run in one read transaction; errors name the session."""
        return await self._engine.read(
            op, self._where(session_id), fetch, read.decode.as_is, session_id=session_id
        )

    async def _write_session(
        self, op: str, session_id: str, apply: Callable[[WorkConnection, WriteTransaction], R]
    ) -> R:
        """Apply a change in the lane of a session; errors name the session."""
        return await self._engine.write(
            op, self._where(session_id), apply, session_id, session_id=session_id
        )

    async def _remove_rest(self, op: str, where: str) -> None:
        """Remove the rows that deletions have left, in steps between which others save."""

        one_step = rows.deleted_streams.step

        def step(conn: WorkConnection, _: WriteTransaction) -> bool:
            return one_step(conn)

        while await self._engine.write(op, where, step, "delete\0"):
            pass

    async def _catch_up(self, index: WordIndex) -> None:
        """Wait for some steps of an index that is far behind its rows, before it is searched."""
        word_index = rows.word_index  # imported before the transaction, not inside it

        def is_behind(conn: WorkConnection) -> bool:
            return word_index.is_available(conn) and index.behind(conn) > _BEHIND

        for _ in range(_STEPS):
            if self._engine.writer is None or not self._engine.settings.search:
                break
            if not await self._read_file("search", is_behind):
                break
            await self._change_index(index.step)

    async def _change_index(self, change: Callable[[WorkConnection], object]) -> None:
        def apply(conn: WorkConnection, _: object) -> None:
            change(conn)

        # In a lane of its own: no save waits behind it.
        await self._engine.write("search", str(self._engine.settings.path), apply, "search\0")

    def _note_expiry(self) -> None:
        """Have the writer look again when the next item of a stream expires."""
        if self._engine.idle is not None:
            self._engine.idle.jobs.next_expiry = 0

    def _where(self, key: str, what: str = "session") -> str:
        """Name a session or run and the file, for errors."""
        return f"{what} {short_repr(key)} in {self._engine.settings.path}"

    def _content_of(self, session_id: str) -> StoredContent | None:
        """Return what a load makes messages of a session with; None: it decodes them."""
        if self._engine.settings.decode_all:
            return None
        from a3s_store.core.stored_content import StoredContent  # for loads alone

        return StoredContent(session_id, self._where(session_id))

    def _now_ms(self) -> int:
        """Return the time of the store's clock, in Unix milliseconds."""
        # It sorts lists, and pruning keeps generations with future times: a wrong clock fails no
        # save.
        return unix_ms(self._clock())


def checkpoint_lane(kind: CheckpointKind, key: str) -> str:
    """Return the lane of a checkpoint and its draft: they are written in the order of calls."""
    return f"{kind.name}\0{key}"


def stream_lane(name: str) -> str:
    """Return the lane of a stream: its changes are made in the order of calls."""
    return f"stream\0{name}"
