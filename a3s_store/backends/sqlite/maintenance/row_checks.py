"""Read values one by one; return those that verify and note the others as damage.

A value is verified against the digest prefix in its row, a message against its row checksum and
its chain hash. `verify`, loads that report damage, and salvage all read rows through `RowChecker`,
each inside a read transaction that the caller opened. Nothing is raised for damage.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeVar

from a3s_store.agent_memory import MemoryItem
from a3s_store.backends.sqlite.errors import corruption_named
from a3s_store.backends.sqlite.format import row_salt
from a3s_store.backends.sqlite.format.row_salt import RowSalt
from a3s_store.backends.sqlite.read import messages as conversation
from a3s_store.backends.sqlite.read import readable
from a3s_store.backends.sqlite.read.messages import OneMessage
from a3s_store.backends.sqlite.rows import (
    agent_memory,
    bounds,
    list_rows,
    message_log,
    queue_entries,
    session_host,
    statements,
    stream_items,
    streams,
)
from a3s_store.backends.sqlite.rows.statements import Statements
from a3s_store.backends.sqlite.rows.stream_items import ItemRow
from a3s_store.backends.sqlite.rows.streams import StreamRow
from a3s_store.core.base.queue_entries import QueueEntry
from a3s_store.core.conversation import Head
from a3s_store.core.corruption import NOT_WRITTEN, CorruptRowError
from a3s_store.core.digests import (
    EMPTY_CHAIN,
    EMPTY_LIST,
    ListDigest,
    chain,
    message_digest,
)
from a3s_store.core.host_data import NO_HOST_DATA, HostData
from a3s_store.core.reports import Damage
from a3s_store.core.segments import Segment
from a3s_store.core.streams.requests import Body
from a3s_store.errors import CodecError, CorruptionError
from a3s_store.models import Message
from a3s_store.wire import encode

R = TypeVar("R")

_SEQS: Final = (
    "SELECT branch_key, seq FROM message WHERE branch_key = ? AND seq >= ? AND seq < ? ORDER BY seq"
)


class RowChecker:
    """Reads rows and collects their damage, in the order of reading, in `damage`.

    All damage is reported as that of one session (`session_id`) or checkpoint (`key`); both None:
    of the file. `values_read` counts the values that were read, without messages.
    """

    def __init__(
        self, conn: sqlite3.Connection, *, session_id: str | None = None, key: str | None = None
    ) -> None:
        """Read on `conn`, inside a transaction of the caller."""
        self.conn = conn
        self.damage: list[Damage] = []
        self.values_read = 0
        self._session_id = session_id
        self._key = key

    def note(self, part: str, what: str, position: int | None = None) -> None:
        """Add a damage of a part; `position` is the index in it, None for all of it."""
        self.damage.append(
            Damage(
                part=part,
                what=what,
                position=position,
                session_id=self._session_id,
                key=self._key,
            )
        )

    def attempt(self, part: str, read: Callable[[], R], position: int | None = None) -> R | None:
        """Return the result of `read`; when it meets damage, note that and return None.

        Raises sqlite3.Error for an error that says nothing about the file, as an interrupt.
        """
        try:
            with corruption_named():
                return read()
        except (CorruptionError, CodecError, sqlite3.DatabaseError) as error:
            if getattr(error, "sqlite_errorcode", None) in readable.NOT_DAMAGE:
                raise
            what = str(error) if isinstance(error, sqlite3.Error) else error.what
            self.note(part, what, position)
        return None

    # -- Lists ------------------------------------------------------------------------------------

    def values(
        self, name: str, sql: Statements, parent_key: int, digest: ListDigest | None
    ) -> tuple[Any, ...]:
        """Return the values of a list that verify, in order.

        `digest` is the stored list digest; None when there is none, so that any row is damage.
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
                self.note(name, "its count and digest are missing")
        elif len(found) == digest.count and EMPTY_LIST.appended(hashes) != digest:
            self.note(
                name,
                "each value matches its digest prefix, but the list does not match its digest: "
                "some are from another save",
            )
        return tuple(found)

    def _value(self, name: str, sql: Statements, row: tuple[Any, ...]) -> tuple[Any, bytes]:
        """Return a value and its digest; damaged values of the lists inside it are left out.

        Raises CorruptRowError, or any error of decoding a damaged column.
        """
        if row[sql.proven] is not None and not list_rows.is_written(sql, row):
            raise CorruptRowError(NOT_WRITTEN)
        value, digest = list_rows.value_of(self.conn, sql, row)
        parts = {
            inner: self.values(
                f"{name}.{inner}",
                statements.statements(part, sql.key),
                row[-1],
                list_rows.digest_in(sql, inner, row),
            )
            for inner, part in sql.rows.lists.items()
        }
        return (value.evolve(**parts) if parts else value), digest

    def _rows(
        self, name: str, sql: Statements, parent_key: int, digest: ListDigest | None
    ) -> list[tuple[int, tuple[Any, ...]]]:
        """Return the rows of a list that can be read, each with its position; note the others."""
        placed = sql.between(", ".join([sql.parent, "seq", *sql.selected]))
        try:
            stored = _of_parent(parent_key, self.conn.execute(placed, sql.key_range(parent_key)))
        except sqlite3.Error:
            stored = [*self._readable(placed, sql, parent_key, digest)]
        count = len(stored) if digest is None else digest.count
        if len(stored) != count:
            self.note(name, f"expected {count} rows, {len(stored)} can be read")
        if len(stored) > count or not _is_in_order(stored):
            # Where pages changed places, a range of keys returns rows of others: read each alone.
            stored = [*self._readable(placed, sql, parent_key, digest)]
        if not stored:
            return []
        if stored[-1][0] - stored[0][0] != len(stored) - 1 and len(stored) == count:
            self.note(name, "their positions are not consecutive")
        # Lists with a limit drop their oldest values: count positions back from the last one.
        first = stored[0][0] if len(stored) >= count else max(0, stored[-1][0] + 1 - count)
        return [(row[0] - first, row[1:]) for row in stored]

    def _readable(
        self, select: str, sql: Statements, parent_key: int, digest: ListDigest | None
    ) -> Iterator[tuple[Any, ...]]:
        """Read a list in small ranges, skipping pages that cannot be read."""
        count = 0 if digest is None else min(digest.count, bounds.POSITIONS)
        start = 0
        with contextlib.suppress(sqlite3.Error):
            (end,) = self.conn.execute(sql.next_seq, sql.key_range(parent_key)).fetchone()
            start = max(0, end - count)

        def read(first: int, last: int) -> list[tuple[Any, ...]]:
            rows = self.conn.execute(select, sql.key_range(parent_key, first, last))
            found = _of_parent(parent_key, rows)
            # Where pages changed places, a range of keys returns rows of others.
            within = all(first <= row[0] < last for row in found) and _is_in_order(found)
            if last - first > 1 and not within:
                raise sqlite3.DatabaseError("rows of another range")
            return [row for row in found if first <= row[0] < last]

        yield from readable.in_ranges(read, start, min(start + count, bounds.POSITIONS))

    # -- Host data, queue entries and agent memory ------------------------------------------------

    def host(self, owner_key: int) -> HostData:
        """Return what a host keeps with a session; nothing where it does not verify."""
        found = self.attempt(session_host.PART, lambda: session_host.find(self.conn, owner_key))
        self.values_read += found is not None and found != NO_HOST_DATA
        return found or NO_HOST_DATA

    def queue(self, owner_key: int) -> tuple[QueueEntry, ...]:
        """Return the queue entries of a session that verify, oldest first."""
        stored = self.attempt(queue_entries.PART, lambda: queue_entries.rows(self.conn, owner_key))
        read = [
            self.attempt(queue_entries.PART, row.entry, position)
            for position, row in enumerate(stored or ())
        ]
        self.values_read += len(read)
        return tuple(entry for entry in read if entry is not None)

    def memories(self, owner: str) -> Iterator[tuple[int, MemoryItem]]:
        """Yield the agent memory of an owner that verifies: key and item, in no order."""

        def note(error: CorruptRowError) -> None:
            self.note(agent_memory.PART, error.what)

        for row in agent_memory.intact(self.conn, owner, note):
            self.values_read += 1
            item = self.attempt(agent_memory.PART, row.item)
            if item is not None:
                yield row.key, item

    # -- Streams ----------------------------------------------------------------------------------

    def stream(self, stream_key: int) -> StreamRow | None:
        """Return the row of a stream, if it verifies."""
        return self.attempt(streams.PART, lambda: streams.with_key(self.conn, stream_key))

    def stream_items(
        self, stream_key: int, *, by_labels: bool = True
    ) -> Iterator[tuple[ItemRow, Body]]:
        """Yield the items of a stream that verify, expired ones too, with their values, in order.

        Rows are read one by one: those behind a page that cannot be read may be whole. `by_labels`:
        an item that its labels do not lead to is damaged.
        """
        seqs = self.attempt(streams.PART, lambda: stream_items.seqs(self.conn, stream_key))
        for seq in seqs or ():
            read = functools.partial(stream_items.at, self.conn, stream_key, seq, by_labels)
            row = self.attempt(streams.PART, read, seq)
            body = None if row is None else self.attempt(streams.PART, row.body, seq)
            self.values_read += 1
            if row is None or body is None:
                continue
            item = self.attempt(streams.PART, row.item, seq)
            if item is not None:
                yield row, body

    # -- Messages ---------------------------------------------------------------------------------

    def messages(self, head: Head) -> Iterator[tuple[int, Message]]:
        """Yield the messages of a head that verify, with their positions."""
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
            self.note(
                "messages", "the rows that locate the messages from here on are missing", position
            )

    def _salt(self) -> RowSalt | None:
        """Return the salt of the file; None where it is lost, which is noted elsewhere."""
        try:
            return row_salt.find(self.conn)
        except sqlite3.DatabaseError:
            return None

    def _before(self, branch: int, seq: int) -> bytes | None:
        """Return the chain hash before a row of another conversation, where none but it verifies.

        None where the row checksums do, or where it is not stored.
        """
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
        """Yield the messages in rows of a branch that verify: position, message, chain hash.

        `before` is the chain hash before the first one, None when it is not known. Damage is
        reported at the position minus `offset`. Consecutive positions without a row are reported as
        one damage.
        """
        salt = self._salt()
        is_sure = True  # whether `before` is the chain hash of a message that verified
        expected = seqs.start
        for seq in self._present(branch, seqs):
            if seq > expected:
                self._note_missing(expected - offset, seq - offset)
                before = None
            expected = seq + 1
            read = functools.partial(read_message, self.conn, branch, seq, salt)
            if (one := self.attempt("messages", read, seq - offset)) is None:
                before = None
                continue
            found, digest = one
            follows = before is not None and chain([digest], before) == [found.chain_hash]
            contradicts = before is not None and is_sure and not follows
            # Without the salt only the chain hash can verify a message.
            proven = follows and (is_sure or salt is None)
            before, is_sure = found.chain_hash, found.has_checksum or proven
            if contradicts and found.has_checksum:
                self.note(
                    "messages", "its chain hash does not follow the one before it", seq - offset
                )
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
        """Return the positions of a range that have a readable row, in order."""

        def read(first: int, last: int) -> list[int]:
            found = self.conn.execute(_SEQS, (branch, first, last)).fetchall()
            present = [seq for key, seq in found if key == branch and first <= seq < last]
            # Where pages changed places, a range of keys returns rows of others.
            if last - first > 1 and (present != sorted(present) or len(present) < len(found)):
                raise sqlite3.DatabaseError("rows of another range")
            return present

        start, end = max(seqs.start, -bounds.SUMS), min(seqs.stop, bounds.SUMS)
        return readable.in_ranges(read, start, end)


def read_message(
    conn: sqlite3.Connection, branch: int, seq: int, salt: RowSalt | None
) -> tuple[OneMessage, bytes]:
    """Read the message in one row, and compute its digest.

    Raises CorruptRowError or DecodeError where the row is missing or cannot be decoded; whether its
    checksum matches is in the result.
    """
    found = conversation.read_one(conn, branch, seq, salt)
    if type(found.chain_hash) is not bytes or len(found.chain_hash) != len(EMPTY_CHAIN):
        raise CorruptRowError(NOT_WRITTEN)
    return found, message_digest(encode(found.message))


def _of_parent(parent_key: int, rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return the rows of a parent, without its key; damaged trees return rows of others too."""
    return [row[1:] for row in rows if row[0] == parent_key]


def _is_in_order(rows: list[tuple[Any, ...]]) -> bool:
    """Return whether the positions of these rows increase."""
    return all(one[0] < other[0] for one, other in itertools.pairwise(rows))
