"""Compute the branches of a session from its generations, in one read transaction.

Of the message log chain hashes are read, and one message for each branch. Only where a branch has
rows of another conversation, which have that one's chain hashes, more messages are read.
"""

from __future__ import annotations

import functools
import sqlite3

from a3s_store.backends.sqlite.read.messages import chain_hash_of, fetch_range
from a3s_store.backends.sqlite.rows import session_header
from a3s_store.core.branches import Branch, Save, branches_of
from a3s_store.core.conversation import Head
from a3s_store.core.session_header import check
from a3s_store.models import Message


def branches(conn: sqlite3.Connection, session_id: str) -> tuple[Branch, ...]:
    """Return the branches of a session; () when none is stored. Raises ValueError: damaged."""
    header = session_header.find(conn, session_id)
    if header is None or header.head is None:
        return ()
    check(header)
    saves = [
        Save(one.number, one.head.branch, one.head.length, one.saved_at_ms)
        for one in session_header.all_saves(conn, header.key)
        if one.head is not None
    ]

    @functools.cache
    def chain_hash_at(branch: int, length: int) -> bytes:
        return chain_hash_of(conn, Head(branch, length))

    def message_at(save: Save, position: int) -> Message:
        (part,) = fetch_range(conn, _head(save), position, position + 1)
        (message,) = part.decode()
        return message

    return branches_of(
        saves, lambda save, length: chain_hash_at(_head(save).branch, length), message_at
    )


def _head(save: Save) -> Head:
    assert isinstance(save.line, int), "it is the key of a branch"
    return Head(save.line, save.length)
