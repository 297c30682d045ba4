"""Verify a whole file: its structure, counts and values against stored checksums and digests.

"quick" checks SQLite's own structure, the header of each session and the number of rows of each
list; "deep" also reads every message, value and blob and verifies each against its row checksum,
digest prefix or chain hash. Each session is read in a transaction of its own, so that no read keeps
the WAL from being reset for long. A session that others deleted after it was listed is not damage.
Nothing is raised for damage.
"""

from __future__ import annotations

import functools
import hashlib
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import attrs

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.format import file_link, row_salt
from a3s_store.backends.sqlite.maintenance import branch_checks, partial_read, search_check
from a3s_store.backends.sqlite.maintenance.row_checks import RowChecker
from a3s_store.backends.sqlite.maintenance.time_limit import (
    OutOfTimeError,
    TimeLimit,
    seconds_for,
)
from a3s_store.backends.sqlite.rows import (
    agent_memory,
    blobs,
    commit_log,
    drafts,
    message_log,
    pruned_generations,
    session_header,
    statements,
    streams,
    tombstones,
)
from a3s_store.backends.sqlite.schema import structure_check
from a3s_store.backends.sqlite.write import session_texts
from a3s_store.core.collections import (
    CHECKPOINTS,
    COLLECTIONS,
    LOOP_CHECKPOINTS,
    SESSION_ROWS,
    CheckpointKind,
)
from a3s_store.core.conversation import Head
from a3s_store.core.corruption import CorruptRowError
from a3s_store.core.reports import Damage, Depth, VerifyReport
from a3s_store.core.session_header import check

# How many findings of one kind are reported.
_REPORTED: Final = 100
# Seconds between two calls that tell how far it is.
_TELL_SECONDS: Final = 0.1
_LISTS: Final = {
    **SESSION_ROWS.lists,
    **{collection.name: collection.rows for collection in COLLECTIONS},
}


def verify(
    conn: sqlite3.Connection,
    *,
    location: str,
    depth: Depth,
    seconds: float | None = None,
    stop: Callable[[], bool] | None = None,
    on_progress: Callable[[int, int], object] | None = None,
) -> VerifyReport:
    """Verify the database, without its WAL, at this depth; return a report of the damage.

    It ends after `seconds`, or once `stop` returns true, with a report that is not `finished`.
    `seconds=None` allows many times what a file of this size needs. `on_progress` is called some
    times a second with how many sessions, messages, checkpoints and blobs are verified, and their
    number.

    Raises:
        sqlite3.OperationalError: it was interrupted from outside.
    """
    began = time.monotonic()
    limit = TimeLimit(seconds_for(conn) if seconds is None else seconds, stop)
    work = _Verification(conn, depth, limit, on_progress)
    finished = True
    try:
        with limit.over(conn):
            work.run()
    except OutOfTimeError:
        finished = False
        work.skipped.append(f"the rest: not finished after {limit.seconds:.0f} seconds")
    return VerifyReport(
        location=location,
        depth=depth,
        sessions=work.counts["sessions"],
        generations=work.counts["generations"],
        messages=work.counts["messages"],
        values=work.counts["values"],
        blobs=work.counts["blobs"],
        log_frames=0,
        seconds=time.monotonic() - began,
        damage=tuple(work.damage),
        skipped=tuple(work.skipped),
        finished=finished,
    )


@attrs.frozen
class _Listed:
    """A row to verify, which others may delete before its turn.

    `sql` selects the first columns of all such rows, which identify each.
    """

    row: tuple[Any, ...]
    sql: str

    def is_gone(self, conn: sqlite3.Connection) -> bool:
        """Return whether the row was deleted since it was listed."""
        return all(found != self.row[: len(found)] for found in conn.execute(self.sql))


