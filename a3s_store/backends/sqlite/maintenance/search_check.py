"""Check whether the full-text indexes find what they should: damage in one hides rows in silence.

FTS5's own check is not used: it needs the write lock, for seconds in a large file, and of 150
single flipped bits in an index it noticed 10.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from a3s_store.backends.sqlite.rows import memory_index, search_index, word_index
from a3s_store.backends.sqlite.rows.word_index import WordIndex
from a3s_store.core.corruption import CorruptRowError
from a3s_store.core.search.phrases import Phrase
from a3s_store.core.search.queries import Words

PART: Final = "search"
# How many rows are looked up, and by how many of their words.
_ROWS: Final = 1000
_WORDS: Final = 8
_INDEXES: Final = (("message", search_index.INDEX), ("memory", memory_index.INDEX))


def check(conn: sqlite3.Connection) -> None:
    """Look up messages and memories by their words. Raises CorruptRowError where one is lacking."""
    for what, index in _INDEXES:
        if index.is_used(conn):
            _check(conn, what, index)


def _check(conn: sqlite3.Connection, what: str, index: WordIndex) -> None:
    last = index.watermark(conn) or 0
    for number in range(min(_ROWS, last)):
        key = last - number * last // min(_ROWS, last)
        row = index.words_of(conn, key)
        words = sorted(set(row.split()), key=len, reverse=True)[:_WORDS] if row else []
        if not words:
            continue
        asked = word_index.expression(Words(tuple(map(_phrase, words))).expression)
        try:
            found = index.has(conn, asked, key)
        except sqlite3.Error as error:
            if not word_index.is_broken(error):
                raise
            found = False
        if not found:
            raise CorruptRowError(
                f"the search index lacks words of a {what}: `rebuild_search` makes it again", PART
            )


def _phrase(word: str) -> Phrase:
    return Phrase((word,), is_prefix=False)
