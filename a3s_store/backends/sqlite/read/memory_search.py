"""Ranked search in the memories of an owner: the index says which ones have a word.

Rows that are not in the index are looked at one by one. Each row that is compared is verified by
its digest prefix and has a word of the query, whatever the index says: a damaged index may hide
rows, and shows no wrong ones. How matches are ordered is in `core.search.ranking`.
A plain function of a connection, inside a read transaction of the caller.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from a3s_store.backends.sqlite.rows import agent_memory, memory_index, word_index
from a3s_store.backends.sqlite.rows.agent_memory import MemoryRow
from a3s_store.core.search.phrases import Phrase
from a3s_store.core.search.ranking import Ranking
from a3s_store.errors import StoreUnavailableError

# How many rows that are not in the index are read, of all owners together.
_FEW: Final = 512


def best(
    conn: sqlite3.Connection, owner: str, words: Sequence[Phrase], limit: int
) -> tuple[list[MemoryRow], bool]:
    """Return the best matches, and whether the index is damaged and was not used.

    Raises:
        StoreUnavailableError: this SQLite has no full-text search.
        CorruptRowError: a row is damaged, or there are not as many as were stored.
    """
    if not word_index.is_available(conn):
        raise StoreUnavailableError(
            f"this Python's SQLite {sqlite3.sqlite_version} has no full-text search (FTS5)",
            hint="Use search(), or a Python whose SQLite was built with FTS5",
        )
    number = agent_memory.count(conn, owner)
    done = memory_index.INDEX.watermark(conn) or 0
    try:
        return _best(conn, owner, words, limit, number, done), False
    except sqlite3.Error as error:
        if not done or not word_index.is_broken(error):
            raise
    return _best(conn, owner, words, limit, number, 0), True


def _best(
    conn: sqlite3.Connection,
    owner: str,
    words: Sequence[Phrase],
    limit: int,
    number: int,
    done: int,
) -> list[MemoryRow]:
    """Return the best matches, with the index up to the row `done`; 0: without an index."""
    ranking = Ranking(words)
    # With the digest sum where all are read, which tells of rows of an older save.
    are_few = memory_index.INDEX.behind(conn) <= _FEW
    for found in (
        agent_memory.above(conn, owner, done, are_few=are_few)
        if done
        else agent_memory.every(conn, owner)
    ):
        ranking.add(found.key, memory_index.text_of(found.content))
    if done:
        for place, word in enumerate(words):
            asked = memory_index.expression(word.expression, owner)
            ranking.add_found(place, memory_index.INDEX.having(conn, asked))
    keys = ranking.shortlist(number, limit) if limit else []
    rows = {found.key: found for found in agent_memory.with_keys(conn, owner, keys)}
    texts = {key: memory_index.text_of(found.content) for key, found in rows.items()}
    return [rows[key] for key in ranking.best(texts, limit)]
