"""Full-text search over an owner's memories, best match first: FTS5 and BM25, in memory.

The index is made from the rows at the first search, is brought up to date before each search by
their digest prefixes, and is in no file. One in the file was considered: its segments keep the
words of deleted text until they are merged, damage in them fails every save, a foreign file could
bring its own, which is then given to C code that trusts it, without FTS5 such a file cannot be
written to, and each release of SQLite may write other shadow tables, which `verify_schema` could
not tell from tampering. Without it, everything in the file is verified, the file opens with every
SQLite, and a word's rarity depends on the owner's memories alone. The first search pays for it:
about a second for 20 000 memories of 200 characters, and twice the memory of their text.

Invariants: 1. a query is words, never FTS5's language: no text is an error; 2. an index has exactly
the rows whose prefixes it was brought up to; 3. used on the reader's thread only.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from a3s_store.core.folding import folded
from a3s_store.errors import StoreError, StoreUnavailableError

# How many owners' indexes are kept, and how many characters one may be made of.
MAX_INDEXES: Final = 8
MAX_CHARACTERS: Final = 32 * 1024 * 1024
# How many different words of a query count.
MAX_WORDS: Final = 64
MODULE: Final = "fts5"

# An accent may be a character of its own behind its letter, and is part of the word all the same.
_WORD: Final = re.compile("\\w[\\w\u0300-\u036f]*")
# Scripts without spaces between words: each character is a word, and a word of them a phrase.
_IDEOGRAPH: Final = re.compile(
    "([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff])"
)

# Takes keys; returns each with its content.
Contents = Callable[[Sequence[int]], Iterable[tuple[int, str]]]


def expression(query: str) -> str:
    """Return the FTS5 query for any word of a text, each a quoted phrase; empty without words."""
    words = [*dict.fromkeys(_WORD.findall(folded(query)))][:MAX_WORDS]
    return " OR ".join(f'"{_spaced(word).strip()}"' for word in words)


def _spaced(text: str) -> str:
    return _IDEOGRAPH.sub(r" \1 ", text)


class Index:
    """The contents of one owner's memories, by key."""

    def __init__(self) -> None:
        self._prefixes: dict[int, int] = {}
        self._lengths: dict[int, int] = {}
        # The prefixes of rows that were too much text together, so that they are read for it once.
        self._too_much: dict[int, int] | None = None
        self._conn = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        try:
            self._conn.execute(
                f"CREATE VIRTUAL TABLE entry USING {MODULE}"
                "(content, tokenize = 'unicode61 remove_diacritics 2')"
            ).close()
        except sqlite3.OperationalError as error:
            self._conn.close()
            raise StoreUnavailableError(
                f"this Python's SQLite {sqlite3.sqlite_version} has no full-text search (FTS5)",
                hint="Use search(), or a Python whose SQLite was built with FTS5",
            ) from error

    def bring_up(self, prefixes: dict[int, int], contents: Contents) -> None:
        """Make this the index of the rows with these prefixes, by key.

        Raises:
            StoreError: they have more text than is held in memory; the index is as it was.
        """
        if self._too_much is not None and self._too_much.items() <= prefixes.items():
            raise _too_much_text()
        gone = {key for key in self._prefixes if prefixes.get(key) != self._prefixes[key]}
        new = [key for key in prefixes if self._prefixes.get(key) != prefixes[key]]
        if not gone and not new:
            return
        lengths = {key: length for key, length in self._lengths.items() if key not in gone}
        total = sum(lengths.values())
        self._conn.execute("BEGIN").close()
        try:
            self._conn.executemany("DELETE FROM entry WHERE rowid = ?", [(key,) for key in gone])
            for key, content in contents(new):
                lengths[key] = len(content)
                total += len(content)
                if total > MAX_CHARACTERS:
                    self._too_much = {key: prefixes[key] for key in lengths}
                    raise _too_much_text()
                self._conn.execute(
                    "INSERT INTO entry (rowid, content) VALUES (?, ?)",
                    (key, _spaced(folded(content))),
                ).close()
            self._conn.execute("COMMIT").close()
        except BaseException:
            self._conn.execute("ROLLBACK").close()
            raise
        self._prefixes, self._lengths, self._too_much = prefixes, lengths, None

    def best(self, query: str, limit: int) -> list[int]:
        """Return the keys of memories with any of the words, best first, then by age."""
        wanted = expression(query)
        if not wanted or not limit:
            return []
        # Which memories have these words? A lower rank is better.
        found = self._conn.execute(
            "SELECT rowid FROM entry WHERE entry MATCH ? ORDER BY rank, rowid LIMIT ?",
            (wanted, min(limit, 2**62)),
        ).fetchall()
        return [key for (key,) in found]

    def close(self) -> None:
        """Free the memory."""
        self._conn.close()


def _too_much_text() -> StoreError:
    return StoreError(
        f"the memories have more than {MAX_CHARACTERS} characters",
        hint="Use search(), which reads them one by one",
    )


class Indexes:
    """The indexes of the owners whose memories were searched last."""

    def __init__(self) -> None:
        self._kept: dict[str, Index] = {}

    def of(self, owner: str) -> Index:
        """The owner's index, which may have to be brought up. Raises StoreUnavailableError."""
        index = self._kept.pop(owner, None) or Index()
        self._kept[owner] = index
        while len(self._kept) > MAX_INDEXES:
            self._kept.pop(next(iter(self._kept))).close()
        return index

    def close(self) -> None:
        """Close all indexes. No thread may be using one."""
        while self._kept:
            self._kept.popitem()[1].close()
