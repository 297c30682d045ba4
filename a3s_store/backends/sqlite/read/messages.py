"""Read a conversation: the head in one transaction, the messages in short ones after it.

Message rows never change, and the chain hash of a head identifies all messages before it. So they
need not be read as of one moment: a few hundred rows are read at a time, as long as that chain hash
is stored, and no read transaction keeps the WAL from being reset while ten thousand messages are
decoded. When the session is deleted meanwhile, the caller starts again (StaleReadError). Each row
is verified against its row checksum. Cached messages are not read again.
"""

from __future__ import annotations

import contextlib
import functools
import sqlite3
from collections.abc import Callable, Iterable
from typing import Any, Final

import attrs

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.format import row_salt
from a3s_store.backends.sqlite.format.row_salt import RowSalt
from a3s_store.backends.sqlite.rows import blobs, message_log
from a3s_store.core.checksums import message_checksums
from a3s_store.core.collections import MESSAGE_ROWS
from a3s_store.core.columns import shape
from a3s_store.core.conversation import CachedConversation, Head
from a3s_store.core.corruption import NOT_WRITTEN, CorruptRowError, StaleReadError
from a3s_store.core.digests import EMPTY_CHAIN, chain, message_digest
from a3s_store.core.segments import Segment
from a3s_store.errors import DecodeError
from a3s_store.models import Message
from a3s_store.wire import decode, decode_many, encode, parse_each, parse_own

_SHAPE = shape(MESSAGE_ROWS)


# How many rows are read at a time: enough to be quick, few enough to stay in the CPU's cache.
_CHUNK: Final = 256
_ROWS: Final = (
    "SELECT checksum, chain_hash, role, reasoning_content, extra, content, message_key "
    "FROM message WHERE branch_key = ? AND seq >= ? AND seq < ? ORDER BY seq"
)
_KEY: Final = 6
_CHAIN: Final = 1
# No row has so high a key.
_NO_KEY: Final = 2**63


@attrs.frozen
class MessageRange:
    """A conversation to read, whose first messages may be cached (`known`).

    `chain_hash` is that of the head, `known_chain_hash` that of the last cached message.
    """

    known: tuple[Message, ...]
    head: Head
    chain_hash: bytes
    known_chain_hash: bytes = EMPTY_CHAIN


def find(
    conn: sqlite3.Connection, head: Head, lines: Iterable[CachedConversation] = ()
) -> MessageRange:
    """Return the messages to read for a head, given the conversations that are cached (`lines`).

    Inside a transaction. Raises CorruptRowError where rows that locate the messages are damaged.
    """
    parts = message_log.segments_of(conn, head.branch, head.length)
    chain_hash = message_log.chain_hash_at(conn, head)
    known: tuple[Message, ...] = ()
    known_chain_hash = EMPTY_CHAIN
    for line in lines:
        length = line.head.length
        if line.chain_hash == chain_hash and length == head.length:
            return MessageRange(line.messages, head, chain_hash)
        if (
            len(known) < length < head.length
            and message_log.chain_hash_if_stored(conn, parts, length) == line.chain_hash
        ):
            known, known_chain_hash = line.messages, line.chain_hash
    return MessageRange(known, head, chain_hash, known_chain_hash)


def read(conn: sqlite3.Connection, wanted: MessageRange) -> tuple[Message, ...]:
    """Return the messages, each verified against its row checksum.

    On a connection with `prove_chain` set, or without that attribute (of no store), each is
    verified against its chain hash too, up to the one of the head.

    Raises:
        StaleReadError: messages are missing, as after a deletion; it may be damage too.
        DecodeError, CorruptRowError: a message is damaged; with its position.
    """
    return _read(conn, wanted, lambda: transaction.read(conn))


def read_within(conn: sqlite3.Connection, wanted: MessageRange) -> tuple[Message, ...]:
    """Read as `read` does, inside a transaction that the caller opened."""
    return _read(conn, wanted, contextlib.nullcontext)


def _read(
    conn: sqlite3.Connection,
    wanted: MessageRange,
    moment: Callable[[], contextlib.AbstractContextManager[object]],
) -> tuple[Message, ...]:
    if len(wanted.known) == wanted.head.length:
        return wanted.known
    found = [*wanted.known]
    prove = getattr(conn, "prove_chain", True)
    chain_hash = wanted.known_chain_hash
    while len(found) < wanted.head.length:
        start = len(found)
        with moment():
            part, rows = _next_rows(conn, wanted, start)
            images = _images(conn, rows)
            salt = row_salt.read(conn)
        if (wrong := _first_wrong(rows, part.seq(start), part.source, salt)) is not None:
            raise CorruptRowError(NOT_WRITTEN, "messages", start + wrong)
        found += _decode(_trees(rows, images), start)
        if prove:
            # Rows of another conversation have chain hashes of that one: only the head's applies.
            stored = None if part.source_start is not None else [row[_CHAIN] for row in rows]
            chain_hash = _proven(found[start:], stored, start, chain_hash)
    if prove and chain_hash != wanted.chain_hash:
        raise CorruptRowError("they do not match the chain hash of their head", "messages")
    return tuple(found)


