"""Read a conversation: the head in one transaction, the messages in short ones after it.

Message rows never change, and the chain hash of a head identifies all messages before it. So they
need not be read as of one moment: a few hundred rows are read at a time, as long as that chain hash
is stored, and no read transaction keeps the WAL from being reset while ten thousand messages are
decoded. When the session is deleted meanwhile, the caller starts again (StaleReadError). Each row
is verified against its row checksum. Cached messages are not read again. With a `StoredContent` the
content of a message is decoded when it is first read.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

import attrs

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.format import row_salt
from a3s_store.backends.sqlite.format.row_salt import RowSalt
from a3s_store.backends.sqlite.read.message_rows import COLUMNS, Images, MessageRows
from a3s_store.backends.sqlite.rows import message_log
from a3s_store.core.conversation import CachedConversation, Head
from a3s_store.core.corruption import NOT_WRITTEN, CorruptRowError, StaleReadError
from a3s_store.core.digests import EMPTY_CHAIN, chain, message_digest
from a3s_store.core.segments import Segment
from a3s_store.errors import DecodeError
from a3s_store.models import Message
from a3s_store.wire import encode

if TYPE_CHECKING:
    from a3s_store.core.stored_content import StoredContent

# How many rows are read at a time: enough to be quick, few enough to stay in the CPU's cache.
_CHUNK: Final = 256
_ROWS: Final = (
    f"SELECT {COLUMNS} FROM message WHERE branch_key = ? AND seq >= ? AND seq < ? ORDER BY seq"
)
_ROWS_AND_TIMES: Final = _ROWS.replace(COLUMNS, f"{COLUMNS}, added_at_ms")


@attrs.frozen
class MessageRange:
    """A conversation to read, whose first messages may be cached (`known`).

    `chain_hash` is that of the head, `known_chain_hash` that of the last cached message, and
    `known_size` what the cached ones weigh.
    """

    known: tuple[Message, ...]
    head: Head
    chain_hash: bytes
    known_chain_hash: bytes = EMPTY_CHAIN
    known_size: int | None = 0


def find(
    conn: sqlite3.Connection, head: Head, lines: Iterable[CachedConversation] = ()
) -> MessageRange:
    """Return the messages to read for a head, given the conversations that are cached (`lines`).

    Inside a transaction. Raises CorruptRowError where rows that locate the messages are damaged.
    """
    parts = message_log.segments_of(conn, head.branch, head.length)
    chain_hash = message_log.chain_hash_at(conn, head)
    best = MessageRange((), head, chain_hash)
    for line in lines:
        length = line.head.length
        known = MessageRange(line.messages, head, chain_hash, line.chain_hash, line.size)
        if line.chain_hash == chain_hash and length == head.length:
            return known
        if (
            len(best.known) < length < head.length
            and message_log.chain_hash_if_stored(conn, parts, length) == line.chain_hash
        ):
            best = known
    return best


def read(
    conn: sqlite3.Connection, wanted: MessageRange, content: StoredContent | None = None
) -> CachedConversation:
    """Return the messages, each verified against its row checksum.

    On a connection with `prove_chain` set, or without that attribute (of no store), each is
    verified against its chain hash too, up to the one of the head. There, and without `content`,
    all of them are decoded.

    Raises:
        StaleReadError: messages are missing, as after a deletion; it may be damage too.
        DecodeError, CorruptRowError: a message is damaged; with its position.
    """
    return _read(conn, wanted, lambda: transaction.read(conn), content)


def read_within(conn: sqlite3.Connection, wanted: MessageRange) -> CachedConversation:
    """Read and decode as `read` does, inside a transaction that the caller opened."""
    return _read(conn, wanted, contextlib.nullcontext)


def _read(
    conn: sqlite3.Connection,
    wanted: MessageRange,
    moment: Callable[[], contextlib.AbstractContextManager[object]],
    content: StoredContent | None = None,
) -> CachedConversation:
    if len(wanted.known) == wanted.head.length:
        return CachedConversation(wanted.known, wanted.head, wanted.chain_hash, wanted.known_size)
    found, size = [*wanted.known], wanted.known_size
    if prove := _proves(conn):
        content = None
    chain_hash = wanted.known_chain_hash
    while len(found) < wanted.head.length:
        start = len(found)
        with moment():
            part, rows = _next_rows(conn, wanted, start)
            images = rows.images(conn)
            salt = row_salt.read(conn)
        rows.check(start, part.seq(start), part.source, salt)
        found += rows.messages(images, start, content)
        if size is not None:
            size += rows.size(images)
        if prove:
            # Rows of another conversation have chain hashes of that one: only the head's applies.
            stored = None if part.source_start is not None else rows.chain_hashes
            chain_hash = _proven(found[start:], stored, start, chain_hash)
    if prove and chain_hash != wanted.chain_hash:
        raise CorruptRowError("they do not match the chain hash of their head", "messages")
    return CachedConversation(tuple(found), wanted.head, wanted.chain_hash, size)


def _proven(
    messages: list[Message], stored: Sequence[bytes] | None, start: int, before: bytes
) -> bytes:
    """Return the last message's chain hash; raise CorruptRowError where a stored one differs."""
    hashes = chain([message_digest(encode(message)) for message in messages], before)
    for position, (computed, own) in enumerate(zip(hashes, stored or hashes, strict=True), start):
        if computed != own:
            raise CorruptRowError(
                "its chain hash does not follow the one before it", "messages", position
            )
    return hashes[-1]


