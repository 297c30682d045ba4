"""The rows of a damaged file, put into an empty database of today's schema.

Each table is walked from its root, as far as its pages are there. Where something of a table is
missing, leaves that no walk reached are looked at as well, and belong to the one table into whose
declared columns their records fit. Nothing is judged here beyond that: whether a row is what was
written is said by checksums and digests later.

Invariants: 1. what a walk reached goes before what lay about; 2. free pages and free space are
never read: what was deleted stays so; 3. a table that is there whole is not added to; 4. a row has
the types its columns declare, and keys and positions that are within bounds, or it is left out and
counted.
"""

from __future__ import annotations

import functools
import itertools
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import attrs

from a3s_store.backends.sqlite.format import row_salt
from a3s_store.backends.sqlite.rows import bounds
from a3s_store.backends.sqlite.salvage.page_reader import (
    INDEX_LEAF,
    TABLE_INTERIOR,
    TABLE_LEAF,
    Cell,
    Image,
    Node,
)
from a3s_store.backends.sqlite.schema import migrate, renames

Row = tuple[Any, ...]

# Where a column stands that is none of the primary key: behind those that are.
_NO_KEY: Final = 1_000
_NULL, _INTEGER, _REAL, _BLOB, _TEXT = range(5)
_CLASSES: Final = {
    "INTEGER": {_INTEGER},
    "REAL": {_REAL, _INTEGER},  # a whole number is stored as the integer it is
    "TEXT": {_TEXT},
    "BLOB": {_BLOB},
    "ANY": {_NULL, _INTEGER, _REAL, _BLOB, _TEXT},
}
# The class of a serial type below 12; two are reserved and fit nowhere.
_SMALL: Final = (_NULL, *[_INTEGER] * 6, _REAL, _INTEGER, _INTEGER, -1, -1)


@attrs.frozen(slots=False)
class Stored:
    """How the rows of a table, or the entries of an index to it, lie in pages.

    `columns` are those a record holds, in its order, and `accepted` the classes of value each may
    have. Records older than a column that was added end before it: `fewest` is the number of
    columns that the table was made with. `key` is the place of the column that is the row's number
    and NULL in the record.
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
        """The places of the columns that hold keys, positions and counts."""
        return tuple(
            place
            for place, name in enumerate(self.columns)
            if name in _COUNTING or name.endswith(("_key", "_count"))
        )

    def fits(self, serials: tuple[int, ...]) -> bool:
        """Whether a record whose columns have these serial types can be one of these."""
        return self.fewest <= len(serials) <= len(self.accepted) and all(
            (_SMALL[serial] if serial < 12 else _BLOB + (serial & 1)) in accepted
            for serial, accepted in zip(serials, self.accepted, strict=False)
        )


# Of numbers that other rows refer to, or that are positions: with these there is arithmetic.
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
_SCHEMA: Final = Stored(
    "sqlite_schema",
    "sqlite_schema",
    ("type", "name", "tbl_name", "rootpage", "sql"),
    tuple(frozenset(one) for one in ({_TEXT}, {_TEXT}, {_TEXT}, {_INTEGER, _NULL}, {_TEXT, _NULL})),
    TABLE_LEAF,
    fewest=5,
)
# Whose a key is, is told twice: in the table and in the index that keeps ids unique. What that
# says is put into a table of its own.
_OWNERS_BY_ID: Final = Stored(
    "sqlite_autoindex_owner_1",
    "owner_by_id",
    ("id", "owner_key"),
    (frozenset({_TEXT}), frozenset({_INTEGER})),
    INDEX_LEAF,
    fewest=2,
)
# Of the facts about the file, one is needed: the salt of the checksums of messages.
_META: Final = Stored(
    "meta",
    "meta",
    ("name", "value"),
    (frozenset({_TEXT}), frozenset(_CLASSES["ANY"])),
    INDEX_LEAF,
    fewest=2,
)


@functools.cache
def stored_tables() -> Mapping[str, Stored]:
    """How each table of today's schema is stored, as its declaration says."""
    conn = sqlite3.connect(":memory:", isolation_level=None)
    try:
        _make_tables(conn, migrate.newest())
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
def _step_of(table: str) -> int:
    """The number of the step that makes a table."""
    made = re.compile(rf"CREATE TABLE {renames.first_name(table)}\b")
    return min(
        number
        for number, statements in migrate.steps().items()
        if any(made.search(statement) for statement in statements)
    )


@functools.cache
def _columns_at(step: int) -> Mapping[str, int]:
    """The number of columns in a record of each table of a schema, by the name it had there."""
    conn = sqlite3.connect(":memory:", isolation_level=None)
    try:
        _make_tables(conn, step)
        return dict(
            conn.execute(
                "SELECT t.name, count(*) "
                "FROM pragma_table_list AS t, pragma_table_xinfo(t.name) AS c "
                "WHERE t.schema = 'main' AND c.hidden = 0 GROUP BY t.name"
            ).fetchall()
        )
    finally:
        conn.close()


