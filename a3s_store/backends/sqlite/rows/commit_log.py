"""Read, check and erase the commit log: a row for each change of a session or of agent memory.

`format.commit_row` adds the rows. Plain functions of a connection, each inside a transaction that
its caller opened.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from a3s_store.backends.sqlite.format import file_link
from a3s_store.backends.sqlite.format.commit_row import COLUMNS, Stamp, add, checksum, latest, shown
from a3s_store.backends.sqlite.rows import log_trim, tombstones
from a3s_store.core import commit_log
from a3s_store.core.commit_log import Commit, CommitOp, CommitPage, LogPosition
from a3s_store.core.corruption import NOT_WRITTEN, CorruptRowError

__all__ = ["add_change", "check", "forget", "latest", "page"]

PART: Final = "commit_log"
_ERASED: Final = "erased:"
_ERASED_DIGITS: Final = 16


def add_change(
    conn: sqlite3.Connection,
    session_id: str,
    op: CommitOp,
    now_ms: int,
    instead_of: int | None = None,
) -> Stamp | None:
    """Add the row of a change that makes no generation, but shows in lists.

    `instead_of` as in `add`. Returns what the row of the session has of it; None where nothing was
    saved under the id.
    """
    row = conn.execute(
        "SELECT owner_key, generation, generation.digest, coalesce(changed_at_ms, 0) FROM owner "
        "JOIN generation USING (owner_key) LEFT JOIN session USING (owner_key) WHERE id = ? "
        "ORDER BY generation DESC LIMIT 1",
        (session_id,),
    ).fetchone()
    if row is None:
        add(conn, "session", session_id, op, now_ms)
        return None
    key, generation, digest, changed_at_ms = row
    now_ms = max(now_ms, changed_at_ms)
    sequence = add(
        conn,
        "session",
        session_id,
        op,
        now_ms,
        generation=generation,
        digest=digest,
        instead_of=instead_of,
    )
    stamp = Stamp(sequence, now_ms)
    stamp.write(conn, key)
    return stamp


def page(
    conn: sqlite3.Connection, after: int | LogPosition, limit: int, subjects: frozenset[str] | None
) -> CommitPage:
    """Return a page of the log; see `CommitLogStore.commits`.

    Raises CorruptRowError for a row with a wrong checksum.
    """
    first, newest = conn.execute(
        "SELECT (SELECT min(sequence) FROM commit_log), (SELECT max(sequence) FROM commit_log)"
    ).fetchone()
    first_available, newest = first or 1, newest or 0
    store_id = file_link.read(conn).file_id.hex()
    begin = commit_log.start(after, store_id, first_available, newest)
    which, wanted = "", []
    if subjects is not None:
        which, wanted = (
            "AND subject IN (SELECT value FROM json_each(?)) ",
            [json.dumps([*subjects])],
        )
    rows = conn.execute(
        f"SELECT {COLUMNS}, row_checksum FROM commit_log WHERE sequence > ? {which}"
        "ORDER BY sequence LIMIT ?",
        (begin.after, *wanted, limit + 1),
    ).fetchall()
    return commit_log.page(
        [_commit(row) for row in rows],
        limit,
        begin,
        store_id=store_id,
        first_available=first_available,
        latest=newest,
    )


def _commit(row: tuple[Any, ...]) -> Commit:
    *columns, stored = row
    sequence, kind, subject, op, generation, digest, committed_at_ms, save_id = columns
    if checksum(columns) != stored:
        raise CorruptRowError(NOT_WRITTEN, PART, sequence)
    return Commit(
        sequence=sequence,
        kind=kind,
        subject=subject,
        op=op,
        generation=generation,
        digest=shown(digest),
        committed_at_ms=committed_at_ms,
        save_id=save_id,
    )


def forget(conn: sqlite3.Connection, subject: str, *, is_stream: bool = False) -> None:
    """Replace an id, or the name of a stream, in all its rows by a hash of it, for `erase`."""
    rows = conn.execute(
        f"SELECT {COLUMNS} FROM commit_log WHERE subject = ? AND (kind = 'stream') = ?",
        (subject, is_stream),
    ).fetchall()
    if not rows:
        return
    hashed = _ERASED + tombstones.hash_of(conn, subject).hex()[:_ERASED_DIGITS]
    conn.executemany(
        "UPDATE commit_log SET subject = ?, row_checksum = ? WHERE sequence = ?",
        [(hashed, checksum((row[0], row[1], hashed, *row[3:])), row[0]) for row in rows],
    )


class _Newest(NamedTuple):
    """The newest row of a session, as the row of the session has it."""

    sequence: int
    at_ms: int
    generation: int | None
    digest: str | None


def check(conn: sqlite3.Connection, note: Callable[[CorruptRowError], None]) -> int:
    """Check every row, their numbers, and that sessions are as their newest rows say.

    Returns the number of rows. `note` is called for each damage, with the sequence as position.
    Sessions whose last change was trimmed are not compared.
    """
    newest: dict[str, _Newest] = {}
    first = log_trim.first_available(conn)
    before = first - 1
    count = 0
    for row in conn.execute(f"SELECT {COLUMNS}, row_checksum FROM commit_log ORDER BY sequence"):
        count += 1
        if row[0] != before + 1:
            note(CorruptRowError("the commit before it is missing", PART, row[0]))
        before = row[0]
        try:
            commit = _commit(row)
        except CorruptRowError as error:
            note(error)
            continue
        if commit.kind == "session":
            newest[commit.subject] = _Newest(
                commit.sequence, commit.committed_at_ms, commit.generation, commit.digest
            )
    for session_id, *said in conn.execute(_SESSIONS).fetchall():
        found = newest.get(session_id)
        if found != _Newest(*said) and (found is not None or said[0] >= first):
            what = "the commit that its session names is another one"
            note(CorruptRowError(what, PART, said[0]))
    return count


_SESSIONS: Final = """
SELECT o.id, s.commit_sequence, s.changed_at_ms, g.generation, g.digest
FROM session AS s JOIN owner AS o USING (owner_key) JOIN generation AS g USING (owner_key)
WHERE g.generation =
    (SELECT max(n.generation) FROM generation AS n WHERE n.owner_key = s.owner_key)
"""