@attrs.frozen
class OneMessage:
    """A message read by itself; `has_checksum` is whether its row checksum matches."""

    message: Message
    chain_hash: bytes
    has_checksum: bool


def read_one(conn: sqlite3.Connection, branch: int, seq: int, salt: RowSalt | None) -> OneMessage:
    """Read the message in one row of a branch; its checksum need not match.

    Without a salt (it is lost) only the checksums of rows from before it can match.

    Raises CorruptRowError or DecodeError where the row is missing or cannot be decoded.
    """
    found = _stored(conn, branch, seq, seq + 1)
    if not found:
        raise CorruptRowError("it is missing", "messages", seq)
    rows = MessageRows.of(found)
    has_checksum = rows.first_wrong(seq, branch, salt) is None
    try:
        (message,) = rows.messages(rows.images(conn), seq, None)
    except (ValueError, DecodeError):
        if has_checksum:
            raise
        raise CorruptRowError(NOT_WRITTEN, "messages", seq) from None
    return OneMessage(message, rows.chain_hashes[0], has_checksum)


@attrs.frozen
class FetchedMessages:
    """Rows of messages that follow each other, with their times; `start` is the first's position.

    `before` is the chain hash before them, None where the chain hashes of the rows are not to be
    verified.
    """

    start: int
    rows: MessageRows
    images: dict[int, Images]
    times: list[int | None]
    before: bytes | None

    def decode(self, content: StoredContent | None = None) -> list[Message]:
        """Return the messages, as `read` does.

        Raises DecodeError and CorruptRowError, with the position.
        """
        if self.before is not None:
            content = None
        found = self.rows.messages(self.images, self.start, content)
        if self.before is not None:
            _proven(found, self.rows.chain_hashes, self.start, self.before)
        return found


def fetch_range(
    conn: sqlite3.Connection, head: Head, start: int, stop: int
) -> list[FetchedMessages]:
    """Return the rows of a range of a conversation, each verified against its row checksum.

    Inside a transaction. As in `read`, chain hashes are verified too with `prove_chain`, except
    those of rows that are of another conversation.

    Raises:
        StaleReadError, CorruptRowError: a message is missing or damaged; with its position.
    """
    salt = row_salt.read(conn)
    prove = _proves(conn)
    found: list[FetchedMessages] = []
    parts = message_log.segments_of(conn, head.branch, head.length)
    for part in parts:
        first, end = max(part.start, start), min(part.end or part.start, stop)
        if first >= end:
            continue
        stored = _stored(conn, part.source, part.seq(first), part.seq(end), _ROWS_AND_TIMES)
        if len(stored) != end - first:
            raise StaleReadError(
                f"of messages {first} to {end - 1} only {len(stored)} are stored", "messages", first
            )
        rows = MessageRows.of([row[:-1] for row in stored])
        rows.check(first, part.seq(first), part.source, salt)
        before = None
        if prove and part.source_start is None:
            before = message_log.chain_hash_if_stored(conn, parts, first) if first else EMPTY_CHAIN
        times = [row[-1] for row in stored]
        found.append(FetchedMessages(first, rows, rows.images(conn), times, before))
    return found


def _proves(conn: sqlite3.Connection) -> bool:
    """Return whether messages are verified against their chain hashes, too."""
    return getattr(conn, "prove_chain", True)


def _stored(
    conn: sqlite3.Connection, branch: int, start: int, end: int, sql: str = _ROWS
) -> list[tuple[Any, ...]]:
    # Texts are read as bytes: the checksum is computed of these, and orjson parses them.
    conn.text_factory = bytes
    try:
        return conn.execute(sql, (branch, start, end)).fetchall()
    finally:
        conn.text_factory = str


def _next_rows(
    conn: sqlite3.Connection, wanted: MessageRange, start: int
) -> tuple[Segment, MessageRows]:
    """Return the next rows and their segment; raise StaleReadError where messages are missing."""
    parts = message_log.segments_of(conn, wanted.head.branch, wanted.head.length)
    if message_log.chain_hash_if_stored(conn, parts, wanted.head.length) != wanted.chain_hash:
        raise StaleReadError("the stored messages are not those of the session", "messages")
    # The chain hash of the head is stored, so the segments reach it.
    part = next(part for part in parts if part.end is None or start < part.end)
    end = min(start + _CHUNK, part.end or start)
    rows = _stored(conn, part.source, part.seq(start), part.seq(end))
    if len(rows) != end - start:
        raise StaleReadError(
            f"of messages {start} to {end - 1} only {len(rows)} are stored", "messages", start
        )
    return part, MessageRows.of(rows)


def chain_hash_of(conn: sqlite3.Connection, head: Head) -> bytes:
    """Return the chain hash of a head, computed from the messages where it is not stored.

    Inside a transaction.

    Raises:
        DecodeError, CorruptRowError: a message is missing or damaged; with its position.
    """
    parts = message_log.segments_of(conn, head.branch, head.length)
    if not parts:
        return message_log.chain_hash_at(conn, head)
    stored = message_log.chain_hash_if_stored(conn, parts, head.length)
    if stored is not None:
        return stored
    known, salt = EMPTY_CHAIN, row_salt.read(conn)
    for part in parts:
        assert part.end is not None, "a head has a length"
        if part.source_start is None:
            known = message_log.chain_hash_at(conn, Head(head.branch, part.end))
            continue
        for position in range(part.start, part.end):
            one = read_one(conn, part.source, part.seq(position), salt)
            if not one.has_checksum:
                raise CorruptRowError(NOT_WRITTEN, "messages", position)
            (known,) = chain([message_digest(encode(one.message))], known)
    return known
