"""A full-text index of the rows of one table: FTS5 over words that `core.search` makes.

An index is derived from its rows and stays behind them: rows are added in the order of their keys,
some at a time, and the table of its state has the last key that was added, the *watermark*. Rows
above it are compared one by one. When indexed rows are removed, so are their words, in the same
transaction; words of removed rows stay in the file until segments are merged.

No row in the table of the state, or one of another version of the words: there is no index that
could be used; what there is of one is dropped when the next one is begun. That is also how an index
in which FTS5 finds damage is given up: a change of rows never fails because of it.

Invariants: 1. the index has exactly the rows up to the watermark; 2. nothing here is proof that a
row is missing or there: searches compare each hit with its row.
Plain functions of a connection, each inside a transaction that its caller opened.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeAlias

from a3s_store.backends.sqlite.schema import search_table
from a3s_store.backends.sqlite.schema.search_table import IndexTable
from a3s_store.core.search.words import VERSION
from a3s_store.errors import SearchUnavailableError

# From how many rows behind on an idle writer catches up, so that a turn is no segment.
BEHIND: Final = 256
# The most rows, and about the most bytes of content, that one transaction adds.
ROWS: Final = 64
_BYTES: Final = 512 * 1024
# The pages that a merge may write, and how many merges follow each addition.
_MERGE_PAGES: Final = 16
_MERGES: Final = 2
# The pages that a step of merging all segments into one may write.
_COMPACT_PAGES: Final = 32
# No insert merges segments by itself: it would hold the lock for up to a second.
_SETTINGS: Final = (("automerge", 0), ("crisismerge", 1999), ("rank", "bm25(1.0, 0.5, 0.0)"))
# Errors of a damaged index, or of a SQLite that does not have the module.
_BROKEN: Final = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FORMAT}

# The key of a row, the words of its text, the parts of identifiers in it, words for its scope.
Entry: TypeAlias = tuple[int, str, str, str]


def is_available(conn: sqlite3.Connection) -> bool:
    """Return whether this SQLite can search."""
    found = conn.execute(
        "SELECT 1 FROM pragma_module_list WHERE name = ?", (search_table.MODULE,)
    ).fetchone()
    return found is not None


def require(conn: sqlite3.Connection) -> None:
    """Raise SearchUnavailableError where this SQLite cannot search."""
    if not is_available(conn):
        raise SearchUnavailableError(
            f"this Python's SQLite {sqlite3.sqlite_version} has no full-text search (FTS5)",
            hint="Use a Python whose SQLite was built with FTS5",
        )


def is_broken(error: sqlite3.Error) -> bool:
    """Return whether an error may be one of an index alone."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _BROKEN


