"""Stores that break a promise about saving: commits, forks, disks, cancellation, exits, input.

Each function opens our store with one inner part broken in this process; the processes that a
campaign starts for the subject break it likewise. The campaigns have to find each of them. Stores
that do not verify what they read are in `planted_trust`.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs

from a3s_store import _forks
from a3s_store.backends.sqlite import SqliteSessionStore, transaction, writing
from a3s_store.backends.sqlite.connection import (
    failing_reads,
    kept_files,
    pragmas,
    wal_checkpoint,
    worker_thread,
)
from a3s_store.backends.sqlite.connection.settings import Settings
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.read import decode
from a3s_store.backends.sqlite.rows import session_header
from a3s_store.backends.sqlite.write import group_commit, session_writer, write_states
from a3s_store.backends.sqlite.write.write_states import WriteStates, WriteTransaction
from a3s_store.core import job_queue
from a3s_store.core.batch import Batch
from a3s_store.core.job_queue import Job
from a3s_store.core.merging import sessions
from a3s_store.core.session_cache import CacheTransaction
from a3s_store.wire import orjson_memory

# The intact functions: a subject may be opened many times in one process.
_write_record = session_header.write
_set_common = pragmas.set_common
_write = transaction.write


def plant(target: object, name: str, broken: object) -> None:
    """Replace an attribute by a broken part.

    Raises:
        AttributeError: there is no such attribute, so the fault would break nothing.
    """
    if not hasattr(target, name):
        raise AttributeError(f"{target!r} has no {name!r} to break")
    setattr(target, name, broken)


def acknowledged_before_commit(path: Path) -> Any:
    """A snapshot is acknowledged before it is committed; other changes are committed as ever."""
    correct = writing.Writing.commit_group

    def commit_group(self: Any, conn: WorkConnection, jobs: Sequence[Job]) -> Any:
        if {job.work.op for job in jobs} != {"save_snapshot"}:
            return correct(self, conn, jobs)
        for job in jobs:
            job.settle(lambda: True)

        def commit_later(conn: WorkConnection) -> None:
            time.sleep(0.02)  # long enough for kills to meet it
            group_commit.commit(conn, self.cache, self.states, [job.work for job in jobs])

        return commit_later

    plant(writing.Writing, "commit_group", commit_group)
    return SqliteSessionStore.open(path)


def keeps_what_it_inherited(path: Path) -> Any:
    """A forked child does not close the connections of its parent."""
    plant(kept_files, "_close_inherited", lambda: None)
    return SqliteSessionStore.open(path)


def forks_without_waiting(path: Path) -> Any:
    """A fork does not wait for the work in progress."""
    plant(_forks, "_UNIT", contextlib.nullcontext())
    return SqliteSessionStore.open(path)


@contextlib.contextmanager
def _nothing(conn: sqlite3.Connection, last: Any = None) -> Iterator[None]:
    yield
    if last is not None:
        last(conn)


def no_transaction(path: Path) -> Any:
    """Every statement of a save commits by itself."""
    plant(transaction, "write", _nothing)
    plant(transaction, "part", _nothing)
    return SqliteSessionStore.open(path)


def split_transaction(path: Path) -> Any:
    """The rows of a save are one transaction, its session header is the next."""

    def split(conn: sqlite3.Connection, *args: Any) -> Any:
        conn.execute("COMMIT")
        conn.execute("BEGIN IMMEDIATE")
        return _write_record(conn, *args)

    plant(transaction, "part", _nothing)
    plant(session_header, "write", split)
    return SqliteSessionStore.open(path)


def journal_in_memory(path: Path) -> Any:
    """The rollback journal is in memory, and lost after a kill."""

    def switch(conn: sqlite3.Connection, settings: Settings) -> None:
        conn.execute("PRAGMA journal_mode = MEMORY").close()
        conn.execute("PRAGMA cache_size = 10").close()  # so that much is written before the commit

    plant(pragmas, "switch_to_wal", switch)
    return SqliteSessionStore.open(path)


def conditions_not_looked_at(path: Path) -> Any:
    """A conditional save does not check its condition."""
    plant(session_writer, "_conditions_hold", lambda batch, before: True)
    return SqliteSessionStore.open(path)


def error_swallowed(path: Path) -> Any:
    """A failed save is acknowledged."""
    plant(writing, "_result", lambda change, outcome: outcome.value or True)
    return SqliteSessionStore.open(path)


def memory_not_asked_for(path: Path) -> Any:
    """orjson is called whether or not there is memory for its result."""
    plant(orjson_memory, "has_memory", lambda nbytes: True)
    return SqliteSessionStore.open(path)


def synchronous_off(path: Path) -> Any:
    """Nothing is synced, neither a commit nor a checkpoint."""

    def set_common(conn: sqlite3.Connection, settings: Settings) -> None:
        _set_common(conn, settings)
        conn.execute("PRAGMA synchronous = OFF").close()

    plant(pragmas, "set_common", set_common)
    return SqliteSessionStore.open(path)


def goes_on_after_an_io_error(path: Path) -> Any:
    """A save after one that met an I/O error is accepted."""
    plant(group_commit, "is_io_failure", lambda error: False)
    return SqliteSessionStore.open(path)


def takes_a_failing_disk_for_damage(path: Path) -> Any:
    """Damage that SQLite reports is raised as damage, whether or not the disk can be read."""
    plant(failing_reads, "is_suspect", lambda error: False)
    return SqliteSessionStore.open(path)


def goes_on_after_a_failed_read(path: Path) -> Any:
    """Saves are accepted after a read that failed and worked when it was repeated."""
    plant(writing.Writing, "note_failure", lambda self, what, error: None)
    return SqliteSessionStore.open(path)


# -- What the writer knows -----------------------------------------------------------------------


def ignores_other_writers(path: Path) -> Any:
    """Headers stay confirmed whatever other connections write."""
    plant(write_states.WriteStates, "is_confirmed", lambda self, name: self.known(name) is not None)
    return SqliteSessionStore.open(path)


def confirms_any_header(path: Path) -> Any:
    """The row that confirms a header is not compared with it."""
    plant(session_header, "confirmed", lambda conn, name, known: known)
    return SqliteSessionStore.open(path)


def ignores_other_changes(path: Path) -> Any:
    """Changes other than saves, in the same transaction, are not noticed."""
    plant(write_states.WriteTransaction, "_notice_others", lambda self: None)
    return SqliteSessionStore.open(path)


def takes_every_head_for_an_end(path: Path) -> Any:
    """A conversation goes on at its head, though its branch has further messages."""
    plant(write_states.WriteTransaction, "is_end", lambda self, conn, head: True)
    return SqliteSessionStore.open(path)


def keeps_what_a_failed_job_said(path: Path) -> Any:
    """The header after a job that failed in a group is used by the next one."""
    plant(write_states.WriteTransaction, "back_to", lambda self, mark: None)
    return SqliteSessionStore.open(path)


def forgets_changes_before_a_failed_job(path: Path) -> Any:
    """What other changes did before a job that failed in a group is not noticed."""

    def careless(self: Any) -> object:
        headers, ends = dict(self._headers), dict(self._ends)
        return write_states._Mark(CacheTransaction.mark(self), headers, ends, self._sequence)

    plant(write_states.WriteTransaction, "mark", careless)
    return SqliteSessionStore.open(path)


# -- Cancellation and exit ------------------------------------------------------------------------


class _InSteps(SqliteSessionStore):
    async def _commit(self, batch: Batch) -> bool:
        writer, where = self._engine.writer, self._engine.cache
        assert writer is not None
        await writer.run(lambda conn: conn.execute("BEGIN IMMEDIATE"))
        try:
            await writer.run(
                lambda conn: session_writer.commit(
                    conn, WriteTransaction(where, WriteStates()), batch, 0
                )
            )
            await writer.run(lambda conn: conn.execute("COMMIT"))
        except Exception:  # CancelledError is none
            await writer.run(lambda conn: conn.execute("ROLLBACK"))
            raise
        return True


def leaks_transaction(path: Path) -> Any:
    """A save is several jobs of the worker: a cancelled one leaves its transaction open."""
    return _InSteps.open(path)


@contextlib.contextmanager
def _slow_write(conn: sqlite3.Connection, last: Any = None) -> Iterator[None]:
    time.sleep(0.05)
    with _write(conn, last):
        yield


def drops_at_exit(path: Path) -> Any:
    """The exit does not wait for accepted saves, done one by one on a slow disk."""
    plant(worker_thread.WorkerThread, "finish", lambda self, seconds: None)
    plant(job_queue, "GROUP", 1)
    plant(transaction, "write", _slow_write)
    return SqliteSessionStore.open(path)


def holds_the_process(path: Path) -> Any:
    """The threads are no daemons: a process that does not close its store never ends."""
    plant(worker_thread, "Thread", lambda target, name, daemon: threading.Thread(target=target))
    plant(worker_thread.WorkerThread, "finish", lambda self, seconds: None)
    return SqliteSessionStore.open(path)


def checkpoints_unguarded(path: Path) -> Any:
    """A checkpoint runs without the write lock."""
    inner: Any = wal_checkpoint
    inner.checkpoint = lambda conn: conn.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1:]
    return SqliteSessionStore.open(path)


# -- Input ----------------------------------------------------------------------------------------


class _Formatting(SqliteSessionStore):
    async def _exists(self, session_id: str) -> bool:
        sql = f"SELECT 1 FROM owner JOIN session USING (owner_key) WHERE id = '{session_id}'"
        return await self._engine.read(
            "exists", "", lambda conn: conn.execute(sql).fetchone() is not None, decode.as_is
        )


def formats_an_id(path: Path) -> Any:
    """An id becomes part of an SQL text."""
    return _Formatting.open(path)


class _Lenient(SqliteSessionStore):
    async def _commit(self, batch: Batch) -> bool:
        session = batch.session
        if session is not None and session.total_cost != session.total_cost:
            batch = attrs.evolve(batch, session=session.evolve(total_cost=0.0))
        return await super()._commit(batch)


def accepts_nan(path: Path) -> Any:
    """NaN is saved, and another value is loaded."""
    return _Lenient.open(path)


class _Hasty(SqliteSessionStore):
    async def save_trace_events(self, session_id: str, values: Any) -> None:
        if isinstance(values, tuple):
            await super().save_trace_events(session_id, values[:1])
        await super().save_trace_events(session_id, values)


def writes_before_it_checks(path: Path) -> Any:
    """A value that is refused in the end has written rows before."""
    return _Hasty.open(path)


# -- Live sessions --------------------------------------------------------------------------------


class _Careless(SqliteSessionStore):
    async def save_changes(self, changes: Any, *, on: Any, merge: Any = None) -> Any:
        if on is not None:
            on, merge = await self.revision(changes.session_id), None
        return await super().save_changes(changes, on=on, merge=merge)


def last_save_wins(path: Path) -> Any:
    """A live session overwrites the stored state, whether or not it is its own base."""
    return _Careless.open(path)


def totals_added_twice(path: Path) -> Any:
    """A merge adds both totals, with the common base counted twice."""
    plant(sessions, "merge_total", lambda base, ours, theirs: ours + theirs)
    return SqliteSessionStore.open(path)