def _schema_of(image: Image) -> int:
    """The schema a file says it has; the newest where nothing says so."""
    found = int.from_bytes((image.page(1) or b"")[60:64], "big") if image.has_header() else 0
    return found or migrate.newest()


def _stored(conn: sqlite3.Connection, table: str, without_rowid: bool) -> Stored:
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
    fewest = _columns_at(_step_of(table))[renames.first_name(table)]
    return Stored(table, table, columns, tuple(accepted), leaf, fewest, key)


@attrs.define
class RecoveredRows:
    """What was found: rows by table, and what could not be read of each tree.

    `lost_pages` are those that a tree names and that are none of it; 0 stands for one that cannot
    be named. `lost_rows` counts entries of pages that hold no row. `loose` are the keys of messages
    that lay about, `loose_memories` those of memories.
    """

    rows: Counter[str] = attrs.field(factory=Counter)
    lost_pages: dict[str, list[int]] = attrs.field(factory=dict)
    lost_rows: Counter[str] = attrs.field(factory=Counter)
    loose: set[int] = attrs.field(factory=set)
    loose_memories: set[int] = attrs.field(factory=set)

    def forget(self, name: str) -> None:
        """What is missing of this is no loss."""
        self.lost_pages.pop(name, None)
        self.lost_rows.pop(name, 0)

    def is_broken(self, table: str) -> bool:
        """Whether something of a table is missing."""
        return table in self.lost_pages or table in self.lost_rows


def scratch() -> sqlite3.Connection:
    """An empty database of today's schema that is gone when it is closed, with no name meanwhile.

    It grows into a file of the system's folder for temporary ones, which only we can read. Nothing
    is enforced between its tables.
    """
    conn = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    try:
        conn.execute("PRAGMA synchronous = OFF")
        _make_tables(conn, migrate.newest())
        conn.execute("CREATE TABLE owner_by_id (id TEXT NOT NULL, owner_key INTEGER NOT NULL)")
    except BaseException:
        conn.close()
        raise
    return conn


def _make_tables(conn: sqlite3.Connection, version: int) -> None:
    conn.execute("PRAGMA foreign_keys = OFF")
    for statement in itertools.chain.from_iterable(migrate.scripts(version)):
        conn.execute(statement)
    for (name,) in conn.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
        conn.execute(f"DROP TRIGGER {name}")


def recover_rows(image: Image, conn: sqlite3.Connection, tick: Callable[[], None]) -> RecoveredRows:
    """Put every row that is found into an empty database. `tick` is called now and then."""
    return _Carving(image, conn, tick).run()


