"""Verify a whole file: every structure, count and value against what is stored of it.

"quick" checks SQLite's own structure, the header of each session and the number of rows of each
list; "deep" reads every message, value and blob as well and verifies each against its row checksum,
digest prefix or chain hash. Each session is read in a transaction of its own, so that the WAL is
never kept from being reset for long; one that others deleted since it was listed is not damage.
Plain functions of a connection; nothing is raised for damage.
"""

from __future__ import annotations

import functools
import hashlib
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.format import file_link, row_salt
from a3s_store.backends.sqlite.maintenance import partial_read
from a3s_store.backends.sqlite.maintenance.row_checks import RowChecker
from a3s_store.backends.sqlite.maintenance.time_limit import (
    OutOfTimeError,
    TimeLimit,
    seconds_for,
)
from a3s_store.backends.sqlite.rows import (
    agent_memory,
    blobs,
    drafts,
    message_log,
    pruned_generations,
    session_header,
    statements,
    tombstones,
)
from a3s_store.backends.sqlite.schema import structure_check
from a3s_store.core.collections import (
    CHECKPOINTS,
    COLLECTIONS,
    LOOP_CHECKPOINTS,
    SESSION_ROWS,
    CheckpointKind,
)
from a3s_store.core.conversation import Head
from a3s_store.core.corruption import NOT_WRITTEN, CorruptRowError
from a3s_store.core.digests import EMPTY_CHAIN
from a3s_store.core.reports import Damage, Depth, VerifyReport
from a3s_store.core.segments import Segment, merged, segment_at
from a3s_store.core.session_header import check

# How many of one kind of finding are told.
_REPORTED: Final = 100
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
) -> VerifyReport:
    """Look at everything but the log, as far as `depth` says; what is damaged is in the report.

    After so many `seconds`, or once `stop` returns true, it ends, and the report says that it was
    not finished. None: many times what a file of this size needs.

    Raises sqlite3.OperationalError when it is interrupted otherwise.
    """
    began = time.monotonic()
    limit = TimeLimit(seconds_for(conn) if seconds is None else seconds, stop)
    work = _Verification(conn, depth, limit)
    finished = True
    try:
        with limit.over(conn):
            work.run()
    except OutOfTimeError:
        finished = False
        work.skipped.append(f"the rest: it was not finished after {limit.seconds:.0f} seconds")
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
    """A row that was listed; others may have deleted it by the time it is looked at."""

    row: tuple[Any, ...]
    # Lists the first columns of all such rows, which tell them from each other.
    sql: str

    def is_gone(self, conn: sqlite3.Connection) -> bool:
        """Whether the row is not in the table any more, by the statement that listed it."""
        return all(found != self.row[: len(found)] for found in conn.execute(self.sql))


