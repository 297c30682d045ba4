"""The full-text index of messages, which an idle writer makes: a save does not touch it.

How an index follows its rows is in `word_index`. Functions of a connection, each inside a
transaction that its caller opened.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any, Final

from a3s_store.backends.sqlite.rows import word_index
from a3s_store.backends.sqlite.rows.word_index import Entry, WordIndex
from a3s_store.backends.sqlite.schema import search_table
from a3s_store.core.row_values import parse_own
from a3s_store.core.search.texts import searched

BEHIND: Final = word_index.BEHIND
ROWS: Final = word_index.ROWS

_COLUMNS: Final = "branch_key, CAST(role AS BLOB), CAST(content AS BLOB)"


def _entry(row: tuple[Any, ...]) -> Entry:
    """Return what the index has of a message."""
    key, branch, role, content = row
    text = searched(content_of(content))
    return key, text.words, text.parts, f"{_branch_word(branch)} {_role_word(role.decode())}"


def content_of(stored: bytes) -> Any:
    """Return the JSON in a column `content`; None where it is damaged."""
    try:
        return parse_own(stored)
    except ValueError:
        return None


def _branch_word(branch: int) -> str:
    return f"b{branch}"


def _role_word(role: str) -> str:
    return f"r{role.encode(errors='replace').hex()}"


INDEX: Final = WordIndex(
    search_table.MESSAGES,
    "message",
    "message_key",
    _COLUMNS,
    _entry,
)
watermark: Final = INDEX.watermark
behind: Final = INDEX.behind
give_up: Final = INDEX.give_up
lower: Final = INDEX.lower
optimize: Final = INDEX.optimize


def step(conn: sqlite3.Connection) -> bool:
    """Add the next messages, and merge a little; return whether there is more to do."""
    return INDEX.step(conn, ROWS)


def remove(conn: sqlite3.Connection, branch: int, start: int, end: int) -> None:
    """Remove the words of these rows of a branch, before the caller removes them and `lower`s."""
    done = INDEX.watermark(conn)
    if not done:
        return
    rows = conn.execute(
        f"SELECT message_key, {_COLUMNS} FROM message "
        "WHERE branch_key = ? AND seq >= ? AND seq < ? AND message_key <= ?",
        (branch, start, end, done),
    ).fetchall()
    INDEX.remove(conn, rows)


def expression(texts: str, branches: Iterable[int] | None, roles: Iterable[str] | None) -> str:
    """Return the FTS5 query for an expression about texts, in rows of these branches and roles."""
    scopes = (
        None if branches is None else map(_branch_word, branches),
        None if roles is None else map(_role_word, roles),
    )
    return word_index.expression(texts, *(words for words in scopes if words is not None))
