"""Stores with a fault planted in them, which the campaigns have to find.

Each function opens our store with one inner part broken in this process; the processes that a
campaign starts for the subject break it likewise.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs

from a3s_store.backends.sqlite import SqliteSessionStore, transaction, writing
from a3s_store.backends.sqlite.connection import (
    failing_reads,
    fork_gate,
    kept_files,
    opening_check,
    pragmas,
    wal_checkpoint,
    worker_thread,
)
from a3s_store.backends.sqlite.connection.file_watch import FileWatch
from a3s_store.backends.sqlite.connection.settings import Settings
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.format import log_owner, wal_file
from a3s_store.backends.sqlite.read import decode
from a3s_store.backends.sqlite.read import messages as conversation
from a3s_store.backends.sqlite.rows import agent_memory, blobs, bounds, session_header
from a3s_store.backends.sqlite.salvage import session_recovery
from a3s_store.backends.sqlite.schema import verify_schema
from a3s_store.backends.sqlite.write import group_commit, session_writer
from a3s_store.core import job_queue
from a3s_store.core.batch import Batch
from a3s_store.core.job_queue import Job
from a3s_store.core.merging import sessions
from a3s_store.core.session_cache import CacheTransaction
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import CorruptionError
from a3s_store.wire import orjson_memory

# As they are before anything is broken: a subject may be opened many times in one process.
_write_record = session_header.write
_set_common = pragmas.set_common
_write = transaction.write
_detach = blobs.detach
_session_found = session_recovery.session


def plant(target: object, name: str, broken: object) -> None:
    """Put a broken part in the place of one that is there: a name nothing has would break nothing.

    Raises:
        AttributeError: the part was renamed or is gone, and the fault would not be planted.
    """
    if not hasattr(target, name):
        raise AttributeError(f"{target!r} has no {name!r} to be broken")
    setattr(target, name, broken)


def acknowledged_before_commit(path: Path) -> Any:
    """Callers are told that they are saved, then they are saved."""

    def commit_group(self: Any, conn: WorkConnection, jobs: Sequence[Job]) -> Any:
        for job in jobs:
            job.settle(lambda: True)
        return lambda conn: group_commit.commit(conn, self.cache, [job.work for job in jobs])

    plant(writing.Writing, "commit_group", commit_group)
    return SqliteSessionStore.open(path)


def keeps_what_it_inherited(path: Path) -> Any:
    """A forked child does not close the connections of its parent."""
    plant(kept_files, "_close_inherited", lambda: None)
    return SqliteSessionStore.open(path)


def forks_without_waiting(path: Path) -> Any:
    """A fork does not wait for the work that is under way."""
    plant(fork_gate, "_enter", lambda: None)
    plant(fork_gate, "_leave", lambda: None)
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
    """The rows of a save are one transaction, what is on record of them is the next."""

    def split(conn: sqlite3.Connection, *args: Any) -> Any:
        conn.execute("COMMIT")
        conn.execute("BEGIN IMMEDIATE")
        return _write_record(conn, *args)

    plant(transaction, "part", _nothing)
    plant(session_header, "write", split)
    return SqliteSessionStore.open(path)


def journal_in_memory(path: Path) -> Any:
    """What a commit overwrites is kept in memory only, where nobody finds it after a kill."""

    def switch(conn: sqlite3.Connection, settings: Settings) -> None:
        conn.execute("PRAGMA journal_mode = MEMORY").close()
        conn.execute("PRAGMA cache_size = 10").close()  # so that much is written before the commit

    plant(pragmas, "switch_to_wal", switch)
    return SqliteSessionStore.open(path)


def conditions_not_looked_at(path: Path) -> Any:
    """Who saves if nobody else did is not asked whether somebody did."""
    plant(session_writer, "_conditions_hold", lambda batch, before: True)
    return SqliteSessionStore.open(path)


def error_swallowed(path: Path) -> Any:
    """A save that fails says that it is saved."""
    plant(writing, "_result", lambda change, outcome: outcome.answer or True)
    return SqliteSessionStore.open(path)


def memory_not_asked_for(path: Path) -> Any:
    """orjson is called whether or not there is memory for what it does."""
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
    """A save after one that met an I/O error is taken as if nothing had happened."""
    plant(group_commit, "is_io_failure", lambda error: False)
    return SqliteSessionStore.open(path)


def takes_a_failing_disk_for_damage(path: Path) -> Any:
    """What SQLite calls damage is told as damage, whether or not the disk can be read."""
    plant(failing_reads, "is_suspect", lambda error: False)
    return SqliteSessionStore.open(path)


def goes_on_after_a_failed_read(path: Path) -> Any:
    """A read that worked when it was repeated is taken as if nothing had happened."""
    plant(writing.Writing, "note_failure", lambda self, what, error: None)
    return SqliteSessionStore.open(path)


# -- Cancellation and leaving ---------------------------------------------------------------------


class _InSteps(SqliteSessionStore):
    async def _commit(self, batch: Batch) -> bool:
        writer, where = self._engine.writer, self._engine.cache
        assert writer is not None
        await writer.run(lambda conn: conn.execute("BEGIN IMMEDIATE"))
        try:
            await writer.run(
                lambda conn: session_writer.commit(conn, CacheTransaction(where), batch, 0)
            )
            await writer.run(lambda conn: conn.execute("COMMIT"))
        except Exception:  # CancelledError is none
            await writer.run(lambda conn: conn.execute("ROLLBACK"))
            raise
        return True


def leaks_transaction(path: Path) -> Any:
    """A save is several trips to the thread: a cancelled one leaves its transaction open."""
    return _InSteps.open(path)


@contextlib.contextmanager
def _slow_write(conn: sqlite3.Connection, last: Any = None) -> Iterator[None]:
    time.sleep(0.05)
    with _write(conn, last):
        yield


def drops_at_exit(path: Path) -> Any:
    """Nobody waits, at exit, until what was accepted is done, one by one on a slow disk."""
    plant(worker_thread.WorkerThread, "finish", lambda self, seconds: None)
    plant(job_queue, "GROUP", 1)
    plant(transaction, "write", _slow_write)
    return SqliteSessionStore.open(path)


def holds_the_process(path: Path) -> Any:
    """The threads are no daemons: a process that forgets its store never ends."""
    plant(worker_thread, "Thread", lambda target, name, daemon: threading.Thread(target=target))
    plant(worker_thread.WorkerThread, "finish", lambda self, seconds: None)
    return SqliteSessionStore.open(path)


def checkpoints_unguarded(path: Path) -> Any:
    """The log is copied without holding the write lock meanwhile."""
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
    """What is not a number is saved, as SQLite would: as something else."""
    return _Lenient.open(path)


class _Hasty(SqliteSessionStore):
    async def save_trace_events(self, session_id: str, values: Any) -> None:
        if isinstance(values, tuple):
            await super().save_trace_events(session_id, values[:1])
        await super().save_trace_events(session_id, values)


def writes_before_it_checks(path: Path) -> Any:
    """A value that is refused in the end has left something behind."""
    return _Hasty.open(path)


# -- Damage that nobody looks for -----------------------------------------------------------------


class _LikeAnything(list[int]):
    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False


def seals_not_checked(path: Path) -> Any:
    """Messages are not held against their seals."""
    plant(conversation, "message_checksums", lambda *columns: _LikeAnything())
    return SqliteSessionStore.open(path)


def digests_not_checked(path: Path) -> Any:
    """Nothing but messages is held against its digest."""
    for name in ("check_session", "check_collection", "check_checkpoint"):
        plant(decode, name, lambda *what: None)
    return SqliteSessionStore.open(path)


def memories_not_checked(path: Path) -> Any:
    """No memory is held against its seal."""

    def believed(owner: str, stored: tuple[Any, ...]) -> agent_memory.MemoryRow:
        return agent_memory.MemoryRow(stored[0], stored[1], tuple(stored[2:]))

    plant(agent_memory, "_verified", believed)
    return SqliteSessionStore.open(path)


class _Soothing(SqliteSessionStore):
    async def load_snapshot(self, session_id: str, **how: Any) -> Any:
        try:
            return await super().load_snapshot(session_id, **how)
        except CorruptionError:
            return None

    async def verify(self, **how: Any) -> Any:
        return attrs.evolve(await super().verify(**how), damage=())


def damage_swallowed(path: Path) -> Any:
    """A session that is damaged is answered as if there were none."""
    return _Soothing.open(path)


class _Disorderly(SqliteSessionStore):
    async def load_snapshot(self, session_id: str, **how: Any) -> Any:
        found = await super().load_snapshot(session_id, **how)
        if isinstance(found, SessionSnapshot):
            messages = found.session.messages
            return found.evolve(session=found.session.evolve(messages=messages[::-1]))
        return found


def order_reversed(path: Path) -> Any:
    """The messages of a session come in another order."""
    return _Disorderly.open(path)


def blobs_not_linked(path: Path) -> Any:
    """The row that says which blobs a message has is not written."""

    def unlinked(*arguments: Any) -> Any:
        message, _ = _detach(*arguments)
        return message, []

    plant(blobs, "detach", unlinked)
    return SqliteSessionStore.open(path)


def log_not_looked_at(path: Path) -> Any:
    """SQLite recovers the log before anybody looked at it, and `verify` does not look either."""
    plant(opening_check, "check", lambda path: None)
    plant(wal_file.WalAudit, "is_damaged", property(lambda found: False))
    return SqliteSessionStore.open(path)


def links_not_compared(path: Path) -> Any:
    """A log is taken for the database's whatever both say of their commits."""
    plant(log_owner, "_judge_links", lambda *what: None)
    return SqliteSessionStore.open(path)


