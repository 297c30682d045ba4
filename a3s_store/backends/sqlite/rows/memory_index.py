"""The full-text index of agent memory, beside its rows as that of messages is (`word_index`).

A row of agent memory changes in place, other than a message: the words of an indexed row whose text
changes are replaced in the same transaction. A change of very many rows gives the index up instead,
and it is made again in steps, so that no one waits for it.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from a3s_store.backends.sqlite.rows import word_index
from a3s_store.backends.sqlite.rows.word_index import Entry, WordIndex
from a3s_store.backends.sqlite.schema import search_table
from a3s_store.core.search.texts import SearchedText

BEHIND: Final = word_index.BEHIND
ROWS: Final = word_index.ROWS
# The most rows whose words one transaction removes or replaces: about 0.1 s.
MOST: Final = 512


def text_of(content: str) -> SearchedText:
    """Return the text of a memory as searches see it."""
    return SearchedText((content,))


def owner_word(owner: str) -> str:
    """Return the word for an owner, which others may share: each hit is compared with its row."""
    return "o" + hashlib.sha256(owner.encode(errors="replace")).hexdigest()[:16]


def _entry(row: tuple[Any, ...]) -> Entry:
    """Return what the index has of a row: key, owner, content."""
    key, owner, content = row
    text = text_of(_text(content))
    return key, text.words, text.parts, owner_word(_text(owner))


def _text(stored: str | bytes) -> str:
    return stored if isinstance(stored, str) else stored.decode(errors="replace")


INDEX: Final = WordIndex(
    search_table.MEMORIES,
    "agent_memory",
    "memory_key",
    "CAST(owner AS BLOB), CAST(content AS BLOB)",
    _entry,
)


def step(conn: sqlite3.Connection) -> bool:
    """Add the next memories, and merge a little; return whether there is more to do."""
    return INDEX.step(conn, ROWS)


def is_due(conn: sqlite3.Connection) -> bool:
    """Return whether so many memories are not in the index that some should be added."""
    return INDEX.behind(conn) >= BEHIND and word_index.is_available(conn)


def remove(conn: sqlite3.Connection, rows: Sequence[tuple[int, str, str]]) -> None:
    """Remove the words of the indexed ones of these rows, before the caller removes the rows.

    A row is its key, its owner and its content. Afterwards the caller calls `INDEX.lower`.
    """
    done = INDEX.watermark(conn) or 0
    indexed = [row for row in rows if row[0] <= done]
    if len(indexed) > MOST:
        INDEX.give_up(conn)
    elif indexed and INDEX.remove(conn, indexed):
        INDEX.tidy(conn)


def replace(
    conn: sqlite3.Connection, pairs: Sequence[tuple[tuple[int, str, str], tuple[int, str, str]]]
) -> None:
    """Replace the words of the indexed ones of these rows, each given before and after."""
    done = INDEX.watermark(conn) or 0
    indexed = [pair for pair in pairs if pair[0][0] <= done]
    if len(indexed) > MOST:
        INDEX.give_up(conn)
    elif indexed and INDEX.replace(conn, indexed):
        INDEX.tidy(conn)


def expression(phrase: str, owner: str) -> str:
    """Return the FTS5 query for a phrase in the memories of an owner."""
    return word_index.expression(phrase, [owner_word(owner)])
