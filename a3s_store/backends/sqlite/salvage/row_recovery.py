"""Recover the rows of a damaged file into an empty database of today's schema.

Each table is walked from its root, as far as its pages can be read. Where pages or rows of a table
are missing, leaf pages that no walk reached are read too: such a page is assigned to the one table
whose declared columns most of its records fit. Whether a row was written like that is verified
later, by checksums and digests.

Invariants: 1. a row reached by a walk wins over a stray one; 2. free pages and free space are never
read, so deleted rows stay deleted; 3. no stray row is added to a complete table; 4. each recovered
row has the types that its columns declare, and keys and positions within bounds; others are
counted as lost.
"""

from __future__ import annotations

import functools
import itertools
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import attrs

from a3s_store.backends.sqlite.format import row_salt
from a3s_store.backends.sqlite.rows import bounds
from a3s_store.backends.sqlite.salvage import stored_tables
from a3s_store.backends.sqlite.salvage.page_reader import (
    INDEX_LEAF,
    TABLE_INTERIOR,
    TABLE_LEAF,
    Cell,
    Image,
    Node,
)
from a3s_store.backends.sqlite.salvage.stored_tables import StoredTable
from a3s_store.backends.sqlite.schema import migrate, renames

Row = tuple[Any, ...]


@attrs.define
class RecoveredRows:
    """The number of rows recovered by table, and the pages and rows that are lost.

    `lost_pages` are pages that a tree refers to and that cannot be pages of it; 0 for a reference
    that is no page number. `lost_rows` counts entries of pages that are no row. `loose` has the
    keys of messages on stray pages, `loose_memories` those of agent memory.
    """

    rows: Counter[str] = attrs.field(factory=Counter)
    lost_pages: dict[str, list[int]] = attrs.field(factory=dict)
    lost_rows: Counter[str] = attrs.field(factory=Counter)
    loose: set[int] = attrs.field(factory=set)
    loose_memories: set[int] = attrs.field(factory=set)

    def forget(self, name: str) -> None:
        """Drop the lost pages and rows of a table or index from the report."""
        self.lost_pages.pop(name, None)
        self.lost_rows.pop(name, 0)

    def is_broken(self, table: str) -> bool:
        """Return whether pages or rows of a table are lost."""
        return table in self.lost_pages or table in self.lost_rows


def scratch() -> sqlite3.Connection:
    """Create an empty database of today's schema that is deleted when it is closed.

    It may spill into a nameless file in the system's temporary folder that no other user can read.
    No foreign key or trigger is enforced.
    """
    conn = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    try:
        conn.execute("PRAGMA synchronous = OFF")
        stored_tables.make_tables(conn, migrate.newest())
        conn.execute("CREATE TABLE owner_by_id (id TEXT NOT NULL, owner_key INTEGER NOT NULL)")
    except BaseException:
        conn.close()
        raise
    return conn


def recover_rows(image: Image, conn: sqlite3.Connection, tick: Callable[[], None]) -> RecoveredRows:
    """Put every row that can be read into an empty database that `scratch` made.

    `tick` is called for each page; an exception it raises ends the recovery.
    """
    return _Recovery(image, conn, tick).run()


def _schema_of(image: Image) -> int:
    """Return the schema version in the file's header; the newest where the header is lost."""
    found = int.from_bytes((image.page(1) or b"")[60:64], "big") if image.has_header() else 0
    return found or migrate.newest()


