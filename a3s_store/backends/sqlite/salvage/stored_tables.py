"""How the rows of each table lie in the pages of a file: the columns and types of its records.

All of it follows from the numbered SQL files, so a new table or column needs no change here.
"""

from __future__ import annotations

import functools
import itertools
import re
import sqlite3
from collections.abc import Mapping
from typing import Final

import attrs

from a3s_store.backends.sqlite.salvage.page_reader import INDEX_LEAF, TABLE_LEAF
from a3s_store.backends.sqlite.schema import migrate, renames

# Sorts the columns outside a primary key behind those in it.
_NO_KEY: Final = 1_000
_NULL, _INTEGER, _REAL, _BLOB, _TEXT = range(5)
_CLASSES: Final = {
    "INTEGER": {_INTEGER},
    "REAL": {_REAL, _INTEGER},  # SQLite stores a REAL without a fraction as an integer
    "TEXT": {_TEXT},
    "BLOB": {_BLOB},
    "ANY": {_NULL, _INTEGER, _REAL, _BLOB, _TEXT},
}
# The storage class of each serial type below 12; two are reserved and fit no column.
_SMALL: Final = (_NULL, *[_INTEGER] * 6, _REAL, _INTEGER, _INTEGER, -1, -1)


@attrs.frozen(slots=False)
class StoredTable:
    """The record format of a table's rows, or of an index's entries.

    `columns` are the columns of a record, in its order, and `accepted` the storage classes that
    each may have. `fewest` is the number of columns with which the table was created: a record
    written before a column was added ends before that column. `key` is the index of the column that
    is the rowid, which a record has as NULL; None where there is none. `table` is the table of our
    own database into which the rows are put.
    """

    name: str
    table: str
    columns: tuple[str, ...]
    accepted: tuple[frozenset[int], ...]
    leaf: int
    fewest: int
    key: int | None = None

    @functools.cached_property
    def counting(self) -> tuple[int, ...]:
        """The indexes of the columns that hold keys, positions and counts."""
        return tuple(
            place
            for place, name in enumerate(self.columns)
            if name in _COUNTING or name.endswith(("_key", "_count"))
        )

    def fits(self, serials: tuple[int, ...]) -> bool:
        """Return whether a record with these serial types can be a row of this table."""
        return self.fewest <= len(serials) <= len(self.accepted) and all(
            (_SMALL[serial] if serial < 12 else _BLOB + (serial & 1)) in accepted
            for serial, accepted in zip(serials, self.accepted, strict=False)
        )


# Columns with numbers that are used in arithmetic: references to other rows, positions, counts.
_COUNTING: Final = frozenset(
    {
        "seq",
        "start_seq",
        "end_seq",
        "source_branch",
        "head_branch",
        "head_length",
        "generation",
        "count",
        "position",
        "base_length",
    }
)
SCHEMA: Final = StoredTable(
    "sqlite_schema",
    "sqlite_schema",
    ("type", "name", "tbl_name", "rootpage", "sql"),
    tuple(frozenset(one) for one in ({_TEXT}, {_TEXT}, {_TEXT}, {_INTEGER, _NULL}, {_TEXT, _NULL})),
    TABLE_LEAF,
    fewest=5,
)
# The ids of owners are stored twice, in their table and in the unique index on it. The rows of the
# index go into a table of their own.
OWNERS_BY_ID: Final = StoredTable(
    "sqlite_autoindex_owner_1",
    "owner_by_id",
    ("id", "owner_key"),
    (frozenset({_TEXT}), frozenset({_INTEGER})),
    INDEX_LEAF,
    fewest=2,
)
# Read for one of its rows: the salt of the row checksums of messages.
META: Final = StoredTable(
    "meta",
    "meta",
    ("name", "value"),
    (frozenset({_TEXT}), frozenset(_CLASSES["ANY"])),
    INDEX_LEAF,
    fewest=2,
)


@functools.cache
def all_tables() -> Mapping[str, StoredTable]:
    """Return the record format of each table of today's schema, by name, from its declaration."""
    conn = sqlite3.connect(":memory:", isolation_level=None)
    try:
        make_tables(conn, migrate.newest())
        kinds = conn.execute(
            "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
        ).fetchall()
        return {
            name: _stored(conn, name, bool(without_rowid))
            for name, without_rowid in kinds
            if not name.startswith("sqlite_") and name not in migrate.OF_THE_FILE
        }
    finally:
        conn.close()


@functools.cache
def step_of(table: str) -> int:
    """Return the number of the schema step that creates a table."""
    made = re.compile(rf"CREATE TABLE {renames.first_name(table)}\b")
    return min(
        number
        for number, statements in migrate.steps().items()
        if any(made.search(statement) for statement in statements)
    )


@functools.cache
def _columns_at(step: int) -> Mapping[str, int]:
    """Return how many columns each table had after a step, by the name it had then."""
    conn = sqlite3.connect(":memory:", isolation_level=None)
    try:
        make_tables(conn, step)
        return dict(
            conn.execute(
                "SELECT t.name, count(*) "
                "FROM pragma_table_list AS t, pragma_table_xinfo(t.name) AS c "
                "WHERE t.schema = 'main' AND c.hidden = 0 GROUP BY t.name"
            ).fetchall()
        )
    finally:
        conn.close()


def _stored(conn: sqlite3.Connection, table: str, without_rowid: bool) -> StoredTable:
    found = conn.execute(
        'SELECT name, type, "notnull", pk FROM pragma_table_xinfo(?) WHERE hidden = 0 ORDER BY cid',
        (table,),
    ).fetchall()
    if without_rowid:  # such a record begins with the primary key
        found.sort(key=lambda column: column[3] or _NO_KEY)
    columns = tuple(column[0] for column in found)
    accepted = []
    key = None
    for place, (_, kind, not_null, primary) in enumerate(found):
        if primary and kind == "INTEGER" and not without_rowid:
            key = place
            accepted.append(frozenset({_NULL}))
            continue
        may_be_null = not not_null and not (primary and without_rowid)
        accepted.append(frozenset(_CLASSES[kind] | ({_NULL} if may_be_null else set())))
    leaf = INDEX_LEAF if without_rowid else TABLE_LEAF
    fewest = _columns_at(step_of(table))[renames.first_name(table)]
    return StoredTable(table, table, columns, tuple(accepted), leaf, fewest, key)


def make_tables(conn: sqlite3.Connection, version: int) -> None:
    """Create the tables of a schema version in an empty database, without triggers."""
    conn.execute("PRAGMA foreign_keys = OFF")
    for statement in itertools.chain.from_iterable(migrate.scripts(version)):
        conn.execute(statement)
    for (name,) in conn.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
        conn.execute(f"DROP TRIGGER {name}")