class WordIndex:
    """The index `table` of the rows of the table `source`, whose key is `key`.

    `entry` makes the entry of a row: its key, then the `columns`, the content last.
    """

    def __init__(
        self,
        table: IndexTable,
        source: str,
        key: str,
        columns: str,
        entry: Callable[[tuple[Any, ...]], Entry],
    ) -> None:
        self.table = table
        self._rows = f"SELECT {key}, {columns} FROM {source} WHERE {key} > ? ORDER BY {key} LIMIT ?"
        self._last = f"SELECT coalesce(max({key}), 0) FROM {source}"
        self._number = f"SELECT count(*) FROM {source} WHERE {key} <= ?"
        self._entry = entry
        name = table.name
        self._insert = f"INSERT INTO {name} (rowid, text, parts, scope) VALUES (?, ?, ?, ?)"
        self._delete = (
            f"INSERT INTO {name} ({name}, rowid, text, parts, scope) VALUES ('delete', ?, ?, ?, ?)"
        )
        self._merge = f"INSERT INTO {name} ({name}, rank) VALUES ('merge', ?)"

    def watermark(self, conn: sqlite3.Connection) -> int | None:
        """Return the key of the last row in the index; None where there is none to be used."""
        row = conn.execute(
            f"SELECT watermark FROM {self.table.state} WHERE words_version = ?", (VERSION,)
        ).fetchone()
        return None if row is None else int(row[0])

    def is_used(self, conn: sqlite3.Connection) -> bool:
        """Return whether there is an index with a row in it, which this SQLite can use."""
        return bool(self.watermark(conn)) and is_available(conn)

    def behind(self, conn: sqlite3.Connection) -> int:
        """Return about how many rows are not in the index."""
        (last,) = conn.execute(self._last).fetchone()
        return int(last) - (self.watermark(conn) or 0)

    def count(self, conn: sqlite3.Connection) -> int:
        """Return how many rows are in the index."""
        (found,) = conn.execute(self._number, (self.watermark(conn) or 0,)).fetchone()
        return int(found)

    def exists(self, conn: sqlite3.Connection) -> bool:
        """Return whether the file has an index, of whatever state."""
        found = conn.execute(
            "SELECT 1 FROM sqlite_schema WHERE name = ? AND sql = ?",
            (self.table.name, self.table.sql),
        ).fetchone()
        return found is not None

    # -- Adding -----------------------------------------------------------------------------------

    def step(self, conn: sqlite3.Connection, most: int = ROWS) -> bool:
        """Add the next rows, and merge a little; return whether there is more to do."""
        if not is_available(conn):
            return False
        done = self.watermark(conn)
        if done is None:
            if self._is_taken(conn):
                return False
            done = self._begin(conn)
        rows = []
        size = 0
        for row in conn.execute(self._rows, (done, most)):
            rows.append(row)
            size += len(row[-1])
            if size > _BYTES:
                break
        conn.executemany(self._insert, map(self._entry, rows))
        if rows:
            self._put_watermark(conn, rows[-1][0])
        has_merged = self.merge(conn)
        return len(rows) == most or size > _BYTES or has_merged

    def _is_taken(self, conn: sqlite3.Connection) -> bool:
        """Return whether a table of the user's has one of the names that an index needs."""
        names = json.dumps([self.table.name, *self.table.shadows])
        found = conn.execute(
            "SELECT 1 FROM sqlite_schema WHERE lower(name) IN (SELECT value FROM json_each(?))",
            (names,),
        ).fetchone()
        return found is not None and not self.exists(conn)

    def _begin(self, conn: sqlite3.Connection) -> int:
        """Make an empty index in place of the one there may be; return its watermark."""
        self.drop(conn)
        conn.execute(self.table.sql)
        name = self.table.name
        for setting, value in _SETTINGS:
            conn.execute(f"INSERT INTO {name} ({name}, rank) VALUES (?, ?)", (setting, value))
        self._put_watermark(conn, 0)
        return 0

    def _put_watermark(self, conn: sqlite3.Connection, key: int) -> None:
        conn.execute(f"INSERT OR REPLACE INTO {self.table.state} VALUES (?, ?)", (VERSION, key))

    def merge(self, conn: sqlite3.Connection) -> bool:
        """Merge a few pages of segments where there are many; return whether there were any."""
        before = conn.total_changes
        for _ in range(_MERGES):
            conn.execute(self._merge, (_MERGE_PAGES,))
        # A merge with nothing to do changes one row.
        return conn.total_changes - before > _MERGES

    # -- Removing ---------------------------------------------------------------------------------

    def remove(self, conn: sqlite3.Connection, rows: Iterable[tuple[Any, ...]]) -> bool:
        """Remove the words of indexed rows, before the rows; True if there were any.

        In any case the caller removes the rows and then calls `lower`.
        """
        entries = [*map(self._entry, rows)]
        return self._change(conn, lambda: conn.executemany(self._delete, entries)) and bool(entries)

    def replace(
        self, conn: sqlite3.Connection, pairs: Sequence[tuple[tuple[Any, ...], tuple[Any, ...]]]
    ) -> bool:
        """Replace the words of indexed rows: each pair is a row before and after its change.

        False: the index was damaged and is given up.
        """

        def change() -> None:
            for before, after in pairs:
                conn.execute(self._delete, self._entry(before))
                conn.execute(self._insert, self._entry(after))

        return self._change(conn, change)

    def _change(self, conn: sqlite3.Connection, change: Callable[[], object]) -> bool:
        try:
            change()
        except sqlite3.Error as error:
            if not is_broken(error):
                raise
            self.give_up(conn)
            return False
        return True

    def tidy(self, conn: sqlite3.Connection) -> None:
        """Merge a little after a removal or a replacement, each of which is a segment."""
        self._change(conn, lambda: self.merge(conn))

    def lower(self, conn: sqlite3.Connection) -> None:
        """Lower the watermark to the last row, since a key above that is used again.

        After any removal: that of rows behind the index may leave an indexed one as the last.
        """
        conn.execute(
            f"UPDATE {self.table.state} SET watermark = ({self._last}) "
            f"WHERE watermark > ({self._last})"
        )

    def give_up(self, conn: sqlite3.Connection) -> None:
        """Note that the index is not to be used."""
        conn.execute(f"DELETE FROM {self.table.state}")

    def drop(self, conn: sqlite3.Connection) -> bool:
        """Remove the index. Nothing is left to do: False."""
        self.give_up(conn)
        if not self.exists(conn):
            return False
        try:
            conn.execute(f"DROP TABLE {self.table.name}")
        except sqlite3.Error as error:
            if not is_broken(error):
                raise
            self._empty(conn)
            conn.execute(f"DROP TABLE {self.table.name}")
        return False

    def _empty(self, conn: sqlite3.Connection) -> None:
        """Give an index that FTS5 does not open the content of an empty one."""
        with contextlib.closing(sqlite3.connect(":memory:")) as new:
            new.execute(self.table.sql)
            for table in sorted(self.table.shadows):
                rows = new.execute(f"SELECT * FROM {table}").fetchall()
                conn.execute(f"DELETE FROM {table}")
                for row in rows:
                    marks = ", ".join("?" * len(row))
                    conn.execute(f"INSERT INTO {table} VALUES ({marks})", row)

    # -- Words of removed rows --------------------------------------------------------------------

    def optimize(self, conn: sqlite3.Connection) -> None:
        """Leave no words of removed rows: merge all segments into one; one long statement."""
        self._leave_no_words(conn, None)

    def merge_all(self, conn: sqlite3.Connection, *, begun: bool) -> bool:
        """Do a step of what `optimize` does; return whether there is more to do.

        The first step of a series is not `begun`. Bytes of merged segments are overwritten. Without
        FTS5 there is nothing to do.
        """
        if not self.exists(conn) or not is_available(conn):
            return False
        (former,) = conn.execute("PRAGMA secure_delete").fetchone()
        conn.execute("PRAGMA secure_delete = ON").close()
        try:
            before = conn.total_changes
            pages = _COMPACT_PAGES if begun else -_COMPACT_PAGES  # negative: of all segments
            self._leave_no_words(conn, pages)
            return self.exists(conn) and conn.total_changes - before > 1
        finally:
            conn.execute(f"PRAGMA secure_delete = {('OFF', 'ON', 'FAST')[former]}").close()

    def _leave_no_words(self, conn: sqlite3.Connection, pages: int | None) -> None:
        if not self.exists(conn):
            return
        name = self.table.name
        if self.watermark(conn) is None:
            self.drop(conn)  # words of rows that were removed since it was given up
            return
        try:
            if pages is None:
                conn.execute(f"INSERT INTO {name} ({name}) VALUES ('optimize')")
            else:
                conn.execute(self._merge, (pages,))
        except sqlite3.Error as error:
            if not is_broken(error):
                raise
            self.drop(conn)

    # -- Queries ----------------------------------------------------------------------------------

    def having(self, conn: sqlite3.Connection, wanted: str) -> list[int]:
        """Return the keys of all rows for which a query holds, in order."""
        name = self.table.name
        rows = conn.execute(
            f"SELECT rowid FROM {name} WHERE {name} MATCH ? ORDER BY rowid", (wanted,)
        ).fetchall()
        return [key for (key,) in rows]

    def newest(self, conn: sqlite3.Connection, wanted: str, below: int, most: int) -> list[int]:
        """Return the keys of rows for which a query holds, below a key, the highest first."""
        name = self.table.name
        rows = conn.execute(
            f"SELECT rowid FROM {name} WHERE {name} MATCH ? AND rowid < ? "
            "ORDER BY rowid DESC LIMIT ?",
            (wanted, below, most),
        ).fetchall()
        return [key for (key,) in rows]

    def has(self, conn: sqlite3.Connection, wanted: str, key: int) -> bool:
        """Return whether a query holds for a row, by the index."""
        name = self.table.name
        found = conn.execute(
            f"SELECT 1 FROM {name} WHERE {name} MATCH ? AND rowid = ?", (wanted, key)
        ).fetchone()
        return found is not None

    def ranked(self, conn: sqlite3.Connection, wanted: str, most: int) -> list[tuple[float, int]]:
        """Return scores and keys of the newest rows for which a query holds, the best first."""
        name = self.table.name
        oldest = conn.execute(
            f"SELECT rowid FROM {name} WHERE {name} MATCH ? ORDER BY rowid DESC LIMIT 1 OFFSET ?",
            (wanted, most - 1),
        ).fetchone()
        rows = conn.execute(
            f"SELECT -rank, rowid FROM {name} WHERE {name} MATCH ? AND rowid >= ?",
            (wanted, 0 if oldest is None else oldest[0]),
        ).fetchall()
        return sorted(rows, reverse=True)

    def words_of(self, conn: sqlite3.Connection, key: int) -> str:
        """Return the words of a row; none where it is not stored."""
        row = conn.execute(self._rows, (key - 1, 1)).fetchone()
        return "" if row is None or row[0] != key else self._entry(row)[1]


def expression(texts: str, *scopes: Iterable[str]) -> str:
    """Return the FTS5 query for an expression about texts, in rows with a word of each scope."""
    found = [" OR ".join(f'"{word}"' for word in words) for words in scopes]
    return " AND ".join(
        [f"({{text parts}} : ({texts}))", *(f"(scope : ({words}))" for words in found)]
    )
