"""The headers of sessions, and where branches and lists end, known to the writer without reading.

A save then reads nothing before it writes. What is known is true while nothing else wrote to the
file: no other connection (`PRAGMA data_version`), and no other change on the writer's own
connection (its count of changed rows). After either, one SELECT per session confirms its header
again (`session_header.confirmed`): every change of a session makes a generation. A header that it
does not confirm is read anew (docs/decisions/0042).

Used on the writer's thread alone.
"""

from __future__ import annotations

import collections
import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from a3s_store.backends.sqlite.connection import wal_checkpoint
from a3s_store.backends.sqlite.format import commit_row
from a3s_store.backends.sqlite.format.commit_link import CommitLink
from a3s_store.backends.sqlite.rows import message_log, session_header
from a3s_store.core.commit_log import CommitKind, CommitOp
from a3s_store.core.conversation import Bound, CachedConversation, ChainHashes, Head
from a3s_store.core.session_cache import CacheTransaction, SessionCache
from a3s_store.core.session_header import SessionHeader, check
from a3s_store.core.unit_marks import UnitMarks

# How many sessions, and how many bytes of their headers: most take less than 2 KB.
MOST: Final = 10_000
MOST_BYTES: Final = 24 << 20
# A save with more new messages, or more bytes of them, takes several transactions (`large_saves`).
MOST_NEW: Final = Bound(messages=1000, bytes=1 << 20)
# What one of those encodes and writes.
CHUNK: Final = Bound(messages=128, bytes=256 * 1024)
# What an entry takes besides its digests and the JSON of the session's row.
_ENTRY: Final = 700
# A branch, or a list: its table and the key of its owner.
Place: TypeAlias = int | tuple[str, int]


def weight(header: SessionHeader) -> int:
    """Return about how many bytes of memory a header takes, its id included."""
    texts = len(header.fields or b"") + len(header.first_prompt or "")
    return _ENTRY + len(header.parts.packed) + texts


