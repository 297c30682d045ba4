"""The common base of the groups of methods that make up `SqliteSessionStore`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TypeVar

from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.engine import Engine
from a3s_store.backends.sqlite.read import decode
from a3s_store.core.base.store import BaseStore
from a3s_store.core.clock import unix_ms
from a3s_store.core.collections import CheckpointKind
from a3s_store.core.session_cache import CacheTransaction
from a3s_store.errors import EncodeError
from a3s_store.printable import short_repr

R = TypeVar("R")


class SqliteStoreBase(BaseStore):
    """The attributes of an open store, and the common ways to use its engine."""

    _engine: Engine
    _clock: Callable[[], float]

    async def _read_file(self, op: str, read: Callable[[WorkConnection], R]) -> R:
        """Return the result of `read`, run in one read transaction."""
        return await self._engine.read(op, str(self._engine.settings.path), read, decode.as_is)

    async def _read_session(
        self, op: str, session_id: str, read: Callable[[WorkConnection], R]
    ) -> R:
        """Return the result of `read`, run in one read transaction; errors name the session."""
        return await self._engine.read(
            op, self._where(session_id), read, decode.as_is, session_id=session_id
        )

    async def _write_session(
        self, op: str, session_id: str, apply: Callable[[WorkConnection, CacheTransaction], R]
    ) -> R:
        """Apply a change in the lane of a session; errors name the session."""
        return await self._engine.write(
            op, self._where(session_id), apply, session_id, session_id=session_id
        )

    def _where(self, key: str, what: str = "session") -> str:
        """Name a session or run and the file, for errors."""
        return f"{what} {short_repr(key)} in {self._engine.settings.path}"

    def _now_ms(self) -> int:
        """Return the time of the store's clock, in Unix milliseconds."""
        # It sorts lists, and pruning keeps generations with future times: a wrong clock fails no
        # save.
        return unix_ms(self._clock())


def checkpoint_lane(kind: CheckpointKind, key: str) -> str:
    """Return the lane of a checkpoint and its draft: they are written in the order of calls."""
    return f"{kind.name}\0{key}"


@contextlib.contextmanager
def fault_named(name: Callable[[], None]) -> Iterator[None]:
    """After an EncodeError in the block, call `name`, which raises one with the value's path."""
    try:
        yield
    except (EncodeError, UnicodeEncodeError):
        name()
        raise
