"""Erase: delete sessions, and all bytes that deleting leaves behind in the file and its WAL.

Deleting a row does not overwrite its text. Freed pages keep the text until they are used again, and
a page that is used for the end of a long value keeps it behind that end. Balancing a tree moves
rows between pages and leaves copies in the gaps, among rows of other sessions; SQLite's
`secure_delete` leaves those too, even if it is ON from the first row. The WAL keeps old versions of
pages. Texts that were trimmed or replaced earlier are left in the same ways. So no list of places
to overwrite can be made.

Instead the file is rewritten (VACUUM). Then the old pages have to leave the WAL: once a WAL
checkpoint has copied all of it into the database, a small commit makes SQLite reset and truncate
it. Cost: the file is written twice (100 MB took 2.4 s on two cores); the WAL, and meanwhile the
memory of the process, grow by the size of the file; others can read, and wait to write.

While a process keeps a read transaction open, as replicators of SQLite files do, the WAL cannot be
reset. So a reset is tried before the VACUUM too: else each attempt would add the whole file to the
WAL.

Invariants: 1. nothing is written when messages are shared with other sessions, or nothing was ever
saved under an id; 2. deleted sessions stay deleted if a later step fails, and erasing them again,
though no row is left, completes the erasure; 3. WAL checkpoints hold the write lock, as everywhere
(`wal_checkpoint`); 4. readers are waited for twice, each time at most for the busy timeout.

Out of reach: replicas, copies and backups of the file; blocks that the file system or disk released
without overwriting them; the memory of programs that read the file.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.connection import log_readers, wal_checkpoint
from a3s_store.backends.sqlite.connection.log_readers import LogReader
from a3s_store.backends.sqlite.connection.wal_checkpoint import LOG_BYTES
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.engine import Engine
from a3s_store.backends.sqlite.errors import explain
from a3s_store.backends.sqlite.format.files_beside import INDEX, WAL, beside
from a3s_store.backends.sqlite.maintenance import compact
from a3s_store.backends.sqlite.read import catalog, notes
from a3s_store.backends.sqlite.rows import (
    commit_log,
    deleted_streams,
    memory_index,
    message_log,
    search_index,
    streams,
    tombstones,
)
from a3s_store.backends.sqlite.write import session_changes
from a3s_store.backends.sqlite.write.write_states import WriteTransaction
from a3s_store.core.base.queue_entries import WORKFLOW_PREFIX
from a3s_store.core.clock import unix_ms
from a3s_store.core.reports import EraseReport
from a3s_store.core.segments import Segment
from a3s_store.errors import (
    ErasureIncompleteError,
    SessionNotFoundError,
    SharedMessagesError,
    StoreError,
)
from a3s_store.printable import short_repr

# Seconds between two attempts to reset the WAL.
_PAUSE: Final = 0.02
# Bytes of the header of a WAL, and of the header of each page in it.
_WAL_HEADER: Final = 32
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
    """Delete everything under these ids, so that no piece of their texts is left in the file.

    With `tree`, child sessions too. `now` gives Unix seconds. Ids of deleted sessions are accepted,
    since pieces of their texts may be left, and ids that are stored `elsewhere`, in a copy.

    Raises:
        SessionNotFoundError: nothing was ever saved under one of the ids; nothing was written.
        SharedMessagesError: other sessions share messages with one; nothing was written.
        ErasureIncompleteError: the sessions are deleted, but pieces may be left.
    """
    begun = time.monotonic()
    where = f"{_named(session_ids)} in {engine.settings.path}"

    def remove_all(conn: WorkConnection, known: WriteTransaction) -> tuple[str, ...]:
        below = [one for each in session_ids for one in catalog.below(conn, each)]
        wanted = below if tree else session_ids
        return remove(conn, known, wanted, unix_ms(now()), elsewhere=elsewhere)

    found = await engine.write("erase", where, remove_all)
    writer = engine.writer
    assert writer is not None, "it has just written"
    timeout = engine.settings.busy_seconds

    def rewrite(conn: WorkConnection) -> int:
        return scrub(conn, engine.settings.path, timeout, now())

    try:
        await _remove_rest(engine, where)
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


async def _remove_rest(engine: Engine, where: str) -> None:
    """Remove the rows that deletions have left: in steps, then what is left by saves in progress.

    Raises ErasureIncompleteError.
    """

    def step(conn: WorkConnection, _: WriteTransaction) -> bool:
        return deleted_streams.step(conn)

    def finish(conn: WorkConnection, _: WriteTransaction) -> None:
        deleted_streams.finish(conn)

    try:
        while await engine.write("erase", where, step, "delete\0"):
            pass
        await engine.write("erase", where, finish)
    except (StoreError, MemoryError) as error:
        _incomplete(error)


def remove(
    conn: sqlite3.Connection,
    memory: WriteTransaction,
    session_ids: Sequence[str],
    now_ms: int,
    *,
    elsewhere: Collection[str] = (),
) -> tuple[str, ...]:
    """Delete these sessions; return the ids under which rows were stored.

    Rows that nothing refers to are left to `_remove_rest`. It runs inside a transaction that the
    caller opened.

    Raises:
        SessionNotFoundError: nothing was ever saved under one of the ids; nothing was written.
        SharedMessagesError: other sessions share messages with one; nothing was written.
    """
    wanted = list(dict.fromkeys(session_ids))
    _refuse_unknown([one for one in unknown(conn, wanted) if one not in elsewhere])
    stored = tuple(session_id for session_id in wanted if _is_stored(conn, session_id))
    others = sorted(set(_sharers(conn, wanted)) - set(wanted))
    if others:
        raise SharedMessagesError(
            f"{len(others)} other sessions share messages with these: {_named(others)}",
            session_ids=tuple(others),
            hint="Erase them all in one call, or delete() the others first",
        )
    for session_id in wanted:
        tied = streams.of_session(conn, session_id)
        session_changes.delete(conn, memory, session_id, now_ms)
        commit_log.forget(conn, session_id)
        for stream in tied:
            commit_log.forget(conn, stream.name, is_stream=True)
    notes.forget_salvaged(conn, wanted)
    return stored


def unknown(conn: sqlite3.Connection, session_ids: Sequence[str]) -> tuple[str, ...]:
    """Return those of these ids under which no row is stored and no deletion is known."""
    return tuple(
        one
        for one in session_ids
        if not _is_stored(conn, one) and not tombstones.is_known(conn, one)
    )


def _is_stored(conn: sqlite3.Connection, session_id: str) -> bool:
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
    """Yield the sessions that use message rows of these sessions, these themselves included.

    A session uses rows by any of its generations and by its run checkpoints.
    """
    heads = [head for session_id in session_ids for head in _heads(conn, session_id)]
    for branch, length in heads:
        for part in message_log.segments_of(conn, branch, length):
            yield from _users(conn, part)


def _heads(conn: sqlite3.Connection, session_id: str) -> list[tuple[int, int]]:
    """Return the branches of a session, each with the length of its longest head there."""
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
    """Yield the sessions with a head that reaches a row of this segment."""
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


def scrub(conn: WorkConnection, path: Path, timeout: float, now: float) -> int:
    """Rewrite the file and reset its WAL; return how many pages the file has.

    Outside any transaction, on the writer's thread. `timeout` is the seconds to wait, before the
    rewrite and after it, until no process reads from the WAL; `now` is in Unix seconds.

    Raises:
        ErasureIncompleteError: a step failed; stored sessions are unchanged.
    """
    try:
        conn.execute("PRAGMA journal_size_limit = 0").close()
        try:
            # Readers that do not end are noticed before the WAL has grown by the whole file.
            _reset_wal(conn, path, timeout, None)
            with transaction.write(conn, wal_checkpoint.follow):
                for index in (search_index.INDEX, memory_index.INDEX):
                    index.optimize(conn)
            compact.vacuum(conn)
            (pages,) = conn.execute("PRAGMA page_count").fetchone()
            _reset_wal(conn, path, timeout, {"at": int(now)})
        finally:
            conn.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}").close()
        return int(pages)
    except (sqlite3.Error, OSError, MemoryError) as error:
        _incomplete(error)


def _incomplete(error: BaseException) -> NoReturn:
    known = error if isinstance(error, StoreError) else explain(error)
    raise ErasureIncompleteError(
        "the sessions are deleted, but pieces of them may be left in the file: "
        f"{known.what if known is not None else type(error).__name__}",
        hint="Fix that and erase them again",
    ) from error


def _reset_wal(
    conn: WorkConnection, path: Path, timeout: float, note: Mapping[str, Any] | None
) -> None:
    """Copy the WAL into the database, then commit, with `note` if given, to reset and truncate it.

    SQLite resets a WAL only in a commit that finds all of it copied and no process reading from it,
    so this is repeated until then. The number of pages in the WAL and its size show the reset.
    """
    if not conn.has_wal:
        return
    (page_size,) = conn.execute("PRAGMA page_size").fetchone()
    deadline = time.monotonic() + timeout
    while True:
        before = wal_checkpoint.checkpoint(conn)
        if before is not None and before[0] == before[1]:
            with transaction.write(conn, wal_checkpoint.follow):
                if note is not None:
                    notes.keep(conn, notes.ERASED, note)
            after = wal_checkpoint.checkpoint(conn)
            if after is not None and after[0] <= before[0]:
                size = beside(path, WAL).stat().st_size
                if size <= _WAL_HEADER + after[0] * (_FRAME_HEADER + page_size):
                    return
        if time.monotonic() > deadline:
            raise _still_reading(log_readers.readers(beside(path, INDEX)))
        time.sleep(_PAUSE)


def _still_reading(readers: Sequence[LogReader]) -> ErasureIncompleteError:
    named = ", ".join(map(str, readers)) or "a process that the system does not name"
    verb = "are" if len(readers) > 1 else "is"
    return ErasureIncompleteError(
        "the sessions are deleted, but pieces of them may be left in the file and in its WAL, from "
        f"which {named} {verb} still reading",
        hint="Stop that: a replicator, a backup or a query keeps a read transaction open. Then "
        "erase them again. Replicas and backups keep the texts",
        readers=readers,
    )


def _named(session_ids: Sequence[str]) -> str:
    """Return the first of these ids, for an error."""
    named = ", ".join(map(short_repr, session_ids[:_NAMED]))
    return named + (" ..." if len(session_ids) > _NAMED else "")
