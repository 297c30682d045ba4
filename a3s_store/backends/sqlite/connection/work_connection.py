"""A connection that runs functions on its own thread."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from typing import Any

from a3s_store.backends.sqlite.schema import migrate


class QueuedCall(str):
    """A unit of work on its way through `execute`: the only text that is not SQL."""

    __slots__ = ("_run",)
    _run: Callable[[sqlite3.Connection], Any] | None

    @classmethod
    def of(cls, run: Callable[[sqlite3.Connection], Any]) -> QueuedCall:
        work = cls("-- a unit of work")
        work._run = run
        return work

    def take(self) -> Callable[[sqlite3.Connection], Any]:
        """The function, once: the idle thread keeps this object, and must not keep what it ran."""
        run, self._run = self._run, None
        assert run is not None, "each unit is run once"
        return run


class _CallResult:
    """What a unit of work answered, where `execute` would answer a cursor."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def fetchall(self) -> Any:
        return self._value


class WorkConnection(sqlite3.Connection):
    """A connection whose `execute` also runs a unit of work, in one trip to the worker's thread.

    Whoever closes it, `before_close` is called first and `closed` is set afterwards.
    """

    closed: threading.Event
    file: tuple[int, int]
    before_close: Callable[[], None] | None = None
    guard: sqlite3.Connection | None = None
    migrated: migrate.Migrated | None = None

    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        if type(sql) is QueuedCall:
            return _CallResult(sql.take()(self))
        return super().execute(sql, parameters)

    def close(self) -> None:
        if self.before_close is not None and not self.closed.is_set():
            self.before_close()
        if self.guard is not None:
            self.guard.close()
        super().close()
        self.closed.set()
