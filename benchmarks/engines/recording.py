"""Finds out what our store says to SQLite, by standing between it and the sqlite3 module.

That border is where nothing of the store's inside is needed: `sqlite3.connect` is replaced while
the store opens, so that its connections are of a subclass that notes what is executed.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import attrs

from a3s_store import SessionSnapshot, SqliteSessionStore
from benchmarks.engine import Keeps

T = TypeVar("T")

_WRITING = ("INSERT", "UPDATE", "DELETE", "REPLACE")


@attrs.frozen
class Statement:
    """Something executed: its parameters, or a list of them when `many`."""

    connection: int
    sql: str
    parameters: Any
    many: bool = False

    @property
    def word(self) -> str:
        """INSERT, PRAGMA, BEGIN, and so on."""
        return self.sql.split(maxsplit=1)[0].upper()

    @property
    def writes(self) -> bool:
        """Whether rows change by it."""
        return self.word in _WRITING and not (self.many and not self.parameters)

    def replay(self, conn: sqlite3.Connection) -> None:
        """Do the same on another connection."""
        if self.many:
            conn.executemany(self.sql, self.parameters)
        else:
            conn.execute(self.sql, self.parameters).fetchall()


@contextmanager
def _noting(log: list[Statement], options: list[dict[str, Any]]) -> Iterator[None]:
    """While this lasts, connections are made that note what they execute, for all their lives."""
    real: Callable[..., sqlite3.Connection] = sqlite3.connect

    def connect(database: Any, **given: Any) -> sqlite3.Connection:
        base = given.pop("factory", sqlite3.Connection)
        options.append(given)

        def execute(self: sqlite3.Connection, sql: str, parameters: Any = (), /) -> Any:
            log.append(Statement(id(self), sql, parameters))
            return base.execute(self, sql, parameters)

        def executemany(self: sqlite3.Connection, sql: str, parameters: Any, /) -> Any:
            rows = list(parameters)
            log.append(Statement(id(self), sql, rows, many=True))
            return base.executemany(self, sql, rows)

        members = {"execute": execute, "executemany": executemany}
        return real(database, factory=type("Noting", (base,), members), **given)

    sqlite3.connect = connect  # type: ignore[assignment]
    try:
        yield
    finally:
        sqlite3.connect = real  # type: ignore[assignment]


class Recorder:
    """A store of ours beside the one that is measured, on an event loop of its own.

    Its methods are plain functions, for `Engine.prepare` is one.
    """

    def __init__(self, path: Path, form: Keeps) -> None:
        self.path = path
        self._form = form
        self._log: list[Statement] = []
        self._options: list[dict[str, Any]] = []
        self._pragmas: dict[int, list[str]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._open()

    def _open(self) -> None:
        async def make() -> SqliteSessionStore:
            return await SqliteSessionStore.open(self.path)

        with _noting(self._log, self._options):
            self._store = self._wait(make())
        for statement in self._log:
            if statement.word == "PRAGMA" and "=" in statement.sql:
                self._pragmas.setdefault(statement.connection, []).append(statement.sql)
        self._log.clear()

    def save(self, snapshot: SessionSnapshot) -> list[Statement]:
        """Save a snapshot and return the statements that were executed for it."""
        if self._form == "messages":
            return self.note(lambda store: store.save(snapshot.session))
        return self.note(lambda store: store.save_snapshot(snapshot))

    def summaries(self) -> list[Statement]:
        """Load all summaries and return the statements that were executed for it."""
        return self.note(lambda store: store.summaries())

    def note(
        self, call: Callable[[SqliteSessionStore], Coroutine[Any, Any, Any]]
    ) -> list[Statement]:
        """Make a call of the store and return the statements that were executed for it."""
        self._log.clear()
        self._wait(call(self._store))
        return list(self._log)

    def like_the_writer(self, statements: list[Statement], path: Path) -> sqlite3.Connection:
        """A plain connection to another file, set up as the one that executed these writes."""
        writer = next(statement.connection for statement in statements if statement.writes)
        cached = max(options.get("cached_statements", 128) for options in self._options)
        conn = sqlite3.connect(path, isolation_level=None, cached_statements=cached)
        for pragma in self._pragmas.get(writer, []):
            conn.execute(pragma).fetchall()
        return conn

    def close(self) -> None:
        """Close the store and end the thread."""
        self._wait(self._store.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
