"""Erasing: a session is removed, and so is what deleting leaves behind in the file and in the log.

Deleting hides a text; it goes on lying where it was. Pages that were freed keep it until they are
used again, and where they are used for a long value, its last page keeps it behind that value's
end. Balancing a tree copies rows from page to page and leaves copies in the gaps, in the midst of
what belongs to others; SQLite's `secure_delete` leaves those too, even ON from the first row. The
log keeps whole pages as they were. And what was said earlier, and trimmed or replaced since, lies
there just as well, so no list of the places can be made.

So the file is written anew (VACUUM) from what still counts. Then the old pages have to leave the
log: once all of it is copied into the database, a small commit begins it again, and cuts off the
rest. Cost: the file is written twice (100 MB took 2.4 s on two cores), the log grows by as much as
the file has, and so does the memory of the process, for that time; others wait to write meanwhile,
and can read.

While a process keeps a read transaction open, as replicators of SQLite files do, the log cannot be
begun again. So that is tried before the file is written anew as well: else each attempt would add
the whole file to the log.

Invariants: 1. what messages are shared with, and whether there ever was something under the ids, is
found out before anything is written; 2. what was removed stays removed, whatever fails afterwards;
erasing again, though nothing is left under the id, finishes; 3. checkpoints are guarded, as
everywhere (`wal_checkpoint`); 4. readers of the log are waited for twice, each time for no longer
than the busy timeout.

Out of reach: replicas, copies and backups of the file, blocks that the file system or a disk gave
back and did not overwrite, the memory of programs that read it.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Final, NoReturn

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.connection import log_readers, wal_checkpoint
from a3s_store.backends.sqlite.connection.connect import LOG_BYTES
from a3s_store.backends.sqlite.connection.log_readers import LogReader
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.engine import Engine
from a3s_store.backends.sqlite.errors import explain
from a3s_store.backends.sqlite.format.files_beside import INDEX, WAL, beside
from a3s_store.backends.sqlite.maintenance import compact
from a3s_store.backends.sqlite.read import catalog, notes
from a3s_store.backends.sqlite.rows import message_log, tombstones
from a3s_store.backends.sqlite.write import session_changes
from a3s_store.core.base.queue_entries import WORKFLOW_PREFIX
from a3s_store.core.reports import EraseReport
from a3s_store.core.segments import Segment
from a3s_store.core.session_cache import CacheTransaction
from a3s_store.errors import ErasureIncompleteError, SessionNotFoundError, SharedMessagesError
from a3s_store.printable import short_repr

# Seconds between two looks whether the log is free.
_PAUSE: Final = 0.02
# Of a log file: its header, and that of each page in it.
_LOG_HEADER: Final = 32
_FRAME_HEADER: Final = 24
# How many ids an error names.
_NAMED: Final = 5


async def erase(
    engine: Engine,
    session_ids: Sequence[str],
    now: Callable[[], float],
    *,
    tree: bool = False,
    elsewhere: Collection[str] = (),
) -> EraseReport:
    """Remove everything under these ids, so that no piece of their texts is left in the file.

    With `tree`, also everything under the ids of sessions below these. `now` gives Unix seconds,
    for the record. Of what was deleted earlier pieces may be left, so ids under which nothing is
    left are fine too, and those that are `elsewhere`, in a copy.

    Raises:
        SessionNotFoundError: under one of the ids there never was anything; nothing was written.
        SharedMessagesError: other sessions have some of the messages too; nothing was written.
        ErasureIncompleteError: the sessions are deleted, but pieces may be left.
    """
    begun = time.monotonic()
    where = f"{_named(session_ids)} in {engine.settings.path}"

    def remove_all(conn: WorkConnection, known: CacheTransaction) -> tuple[str, ...]:
        below = [one for each in session_ids for one in catalog.below(conn, each)]
        return remove(conn, known, below if tree else session_ids, elsewhere=elsewhere)

    found = await engine.write("erase", where, remove_all)
    writer = engine.writer
    assert writer is not None, "it has just written"
    patience = engine.settings.busy_timeout_ms / 1000

    def rewrite(conn: WorkConnection) -> int:
        return scrub(conn, engine.settings.path, patience, now())

    try:
        pages = await writer.run(rewrite)
    except ErasureIncompleteError as error:
        error.locate("erase", where)
        raise
    return EraseReport(
        session_ids=tuple(session_ids),
        found=found,
        pages=pages,
        seconds=time.monotonic() - begun,
    )


def remove(
    conn: sqlite3.Connection,
    memory: CacheTransaction,
    session_ids: Sequence[str],
    *,
    elsewhere: Collection[str] = (),
) -> tuple[str, ...]:
    """Delete these sessions; return those under whose ids there was something.

    Inside a transaction that the caller opened.

    Raises:
        SessionNotFoundError: under one of the ids there never was anything; nothing was written.
        SharedMessagesError: other sessions have some of the messages too; nothing was written.
    """
    wanted = list(dict.fromkeys(session_ids))
    there = [session_id for session_id in wanted if _is_there(conn, session_id)]
    known = {*there, *elsewhere}
    _refuse_unknown(
        [one for one in wanted if one not in known and not tombstones.is_known(conn, one)]
    )
    others = sorted(set(_sharers(conn, wanted)) - set(wanted))
    if others:
        raise SharedMessagesError(
            f"{len(others)} other sessions have some of the messages too: {_named(others)}",
            session_ids=tuple(others),
            hint="Erase them all in one call, or delete() those first",
        )
    for session_id in wanted:
        session_changes.delete(conn, memory, session_id)
    notes.forget_salvaged(conn, wanted)
    return tuple(there)


def _is_there(conn: sqlite3.Connection, session_id: str) -> bool:
    row = conn.execute(
        "SELECT EXISTS (SELECT 1 FROM owner WHERE id = :id) "
        "OR EXISTS (SELECT 1 FROM loop_checkpoint WHERE session_id = :id) "
        "OR EXISTS (SELECT 1 FROM agent_memory_total WHERE owner = :id) "
        "OR EXISTS (SELECT 1 FROM workflow_checkpoint WHERE workflow_id = :queue)",
        {"id": session_id, "queue": WORKFLOW_PREFIX + session_id},
    ).fetchone()
    return bool(row[0])


def _refuse_unknown(session_ids: Sequence[str]) -> None:
    if session_ids:
        raise SessionNotFoundError(
            f"nothing was ever saved under {_named(session_ids)}, so nothing was erased",
            hint="`list()` returns the ids of saved sessions",
        )


def _sharers(conn: sqlite3.Connection, session_ids: Sequence[str]) -> Iterator[str]:
    """The sessions that have rows of these sessions' messages, those themselves included.

    Their histories of now and then count, and the checkpoints of their runs.
    """
    heads = [head for session_id in session_ids for head in _heads(conn, session_id)]
    for branch, length in heads:
        for part in message_log.segments_of(conn, branch, length):
            yield from _users(conn, part)


def _heads(conn: sqlite3.Connection, session_id: str) -> list[tuple[int, int]]:
    """The branches a session is on, and how far it reaches on each."""
    found = conn.execute(
        "SELECT branch, max(length) FROM ("
        "SELECT head_branch AS branch, head_length AS length "
        "FROM generation JOIN owner USING (owner_key) "
        "WHERE id = :id AND head_branch IS NOT NULL "
        "UNION ALL SELECT head_branch, head_length FROM loop_checkpoint WHERE session_id = :id"
        ") GROUP BY branch",
        {"id": session_id},
    ).fetchall()
    return [(branch, length) for branch, length in found]


def _users(conn: sqlite3.Connection, part: Segment) -> Iterator[str]:
    """The sessions with a head over some row of this segment."""
    assert part.end is not None, "a head has a length"
    for other in message_log.segments_from(conn, part.source):
        first = max(other.seq(other.start), part.seq(part.start))
        end = (
            part.seq(part.end)
            if other.end is None
            else min(other.seq(other.end), part.seq(part.end))
        )
        if first >= end:
            continue
        branch, least = other.branch, first - other.offset
        yield from (
            row[0]
            for row in conn.execute(
                "SELECT DISTINCT id FROM branch_owner JOIN generation USING (owner_key) "
                "JOIN owner USING (owner_key) "
                "WHERE branch_key = :branch AND head_branch = :branch AND head_length > :least "
                "UNION SELECT session_id FROM loop_checkpoint "
                "WHERE head_branch = :branch AND head_length > :least",
                {"branch": branch, "least": least},
            ).fetchall()
        )


def scrub(conn: WorkConnection, path: Path, patience: float, now: float) -> int:
    """Write the file anew and empty its log of what was there; return how many pages it has.

    Outside any transaction, on the writer's thread. `patience` is for how many seconds to wait,
    before writing and after it, until no process reads in the log, `now` Unix seconds.

    Raises:
        ErasureIncompleteError: it could not be done; what is saved is untouched.
    """
    try:
        conn.execute("PRAGMA journal_size_limit = 0").close()
        try:
            # Readers that do not end are noticed before the log has grown by the whole file.
            _restart_log(conn, path, patience, lambda: _commit_nothing(conn))
            compact.vacuum(conn)
            (pages,) = conn.execute("PRAGMA page_count").fetchone()
            _restart_log(conn, path, patience, lambda: _note(conn, now))
        finally:
            conn.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}").close()
        return int(pages)
    except (sqlite3.Error, OSError, MemoryError) as error:
        _incomplete(error)


def _incomplete(error: BaseException) -> NoReturn:
    known = explain(error)
    raise ErasureIncompleteError(
        "the sessions are deleted, but pieces of them may be left in the file: "
        f"{known.what if known is not None else type(error).__name__}",
        hint="Mend that and erase them again, which finishes",
    ) from error


def _restart_log(
    conn: WorkConnection, path: Path, patience: float, commit: Callable[[], None]
) -> None:
    """Copy the log, and have `commit` begin it again: that is when SQLite cuts off the rest.

    It does so only where everything is copied and no process reads in the log, so it is tried until
    then. Whether it has is told by how many pages are in the log, and by its size.
    """
    (page_size,) = conn.execute("PRAGMA page_size").fetchone()
    deadline = time.monotonic() + patience
    while True:
        before = wal_checkpoint.checkpoint(conn)
        if before is not None and before[0] == before[1]:
            commit()
            after = wal_checkpoint.checkpoint(conn)
            if after is not None and after[0] <= before[0]:
                size = beside(path, WAL).stat().st_size
                if size <= _LOG_HEADER + after[0] * (_FRAME_HEADER + page_size):
                    return
        if time.monotonic() > deadline:
            raise _still_reading(log_readers.readers(beside(path, INDEX)))
        time.sleep(_PAUSE)


def _still_reading(readers: Sequence[LogReader]) -> ErasureIncompleteError:
    named = ", ".join(map(str, readers)) or "a process that the system does not name"
    verb = "are" if len(readers) > 1 else "is"
    return ErasureIncompleteError(
        "the sessions are deleted, but pieces of them may be left in the file and in its log, in "
        f"which {named} {verb} still reading",
        hint="Stop that: a replicator, a backup or a query keeps a read transaction open. Then "
        "erase them again, which finishes. Replicas and backups keep the texts",
        readers=readers,
    )


def _commit_nothing(conn: WorkConnection) -> None:
    with transaction.write(conn, wal_checkpoint.follow):
        pass


def _note(conn: WorkConnection, now: float) -> None:
    with transaction.write(conn, wal_checkpoint.follow):
        conn.execute(
            "INSERT INTO meta (name, value) VALUES ('last_erase', ?) "
            "ON CONFLICT DO UPDATE SET value = excluded.value",
            (json.dumps({"at": int(now)}),),
        )


def _named(session_ids: Sequence[str]) -> str:
    """The first of these ids, for an error."""
    named = ", ".join(map(short_repr, session_ids[:_NAMED]))
    return named + (" ..." if len(session_ids) > _NAMED else "")
