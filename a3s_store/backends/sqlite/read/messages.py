"""Reading a conversation: which messages are needed is said in the transaction, they come after it.

Rows of messages never change, and a head's last link names all of them, so they need not be read as
of one moment: it is done a few hundred at a time, while the last link is still there, and no log is
pinned while ten thousand are decoded. Should somebody delete the session meanwhile, it is all done
again. Each row has a checksum of what it holds, that tells damage from what was
written. Messages that are remembered are not read again.
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


# How many rows are read at a time: enough to be quick, few enough to stay in the cache.
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
    """A conversation to be read: `known` messages are remembered, the others follow them."""

    known: tuple[Message, ...]
    head: Head
    link: bytes
    known_link: bytes = EMPTY_CHAIN


def find(
    conn: sqlite3.Connection, head: Head, lines: Iterable[CachedConversation] = ()
) -> MessageRange:
    """What there is to read of a head, given what `lines` have already."""
    parts = message_log.segments_of(conn, head.branch, head.length)
    link = message_log.chain_hash_at(conn, head)
    known: tuple[Message, ...] = ()
    known_link = EMPTY_CHAIN
    for line in lines:
        length = line.head.length
        if line.chain_hash == link and length == head.length:
            return MessageRange(line.messages, head, link)
        if (
            len(known) < length < head.length
            and message_log.chain_hash_if_stored(conn, parts, length) == line.chain_hash
        ):
            known, known_link = line.messages, line.chain_hash
    return MessageRange(known, head, link, known_link)


def read(conn: sqlite3.Connection, wanted: MessageRange) -> tuple[Message, ...]:
    """The messages, each verified against its row checksum.

    On a connection whose `prove_chain` is set, or that has none (not one of a store), each is
    verified against its chain hash as well, up to the one of the head.

    Raises StaleReadError, DecodeError or CorruptRowError, with the position, when a message is
    missing or damaged.
    """
    return _read(conn, wanted, lambda: transaction.read(conn))


def read_within(conn: sqlite3.Connection, wanted: MessageRange) -> tuple[Message, ...]:
    """As `read`, inside the transaction that is open."""
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
    link = wanted.known_link
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
            # Rows of another conversation have that one's chain hashes: the head's is left.
            stored = None if part.source_start is not None else [row[_CHAIN] for row in rows]
            link = _proven(found[start:], stored, start, link)
    if prove and link != wanted.link:
        raise CorruptRowError("they do not add up to the chain hash of their head", "messages")
    return tuple(found)


def _proven(
    messages: list[Message], stored: list[bytes] | None, start: int, before: bytes
) -> bytes:
    """The last chain hash of these messages. Raises CorruptRowError where one is not as stored."""
    digests = [message_digest(encode(message)) for message in messages]
    links = chain(digests, before)
    for position, (link, own) in enumerate(zip(links, stored or links, strict=True), start):
        if link != own:
            raise CorruptRowError("it does not follow the one before it", "messages", position)
    return links[-1]


@attrs.frozen
class OneMessage:
    """A message read by itself; `has_checksum` says whether its row has the right one."""

    message: Message
    chain_hash: bytes
    has_checksum: bool


def read_one(conn: sqlite3.Connection, branch: int, seq: int, salt: RowSalt | None) -> OneMessage:
    """The message in one row of a branch; without a salt only old rows have the right checksum.

    Raises CorruptRowError or DecodeError where the row cannot be read as a message.
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
    # Texts stay bytes: the checksum is made of those, and orjson takes them as they are.
    conn.text_factory = bytes
    try:
        return conn.execute(_ROWS, (branch, start, end)).fetchall()
    finally:
        conn.text_factory = str


def _next_rows(
    conn: sqlite3.Connection, wanted: MessageRange, start: int
) -> tuple[Segment, list[tuple[Any, ...]]]:
    """The next rows and the segment they are in, while the head still names this conversation."""
    parts = message_log.segments_of(conn, wanted.head.branch, wanted.head.length)
    if message_log.chain_hash_if_stored(conn, parts, wanted.head.length) != wanted.link:
        raise StaleReadError("the messages are not those of the session", "messages")
    # The last link is there, so the parts reach it.
    part = next(part for part in parts if part.end is None or start < part.end)
    end = min(start + _CHUNK, part.end or start)
    rows = _stored(conn, part.source, part.seq(start), part.seq(end))
    if len(rows) != end - start:
        raise StaleReadError(
            f"of messages {start} to {end - 1} only {len(rows)} are there", "messages", start
        )
    return part, rows


def _first_wrong(
    rows: list[tuple[Any, ...]], seq: int, branch: int, salt: RowSalt | None
) -> int | None:
    """The index of the first row that is not what was written, in this file and this branch."""
    stored, links, roles, reasonings, extras, contents, keys = zip(*rows, strict=True)
    expected = functools.partial(message_checksums, seq, links, roles, reasonings, extras, contents)
    # Rows of schema 1 to 5 are without salt, and their keys may have been given again.
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
    """The texts of blobs by message key and hash, for those of these rows that refer to any."""
    keys = {row[_KEY] for row in rows}
    # Which messages among these, and perhaps others that lie between them, have images?
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
    """The JSON objects of the next messages, the way `shape.tree` makes them.

    Column by column: a loop over rows in Python takes longer than to parse them.
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
    """The chain hash of a head, computed from the messages where it is not stored.

    Inside a transaction. Raises DecodeError or CorruptRowError, with the position, for a message
    that is missing or damaged.
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