def layout_not_compared(path: Path) -> Any:
    """A database that another program wrote anew is taken for the one before."""
    plant(log_owner, "_is_same_layout", lambda *what: True)
    return SqliteSessionStore.open(path)


def never_marked_as_open(path: Path) -> Any:
    """A database does not say that more is in its log."""
    plant(FileWatch, "is_marked", True)
    plant(wal_checkpoint, "_copy_marked", wal_checkpoint.copy_plain)
    return SqliteSessionStore.open(path)


def marked_in_every_commit(path: Path) -> Any:
    """Each commit says that more may come in a log, the last one too."""
    plant(wal_checkpoint, "unmark", lambda conn: None)
    return SqliteSessionStore.open(path)


def every_log_suspected(path: Path) -> Any:
    """Any log that somebody left is taken for damaged."""
    inner: Any = wal_file.WalAudit
    inner.is_damaged = property(lambda found: found.frames > 0)
    return SqliteSessionStore.open(path)


def schema_not_pinned(path: Path) -> Any:
    """What a file says its tables are is believed."""
    plant(verify_schema, "check", lambda *what: None)
    return SqliteSessionStore.open(path)


def blobs_unbounded(path: Path) -> Any:
    """A blob is unpacked whatever it unpacks to."""
    plant(blobs, "_unpack", lambda data, *what: zlib.decompressobj().decompress(data))
    return SqliteSessionStore.open(path)


