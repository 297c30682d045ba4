"""Read lists and messages one by one; keep the values that verify and note those that do not.

A value is verified against the digest prefix in its row, a message against its row checksum and
its chain hash. Plain functions of a connection, each inside a read transaction that the caller
opened. Nothing is raised for damage.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeVar

from a3s_store.backends.sqlite.errors import corruption_named
from a3s_store.backends.sqlite.format import row_salt
from a3s_store.backends.sqlite.format.row_salt import RowSalt
from a3s_store.backends.sqlite.read import messages as conversation
from a3s_store.backends.sqlite.read import readable
from a3s_store.backends.sqlite.read.messages import OneMessage
from a3s_store.backends.sqlite.rows import blobs, bounds, message_log, queue_entries, statements
from a3s_store.backends.sqlite.rows.statements import Statements
from a3s_store.core.base.queue_entries import QueueEntry
from a3s_store.core.checksums import digest_prefix
from a3s_store.core.conversation import Head
from a3s_store.core.corruption import NOT_WRITTEN, CorruptRowError
from a3s_store.core.digests import (
    EMPTY_CHAIN,
    EMPTY_LIST,
    ListDigest,
    chain,
    digest_with,
    item_digest,
    message_digest,
)
from a3s_store.core.reports import Damage
from a3s_store.core.segments import Segment
from a3s_store.errors import CodecError, CorruptionError
from a3s_store.models import Message
from a3s_store.wire import decode, encode, encode_without

R = TypeVar("R")

_SEQS: Final = (
    "SELECT branch_key, seq FROM message WHERE branch_key = ? AND seq >= ? AND seq < ? ORDER BY seq"
)


class RowChecker:
    """Reads the parts of one thing. `damage` is what was noted, in the order of reading."""

    def __init__(
        self, conn: sqlite3.Connection, *, session_id: str | None = None, key: str | None = None
    ) -> None:
        self.conn = conn
        self.damage: list[Damage] = []
        # How many values were looked at, messages apart.
        self.values_read = 0
        self._session_id = session_id
        self._key = key

    def note(self, collection: str, what: str, position: int | None = None) -> None:
        """Note that something is not what was written."""
        self.damage.append(
            Damage(
                part=collection,
                what=what,
                position=position,
                session_id=self._session_id,
                key=self._key,
            )
        )

    def attempt(
        self, collection: str, read: Callable[[], R], position: int | None = None
    ) -> R | None:
        """What `read` answers; None, and a note, when it meets damage."""
        try:
            with corruption_named():
                return read()
        except (CorruptionError, CodecError, sqlite3.DatabaseError) as error:
            if getattr(error, "sqlite_errorcode", None) in readable.NOT_DAMAGE:
                raise
            what = str(error) if isinstance(error, sqlite3.Error) else error.what
            self.note(collection, what, position)
        return None

    # -- Lists ------------------------------------------------------------------------------------

    def values(
        self, name: str, sql: Statements, parent_key: int, digest: ListDigest | None
    ) -> tuple[Any, ...]:
        """The values of a list that are what was written, in order.

        `extent` is what is on record of it, None when nothing is.
        """
        found: list[Any] = []
        hashes: list[bytes] = []
        rows = self.attempt(name, lambda: self._rows(name, sql, parent_key, digest))
        for position, row in rows or ():
            self.values_read += 1
            proven = self.attempt(name, functools.partial(self._value, name, sql, row), position)
            if proven is not None:
                found.append(proven[0])
                hashes.append(proven[1])
        if digest is None:
            if found:
                self.note(name, "there is no record of what it should be")
        elif len(found) == digest.count and EMPTY_LIST.appended(hashes) != digest:
            self.note(name, "each value is whole, together they are not what was saved last")
        return tuple(found)

    def _value(self, name: str, sql: Statements, row: tuple[Any, ...]) -> tuple[Any, bytes]:
        """A value, and its digest. What is damaged inside its lists is left out of them.

        Raises CorruptRowError, or whatever a damaged column makes the decoder stumble over.
        """
        columns = row[1:]
        tree = sql.shape.tree(columns[: len(sql.shape.names)])
        if sql.rows.blob and columns[-1] is not None:
            tree[sql.rows.blob] = blobs.get(self.conn, columns[-1])
        value: Any = decode(sql.rows.model, {**tree, **{inner: [] for inner in sql.lists}})
        extents = {inner: statements.digest_in(sql, inner, columns) for inner in sql.rows.lists}
        digest = (
            digest_with(encode_without(value, sql.lists), extents)
            if extents
            else item_digest(encode(value), sql.rows)
        )
        if digest_prefix(digest) != statements.mark_in(sql, row):
            raise CorruptRowError(NOT_WRITTEN)
        parts = {
            inner: self.values(
                f"{name}.{inner}", statements.statements(part, sql.key), row[0], extents[inner]
            )
            for inner, part in sql.rows.lists.items()
        }
        return (value.evolve(**parts) if parts else value), digest

    def _rows(
        self, name: str, sql: Statements, parent_key: int, digest: ListDigest | None
    ) -> list[tuple[int, tuple[Any, ...]]]:
        """The rows of a list that can be read, each with its position; others are noted."""
        placed = sql.between(", ".join([sql.parent, "seq", sql.head, *sql.columns]))
        try:
            stored = _of_parent(parent_key, self.conn.execute(placed, sql.stretch(parent_key)))
        except sqlite3.Error:
            stored = [*self._readable(placed, sql, parent_key, digest)]
        count = len(stored) if digest is None else digest.count
        if len(stored) != count:
            self.note(name, f"{count} rows should be there, {len(stored)} can be read")
        if len(stored) > count or not _is_in_order(stored):
            # Where pages changed places, a stretch of keys has others in it: ask for each.
            stored = [*self._readable(placed, sql, parent_key, digest)]
        if not stored:
            return []
        if stored[-1][0] - stored[0][0] != len(stored) - 1 and len(stored) == count:
            self.note(name, "their positions do not follow each other")
        # The oldest may have been dropped: what is there ends at the last that was saved.
        first = stored[0][0] if len(stored) >= count else max(0, stored[-1][0] + 1 - count)
        return [(row[0] - first, row[1:]) for row in stored]

    def _readable(
        self, select: str, sql: Statements, parent_key: int, digest: ListDigest | None
    ) -> Iterator[tuple[Any, ...]]:
        """Row by row, over pages that cannot be read."""
        count = 0 if digest is None else min(digest.count, bounds.POSITIONS)
        start = 0
        with contextlib.suppress(sqlite3.Error):
            (end,) = self.conn.execute(sql.next_seq, sql.stretch(parent_key)).fetchone()
            start = max(0, end - count)

        def read(first: int, last: int) -> list[tuple[Any, ...]]:
            rows = self.conn.execute(select, sql.stretch(parent_key, first, last))
            found = _of_parent(parent_key, rows)
            # Where pages changed places, a range of keys has others in it.
            within = all(first <= row[0] < last for row in found) and _is_in_order(found)
            if last - first > 1 and not within:
                raise sqlite3.DatabaseError("rows of another range")
            return [row for row in found if first <= row[0] < last]

        yield from readable.in_ranges(read, start, min(start + count, bounds.POSITIONS))

    # -- Queue entries ----------------------------------------------------------------------------

    def queue(self, owner_key: int) -> tuple[QueueEntry, ...]:
        """The queue entries of a session that are what was written, oldest first."""
        stored = self.attempt(queue_entries.PART, lambda: queue_entries.rows(self.conn, owner_key))
        read = [
            self.attempt(queue_entries.PART, row.entry, position)
            for position, row in enumerate(stored or ())
        ]
        self.values_read += len(read)
        return tuple(entry for entry in read if entry is not None)

    # -- Messages ---------------------------------------------------------------------------------

    def messages(self, head: Head) -> Iterator[tuple[int, Message]]:
        """The messages of a head that are what was written, with their positions."""
        parts = self.attempt(
            "messages", lambda: message_log.segments_of(self.conn, head.branch, head.length)
        )
        before: bytes | None = EMPTY_CHAIN
        position = 0
        for part in parts or ():
            assert part.end is not None, "a head has a length"
            seqs = range(part.seq(position), part.seq(part.end))
            if part.source_start is not None:
                before = self._before(part.source, seqs.start)
            for seq, message, link in self.rows(part.source, seqs, before, part.offset):
                yield seq - part.offset, message
                before = link if seq == seqs[-1] else None
            if part.source_start is not None:
                before = None
            position = part.end
        if position < head.length:
            self.note("messages", "nothing says where the messages from here on are", position)

    def _salt(self) -> RowSalt | None:
        """The salt of the file; None where it is lost, which is noted elsewhere."""
        try:
            return row_salt.find(self.conn)
        except sqlite3.DatabaseError:
            return None

    def _before(self, branch: int, seq: int) -> bytes | None:
        """The chain hash before a row of another conversation, where only that proves the row."""
        if self._salt() is not None:
            return None
        if seq == 0:
            return EMPTY_CHAIN
        own = [Segment(0, None, branch)]
        return self.attempt(
            "messages", lambda: message_log.chain_hash_if_stored(self.conn, own, seq)
        )

    def rows(
        self, branch: int, seqs: range, before: bytes | None, offset: int = 0
    ) -> Iterator[tuple[int, Message, bytes]]:
        """Messages in the rows of a branch that are what was written, with their chains.

        `before` is the chain of the message before the first, None when it is not known; `offset`
        how much a row's number is above the position that damage is named by. Positions without a
        row are noted as one range, however many they are.
        """
        salt = self._salt()
        is_sure = True  # whether the chain hash before is that of a message that was written
        expected = seqs.start
        for seq in self._present(branch, seqs):
            if seq > expected:
                self._note_missing(expected - offset, seq - offset)
                before = None
            expected = seq + 1
            read = functools.partial(self._message, branch, seq, salt)
            if (one := self.attempt("messages", read, seq - offset)) is None:
                before = None
                continue
            found, digest = one
            follows = before is not None and chain([digest], before) == [found.chain_hash]
            contradicts = before is not None and is_sure and not follows
            # Without the salt nothing but the chain tells what was written.
            proven = follows and (is_sure or salt is None)
            before, is_sure = found.chain_hash, found.has_checksum or proven
            if contradicts and found.has_checksum:
                self.note("messages", "it does not follow the one before it", seq - offset)
                continue
            if not found.has_checksum and (salt is not None or not proven):
                self.note("messages", NOT_WRITTEN, seq - offset)
            if found.has_checksum or proven:
                yield seq, found.message, found.chain_hash
        if expected < seqs.stop:
            self._note_missing(expected - offset, seqs.stop - offset)

    def _note_missing(self, start: int, end: int) -> None:
        what = "it is missing" if end == start + 1 else f"{end - start} from here on are missing"
        self.note("messages", what, start)

    def _present(self, branch: int, seqs: range) -> Iterator[int]:
        """The positions in a range that have a row, in order, as far as that can be read."""

        def read(first: int, last: int) -> list[int]:
            found = self.conn.execute(_SEQS, (branch, first, last)).fetchall()
            present = [seq for key, seq in found if key == branch and first <= seq < last]
            # Where pages changed places, a range of keys has others in it.
            if last - first > 1 and (present != sorted(present) or len(present) < len(found)):
                raise sqlite3.DatabaseError("rows of another range")
            return present

        start, end = max(seqs.start, -bounds.SUMS), min(seqs.stop, bounds.SUMS)
        return readable.in_ranges(read, start, end)

    def _message(self, branch: int, seq: int, salt: RowSalt | None) -> tuple[OneMessage, bytes]:
        """A message and its digest. Raises CorruptRowError or DecodeError."""
        found = conversation.read_one(self.conn, branch, seq, salt)
        if type(found.chain_hash) is not bytes or len(found.chain_hash) != len(EMPTY_CHAIN):
            raise CorruptRowError(NOT_WRITTEN)
        return found, message_digest(encode(found.message))


def _of_parent(parent_key: int, rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The rows of a parent, without its key: where pages changed places a range has others too."""
    return [row[1:] for row in rows if row[0] == parent_key]


def _is_in_order(rows: list[tuple[Any, ...]]) -> bool:
    """Whether each row stands behind the one before it."""
    return all(one[0] < other[0] for one, other in itertools.pairwise(rows))