class _Recovery:
    def __init__(self, image: Image, conn: sqlite3.Connection, tick: Callable[[], None]) -> None:
        self._image = image
        self._conn = conn
        self._tick = tick
        self._found = RecoveredRows()
        self._reached: set[int] = set()

    def run(self) -> RecoveredRows:
        self._conn.execute("BEGIN")
        schema = [row for rows in self._walk(stored_tables.SCHEMA, 1) for row in rows]
        roots = {(kind, name): root or 0 for kind, name, _, root, _ in schema}
        tables = stored_tables.all_tables()
        for name, table in tables.items():
            root = next(
                filter(None, (roots.get(("table", one)) for one in self._names(name))), None
            )
            if root is None and stored_tables.step_of(name) > _schema_of(self._image):
                continue  # the file is older than the table
            for rows in self._walk(table, root or 0):
                self._put(table, rows)
        for rows in self._walk(
            stored_tables.OWNERS_BY_ID, roots.get(("index", stored_tables.OWNERS_BY_ID.name), 0)
        ):
            self._put(stored_tables.OWNERS_BY_ID, rows)
        self._found.forget(stored_tables.OWNERS_BY_ID.name)
        self._put_salt(roots.get(("table", "meta"), 0))
        if self._found.lost_pages:
            # Pages of tables that users made are not stray.
            known = {*migrate.OF_THE_FILE, *tables, *map(renames.first_name, tables)}
            for _, _, table, root, _ in schema:
                if table not in known:
                    self._pass_over(root or 0)
            self._add_strays()
        self._conn.execute("COMMIT")
        return self._found

    def _put_salt(self, root: int) -> None:
        """Recover the salt of the row checksums of messages, from the first row that verifies."""
        if _schema_of(self._image) < row_salt.SCHEMA:
            row_salt.put(self._conn, row_salt.NONE_YET)
            return
        rows = itertools.chain.from_iterable(self._walk(stored_tables.META, root))
        rows = itertools.chain(
            rows, itertools.chain.from_iterable(self._on_any_page(stored_tables.META))
        )
        salts = (row_salt.unpack(value) for name, value in rows if name == row_salt.NAME)
        if (salt := next(filter(None, salts), None)) is not None:
            row_salt.put(self._conn, salt)
        self._found.forget(stored_tables.META.name)

    def _on_any_page(self, table: StoredTable) -> Iterator[list[Row]]:
        """Yield the records that fit a table, page by page, from every page of the file."""
        for number in range(1, self._image.count + 1):
            self._tick()
            node = self._image.node(number)
            if node is not None and node.kind == table.leaf:
                cells = self._image.cells(node)
                yield [row for row in (self._row(table, cell) for cell in cells) if row is not None]

    def _names(self, table: str) -> tuple[str, str]:
        """Return the names that a table may have in the file, most likely first."""
        names = (table, renames.first_name(table))
        return names if _schema_of(self._image) >= renames.STEP else names[::-1]

    def _walk(self, table: StoredTable, root: int) -> Iterator[list[Row]]:
        """Yield the rows of a tree, page by page; note the pages that are lost."""
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

    def _rows(self, table: StoredTable, cells: Iterable[Cell | None]) -> list[Row]:
        """Return the rows among the entries of a page; count the others as lost."""
        rows: list[Row] = []
        for cell in cells:
            row = self._row(table, cell)
            if row is None:
                self._found.lost_rows[table.name] += 1
            else:
                rows.append(row)
        return rows

    def _row(self, table: StoredTable, cell: Cell | None) -> Row | None:
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
        """Add the rows of pages that no tree reaches to tables with lost pages or rows.

        Pages whose records fit two tables equally well are left out.
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

    def _put(self, table: StoredTable, rows: list[Row], *, loose: bool = False) -> None:
        before = self._conn.total_changes
        for length, alike in itertools.groupby(sorted(rows, key=len), key=len):
            self._conn.executemany(_insert(table, length), alike)
        self._found.rows[table.table] += self._conn.total_changes - before
        if loose and table.table == "message":
            self._found.loose.update(row[table.key or 0] for row in rows)
        elif loose and table.table == "agent_memory":
            self._found.loose_memories.update(row[table.key or 0] for row in rows)


def _is_within(number: Any) -> bool:
    """Return whether a number can be a key, position or count."""
    return type(number) is not int or -bounds.SUMS < number < bounds.SUMS


def _is_of(table: StoredTable, node: Node, cells: list[Cell | None]) -> bool:
    """Return whether a page can belong to a table: by its kind, and by at least one entry."""
    if _leaf_kind(node) != table.leaf:
        return False
    return not cells or any(cell is not None and table.fits(cell.serials) for cell in cells)


def _leaf_kind(node: Node) -> int:
    return TABLE_LEAF if node.kind in (TABLE_LEAF, TABLE_INTERIOR) else INDEX_LEAF


def _only_one(node: Node, cells: list[Cell | None]) -> StoredTable | None:
    """Return the table that most entries of a page fit; None when two fit equally well."""
    counts: dict[int, list[StoredTable]] = {}
    for table in stored_tables.all_tables().values():
        if table.leaf == _leaf_kind(node):
            fitting = sum(cell is not None and table.fits(cell.serials) for cell in cells)
            counts.setdefault(fitting, []).append(table)
    most = max(counts)
    return counts[most][0] if most and len(counts[most]) == 1 else None


@functools.cache
def _insert(table: StoredTable, length: int) -> str:
    """Return the statement that inserts a row of `length` columns; the others get their default."""
    names = ", ".join(table.columns[:length])
    values = ", ".join("?" * length)
    return f"INSERT OR IGNORE INTO {table.table} ({names}) VALUES ({values})"
