"""Reading a conversation: its rows are fetched in the transaction, and made messages after it.

Each row has a seal, a checksum of what it holds, that tells damage from what was written. Messages
that are remembered are not read again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any, Final

import attrs

from a3s_store.errors import DecodeError
from a3s_store.families import MESSAGE_ROWS
from a3s_store.models import Message
from a3s_store.sqlite import blobs, log
from a3s_store.sqlite.log import Head, Line
from a3s_store.sqlite.seals import seal_of
from a3s_store.sqlite.shape import shape
from a3s_store.wire import decode, decode_many, parse_own

_SHAPE = shape(MESSAGE_ROWS)


# How many rows are decoded at a time: enough to be quick, few enough to stay in the cache.
_CHUNK: Final = 256
# What a row is fetched as. Content is most of it, and stays bytes, which nobody decodes twice.
_COLUMNS: Final = "seal, chain, CAST(content AS BLOB), role, reasoning_content, extra, message_key"
_CONTENT: Final = 2
_KEY: Final = 6


@attrs.frozen
class StoredMessages:
    """The rows of a conversation as they were fetched, not yet looked at.

    `known` messages come before them, which were remembered and are the same. `images` has the
    texts of blobs by message key and hash, for those that refer to any.
    """

    known: tuple[Message, ...]
    rows: list[tuple[Any, ...]]
    images: dict[int, dict[str, str]]
    head: Head
    link: bytes


def fetch(conn: sqlite3.Connection, head: Head, lines: Iterable[Line] = ()) -> StoredMessages:
    """The rows of a head's messages; those that `lines` have are not read again.

    Raises ValueError when one is missing or a blob is damaged.
    """
    parts = log.parts_of(conn, head.branch, head.length)
    link = log.link_at(conn, head)
    known: tuple[Message, ...] = ()
    for line in lines:
        length = line.head.length
        if line.link == link and length == head.length:
            return StoredMessages(line.messages, [], {}, head, link)
        if len(known) < length < head.length and log.link_if_any(conn, parts, length) == line.link:
            known = line.messages
    rows: list[tuple[Any, ...]] = []
    for part in parts:
        # The messages of one stretch, in order.
        rows += conn.execute(
            f"SELECT {_COLUMNS} FROM message "
            "WHERE branch_key = ? AND seq >= ? AND seq < ? ORDER BY seq",
            (part.source, max(part.start, len(known)), part.end),
        ).fetchall()
    if len(known) + len(rows) != head.length:
        found = len(known) + len(rows)
        raise ValueError(f"{head.length} messages should be there, {found} are")
    images = {
        row[_KEY]: blobs.texts_of(conn, row[_KEY])
        for row in rows
        if blobs.has_reference(row[_CONTENT])
    }
    return StoredMessages(known, rows, images, head, link)


def messages_of(stored: StoredMessages) -> tuple[Message, ...]:
    """The messages that were fetched, each held against its seal.

    Raises DecodeError or ValueError, with the position, when one is damaged.
    """
    if not stored.rows:
        return stored.known
    found = [*stored.known]
    for start in range(0, len(stored.rows), _CHUNK):
        trees = _trees(stored, start)
        try:
            found += decode_many(Message, trees)
        except DecodeError:
            _name_the_first(trees, len(stored.known) + start)
            raise
    return tuple(found)


def _name_the_first(trees: list[dict[str, Any]], start: int) -> None:
    """Raise the DecodeError of the first that cannot be decoded, with its position."""
    for position, tree in enumerate(trees, start):
        try:
            decode(Message, tree)
        except DecodeError as error:
            raise error.inside("SessionData", f"messages[{position}]") from None


def _trees(stored: StoredMessages, start: int) -> list[dict[str, Any]]:
    """The JSON objects of the next messages, the way `shape.tree` makes them, only quicker."""
    trees: list[dict[str, Any]] = []
    images = stored.images
    try:
        for seal, link, content, role, reasoning, extra, key in stored.rows[start : start + _CHUNK]:
            if seal_of(role, reasoning, extra, link, content) != seal:
                raise ValueError("what is there is not what was written")
            tree = {"role": role, "content": parse_own(content)}
            if reasoning is not None:
                tree["reasoning_content"] = reasoning
            if extra is not None:
                tree |= parse_own(extra)
            if key in images:
                tree = blobs.attach(tree, images[key])
            trees.append(tree)
    except ValueError as error:
        place = len(stored.known) + start + len(trees)
        raise ValueError(f"messages[{place}]: {error}") from None
    return trees


assert _SHAPE.names == ("role", "content", "reasoning_content", "extra"), "columns are named here"