def _proven(
    messages: list[Message], stored: list[bytes] | None, start: int, before: bytes
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
    has_checksum = _first_wrong(found, seq, branch, salt) is None
    try:
        (message,) = _decode(_trees(found, _images(conn, found)), seq)
    except (ValueError, DecodeError):
        if has_checksum:
            raise
        raise CorruptRowError(NOT_WRITTEN, "messages", seq) from None
    return OneMessage(message, found[0][_CHAIN], has_checksum)


def _stored(conn: sqlite3.Connection, branch: int, start: int, end: int) -> list[tuple[Any, ...]]:
    # Texts are read as bytes: the checksum is computed of these, and orjson parses them.
    conn.text_factory = bytes
    try:
        return conn.execute(_ROWS, (branch, start, end)).fetchall()
    finally:
        conn.text_factory = str


def _next_rows(
    conn: sqlite3.Connection, wanted: MessageRange, start: int
) -> tuple[Segment, list[tuple[Any, ...]]]:
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
    return part, rows


def _first_wrong(
    rows: list[tuple[Any, ...]], seq: int, branch: int, salt: RowSalt | None
) -> int | None:
    """Return the index of the first row with a wrong checksum; None when all match.

    A row that was copied from another file or branch does not match: the salt is part of the
    checksum.
    """
    stored, links, roles, reasonings, extras, contents, keys = zip(*rows, strict=True)
    expected = functools.partial(message_checksums, seq, links, roles, reasonings, extras, contents)
    # Rows of schema 1 to 5 have no salt in their checksums, and their keys may have been reused.
    first_key = _NO_KEY if salt is None else salt.first_key
    plain = expected(0) if min(keys) < first_key else []
    if plain == [*stored] and max(keys) < first_key:
        return None
    salted = [] if salt is None else expected(salt.seed(branch))
    if salted == [*stored]:
        return None
    for index, (key, found) in enumerate(zip(keys, stored, strict=True)):
        is_old = key < first_key and found == plain[index]
        if not is_old and (salt is None or found != salted[index]):
            return index
    return None


def _images(conn: sqlite3.Connection, rows: list[tuple[Any, ...]]) -> dict[int, dict[str, str]]:
    """Return the texts of blobs, by hash, of each of these rows that refers to any, by its key."""
    keys = {row[_KEY] for row in rows}
    # The range of keys may have messages of other branches too.
    found = conn.execute(
        "SELECT DISTINCT message_key FROM message_blob WHERE message_key BETWEEN ? AND ?",
        (min(keys), max(keys)),
    ).fetchall()
    return {key: blobs.texts_of(conn, key) for (key,) in found if key in keys}


def _decode(trees: list[dict[str, Any]], start: int) -> tuple[Message, ...]:
    try:
        return decode_many(Message, trees)
    except DecodeError:
        for position, tree in enumerate(trees, start):
            try:
                decode(Message, tree)
            except DecodeError as error:
                raise error.inside("SessionData", f"messages[{position}]") from None
        raise


def _trees(rows: list[tuple[Any, ...]], images: dict[int, dict[str, str]]) -> list[dict[str, Any]]:
    """Return the JSON objects of these rows, as `Shape.tree` would make them.

    Column by column: a loop over rows in Python takes longer than parsing them.
    """
    _, _, roles, reasonings, extras, contents, keys = zip(*rows, strict=True)
    parsed = zip(map(_role, roles), parse_each(contents), strict=True)
    trees: list[dict[str, Any]] = [{"role": role, "content": content} for role, content in parsed]
    for tree, reasoning in zip(trees, reasonings, strict=True):
        if reasoning is not None:
            tree["reasoning_content"] = reasoning.decode()
    for tree, extra in zip(trees, extras, strict=True):
        if extra is not None:
            tree |= parse_own(extra)
    if images:
        return [
            blobs.attach(tree, images[key]) if key in images else tree
            for tree, key in zip(trees, keys, strict=True)
        ]
    return trees


@functools.lru_cache(64)
def _role(role: bytes) -> str:
    return role.decode()


assert _SHAPE.names == ("role", "content", "reasoning_content", "extra"), "columns are named here"


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