class WriteStates:
    """The headers that this writer wrote or read last, and where branches and lists end.

    A transaction that is not committed leaves `_version` None: then nothing is trusted, and each
    header is confirmed before it is used again.
    """

    def __init__(self, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self._most = most
        self.most_new, self.chunk = MOST_NEW, CHUNK
        self._most_bytes = most_bytes
        self._bytes = 0
        self._headers: collections.OrderedDict[str, SessionHeader] = collections.OrderedDict()
        # Sessions whose header is that of the rows while nothing else writes.
        self._confirmed: set[str] = set()
        # How many messages a branch has that is open behind its own rows, and the `seq` behind the
        # last row of a list.
        self._ends: dict[Place, int] = {}
        # The link of the newest commit, and the newest sequence in the commit log.
        self.link: CommitLink | None = None
        self.sequence: int | None = None
        self._version: int | None = None
        self._changes = 0

    def begin(self, conn: sqlite3.Connection) -> int:
        """Compare the file, in a transaction that has the write lock; return its data version."""
        version: int = conn.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version or conn.total_changes != self._changes:
            self._confirmed.clear()
            self._ends.clear()
            self.link = self.sequence = None
        self._version = None
        return version

    def known(self, session_id: str) -> SessionHeader | None:
        """Return the header as this writer last knew it, or None."""
        return self._headers.get(session_id)

    def is_confirmed(self, session_id: str) -> bool:
        """Return whether the known header is that of the rows."""
        return session_id in self._confirmed

    def end_of(self, place: Place) -> int | None:
        """Return where a branch or a list ends; None where that is not known."""
        return self._ends.get(place)

    def distrust_headers(self) -> None:
        """Have every header confirmed before it is used again."""
        self._confirmed.clear()

    def distrust_ends(self) -> None:
        """Have the end of every branch and list read before it is used again."""
        self._ends.clear()

    def committed(
        self,
        conn: sqlite3.Connection,
        version: int,
        headers: Mapping[str, SessionHeader | None],
        ends: Mapping[Place, int],
        link: CommitLink | None,
        sequence: int | None,
    ) -> None:
        """Take over what a transaction of this data version read and wrote."""
        self._ends.update(ends)
        for session_id, header in headers.items():
            former = self._headers.pop(session_id, None)
            if former is not None:
                self._bytes -= weight(former)
            if header is not None:
                self._headers[session_id] = header
                self._bytes += weight(header)
                self._confirmed.add(session_id)
        while len(self._headers) > self._most or self._bytes > self._most_bytes:
            evicted, former = self._headers.popitem(last=False)
            self._confirmed.discard(evicted)
            self._bytes -= weight(former)
        if len(self._ends) > 2 * self._most:
            self._ends.clear()
        self.link, self.sequence = link, sequence
        self._changes = conn.total_changes
        self._version = version


def _leaves(before: Head | None, after: Head | None) -> bool:
    """Return whether messages of a head may be on no other one that follows it."""
    if before is None:
        return False
    return after is None or after.branch != before.branch or after.length < before.length


class _Mark(NamedTuple):
    cache: object
    headers: dict[str, SessionHeader | None]
    ends: dict[Place, int]
    sequence: int | None


class WriteTransaction(CacheTransaction):
    """The changes of one write transaction to the cache and to the write states.

    Saves ask `header` and `is_end`, and tell what they did. All other changes of rows are noticed
    by the connection's count of changed rows.
    """

    def __init__(self, cache: SessionCache, states: WriteStates) -> None:
        super().__init__(cache)
        self._states = states
        self._headers: dict[str, SessionHeader | None] = {}
        self._ends: dict[Place, int] = {}
        # Whether the headers and ends of before the transaction are still those of the rows.
        self._trusts_headers = self._trusts_ends = True
        # How many messages a save may encode, and conversations whose rows are written already.
        self.bound: Bound | None = states.most_new
        self.placed: Mapping[str, tuple[CachedConversation, ...]] = {}
        # The hashes of the conversation that is placed, for an append.
        self.placed_hashes: ChainHashes | None = None
        self._conn: sqlite3.Connection
        # The count of changed rows after the last save.
        self._changes = 0
        self._version = 0
        self._link: CommitLink | None = None
        self._sequence: int | None = None
        # What the unit has changed that is being made, None outside of units.
        self.unit: UnitMarks | None = None

    def begin(self, conn: sqlite3.Connection) -> None:
        """Start, once the transaction has the write lock."""
        self._conn = conn
        self._changes = conn.total_changes
        self._version = self._states.begin(conn)
        self._link, self._sequence = self._states.link, self._states.sequence

    def header(self, conn: sqlite3.Connection, session_id: str) -> SessionHeader | None:
        """Return the header of a session as it is stored; None when nothing is stored.

        Raises CorruptRowError.
        """
        self._notice_others()
        if session_id in self._headers:
            return self._headers[session_id]
        found = self._states.known(session_id)
        if found is not None and not (
            self._trusts_headers and self._states.is_confirmed(session_id)
        ):
            found = session_header.confirmed(conn, session_id, found)
        if found is None:
            found = session_header.find(conn, session_id)
            if found is not None:
                # A save upon damage would hide it: the next digest adds up again.
                check(found)
        self._headers[session_id] = found
        return found

    def is_end(self, conn: sqlite3.Connection, head: Head) -> bool:
        """Return whether the message after a stored head goes behind the last row of its branch."""
        end = self._end_of(head.branch)
        if end is None:
            last = message_log.last_own_row(conn, head)
            if last is None:
                return False
            end = self._ends[head.branch] = last[0] + 1
        return end == head.length

    def list_end(self, table: str, owner_key: int) -> int | None:
        """Return the `seq` behind the last row of a session's list; None: it has to be read."""
        return self._end_of((table, owner_key))

    def _end_of(self, place: Place) -> int | None:
        end = self._ends.get(place)
        return self._states.end_of(place) if end is None and self._trusts_ends else end

    def wrote_list(self, table: str, owner_key: int, end: int) -> None:
        """Note where a list ends after it was written."""
        self._ends[table, owner_key] = end

    def appended(self, head: Head) -> None:
        """Note that a conversation went on behind the last row of its branch."""
        self._ends[head.branch] = head.length

    def forget_ends(self) -> None:
        """Note that rows were stored in another way: those of any branch or list may be new."""
        self._ends.clear()
        self._trusts_ends = False

    def log(
        self,
        conn: sqlite3.Connection,
        session_id: str,
        after: SessionHeader,
        op: CommitOp,
        save_id: bytes | None = None,
    ) -> int:
        """Add the save that made a header to the commit log; return its sequence."""
        last = self._sequence
        if self.unit is not None:
            return self._log_in_unit(conn, self.unit, session_id, after, op, save_id)
        self._sequence = session_header.log(conn, session_id, after, op, save_id, last)
        return self._sequence

    def _log_in_unit(
        self,
        conn: sqlite3.Connection,
        unit: UnitMarks,
        session_id: str,
        after: SessionHeader,
        op: CommitOp,
        save_id: bytes | None,
    ) -> int:
        op, before = unit.entry(session_id, op)
        sequence = session_header.log(
            conn, session_id, after, op, save_id, self._sequence, instead_of=before
        )
        unit.logged(session_id, op, sequence)
        if before is None:
            self._sequence = sequence
        return sequence

    def encoded(self, used: Bound) -> None:
        """Note what a save encoded: the saves of a unit have one bound."""
        if self.unit is not None and self.bound is not None:
            self.bound = self.bound.without(used)

    def goes_on(self, session_id: str, before: SessionHeader) -> bool:
        """Return whether a save goes on with a generation that an earlier call of its unit made."""
        return self.unit is not None and self.unit.has_made(session_id, before.generation)

    @contextlib.contextmanager
    def beside(self) -> Iterator[None]:
        """Run a block that changes no row of a session: no header, message, list or generation.

        The known headers of sessions stay trusted. docs/decisions/0050 lists what runs in it.
        """
        self._notice_others()
        yield
        self._changes = self._conn.total_changes

    def log_beside(
        self, conn: sqlite3.Connection, kind: CommitKind, subject: str, op: CommitOp, now_ms: int
    ) -> int:
        """Add a change of no session to the commit log, inside `beside`; return its sequence."""
        before: int | None = None
        if self.unit is not None:
            op, before = self.unit.entry(subject, op, kind)
        sequence = commit_row.add(
            conn, kind, subject, op, now_ms, last=self._sequence, instead_of=before
        )
        if self.unit is not None:
            self.unit.logged(subject, op, sequence, kind)
        if before is None:
            self._sequence = sequence
        return sequence

    def saved(
        self,
        conn: sqlite3.Connection,
        session_id: str,
        before: SessionHeader,
        header: SessionHeader,
    ) -> None:
        """Note the headers before and after a save, once all its rows are written."""
        self._headers[session_id] = header
        self._changes = conn.total_changes
        if self.unit is not None:
            self.unit.saved(session_id, header.generation)
            if before.generation == header.generation and _leaves(before.head, header.head):
                assert before.head is not None, "it leaves one"
                self.unit.left.add(before.head.branch)

    def _notice_others(self) -> None:
        changes = self._conn.total_changes
        if changes != self._changes:
            self._headers.clear()
            self._trusts_headers = False
            self._sequence = None
            self.forget_ends()
        self._changes = changes

    def mark(self) -> object:
        """Return the changes so far, for `back_to`."""
        self._notice_others()  # afterwards they could not be told from what is taken back
        return _Mark(super().mark(), dict(self._headers), dict(self._ends), self._sequence)

    def back_to(self, mark: Any) -> None:
        """Undo the changes after the mark: they were rolled back."""
        super().back_to(mark.cache)
        self._headers, self._ends, self._sequence = mark.headers, mark.ends, mark.sequence
        self._changes = self._conn.total_changes

    def end(self, conn: sqlite3.Connection) -> None:
        """Write the commit link, the last row of a transaction that changed others."""
        self._notice_others()
        self._link = wal_checkpoint.follow(conn, self._states.link)

    def publish(self, conn: sqlite3.Connection) -> None:
        """Take over the write states, once the transaction is committed."""
        if not self._trusts_headers:
            self._states.distrust_headers()
        if not self._trusts_ends:
            self._states.distrust_ends()
        self._states.committed(
            conn, self._version, self._headers, self._ends, self._link, self._sequence
        )