class _Carving:
    def __init__(self, image: Image, conn: sqlite3.Connection, tick: Callable[[], None]) -> None:
        self._image = image
        self._conn = conn
        self._tick = tick
        self._found = RecoveredRows()
        self._reached: set[int] = set()

    def run(self) -> RecoveredRows:
        self._conn.execute("BEGIN")
        schema = [row for rows in self._walk(_SCHEMA, 1) for row in rows]
        roots = {(kind, name): root or 0 for kind, name, _, root, _ in schema}
        tables = stored_tables()
        for name, table in tables.items():
            root = next(
                filter(None, (roots.get(("table", one)) for one in self._names(name))), None
            )
            if root is None and _step_of(name) > _schema_of(self._image):
                continue  # the file is older than the table
            for rows in self._walk(table, root or 0):
                self._put(table, rows)
        for rows in self._walk(_OWNERS_BY_ID, roots.get(("index", _OWNERS_BY_ID.name), 0)):
            self._put(_OWNERS_BY_ID, rows)
        self._found.forget(_OWNERS_BY_ID.name)
        self._put_salt(roots.get(("table", "meta"), 0))
        if self._found.lost_pages:
            # Tables that others made in the file are theirs, pages and all.
            known = {*migrate.OF_THE_FILE, *tables, *map(renames.first_name, tables)}
            for _, _, table, root, _ in schema:
                if table not in known:
                    self._pass_over(root or 0)
            self._add_strays()
        self._conn.execute("COMMIT")
        return self._found

    def _put_salt(self, root: int) -> None:
        """Take over the salt of the checksums of messages, where it is found and whole."""
        if _schema_of(self._image) < row_salt.SCHEMA:
            row_salt.put(self._conn, row_salt.NONE_YET)
            return
        rows = itertools.chain.from_iterable(self._walk(_META, root))
        rows = itertools.chain(rows, itertools.chain.from_iterable(self._lying_about(_META)))
        salts = (row_salt.unpack(value) for name, value in rows if name == row_salt.NAME)
        if (salt := next(filter(None, salts), None)) is not None:
            row_salt.put(self._conn, salt)
        self._found.forget(_META.name)

    def _lying_about(self, table: Stored) -> Iterator[list[Row]]:
        """What could be rows of a table, on whatever page."""
        for number in range(1, self._image.count + 1):
            self._tick()
            node = self._image.node(number)
            if node is not None and node.kind == table.leaf:
                cells = self._image.cells(node)
                yield [row for row in (self._row(table, cell) for cell in cells) if row is not None]

    def _names(self, table: str) -> tuple[str, str]:
        """The names that a table may have in the file, its name at the file's schema first."""
        names = (table, renames.first_name(table))
        return names if _schema_of(self._image) >= renames.STEP else names[::-1]

    def _walk(self, table: Stored, root: int) -> Iterator[list[Row]]:
        """The rows of a tree, page by page; what is missing is noted."""
        waiting = [root]
        while waiting:
            number = waiting.pop()
            node = self._image.node(number) if number not in self._reached else None
            cells = [] if node is None else [*self._image.cells(node)]
            if node is None or not _is_of(table, node, cells):
                self._found.lost_pages.setdefault(table.name, []).append(number)
                continue
            self._reached.add(number)
            self._tick()
            waiting += reversed(self._image.children(node))
            yield self._rows(table, cells)

    def _rows(self, table: Stored, cells: Iterable[Cell | None]) -> list[Row]:
        """The rows among the entries of a page; those that are none are counted."""
        rows: list[Row] = []
        for cell in cells:
            row = self._row(table, cell)
            if row is None:
                self._found.lost_rows[table.name] += 1
            else:
                rows.append(row)
        return rows

    def _row(self, table: Stored, cell: Cell | None) -> Row | None:
        if cell is None or not table.fits(cell.serials):
            return None
        values = self._image.values(cell)
        if values is None:
            return None
        if table.key is not None:
            values = (*values[: table.key], cell.rowid, *values[table.key + 1 :])
        return (
            values
            if all(_is_within(values[place]) for place in table.counting if place < len(values))
            else None
        )

    def _pass_over(self, root: int) -> None:
        waiting = [root]
        while waiting:
            number = waiting.pop()
            node = self._image.node(number)
            if node is not None and number not in self._reached:
                self._reached.add(number)
                waiting += self._image.children(node)

    def _add_strays(self) -> None:
        """Take what is missing from pages that no tree reaches.

        Those that no table misses are passed over, and those that could be of two.
        """
        free = self._image.free_pages()
        for number in range(1, self._image.count + 1):
            self._tick()
            if number in self._reached or number in free:
                continue
            node = self._image.node(number)
            if node is None:
                continue
            cells = [*self._image.cells(node)]
            table = _only_one(node, cells)
            if table is not None and self._found.is_broken(table.name):
                self._put(table, self._rows(table, cells), loose=True)

    def _put(self, table: Stored, rows: list[Row], *, loose: bool = False) -> None:
        before = self._conn.total_changes
        for length, alike in itertools.groupby(sorted(rows, key=len), key=len):
            self._conn.executemany(_insert(table, length), alike)
        self._found.rows[table.table] += self._conn.total_changes - before
        if loose and table.table == "message":
            self._found.loose.update(row[table.key or 0] for row in rows)
        elif loose and table.table == "agent_memory":
            self._found.loose_memories.update(row[table.key or 0] for row in rows)


def _is_within(number: Any) -> bool:
    """Whether there can be a row with such a key, position or count."""
    return type(number) is not int or -bounds.SUMS < number < bounds.SUMS


def _is_of(table: Stored, node: Node, cells: list[Cell | None]) -> bool:
    """Whether a page can be one of a table: by its kind, and by one of its entries at least."""
    if _leaf_kind(node) != table.leaf:
        return False
    return not cells or any(cell is not None and table.fits(cell.serials) for cell in cells)


def _leaf_kind(node: Node) -> int:
    return TABLE_LEAF if node.kind in (TABLE_LEAF, TABLE_INTERIOR) else INDEX_LEAF


def _only_one(node: Node, cells: list[Cell | None]) -> Stored | None:
    """The one table into which the most entries of a page fit."""
    counts: dict[int, list[Stored]] = {}
    for table in stored_tables().values():
        if table.leaf == _leaf_kind(node):
            fitting = sum(cell is not None and table.fits(cell.serials) for cell in cells)
            counts.setdefault(fitting, []).append(table)
    most = max(counts)
    return counts[most][0] if most and len(counts[most]) == 1 else None


@functools.cache
def _insert(table: Stored, length: int) -> str:
    """The statement that adds a row of so many columns; the others get their defaults."""
    names = ", ".join(table.columns[:length])
    values = ", ".join("?" * length)
    return f"INSERT OR IGNORE INTO {table.table} ({names}) VALUES ({values})"