class _Verification:
    """One verification on its way: what was counted, and the damage found so far."""

    def __init__(self, conn: sqlite3.Connection, depth: Depth, limit: TimeLimit) -> None:
        self.conn = conn
        self.limit = limit
        self.skipped: list[str] = []
        self.deep = depth == "deep"
        self.counts: Counter[str] = Counter()
        self.damage: list[Damage] = []

    def run(self) -> None:
        self._look("file", self._structure)
        self._look("file", self._references)
        self._look("file", self._commit_link)
        self._look("file", self._row_salt)
        self._look("generation", lambda _: tombstones.check(self.conn))
        for listed in self._all("SELECT owner_key, id FROM owner"):
            key, session_id = listed.row
            if type(session_id) is not str:
                self._look("session", self._no_id, "owner", key, listed=listed)
                continue
            self._look(
                "session", self._session, key, session_id, listed=listed, session_id=session_id
            )
        # The owner that is shown of a branch may be deleted while another still has it.
        for listed in self._all(_BRANCHES, "SELECT branch_key FROM branch"):
            branch, session_id = listed.row
            self._look("messages", self._branch, branch, listed=listed, session_id=session_id)
        for kind in CHECKPOINTS:
            table = kind.rows.table
            for listed in self._all(f"SELECT {table}_key, {kind.key} FROM {table}"):
                row_key, key = listed.row
                if type(key) is not str:
                    self._look(kind.name, self._no_id, table, row_key, listed=listed)
                    continue
                self._look(kind.name, self._checkpoint, kind, key, listed=listed, key=key)
        self._look(drafts.PART, self._drafts)
        for listed in self._all(agent_memory.OWNERS):
            (owner,) = listed.row
            self._look(agent_memory.PART, self._memories, owner, listed=listed, session_id=owner)
        for listed in self._all("SELECT blob_key, hash FROM blob"):
            self._look("blob", self._blob, *listed.row, listed=listed)

    def _all(self, sql: str, still_there: str | None = None) -> list[_Listed]:
        """What there is to look at; none, and a note, when that cannot be read.

        `still_there` lists the columns that tell these rows from each other; None: `sql` does.
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
        """Look at one thing in one read transaction; whatever is stumbled over is damage of it.

        Not so when it was `listed` in another transaction, and has been deleted since.
        """
        self.limit.check()
        checker = RowChecker(self.conn, **owner)
        counts = self.counts.copy()
        with transaction.read(self.conn):
            checker.attempt(part, lambda: look(checker, *arguments))
            # Asked behind damage only, of the whole table: a row may be lost to its index alone.
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

    def _references(self, checker: RowChecker) -> None:
        broken = [
            found
            for name in structure_check.our_tables(self.conn)
            for found in self.conn.execute(f"PRAGMA foreign_key_check({name})").fetchmany(_REPORTED)
        ]
        for table, _, parent, _ in broken[:_REPORTED]:
            checker.note("file", f"a row of {table} refers to a row of {parent} that is not there")
        # Which conversations of which saves would be collected under them?
        (unowned,) = self.conn.execute(_UNOWNED).fetchone()
        if unowned:
            checker.note(
                "generation", f"{unowned} saves are not on record as owners of their branch"
            )
        for table, column, parent in statements.packed_tables():
            # Whose rows have nobody any more?
            (lost,) = self.conn.execute(
                f"SELECT count(*) FROM {table} WHERE {column} NOT IN "
                f"(SELECT {parent}_key FROM {parent})"
            ).fetchone()
            if lost:
                checker.note("file", f"{lost} rows of {table} have no {parent}")

    def _blob(self, _: RowChecker, blob_key: int, digest: bytes) -> None:
        self.counts["blobs"] += 1
        if self.deep:
            blobs.get(self.conn, blob_key)
        elif len(digest) != hashlib.sha256().digest_size:
            raise CorruptRowError(f"blob {blob_key} has no hash")

    # -- Sessions ---------------------------------------------------------------------------------

    def _session(self, checker: RowChecker, key: int, session_id: str) -> None:
        self.counts["sessions"] += 1
        self._generations(checker, key)
        checker.queue(key)
        if self.deep:
            partial_read.session(checker, session_id, messages=False)
            return
        found = session_header.find(self.conn, session_id)
        if found is None:
            return
        check(found)
        for name, part in _LISTS.items():
            sql = statements.statements(part, "owner_key")
            (there,) = self.conn.execute(sql.count, sql.stretch(key)).fetchone()
            digest = found.parts.get(name)
            if there != (0 if digest is None else digest.count):
                checker.note(name, f"{digest.count if digest else 0} should be there, {there} are")

    def _no_id(self, checker: RowChecker, table: str, key: Any) -> None:
        raise CorruptRowError(f"the id in row {key!r:.20} of {table} is no text")

    def _generations(self, checker: RowChecker, key: int) -> None:
        """Every save but those pruned is stored, and each conversation of then is still there."""
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
        """Raise CorruptRowError unless the message log covers the whole length of a head."""
        message_log.chain_hash_at(self.conn, head)
        parts = message_log.segments_of(self.conn, head.branch, head.length)
        if (parts[-1].end if parts else 0) != head.length:
            raise CorruptRowError(f"nothing says where {head.length} messages are")

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

    # -- Memories ---------------------------------------------------------------------------------

    def _memories(self, checker: RowChecker, owner: str) -> None:
        if not self.deep:
            self.counts["values"] += agent_memory.count(self.conn, owner)
            return

        def note(error: CorruptRowError) -> None:
            checker.note(agent_memory.PART, error.what)

        for found in agent_memory.intact(self.conn, owner, note):
            checker.attempt(agent_memory.PART, found.item)
            checker.values_read += 1

    # -- Messages ---------------------------------------------------------------------------------

    def _branch(self, checker: RowChecker, branch: int) -> None:
        """A branch's own rows: none missing, each as it was written, each linked to the last."""
        read = functools.partial(message_log.segments_of, self.conn, branch, None)
        parts = checker.attempt("messages", read) or []
        for part in parts:
            if part.start and part.source_start is None and not self._begins(parts, part):
                checker.note("messages", "another conversation begins here", part.start)
        for length in message_log.wrong_chain_hashes(self.conn, parts):
            checker.note("messages", f"the chain hash of {length} messages: {NOT_WRITTEN}", length)
        for rows in self._expected(branch):
            (count,) = self.conn.execute(
                "SELECT count(*) FROM message WHERE branch_key = ? AND seq >= ? AND seq < ?",
                (branch, rows.start, rows.stop),
            ).fetchone()
            self.counts["messages"] += count
            if count != (expected := rows.stop - rows.start):
                checker.note("messages", f"of {expected} only {count} are there", rows.start)
            for shown, offset in self._as_shown(branch, rows) if self.deep else ():
                before = self._before(parts, shown.start)
                for _ in checker.rows(branch, shown, before, offset):
                    pass

    def _as_shown(self, branch: int, rows: range) -> Iterator[tuple[range, int]]:
        """Parts of the rows of a branch, with how much each is above the position of its messages.

        That is the position in the present conversation, where it has them at others.
        """
        start = rows.start
        for first, position, end in self.conn.execute(_SHOWN, (branch,)).fetchall():
            own = range(max(start, first), min(rows.stop, first + end - position))
            if len(own) > 0:
                if start < own.start:
                    yield range(start, own.start), 0
                yield own, first - position
                start = own.stop
        if start < rows.stop:
            yield range(start, rows.stop), 0

    def _begins(self, parts: list[Segment], part: Segment) -> bool:
        """Whether a segment goes on with the conversation of those before it, as far as is known.

        Behind rows of another conversation a branch has a chain hash only where a head needed one.
        """
        found = []
        for one in (parts, message_log.segments_of(self.conn, part.source, None)):
            stored = message_log.chain_hash_if_stored(self.conn, one, part.start)
            before = segment_at(one, part.start)
            # A branch that no head is on has rows, but is no conversation any more.
            if stored is None and (before is None or before.source_start is not None):
                return True
            found.append(stored)
        return found[0] == found[1]

    def _expected(self, branch: int) -> list[range]:
        """Which rows of a branch heads need, its own or those of others."""
        first, last = self.conn.execute(
            "SELECT min(seq), max(seq) FROM message WHERE branch_key = ?", (branch,)
        ).fetchone()
        if first is None:
            first, last = 0, -1
        needed = functools.partial(message_log.needed, self.conn)
        used = message_log.used(self.conn, branch, first, last, needed)
        return [range(start, end) for start, end in merged(used)]

    def _before(self, parts: list[Segment], start: int) -> bytes | None:
        """The chain hash before a row that begins a segment; None when it is not known."""
        return (
            EMPTY_CHAIN if start == 0 else message_log.chain_hash_if_stored(self.conn, parts, start)
        )


_UNOWNED: Final = """
SELECT count(*) FROM generation AS g WHERE head_branch IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM branch_owner AS o
    WHERE o.owner_key = g.owner_key AND o.branch_key = g.head_branch
)
"""

# Which rows of a branch do present conversations have at other positions?
_SHOWN: Final = """
SELECT p.source_start, p.start_seq, min(coalesce(p.end_seq, s.head_length), s.head_length)
FROM session AS s JOIN branch_segment AS p ON p.branch_key = s.head_branch
WHERE p.source_branch = ? AND p.source_start IS NOT NULL AND p.start_seq < s.head_length
ORDER BY p.source_start
"""

_BRANCHES: Final = """
SELECT b.branch_key, (
    SELECT o.id FROM branch_owner JOIN owner AS o USING (owner_key)
    WHERE branch_key = b.branch_key LIMIT 1
) FROM branch AS b
"""
