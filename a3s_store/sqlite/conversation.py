"""Reading a conversation: its rows are fetched in the transaction, and made messages after it.

Each row has a seal, a checksum of what it holds, that tells damage from what was written. Messages
that are remembered are not read again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

import attrs

from a3s_store.errors import DecodeError
from a3s_store.families import MESSAGE_ROWS
from a3s_store.models import Message
from a3s_store.sqlite import blobs, log
from a3s_store.sqlite.log import Head, Line
from a3s_store.sqlite.seals import seal_of
from a3s_store.sqlite.shape import shape
from a3s_store.wire import decode

_SHAPE = shape(MESSAGE_ROWS)


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


# What a row is fetched as: the columns that hold most are bytes, which nobody has to decode first.
_KEY, _SEAL, _CHAIN = 0, 1, 2
_FETCHED = ", ".join(
    f"CAST({name} AS BLOB)" if name == "content" else name for name in _SHAPE.names
)
_CONTENT = 3 + _SHAPE.names.index("content")


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
            f"SELECT message_key, seal, chain, {_FETCHED} FROM message "
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
    found = [*stored.known]
    for row in stored.rows:
        try:
            if seal_of((*row[_CHAIN + 1 :], row[_CHAIN])) != row[_SEAL]:
                raise ValueError("what is there is not what was written")
            tree = _SHAPE.tree(row[_CHAIN + 1 :])
            if row[_KEY] in stored.images:
                tree = blobs.attach(tree, stored.images[row[_KEY]])
            found.append(decode(Message, tree))
        except DecodeError as error:
            raise error.inside("SessionData", f"messages[{len(found)}]") from None
        except ValueError as error:
            raise ValueError(f"messages[{len(found)}]: {error}") from None
    return tuple(found)
