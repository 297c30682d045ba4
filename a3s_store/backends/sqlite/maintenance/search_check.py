"""Check whether the search index finds what it should: its damage hides messages in silence.

FTS5's own check is not used: it needs the write lock, for seconds in a large file, and of 150
single flipped bits in an index it noticed 10.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from a3s_store.backends.sqlite.rows import search_index
from a3s_store.core.corruption import CorruptRowError
from a3s_store.core.search.phrases import Phrase
from a3s_store.core.search.queries import Words

PART: Final = "search"
# How many messages are looked up, and by how many of their words.
_MESSAGES: Final = 1000
_WORDS: Final = 8


def check(conn: sqlite3.Connection) -> None:
    """Look up messages by their words. Raises CorruptRowError where one is not found."""
    last = search_index.watermark(conn) or 0
    if not search_index.is_used(conn):
        return
    for number in range(min(_MESSAGES, last)):
        key = last - number * last // min(_MESSAGES, last)
        row = search_index.words_of(conn, key)
        words = sorted(set(row.split()), key=len, reverse=True)[:_WORDS] if row else []
        if not words:
            continue
        asked = search_index.expression(Words(tuple(map(_phrase, words))).expression, None, None)
        try:
            found = search_index.has(conn, asked, key)
        except sqlite3.Error as error:
            if not search_index.is_broken(error):
                raise
            found = False
        if not found:
            raise CorruptRowError(
                "the search index lacks words of a message: `rebuild_search` makes it again", PART
            )


def _phrase(word: str) -> Phrase:
    return Phrase((word,), is_prefix=False)
