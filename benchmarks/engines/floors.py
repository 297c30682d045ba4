"""The floors of this machine: the least that any store must spend on a durable turn.

The SQLite floor gets the very rows our store writes, with all parameters ready, and only writes
them, on the caller's thread: no encoding, no digests, no reading before writing, no other thread.
The two file floors only make the same payload durable.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from typing import Any, ClassVar

from a3s_store import SessionSnapshot, SqliteSessionStore
from benchmarks.engine import Engine, Keeps
from benchmarks.engines.recording import Recorder, Statement
from benchmarks.sessions import payload

_ROOM = 8 * 1024 * 1024


class SqliteFloor(Engine):
    """The statements of our store that write, in one transaction of the plain sqlite3 module.

    `prepare` has our store save the turn to a file of its own and notes what it executes; `save`
    does that on an identical file. A checkpoint the store made is repeated before the next save,
    untimed, so that both logs are in the same state.
    """

    label = "floor: sqlite3, same rows"
    keeps: ClassVar[Keeps] = "everything"
    durable = True
    floor = True

    async def open(self) -> None:
        path = self.folder / "floor.a3s"
        recorded = self.folder / "recorded.a3s"
        # Both begin as copies of one empty store.
        await (await SqliteSessionStore.open(path)).close()
        shutil.copyfile(path, recorded)
        self.path = path
        self.recorder = Recorder(recorded, self.form)
        self._conn: sqlite3.Connection | None = None
        self._checkpoint = False

    async def seed(self, snapshot: SessionSnapshot) -> None:
        await self.save(self.prepare(None, snapshot))

    def prepare(self, before: SessionSnapshot | None, after: SessionSnapshot) -> list[Statement]:
        statements = self.recorder.save(after)
        if self._conn is None:
            self._conn = self.recorder.like_the_writer(statements, self.path)
        if self._checkpoint:
            self._conn.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        self._checkpoint = any("wal_checkpoint" in s.sql for s in statements)
        return [statement for statement in statements if statement.writes]

    async def save(self, prepared: Any) -> None:
        assert self._conn is not None, "prepared before"
        transact(self._conn, prepared)

    def checkpoint_by_itself(self) -> None:
        """Let SQLite keep its log short as it does by default, within the timed saves.

        For when all turns are prepared before the first is saved.
        """
        assert self._conn is not None, "prepared before"
        self._conn.execute("PRAGMA wal_autocheckpoint = 1000").fetchall()

    async def close(self) -> None:
        self.recorder.close()
        if self._conn is not None:
            self._conn.close()


def transact(conn: sqlite3.Connection, statements: list[Statement], *, begin: bool = True) -> None:
    """Do all of it in one transaction, which the caller began where `begin` is False."""
    if begin:
        conn.execute("BEGIN IMMEDIATE")
    for statement in statements:
        statement.replay(conn)
    conn.execute("COMMIT")


class AppendAndSync(Engine):
    """The payload of a turn appended to a file, and synced: what the disk costs."""

    label = "floor: append and sync"
    keeps: ClassVar[Keeps] = "everything"
    durable = True
    floor = True
    flags: ClassVar[int] = os.O_APPEND

    async def open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | self.flags
        self._file = os.open(self.folder / "payload", flags, 0o600)

    async def seed(self, snapshot: SessionSnapshot) -> None:
        os.fsync(self._file)

    def prepare(self, before: SessionSnapshot | None, after: SessionSnapshot) -> bytes:
        return payload(before, after)

    async def save(self, prepared: Any) -> None:
        os.write(self._file, prepared)
        _sync_data(self._file)

    async def close(self) -> None:
        os.close(self._file)


class OverwriteAndSync(AppendAndSync):
    """The same over space that is allocated already, as a log that keeps its size is written."""

    label = "floor: overwrite and sync"
    flags = 0

    async def seed(self, snapshot: SessionSnapshot) -> None:
        os.write(self._file, bytes(_ROOM))
        os.fsync(self._file)
        os.lseek(self._file, 0, os.SEEK_SET)

    async def save(self, prepared: Any) -> None:
        if os.lseek(self._file, 0, os.SEEK_CUR) + len(prepared) > _ROOM:
            os.lseek(self._file, 0, os.SEEK_SET)
        await super().save(prepared)


def _sync_data(file: int) -> None:
    """The cheapest sync there is: of the content, not of the times."""
    getattr(os, "fdatasync", os.fsync)(file)