class _Verification:
    """One run: the counts and the damage found so far."""

    def __init__(
        self,
        conn: sqlite3.Connection,
        depth: Depth,
        limit: TimeLimit,
        on_progress: Callable[[int, int], object] | None,
    ) -> None:
        self.conn = conn
        self._on_progress = on_progress
        # The rows of each branch, and how many rows there are to verify; only if it is told.
        self._branch_rows: dict[int, int] = {}
        self._done = self._total = 0
        self._told = time.monotonic()
        self.limit = limit
        self.skipped: list[str] = []
        self.deep = depth == "deep"
        self.counts: Counter[str] = Counter()
        self.damage: list[Damage] = []

    def run(self) -> None:
        if self._on_progress is not None:
            self._look("file", self._count)
        self._look("file", self._structure)
        self._look("file", self._references)
        self._look("file", self._commit_link)
        self._look("file", self._row_salt)
        self._look("generation", lambda _: tombstones.check(self.conn))
        self._look(commit_log.PART, self._commit_log)
        for listed in self._all("SELECT owner_key, id FROM owner"):
            key, session_id = listed.row
            self._tell(1)
            if type(session_id) is not str:
                self._look("session", self._no_id, "owner", key, listed=listed)
                continue
            self._look(
                "session", self._session, key, session_id, listed=listed, session_id=session_id
            )
        # By its key alone: the owner listed with a branch may be deleted while others still own it.
        for listed in self._all(branch_checks.BRANCHES, "SELECT branch_key FROM branch"):
            branch, session_id = listed.row
            self._look("messages", self._branch, branch, listed=listed, session_id=session_id)
            self._tell(self._branch_rows.pop(branch, 0))
        for kind in CHECKPOINTS:
            table = kind.rows.table
            for listed in self._all(f"SELECT {table}_key, {kind.key} FROM {table}"):
                row_key, key = listed.row
                self._tell(1)
                if type(key) is not str:
                    self._look(kind.name, self._no_id, table, row_key, listed=listed)
                    continue
                self._look(kind.name, self._checkpoint, kind, key, listed=listed, key=key)
        self._look(drafts.PART, self._drafts)
        for listed in self._all(agent_memory.OWNERS):
            (owner,) = listed.row
            self._look(agent_memory.PART, self._memories, owner, listed=listed, session_id=owner)
        for listed in self._all("SELECT stream_key FROM stream"):
            self._look(streams.PART, self._stream, *listed.row, listed=listed)
        for listed in self._all("SELECT blob_key, hash FROM blob"):
            self._look("blob", self._blob, *listed.row, listed=listed)
            self._tell(1)
        if self.deep:
            self._look(search_check.PART, lambda _: search_check.check(self.conn))

    def _count(self, _: RowChecker) -> None:
        """Count what there is to verify."""
        sql = "SELECT branch_key, count(*) FROM message GROUP BY branch_key"
        self._branch_rows = dict(self.conn.execute(sql).fetchall())
        tables = ["owner", "blob", *(kind.rows.table for kind in CHECKPOINTS)]
        counts = [self.conn.execute(f"SELECT count(*) FROM {one}").fetchone()[0] for one in tables]
        self._total = sum(counts) + sum(self._branch_rows.values())

    def _tell(self, more: int) -> None:
        self._done += more
        if self._on_progress is not None and time.monotonic() - self._told > _TELL_SECONDS:
            self._told = time.monotonic()
            self._on_progress(self._done, max(self._done, self._total))

    def _all(self, sql: str, still_there: str | None = None) -> list[_Listed]:
        """List the rows to verify; none, and a damage, when they cannot be read.

        `still_there` selects the columns that identify a row; None: `sql` does.
        """
        found: list[tuple[Any, ...]] = []
        self._look("file", lambda _: found.extend(self.conn.execute(sql).fetchall()))
        return [_Listed(row, still_there or sql) for row in found]

    def _look(
        self,
        part: str,
        look: Callable[..., None],
        *arguments: Any,
        listed: _Listed | None = None,
        **owner: str | None,
    ) -> None:
        """Verify one thing in one read transaction; any error that reading it raises is damage.

        Except where the thing was `listed` in another transaction and has been deleted since.
        """
        self.limit.check()
        checker = RowChecker(self.conn, **owner)
        counts = self.counts.copy()
        with transaction.read(self.conn):
            checker.attempt(part, lambda: look(checker, *arguments))
            # Only after damage, and by scanning the table: an index may have lost the row.
            gone = (
                bool(checker.damage)
                and listed is not None
                and checker.attempt("file", functools.partial(listed.is_gone, self.conn))
            )
        if gone:
            self.counts = counts
            return
        self.counts["values"] += checker.values_read
        self.damage += checker.damage

    # -- The file ---------------------------------------------------------------------------------

    def _structure(self, checker: RowChecker) -> None:
        check: structure_check.Check = "integrity_check" if self.deep else "quick_check"
        for found in structure_check.problems(self.conn, check, _REPORTED):
            checker.note("file", found)
        if structure_check.has_others(self.conn):
            self.skipped.append("tables that are no part of a store, and pages of no table")

    def _commit_link(self, checker: RowChecker) -> None:
        file_link.read(self.conn)

    def _row_salt(self, checker: RowChecker) -> None:
        row_salt.read(self.conn)

    def _commit_log(self, checker: RowChecker) -> None:
        def note(error: CorruptRowError) -> None:
            checker.note(commit_log.PART, error.what, error.position)

        self.counts["values"] += commit_log.check(self.conn, note)

    def _references(self, checker: RowChecker) -> None:
        broken = [
            found
            for name in structure_check.our_tables(self.conn)
            for found in self.conn.execute(f"PRAGMA foreign_key_check({name})").fetchmany(_REPORTED)
        ]
        for table, _, parent, _ in broken[:_REPORTED]:
            checker.note("file", f"a row of {table} refers to a missing row of {parent}")
        # Generations on a branch that their session does not own: a deletion would remove messages.
        (unowned,) = self.conn.execute(_UNOWNED).fetchone()
        if unowned:
            checker.note(
                "generation",
                f"{unowned} generations are on a branch that their session does not own",
            )
        for table, column, parent in statements.packed_tables():
            (lost,) = self.conn.execute(
                f"SELECT count(*) FROM {table} WHERE {column} NOT IN "
                f"(SELECT {parent}_key FROM {parent})"
            ).fetchone()
            if lost:
                checker.note("file", f"{lost} rows of {table} have no {parent}")

    def _blob(self, _: RowChecker, blob_key: int, digest: bytes) -> None:
        self.counts["blobs"] += 1
        if self.deep:
            blobs.get_bytes(self.conn, blob_key)
        elif len(digest) != hashlib.sha256().digest_size:
            raise CorruptRowError(f"blob {blob_key} has no hash")

    # -- Sessions ---------------------------------------------------------------------------------

    def _session(self, checker: RowChecker, key: int, session_id: str) -> None:
        self.counts["sessions"] += 1
        self._generations(checker, key)
        checker.queue(key)
        checker.host(key)
        if self.deep:
            checker.attempt("config", lambda: session_texts.check(self.conn, key))
            partial_read.session(checker, session_id, messages=False)
            return
        found = session_header.find(self.conn, session_id)
        if found is None:
            return
        check(found)
        for name, part in _LISTS.items():
            sql = statements.statements(part, "owner_key")
            (there,) = self.conn.execute(sql.count, sql.key_range(key)).fetchone()
            digest = found.parts.get(name)
            expected = 0 if digest is None else digest.count
            if there != expected:
                checker.note(name, f"expected {expected} rows, found {there}")

    def _no_id(self, checker: RowChecker, table: str, key: Any) -> None:
        raise CorruptRowError(f"the id in row {key!r:.20} of {table} is no text")

    def _generations(self, checker: RowChecker, key: int) -> None:
        """Check that every generation but pruned ones is stored, with its whole conversation."""
        stored = self.conn.execute(
            "SELECT generation, head_branch, head_length FROM generation "
            "WHERE owner_key = ? ORDER BY generation",
            (key,),
        ).fetchall()
        checker.attempt("generation", lambda: [*session_header.saves(self.conn, key)])
        lost = pruned_generations.lost(self.conn, key, [number for number, _, _ in stored])
        if lost is not None:
            checker.note("generation", lost.what, lost.position)
        for number, branch, length in stored:
            self.counts["generations"] += 1
            if branch is not None:
                reach = functools.partial(self._reach, Head(branch, length))
                checker.attempt("generation", reach, number)

    def _reach(self, head: Head) -> None:
        """Raise CorruptRowError unless the message log has all messages of a head."""
        message_log.chain_hash_at(self.conn, head)
        parts = message_log.segments_of(self.conn, head.branch, head.length)
        if (parts[-1].end if parts else 0) != head.length:
            raise CorruptRowError(f"the rows that locate its {head.length} messages are missing")

    def _checkpoint(self, checker: RowChecker, kind: CheckpointKind, key: str) -> None:
        self.counts["values"] += 1
        if self.deep:
            partial_read.checkpoint(checker, kind, key, messages=False)
        elif kind is LOOP_CHECKPOINTS:
            sql = f"SELECT head_branch, head_length FROM {kind.rows.table} WHERE {kind.key} = ?"
            self._reach(Head(*self.conn.execute(sql, (key,)).fetchone()))

    def _drafts(self, checker: RowChecker) -> None:
        def note(error: CorruptRowError) -> None:
            checker.note(drafts.PART, error.what)

        self.counts["values"] += drafts.check(self.conn, note)

    def _memories(self, checker: RowChecker, owner: str) -> None:
        if not self.deep:
            self.counts["values"] += agent_memory.count(self.conn, owner)
            return
        for _ in checker.memories(owner):
            pass

    def _stream(self, checker: RowChecker, stream_key: int) -> None:
        self.counts["values"] += 1
        checker.stream(stream_key)
        if self.deep:
            for _ in checker.stream_items(stream_key):
                pass

    def _branch(self, checker: RowChecker, branch: int) -> None:
        branch_checks.check(checker, branch, self.counts, deep=self.deep)


_UNOWNED: Final = """
SELECT count(*) FROM generation AS g WHERE head_branch IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM branch_owner AS o
    WHERE o.owner_key = g.owner_key AND o.branch_key = g.head_branch
)
"""
