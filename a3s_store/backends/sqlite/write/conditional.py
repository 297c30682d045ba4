"""A live session's changes: compared with what is stored and written, in one transaction.

Plain functions of a connection, each inside a transaction that its caller opened.
"""

from __future__ import annotations

import sqlite3

from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.read import decode, fetch
from a3s_store.backends.sqlite.rows import commit_log
from a3s_store.backends.sqlite.write import run_checkpoints, session_writer
from a3s_store.backends.sqlite.write.write_states import WriteTransaction
from a3s_store.core.base.conditional import (
    ask,
    may_write,
    refuse_unwritable_changes,
    run_taken,
)
from a3s_store.core.batch import LoadResult
from a3s_store.core.changes import Committed, Merge, RunClaim, SessionChanges, Stored, batch_of
from a3s_store.core.collections import COLLECTIONS, LOOP_CHECKPOINTS
from a3s_store.core.revision import Position, Revision, Versioned
from a3s_store.core.session_header import SessionHeader
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import EncodeError
from a3s_store.wire.limits import in_force


class MergeRaisedError(Exception):
    """Carries an error of the merge function past handlers that take some errors for damage."""

    def __init__(self, error: Exception) -> None:
        super().__init__(type(error).__name__)
        self.error = error


def commit(
    conn: WorkConnection,
    cache: WriteTransaction,
    changes: SessionChanges,
    on: Revision | None,
    merge: Merge | None,
    now_ms: int,
) -> Committed:
    """See `ConditionalStore.save_changes`; the values are redacted already.

    Raises MergeRaisedError for what `merge` raised.
    """

    def claimed_by(run_id: str) -> tuple[str | None] | None:
        return _claimed_by(conn, run_id)

    before = cache.header(conn, changes.session_id)  # a session whose row is lost was not deleted
    theirs: Stored | None = None
    if not may_write(changes, on, revision_of(before), merge, claimed_by):
        with in_force(None):  # stored values may be as large as they are
            theirs = _stored(conn, cache, changes.session_id)
            assert theirs is not None, "it has a revision"
            assert merge is not None, "without one it is refused"
            changes = ask(_set_apart(merge), changes, theirs, claimed_by)
    try:
        after = _write(conn, cache, changes, before, now_ms)
    except (EncodeError, UnicodeEncodeError):
        # Raises with the whole path.
        refuse_unwritable_changes(changes)
        raise
    return Committed(revision=revision_of(after) or Revision(0, 0), changes=changes, theirs=theirs)


def _set_apart(merge: Merge) -> Merge:
    def asked(changes: SessionChanges, theirs: Stored) -> SessionChanges:
        try:
            return merge(changes, theirs)
        except Exception as error:
            raise MergeRaisedError(error) from error

    return asked


def _write(
    conn: WorkConnection,
    cache: WriteTransaction,
    changes: SessionChanges,
    before: SessionHeader | None,
    now_ms: int,
) -> SessionHeader | None:
    """Write changes, runs included; return the header of the session after it."""
    after = before
    if changes.changes_session:
        after = session_writer.apply(conn, cache, batch_of(changes), before, now_ms)
    ended = [
        run_checkpoints.drop(conn, cache, LOOP_CHECKPOINTS, claim.run_id)
        for claim in changes.ended_runs
    ]
    if changes.checkpoint is not None:
        run_checkpoints.put_run(conn, cache, changes.checkpoint, now_ms)
    if not changes.changes_session and (changes.checkpoint is not None or any(ended)):
        commit_log.add_change(conn, changes.session_id, "checkpoint", now_ms)
    return after


def revision_of(header: SessionHeader | None) -> Revision | None:
    """Return the revision of a session; None while no session is stored under the id."""
    return None if header is None or header.head is None else header.revision


def _stored(conn: WorkConnection, cache: WriteTransaction, session_id: str) -> Stored | None:
    """The session as it is stored, read inside the transaction."""
    rows = fetch.fetch(conn, cache.get(session_id), session_id, COLLECTIONS, session=True)
    found, line = decode.with_line(conn, rows)
    if rows.record is not None:
        # The write that follows is compared with it, so that only changes are written.
        cache.put(session_id, decode.refreshed(cache.get(session_id), rows, found, line))
    return versioned(rows, found)


def versioned(rows: fetch.FetchedRows, found: LoadResult) -> Stored | None:
    """The fetched values with the revision and the position it was fetched at."""
    header = rows.record
    if header is None or found.session is None:
        return None
    snapshot = SessionSnapshot.of(found.session, found.collections, found.retained_artifact_uris)
    messages = header.parts["messages"]
    return Versioned(
        snapshot, header.revision, Position(messages.count, messages.digest), header.name_source
    )


def _claimed_by(conn: sqlite3.Connection, run_id: str) -> tuple[str | None] | None:
    """Return the claim of a run, in a tuple; None when it has no checkpoint."""
    row: tuple[str | None] | None = conn.execute(
        "SELECT claimed_by FROM loop_checkpoint WHERE run_id = ?", (run_id,)
    ).fetchone()
    return row


def claim(conn: sqlite3.Connection, run: RunClaim, seen: str | None) -> None:
    """Claim a run if `seen` still has the claim. Raises RunClaimedError."""
    changed = conn.execute(
        "UPDATE loop_checkpoint SET claimed_by = ? WHERE run_id = ? AND claimed_by IS ?",
        (run.token, run.run_id, seen),
    ).rowcount
    if not changed:
        raise run_taken(run.run_id)


def run_ids(conn: sqlite3.Connection, session_id: str) -> tuple[str, ...]:
    """The ids of a session's runs that have a checkpoint, the oldest first."""
    return tuple(
        row[0]
        for row in conn.execute(
            "SELECT run_id FROM loop_checkpoint WHERE session_id = ? ORDER BY loop_checkpoint_key",
            (session_id,),
        ).fetchall()
    )