def keys_unbounded(path: Path) -> Any:
    """A new row keeps whatever key SQLite gives it beside a damaged one."""
    plant(bounds, "_suitable", lambda conn, table, key, has_rows: key)
    return SqliteSessionStore.open(path)


def salvage_forgets(path: Path) -> Any:
    """What is salvaged lacks the last message of each session."""

    def shorter(conn: sqlite3.Connection, session_id: str) -> Any:
        found = _session_found(conn, session_id)
        if found.snapshot is None:
            return found
        session = found.snapshot.session
        shorter = session.evolve(messages=session.messages[:-1])
        return attrs.evolve(found, snapshot=found.snapshot.evolve(session=shorter))

    plant(session_recovery, "session", shorter)
    return SqliteSessionStore.open(path)


class _Careless(SqliteSessionStore):
    async def save_changes(self, changes: Any, *, on: Any, merge: Any = None) -> Any:
        if on is not None:
            on, merge = await self.revision(changes.session_id), None
        return await super().save_changes(changes, on=on, merge=merge)


def last_save_wins(path: Path) -> Any:
    """A live session saves on whatever is stored, not on its own base."""
    return _Careless.open(path)


def totals_added_twice(path: Path) -> Any:
    """Of two live sessions both totals are added, with the base they have in common."""
    plant(sessions, "merge_total", lambda base, ours, theirs: ours + theirs)
    return SqliteSessionStore.open(path)
